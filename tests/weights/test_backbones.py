"""Published files, as they are or as they were added, become the paper's pair; a kept pair comes back."""

import pytest
import torch

from talking.core.errors import TalkingError
from talking.models.backbone import Backbone
from talking.models.resnet_encoder import ResNetEncoder
from talking.models.stylegan2 import Generator
from talking.weights import add_file, kept_backbone, published, published_backbone

from .conftest import as_nvidia, nvidia_pickle, psp, saved, stylegan2


def test_a_folder_of_published_files_becomes_the_papers_pair(tmp_path) -> None:
    torch.save(psp(), tmp_path / "psp_ffhq_encode.pt")
    backbone = published_backbone(tmp_path)
    assert (backbone.resolution, backbone.n_styles, backbone.input_size) == (1024, 18, 256)
    assert torch.equal(backbone.latent_avg, torch.ones(18, 512))


def test_the_generators_own_checkpoint_is_taken_before_psps_copy(tmp_path) -> None:
    torch.save(psp(10), tmp_path / "psp_ffhq_encode.pt")
    assert (published_backbone(tmp_path, 64).generator.input.input == 0.5).all()
    own = stylegan2(64)
    own["g_ema"]["input.input"] = torch.tensor(0.25).expand(1, 512, 4, 4)
    torch.save(own, tmp_path / "stylegan2-ffhq-config-f.pt")
    assert (published_backbone(tmp_path, 64).generator.input.input == 0.25).all()
    with pytest.raises(TalkingError, match=r"psp_ffhq_encode\.pt is not there"):
        published_backbone(tmp_path / "elsewhere", 64)


def test_a_kept_pair_of_another_size_is_refused(tmp_path) -> None:
    generator = Generator(16, style_dim=8, n_mlp=1, channel_max=4)
    encoder = ResNetEncoder(generator.n_styles, 8, width=4, stem="small")
    Backbone(generator, encoder, torch.zeros(8)).save(tmp_path)
    assert kept_backbone(tmp_path, 16).resolution == 16
    with pytest.raises(TalkingError, match="a pair of 16 pixels where backbones asks for 64"):
        kept_backbone(tmp_path, 64)


def test_nvidias_pickle_is_taken_before_psps_copy(tmp_path) -> None:
    saved(tmp_path, psp(4), "psp_ffhq_encode.pt")
    own = {name: value.clone() for name, value in Generator(8).state_dict().items()}
    nvidia_pickle(tmp_path / "ffhq.pkl", as_nvidia(own))
    generator = published_backbone(tmp_path, 8).generator
    assert all(torch.equal(value, own[name]) for name, value in generator.state_dict().items())


def test_a_folder_of_added_weights_becomes_the_papers_pair(tmp_path) -> None:
    folder = tmp_path / "pair"
    add_file(published("psp-ffhq-encode"), saved(tmp_path, psp(4)), folder, resolution=8)
    assert (published_backbone(folder, 8).generator.input.input == 0.5).all()
    own = stylegan2(8)
    own["g_ema"]["input.input"] = torch.tensor(0.25).expand(1, 512, 4, 4)
    add_file(published("stylegan2-ffhq-1024"), saved(tmp_path, own), folder, resolution=8)
    pair = published_backbone(folder, 8)
    assert (pair.generator.input.input == 0.25).all()
    assert torch.equal(pair.latent_avg, torch.ones(4, 512))
    with pytest.raises(TalkingError, match="holds a network of 8 pixels where 16 are asked for"):
        published_backbone(folder, 16)


def test_without_the_encoder_it_says_where_to_get_it_and_how_to_add_it(tmp_path) -> None:
    with pytest.raises(TalkingError, match=r"talking weights add --folder .* psp-ffhq-encode FILE"):
        published_backbone(tmp_path, 8)
