"""The basis V against NumPy's singular value decomposition, and projection by it."""

import numpy as np
import pytest
import torch

from talking.core.errors import TalkingError
from talking.core.moments import Moments
from talking.models.basis import Basis, Projector, code_rows, displacement_rows, fit_basis

STYLES, WIDTH = 2, 6


def rows_of(count: int = 200, seed: int = 0) -> np.ndarray:
    """Rows (N, 12) with a mean and well separated variances."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(12, 12)))[0]
    return rng.normal(size=(count, 12)) * (2.0 ** -np.arange(12)) @ turn + np.arange(12)


def basis_of(components: int = 4) -> Basis:
    return fit_basis(Moments.of(rows_of()), components, STYLES)


def test_components_are_those_of_the_singular_value_decomposition() -> None:
    rows, basis = rows_of(), basis_of(4)
    values, directions = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)[1:]
    alike = np.abs(np.sum(basis.components * directions[:4], axis=1))
    np.testing.assert_allclose(alike, 1, atol=1e-6)
    np.testing.assert_allclose(basis.variance, values[:4] ** 2 / (len(rows) - 1), rtol=1e-5)
    np.testing.assert_allclose(basis.mean, rows.mean(axis=0), rtol=1e-6)
    assert basis.total_variance == pytest.approx((values**2).sum() / (len(rows) - 1))
    assert basis.explained == pytest.approx((values[:4] ** 2).sum() / (values**2).sum(), rel=1e-5)


@pytest.mark.parametrize("count", [5, 6])
def test_few_rows_have_the_components_of_the_singular_value_decomposition_down_to_the_last(count) -> None:
    rows = rows_of(count)
    basis = fit_basis(Moments.of(rows), count - 1, STYLES)
    values, directions = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)[1:]
    alike = np.abs(np.sum(basis.components * directions[: count - 1], axis=1))
    np.testing.assert_allclose(alike, 1, atol=1e-6)
    np.testing.assert_allclose(basis.variance, values[: count - 1] ** 2 / (count - 1), rtol=1e-5)
    assert basis.explained == pytest.approx(1, abs=1e-6)


def test_components_are_orthonormal_in_falling_order_with_a_fixed_sign() -> None:
    basis = basis_of(6)
    np.testing.assert_allclose(basis.components @ basis.components.T, np.eye(6), atol=1e-6)
    assert (np.diff(basis.variance) < 0).all()
    largest = np.abs(basis.components).argmax(axis=1)
    assert (basis.components[np.arange(6), largest] > 0).all()
    turned = fit_basis(Moments.of(-rows_of()), 6, STYLES)
    np.testing.assert_allclose(turned.components, basis.components, atol=1e-5)


def test_all_components_span_everything() -> None:
    assert basis_of(12).explained == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("count", "components", "most"), [(200, 13, 12), (5, 5, 4), (1, 1, 0)])
def test_more_components_than_directions_are_refused(count, components, most) -> None:
    message = f"pca.components is {components}, but {count} codes of 12 numbers span at most {most} directions"
    with pytest.raises(TalkingError, match=message):
        fit_basis(Moments.of(rows_of(count)), components, STYLES)


def test_a_clips_displacements_are_differences_from_its_mean_code() -> None:
    codes = rows_of(7).reshape(7, STYLES, WIDTH).astype(np.float16)
    rows = displacement_rows(codes)
    assert rows.shape == (7, 12) and rows.dtype == np.float64
    np.testing.assert_allclose(rows.sum(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(rows[3] - rows[2], codes[3].ravel().astype(float) - codes[2].ravel().astype(float))
    assert np.array_equal(code_rows(codes)[4], codes[4].ravel())


@pytest.mark.parametrize("whiten", [True, False])
def test_displacements_in_the_span_come_back(whiten) -> None:
    projector = Projector(basis_of(4), whiten=whiten)
    coefficients = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))
    displacements = projector.displacements(coefficients)
    assert displacements.shape == (2, 5, STYLES, WIDTH)
    torch.testing.assert_close(projector.coefficients(displacements), coefficients, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(projector.displacements(projector.coefficients(displacements)), displacements)


def test_what_lies_outside_the_span_is_dropped() -> None:
    whole, basis = basis_of(12), basis_of(4)
    outside = torch.from_numpy(whole.components[7]).reshape(1, 1, STYLES, WIDTH)
    assert Projector(basis, whiten=False).coefficients(outside).abs().max() < 1e-5


def test_whitened_coefficients_of_the_data_have_unit_variance_and_no_correlation() -> None:
    rows = rows_of()
    centred = torch.from_numpy(rows - rows.mean(axis=0)).float().reshape(1, -1, STYLES, WIDTH)
    found = Projector(basis_of(5), whiten=True).coefficients(centred)[0].numpy()
    np.testing.assert_allclose(np.cov(found.T), np.eye(5), atol=1e-4)


def test_the_mean_is_taken_off_identity_codes_and_not_off_displacements() -> None:
    basis = basis_of(4)
    projector, mean = Projector(basis, whiten=True), torch.from_numpy(basis.mean).reshape(1, STYLES, WIDTH)
    assert projector.identity(mean).abs().max() < 1e-6
    assert projector.coefficients(torch.zeros(1, 3, STYLES, WIDTH)).abs().max() == 0
    torch.testing.assert_close(
        projector.identity(mean + 1), projector.coefficients(torch.ones(1, 1, STYLES, WIDTH))[0], atol=1e-5, rtol=1e-5
    )


def test_equation_1_holds_by_hand() -> None:
    basis = Basis(
        components=np.array([[1, 0, 0, 0], [0, 0, 0, 1]], np.float32),
        mean=np.zeros(4, np.float32),
        variance=np.array([4.0, 0.25], np.float32),
        total_variance=5.0,
        n_styles=2,
    )
    h = torch.tensor([[[3.0, 2.0]]])
    assert Projector(basis, whiten=False).displacements(h).tolist() == [[[[3, 0], [0, 2]]]]
    assert Projector(basis, whiten=True).displacements(h).tolist() == [[[[6, 0], [0, 1]]]]


def test_a_basis_comes_back_from_disk_with_the_same_bits(tmp_path) -> None:
    basis = basis_of(4)
    for name in ("a", "b"):
        basis.save(tmp_path / f"{name}.safetensors")
    loaded = Basis.load(tmp_path / "a.safetensors")
    for name in ("components", "mean", "variance"):
        assert np.array_equal(getattr(loaded, name), getattr(basis, name))
    assert (loaded.total_variance, loaded.n_styles) == (basis.total_variance, STYLES)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_a_missing_basis_names_its_stage(tmp_path) -> None:
    with pytest.raises(TalkingError, match="run the stage pca first"):
        Basis.load(tmp_path / "none.safetensors")
