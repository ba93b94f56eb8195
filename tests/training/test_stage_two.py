"""Stage two on a toy generator: it comes nearer to the frames, and changes nothing but its own copy."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import mse_loss

from talking.core.errors import TalkingError
from talking.losses.perceptual import PerceptualLoss
from talking.media.pixels import to_tensor
from talking.models.stylegan2 import Generator
from talking.systems.mm22 import stage_two
from talking.systems.mm22.params import StageTwo
from talking.systems.mm22.stage_two import Faces, evenly, settled, shares, synthesis_parameters, tune_generator
from talking.training.context import LocalContext

from .conftest import KilledError, MortalContext, same

PARAMS = StageTwo(
    adapt_on="clip",
    frames=75,
    steps=25,
    batch=3,
    lr=3e-3,
    betas=(0.9, 0.999),
    lambda_lpips=0.0,
    lambda_l2=1.0,
    mouth_weight=1.0,
    bf16=False,
    stop_after=None,
    smooth=0.9,
)


def generator() -> Generator:
    torch.manual_seed(0)
    return Generator(16, style_dim=8, n_mlp=1, channel_max=8).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def perceptual() -> PerceptualLoss:
    return PerceptualLoss("squeeze")


def speaker(frames: int = 4, size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Codes (T, 6, 8) and smooth pictures (T, size, size, 3)."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(40, 200, size)
    pictures = np.stack(
        [
            np.stack(
                [ramp[None] + 0 * ramp[:, None], ramp[:, None] + 0 * ramp, 0 * ramp + 20.0 * n + 0 * ramp[:, None]], -1
            )
            for n in range(frames)
        ]
    )
    return rng.normal(size=(frames, 6, 8)).astype(np.float32), pictures.astype(np.uint8)


def tune(network: Generator, perceptual: PerceptualLoss, seed: int = 1, **changes) -> tuple[Generator, list[float]]:
    return tune_generator(network, Faces(*speaker()), replace(PARAMS, **changes), perceptual, seed=seed)


def test_tuning_brings_the_generator_nearer_to_the_frames(perceptual) -> None:
    network = generator()
    tuned, losses = tune(network, perceptual)
    assert len(losses) == 25 and losses[-1] < 0.5 * losses[0]
    before, after = (mean_distance(net) for net in (network, tuned))
    assert after < 0.5 * before


def mean_distance(network: Generator) -> float:
    codes, pictures = speaker()
    shrunk = torch.nn.functional.avg_pool2d(to_tensor(pictures, torch.get_default_device()), 2)
    with torch.no_grad():
        return mse_loss(network(torch.from_numpy(codes)), shrunk).item()


def test_the_given_generator_and_the_mapping_network_stay_as_they_are(perceptual) -> None:
    network = generator()
    before = copy.deepcopy(network.state_dict())
    tuned, _ = tune(network, perceptual, steps=3)
    after = tuned.state_dict()
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert not any(p.requires_grad for p in network.parameters()) and not network.training
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed and not any(name.startswith(("style.", "noises.")) for name in changed)
    assert {"input.input", "conv1.conv.weight", "to_rgbs.0.conv.weight"} <= changed


def test_the_tuned_generator_is_ready_to_draw(perceptual) -> None:
    tuned, _ = tune(generator(), perceptual, steps=1)
    assert not tuned.training and not any(p.requires_grad for p in tuned.parameters())


def test_the_same_seed_gives_the_same_weights_and_another_does_not(perceptual) -> None:
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(len(states))
        states.append(tune(generator(), perceptual, seed=seed, steps=3)[0].state_dict())
    alike = [all(torch.equal(states[0][name], other[name]) for name in other) for other in states[1:]]
    assert alike == [True, False]


def test_the_loss_is_the_weighted_sum_of_lpips_and_squares(perceptual) -> None:
    network = generator()
    whole = tune(network, perceptual, steps=1, batch=4, lambda_lpips=2.0, lambda_l2=3.0)[1][0]
    codes, pictures = speaker()
    frames = torch.nn.functional.avg_pool2d(to_tensor(pictures, torch.get_default_device()), 2)
    with torch.no_grad():
        made = network(torch.from_numpy(codes))
        wanted = 2 * perceptual(made, frames).mean() + 3 * ((made - frames) ** 2).mean()
    assert whole == pytest.approx(wanted.item(), rel=1e-2)


def test_one_picture_is_enough_and_no_step_changes_nothing(perceptual) -> None:
    network, (codes, pictures) = generator(), speaker(1)
    tuned, losses = tune_generator(network, Faces(codes, pictures), replace(PARAMS, steps=0), perceptual, seed=1)
    assert losses == [] and tuned is not network
    assert all(torch.equal(tuned.state_dict()[name], value) for name, value in network.state_dict().items())
    tuned, losses = tune_generator(network, Faces(codes, pictures), replace(PARAMS, steps=10), perceptual, seed=1)
    assert losses[-1] < losses[0]


def test_codes_of_half_precision_are_taken(perceptual) -> None:
    codes, pictures = speaker(2)
    _, losses = tune_generator(
        generator(), Faces(codes.astype(np.float16), pictures), replace(PARAMS, steps=1), perceptual, seed=1
    )
    assert np.isfinite(losses).all()


def test_a_loss_that_is_no_number_stops_with_a_sentence(perceptual) -> None:
    codes, pictures = speaker(2)
    with pytest.raises(TalkingError, match=r"stage_two: the loss is nan at step 0: lower stage_two.lr"):
        tune_generator(generator(), Faces(codes * np.nan, pictures), PARAMS, perceptual, seed=1)


def test_what_is_tuned_is_all_but_the_mapping_network() -> None:
    network = generator()
    every, mapping = (sum(p.numel() for p in part.parameters()) for part in (network, network.style))
    assert mapping > 0 and sum(p.numel() for p in synthesis_parameters(network)) == every - mapping


def test_a_weight_on_the_mouth_brings_it_nearer_than_the_rest(perceptual) -> None:
    codes, pictures = speaker()
    landmarks = np.full((len(codes), 68, 2), 4.0, np.float32)
    landmarks[:, 48:] = np.random.default_rng(1).uniform(18, 24, (len(codes), 20, 2))  # the box: 16.5 to 25.5 pixels
    wanted = torch.nn.functional.avg_pool2d(to_tensor(pictures, torch.get_default_device()), 2)
    shares = []
    for weight in (1.0, 30.0):
        params = replace(PARAMS, steps=12, mouth_weight=weight)
        tuned, _ = tune_generator(generator(), Faces(codes, pictures, landmarks), params, perceptual, seed=1)
        with torch.no_grad():
            error = (tuned(torch.from_numpy(codes)) - wanted).square().mean(dim=(0, 1))
        shares.append((error[9:13, 9:13].mean() / error.mean()).item())
    assert shares[1] < 0.8 * shares[0]


def test_in_bfloat16_it_learns_as_well(perceptual) -> None:
    network = generator()
    whole, half = (mean_distance(tune(network, perceptual, bf16=bf16)[0]) for bf16 in (False, True))
    assert half < 1.1 * whole


def test_it_ends_when_the_losses_have_settled(perceptual) -> None:
    _, losses = tune(generator(), perceptual, steps=200, lr=1e-12, batch=4, stop_after=5)
    assert len(losses) < 40
    _, losses = tune(generator(), perceptual, steps=15, stop_after=5)
    assert len(losses) == 15 and losses[-1] < losses[0]


def test_losses_have_settled_when_their_average_was_lowest_long_ago() -> None:
    assert not settled([3.0, 2.0, 1.0, 0.5], 2, 0.9)
    assert settled([1.0, 2.0, 2.0], 2, 0.9) and not settled([1.0, 2.0], 2, 0.9)
    assert not settled([1.0, 2.0, 2.0], None, 0.9)
    assert not settled([1.0, 1.1, 0.5, 0.5], 2, 0.9)  # one worse step is not the end


@given(st.integers(0, 130), st.integers(1, 60))
def test_frames_are_shared_among_clips_as_alike_as_can_be(frames: int, clips: int) -> None:
    taken = shares(frames, clips)
    assert (len(taken), sum(taken)) == (clips, frames)
    assert max(taken) - min(taken) <= 1


def test_frames_are_spread_over_a_clip_from_its_first() -> None:
    assert evenly(3, 75).tolist() == [0, 25, 50]
    assert evenly(1, 75).tolist() == [0]
    assert evenly(75, 75).tolist() == evenly(125, 75).tolist() == list(range(75))


@pytest.mark.parametrize("life", [0, 1, 3])
def test_a_killed_tuning_resumes_to_the_state_of_an_undisturbed_one(perceptual, tmp_path, monkeypatch, life) -> None:
    monkeypatch.setattr(stage_two, "SAVE_EVERY", 3)
    params, faces = replace(PARAMS, steps=11, lambda_lpips=1.0), Faces(*speaker())

    def tuned(context: LocalContext | None) -> tuple[Generator, list[float]]:
        return tune_generator(generator(), faces, params, perceptual, seed=1, context=context)

    whole, losses = tuned(None)
    with pytest.raises(KilledError):
        tuned(MortalContext(tmp_path, life))
    kept = sorted(tmp_path.glob("checkpoint-*"))
    assert len(kept) == min(life, 1)
    torch.manual_seed(1234)
    resumed, again = tuned(LocalContext(tmp_path, torch.get_default_device()))
    assert again == losses and len(losses) == 11
    assert same(dict(resumed.state_dict()), dict(whole.state_dict()))
