"""Sound in and out, and audio windows that are librosa's own columns at the right times."""

import io
import subprocess
import sys
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from talking.core.errors import Rejected, TalkingError
from talking.media.audio import MfccConfig, mfcc_windows, read_wav, write_wav_bytes
from talking.media.sound_stream import extract_sound


def _noise(count: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(count) * 0.1).astype(np.float32)


def _beep() -> np.ndarray:
    """Three seconds of silence with 5 ms of 1 kHz around 1.5 s."""
    sound = np.zeros(48000, np.float32)
    sound[24000 - 40 : 24000 + 40] = np.sin(2 * np.pi * np.arange(80) / 16)
    return sound


def test_windows_are_slices_of_librosas_mfcc_over_the_whole_signal() -> None:
    sound = _noise(48000)
    whole = librosa.feature.mfcc(y=sound, sr=16000, n_mfcc=13, n_fft=400, hop_length=160, n_mels=40)
    windows = mfcc_windows(sound, 16000, 75)
    assert windows.shape == (75, 12, 28) and windows.dtype == np.float32
    for frame in range(3, 71):
        # Frames t-3 to t+3 cover 28 columns of 10 ms, from 4 (t - 3) on.
        assert np.array_equal(windows[frame], whole[1:, 4 * (frame - 3) : 4 * (frame + 4)])


def test_past_the_ends_the_outermost_columns_are_repeated() -> None:
    sound = _noise(48000)
    whole = librosa.feature.mfcc(y=sound, sr=16000, n_mfcc=13, n_fft=400, hop_length=160, n_mels=40)[1:]
    windows = mfcc_windows(sound, 16000, 75)
    padded = np.concatenate([whole[:, :1]] * 12 + [whole] + [whole[:, -1:]] * 12, axis=1)
    assert np.array_equal(windows[0], padded[:, :28])
    assert np.array_equal(windows[74], padded[:, 4 * 74 : 4 * 74 + 28])


def test_a_beep_stands_in_the_middle_of_the_window_of_its_frame() -> None:
    sound = _beep()  # at 1.5 s: the middle of frame 37, which covers 1.48 to 1.52 s
    windows = mfcc_windows(sound, 16000, 75)
    silence = windows[0, :, 0]
    touched = np.abs(windows - silence[None, :, None]).max(axis=1) > 1  # (T, 28)
    assert np.flatnonzero(touched[37]).tolist() == [13, 14, 15]
    assert np.flatnonzero(touched.any(axis=1)).tolist() == list(range(34, 41)), "seven frames see the beep"


def test_the_short_papers_window_spans_a_fifth_of_a_second() -> None:
    sound = _beep()
    windows = mfcc_windows(sound, 16000, 75, MfccConfig(hop_s=0.2 / 28))
    assert windows.shape == (75, 12, 28)
    touched = (np.abs(windows - windows[0, :, :1][None]).max(axis=1) > 1).any(axis=1)
    assert np.flatnonzero(touched).tolist() == list(range(35, 40)), "five frames see the beep"


@given(
    frames=st.integers(1, 60),
    samples=st.integers(1, 20000),
    steps=st.integers(1, 40),
    n_mfcc=st.integers(2, 20),
    hop_s=st.sampled_from([0.005, 0.01, 0.2 / 28]),
)
@settings(max_examples=40, deadline=None)
@pytest.mark.filterwarnings("ignore:n_fft")
def test_there_is_a_window_per_frame_whatever_the_length(
    frames: int, samples: int, steps: int, n_mfcc: int, hop_s: float
) -> None:
    config = MfccConfig(steps=steps, n_mfcc=n_mfcc, hop_s=hop_s)
    windows = mfcc_windows(_noise(samples), 16000, frames, config)
    assert windows.shape == (frames, n_mfcc - 1, steps)
    assert np.isfinite(windows).all()


@given(shift=st.integers(1, 20))
@settings(max_examples=10, deadline=None)
def test_sound_that_starts_later_moves_its_windows_by_as_many_frames(shift: int) -> None:
    sound = _noise(32000)
    late = np.concatenate([_noise(640 * shift, 1), sound])
    ours, theirs = mfcc_windows(sound, 16000, 50), mfcc_windows(late, 16000, 50 + shift)
    assert np.allclose(theirs[shift + 5 : shift + 45], ours[5:45], atol=1e-3)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"rate": -16000}, "mfcc.rate"),
        ({"rate": 16000.0}, "mfcc.rate"),
        ({"n_mfcc": 1}, "mfcc.n_mfcc"),
        ({"n_mfcc": 41}, "mfcc.n_mels"),
        ({"hop_s": 0}, "mfcc.hop_s"),
        ({"hop_s": 1e-6}, "mfcc.hop_s"),
        ({"steps": 0}, "mfcc.steps"),
        ({"n_fft": True}, "mfcc.n_fft"),
    ],
)
def test_impossible_settings_are_refused_by_name(values: dict, word: str) -> None:
    with pytest.raises(TalkingError, match=word):
        MfccConfig(**values)


@pytest.mark.parametrize(
    ("sound", "rate", "frames", "word"),
    [
        (_noise(16000), 8000, 25, "8000 Hz"),
        (_noise(16000).reshape(-1, 2), 16000, 25, "mono"),
        (_noise(0), 16000, 25, "not empty"),
        (np.full(16000, np.nan, np.float32), 16000, 25, "finite"),
        (_noise(16000), 16000, 0, "at least one frame"),
    ],
)
def test_sound_that_cannot_be_meant_is_refused(sound: np.ndarray, rate: int, frames: int, word: str) -> None:
    with pytest.raises(TalkingError, match=word):
        mfcc_windows(sound, rate, frames)


