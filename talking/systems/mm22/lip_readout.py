"""What moves the lips: a linear read-out from the basis's coefficients to the points of the mouth."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from talking.core.files import atomic_path
from talking.data.clips import read_pairs
from talking.data.masks import faces_in
from talking.data.members import CODES, LANDMARKS
from talking.data.shards import ShardFolder, decode_array
from talking.faces.landmarks import LEFT_EYE, MOUTH, RIGHT_EYE, outer_eye_distance
from talking.models.arrays import load_arrays
from talking.models.basis import Projector
from talking.models.ridge import Normal, solve

NAME = "lip_readout.safetensors"
TINY = 1e-9
PENALTY = 1e-2  # in units of each coefficient's variance


def lip_clips(aligned: ShardFolder, codes: ShardFolder, keys: Iterable[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield codes (T, L, 512) and landmarks (T, 68, 2) of the frames with a face of every clip of `keys`."""
    wanted = frozenset(keys)
    for shard in codes.names:
        for inverted, face in read_pairs(codes, aligned, shard, wanted):
            found, landmarks = decode_array(inverted.members[CODES]), decode_array(face.members[LANDMARKS])
            length = min(len(found), len(landmarks))
            shown = faces_in(face.members, length)
            yield found[:length][shown].astype(np.float32), landmarks[:length][shown]


def mouth_shape(landmarks: np.ndarray) -> np.ndarray:
    """Return the mouth's points (T, 40) of landmarks (T, 68, 2), from the eyes' middle, in units of their distance."""
    middle = (landmarks[:, LEFT_EYE].mean(axis=1) + landmarks[:, RIGHT_EYE].mean(axis=1)) / 2  # (T, 2)
    shape = (landmarks[:, MOUTH] - middle[:, None]) / outer_eye_distance(landmarks).mean()  # (T, 20, 2)
    result: np.ndarray = shape.reshape(len(landmarks), -1)
    return result


def fit_readout(clips: Iterable[tuple[np.ndarray, np.ndarray]], projector: Projector) -> np.ndarray:
    """Return the ridge regression (K, 40) from coefficients to the mouth's points, each about its mean over the clip.

    `clips` yields codes and landmarks, once through, in flat memory. It is scaled so that its squares sum to 40: a
    loss is then a mean over 40 numbers of about the size of those of the coefficients. Zeros where no mouth moves.
    """
    normal = None
    for codes, landmarks in clips:
        coefficients = projector.coefficients(torch.from_numpy(codes)[None])[0].double().numpy()  # (T, K)
        shape = mouth_shape(landmarks)
        part = Normal.of(coefficients - coefficients.mean(axis=0), shape - shape.mean(axis=0))
        normal = part if normal is None else normal + part
    if normal is None:
        raise ValueError("no training clips")
    readout = solve(normal, PENALTY).weights[:-1]  # (K, 40)
    squares = np.square(readout).sum()
    return (readout * np.sqrt(readout.shape[1] / squares) if squares > TINY else 0 * readout).astype(np.float32)


def save_readout(readout: np.ndarray, folder: Path) -> None:
    """Write the read-out as safetensors."""
    with atomic_path(folder / NAME) as temporary:
        save_file({"readout": readout}, temporary)


def load_readout(folder: Path) -> np.ndarray:
    """Read what `save_readout` wrote, (K, 40)."""
    return load_arrays(folder / NAME, ["readout"], "stage_one")["readout"]
