"""The pipeline of a pair of our own, its three stages in one process: what it writes is what the main graph reads."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml

from pipelines.backbone import encoder, gan, look, wiring
from pipelines.backbone.params import PairParams, load_pair_params
from talking.core.errors import TalkingError
from talking.corpora.manifest import ManifestRow, write_manifest
from talking.data.shards import ClipStatus, Sample, encode_array, write_index, write_shard
from talking.evaluation.report.picture_grid import read_strip
from talking.media.video import encode_frames_bytes
from talking.models.backbone import Backbone
from talking.training.context import train_locally
from talking.weights import kept_backbone

ROOT = Path(__file__).resolve().parents[2]
SMALL = {
    "name": "small",
    "pictures": {"held_out": 4},
    "gan": {
        "resolution": 16,
        "style_dim": 8,
        "n_mlp": 1,
        "channel_max": 4,
        "steps": 4,
        "batch": 4,
        "r1_every": 2,
        "measured": 8,
        "shown": 2,
        "report_every": 2,
        "save_every": 2,
        "bf16": False,
    },
    "encoder": {"width": 4, "steps": 3, "batch": 4, "known": 2, "report_every": 1, "save_every": 2, "lambda_lpips": 0},
    "look": {"steps": 3, "frames": 3},
}


def merged(values: dict, changes: dict) -> dict:
    """Return nested values with nested changes."""
    both = {key: merged(values[key], each) if isinstance(each, dict) else each for key, each in changes.items()}
    return {**values, **both}


def pictures(count: int, size: int = 16) -> np.ndarray:
    """Smooth pictures (N, R, R, 3)."""
    rng = np.random.default_rng(1)
    return np.stack([cv2.resize(rng.integers(0, 255, (3, 3, 3), dtype=np.uint8), (size, size)) for _ in range(count)])


def write_faces(folder: Path) -> None:
    """A face set of 16 pictures."""
    points = encode_array(np.zeros((68, 2), np.float32))
    encoded = [cv2.imencode(".png", picture)[1].tobytes() for picture in pictures(16)]
    samples = [Sample(f"f_{n}", {"image.png": each, "landmarks.npy": points}) for n, each in enumerate(encoded)]
    row = write_shard(folder / "faces-000.tar", samples)
    write_index(folder, [row], [ClipStatus(sample.key, "f", row.shard, "ok") for sample in samples])


def write_crops(aligned: Path, manifest: Path) -> None:
    """Three clips of crops: s1 and s2 to train on, s3 for validation."""
    rows, statuses, written = [], [], []
    for number, split in enumerate(("train", "train", "validation"), start=1):
        key, shard = f"s{number}_a", f"s{number}-000.tar"
        points = {"landmarks.npy": np.zeros((12, 68, 2), np.float32)}
        points["quads.npy"] = np.tile(np.array([[0, 0], [0, 64], [64, 64], [64, 0]], np.float32), (12, 1, 1))
        members = {name: encode_array(array) for name, array in points.items()}
        crops = encode_frames_bytes(pictures(12, 64), crf=1)
        written.append(write_shard(aligned / shard, [Sample(key, {"crops.mp4": crops, **members})]))
        statuses.append(ClipStatus(key, f"s{number}", shard, "ok"))
        rows.append(ManifestRow(key, "toy", f"s{number}", "a", f"s{number}/a.mpg", split, "", (), (), shard))
    write_index(aligned, written, statuses)
    write_manifest(manifest / "manifest.parquet", rows)


class Recorded:
    """Stands for an MLflow run; keeps what it is given."""

    def __init__(self) -> None:
        self.history: list = []
        self.artifacts: list[Path] = []

    def params(self, values: dict) -> None:
        assert "gan" in values

    def metrics(self, values: dict) -> None:
        assert all(np.isfinite(value) for value in values.values())

    def metric_history(self, history: list) -> None:
        self.history += history

    def artifact(self, path: Path) -> None:
        assert path.exists()
        self.artifacts.append(path)


@pytest.fixture
def runs(monkeypatch, tmp_path) -> dict[str, Recorded]:
    """Train in this process, record here, and work in an empty folder that holds a face set and a corpus."""
    opened: dict[str, Recorded] = {}

    @contextmanager
    def run(settings: object, name: str, **_rest: object) -> Iterator[Recorded]:
        yield opened.setdefault(name, Recorded())

    def train(
        job: Callable, settings: object, *, name: str, storage: Path, progress: Callable, most_workers: int
    ) -> object:
        assert most_workers == job.params.batch
        result = train_locally(job, storage / name, torch.get_default_device())
        for row in result.history:
            progress(row)
        return result

    monkeypatch.setattr(wiring.tracking, "run", run)
    monkeypatch.setattr(wiring.cluster, "connect", lambda settings: nullcontext())
    monkeypatch.setattr(wiring.cluster, "train", train)
    monkeypatch.chdir(tmp_path)
    write_faces(tmp_path / "raw" / "backbones" / "faces")
    write_crops(tmp_path / "data" / "toy" / "aligned", tmp_path / "data" / "toy" / "manifest")
    return opened


def params_with(changes: dict) -> PairParams:
    """Write the pipeline's own params with changes, and read them."""
    values = yaml.safe_load((ROOT / wiring.PARAMS).read_text())
    wiring.PARAMS.parent.mkdir(parents=True, exist_ok=True)
    wiring.PARAMS.write_text(yaml.safe_dump(merged(merged(values, SMALL), changes)))
    return load_pair_params(wiring.PARAMS)


