"""ClipMeasures clips that are made by hand, as an evaluation gathers them."""

from collections.abc import Callable

import numpy as np
import pytest

from talking.evaluation.evaluate import ClipScores
from talking.evaluation.measure import TRUE, ClipMeasures
from talking.systems.mm22.methods import METHODS

FRAMES, COLUMNS, SIDE = 8, 3, 24
Clip = Callable[..., ClipMeasures]


@pytest.fixture
def clip() -> Clip:
    """A function that returns a clip with one PSNR for each row given, grey stills and any openings."""

    def make(key: str, split: str = "unseen", **psnr: float) -> ClipMeasures:
        speaker = key.split("_", maxsplit=1)[0]
        rng = np.random.default_rng(0)
        rows = psnr or {row: 20.0 + n for n, row in enumerate(METHODS.names)}
        scores = [
            ClipScores(key, speaker, row, FRAMES, 0, value, 0.9, 1.0, 0.01, 0.5, 0.5) for row, value in rows.items()
        ]
        openings = {row: rng.random(FRAMES) * 10 for row in (TRUE, *rows)}
        stills = {row: np.full((COLUMNS, SIDE, SIDE, 3), 20 * n, np.uint8) for n, row in enumerate((TRUE, *rows))}
        return ClipMeasures(key, speaker, split, scores, openings=openings, stills=stills)

    return make
