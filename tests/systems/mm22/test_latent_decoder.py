"""The latent decoder against the thesis's Table 4.4."""

import torch
from torch import nn

from talking.systems.mm22.audio_encoder import AudioEncoder
from talking.systems.mm22.latent_decoder import LatentDecoder
from talking.systems.mm22.talking_head import trainable_parameters


def test_layers_are_those_of_table_4_4() -> None:
    decoder = LatentDecoder(2500)
    linears = [m for m in decoder.modules() if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features) for m in linears] == [(2756, 512), (512, 512), (512, 2500)]
    assert sum(isinstance(m, nn.ReLU) for m in decoder.modules()) == 2
    assert decoder(torch.zeros(2, 2500), torch.zeros(2, 7, 256)).shape == (2, 7, 2500)


def test_the_count_of_parameters_is_that_of_tables_4_3_and_4_4() -> None:
    convolutions = [(1, 64), (64, 128), (128, 256), (256, 256), (256, 512)]
    audio = sum(9 * n_in * n_out + n_out for n_in, n_out in convolutions)
    audio += (512 * 4 * 6 + 1) * 2048 + (2048 + 1) * 256 + 3 * 4 * (256 * 256 * 2 + 2 * 256)
    decoder = (2756 + 1) * 512 + (512 + 1) * 512 + (512 + 1) * 2500
    assert trainable_parameters(AudioEncoder()) == audio == 29_411_328
    assert trainable_parameters(LatentDecoder(2500)) == decoder == 2_956_740
    both = nn.ModuleList([AudioEncoder(), LatentDecoder(2500)])
    assert trainable_parameters(both) == audio + decoder == 32_368_068


def test_each_frame_is_decoded_from_its_own_code_and_the_clips_identity() -> None:
    torch.manual_seed(0)
    decoder, identity, codes = LatentDecoder(6, 8, 16), torch.randn(2, 6), torch.randn(2, 4, 8)
    with torch.no_grad():
        whole = decoder(identity, codes)
        for b, t in [(0, 0), (1, 3)]:
            torch.testing.assert_close(whole[b, t], decoder.layers(torch.cat([identity[b], codes[b, t]])))
    assert whole.shape == (2, 4, 6)


def test_the_error_reaches_every_weight_and_both_inputs() -> None:
    torch.manual_seed(0)
    decoder = LatentDecoder(6, 8, 16)
    identity, codes = torch.randn(2, 6, requires_grad=True), torch.randn(2, 4, 8, requires_grad=True)
    decoder(identity, codes).square().mean().backward()
    assert all(t.grad.abs().sum() > 0 for t in (*decoder.parameters(), identity, codes))
