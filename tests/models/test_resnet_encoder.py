"""The thesis's image encoder against its Table 3.1 and torchvision's ResNet-18."""

import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from talking.models.resnet_encoder import ResNetEncoder

# Table 3.1: kernel, stride and output of every convolution of the main path, at 256 pixels.
TABLE = (
    [(7, 2, (64, 128, 128))]
    + [(3, 1, (64, 64, 64))] * 4
    + [(3, 2, (128, 32, 32))]
    + [(3, 1, (128, 32, 32))] * 3
    + [(3, 2, (256, 16, 16))]
    + [(3, 1, (256, 16, 16))] * 3
    + [(3, 2, (512, 8, 8))]
    + [(3, 1, (512, 8, 8))] * 3
)


def test_layers_are_those_of_table_3_1(output_shapes) -> None:
    encoder = ResNetEncoder(n_styles=12).eval()
    main = [m for m in encoder.modules() if isinstance(m, nn.Conv2d) and m.kernel_size != (1, 1)]
    others = [encoder.maxpool, encoder.pool, encoder.linear]
    shapes = output_shapes(encoder, [*main, *others], torch.zeros(1, 3, 256, 256))
    kernels = [(conv.kernel_size[0], conv.stride[0]) for conv in main]
    assert [(*kernel, shape) for kernel, shape in zip(kernels, [shapes[0], *shapes[2:-2]], strict=True)] == TABLE
    assert shapes[1] == (64, 64, 64)
    assert shapes[-2:] == [(512, 1, 1), (6144,)]


def test_imagenet_weights_load_and_give_torchvisions_features() -> None:
    torch.manual_seed(0)
    reference, encoder = resnet18().eval(), ResNetEncoder(10).eval()
    for module in reference.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
    reference.fc, trunk = nn.Identity(), {k: v for k, v in reference.state_dict().items() if not k.startswith("fc.")}
    assert set(encoder.load_state_dict(trunk, strict=False).missing_keys) == {"linear.weight", "linear.bias"}
    encoder.linear = nn.Identity()
    encoder.n_styles, encoder.style_dim = 1, 512
    x = torch.rand(2, 3, 128, 128)
    with torch.no_grad():
        torch.testing.assert_close(encoder(x)[:, 0], reference(x))


@pytest.mark.parametrize("size", [32, 64, 100, 256])
@pytest.mark.parametrize("pool", [1, 4])
def test_crops_of_any_size_give_codes_of_one_shape(size, pool) -> None:
    encoder = ResNetEncoder(10, width=4, pool=pool).eval()
    assert encoder(torch.zeros(2, 3, size, size)).shape == (2, 10, 512)


@pytest.mark.parametrize(("stem", "stride", "size"), [("small", 1, 64), ("small", 2, 32), ("imagenet", 1, 16)])
def test_the_small_stem_keeps_the_resolution_of_small_crops(output_shapes, stem, stride, size) -> None:
    encoder = ResNetEncoder(10, width=4, stem=stem, stem_stride=stride).eval()
    assert output_shapes(encoder, [encoder.layer1], torch.zeros(1, 3, 64, 64)) == [(4, size, size)]


def test_a_finer_pool_tells_where_things_are() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 3, 64, 64)
    moved = x.roll(32, dims=3)
    gaps = {}
    for pool in (1, 4):
        encoder = ResNetEncoder(10, width=8, stem="small", pool=pool).eval()
        with torch.no_grad():
            gaps[pool] = float((encoder(x) - encoder(moved)).norm() / encoder(x).norm())
    assert gaps[4] > 1.5 * gaps[1]


def test_the_error_reaches_every_weight() -> None:
    encoder = ResNetEncoder(10, width=4, stem="small", pool=4)
    encoder(torch.randn(4, 3, 64, 64)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())


def test_an_unknown_stem_is_refused() -> None:
    with pytest.raises(ValueError, match="imagenet or small"):
        ResNetEncoder(10, stem="large")
