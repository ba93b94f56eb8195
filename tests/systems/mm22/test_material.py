"""What rows are drawn from: windows as long as the pictures."""

import numpy as np
import pytest

from talking.systems.mm22.material import fit_length


@pytest.mark.parametrize(("length", "wanted"), [(2, [0, 1]), (3, [0, 1, 2]), (6, [0, 1, 2, 2, 2, 2])])
def test_windows_are_cut_or_their_last_one_repeated(length, wanted) -> None:
    windows = np.arange(3, dtype=np.float32)[:, None, None] + np.zeros((3, 12, 28), np.float32)
    assert fit_length(windows, length)[:, 5, 5].tolist() == wanted
