"""The pSp encoder against the published implementation's figures."""

import numpy as np
import pytest
import torch
from torch import nn

from talking.models.psp import Bottleneck, GradualStyleEncoder


def empty(n_styles: int) -> GradualStyleEncoder:
    with torch.device("meta"):
        return GradualStyleEncoder(n_styles)


def test_tensors_have_the_names_and_shapes_of_the_published_checkpoint(golden) -> None:
    state = empty(18).state_dict()
    assert {name: tuple(value.shape) for name, value in state.items()} == golden.shapes("psp_encoder_18", "encoder.")


def test_codes_agree_with_the_published_implementation(golden, figures) -> None:
    encoder, figure = empty(18), figures("psp_encoder_18")
    state = golden.filled("psp_encoder_18", "encoder.")
    counts = {name: torch.zeros((), dtype=torch.long) for name in encoder.state_dict() if name not in state}
    assert all(name.endswith("num_batches_tracked") for name in counts)
    encoder.load_state_dict({**state, **counts}, assign=True)
    x = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(int(figure["x_seed"]))) * 2 - 1
    with torch.no_grad():
        codes = encoder.eval()(x).numpy()
    assert np.abs(codes - figure["codes"]).max() < 1e-4 * figure["codes"].std()


@pytest.mark.parametrize("n_styles", [10, 14])
def test_smaller_generators_have_fewer_fine_styles(n_styles) -> None:
    encoder = empty(n_styles)
    steps = [sum(isinstance(layer, nn.Conv2d) for layer in style.convs) for style in encoder.styles]
    assert steps == [4] * 3 + [5] * 4 + [6] * (n_styles - 7)


def test_the_error_reaches_the_input_of_a_block() -> None:
    torch.manual_seed(0)
    for block in (Bottleneck(32, 64, 2), Bottleneck(32, 32, 2)):
        x = torch.randn(2, 32, 8, 8, requires_grad=True)
        out = block(x)
        out.square().mean().backward()
        assert out.shape[2:] == (4, 4)
        assert x.grad.abs().sum() > 0
