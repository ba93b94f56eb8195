"""Adversarial training on a toy: it learns, repeats itself, and resumes as if nothing had happened."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from talking.core.errors import TalkingError
from talking.data.shards import ClipStatus, Sample, encode_array, write_index, write_shard
from talking.evaluation.report.picture_grid import read_strip
from talking.models.discriminator import Discriminator
from talking.models.stored import filled, load_network, save_network
from talking.models.stylegan2 import Generator
from talking.systems.backbone.gan import OUTCOME, SAMPLES, GanJob, GanRecipe, mean_latent
from talking.systems.backbone.gan_steps import draw_codes, with_fresh_noise
from talking.systems.backbone.params import Gan
from talking.systems.backbone.starting import new_networks, smaller_discriminator
from talking.training.context import MemoryContext, TrainResult, train_locally
from talking.training.loop import train
from talking.training.pictures import PictureSource

from .conftest import KilledError, MortalContext, same, state_of

DEVICE = torch.get_default_device()
PARAMS = Gan(
    resolution=8,
    style_dim=8,
    n_mlp=2,
    channel_multiplier=2,
    channel_max=6,
    steps=6,
    batch=4,
    lr=2e-3,
    betas=(0.0, 0.99),
    r1_gamma=1.0,
    r1_every=3,
    path_weight=2.0,
    path_every=2,
    path_shrink=2,
    style_mixing=0.9,
    mirror=True,
    ema_half_life=20.0,
    ema_rampup=0.5,
    augment="adaptive",
    ada_target=0.0,
    ada_images=100.0,
    ada_every=4,
    bf16=False,
    start=None,
    inception=None,
    measured=12,
    shown=3,
    report_every=1,
    save_every=2,
)


def write_faces(folder: Path, pictures: np.ndarray) -> Path:
    """A face set of given pictures (N, R, R, 3) uint8."""
    samples = []
    for number, picture in enumerate(pictures):
        encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()
        landmarks = encode_array(np.zeros((68, 2), np.float32))
        samples.append(Sample(f"f_{number}", {"image.png": encoded, "landmarks.npy": landmarks}))
    row = write_shard(folder / "faces-000.tar", samples)
    write_index(folder, [row], [ClipStatus(sample.key, "f", row.shard, "ok") for sample in samples])
    return folder


def discs(count: int, size: int = 8, seed: int = 0) -> np.ndarray:
    """Pictures of a warm disc before a cold ground."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    radius = size * rng.uniform(0.25, 0.4, size=(count, 1, 1))
    inside = np.hypot(x - size / 2 + 0.5, y - size / 2 + 0.5) < radius
    colours = np.where(inside[..., None], rng.integers(150, 255, size=(count, 1, 1, 3)), np.array([10, 20, 90]))
    return colours.astype(np.uint8)


@pytest.fixture
def make_job(tmp_path) -> Callable[..., GanJob]:
    """A job with changed params."""
    return jobs_in(tmp_path)


def jobs_in(folder: Path) -> Callable[..., GanJob]:
    """A job on a face set of 40 discs, with changed params."""
    faces = write_faces(folder / "faces", discs(40))

    def make(**changes) -> GanJob:
        source = PictureSource(faces, held_out=8)
        return GanJob(replace(PARAMS, **changes), seed=1, source=source, scratch=folder / "scratch")

    return make


def test_the_same_seed_gives_the_same_weights_and_another_does_not(make_job, tmp_path) -> None:
    job = make_job(steps=3)
    torch.manual_seed(99)
    first = train_locally(job, tmp_path / "first", DEVICE)
    torch.manual_seed(3)
    again = train_locally(job, tmp_path / "again", DEVICE)
    other = train_locally(replace(job, seed=2), tmp_path / "other", DEVICE)
    assert same(state_of(first), state_of(again)) and first.history == again.history
    assert not same(state_of(first)["parts"]["generator"], state_of(other)["parts"]["generator"])


