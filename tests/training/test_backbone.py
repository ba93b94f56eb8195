"""Training a small backbone on a few pictures of one photograph."""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import skimage.data
import torch
from torch import nn

from talking.core.errors import TalkingError
from talking.models.backbone import Backbone
from talking.systems.backbone.autoencoder import new_pair, phases, train_backbone
from talking.systems.backbone.params import TrainedBackbone as BackboneParams
from talking.training.context import LocalContext, MemoryContext
from talking.training.images import Images

from .conftest import KilledError, MortalContext, same, state_of

DEVICE = torch.get_default_device()
PARAMS = BackboneParams(
    source="faces",
    augment=False,
    bf16=False,
    resolution=32,
    style_dim=512,
    channel_multiplier=2.0,
    channel_max=8,
    encoder_width=4,
    encoder_pool=1,
    n_mlp=1,
    steps=12,
    batch=8,
    lr=0.01,
    betas=(0.9, 0.99),
    ema=0.995,
    mouth_weight=4.0,
    eyes_weight=2.0,
    lambda_gradient=1.0,
    report_every=4,
)


@pytest.fixture(scope="module")
def images() -> Images:
    """Some pictures to train on."""
    return photographs()


def photographs() -> Images:
    """24 pictures (32 pixels) of a photographed face, shifted and lit differently, with points within them."""
    rng = np.random.default_rng(0)
    photograph, pictures = skimage.data.astronaut()[::4, ::4].astype(float), []
    for _ in range(24):
        row, column = rng.integers(10, 22), rng.integers(36, 48)
        lit = photograph[row : row + 32, column : column + 32] * rng.uniform(0.6, 1.2)
        pictures.append(torch.from_numpy(lit.clip(0, 255).astype(np.uint8)).permute(2, 0, 1))
    landmarks = torch.from_numpy(rng.uniform(8, 24, (24, 68, 2))).float()
    return Images(torch.stack(pictures), landmarks)


@pytest.fixture
def train(images) -> Callable[..., tuple[Backbone, list[float]]]:
    """Train with changed params; return the pair and the reported losses."""

    def run(seed: int = 1, every: int = 4, start: Backbone | None = None, **changes) -> tuple[Backbone, list[float]]:
        context = MemoryContext(DEVICE)
        pair = train_backbone(images, replace(PARAMS, report_every=every, **changes), context, seed=seed, start=start)
        return pair, [row["train_reconstruction"] for row in context.history]

    return run


def test_the_loss_falls_and_the_pair_draws_what_it_sees(train, images) -> None:
    pair, losses = train(steps=80, every=20)
    assert len(losses) == 4 and losses[-1] < 0.75 * losses[0]
    pictures, _ = images.batch(torch.arange(24), DEVICE)
    with torch.no_grad():
        made = pair(pictures)
        generator, encoder = (network.eval() for network in new_pair(PARAMS, 1))
        untrained = generator(encoder(pictures))
    assert made.shape == pictures.shape
    assert (made - pictures).abs().mean() < 0.85 * (untrained - pictures).abs().mean()


def test_the_same_seed_gives_the_same_weights_and_another_does_not(train) -> None:
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(len(states))
        states.append(train(seed)[0].state_dict())
    alike = [all(torch.equal(states[0][name], other[name]) for name in other) for other in states[1:]]
    assert alike == [True, False]


