"""The windows of a clip, and of training clips in other voices: which clips have them, and what they depend on."""

import json
from pathlib import Path

import numpy as np
import pytest

from talking.data.shards import Sample, decode_array
from talking.media.audio import MfccConfig, mfcc_windows, write_wav_bytes
from talking.orchestration.work.mfcc import MfccWork

RATE, FRAMES = 16000, 12
SOUND = (np.random.default_rng(0).normal(size=FRAMES * RATE // 25) * 0.1).astype(np.float32)


def sample(key: str) -> Sample:
    meta = json.dumps({"frames": FRAMES}).encode()
    return Sample(key, {"sound.wav": write_wav_bytes(SOUND, RATE), "meta.json": meta})


def members(key: str, altered: int) -> dict[str, np.ndarray]:
    work = MfccWork(Path("unread"), MfccConfig(), altered, frozenset({"a_1", "a_2"}))
    return {name: decode_array(content) for name, content in work.convert(sample(key)).items()}


def test_training_clips_alone_have_their_sound_in_other_voices() -> None:
    assert members("a_1", 3)["altered.npy"].shape == (3, FRAMES, 12, 28)
    assert set(members("b_1", 3)) == set(members("a_1", 0)) == {"windows.npy"}


def test_the_clips_own_windows_are_those_of_its_sound_whatever_is_altered() -> None:
    own = members("a_1", 2)["windows.npy"]
    np.testing.assert_array_equal(own, members("a_1", 0)["windows.npy"])
    assert np.corrcoef(own.ravel(), mfcc_windows(SOUND, RATE, FRAMES, MfccConfig()).ravel())[0, 1] > 0.99


def test_the_copies_differ_among_themselves_and_between_clips_and_are_the_same_again() -> None:
    first, again, other = (members(key, 2)["altered.npy"] for key in ("a_1", "a_1", "a_2"))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first[0] - first[1]).max() > 0.1 and np.abs(first - other).max() > 0.1
    more = members("a_1", 3)["altered.npy"]
    np.testing.assert_array_equal(more[:2], first)


@pytest.mark.parametrize("altered", [0, 2])
def test_every_copy_has_a_window_of_every_frame(altered: int) -> None:
    assert all(array.shape[-3:] == (FRAMES, 12, 28) for array in members("a_1", altered).values())
