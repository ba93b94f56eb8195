"""What the basis is fitted on: of which clips, about which mean."""

from pathlib import Path

import numpy as np
import pytest
import torch

from talking.corpora.demo.stills import write_face_set
from talking.data.shards import decode_array
from talking.models.backbone import Backbone
from talking.models.resnet_encoder import ResNetEncoder
from talking.models.stylegan2 import Generator
from talking.systems.mm22.principal import PRIOR_CHUNK, clip_moments, face_set_moments, prior_moments
from talking.training.images import load_face_set


@pytest.fixture
def pair() -> Backbone:
    torch.manual_seed(0)
    generator = Generator(32, style_dim=6, n_mlp=2, channel_max=4)
    encoder = ResNetEncoder(generator.n_styles, 6, width=4, stem="small", stem_stride=2)
    return Backbone(generator, encoder, torch.zeros(6)).eval()


@pytest.mark.parametrize("displacements", [True, False])
def test_only_the_named_clips_count_each_about_its_own_mean(make_toy, displacements) -> None:
    toy = make_toy(7)
    codes, chosen = toy.folders[0], frozenset(toy.keys[:4])
    moments = clip_moments(codes, codes.names, chosen, displacements=displacements)
    rows = [
        decode_array(sample.members["codes.npy"]).reshape(12, -1).astype(np.float64)
        for name in codes.names
        for sample in codes.read(name)
        if sample.key in chosen
    ]
    if displacements:
        rows = [clip - clip.mean(axis=0) for clip in rows]
    whole = np.concatenate(rows)
    assert moments is not None and moments.count == 48
    np.testing.assert_allclose(moments.covariance, np.cov(whole.T), atol=1e-12)
    np.testing.assert_allclose(moments.mean, whole.mean(axis=0), atol=1e-12)


def test_shards_without_a_named_clip_have_no_moments(make_toy) -> None:
    toy = make_toy(7)
    assert clip_moments(toy.folders[0], toy.folders[0].names[:2], frozenset({"a_6"}), displacements=True) is None


def test_the_prior_is_of_two_latents_crossed_over_at_a_random_style(pair) -> None:
    styles, moments = pair.n_styles, prior_moments(pair, 10 * PRIOR_CHUNK + 500, seed=3)
    with torch.no_grad():
        w = pair.generator.map(torch.randn(200_000, 6, generator=torch.Generator().manual_seed(9))).numpy()
    assert moments.count == 10 * PRIOR_CHUNK + 500
    np.testing.assert_allclose(moments.mean, np.tile(w.mean(axis=0), styles), atol=5 * w.std() / 100)
    for style in range(styles):
        # Of the crossings 1 to L, those at 1 to `style` part this style from the first.
        shared = 1 - style / styles
        block = moments.covariance[:6, 6 * style : 6 * style + 6]
        np.testing.assert_allclose(block, shared * np.cov(w.T), atol=0.05 * w.var())
    assert np.linalg.matrix_rank(moments.covariance) > 2 * np.linalg.matrix_rank(np.cov(w.T))


def test_a_face_sets_codes_are_those_of_the_encoder(pair, tmp_path: Path) -> None:
    write_face_set(tmp_path / "faces", count=2, seed=1, size=32, frames_per_identity=2, workers=1)
    moments = face_set_moments(pair, tmp_path / "faces", batch=3)
    pictures, _ = load_face_set(tmp_path / "faces", 32).batch(torch.arange(4), torch.get_default_device())
    with torch.no_grad():
        codes = pair.invert(pictures).flatten(1).numpy()
    assert moments.count == 4
    np.testing.assert_allclose(moments.mean, codes.mean(axis=0), atol=0.03 * codes.std(axis=1).mean())
    assert np.corrcoef(moments.mean, codes.mean(axis=0))[0, 1] > 0.999, "bfloat16 on processors that have it"
