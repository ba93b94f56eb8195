"""The demo's face set, what FFHQ is to the paper: aligned stills of many strangers with any expression.

Shards `faces-000.tar`, a group of identities in each; a sample `f00012-2` (identity 12, still 2) has `image.png`, uint8
RGB (size, size, 3), and `landmarks.npy`, float32 (68, 2) in pixels of that crop. Stills of one identity differ in
mouth, eyes and head alone, which teaches an encoder what moves in a face; the first is always of a closed mouth.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from talking.core.errors import TalkingError
from talking.core.files import atomic_folder
from talking.corpora.demo.casting import STRANGERS, check_counts, check_ours, in_parallel, stream
from talking.corpora.demo.identity import draw_identity
from talking.corpora.demo.renderer import Renderer
from talking.corpora.demo.state import FaceState
from talking.data.members import LANDMARKS, PICTURE
from talking.data.shards import INDEX, ClipStatus, Sample, ShardRow, encode_array, write_index, write_shard
from talking.faces.alignment import crop, ffhq_quad, to_crop

_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 4)


@dataclass(frozen=True)
class _Shard:
    """All that one process needs to write the stills of identities `first` to before `last`."""

    path: Path
    first: int
    last: int
    stills: int
    seed: int
    size: int


def write_face_set(
    folder: Path,
    *,
    count: int,
    seed: int,
    size: int = 128,
    frames_per_identity: int = 4,
    identities_per_shard: int = 50,
    workers: int | None = None,
) -> None:
    """Write stills of `count` identities, `frames_per_identity` of each, `size` pixels wide, as shards with an index.

    The same arguments give the same bytes, whatever `workers` (processes; None: one a core). No identity is one of the
    demo's speakers of the same seed. Raises `TalkingError` for counts below 1.
    """
    check_counts(
        count=count, frames_per_identity=frames_per_identity, identities_per_shard=identities_per_shard, size=size
    )
    check_ours(folder, INDEX)
    with atomic_folder(folder) as unfinished:
        firsts = range(0, count, identities_per_shard)
        shards = [
            _Shard(
                unfinished / f"faces-{number:03d}.tar",
                first,
                min(first + identities_per_shard, count),
                frames_per_identity,
                seed,
                size,
            )
            for number, first in enumerate(firsts)
        ]
        rows = list(in_parallel(_write_shard, shards, workers))
        write_index(unfinished, rows, [status for shard in shards for status in _statuses(shard)])


def draw_state(rng: np.random.Generator, still: int) -> FaceState:
    """Return a random expression: every third closed, every third barely open, every third anything up to wide open.

    Small openings are the most frequent in speech, and the hardest to tell apart.
    """
    opening = (0.0, rng.uniform(0.02, 0.4), rng.uniform(0.2, 1.0))[still % 3]
    return FaceState(
        opening=float(opening),
        spread=float(rng.uniform(-1.0, 1.0)),
        jaw=float(np.clip(0.8 * opening + rng.normal(0.0, 0.12), 0.0, 1.0)),
        press=float(rng.random()) if opening == 0.0 and rng.random() < 0.5 else 0.0,
        teeth=float(rng.random()),
        blink=float(rng.random()) if rng.random() < 0.2 else 0.0,
        gaze=(float(rng.normal(0.0, 0.15)), float(rng.normal(0.0, 0.1))),
        brow=float(np.clip(rng.normal(0.0, 0.25), -1.0, 1.0)),
        roll_deg=float(rng.normal(0.0, 1.5)),
        shift=(float(rng.normal(0.0, 0.03)), float(rng.normal(0.0, 0.03))),
        scale=float(np.exp(rng.normal(0.0, 0.02))),
    )


def _write_shard(shard: _Shard) -> ShardRow:
    samples = (sample for number in range(shard.first, shard.last) for sample in _stills(shard, number))
    return write_shard(shard.path, samples)


def _stills(shard: _Shard, number: int) -> list[Sample]:
    rng = stream(shard.seed, STRANGERS, number)
    renderer = Renderer(draw_identity(rng))
    return [
        Sample(_key(number, still), _members(renderer, draw_state(rng, still), shard.size))
        for still in range(shard.stills)
    ]


def _members(renderer: Renderer, state: FaceState, size: int) -> dict[str, bytes]:
    frame, landmarks = renderer.frame(state)
    quad = ffhq_quad(landmarks)
    picture = cv2.cvtColor(crop(frame, quad, size), cv2.COLOR_RGB2BGR)
    written, content = cv2.imencode(".png", picture, _PNG)
    if not written:
        raise TalkingError(f"OpenCV cannot write a PNG of {size} pixels: install opencv-python-headless again.")
    return {PICTURE: content.tobytes(), LANDMARKS: encode_array(to_crop(landmarks, quad, size))}


def _statuses(shard: _Shard) -> list[ClipStatus]:
    return [
        ClipStatus(_key(number, still), f"f{number:05d}", shard.path.name, "ok")
        for number in range(shard.first, shard.last)
        for still in range(shard.stills)
    ]


def _key(number: int, still: int) -> str:
    return f"f{number:05d}-{still}"
