"""The discriminator: names, shapes and count of the published layout, and a reference computed by other means."""

import math

import numpy as np
import pytest
import scipy.ndimage
import torch
from torch import Tensor

from talking.core.errors import TalkingError
from talking.models.discriminator import Discriminator, with_group_deviation

WIDTHS = {1024: 32, 512: 64, 256: 128, 128: 256, 64: 512, 32: 512, 16: 512, 8: 512, 4: 512}


def layout_of(resolution: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes as the published file has them (key `d`), written down layer by layer."""
    width = WIDTHS[resolution]
    layout: dict[str, tuple[int, ...]] = {"convs.0.0.weight": (width, 3, 1, 1), "convs.0.1.bias": (width,)}
    for number in range(1, int(math.log2(resolution)) - 1):
        n_in, n_out = WIDTHS[resolution >> (number - 1)], WIDTHS[resolution >> number]
        layout |= {
            f"convs.{number}.conv1.0.weight": (n_in, n_in, 3, 3),
            f"convs.{number}.conv1.1.bias": (n_in,),
            f"convs.{number}.conv2.0.kernel": (4, 4),
            f"convs.{number}.conv2.1.weight": (n_out, n_in, 3, 3),
            f"convs.{number}.conv2.2.bias": (n_out,),
            f"convs.{number}.skip.0.kernel": (4, 4),
            f"convs.{number}.skip.1.weight": (n_out, n_in, 1, 1),
        }
    layout |= {"final_conv.0.weight": (512, 513, 3, 3), "final_conv.1.bias": (512,)}
    layout |= {"final_linear.0.weight": (512, 8192), "final_linear.0.bias": (512,)}
    return layout | {"final_linear.1.weight": (1, 512), "final_linear.1.bias": (1,)}


@pytest.mark.parametrize(("resolution", "count"), [(1024, 29_012_513), (256, 28_864_129)])
def test_names_shapes_and_count_are_those_of_the_published_network(resolution, count) -> None:
    with torch.device("meta"):
        network = Discriminator(resolution)
    assert {name: tuple(value.shape) for name, value in network.state_dict().items()} == layout_of(resolution)
    assert sum(parameter.numel() for parameter in network.parameters()) == count


def test_multiplier_and_maximum_narrow_it_as_they_narrow_the_generator() -> None:
    network = Discriminator(128, channel_multiplier=0.25, channel_max=48)
    widths = [network.convs[0][0].weight.shape[0]] + [block.skip[1].weight.shape[0] for block in network.convs[1:]]
    assert widths == [32, 48, 48, 48, 48, 48]
    assert network(torch.zeros(3, 3, 128, 128)).shape == (3, 1)


def leaky(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, 0.2 * x) * math.sqrt(2)


def correlate(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """'same' correlation of (C, H, W) with (O, C, k, k), by scipy."""
    return np.stack(
        [sum(scipy.ndimage.correlate(x[c], row[c], mode="constant") for c in range(len(x))) for row in weight]
    )


def blurred(x: np.ndarray, padding: int) -> np.ndarray:
    """Zero-padded by `padding`, 'valid' convolution with [1, 3, 3, 1] both ways."""
    kernel = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64
    wide = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(wide, (4, 4), axis=(1, 2))
    return (windows * kernel).sum(axis=(3, 4))


def strided(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """'valid' correlation of (C, H, W), every second place."""
    size = weight.shape[-1]
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))[:, ::2, ::2]
    return np.einsum("chwij,ocij->ohw", windows, weight)


def reference(state: dict[str, Tensor], picture: np.ndarray, blocks: int, deviation: float) -> float:
    """The score of one picture in float64 numpy; `deviation` is the group's number."""
    value = {name: tensor.double().numpy() for name, tensor in state.items()}

    def weight(name: str) -> np.ndarray:
        return value[name] / math.sqrt(math.prod(value[name].shape[1:]))

    def bias(name: str) -> np.ndarray:
        return value[name][:, None, None]

    x = leaky(correlate(picture, weight("convs.0.0.weight")) + bias("convs.0.1.bias"))
    for number in range(1, blocks + 1):
        block = f"convs.{number}"
        inner = leaky(correlate(x, weight(f"{block}.conv1.0.weight")) + bias(f"{block}.conv1.1.bias"))
        inner = strided(blurred(inner, 2), weight(f"{block}.conv2.1.weight")) + bias(f"{block}.conv2.2.bias")
        x = (leaky(inner) + strided(blurred(x, 1), weight(f"{block}.skip.1.weight"))) / math.sqrt(2)
    x = np.concatenate([x, np.full((1, 4, 4), deviation)])
    x = leaky(correlate(x, weight("final_conv.0.weight")) + bias("final_conv.1.bias")).reshape(-1)
    x = leaky(weight("final_linear.0.weight") @ x + value["final_linear.0.bias"])
    return float((weight("final_linear.1.weight") @ x + value["final_linear.1.bias"])[0])


def test_scores_agree_with_a_reference_in_numpy() -> None:
    torch.manual_seed(3)
    network = Discriminator(16, channel_max=5)
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter)
    picture = torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        score = network(picture).item()  # alone, a picture does not differ from its group: sqrt(1e-8)
    assert score == pytest.approx(reference(network.state_dict(), picture[0].double().numpy(), 2, 1e-4), rel=1e-4)


def test_group_deviation_is_of_interleaved_groups_of_four() -> None:
    x = torch.randn(8, 3, 2, 2)
    out = with_group_deviation(x)
    for group in (0, 1):
        members = x[group::2].double().numpy()
        expected = members.std(axis=0).mean()
        np.testing.assert_allclose(out[group::2, 3], np.full((4, 2, 2), expected), rtol=1e-5)
    assert torch.equal(out[:, :3], x)


def test_a_batch_that_four_does_not_divide_has_smaller_groups() -> None:
    x = torch.randn(6, 2, 4, 4)
    out = with_group_deviation(x)
    np.testing.assert_allclose(out[0::2, 2, 0, 0], np.full(3, x[0::2].double().numpy().std(axis=0).mean()), rtol=1e-5)


@pytest.mark.parametrize("resolution", [4, 48])
def test_an_impossible_size_is_refused(resolution) -> None:
    with pytest.raises(TalkingError, match=f"{resolution} pixels cannot be built"):
        Discriminator(resolution)


def test_pictures_of_another_size_are_refused() -> None:
    with pytest.raises(TalkingError, match="do not fit a discriminator of 8 pixels"):
        Discriminator(8, channel_max=4)(torch.zeros(1, 3, 16, 16))
