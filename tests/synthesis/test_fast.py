"""The fast path of a generator, by its kind: a new kind draws as it is, and Backbone and Engine take it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from talking.core.errors import TalkingError
from talking.models import backbone as backbones
from talking.models.backbone import Backbone
from talking.models.generator import FrameGenerator
from talking.models.resnet_encoder import ResNetEncoder
from talking.models.stylegan2 import Generator
from talking.synthesis.codes import synthesise_frames
from talking.synthesis.engine import Engine
from talking.synthesis.fast import Plain, fast_path
from talking.synthesis.fast_generator import FastGenerator, Settings


class Flat(FrameGenerator):
    """Draws every picture in one grey, the mean of its code."""

    def __init__(self, resolution: int) -> None:
        super().__init__()
        self.config = {"resolution": resolution}
        self.resolution, self.n_styles, self.style_dim = resolution, 6, 4
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, codes: Tensor) -> Tensor:
        grey = self.gain * codes.mean(dim=(1, 2))
        return grey[:, None, None, None].expand(-1, 3, self.resolution, self.resolution)


def test_a_kind_without_a_fast_path_draws_as_it_is_and_stylegan2_by_its_own() -> None:
    torch.manual_seed(0)
    assert isinstance(fast_path(Flat(8), Settings()), Plain)
    assert isinstance(fast_path(Generator(8, style_dim=4, n_mlp=1, channel_max=4), Settings()), FastGenerator)


@torch.no_grad()
def test_the_engine_draws_with_a_new_kind_what_it_draws_itself() -> None:
    codes = np.linspace(-1, 1, 5 * 24, dtype=np.float32).reshape(5, 6, 4)
    frames = Engine(Flat(8), batch=2).draw(codes)
    assert frames.shape == (5, 8, 8, 3)
    np.testing.assert_allclose(frames[:, 0, 0, 0], (codes.mean(axis=(1, 2)) + 1) * 127.5, atol=0.51)
    np.testing.assert_array_equal(synthesise_frames(Flat(8), codes, 8), frames)
    still = Engine(Flat(8), batch=4).draw(np.repeat(codes[:1], 3, axis=0))
    assert (still == still[:1]).all()


def test_a_kind_must_say_how_it_draws_and_one_without_a_prior_says_so() -> None:
    with pytest.raises(TypeError, match="abstract"):
        FrameGenerator()
    with pytest.raises(TalkingError, match="A Flat draws no pictures of random numbers"):
        Flat(8).map(torch.zeros(1, 4))


def test_a_backbone_of_a_new_kind_is_kept_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = ResNetEncoder(6, style_dim=4, width=2, stem="small", stem_stride=2)
    pair = Backbone(Flat(8), encoder, torch.zeros(6, 4))
    monkeypatch.setitem(backbones.GENERATORS, "flat", Flat)
    pair.save(tmp_path)
    assert isinstance(Backbone.load(tmp_path).generator, Flat)
    monkeypatch.delitem(backbones.GENERATORS, "flat")
    with pytest.raises(TalkingError, match=r"generator\.json names an unknown kind of generator, flat"):
        Backbone.load(tmp_path)
