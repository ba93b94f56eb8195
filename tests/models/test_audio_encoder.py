"""The audio encoder against the thesis's Table 4.3."""

import pytest
import torch
from torch import nn

from talking.systems.mm22.audio_encoder import AudioEncoder

# Table 4.3: kernel, stride and output of each convolution and pooling, then the outputs of the linear layers.
TABLE = [
    (3, 1, (64, 12, 28)),
    (3, 1, (128, 12, 28)),
    (3, (1, 2), (128, 10, 13)),
    (3, 1, (256, 10, 13)),
    (3, 1, (256, 10, 13)),
    (3, 1, (512, 10, 13)),
    (3, 2, (512, 4, 6)),
]


def small(**options) -> AudioEncoder:
    torch.manual_seed(0)
    return AudioEncoder(width=4, code_dim=32, **options)


def test_layers_are_those_of_table_4_3(output_shapes) -> None:
    encoder = AudioEncoder()
    layers = [m for m in encoder.convolutions if not isinstance(m, nn.ReLU)]
    linears = [m for m in encoder.linears if isinstance(m, nn.Linear)]
    shapes = output_shapes(encoder, [*layers, *linears], torch.zeros(1, 2, 12, 28))
    for layer, shape, (kernel, stride, wanted) in zip(layers, shapes, TABLE, strict=False):
        assert layer.kernel_size in (kernel, (kernel, kernel))
        assert layer.stride in (stride, (stride, stride))
        assert shape == wanted
    assert shapes[7:] == [(2048,), (256,)]
    assert (encoder.lstm.num_layers, encoder.lstm.hidden_size) == (3, 256)
    assert encoder(torch.zeros(2, 5, 12, 28)).shape == (2, 5, 256)


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize(("coefficients", "steps"), [(12, 28), (12, 20), (26, 40)])
def test_other_windows_and_sizes_give_codes_of_the_asked_size(layers, coefficients, steps) -> None:
    encoder = small(n_coefficients=coefficients, n_steps=steps, lstm_layers=layers)
    assert encoder(torch.zeros(2, 5, coefficients, steps)).shape == (2, 5, 32)


def test_no_code_hears_what_follows() -> None:
    encoder, windows = small(), torch.randn(1, 6, 12, 28)
    changed = windows.clone()
    changed[:, 4:] += 1
    with torch.no_grad():
        gap = (encoder(windows) - encoder(changed)).abs().amax((0, 2))
    assert (gap[4:] > 1e-6).all()
    assert (gap[:4] < 1e-7).all()


def test_sequences_of_a_batch_do_not_touch_each_other() -> None:
    encoder, windows = small(), torch.randn(3, 4, 12, 28)
    with torch.no_grad():
        torch.testing.assert_close(encoder(windows)[1:2], encoder(windows[1:2]))


def test_the_error_reaches_every_weight() -> None:
    encoder = small()
    encoder(torch.randn(2, 5, 12, 28)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())