@pytest.mark.parametrize("life", [0, 2, 3, 5])
def test_a_killed_training_resumes_to_the_state_of_an_undisturbed_one(make_job, tmp_path, life) -> None:
    job = make_job(steps=7)
    whole = train_locally(job, tmp_path / "whole", DEVICE)
    with pytest.raises(KilledError):
        job(MortalContext(tmp_path / "killed", life))
    torch.manual_seed(1234)
    resumed = train_locally(job, tmp_path / "killed", DEVICE)
    assert same(state_of(resumed), state_of(whole))
    assert resumed.history == whole.history
    assert state_of(whole)["recipe"]["augmentation"]["p"] > 0  # it is part of what was resumed


def test_what_is_reported_and_when(make_job, tmp_path) -> None:
    history = train_locally(make_job(report_every=2, save_every=3, steps=7), tmp_path / "run", DEVICE).history
    assert [row["step"] for row in history] == [2, 3, 4, 6, 7]
    assert [row["images"] for row in history] == [8, 12, 16, 24, 28]
    assert [row["step"] for row in history if "frechet_random_features" in row] == [3, 6, 7]
    assert {"loss_d", "loss_g", "r1", "path_length", "ada_p"} <= history[0].keys()
    assert not any("fid" in row for row in history)
    strips = sorted((tmp_path / "scratch" / SAMPLES).iterdir())
    assert [strip.name for strip in strips] == ["step-00000003.png", "step-00000006.png", "step-00000007.png"]
    assert read_strip(strips[0]).shape == (3, 8, 8, 3)


def test_regularisers_of_no_weight_are_left_out(make_job, tmp_path) -> None:
    row = train_locally(make_job(r1_gamma=0.0, path_weight=0.0, steps=1), tmp_path / "run", DEVICE).history[0]
    assert "r1" not in row and "path_length" not in row


def test_it_learns_what_the_pictures_are_like(make_job, tmp_path) -> None:
    job = make_job(steps=120, batch=8, lr=5e-3, save_every=119, report_every=60, augment="none", channel_max=12)
    history = train_locally(job, tmp_path / "run", DEVICE).history
    begin = train_locally(replace(job, params=replace(job.params, steps=1)), tmp_path / "begin", DEVICE).history
    name = "frechet_random_features"
    assert history[-1][name] < 0.5 * begin[-1][name]
    picture = read_strip(tmp_path / "scratch" / SAMPLES / "step-00000120.png").astype(float)
    middle, corner = picture[:, 3:5, 3:5].mean(), picture[:, [0, 0, -1, -1], [0, -1, 0, -1]].mean()
    assert middle > corner + 40  # a light disc before a dark ground


def outcome_of(result: TrainResult) -> Path:
    assert result.checkpoint is not None
    return result.checkpoint / OUTCOME


def test_the_outcome_is_the_average_with_its_mean_latent(make_job, tmp_path) -> None:
    result = train_locally(make_job(), tmp_path / "run", DEVICE)
    config, state = load_network(outcome_of(result), "generator")
    parts = state_of(result)["parts"]
    assert same(state, dict(parts["generator.ema"])) and not same(state, dict(parts["generator"]))
    generator = filled(Generator, config, state, outcome_of(result))
    _, mean = load_network(outcome_of(result), "latent_avg")
    w = generator.map(torch.randn(20_000, 8, generator=torch.Generator().manual_seed(77)))
    error = w.std(dim=0) / 10_000**0.5
    assert ((mean["latent_avg"] - w.mean(dim=0)).abs() < 6 * error).all()
    assert torch.equal(mean["latent_avg"], mean_latent(generator, 1))


def test_training_goes_on_from_an_outcome(make_job, tmp_path) -> None:
    first = outcome_of(train_locally(make_job(), tmp_path / "run", DEVICE))
    generator, discriminator = new_networks(replace(PARAMS, start=str(first)), seed=5)
    assert same(dict(generator.state_dict()), load_network(first, "generator")[1])
    assert same(dict(discriminator.state_dict()), load_network(first, "discriminator")[1])


