"""Stages that train or draw, killed in the middle and run again: the same bytes, and nothing finished is done again."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch

from stages import animate, backbone, stage_one, stage_two
from talking import cluster
from talking.cluster.settings import Cluster
from talking.data.shards import ClipStatus, Sample, write_index, write_shard
from talking.media.audio import write_wav_bytes
from talking.systems.mm22 import stage_two as tuning
from talking.systems.mm22.stage_one import new_model
from talking.training.context import LocalContext

from .conftest import write_params
from .toy_corpus import FRAMES, SPLITS, Corpus, write_corpus

pytestmark = pytest.mark.timeout(300)


class KilledError(Exception):
    """What kills a stage in the middle."""


def mapped(work: Callable, items: Iterable, settings: Cluster) -> Iterator:
    """What the cluster does, in this process: it loads the work once and applies it to each item."""
    work.prepare()
    return map(work, items)


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Corpus]:
    """The corpus, in whose folder the stages run without workers."""
    made = write_corpus(tmp_path / "corpus")
    monkeypatch.chdir(made.folder)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr(cluster, "connect", nullcontext)
    monkeypatch.setattr(cluster, "map_items", mapped)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield made
    torch.set_num_threads(threads)


def files(folder: Path) -> dict[str, bytes]:
    """The bytes of every file in a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


class Mortal:
    """Lets a method be called `life` times, and kills at the next call; counts the calls."""

    def __init__(self, patch: pytest.MonkeyPatch, owner: object, name: str, life: int | None = None) -> None:
        self.calls, self.life, call = 0, life, getattr(owner, name)

        def counted(*arguments, **options):
            if self.calls == self.life:
                raise KilledError
            self.calls += 1
            return call(*arguments, **options)

        patch.setattr(owner, name, counted)


def states(corpus: Corpus) -> list[Path]:
    """What is left of the states of killed stages, but for stage one's."""
    return [
        path for stage in ("backbone", "stage_two", "animate") for path in corpus.folder.glob(f".state/*/{stage}/*")
    ]


def test_a_killed_backbone_goes_on(corpus: Corpus, tmp_path: Path) -> None:
    write_params(corpus.folder, {"backbones": {"crops": {"steps": 7, "report_every": 2}}})
    folders = (corpus.source, corpus.manifest, corpus.aligned)

    def run(name: str) -> dict[str, bytes]:
        place = tmp_path / name
        pair, curve = backbone.obtain(corpus.params, *folders)
        pair.save(place)
        (place / "curve.json").write_text(json.dumps(curve))
        return files(place)

    with pytest.MonkeyPatch.context() as patch:
        Mortal(patch, LocalContext, "report", 2)
        with pytest.raises(KilledError):
            run("killed")
    with pytest.MonkeyPatch.context() as patch:
        reports = Mortal(patch, LocalContext, "report")
        again = run("again")
    assert reports.calls == 2, "steps 6 and 7 alone"
    for state in states(corpus):
        state.rename(tmp_path / "aside")
    assert run("whole") == again
    assert [step for step, _ in json.loads(again["curve.json"])] == [2, 4, 6, 7]


def test_a_killed_stage_two_goes_on_within_a_speaker_and_keeps_the_finished_ones(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "SAVE_EVERY", 2)
    write_params(corpus.folder, {"stage_two": {"steps": 5}})
    folders = (corpus.manifest, corpus.aligned, corpus.backbone)

    def run(name: str) -> dict[str, bytes]:
        stage_two.main(corpus.params, *folders, tmp_path / name)
        return files(tmp_path / name)

    whole = run("whole")
    assert sum(name.endswith(".safetensors") for name in whole) == 2 and not states(corpus)
    with pytest.MonkeyPatch.context() as patch:
        Mortal(patch, tuning.TuningRecipe, "step", 8)
        with pytest.raises(KilledError):
            run("killed")
    assert not (tmp_path / "killed").exists()
    with pytest.MonkeyPatch.context() as patch:
        steps = Mortal(patch, tuning.TuningRecipe, "step")
        assert run("killed") == whole
    assert steps.calls == 3, "of the second speaker's five, those after its checkpoint at step 2"
    assert not states(corpus)


