"""The linear floor: recovers a linear map, tells what sound can predict from what it cannot."""

from dataclasses import replace

import numpy as np
import pytest

from talking.data.clips import ClipArrays
from talking.models.basis import Basis, Projector
from talking.models.ridge import Normal
from talking.systems.mm22.linear import (
    PENALTIES,
    LinearFit,
    explained_over_time,
    fit_linear,
    linear_inputs,
    regression_rows,
)

STYLES, WIDTH, K = 2, 6, 4


def projector(*, whiten: bool = True) -> Projector:
    rows = np.linalg.qr(np.random.default_rng(1).normal(size=(STYLES * WIDTH, K)))[0].T
    basis = Basis(
        components=rows.astype(np.float32),
        mean=np.linspace(-1, 1, STYLES * WIDTH, dtype=np.float32),
        variance=np.array([4.0, 1.0, 0.25, 9.0], np.float32),
        total_variance=20.0,
        n_styles=STYLES,
    )
    return Projector(basis, whiten=whiten)


def clip(number: int, frames: int = 60, *, offset: float = 0.0, scale: float = 1.0) -> ClipArrays:
    """Codes whose first two coefficients are linear in the sound, the last two noise but in identity frames."""
    rng = np.random.default_rng((2, number))
    windows = offset + scale * rng.normal(size=(frames, 12, 28)).astype(np.float32)
    told = windows.reshape(frames, -1)[:, :3] @ np.array([[1.0, 0.0], [0.5, -1.0], [0.0, 2.0]])
    noise = 2 * rng.normal(size=(frames, 2))
    noise[[0, frames // 2]] = 0
    codes = np.concatenate([told, noise], axis=1) @ projector().components.numpy()
    return ClipArrays(f"a_{number}", codes.reshape(frames, STYLES, WIDTH).astype(np.float32), windows)


@pytest.fixture(scope="module")
def fit() -> LinearFit:
    return fit_linear([clip(n) for n in range(40)], [clip(n) for n in range(100, 106)], projector())


def test_what_sound_tells_is_explained_and_noise_is_not(fit) -> None:
    assert fit.explained.shape == (K,)
    assert (fit.explained[:2] > 0.99).all() and (fit.explained[2:] < 0.01).all()


def test_the_map_from_sound_is_recovered(fit) -> None:
    scale = projector().scale.numpy()
    wanted = np.array([[1.0, 0.0], [0.5, -1.0], [0.0, 2.0]]) / scale[:2]
    np.testing.assert_allclose(fit.ridge.weights[:3, :2], wanted, atol=1e-2)
    assert np.abs(fit.ridge.weights[3:336, :2]).max() < 1e-2


def test_predictions_follow_frames_never_seen(fit) -> None:
    unseen = clip(500)
    inputs, targets = regression_rows(unseen, 0, projector())
    made = fit.ridge(inputs)
    assert np.corrcoef(made[:, 0], targets[:, 0])[0, 1] > 0.999
    assert abs(np.corrcoef(made[:, 3], targets[:, 3])[0, 1]) < 0.5


def test_the_penalty_that_explains_unseen_clips_best_is_chosen() -> None:
    few, validation = [clip(n, 20) for n in range(3)], [clip(n) for n in range(100, 104)]
    chosen = fit_linear(few, validation, projector())
    rows = [regression_rows(c, at, projector()) for c in few for at in (0, 10)]
    inputs, targets = (np.concatenate(part) for part in zip(*rows, strict=True))
    unseen = [regression_rows(c, 0, projector()) for c in validation]
    x = np.c_[inputs, np.ones(len(inputs))].astype(np.float64)
    shares = []
    for penalty in PENALTIES:
        scale = len(x) * x.var(axis=0)
        weights = np.linalg.solve(x.T @ x + penalty * np.diag(scale) + 1e-9 * np.eye(len(scale)), x.T @ targets)
        made = [np.c_[shown, np.ones(len(shown))] @ weights for shown, _ in unseen]
        miss = [(t - t.mean(0)) - (m - m.mean(0)) for (_, t), m in zip(unseen, made, strict=True)]
        gap = sum((part**2).sum(0) for part in miss) / sum(((t - t.mean(0)) ** 2).sum(0) for _, t in unseen)
        shares.append(np.clip(1 - gap, 0, 1))
    best = max(shares, key=lambda share: np.square(share).mean())
    assert len({round(float(np.square(share).mean()), 4) for share in shares}) > 1
    np.testing.assert_allclose(chosen.explained, best, atol=1e-4)


def told_clip(number: int, noise: float, frames: int = 60) -> ClipArrays:
    """Coefficients that are linear in all of the sound, by weights of variance 1, and noise but in identity frames."""
    rng = np.random.default_rng((5, number))
    windows = rng.normal(size=(frames, 12, 28)).astype(np.float32)
    told = windows.reshape(frames, -1) @ np.random.default_rng(6).normal(size=(336, K))
    errors = noise * rng.normal(size=(frames, K))
    errors[[0, frames // 2]] = 0
    codes = (told + errors) @ projector().components.numpy()
    return ClipArrays(f"b_{number}", codes.reshape(frames, STYLES, WIDTH).astype(np.float32), windows)


def test_the_best_penalty_lies_inside_where_theory_puts_it() -> None:
    """Of weights of variance 1 under noise of variance 60 the best penalty of 600 frames is 60 / 600 (Bayes)."""
    clips = [told_clip(n, 60**0.5) for n in range(14)]
    fit = fit_linear(clips[:10], clips[10:], projector())
    assert 0.01 - 1e-9 <= fit.penalty <= 1.0 and fit.warning == ""


@pytest.mark.parametrize(("sign", "penalty"), [(1, PENALTIES[0]), (-1, PENALTIES[-1])])
def test_a_penalty_at_an_end_of_the_grid_is_warned_of_in_one_sentence(sign, penalty) -> None:
    """Without noise every penalty costs; of sound that tells the opposite nothing is explained, whatever it costs."""
    clips = [told_clip(n, 0.0) for n in range(14)]
    opposite = [replace(validation, windows=sign * validation.windows) for validation in clips[10:]]
    fit = fit_linear(clips[:10], opposite, projector())
    assert fit.penalty == penalty
    assert fit.warning.startswith(f"warning: the linear floor's penalty {penalty:g} is an end of those tried")
    assert fit.warning.count(". ") == 0 and fit.warning.endswith(".")


def test_the_statistics_are_those_of_all_training_windows() -> None:
    clips = [clip(n, 10 + n, offset=3.0, scale=0.5) for n in range(6)]
    fit = fit_linear(clips, clips[:2], projector())
    every = np.concatenate([c.windows for c in clips])
    np.testing.assert_allclose(fit.window_mean, every.mean(axis=(0, 2)), rtol=1e-4)
    np.testing.assert_allclose(fit.window_std, every.std(axis=(0, 2)), rtol=1e-3)


@pytest.mark.parametrize("whiten", [True, False])
def test_rows_join_the_window_the_identity_and_the_displacements_coefficients(whiten) -> None:
    one, basis = clip(1, 5), projector(whiten=whiten)
    inputs, targets = regression_rows(one, 3, basis)
    assert inputs.shape == (5, 336 + K) and targets.shape == (5, K)
    scale = np.sqrt([4.0, 1.0, 0.25, 9.0]) if whiten else np.ones(4)
    flat, rows = one.codes.reshape(5, -1), basis.components.numpy()
    np.testing.assert_allclose(targets, (flat - flat[3]) @ rows.T / scale, atol=1e-5)
    np.testing.assert_allclose(inputs[2, :336], one.windows[2].ravel())
    np.testing.assert_allclose(inputs[2, 336:], (flat[3] - basis.mean.numpy()) @ rows.T / scale, atol=1e-5)
    assert np.array_equal(inputs, linear_inputs(one.windows, inputs[0, 336:]))


def test_the_training_clips_are_read_once_and_their_order_does_not_matter() -> None:
    clips, validation = [clip(n, 20) for n in range(8)], [clip(50)]
    forth = fit_linear(iter(clips), iter(validation), projector())
    back = fit_linear(clips[::-1], validation, projector())
    np.testing.assert_allclose(forth.ridge.weights, back.ridge.weights, atol=1e-3)


def test_a_saved_fit_comes_back_with_the_same_bits(fit, tmp_path) -> None:
    fit.save(tmp_path / "linear")
    loaded = LinearFit.load(tmp_path / "linear")
    assert np.array_equal(loaded.ridge.weights, fit.ridge.weights)
    for name in ("explained", "window_mean", "window_std", "identity_mean", "identity_std"):
        assert np.array_equal(getattr(loaded, name), getattr(fit, name))
    assert loaded.penalty == fit.penalty


def test_normal_equations_of_clips_add_up_to_those_of_all_frames() -> None:
    rows = [regression_rows(clip(n, 7), 0, projector()) for n in range(3)]
    parts = [Normal.of(*row) for row in rows]
    whole = Normal.of(*(np.concatenate(part) for part in zip(*rows, strict=True)))
    np.testing.assert_allclose((parts[0] + parts[1] + parts[2]).xx, whole.xx, rtol=1e-6, atol=1e-4)


def test_no_training_clip_is_an_error() -> None:
    with pytest.raises(ValueError, match="no training clips"):
        fit_linear([], [clip(1)], projector())


def test_a_rest_position_that_the_identity_tells_counts_for_nothing() -> None:
    """Each clip's third coefficient is constant and told by w_I alone, but for noise over time that nothing tells."""
    rng = np.random.default_rng(7)
    rows = []
    for _ in range(60):
        predicted = np.full((10, 1), 5 * rng.normal())
        rows.append((predicted, predicted + rng.normal(size=(10, 1))))
    (shares,) = explained_over_time([lambda inputs: inputs], rows)
    np.testing.assert_allclose(shares, 0, atol=1e-9)


def test_explained_is_the_coefficient_of_determination_about_each_clips_mean_and_never_below_zero() -> None:
    inputs = np.array([[0.0], [1.0], [2.0], [3.0]])
    targets = np.array([[0, 3, 0, 5], [1, 2, 1, 5], [2, 1, 2, 5], [3, 0, 5, 5]], float)

    def same(rows: np.ndarray) -> np.ndarray:
        return np.repeat(rows, 4, axis=1)

    (once,) = explained_over_time([same], [(inputs, targets)])
    np.testing.assert_allclose(once, [1.0, 0.0, 1 - 3 / 14, 0.0])
    elsewhere = [(inputs, targets), (inputs, targets + 100)]
    both = explained_over_time([same, lambda rows: 0 * same(rows)], elsewhere)
    np.testing.assert_allclose(both, [once, np.zeros(4)])
