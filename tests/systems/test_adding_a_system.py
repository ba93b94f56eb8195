"""docs/ADDING_A_SYSTEM.md, tried: its files as they stand there learn, go on after a kill, and make measured videos."""

import ast
import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
import yaml

import talking.systems
from talking.core.files import write_json
from talking.corpora.manifest import ManifestRow, write_manifest
from talking.data.shards import ClipStatus, Sample, encode_array, write_index, write_shard
from talking.evaluation.methods import Method
from talking.evaluation.videos import find_videos
from talking.media.video import encode_frames_bytes
from talking.orchestration.graphs import stages_of
from talking.training.context import train_locally

PAGE = Path(__file__).parents[2] / "docs" / "ADDING_A_SYSTEM.md"
FILE = re.compile(r"^`([\w/.]+)`\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILES = dict(FILE.findall(PAGE.read_text()))
FRAMES, SIDE = 30, 64
SPLITS = {"a_0": "train", "a_1": "train", "a_2": "train", "b_0": "unseen", "b_1": "unseen"}


def levels(key: str) -> np.ndarray:
    """What the sound of a clip says in each frame, (T,)."""
    rng = np.random.default_rng(list(key.encode()))
    return np.convolve(rng.normal(size=FRAMES + 4), np.ones(5) / 5, "valid")


def crops(key: str) -> np.ndarray:
    """A grey face of its own shade whose mouth is as bright as the sound says, (T, S, S, 3)."""
    shade = 90 if key.startswith("a") else 120
    frames = np.full((FRAMES, SIDE, SIDE, 3), shade, np.float64)
    frames[:, 40:56, 16:48] += 60 * levels(key)[:, None, None, None]
    return np.clip(frames, 0, 255).astype(np.uint8)


def windows(key: str) -> np.ndarray:
    """Audio windows (T, 12, 28) of which one number is the level."""
    prediction = 0.1 * np.random.default_rng(len(key)).normal(size=(FRAMES, 12, 28))
    prediction[:, 3, 14] = levels(key)
    return prediction.astype(np.float32)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the page's files, importable, and a corpus of five clips."""
    folder = tmp_path_factory.mktemp("project")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    rows = [
        ManifestRow(key, "toy", key[0], key, f"{key}.mpg", split, "", (), (), f"{key[0]}-000.tar")
        for key, split in SPLITS.items()
    ]
    write_manifest(folder / "manifest" / "manifest.parquet", rows)
    for kind, members in (
        ("aligned", lambda key: {"whole.mp4": encode_frames_bytes(crops(key), crf=1, preset="veryfast")}),
        ("windows", lambda key: {"windows.npy": encode_array(windows(key))}),
    ):
        shards = {
            f"{who}-000.tar": [Sample(key, members(key)) for key in SPLITS if key[0] == who] for who in ("a", "b")
        }
        written = [write_shard(folder / kind / name, samples) for name, samples in shards.items()]
        statuses = [ClipStatus(each.key, each.key[0], name, "ok") for name, part in shards.items() for each in part]
        write_index(folder / kind, written, statuses)
    write_json(folder / "videos" / "clips.json", [{"key": key} for key, split in SPLITS.items() if split == "unseen"])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(talking.systems, "__path__", [*talking.systems.__path__, str(folder / "talking" / "systems")])
        patch.syspath_prepend(str(folder))
        yield folder
    for name in [name for name in sys.modules if name.startswith(("talking.systems.toy", "pipelines.toy"))]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def learned(project: Path) -> Path:
    """The stage, run: the folder of its videos."""
    learn = importlib.import_module("pipelines.toy.learn") if _joined(project) else None
    assert isinstance(learn, ModuleType)
    params = learn.read_file(learn.ToyParams, Path("pipelines/toy/params.yaml"))
    out = project / "methods" / "toy"
    learn.main(params, Path("manifest"), Path("aligned"), Path("windows"), Path("videos"), out)
    return out


def _joined(project: Path) -> bool:
    """Let `pipelines` be found in the folder too."""
    import pipelines

    pipelines.__path__ = [*pipelines.__path__, str(project / "pipelines")]
    return True


def test_it_is_at_most_a_hundred_and_fifty_lines_and_every_file_says_what_it_is() -> None:
    assert len(FILES) == 4 and sum(len(text.splitlines()) for text in FILES.values()) <= 150
    python = [text for name, text in FILES.items() if name.endswith(".py")]
    assert len(python) == 2 and all(ast.get_docstring(ast.parse(text)) for text in python)


def test_its_videos_are_found_as_a_method_of_its_own_view(learned: Path) -> None:
    found = find_videos(learned.parent, ["b_0", "b_1"], ())
    assert found.clips == {"toy": {"b_0", "b_1"}} and found.remarks == ()
    assert found.methods == (Method("toy", "a linear map to pixels", "model", view="whole_clip"),)
    assert found.frames("b_0", SIDE, FRAMES) == {} and set(found.frames("b_0", SIDE, FRAMES, "whole_clip")) == {"toy"}


@pytest.mark.parametrize("key", ["b_0", "b_1"])
def test_a_stranger_speaks_what_the_sound_says(learned: Path, key: str) -> None:
    prediction = find_videos(learned.parent, [key], ()).frames(key, SIDE, FRAMES, "whole_clip")["toy"].astype(float)
    target = crops(key).astype(float)
    mouth, forehead = (slice(None), slice(44, 52), slice(20, 44)), (slice(None), slice(4, 12), slice(20, 44))
    together = np.corrcoef(prediction[mouth].mean((1, 2, 3)), target[mouth].mean((1, 2, 3)))[0, 1]
    assert together > 0.9
    assert np.abs(prediction[forehead] - target[forehead]).mean() < 6, "the shade is the stranger's own"


def test_killed_at_any_step_it_ends_with_the_same_weights(learned: Path, tmp_path: Path) -> None:
    system = importlib.import_module("talking.systems.toy.system")
    rng = np.random.default_rng(0)
    params = system.Toy(components=2, steps=20, lr=0.01)
    job = system.ToyJob(params, 1, rng.normal(size=(9, 5)), rng.normal(size=(9, 2)), tmp_path / "scratch")
    whole = train_locally(job, tmp_path / "whole", torch.device("cpu"))
    step = system.ToyRecipe.step

    def killed(self: object, number: int, descend: object) -> dict[str, float]:
        if number == 13:
            raise KeyboardInterrupt
        return step(self, number, descend)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(system.ToyRecipe, "step", killed)
        train_locally(job, tmp_path / "again", torch.device("cpu"))
    again = train_locally(job, tmp_path / "again", torch.device("cpu"))
    files = [result.checkpoint / "outcome" / "map.safetensors" for result in (whole, again) if result.checkpoint]
    assert len(files) == 2 and files[0].read_bytes() == files[1].read_bytes() and whole.history == again.history


def test_its_graph_is_one_that_the_project_reads(project: Path) -> None:
    (stage,) = stages_of(project / "pipelines" / "toy" / "dvc.yaml")
    assert stage.scripts == ("pipelines.toy.learn",) and stage.entry["outs"] == ["methods/toy"]
    assert set(yaml.safe_load(FILES["pipelines/toy/params.yaml"])) == {"seed", "toy"}
    assert json.loads((project / "videos" / "clips.json").read_text())