def write_models(corpus: Corpus) -> tuple[Path, Path, Path]:
    """Write what animate reads beside the corpus: sound, an untrained model of stage one, tuned generators."""
    rng, rows, statuses = np.random.default_rng(1), [], []
    resampled, one, two = (corpus.folder / name for name in ("resampled", "one", "two"))
    for speaker in sorted({key[0] for key in SPLITS}):
        sound = {key: rng.uniform(-0.5, 0.5, FRAMES * 640).astype(np.float32) for key in SPLITS if key[0] == speaker}
        samples = [Sample(key, {"sound.wav": write_wav_bytes(wave, 16000)}) for key, wave in sound.items()]
        rows.append(write_shard(resampled / f"{speaker}-000.tar", samples))
        statuses += [ClipStatus(key, speaker, f"{speaker}-000.tar", "ok") for key in sound]
    write_index(resampled, rows, statuses)
    folders = (corpus.manifest, corpus.aligned, corpus.codes, corpus.windows, corpus.basis, corpus.backbone)
    job = stage_one.job_of(corpus.params, *folders)
    fit = stage_one.fit_floor(job, corpus.aligned)
    new_model(job, fit).save(one)
    fit.save(one)
    stage_two.main(corpus.params, corpus.manifest, corpus.aligned, corpus.backbone, two)
    return resampled, one, two


def test_a_killed_animate_keeps_finished_clips(corpus: Corpus, tmp_path: Path) -> None:
    resampled, one, two = write_models(corpus)

    def run(name: str) -> dict[str, bytes]:
        inputs = (corpus.manifest, resampled, corpus.aligned, corpus.codes, corpus.windows, corpus.backbone, one, two)
        animate.main(corpus.params, *inputs, tmp_path / name)
        return files(tmp_path / name)

    with pytest.MonkeyPatch.context() as patch:
        drawn = Mortal(patch, animate, "encode_frames")
        whole = run("whole")
    clips = len(json.loads(whole["clips.json"]))
    per_clip, videos = drawn.calls // clips, sum(name.endswith(".mp4") for name in whole)
    assert clips >= 3 and videos == drawn.calls and not states(corpus)
    with pytest.MonkeyPatch.context() as patch:
        Mortal(patch, animate, "encode_frames", per_clip + 2)
        with pytest.raises(KilledError):
            run("killed")
    assert not (tmp_path / "killed").exists()
    (kept,) = {path for state in states(corpus) for path in state.glob("items/*")}
    with pytest.MonkeyPatch.context() as patch:
        drawn = Mortal(patch, animate, "encode_frames")
        assert run("killed") == whole
    assert drawn.calls == (clips - 1) * per_clip, f"{kept.name} is not drawn again"
    assert not states(corpus)


def test_a_video_that_was_damaged_meanwhile_is_drawn_again_and_other_settings_keep_nothing(
    corpus: Corpus, tmp_path: Path
) -> None:
    resampled, one, two = write_models(corpus)
    inputs = (corpus.manifest, resampled, corpus.aligned, corpus.codes, corpus.windows, corpus.backbone, one, two)

    def killed_then_drawn(meanwhile: Callable[[], object]) -> int:
        with pytest.MonkeyPatch.context() as patch:
            Mortal(patch, animate, "encode_frames", 8)
            with pytest.raises(KilledError):
                animate.main(corpus.params, *inputs, tmp_path / "out")
        meanwhile()
        with pytest.MonkeyPatch.context() as patch:
            drawn = Mortal(patch, animate, "encode_frames")
            animate.main(corpus.params, *inputs, tmp_path / "out")
        return drawn.calls

    def damage() -> None:
        (state,) = states(corpus)
        next(state.glob("items/*/*/*.mp4")).write_bytes(b"cut")

    untouched = killed_then_drawn(lambda: None)
    assert killed_then_drawn(damage) == untouched + 7
    assert killed_then_drawn(lambda: write_params(corpus.folder, {"animate": {"crf": 20}})) == untouched + 7
