"""An ensemble: the mean of its members, whole and by parts, and what it keeps."""

from pathlib import Path

import numpy as np
import pytest
import torch

from talking.models.basis import Basis
from talking.systems.mm22.ensemble import Ensemble
from talking.systems.mm22.talking_head import TalkingHead, TalkingHeadSize

K, STYLES, WIDTH = 3, 2, 4


def head(seed: int) -> TalkingHead:
    torch.manual_seed(seed)
    rows = np.linalg.qr(np.random.default_rng(0).normal(size=(STYLES * WIDTH, K)))[0].T.astype(np.float32)
    basis = Basis(rows, np.zeros(STYLES * WIDTH, np.float32), np.ones(K, np.float32), 1.0, STYLES)
    return TalkingHead(basis, TalkingHeadSize(width=4, lstm_layers=1, code_dim=8, hidden=8)).eval()


@pytest.fixture
def sound() -> tuple[torch.Tensor, torch.Tensor]:
    """Windows (1, 9, 12, 28) and an identity code (1, 2, 4)."""
    rng = torch.Generator().manual_seed(0)
    return torch.randn(1, 9, 12, 28, generator=rng), torch.randn(1, STYLES, WIDTH, generator=rng)


@torch.no_grad()
def test_its_codes_are_the_mean_of_its_members(sound: tuple[torch.Tensor, torch.Tensor]) -> None:
    first, second = head(1), head(2)
    assert (first(*sound) - second(*sound)).abs().max() > 1e-3
    torch.testing.assert_close(Ensemble([first, second])(*sound), (first(*sound) + second(*sound)) / 2)
    assert torch.equal(Ensemble([first])(*sound), first(*sound))


@torch.no_grad()
def test_parts_of_a_sound_give_the_codes_of_the_whole(sound: tuple[torch.Tensor, torch.Tensor]) -> None:
    windows, identity = sound
    both = Ensemble([head(1), head(2)])
    begun, states = both.stream(windows[:, :4], identity)
    ended, _ = both.stream(windows[:, 4:], identity, states)
    torch.testing.assert_close(torch.cat([begun, ended], dim=1), both(windows, identity), rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_it_is_read_as_it_was_saved_and_one_head_alone_as_an_ensemble_of_one(
    sound: tuple[torch.Tensor, torch.Tensor], tmp_path: Path
) -> None:
    three = Ensemble([head(seed) for seed in (1, 2, 3)])
    three.save(tmp_path / "three")
    kept = Ensemble.load(tmp_path / "three")
    assert len(kept.heads) == 3 and torch.equal(kept(*sound), three(*sound))
    head(1).save(tmp_path / "one")
    assert torch.equal(Ensemble.load(tmp_path / "one")(*sound), head(1)(*sound))
