"""Resampled clips: untouched pictures where they fit, lips and sound together where not, and reasons for refusals."""

import io
import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from talking.core.errors import Rejected, TalkingError
from talking.media.audio import read_wav
from talking.media.resample import Resampled, resample_clip
from talking.media.video import decode_frames, encode_frames

JITTER = ("-vf", "settb=1/1000,setpts=(N+0.3*mod(N\\,3))/30/TB", "-enc_time_base", "1/1000")
PCM = ("-c:a", "pcm_s16le")


def _resample(path: Path, **changes: Any) -> Resampled:
    return resample_clip(path, **{"tolerance_s": 0.1, "min_frames": 10, **changes})


@pytest.fixture
def frame_hashes(run_ffmpeg, tmp_path: Path) -> Callable[[Path | bytes], list[str]]:
    """The MD5 of each decoded frame as ffmpeg's own muxer tells it."""

    def hashes(source: Path | bytes) -> list[str]:
        path = source if isinstance(source, Path) else tmp_path / "video-under-test"
        if isinstance(source, bytes):
            path.write_bytes(source)
        table = run_ffmpeg("-i", str(path), "-map", "0:v", "-f", "framemd5", "-").decode()
        return [line.split(",")[-1].strip() for line in table.splitlines() if not line.startswith("#")]

    return hashes


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("clip.mpg", ()),
        ("b-frames.mpg", ("-c:v", "mpeg2video", "-bf", "2")),
        ("clip.mp4", ()),
        ("clip.mov", ("-c:v", "mpeg4")),
        ("clip.mkv", ("-c:v", "libx264", "-bf", "3")),
    ],
)
def test_pictures_at_25_frames_stay_bit_by_bit(make_clip, frame_hashes, name: str, extra: tuple[str, ...]) -> None:
    path = make_clip(name, "25", 2, 2, *extra)
    made = _resample(path)
    assert made.meta["pictures"] == "copied" and made.meta["frames"] == 50
    assert frame_hashes(made.video) == frame_hashes(path)


def test_pictures_that_cannot_be_copied_are_encoded_without_loss(
    make_clip, run_ffmpeg, frame_hashes, tmp_path: Path
) -> None:
    """An mp4 cut between key frames hides its first frames by an edit list, which Matroska does not have."""
    whole = make_clip("whole.mp4", "25", 2, 2, "-g", "50", "-bf", "0")
    run_ffmpeg("-ss", "0.4", "-i", str(whole), "-c", "copy", str(tmp_path / "cut.mp4"))
    made = _resample(tmp_path / "cut.mp4", tolerance_s=0.5)
    assert made.meta["pictures"] == "lossless"
    assert frame_hashes(made.video) == frame_hashes(tmp_path / "cut.mp4")


@pytest.mark.parametrize(("rate", "extra"), [("30", ()), ("30000/1001", ()), ("50", ()), ("24", ()), ("30", JITTER)])
def test_other_rates_become_25_constant(make_clip, tmp_path: Path, rate: str, extra: tuple[str, ...]) -> None:
    from talking.media.video import probe

    made = _resample(make_clip("clip.mkv", rate, 2, 2, *extra))
    (tmp_path / "made.mkv").write_bytes(made.video)
    info = probe(tmp_path / "made.mkv")
    assert (info.rate, info.constant) == (25, True) and abs(info.frames - 50) <= 1
    assert made.meta["pictures"] == "resampled" and made.meta["frames"] == info.frames


@pytest.mark.parametrize("rate", ["25", "30"])
def test_odd_sides_are_no_obstacle(make_clip, rate: str) -> None:
    odd = ("-vf", "crop=127:95:exact=1,format=yuv444p", "-pix_fmt", "yuv444p")
    made = _resample(make_clip("odd.mp4", rate, 2, 2, *odd))
    assert made.meta["frames"] == 50 and made.meta["pictures"] == ("copied" if rate == "25" else "resampled")
    assert decode_frames(made.video).shape == ((50, 95, 127, 3) if rate == "25" else (50, 94, 126, 3))


def test_a_clip_of_digital_silence_is_soundless(make_clip) -> None:
    with pytest.raises(Rejected, match=r"silent\.mp4 is silent from beginning to end") as caught:
        _resample(make_clip("silent.mp4", "25", 2, 2, "-af", "volume=0"))
    assert caught.value.reason == "soundless"


@pytest.mark.parametrize("rate", ["25", "30", "50"])
def test_the_sound_is_as_long_as_the_picture_to_the_sample(make_clip, rate: str) -> None:
    made = _resample(make_clip("clip.mp4", rate))
    samples, sound_rate = read_wav(made.sound)
    info = soundfile.info(io.BytesIO(made.sound))
    assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
    assert sound_rate == 16000 and len(samples) == made.meta["frames"] * 640