def test_a_smaller_generator_begins_as_the_coarse_layers_of_a_larger(tmp_path) -> None:
    large = Generator(32, 8, n_mlp=2, channel_max=6)
    save_network(tmp_path, "generator", large, large.config)
    small, _ = new_networks(replace(PARAMS, start=str(tmp_path)), seed=1)
    codes = torch.randn(2, large.n_styles, 8)
    with torch.no_grad():
        torch.testing.assert_close(small(codes[:, : small.n_styles]), large(codes, resolution=8))


def test_a_smaller_discriminator_begins_as_the_fine_to_coarse_rest_of_a_larger() -> None:
    torch.manual_seed(0)
    large, small = Discriminator(32, channel_max=6), Discriminator(8, channel_max=6)
    small.load_state_dict(smaller_discriminator(large.state_dict(), 32, small))
    features = torch.randn(2, 6, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(small.convs[1:](features), large.convs[3:](features))
        torch.testing.assert_close(small.final_conv[0].weight, large.final_conv[0].weight)


def test_a_start_of_other_sizes_is_refused(tmp_path) -> None:
    for resolution, width, message in ((8, 4, "is another network"), (8, 6, None)):
        network = Generator(resolution, 8, n_mlp=2, channel_max=width)
        save_network(tmp_path, "generator", network, network.config)
        params = replace(PARAMS, start=str(tmp_path))
        if message:
            with pytest.raises(TalkingError, match=message):
                new_networks(params, seed=1)
        with pytest.raises(TalkingError, match=r"holds networks of 8 pixels where gan.resolution is 16"):
            new_networks(replace(params, resolution=16), seed=1)


def test_mixed_codes_change_once_from_one_latent_to_another() -> None:
    generator = Generator(32, 8, n_mlp=1, channel_max=4)
    draw = torch.Generator().manual_seed(0)
    plain, mixed = (draw_codes(generator, 200, draw, mixing).detach() for mixing in (0.0, 1.0))
    changes = (mixed[:, 1:] != mixed[:, :-1]).any(dim=2)  # (B, L - 1)
    assert (plain == plain[:, :1]).all()
    assert changes.sum(dim=1).eq(1).all() and changes.any(dim=0).all()  # anywhere, once


def test_fresh_noise_differs_from_picture_to_picture_and_leaves_the_stored_maps() -> None:
    torch.manual_seed(0)
    generator = Generator(8, 8, n_mlp=1, channel_max=4)
    for name, parameter in generator.named_parameters():
        if name.endswith("noise.weight"):
            torch.nn.init.ones_(parameter)
    codes = torch.randn(1, generator.n_styles, 8).expand(2, -1, -1)
    stored = [held.clone() for held in generator.noises.buffers()]
    with torch.no_grad():
        fresh, kept = with_fresh_noise(generator, codes, torch.Generator().manual_seed(1)), generator(codes)
    assert not torch.allclose(fresh[0], fresh[1]) and torch.equal(kept[0], kept[1])
    assert all(torch.equal(held, before) for held, before in zip(generator.noises.buffers(), stored, strict=True))


def test_a_loss_that_is_no_number_stops_with_a_sentence(make_job) -> None:
    job, context = make_job(), MemoryContext(DEVICE)
    recipe = GanRecipe(job, context)
    with torch.no_grad():
        recipe.steps.generator.input.input.fill_(torch.nan)
    with pytest.raises(TalkingError, match=r"gan: the loss is nan at step 0: lower gan.lr"):
        train(recipe, job.settings, context)


def test_without_the_inception_network_there_is_no_fid(make_job, tmp_path) -> None:
    with pytest.raises(TalkingError, match=r"gan.inception is .* were not found"):
        train_locally(make_job(inception=str(tmp_path), steps=1), tmp_path / "run", DEVICE)
