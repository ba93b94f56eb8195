"""Two channels as one, so that what is audible is heard: channels of opposed signs are subtracted, not cancelled."""

import numpy as np

# Times as strong as the sum must the difference be before it is taken, so that wide stereo stays what it is.
_OPPOSED = 10.0


class Mixer:
    """Mixes blocks of stereo to mono, and remembers from block to block whether one channel is the other's negative."""

    def __init__(self) -> None:
        self._sign = 1.0

    def __call__(self, block: np.ndarray) -> np.ndarray:
        """Return sound (N, C) of one or two channels as (N,): half their sum, or half their difference."""
        if block.shape[1] == 1:
            return block[:, 0]
        left, right = block[:, 0].astype(np.float64), block[:, 1].astype(np.float64)
        together, apart = np.square(left + right).sum(), np.square(left - right).sum()
        if self._sign > 0 and apart > _OPPOSED * together:
            self._sign = -1.0
        elif self._sign < 0 and together > apart:
            self._sign = 1.0
        mixed: np.ndarray = (left + self._sign * right) / 2
        return mixed