def _flash_and_beep(folder: Path, run_ffmpeg: Callable[..., bytes], rate: int, extra: tuple[str, ...]) -> Path:
    """A clip of 3 s, black and silent, with a white flash and a beep that both begin at 1.6 s and last 0.2 s."""
    frames = np.zeros((3 * rate, 64, 64, 3), np.uint8)
    frames[round(1.6 * rate) : round(1.8 * rate)] = 255
    encode_frames(frames, folder / "flash.mp4", rate=rate)
    sound = np.zeros(3 * 44100)
    sound[round(1.6 * 44100) : round(1.8 * 44100)] = 0.8 * np.sin(np.arange(round(0.2 * 44100)) * 0.3)
    soundfile.write(folder / "beep.wav", sound, 44100)
    target = folder / "both.mkv"
    run_ffmpeg("-i", str(folder / "flash.mp4"), "-i", str(folder / "beep.wav"), *extra, str(target))
    return target


@pytest.mark.parametrize(
    ("rate", "extra"),
    [
        (25, PCM),
        (30, PCM),
        (50, PCM),
        (30, ("-c:a", "aac")),
        (25, ("-c:v", "copy", *PCM, "-af", "atrim=0.5,asetpts=PTS")),
        (30, ("-c:v", "copy", *PCM, "-af", "atrim=0.5,asetpts=PTS")),
        (25, (*PCM, "-vf", "trim=0.52,setpts=PTS")),
        (30, (*PCM, "-vf", "trim=0.5,setpts=PTS")),
    ],
    ids=["25", "30", "50", "aac", "late sound at 25", "late sound at 30", "late picture at 25", "late picture at 30"],
)
def test_a_flash_and_its_beep_stay_together(tmp_path: Path, run_ffmpeg, rate: int, extra: tuple[str, ...]) -> None:
    made = _resample(_flash_and_beep(tmp_path, run_ffmpeg, rate, extra), tolerance_s=0.6)
    bright = decode_frames(made.video).mean(axis=(1, 2, 3)) > 128
    loud = np.abs(read_wav(made.sound)[0]) > 0.1
    flash, beep = bright.argmax() / 25, loud.argmax() / 16000
    assert bright.any() and abs(flash - beep) <= 0.02, f"the flash is at {flash:.3f} s, the beep at {beep:.3f} s"


@pytest.mark.parametrize(("sound_s", "key"), [(1.93, "tail_padded_s"), (2.08, "tail_cut_s")])
def test_sound_of_a_slightly_other_length_is_repaired(make_clip, sound_s: float, key: str) -> None:
    made = _resample(make_clip("clip.mkv", "25", 2, sound_s, *PCM))
    assert made.meta["repaired"] == {key: pytest.approx(abs(2 - sound_s), abs=0.002)}
    samples, _ = read_wav(made.sound)
    assert len(samples) == 32000
    assert (np.abs(samples[-320:]).max() == 0) == (sound_s < 2), "padding must be silence, and only padding"


def test_sound_that_starts_late_is_padded_at_its_start(make_clip) -> None:
    late = make_clip("late.mkv", "25", 2, 2, "-af", "asetpts=PTS+0.08/TB", *PCM)
    made = _resample(late)
    assert made.meta["repaired"]["head_padded_s"] == pytest.approx(0.08, abs=0.002)
    samples, _ = read_wav(made.sound)
    assert np.abs(samples[:1200]).max() == 0 < np.abs(samples[1300:1600]).max()


@pytest.mark.parametrize(("sound_s", "side"), [(1.5, "before"), (2.5, "after")])
def test_sound_of_another_length_is_refused(make_clip, sound_s: float, side: str) -> None:
    with pytest.raises(Rejected, match=rf"clip\.mkv: its sound ends 0\.50\d s {side} its picture") as caught:
        _resample(make_clip("clip.mkv", "25", 2, sound_s, *PCM))
    assert caught.value.reason == "length"


def test_the_same_clip_gives_the_same_bytes_wherever_it_lies(make_clip, tmp_path: Path) -> None:
    for path in (make_clip("a.mpg", "25"), make_clip("a.mp4", "30")):
        other = tmp_path / "elsewhere" / path.name
        other.parent.mkdir(exist_ok=True)
        other.write_bytes(path.read_bytes())
        assert _resample(path) == _resample(other)


def test_the_raw_file_is_not_touched(make_clip) -> None:
    path = make_clip("clip.mp4", "30")
    before, listing = path.read_bytes(), sorted(path.parent.iterdir())
    _resample(path)
    assert path.read_bytes() == before and sorted(path.parent.iterdir()) == listing