def test_training_leaves_the_global_random_state_alone(train) -> None:
    before = torch.get_rng_state()
    train(steps=2)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_mean_latent_is_the_mean_code_of_the_pictures(train, images) -> None:
    pair, _ = train()
    pictures, _ = images.batch(torch.arange(24), DEVICE)
    with torch.no_grad():
        codes, offsets = pair.invert(pictures), pair.encoder(pictures)
    torch.testing.assert_close(codes.mean(dim=0), pair.latent_avg, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(offsets.mean(dim=0), torch.zeros_like(pair.latent_avg), atol=1e-4, rtol=0)
    assert pair.latent_avg.abs().max() > 1e-3


def test_the_norms_know_the_pictures_statistics(train, images) -> None:
    pair, _ = train()
    pictures, _ = images.batch(torch.arange(24), DEVICE)
    seen = pair.encoder.conv1(pictures)
    torch.testing.assert_close(pair.encoder.bn1.running_mean, seen.mean(dim=(0, 2, 3)), atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(pair.encoder.bn1.running_var, seen.var(dim=(0, 2, 3)), atol=1e-4, rtol=1e-3)
    assert not any(module.training for module in pair.modules() if isinstance(module, nn.BatchNorm2d))


def test_a_trained_pair_comes_back_from_disk_with_the_same_bits(train, images, tmp_path) -> None:
    pair, _ = train(steps=2)
    pair.save(tmp_path)
    pictures, _ = images.batch(torch.arange(3), DEVICE)
    with torch.no_grad():
        assert torch.equal(Backbone.load(tmp_path)(pictures), pair(pictures))


def test_reports_come_at_their_steps(images) -> None:
    context = MemoryContext(DEVICE)
    train_backbone(images, replace(PARAMS, report_every=5), context, seed=1)
    assert [row["step"] for row in context.history] == [5, 10, 12], "and at the last"


def test_mixed_precision_trains_too(train) -> None:
    losses = train(steps=4, bf16=True)[1]
    assert math.isfinite(losses[0])
    assert losses[0] == pytest.approx(train(steps=4)[1][0], rel=0.1)


def test_a_loss_that_is_no_number_stops_with_a_sentence(images) -> None:
    params = replace(PARAMS, lr=1e30)
    with pytest.raises(TalkingError, match=r"backbone: the loss is .* lower the backbone's lr"):
        train_backbone(images, params, MemoryContext(DEVICE), seed=1)


def test_an_untrained_pair_depends_on_the_seed_alone_and_has_the_asked_sizes() -> None:
    torch.manual_seed(5)
    first = new_pair(PARAMS, 1)
    torch.manual_seed(6)
    again = new_pair(PARAMS, 1)
    for one, other in zip(first, again, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    generator, encoder = first
    assert (generator.resolution, generator.n_styles, encoder.config["width"]) == (32, 8, 4)


@pytest.mark.parametrize(("resolution", "sizes"), [(64, [16, 32, 64]), (32, [8, 16, 32]), (16, [8, 8, 16])])
def test_the_picture_grows_to_its_whole_size(resolution, sizes) -> None:
    found = phases(resolution)
    assert [phase.resolution for phase in found] == sizes
    assert found[-1].end == 1.0 and all(a.end < b.end for a, b in pairwise(found))


def test_training_goes_on_from_a_pair_where_it_stood(train, images) -> None:
    first, before = train(steps=80, every=20)
    more, after = train(steps=20, every=20, start=first, lr=0.001)
    assert after[0] < 1.1 * before[-1] < 0.9 * before[0]
    kept, _ = train(steps=0, start=first)
    pictures, _ = images.batch(torch.arange(4), DEVICE)
    with torch.no_grad():
        torch.testing.assert_close(kept.latent_avg, first.latent_avg, atol=0.3, rtol=0)
        far = (kept(pictures) - first(pictures)).abs().mean() / first(pictures).std()
    assert far < 0.05, "no step, no other pictures, but for the norms' statistics"
    assert more.resolution == first.resolution


def test_a_pair_of_other_sizes_is_no_start(train) -> None:
    first, _ = train(steps=0)
    with pytest.raises(TalkingError, match="other sizes"):
        train(steps=1, channel_max=4, start=first)


def test_norms_are_settled_on_mixed_pictures_however_the_pictures_are_ordered(images) -> None:
    """A corpus comes clip by clip: the statistics of the norms must be those of all faces, not those within a clip."""
    light = torch.linspace(0.2, 1.0, 256)[:, None, None, None]
    pictures = (images.pictures[torch.zeros(256, dtype=torch.long)] * light).to(torch.uint8)
    ordered = Images(pictures, images.landmarks[torch.zeros(256, dtype=torch.long)])
    pair = train_backbone(ordered, replace(PARAMS, steps=0), MemoryContext(DEVICE), seed=1)
    first = next(module for module in pair.encoder.modules() if isinstance(module, nn.BatchNorm2d))
    seen: list[torch.Tensor] = []
    hook = first.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0]))
    pair.encoder(ordered.batch(torch.arange(256), DEVICE)[0])
    hook.remove()
    true = seen[0].var(dim=(0, 2, 3))
    assert ((first.running_var / true) > 0.9).all()


@pytest.mark.parametrize("life", [0, 1, 2, 3])
def test_a_killed_training_resumes_to_the_state_of_an_undisturbed_one(images, tmp_path, life) -> None:
    params, whole = replace(PARAMS, augment=True, report_every=3), LocalContext(tmp_path / "whole", DEVICE)
    pair = train_backbone(images, params, whole, seed=1)
    with pytest.raises(KilledError):
        train_backbone(images, params, MortalContext(tmp_path / "killed", life), seed=1)
    torch.manual_seed(1234)
    again = LocalContext(tmp_path / "killed", DEVICE)
    resumed = train_backbone(images, params, again, seed=1)
    assert again.result().history == whole.result().history
    assert same(state_of(again.result()), state_of(whole.result()))
    assert same(dict(resumed.state_dict()), dict(pair.state_dict()))
    finished = train_backbone(images, params, LocalContext(tmp_path / "killed", DEVICE), seed=1)
    assert same(dict(finished.state_dict()), dict(pair.state_dict())), "a finished training gives its outcome again"
