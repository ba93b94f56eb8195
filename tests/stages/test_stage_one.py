"""The wiring of stage one: who is fitted on, and who judges."""

import json
import shutil
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from stages.stage_one import main
from talking.core.moments import Moments
from talking.corpora.manifest import ManifestRow, write_manifest
from talking.data.clips import all_clips
from talking.data.shards import ClipStatus, Sample, ShardFolder, encode_array, write_index, write_shard
from talking.models.basis import Basis, Projector, fit_basis
from talking.orchestration.params import load_params
from talking.systems.mm22.floor import fit_floor
from talking.systems.mm22.ignored_sound import ignored_sound
from talking.systems.mm22.linear import PENALTIES, LinearFit, regression_rows
from talking.systems.mm22.lip_readout import load_readout
from talking.systems.mm22.stage_one import StageOneJob

from .conftest import ROOT, write_params

STYLES, WIDTH, K = 2, 4, 2


@pytest.fixture
def job(tmp_path: Path) -> StageOneJob:
    """Twelve clips to train on, their codes a linear map of their sound, and six to judge, where it is the negative."""
    rng = np.random.default_rng(0)
    span = np.linalg.qr(rng.normal(size=(STYLES * WIDTH, K)))[0].T  # (K, STYLES * WIDTH)
    train, validation = ([f"{name}_{n}" for n in range(count)] for name, count in (("a", 12), ("b", 6)))
    samples: dict[str, list[Sample]] = {"codes": [], "windows": [], "aligned": []}
    for key in (*train, *validation):
        windows = rng.normal(size=(50, 12, 28)).astype(np.float32)
        told = windows.reshape(50, -1)[:, :K] * (1 if key in train else -1)
        codes = (told @ span).reshape(50, STYLES, WIDTH).astype(np.float16)
        samples["codes"].append(Sample(key, {"codes.npy": encode_array(codes)}))
        landmarks = rng.normal(size=(50, 68, 2)).astype(np.float32) + 100 * np.arange(68)[:, None]
        landmarks[:, 66, 1] += 20 * (codes.reshape(50, -1) @ span[0])
        samples["aligned"].append(Sample(key, {"landmarks.npy": encode_array(landmarks)}))
        samples["windows"].append(Sample(key, {"windows.npy": encode_array(windows)}))
    for name, made in samples.items():
        row = write_shard(tmp_path / name / "a-000.tar", made)
        write_index(tmp_path / name, [row], [ClipStatus(sample.key, "a", row.shard, "ok") for sample in made])
    fit_basis(Moments.of(rng.normal(size=(40, K)) @ span), K, STYLES).save(tmp_path / "basis.safetensors")
    return StageOneJob(
        params=load_params(ROOT / "params.yaml").stage_one,
        seed=1,
        codes=tmp_path / "codes",
        windows=tmp_path / "windows",
        basis=tmp_path / "basis.safetensors",
        backbone=tmp_path,
        linear=tmp_path / "linear",
        train=tuple(train),
        validation=tuple(validation),
        scratch=tmp_path,
    )


def _predicted_and_true(
    job: StageOneJob, fit: LinearFit, keys: Sequence[str]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield per clip what the floor predicts of it and what is true, (T, K) each."""
    projector = Projector(Basis.load(job.basis), whiten=job.params.target == "whitened")
    for clip in all_clips(ShardFolder(job.codes), ShardFolder(job.windows), keys):
        inputs, targets = regression_rows(clip, 0, projector)
        yield fit.ridge(inputs), targets


def _correlation(predicted: np.ndarray, true: np.ndarray) -> float:
    return float(np.corrcoef((predicted - predicted.mean(0)).ravel(), (true - true.mean(0)).ravel())[0, 1])


def test_the_floor_is_fitted_on_the_training_clips_and_judged_on_the_validation_clips(
    job: StageOneJob, tmp_path: Path
) -> None:
    fit = fit_floor(job, tmp_path / "aligned")
    told = {
        key: np.mean([_correlation(*pair) for pair in _predicted_and_true(job, fit, keys)])
        for key, keys in (("train", job.train), ("validation", job.validation))
    }
    assert told["train"] > 0.6 and told["validation"] < -0.6, "the map is that of the training clips alone"
    assert fit.explained.max() < 0.05, "of clips where sound means the opposite it explains nothing"
    assert fit.penalty == PENALTIES[-1] and "end of those tried" in fit.warning, "so all are as good: the largest"
    kept = LinearFit.load(job.linear)
    np.testing.assert_array_equal(kept.ridge.weights, fit.ridge.weights)


def test_the_read_out_finds_what_moves_the_lips(job: StageOneJob, tmp_path: Path) -> None:
    fit_floor(job, tmp_path / "aligned")
    readout = load_readout(job.linear)  # (K, 40)
    strongest = np.unravel_index(np.abs(readout).argmax(), readout.shape)
    assert strongest[1] == 2 * (66 - 48) + 1, "the height of point 66"
    assert np.square(readout).sum() == pytest.approx(40, rel=1e-5)
    assert np.square(readout[:, strongest[1]]).sum() > 36


def test_a_run_that_ignores_the_sound_says_so_and_another_does_not() -> None:
    def history(*pairs: tuple[float, float]) -> list[tuple[int, dict[str, float]]]:
        return [(n, {"validation_latent": a, "validation_wrong_audio": b}) for n, (a, b) in enumerate(pairs)]

    assert "ignores the sound" in ignored_sound(history((1.0, 1.0), (0.5, 0.501)))
    assert "at most 0.2% higher" in ignored_sound(history((1.0, 1.0), (0.5, 0.501)))
    assert ignored_sound(history((1.0, 1.0), (0.5, 0.7))) == ""


@pytest.mark.timeout(600)
def test_mlflow_down_does_not_stop_training(
    job: StageOneJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free.getsockname()[1]}")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    small = {"steps": 2, "validate_every": 1, "batch": 2, "width": 4, "lambda_lpips": 0, "lips_clips": 0}
    write_params(tmp_path, {"stage_one": small, "cluster": {"train_cpus": 1}})
    monkeypatch.chdir(tmp_path)
    rows = [
        ManifestRow(
            key, "demo", key[0], key, f"{key}.mpg", "train" if key in job.train else "validation", "", (), (), ""
        )
        for key in (*job.train, *job.validation)
    ]
    write_manifest(tmp_path / "manifest" / "manifest.parquet", rows)
    sources = {
        "aligned": tmp_path / "aligned",
        "codes": job.codes,
        "windows": job.windows,
        "basis": tmp_path,
        "backbone": tmp_path,
    }
    outs = {"out": tmp_path / "out", "metrics": tmp_path / "metrics.json", "plots": tmp_path / "plots.csv"}
    main(load_params(Path("params.yaml")), manifest=tmp_path / "manifest", **sources, **outs)
    assert json.loads((tmp_path / "out" / "run.json").read_text()) == {"run_id": None}
    assert list((tmp_path / "out").glob("*.safetensors"))
    assert caplog.text.count("MLflow cannot record into") == 1
