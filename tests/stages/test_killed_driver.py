"""`dvc repro` killed in the middle of a real data stage, driver and all, and typed again: the same bytes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from talking.cluster.kept import Keeping, publish
from talking.data.shards import ClipStatus, Sample, write_index, write_shard
from talking.media.audio import write_wav_bytes
from talking.orchestration.params import load_params
from talking.orchestration.shard_stage import shard_inputs
from talking.orchestration.windows import config_of
from talking.orchestration.work.mfcc import MfccWork
from tests.stages.conftest import ROOT, write_params

SHARDS, CLIPS = 16, 3
GRAPH = {
    "stages": {
        "mfcc": {
            "cmd": f"{sys.executable} -m stages.mfcc --resampled resampled --out windows",
            "deps": ["resampled"],
            "params": ["mfcc", "resample.sound_rate", "corpora.${corpus}.max_rejected"],
            "outs": ["windows"],
        }
    }
}


def write_resampled(folder: Path) -> None:
    """Shards of noise: sound and meta, all that the stage mfcc reads."""
    rng, rows, statuses = np.random.default_rng(1), [], []
    for number in range(SHARDS):
        shard = f"s{number}-000.tar"
        keys = [f"s{number}_{letter}" for letter in "abc"[:CLIPS]]
        sounds = [write_wav_bytes(rng.uniform(-0.5, 0.5, 48000).astype(np.float32), 16000) for _ in keys]
        samples = [
            Sample(key, {"sound.wav": sound, "meta.json": b'{"frames": 75}'})
            for key, sound in zip(keys, sounds, strict=True)
        ]
        rows.append(write_shard(folder / shard, samples))
        statuses += [ClipStatus(key, f"s{number}", shard, "ok") for key in keys]
    write_index(folder, rows, statuses)


def project(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Make a folder with a graph of one stage; return the command that reproduces it, and its environment."""
    folder.mkdir()
    write_resampled(folder / "resampled")
    shutil.copy(ROOT / "params.yaml", folder)
    write_params(folder, {"cluster": {"workers": 1}})
    (folder / "dvc.yaml").write_text(yaml.safe_dump(GRAPH))
    names = {"PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1", "OMP_NUM_THREADS": "1"}
    environment = {**os.environ, **names, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(["dvc", "init", "-q", "--no-scm"], cwd=folder, env=environment, check=True)
    return ["dvc", "repro", "-q"], environment


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def undisturbed(resampled: Path, folder: Path) -> Path:
    """Return a folder with what the stage writes in one go, without DVC and Ray."""
    params = load_params(ROOT / "params.yaml")
    work = MfccWork(resampled, config_of(params))
    work.prepare()
    kept = {name: folder / "state" / name for name, _ in shard_inputs(resampled)}
    publish(folder / "out", kept, [Keeping(work)(target) for target in kept.values()])
    return folder / "out"


@pytest.mark.timeout(900)
def test_kill_driver_then_repro_same_output(tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    command, environment = project(killed)
    whole = undisturbed(killed / "resampled", tmp_path / "whole")

    with subprocess.Popen(command, cwd=killed, env=environment, start_new_session=True) as driver:
        while not list(killed.glob(".state/demo/mfcc/*/*.tar.json")):
            assert driver.poll() is None
            time.sleep(0.02)
        os.killpg(driver.pid, signal.SIGKILL)
    assert not (killed / "windows").exists()
    kept = len(list(killed.glob(".state/demo/mfcc/*/*.tar.json")))
    assert 1 <= kept < SHARDS

    done = subprocess.run(["dvc", "repro"], cwd=killed, env=environment, check=True, capture_output=True, text=True)
    assert f"{SHARDS}/{SHARDS} shards" in done.stdout
    assert content(killed / "windows") == content(whole)
    assert not (killed / ".state" / "demo" / "mfcc").exists()
