"""The Inception network of FID, against figures of its published port's code."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from talking.core.errors import TalkingError
from talking.metrics.inception import WEIGHTS, load_inception
from talking.metrics.unavailable import Unavailable
from talking.models.inception import build_inception

# Features of two frames by pytorch-fid 0.3.0 with the weights that `filled` draws.
COLUMNS = [1, 1000, 1997]
GOLDEN = [[5.8517866, 0.8315131, 6.3484817], [5.8736339, 0.8740705, 6.2452192]]
GOLDEN_MEANS = [1.2322837, 1.2239039]


def filled(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Numbers for every name, in alphabetical order, of a size that keeps the signal alive through the layers."""
    rng = np.random.default_rng(0)
    return {name: state[name] if state[name].ndim == 0 else _drawn(name, state[name], rng) for name in sorted(state)}


def _drawn(name: str, like: Tensor, rng: np.random.Generator) -> Tensor:
    values = rng.standard_normal(tuple(like.shape), dtype=np.float32)
    if like.ndim > 1:
        values *= np.sqrt(2 / np.prod(like.shape[1:]))
    elif name.endswith(("running_var", "bn.weight")):
        values = 1 + 0.1 * np.abs(values)
    else:
        values *= 0.1
    return torch.from_numpy(values.astype(np.float32))


def test_the_features_are_those_of_the_published_port(tmp_path: Path) -> None:
    torch.save(filled(build_inception().state_dict()), tmp_path / WEIGHTS)
    frames = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    inception = load_inception(tmp_path, device="cpu")
    assert not isinstance(inception, Unavailable)
    features = inception(frames)
    assert features.shape == (2, 2048)
    np.testing.assert_allclose(features[:, COLUMNS], GOLDEN, rtol=1e-4)
    np.testing.assert_allclose(features.mean(axis=1), GOLDEN_MEANS, rtol=1e-4)


@pytest.mark.parametrize("with_folder", [True, False])
def test_without_the_weights_there_is_a_reason(tmp_path: Path, with_folder: bool) -> None:
    value = load_inception(tmp_path if with_folder else None, device="cpu")
    assert isinstance(value, Unavailable) and WEIGHTS in value.reason


def test_a_file_of_another_network_is_refused_by_name(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / WEIGHTS)
    with pytest.raises(TalkingError, match=WEIGHTS):
        load_inception(tmp_path, device="cpu")
