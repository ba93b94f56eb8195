"""SyncNet takes 0.2 s of sound and lips, has the published network's size, and both ends in one space."""

import torch

from talking.models.syncnet import SyncNet


def test_it_has_the_published_number_of_parameters_and_names() -> None:
    with torch.device("meta"):
        state = SyncNet().state_dict()
    assert {
        "netcnnaud.0.weight",
        "netcnnaud.18.weight",
        "netcnnlip.19.bias",
        "netfcaud.3.bias",
        "netfclip.0.bias",
    } <= set(state)
    numbers = sum(value.numel() for value in state.values())
    assert 0 <= 54_573_114 - 4 * numbers < 60_000  # the published file holds these numbers in float32, and little else


@torch.no_grad()
def test_sound_and_lips_are_embedded_alike() -> None:
    torch.manual_seed(0)
    network = SyncNet().eval()
    assert network.sound(torch.randn(2, 1, 13, 20)).shape == (2, 1024)
    assert network.lips(torch.rand(1, 3, 5, 224, 224) * 255).shape == (1, 1024)