def test_a_wav_comes_back_as_libsndfile_reads_it(tmp_path: Path) -> None:
    sound = np.clip(_noise(5000) * 5, -1, 1)
    content = write_wav_bytes(sound, 16000)
    theirs, rate = soundfile.read(io.BytesIO(content), dtype="float32")
    (tmp_path / "a.wav").write_bytes(content)
    for source in (content, tmp_path / "a.wav"):
        ours, our_rate = read_wav(source)
        assert our_rate == rate == 16000 and ours.dtype == np.float32
        assert np.array_equal(ours, theirs)
    assert np.abs(ours - sound).max() <= 1 / 32768
    assert write_wav_bytes(ours, 16000) == content


def test_what_is_louder_than_full_scale_is_clipped_and_does_not_wrap() -> None:
    back, _ = read_wav(write_wav_bytes(np.array([2.0, -2.0, 1.0, 0.0], np.float32), 16000))
    assert back.tolist() == [32767 / 32768, -1.0, 32767 / 32768, 0.0]


def test_two_channels_are_averaged(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "two.wav", np.tile([[0.5, 0.25]], (100, 1)), 16000, subtype="PCM_16")
    assert read_wav(tmp_path / "two.wav")[0].tolist() == [0.375] * 100


@pytest.mark.parametrize("content", [b"", b"not a wav", write_wav_bytes(np.zeros(9, np.float32), 16000)[:20]])
def test_what_is_no_wav_is_refused(content: bytes) -> None:
    with pytest.raises(Rejected, match="not a readable WAV") as caught:
        read_wav(content)
    assert caught.value.reason == "undecodable"


def test_sound_of_another_width_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "wide.wav", np.zeros(100), 16000, subtype="PCM_24")
    with pytest.raises(Rejected, match=r"wide\.wav has 24 bits"):
        read_wav(tmp_path / "wide.wav")


def test_a_clips_tone_is_extracted_at_its_pitch_and_rate(make_clip) -> None:
    sound = extract_sound(make_clip("clip.mkv", "25", 2, 2, "-c:a", "pcm_s16le"))
    assert sound.dtype == np.float32 and abs(len(sound) - 32000) <= 32
    spectrum = np.abs(np.fft.rfft(sound[:16000]))
    assert spectrum.argmax() == 440


def test_channels_that_are_loud_together_stay_within_full_scale(run_ffmpeg, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "loud.wav", np.tile([[0.9, 0.9]], (16000, 1)), 16000)
    run_ffmpeg("-i", str(tmp_path / "loud.wav"), "-c:a", "pcm_f32le", str(tmp_path / "loud.mkv"))
    assert extract_sound(tmp_path / "loud.mkv")[4000:12000] == pytest.approx(0.9, abs=0.01)


def test_a_hole_in_the_sound_keeps_what_follows_at_its_time(run_ffmpeg, tmp_path: Path) -> None:
    sound = np.zeros(32000)
    sound[24000:24160] = 0.9  # a beep at 1.5 s
    soundfile.write(tmp_path / "beep.wav", sound, 16000)
    cut = "aselect=not(between(t\\,0.5\\,0.53))"
    run_ffmpeg("-i", str(tmp_path / "beep.wav"), "-af", f"asetnsamples=160,{cut}", str(tmp_path / "hole.mkv"))
    found = extract_sound(tmp_path / "hole.mkv")
    assert np.abs(found).argmax() == pytest.approx(24000, abs=200)


def test_a_clip_without_sound_is_refused(make_clip) -> None:
    with pytest.raises(Rejected, match=r"silent\.mp4 has no sound") as caught:
        extract_sound(make_clip("silent.mp4", "25", 1, 0))
    assert caught.value.reason == "soundless"


def test_importing_the_module_does_not_import_librosa() -> None:
    code = "import sys, talking.media.audio; sys.exit(any(name in sys.modules for name in ('librosa', 'numba')))"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_real_speech_gives_the_windows_that_librosa_gives(real_data: Path) -> None:
    sound = extract_sound(real_data / "grid" / "s1" / "bbaf2n.mpg")
    whole = librosa.feature.mfcc(y=sound, sr=16000, n_mfcc=13, n_fft=400, hop_length=160, n_mels=40)
    windows = mfcc_windows(sound, 16000, 75)
    assert np.array_equal(windows[40], whole[1:, 148:176])
    assert 0.05 < np.abs(sound).max() <= 1


def test_a_gain_changes_no_window() -> None:
    sound = np.random.default_rng(3).normal(scale=0.1, size=16000).astype(np.float32)
    loud, soft = (mfcc_windows(gain * sound, 16000, 25) for gain in (1.0, 0.3))
    np.testing.assert_allclose(soft, loud, atol=2e-3)


def test_coefficients_may_be_normalised_over_the_clip() -> None:
    sound = np.random.default_rng(4).normal(scale=0.1, size=32000).astype(np.float32)
    config = MfccConfig(normalise="clip", steps=4)  # as many columns as a frame lasts: all but each column once
    windows = mfcc_windows(sound, 16000, 50, config)
    np.testing.assert_allclose(windows.mean(axis=(0, 2)), 0, atol=0.05)
    np.testing.assert_allclose(windows.std(axis=(0, 2)), 1, atol=0.05)
    assert np.isfinite(mfcc_windows(np.zeros(16000, np.float32), 16000, 25, config)).all()
    with pytest.raises(TalkingError, match=r"mfcc.normalise is 'speaker': it must be none or clip"):
        MfccConfig(normalise="speaker")
