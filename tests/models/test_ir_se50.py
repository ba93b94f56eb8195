"""IR-SE50 has the published network's size and names, and its embeddings are of length one."""

import torch

from talking.models.ir_se50 import IRSE50


def test_it_has_the_published_number_of_parameters_and_names() -> None:
    with torch.device("meta"):
        state = IRSE50().state_dict()
    assert sum(value.numel() for name, value in state.items() if "running" not in name and value.ndim) == 43_797_696
    assert state["output_layer.3.weight"].shape == (512, 25088)
    assert {"body.23.res_layer.5.fc2.weight", "body.3.shortcut_layer.1.bias", "output_layer.4.bias"} <= state.keys()


@torch.no_grad()
def test_embeddings_are_of_length_one_and_tell_pictures_apart() -> None:
    torch.manual_seed(0)
    network = IRSE50().eval()
    embeddings = network(torch.rand(2, 3, 112, 112) * 2 - 1)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(2))
    assert embeddings.shape == (2, 512) and not torch.allclose(embeddings[0], embeddings[1])
