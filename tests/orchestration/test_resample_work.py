"""Resample on a corpus that has changed since it was read: what is gone is refused by name, the rest is done."""

from pathlib import Path

import numpy as np

from talking.corpora.manifest import ManifestRow
from talking.media.video import encode_frames
from talking.orchestration.params import Resample
from talking.orchestration.work.resample import ResampleWork


def row(name: str) -> ManifestRow:
    return ManifestRow(f"s1_{name}", "grid", "s1", name, f"s1/{name}.mp4", "train", "", (), (), "s1-000.tar")


def test_a_clip_that_vanished_after_the_corpus_was_read_is_a_reject(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (12, 32, 32, 3), np.uint8)
    tone = 0.3 * np.sin(np.arange(16000 * 12 // 25) / 10).astype(np.float32)
    encode_frames(frames, tmp_path / "s1" / "here.mp4", crf=20, sound=tone)
    (tmp_path / "s1" / "link.mp4").symlink_to(tmp_path / "gone.mp4")
    (tmp_path / "s1" / "folder.mp4").mkdir()
    section = Resample(rate=25, sound_rate=16000, tolerance_s=0.2, min_frames=3, max_damaged=0.05)
    rows = [row(name) for name in ("gone", "link", "here", "folder")]
    work = ResampleWork(section, None, tmp_path, {"s1-000.tar": rows})
    found = {status.clip: status for status in work("s1-000.tar", tmp_path / "s1-000.tar")}
    assert {key: status.status == "ok" for key, status in found.items()} == {
        "s1_gone": False,
        "s1_link": False,
        "s1_here": True,
        "s1_folder": False,
    }
    assert str(tmp_path / "s1" / "gone.mp4") in found["s1_gone"].sentence