def run_all(params: PairParams, folder: Path) -> dict:
    """Run the three stages."""
    gan.main(params, folder / "gan", folder / "gan.json", folder / "gan.csv")
    encoder.main(params, folder / "gan", folder / "pair", folder / "encoder.json", folder / "encoder.csv")
    look.main(params, folder / "pair", folder / "look")
    return json.loads((folder / "gan.json").read_text()) | json.loads((folder / "encoder.json").read_text())


def test_a_face_set_becomes_a_pair_that_the_main_graph_takes(runs, tmp_path) -> None:
    numbers = run_all(params_with({}), tmp_path / "out")
    pair = kept_backbone(tmp_path / "out" / "pair", 16)
    assert (pair.resolution, pair.generator.style_dim) == (16, 8)
    assert numbers["psnr"] == pytest.approx(numbers["held_out_psnr"]) and numbers["pictures"] == 4
    assert {"frechet_random_features", "loss_g", "r1"} <= numbers.keys() and "fid" not in numbers
    assert sorted(path.name for path in (tmp_path / "out" / "look").iterdir()) == ["interpolation.png", "inversion.png"]
    assert [step for step, _ in runs["backbone_gan"].history] == [2, 4]
    assert {path.name for path in runs["backbone_gan"].artifacts} == {"samples.png", "samples"}
    strips = sorted((tmp_path / "out" / "gan" / "samples").iterdir())
    assert [read_strip(strip).shape for strip in strips] == [(2, 16, 16, 3)] * 2


def test_a_stage_that_is_run_again_takes_up_what_was_trained_and_other_params_do_not(runs, tmp_path) -> None:
    def weights(name: str, changes: dict) -> bytes:
        folder = tmp_path / name
        gan.main(params_with(changes), folder / "gan", folder / "gan.json", folder / "gan.csv")
        return (folder / "gan" / "generator.safetensors").read_bytes()

    first = weights("first", {})
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / ".state").rglob("state.pt")}
    assert weights("again", {}) == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / ".state").rglob("state.pt")} == kept
    assert weights("other", {"gan": {"lr": 0.003}}) != first


def test_crops_of_training_speakers_are_learned_and_a_strangers_clip_is_looked_at(runs, tmp_path) -> None:
    changes = {
        "pictures": {"source": "crops", "folder": "data/toy/aligned", "manifest": "data/toy/manifest", "most": 8}
    }
    params = params_with(changes)
    source = wiring.source_of(params)
    assert (source.train, source.held_out_clips) == (("s1_a", "s2_a"), ("s3_a",))
    assert [len(part) for part in source.load(16)] == [8, 4]
    run_all(params, tmp_path / "out")
    assert (tmp_path / "out" / "look" / "path.png").is_file()
    with pytest.raises(TalkingError, match=r"look.clip is s9_x"):
        look.main(params_with(changes | {"look": {"clip": "s9_x"}}), tmp_path / "out" / "pair", tmp_path / "look")


def test_training_starts_from_a_pair(runs, tmp_path) -> None:
    run_all(params_with({}), tmp_path / "out")
    again = params_with({"gan": {"start": str(tmp_path / "out" / "pair"), "lr": 1e-9, "steps": 1}})
    gan.main(again, tmp_path / "on" / "gan", tmp_path / "on" / "gan.json", tmp_path / "on" / "gan.csv")
    encoder.main(again, *(tmp_path / "on" / name for name in ("gan", "pair", "encoder.json", "encoder.csv")))
    first, second = (Backbone.load(tmp_path / name / "pair").generator.state_dict() for name in ("out", "on"))
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=1e-4, atol=1e-5)
    with pytest.raises(TalkingError, match=r"gan.start is nowhere, which is no folder"):
        gan.job_of(params_with({"gan": {"start": "nowhere"}}))


def test_the_params_of_the_repository_are_read_and_a_wrong_key_is_named() -> None:
    params = load_pair_params(ROOT / wiring.PARAMS)
    assert params.gan.resolution == 64 and params.pictures.source == "faces"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gan": {"resolution": 48}}, r"gan.resolution is 48; it must be a power of two"),
        ({"encoder": {"lambda_identity": 0.1}}, r"lambda_identity needs encoder.arcface"),
        ({"gan": {"steeps": 3}}, r"gan.steeps is not a known key"),
    ],
)
def test_impossible_params_are_named(changes, message, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TalkingError, match=message):
        params_with(changes)


def test_every_dependency_of_the_graph_is_in_the_repository() -> None:
    stages = yaml.safe_load((ROOT / "pipelines" / "backbone" / "dvc.yaml").read_text())["stages"]
    assert list(stages) == ["gan", "encoder", "look"]
    for stage in stages.values():
        assert all((ROOT / dep).exists() for dep in stage["deps"] if "$" not in dep)
