"""Stage one on a toy: it learns what sound tells, repeats itself, and resumes as if nothing had happened."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from talking.core.errors import TalkingError
from talking.data.clips import ClipArrays
from talking.models.backbone import Backbone
from talking.models.basis import Basis, Projector
from talking.models.resnet_encoder import ResNetEncoder
from talking.models.stylegan2 import Generator
from talking.systems.mm22.linear import LinearFit, fit_linear
from talking.systems.mm22.losses import mouth_of
from talking.systems.mm22.stage_one import BEST, StageOneRecipe, component_weights, losses_of, new_model
from talking.systems.mm22.talking_head import TalkingHead
from talking.training.context import LocalContext, MemoryContext, TrainResult, train_locally
from talking.training.loop import CHECKPOINT, Loop

from .conftest import KilledError, MortalContext

DEVICE = torch.get_default_device()


def weights_of(result: TrainResult) -> dict[str, torch.Tensor]:
    assert result.checkpoint is not None
    parts = torch.load(result.checkpoint / CHECKPOINT, weights_only=True)["parts"]
    best = TalkingHead.load(result.checkpoint / BEST).state_dict()
    return (
        parts["model"]
        | {f"ema.{k}": v for k, v in parts["model.ema"].items()}
        | {f"best.{k}": v for k, v in best.items()}
    )


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


def test_the_right_sound_becomes_better_than_the_start_and_than_the_wrong_sound(make_job, tmp_path) -> None:
    job = make_job(steps=60, validate_every=20, batch=12, lr=5e-3, hidden=64, ema=0.8)
    history = train_locally(job, tmp_path / "run", DEVICE).history
    assert [row["step"] for row in history] == [20, 40, 60]
    assert history[-1]["validation_latent"] < 0.6 * history[0]["validation_latent"]
    assert history[-1]["validation_latent"] < 0.6 * history[-1]["validation_wrong_audio"]
    assert history[-1]["train_latent"] < 0.6 * history[0]["train_latent"]


def test_the_best_by_validation_is_kept(make_job, tmp_path) -> None:
    job = make_job(steps=40, validate_every=5, lr=0.02)
    result = train_locally(job, tmp_path / "run", DEVICE)
    losses = [row["validation_latent"] for row in result.history]
    assert result.checkpoint is not None
    model = TalkingHead.load(result.checkpoint / BEST)
    recipe = StageOneRecipe(job, MemoryContext(DEVICE))
    assert recipe.validate({"model": model}, 0)["validation_latent"] == pytest.approx(min(losses), rel=1e-5)


@pytest.mark.parametrize("changes", [{}, {"target": "codes", "latent_norm": "norm", "component_weights": "none"}])
def test_the_same_seed_gives_the_same_weights_and_another_does_not(make_job, tmp_path, changes) -> None:
    job = make_job(**changes)
    torch.manual_seed(99)
    first = weights_of(train_locally(job, tmp_path / "first", DEVICE))
    torch.manual_seed(3)
    again = weights_of(train_locally(job, tmp_path / "again", DEVICE))
    other = weights_of(train_locally(replace(job, seed=2), tmp_path / "other", DEVICE))
    assert same(first, again) and not same(first, other)


@pytest.mark.parametrize("life", [0, 1, 2])
def test_resume_parity(make_job, tmp_path, life) -> None:
    job = make_job(steps=7)
    whole = train_locally(job, tmp_path / "whole", DEVICE)
    with pytest.raises(KilledError):
        job(MortalContext(tmp_path / "killed", life))
    torch.manual_seed(1234)
    resumed = train_locally(job, tmp_path / "killed", DEVICE)
    assert same(weights_of(resumed), weights_of(whole))
    assert resumed.history == whole.history
    assert [row["step"] for row in whole.history] == [2, 4, 6, 7]


def test_the_best_so_far_outlives_a_kill(make_job, tmp_path) -> None:
    job = make_job(steps=4)
    with pytest.raises(KilledError):
        job(MortalContext(tmp_path / "run", 1))
    state_file = tmp_path / "run" / "checkpoint-000000" / CHECKPOINT
    state = torch.load(state_file, weights_only=True)
    unbeatable = {name: torch.full_like(value, 0.5) for name, value in state["best_ema"]["model"].items()}
    torch.save(state | {"best": -1.0, "best_ema": {"model": unbeatable}}, state_file)
    result = train_locally(job, tmp_path / "run", DEVICE)
    assert result.checkpoint is not None
    assert same(TalkingHead.load(result.checkpoint / BEST).state_dict(), unbeatable)


def test_a_finished_training_that_is_run_again_stays_as_it_is(make_job, tmp_path) -> None:
    job = make_job(steps=3, validate_every=1)
    first = train_locally(job, tmp_path / "run", DEVICE)
    before = weights_of(first)
    again = train_locally(job, tmp_path / "run", DEVICE)
    assert same(before, weights_of(again)) and again.history == first.history


def test_the_last_losses_are_means_over_the_steps_since_the_report_before(make_job, tmp_path) -> None:
    job = make_job(lr=1e-12, steps=5, validate_every=4, audio_noise=0.0)
    history = train_locally(job, tmp_path / "run", DEVICE).history
    assert history[1]["train_loss"] == pytest.approx(history[0]["train_loss"], rel=0.5)
    assert history[1]["train_loss"] == pytest.approx(history[1]["train_latent"], rel=1e-6)


def test_a_loss_that_is_no_number_stops_with_a_sentence(make_job, tmp_path) -> None:
    job = make_job(lambda_latent=float("nan"))
    with pytest.raises(TalkingError, match=r"loss is nan at step 0: lower stage_one.lr"):
        train_locally(job, tmp_path / "run", DEVICE)


def test_without_a_validation_clip_it_does_not_begin(make_job, tmp_path) -> None:
    with pytest.raises(TalkingError, match="no validation clip is usable"):
        train_locally(replace(make_job(), validation=("x_1",)), tmp_path / "run", DEVICE)


def small_backbone(folder: Path) -> Path:
    torch.manual_seed(0)
    generator = Generator(16, style_dim=8, n_mlp=1, channel_max=4)
    encoder = ResNetEncoder(6, 8, width=4, stem="small")
    Backbone(generator, encoder, torch.zeros(6, 8)).save(folder)
    return folder


def test_pictures_have_a_say_through_the_generator(make_job, tmp_path) -> None:
    job = make_job(styles=6, backbone=small_backbone(tmp_path / "backbone"), lambda_lpips=5.0, steps=2, batch=2)
    seen = train_locally(job, tmp_path / "seen", DEVICE)
    blind = train_locally(replace(job, params=replace(job.params, lambda_lpips=0.0)), tmp_path / "blind", DEVICE)
    row = seen.history[0]
    assert row["train_loss"] == pytest.approx(row["train_latent"] + 5 * row["train_lpips"], rel=1e-5)
    assert row["train_lpips"] > 0 and "train_lpips" not in blind.history[0]
    assert not same(weights_of(seen), weights_of(blind))
    assert same(weights_of(seen), weights_of(train_locally(job, tmp_path / "again", DEVICE)))


def test_the_model_carries_the_basis_and_the_windows_statistics(make_job, tmp_path) -> None:
    job = make_job(steps=1)
    result = train_locally(job, tmp_path / "run", DEVICE)
    assert result.checkpoint is not None
    model, basis, fit = TalkingHead.load(result.checkpoint / BEST), Basis.load(job.basis), LinearFit.load(job.linear)
    assert np.array_equal(model.projector.components, basis.components)
    np.testing.assert_allclose(model.projector.scale, np.sqrt(basis.variance), rtol=1e-6)
    assert np.array_equal(model.window_mean[:, 0], fit.window_mean)
    assert np.array_equal(model.window_std[:, 0], fit.window_std)


def test_components_count_by_what_sound_explains_and_alike_when_it_explains_nothing() -> None:
    shares = np.array([0.6, 0.2, 0.0, 0.0], np.float32)
    np.testing.assert_allclose(component_weights(shares, "predictability"), [3, 1, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(component_weights(shares, "predictability_squared"), [3.6, 0.4, 0, 0], rtol=1e-6)
    for weights in (component_weights(shares, "none"), component_weights(0 * shares, "predictability")):
        assert weights.tolist() == [1, 1, 1, 1]


def test_losses_are_told_apart_from_the_step() -> None:
    row = {"step": 3.0, "train_loss": 1.0, "validation_latent": 2.0, "other": 5.0}
    assert losses_of([row]) == [(3, {"train_loss": 1.0, "validation_latent": 2.0})]


def test_training_ends_when_validation_has_not_improved_for_long(make_job, tmp_path) -> None:
    job = make_job(steps=40, validate_every=1, lr=0.5, stop_after=3)
    history = train_locally(job, tmp_path / "run", DEVICE).history
    losses = [row["validation_latent"] for row in history]
    assert len(history) < 40 and min(losses) == losses[-4]
    again = train_locally(job, tmp_path / "run", DEVICE)
    assert again.history == history


def test_the_best_may_be_judged_by_motion_alone_where_a_face_rests_counting_for_nothing(make_job, tmp_path) -> None:
    job = make_job(steps=30, validate_every=5, best_by="moving", lr=1e-2)
    recipe = StageOneRecipe(job, MemoryContext(DEVICE))
    resting = recipe.model.latent_decoder.layers[-1].bias
    before = recipe.validate(recipe.networks, 0)
    with torch.no_grad():
        resting += 5
    after = recipe.validate(recipe.networks, 0)
    assert after["validation_latent"] > before["validation_latent"] + 5
    assert after["validation_moving"] == pytest.approx(before["validation_moving"], rel=1e-4)
    history = train_locally(job, tmp_path / "whole", DEVICE).history
    context = LocalContext(tmp_path / "whole", DEVICE)
    kept = Loop(StageOneRecipe(job, context), job.settings, context)
    kept.resume()
    assert kept.best == min(row["validation_moving"] for row in history)


def test_the_rate_is_halved_on_a_plateau_and_a_resume_knows_it(make_job, tmp_path) -> None:
    job = make_job(steps=7, validate_every=1, halve_after=2)
    context = MemoryContext(DEVICE)
    loop = Loop(StageOneRecipe(job, context), job.settings, context)
    for loss in (1.0, 2.0, 2.0, 2.0, 2.0, 0.5, 0.6):
        loop._judge({"validation_latent": loss, "validation_moving": -1.0})
    assert (loop.factor, loop.stale, loop.best) == (0.25, 1, 0.5)
    whole = train_locally(replace(job, params=replace(job.params, lr=0.3)), tmp_path / "whole", DEVICE)
    with pytest.raises(KilledError):
        replace(job, params=replace(job.params, lr=0.3))(MortalContext(tmp_path / "killed", 4))
    resumed = train_locally(replace(job, params=replace(job.params, lr=0.3)), tmp_path / "killed", DEVICE)
    assert same(weights_of(resumed), weights_of(whole))


def test_speed_counts_where_it_is_asked_for(make_job, tmp_path) -> None:
    job = make_job(steps=2, lambda_speed=3.0)
    row = train_locally(job, tmp_path / "run", DEVICE).history[0]
    assert row["train_loss"] == pytest.approx(row["train_latent"] + 3 * row["train_speed"], rel=1e-5)
    assert row["train_speed"] > 0


def test_pictures_may_wait_until_codes_have_settled(make_job, tmp_path) -> None:
    backbone = small_backbone(tmp_path / "backbone")
    job = make_job(styles=6, backbone=backbone, lambda_lpips=5.0, steps=4, batch=2, lpips_from=2)
    first, second = train_locally(job, tmp_path / "run", DEVICE).history
    assert "train_lpips" not in first and second["train_lpips"] > 0


def test_in_bfloat16_it_learns_nearly_the_same(make_job, tmp_path) -> None:
    """Over half of a short training: rounding errors grow from step to step, and differ between processors."""
    curves = []
    for bf16 in (False, True):
        job = make_job(steps=40, validate_every=4, batch=12, lr=5e-3, hidden=64, ema=0.8, bf16=bf16)
        history = train_locally(job, tmp_path / str(bf16), DEVICE).history[:5]
        curves.append([row["validation_latent"] for row in history])
    assert curves[0][-1] < 0.85 * curves[0][0]
    assert curves[1] == pytest.approx(curves[0], rel=0.05)


@pytest.mark.parametrize("accumulate", [2, 4])
def test_gradients_summed_over_batches_are_those_of_one_large_batch(make_job, tmp_path, accumulate) -> None:
    whole = train_locally(make_job(steps=4, batch=4, validate_every=1), tmp_path / "whole", DEVICE)
    parts = make_job(steps=4, batch=4 // accumulate, accumulate=accumulate, validate_every=1)
    summed = train_locally(parts, tmp_path / "parts", DEVICE)
    for one, other in zip(whole.history, summed.history, strict=True):
        assert other == pytest.approx(one, rel=1e-3)
    with pytest.raises(KilledError):
        parts(MortalContext(tmp_path / "killed", 2))
    assert same(weights_of(train_locally(parts, tmp_path / "killed", DEVICE)), weights_of(summed))


def test_a_checkpoint_holds_all_that_a_resume_needs(make_job, tmp_path) -> None:
    result = train_locally(make_job(steps=3), tmp_path / "run", DEVICE)
    assert result.checkpoint is not None
    state = torch.load(result.checkpoint / CHECKPOINT, weights_only=True)
    assert state.keys() == {
        *("parts", "step", "random", "best", "best_ema", "stale", "factor", "recipe"),
    }
    assert state["parts"].keys() == {"model", "model.ema", "model.optimizer"} and state["step"] == 3
    assert len(state["random"]["cpu"]) == 1


def test_pictures_may_be_looked_at_now_and_then_with_as_much_more_weight(make_job, tmp_path) -> None:
    backbone = small_backbone(tmp_path / "backbone")
    job = make_job(styles=6, backbone=backbone, lambda_lpips=5.0, steps=3, batch=2, lpips_every=2, validate_every=1)
    first, second, third = train_locally(job, tmp_path / "run", DEVICE).history
    assert first["train_loss"] == pytest.approx(first["train_latent"] + 10 * first["train_lpips"], rel=1e-5)
    assert "train_lpips" not in second and third["train_lpips"] > 0
    rarely = train_locally(
        replace(job, params=replace(job.params, validate_every=3, steps=3)), tmp_path / "rarely", DEVICE
    )
    (row,) = rarely.history
    assert row["train_lpips"] == pytest.approx((first["train_lpips"] + third["train_lpips"]) / 2, rel=1e-4)
    assert row["train_latent"] == pytest.approx(
        (first["train_latent"] + second["train_latent"] + third["train_latent"]) / 3, rel=1e-4
    )


def test_the_mouth_may_count_beside_lpips(make_job, tmp_path) -> None:
    backbone = small_backbone(tmp_path / "backbone")
    job = make_job(styles=6, backbone=backbone, lambda_lpips=5.0, steps=1, batch=2, validate_every=1)
    rows = [
        train_locally(
            replace(job, params=replace(job.params, lambda_mouth=weight)), tmp_path / f"{weight}", DEVICE
        ).history[0]
        for weight in (0.0, 10.0, 20.0)
    ]
    more = [row["train_loss"] - rows[0]["train_loss"] for row in rows]
    assert more[1] > 0 and more[2] == pytest.approx(2 * more[1], rel=1e-3)


def test_pictures_differ_at_the_mouth_alone_where_the_mouth_alone_differs() -> None:
    pictures = torch.zeros(1, 3, 100, 100)
    pictures[..., 60:85, 32:68] = 1.0
    assert mouth_of(pictures).shape == (1, 3, 25, 36) and mouth_of(pictures).min() == 1


@pytest.mark.parametrize(("coefficients", "steps"), [(12, 20), (19, 28)])
def test_windows_of_other_sizes_go_through(make_job, coefficients, steps) -> None:
    job, rng = make_job(), np.random.default_rng(0)
    clips = [
        ClipArrays(f"a_{n}", rng.normal(size=(9, 2, 8)).astype("f4"), rng.normal(size=(9, coefficients, steps)))
        for n in range(3)
    ]
    fit = fit_linear(clips[:2], clips[2:], Projector(Basis.load(job.basis), whiten=True))
    model = new_model(job, fit)
    windows = torch.from_numpy(clips[2].windows[None]).float()
    assert (model.size.n_coefficients, model.size.n_steps) == (coefficients, steps)
    assert model.coefficients(windows, torch.from_numpy(clips[2].codes[:1])).shape == (1, 9, 3)
