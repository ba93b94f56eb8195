"""Training E_I on a fixed G: the loss is that of the thesis, the encoder learns, and it resumes to the bit."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torchvision

from talking.core.errors import TalkingError
from talking.data.shards import ClipStatus, Sample, encode_array, write_index, write_shard
from talking.losses.perceptual import PerceptualLoss
from talking.media.pixels import to_frames
from talking.models.backbone import Backbone
from talking.models.resnet_encoder import ResNetEncoder
from talking.models.stored import save_network
from talking.models.stylegan2 import Generator
from talking.systems.backbone.encoder import OUTCOME, EncoderJob, EncoderRecipe, load_imagenet, new_pair
from talking.systems.backbone.encoder_loss import EncoderLoss, Inversion
from talking.systems.backbone.gan import mean_latent
from talking.systems.backbone.params import Encoder
from talking.training.context import MemoryContext, train_locally
from talking.training.loop import train
from talking.training.pictures import PictureSource

from .conftest import KilledError, MortalContext, same, state_of

DEVICE = torch.get_default_device()
PARAMS = Encoder(
    kind="resnet",
    width=4,
    stem="small",
    stem_stride=1,
    pool=1,
    input_size=None,
    imagenet=None,
    steps=5,
    batch=4,
    lr=2e-3,
    betas=(0.9, 0.999),
    lambda_l2=1.0,
    lambda_lpips=0.0,
    lpips_net="squeeze",
    lpips_trunk=None,
    lambda_identity=0.0,
    arcface=None,
    lambda_known=0.5,
    known=2,
    known_mixing=0.9,
    shown=8,
    mirror=True,
    ema=0.9,
    bf16=False,
    report_every=1,
    save_every=2,
)


def write_faces(folder: Path, pictures: np.ndarray) -> None:
    """A face set of given pictures (N, R, R, 3) uint8."""
    samples = []
    for number, picture in enumerate(pictures):
        encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()
        landmarks = encode_array(np.zeros((68, 2), np.float32))
        samples.append(Sample(f"f_{number}", {"image.png": encoded, "landmarks.npy": landmarks}))
    row = write_shard(folder / "faces-000.tar", samples)
    write_index(folder, [row], [ClipStatus(sample.key, "f", row.shard, "ok") for sample in samples])


@pytest.fixture
def make_job(tmp_path) -> Callable[..., EncoderJob]:
    """A job with changed params."""
    return jobs_in(tmp_path)


def jobs_in(folder: Path) -> Callable[..., EncoderJob]:
    """A job whose pictures are drawn by the generator that is to be inverted, so that it can be."""
    torch.manual_seed(5)
    generator = Generator(16, 8, n_mlp=2, channel_max=8)
    save_network(folder / "generator", "generator", generator, generator.config)
    save_network(folder / "generator", "latent_avg", {"latent_avg": mean_latent(generator, 1)}, {})
    with torch.no_grad():
        w = generator.map(torch.randn(120, 8))
        pictures = to_frames(generator(w[:, None].expand(-1, generator.n_styles, -1)))
    write_faces(folder / "faces", pictures)

    def make(**changes) -> EncoderJob:
        source = PictureSource(folder / "faces", held_out=20)
        return EncoderJob(replace(PARAMS, **changes), 1, source, folder / "generator", folder / "scratch")

    return make


@pytest.mark.parametrize("life", [0, 2, 3])
def test_a_killed_training_resumes_to_the_state_of_an_undisturbed_one(make_job, tmp_path, life) -> None:
    job = make_job()
    whole = train_locally(job, tmp_path / "whole", DEVICE)
    with pytest.raises(KilledError):
        job(MortalContext(tmp_path / "killed", life))
    torch.manual_seed(1234)
    resumed = train_locally(job, tmp_path / "killed", DEVICE)
    assert same(state_of(resumed), state_of(whole)) and resumed.history == whole.history
    assert [row["step"] for row in whole.history] == [1, 2, 3, 4, 5]
    assert [row["step"] for row in whole.history if "held_out_psnr" in row] == [2, 4, 5]


def test_another_seed_gives_other_weights(make_job, tmp_path) -> None:
    job = make_job(steps=2)
    first = train_locally(job, tmp_path / "first", DEVICE)
    other = train_locally(replace(job, seed=2), tmp_path / "other", DEVICE)
    assert not same(state_of(first)["parts"]["encoder"], state_of(other)["parts"]["encoder"])


def test_it_learns_to_invert_pictures_it_has_not_seen(make_job, tmp_path) -> None:
    job = make_job(steps=150, batch=16, known=8, report_every=50, save_every=149)
    untrained = train_locally(replace(job, params=replace(job.params, steps=1)), tmp_path / "begin", DEVICE)
    result = train_locally(job, tmp_path / "run", DEVICE)
    assert result.history[-1]["held_out_psnr"] > untrained.history[-1]["held_out_psnr"] + 3
    assert result.history[-1]["train_known"] < 0.8 * result.history[0]["train_known"]


def test_the_outcome_is_a_backbone_with_the_generator_untouched(make_job, tmp_path) -> None:
    job = make_job(input_size=32)
    result = train_locally(job, tmp_path / "run", DEVICE)
    assert result.checkpoint is not None
    pair, begun = Backbone.load(result.checkpoint / OUTCOME), new_pair(job)
    assert same(dict(pair.generator.state_dict()), dict(begun.generator.state_dict()))
    assert same(dict(pair.encoder.state_dict()), dict(state_of(result)["parts"]["encoder.ema"]))
    assert torch.equal(pair.latent_avg, begun.latent_avg) and pair.input_size == 32
    assert pair(torch.zeros(1, 3, 64, 64)).shape == (1, 3, 16, 16)


def test_the_loss_is_equation_3_3() -> None:
    made, true = (torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(n)) * 2 - 1 for n in (1, 2))
    params = replace(PARAMS, lambda_l2=2.0, lambda_lpips=3.0)
    terms = EncoderLoss(params, seed=4)(Inversion(true, made))
    perceptual = PerceptualLoss("squeeze", seed=4)(made, true).mean()
    assert terms["l2"].item() == pytest.approx(float(((made - true) ** 2).mean()), rel=1e-5)
    assert terms["lpips"].item() == pytest.approx(perceptual.item(), rel=1e-5)
    assert terms["loss"].item() == pytest.approx(2 * terms["l2"].item() + 3 * perceptual.item(), rel=1e-5)


def test_known_codes_add_their_own_term() -> None:
    same_picture = torch.zeros(1, 3, 64, 64)
    known = torch.zeros(2, 6, 8)
    terms = EncoderLoss(PARAMS, seed=1)(Inversion(same_picture, same_picture, known, known + 2))
    assert terms["known"].item() == 4 and terms["loss"].item() == pytest.approx(0.5 * 4)


def test_a_loss_that_is_no_number_stops_with_a_sentence(make_job) -> None:
    job, context = make_job(), MemoryContext(DEVICE)
    recipe = EncoderRecipe(job, context)
    with torch.no_grad():
        recipe.pair.generator.input.input.fill_(torch.nan)
    with pytest.raises(TalkingError, match=r"encoder: the loss is nan at step 0: lower encoder.lr"):
        train(recipe, job.settings, context)


def test_imagenet_weights_of_torchvision_fit_the_thesis_encoder(tmp_path) -> None:
    torch.manual_seed(0)
    published = torchvision.models.resnet18(weights=None)
    torch.save(published.state_dict(), tmp_path / "resnet18.pth")
    encoder = ResNetEncoder(4, 8, width=64, stem="imagenet")
    load_imagenet(encoder, tmp_path / "resnet18.pth")
    picture = torch.rand(1, 3, 64, 64)
    seen: list[torch.Tensor] = []
    for network in (encoder.eval(), published.eval()):
        network.layer4.register_forward_hook(lambda _module, _inputs, out: seen.append(out))
        with torch.no_grad():
            network(picture)
    torch.testing.assert_close(seen[0], seen[1])
    with pytest.raises(TalkingError, match=r"has no fitting .*: give torchvision's resnet18"):
        load_imagenet(ResNetEncoder(4, 8, width=8), tmp_path / "resnet18.pth")


def test_the_untrained_encoder_begins_near_the_mean_face(make_job) -> None:
    pair = new_pair(make_job()).eval()
    with torch.no_grad():
        codes = pair.invert(torch.rand(4, 3, 16, 16) * 2 - 1)
    assert (codes - pair.latent_avg).abs().max() < 0.5


def test_psp_is_refused_for_a_generator_it_cannot_serve(make_job) -> None:
    with pytest.raises(TalkingError, match="psp needs a generator of 512 numbers"):
        new_pair(make_job(kind="psp"))
