"""Learning to hear: mouths are learned from sound, exactly resumed, and stage one begins with what was learned."""

from pathlib import Path

import numpy as np
import pytest
import torch

from talking.core.errors import TalkingError
from talking.data.shards import ClipStatus, Sample, encode_array, write_index, write_shard
from talking.systems.mm22.audio_encoder import AudioEncoder
from talking.systems.mm22.hearing import (
    NAME,
    OUTCOME,
    Hear,
    HearingJob,
    HearingRecipe,
    begin_hearing,
    read_speech,
    shards_of,
)
from talking.training.context import train_locally
from talking.training.loop import Descend, Losses

FRAMES = 20
SMALL = {"width": 8, "lstm_layers": 1, "code_dim": 32}
CALM = {"gain": 0.0, "offset": 0.0, "noise": 0.1}
PARAMS = Hear(**SMALL, **CALM, steps=150, batch=8, sequence=10, lr=0.003, weight_decay=0.0, held_out=4, report_every=50)


@pytest.fixture
def job(tmp_path: Path) -> HearingJob:
    """Utterances whose mouths follow the first coefficient of their windows."""
    rng, samples = np.random.default_rng(0), []
    for number in range(24):
        level = np.cumsum(rng.normal(size=(FRAMES, 1)), axis=0)
        windows = 0.3 * rng.normal(size=(FRAMES, 12, 28)) + level[:, :, None] * (np.arange(12) == 0)[None, :, None]
        shapes = np.repeat(level, 5, axis=1) * [1, 2, 3, -1, 0.5] + 4
        members = {"windows.npy": windows, "mouth.npy": shapes}
        samples.append(
            Sample(f"e_{number}", {name: encode_array(value.astype(np.float32)) for name, value in members.items()})
        )
    row = write_shard(tmp_path / "speech" / "e-000.tar", samples)
    write_index(tmp_path / "speech", [row], [ClipStatus(each.key, "e", row.shard, "ok") for each in samples])
    return HearingJob(PARAMS, 1, tmp_path / "speech", tmp_path / "scratch")


def test_it_learns_the_shape_of_mouths_that_it_was_not_trained_on(job: HearingJob, tmp_path: Path) -> None:
    history = train_locally(job, tmp_path / "run", torch.device("cpu")).history
    assert [row["step"] for row in history] == [50, 100, 150]
    assert history[-1]["validation_opening"] > 0.9 > history[0]["validation_opening"] - 0.3
    assert history[-1]["train_shape"] < history[0]["train_shape"]


def test_stopped_and_resumed_it_ends_with_the_same_weights(
    job: HearingJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train_locally(job, tmp_path / "whole", torch.device("cpu"))
    step = HearingRecipe.step

    def stopped(self: HearingRecipe, number: int, descend: Descend) -> Losses:
        if number == 83:
            raise KeyboardInterrupt
        return step(self, number, descend)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(HearingRecipe, "step", stopped)
        train_locally(job, tmp_path / "again", torch.device("cpu"))
    again = train_locally(job, tmp_path / "again", torch.device("cpu"))
    files = [result.checkpoint / OUTCOME / f"{NAME}.safetensors" for result in (whole, again) if result.checkpoint]
    assert len(files) == 2 and files[0].read_bytes() == files[1].read_bytes()
    assert whole.history == again.history


def test_shapes_and_windows_are_standardised_over_all_utterances_and_the_first_are_held_out(job: HearingJob) -> None:
    windows, shapes, (held_windows, held_shapes) = read_speech(job.speech, 4)
    assert len(windows) == len(shapes) == 20 and len(held_windows) == len(held_shapes) == 4
    every = torch.cat([shapes, held_shapes])
    torch.testing.assert_close(every.mean((0, 1)), torch.zeros(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(every.flatten(0, 1).std(0, correction=0), torch.ones(5), atol=1e-3, rtol=0)
    with pytest.raises(TalkingError, match="24 utterances, of which 24 are held out"):
        read_speech(job.speech, 24)


def test_stage_one_begins_with_what_was_learned_and_sizes_must_agree(job: HearingJob, tmp_path: Path) -> None:
    checkpoint = train_locally(job, tmp_path / "run", torch.device("cpu")).checkpoint
    assert checkpoint is not None
    encoder = AudioEncoder(**SMALL)
    before = encoder.state_dict()["linears.0.weight"].clone()
    begin_hearing(encoder, checkpoint / OUTCOME)
    assert (encoder.state_dict()["linears.0.weight"] != before).any()
    with pytest.raises(TalkingError, match=r"whose width is 8 where stage one asks for 4"):
        begin_hearing(AudioEncoder(**{**SMALL, "width": 4}), checkpoint / OUTCOME)


def test_shards_hold_every_utterance_once() -> None:
    shards = dict(shards_of(7, 3))
    assert [number for numbers in shards.values() for number in numbers] == list(range(7))
    assert [len(numbers) for numbers in shards.values()] == [3, 3, 1]
