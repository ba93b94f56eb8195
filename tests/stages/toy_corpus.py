"""A corpus of a dozen tiny clips as the stages find it, written anew with chosen clips changed: for tests of leaks."""

import shutil
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from talking.core.moments import Moments
from talking.corpora.manifest import ManifestRow, write_manifest
from talking.data.shards import ClipStatus, Sample, encode_array, write_index, write_shard
from talking.media.video import encode_frames_bytes
from talking.models.backbone import Backbone
from talking.models.basis import Basis, displacement_rows, fit_basis
from talking.orchestration.params import Params, load_params
from talking.systems.backbone.autoencoder import new_pair

from .conftest import ROOT, write_params

# `d` is a speaker of training whose last clip is held out; of `b` choices are made, of `c` and `d_2` results are told.
SPLITS = {
    **dict.fromkeys(("a_0", "a_1", "a_2", "d_0", "d_1"), "train"),
    **dict.fromkeys(("b_0", "b_1"), "validation"),
    **dict.fromkeys(("c_0", "c_1", "c_2"), "unseen"),
    "d_2": "seen",
}
TEST = frozenset(key for key, split in SPLITS.items() if split in ("unseen", "seen"))
FRAMES, SIZE, STYLES, WIDTH, K = 12, 32, 6, 8, 3
NOWHERE = "http://127.0.0.1:9"  # A tracker that is down: the stages go on without it.
SMALL = {
    "backbone": "crops",
    "backbones": {
        "crops": {
            **{"resolution": 16, "style_dim": WIDTH, "n_mlp": 1, "channel_max": 8, "encoder_width": 4},
            **{"encoder_pool": 1, "steps": 3, "batch": 4, "bf16": False},
        }
    },
    "pca": {"components": K},
    "stage_one": {
        **{"width": 4, "lstm_layers": 1, "code_dim": 8, "hidden": 8, "sequence": 6, "batch": 2, "steps": 4},
        **{"validate_every": 2, "lambda_lpips": 0, "lips_clips": 0},
    },
    "stage_two": {"steps": 2, "batch": 2, "frames": 8, "bf16": False},
    "cluster": {"workers": 1, "train_cpus": 1},
    "tracking": {"uri": NOWHERE},
}


@dataclass(frozen=True)
class Corpus:
    """The folders that stages read, and the params of this place."""

    folder: Path

    @property
    def params(self) -> Params:
        """params.yaml of the folder."""
        return load_params(self.folder / "params.yaml")

    def __getattr__(self, name: str) -> Path:
        """`manifest`, `aligned`, `codes`, `windows`, `basis`, `backbone`, `source`: a folder below this one."""
        return self.folder / name


def write_corpus(folder: Path, changed: Collection[str] = (), *, keep_first: bool = False) -> Corpus:
    """Write the corpus; the `changed` clips are other ones, but for their first frame where it is to be kept.

    The basis and the backbone are the same in every corpus, for what is learned from the clips is tested one by one.
    """
    made = {key: _members(key, key in changed, keep_first) for key in SPLITS}
    for name in ("aligned", "codes", "windows"):
        rows, statuses = [], []
        for speaker in sorted({key[0] for key in SPLITS}):
            samples = [Sample(key, members[name]) for key, members in made.items() if key[0] == speaker]
            rows.append(write_shard(folder / name / f"{speaker}-000.tar", samples))
            statuses += [ClipStatus(sample.key, speaker, f"{speaker}-000.tar", "ok") for sample in samples]
        write_index(folder / name, rows, statuses)
    write_manifest(folder / "manifest" / "manifest.parquet", [_row(key) for key in sorted(SPLITS)])
    shutil.copy(ROOT / "params.yaml", folder)
    write_params(folder, SMALL)
    corpus = Corpus(folder)
    generator, encoder = new_pair(corpus.params.the_backbone, seed=1)
    Backbone(generator.eval(), encoder.eval(), torch.zeros(STYLES, WIDTH)).save(corpus.backbone)
    corpus.source.mkdir()
    _basis().save(corpus.basis / "basis.safetensors")
    return corpus


def _basis() -> Basis:
    codes = np.random.default_rng(3).normal(size=(40, STYLES, WIDTH)).astype(np.float32)
    return fit_basis(Moments.of(displacement_rows(codes)), K, STYLES)


def _row(key: str) -> ManifestRow:
    return ManifestRow(key, "demo", key[0], key, f"{key}.mpg", SPLITS[key], "", (), (), f"{key[0]}-000.tar")


def _members(key: str, changed: bool, keep_first: bool) -> dict[str, dict[str, bytes]]:
    """What the stages before wrote of a clip; its codes follow its sound, so that there is something to learn."""
    arrays = _arrays(np.random.default_rng((zlib.crc32(key.encode()), changed)))
    if changed and keep_first:
        for name, array in _arrays(np.random.default_rng((zlib.crc32(key.encode()), False))).items():
            arrays[name][0] = array[0]
    corners = SIZE * np.array([[0, 0], [0, 1], [1, 1], [1, 0]], np.float32)
    # Without loss, or the frames that are kept would change with those that are not.
    crops = encode_frames_bytes(arrays["crops"], crf=0, pixel_format="yuv444p", preset="veryfast")
    return {
        "aligned": {
            "crops.mp4": crops,
            "landmarks.npy": encode_array(arrays["landmarks"]),
            "quads.npy": encode_array(np.repeat(corners[None], FRAMES, axis=0)),
        },
        "codes": {"codes.npy": encode_array(arrays["codes"])},
        "windows": {"windows.npy": encode_array(arrays["windows"])},
    }


def _arrays(rng: np.random.Generator) -> dict[str, np.ndarray]:
    span = np.random.default_rng(5).normal(size=(K, STYLES * WIDTH))
    windows = rng.normal(size=(FRAMES, 12, 28)).astype(np.float32)
    moved = windows.reshape(FRAMES, -1)[:, :K] @ span + 0.1 * rng.normal(size=(FRAMES, STYLES * WIDTH))
    codes = 0.5 * rng.normal(size=STYLES * WIDTH) + moved
    return {
        "windows": windows,
        "codes": codes.reshape(FRAMES, STYLES, WIDTH).astype(np.float16),
        "landmarks": rng.uniform(4, SIZE - 4, (FRAMES, 68, 2)).astype(np.float32),
        "crops": rng.integers(0, 255, (FRAMES, SIZE, SIZE, 3), dtype=np.uint8),
    }