def test_meta_can_be_written_as_json(make_clip) -> None:
    meta = _resample(make_clip("clip.mpg")).meta
    assert json.loads(json.dumps(meta, allow_nan=False)) == meta
    assert meta["source"]["codec"] == "mpeg1video" and meta["source"]["complaints"] == []


@pytest.mark.parametrize("content", [b"", b"this is not a video\n" * 50], ids=["empty", "text"])
def test_a_text_named_mpg_is_undecodable(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "text.mpg").write_bytes(content)
    with pytest.raises(Rejected, match=r"text\.mpg cannot be decoded") as caught:
        _resample(tmp_path / "text.mpg")
    assert caught.value.reason == "undecodable"


def test_a_clip_without_sound_is_soundless(make_clip) -> None:
    with pytest.raises(Rejected, match=r"silent\.mp4 has no sound") as caught:
        _resample(make_clip("silent.mp4", "25", 1, 0))
    assert caught.value.reason == "soundless"


def test_a_clip_of_one_frame_is_short(make_clip) -> None:
    with pytest.raises(Rejected, match="1 frames at 25 per second, 10 are needed") as caught:
        _resample(make_clip("one.mkv", "25", 0.04, 0.04, *PCM))
    assert caught.value.reason == "short"


@pytest.mark.parametrize(
    ("name", "extra"),
    [("cut.mp4", ()), ("cut.mp4", ("-movflags", "+faststart")), ("cut.mkv", PCM), ("cut.mpg", ())],
    ids=["mp4", "mp4 with its index in front", "mkv", "mpg"],
)
def test_a_clip_cut_in_half_is_undecodable(make_clip, name: str, extra: tuple[str, ...]) -> None:
    path = make_clip(name, "25", 2, 2, *extra)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(Rejected) as caught:
        _resample(path, expected_s=2.0)
    assert caught.value.reason == "undecodable" and path.name in caught.value.sentence


def test_a_clip_whose_middle_is_noise_is_undecodable(make_clip) -> None:
    path = make_clip("broken.mpg", "25", 3, 3)
    content = bytearray(path.read_bytes())
    third = len(content) // 3
    content[third : 2 * third] = np.random.default_rng(0).bytes(third)
    path.write_bytes(content)
    with pytest.raises(Rejected) as caught:
        _resample(path)
    assert caught.value.reason == "undecodable"


def test_impossible_settings_are_refused(make_clip) -> None:
    with pytest.raises(TalkingError, match="positive rates"):
        _resample(make_clip("clip.mpg"), rate=-25)


_FULL_DISK = """
    import resource, sys
    from pathlib import Path
    from talking.core.errors import Rejected, TalkingError
    from talking.media.resample import resample_clip
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    try:
        resample_clip(Path(sys.argv[1]), tolerance_s=0.1, min_frames=10, crf=0)
    except TalkingError as error:
        print(type(error).__name__, error)
"""


@pytest.mark.parametrize("rate", ["25", "30"])
def test_a_disk_that_fills_is_not_the_clips_fault(make_clip, tmp_path: Path, rate: str) -> None:
    command = [sys.executable, "-c", textwrap.dedent(_FULL_DISK), str(make_clip("clip.mpg", rate))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.stderr == ""
    assert done.stdout.startswith("FullDisk") and "the disk is full" in done.stdout


@pytest.mark.parametrize("name", ["s1/bbaf2n", "s2/pwij3p", "s4/bbilzs", "s1/sgib8n", "s1/srbb4n"])
def test_real_clips_keep_their_pictures(real_data: Path, frame_hashes, name: str) -> None:
    path = real_data / "grid" / f"{name}.mpg"
    made = _resample(path)
    assert made.meta["pictures"] == "copied"
    assert made.meta["frames"] == (74 if name.endswith("srbb4n") else 75)
    assert frame_hashes(made.video) == frame_hashes(path)
    assert made.meta["source"]["damaged_frames"] == (1 if name.endswith("sgib8n") else 0)
    assert all(length < 0.03 for length in made.meta["repaired"].values())


def test_a_real_broken_clip_is_refused_or_kept_whole_in_time(real_data: Path) -> None:
    path = real_data / "grid" / "s4" / "bbaf2a.mpg"
    with pytest.raises(Rejected, match=r"bbaf2a\.mpg is broken: \d+ of 75 frames") as caught:
        _resample(path)
    assert caught.value.reason == "undecodable"
    kept = _resample(path, max_damaged=0.2)
    assert (kept.meta["frames"], kept.meta["pictures"]) == (75, "resampled")
