"""The sound of a file, decoded once, for two: mono for the model, and as it is for the film; and what of it is missing.

One command decodes for both, so that what the model hears is what the film plays, whatever the file does midway.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from talking.core.files import full_disk_as_error
from talking.media.audio import to_float
from talking.media.ffmpeg import complaints_of
from talking.media.ogg import ends_midway
from talking.media.sound_stream import FULL_SCALE, Decoding

# Seconds that a sound may end before its file says so: films often last a little longer than their sound.
_SHORTER = 0.3


@dataclass(frozen=True)
class Sound:
    """The sound of `source`, decoded: mono at `rate` Hz for the model, and for the film what `film` holds, FLAC.

    `warnings` are sentences on what of the file could not be read.
    """

    source: Path
    rate: int
    film: Path
    warnings: tuple[str, ...]
    mono: Path = field(repr=False)

    def pieces(self, piece_s: float = 1.0) -> Iterator[np.ndarray]:
        """Yield the samples, float32 mono (N,) in [-1, 1], in pieces of `piece_s` seconds."""
        with self.mono.open("rb") as file:
            while content := file.read(2 * max(1, round(piece_s * self.rate))):
                yield to_float(np.frombuffer(content, "<i2"))


@contextmanager
def decoded_sound(path: Path, rate: int) -> Iterator[Sound]:
    """Decode the sound of a file into temporary files, which stay for as long as the context lasts.

    They take about a fifth of a gigabyte an hour for each channel. Raises as `iter_sound` does, before anything is made
    of the sound, and `TalkingError` for a full disk.
    """
    with tempfile.TemporaryDirectory(prefix="talking-sound-") as place:
        film, mono = Path(place) / "film.flac", Path(place) / "mono.s16"
        decoding = Decoding(path, rate, film)
        samples = 0
        with full_disk_as_error(mono), mono.open("wb") as file:
            for piece in decoding.pieces(rate):
                file.write(np.rint(piece * FULL_SCALE).astype("<i2").tobytes())
                samples += len(piece)
        yield Sound(path, rate, film, tuple(_warnings(path, decoding, samples / rate)), mono)


def _warnings(path: Path, decoding: Decoding, length_s: float) -> Iterator[str]:
    """Yield sentences on what could not be read of a sound, of which so many seconds were."""
    complaints = complaints_of(decoding.log)
    words = f" (ffmpeg: {complaints[0].rstrip('.')})" if complaints else ""
    if decoding.declared_s is not None and length_s < decoding.declared_s - _SHORTER:
        yield (
            f"the sound of {path} ends after {length_s:.2f} s, and so does the video, but the file declares "
            f"{decoding.declared_s:.2f} s{words}: check whether it is complete."
        )
    elif complaints:
        yield f"the sound of {path} is damaged, and some of it may be missing from the video{words}."
    elif ends_midway(path):
        yield (
            f"the sound of {path} ends after {length_s:.2f} s, and so does the video, without the page that closes an "
            "Ogg file: check whether it is complete."
        )
