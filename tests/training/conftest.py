"""What the tests of training share: shards of toy clips whose codes are a function of their sound."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from talking.core.moments import Moments
from talking.data.clips import read_clips
from talking.data.shards import ClipStatus, Sample, ShardFolder, encode_array, write_index, write_shard
from talking.models.basis import Projector, displacement_rows, fit_basis
from talking.systems.mm22.linear import fit_linear
from talking.systems.mm22.params import StageOne
from talking.systems.mm22.stage_one import StageOneJob
from talking.training.context import LocalContext, TrainResult
from talking.training.loop import CHECKPOINT


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@dataclass(frozen=True)
class Toy:
    """Folders of codes and windows of clips `a_0`, `a_1`, …, and the clips' keys in the order of the shards."""

    codes: Path
    windows: Path
    keys: tuple[str, ...]

    @property
    def folders(self) -> tuple[ShardFolder, ShardFolder]:
        """Both folders, opened."""
        return ShardFolder(self.codes), ShardFolder(self.windows)


def write_folder(folder: Path, kind: str, shards: Sequence[dict[str, np.ndarray]]) -> None:
    """Write shards `s-000.tar`, … of one array per clip, with their index."""
    names = [f"s-{number:03d}.tar" for number in range(len(shards))]
    rows = [
        write_shard(folder / name, [Sample(key, {kind: encode_array(array)}) for key, array in clips.items()])
        for name, clips in zip(names, shards, strict=True)
    ]
    statuses = [ClipStatus(key, "a", name, "ok") for name, clips in zip(names, shards, strict=True) for key in clips]
    write_index(folder, rows, statuses)


def toy_arrays(number: int, frames: int, styles: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes (T, L, W) float16 and windows (T, 12, 28): two hidden signals drive both, the codes in three directions.

    The third direction is noise that no sound tells of.
    """
    world, rng = np.random.default_rng(7), np.random.default_rng((8, number))
    directions = world.normal(size=(3, styles * width))
    patterns = np.repeat(np.eye(2), 6 * 28, axis=1)  # low and high coefficients, (2, 336)
    sound = rng.normal(size=(frames, 2))
    windows = sound @ patterns + 0.05 * rng.normal(size=(frames, 12 * 28))
    moved = np.concatenate([sound, rng.normal(size=(frames, 1))], axis=1) @ directions
    codes = 0.5 * rng.normal(size=styles * width) + moved
    return codes.reshape(frames, styles, width).astype(np.float16), windows.reshape(frames, 12, 28).astype(np.float32)


@pytest.fixture
def make_toy(tmp_path) -> Callable[..., Toy]:
    """Write toy clips."""
    return toys_in(tmp_path)


def toys_in(folder: Path) -> Callable[..., Toy]:
    """Write `clips` clips, so many in a shard, of `frames` frames each (or of as many as a list says)."""

    def make(clips: int, per_shard: int = 3, frames: int | Sequence[int] = 12, styles: int = 2, width: int = 8) -> Toy:
        lengths = [frames] * clips if isinstance(frames, int) else list(frames)
        arrays = {f"a_{n}": toy_arrays(n, lengths[n], styles, width) for n in range(clips)}
        keys = list(arrays)
        shards = [keys[at : at + per_shard] for at in range(0, clips, per_shard)]
        for part, kind in enumerate(("codes", "windows")):
            write_folder(folder / kind, f"{kind}.npy", [{key: arrays[key][part] for key in shard} for shard in shards])
        return Toy(folder / "codes", folder / "windows", tuple(keys))

    return make


PARAMS = StageOne(
    target="whitened",
    component_weights="predictability",
    lambda_latent=1.0,
    lambda_lpips=0.0,
    latent_norm="mean_square",
    lpips_net="squeeze",
    lpips_trunk=None,
    lpips_frames=1,
    width=4,
    lstm_layers=1,
    code_dim=32,
    hidden=16,
    members=1,
    hearing=None,
    altered_share=0.0,
    sequence=6,
    batch=4,
    steps=6,
    lr=3e-3,
    weight_decay=0.0,
    audio_noise=0.1,
    validate_every=2,
    ema=0.5,
    betas=(0.9, 0.999),
    clip_norm=1.0,
    validation_most=64,
    lambda_speed=0.0,
    lpips_from=0,
    lpips_every=1,
    identity="outside",
    lips_share=0.0,
    lambda_mouth=0.0,
    smooth_codes=0.0,
    audio_speed=0.0,
    best_by="latent",
    halve_after=None,
    stop_after=None,
    lips_clips=0,
    lips_detector="dlib",
    bf16=False,
    accumulate=1,
)


@pytest.fixture
def make_job(make_toy, tmp_path) -> Callable[..., StageOneJob]:
    """Return a job of stage one over toy clips."""
    return stage_one_jobs(make_toy, tmp_path)


def stage_one_jobs(make_toy: Callable[..., Toy], folder: Path) -> Callable[..., StageOneJob]:
    """Return a job over ten toy clips, the last three for validation; keywords change its params."""

    def make(styles: int = 2, width: int = 8, backbone: Path = Path("none"), **changes) -> StageOneJob:
        toy = make_toy(10, frames=12, styles=styles, width=width)
        clips = [
            clip for shard in toy.folders[0].names for clip in read_clips(*toy.folders, shard, frozenset(toy.keys))
        ]
        moments = [Moments.of(displacement_rows(clip.codes)) for clip in clips[:7]]
        basis = fit_basis(sum(moments[1:], moments[0]), 3, styles)
        basis.save(folder / "basis.safetensors")
        params = replace(PARAMS, **changes)
        fit_linear(clips[:7], clips[7:], Projector(basis, whiten=params.target == "whitened")).save(folder / "linear")
        return StageOneJob(
            params=params,
            seed=1,
            codes=toy.codes,
            windows=toy.windows,
            basis=folder / "basis.safetensors",
            backbone=backbone,
            linear=folder / "linear",
            train=toy.keys[:7],
            validation=toy.keys[7:],
            scratch=folder / "scratch",
        )

    return make


class KilledError(Exception):
    """What kills a training in the middle."""


class MortalContext(LocalContext):
    """Dies when it has reported `life` times."""

    def __init__(self, folder: Path, life: int) -> None:
        super().__init__(folder, torch.get_default_device())
        self.life = life

    def report(self, metrics, checkpoint=None) -> None:
        if self.life == 0:
            raise KilledError
        self.life -= 1
        super().report(metrics, checkpoint)


def state_of(result: TrainResult) -> dict:
    assert result.checkpoint is not None
    return torch.load(result.checkpoint / CHECKPOINT, weights_only=True)


def same(first, second) -> bool:
    """Whether nested states are equal to the bit."""
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second
