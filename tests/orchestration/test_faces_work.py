"""Align and invert on a clip that begins grey: its frames without a face stay, and are marked for all that follow."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data

from talking.data.shards import ClipStatus, Sample, ShardFolder, decode_array, read_shard, write_index, write_shard
from talking.media.video import decode_frames, encode_frames_bytes
from talking.orchestration.params import Align
from talking.orchestration.work.align import AlignWork
from talking.orchestration.work.invert import InvertWork
from tests.synthesis.conftest import save_models

GREY, FRAMES = 3, 8


@pytest.fixture
def resampled(tmp_path: Path) -> Path:
    frames = np.repeat(skimage.data.astronaut()[None, :320, 80:400], FRAMES, axis=0)
    frames[:GREY] = 128
    video = encode_frames_bytes(frames, crf=10)
    row = write_shard(tmp_path / "resampled" / "a-000.tar", [Sample("a_0", {"video.mkv": video})])
    write_index(tmp_path / "resampled", [row], [ClipStatus("a_0", "a", row.shard, "ok")])
    return tmp_path / "resampled"


def made_by(work, folder: Path) -> dict[str, bytes]:
    """Return the members of the clip in the shard that a stage's work writes."""
    work.prepare()
    statuses = work("a-000.tar", folder / "a-000.tar")
    row = write_shard(folder / "a-000.tar", list(read_shard(folder / "a-000.tar")))
    write_index(folder, [row], statuses)
    return ShardFolder(folder).clip("a_0").members


def test_the_mask_of_faces_goes_from_align_into_the_codes(resampled: Path, tmp_path: Path) -> None:
    section = Align(
        detector="dlib",
        size=64,
        smoothing=0.0,
        max_missing=0.5,
        redetect_every=0,
        crf=10,
        whole_clip=True,
        whole_margin=0.1,
    )
    aligned = made_by(AlignWork(resampled, section), tmp_path / "aligned")
    wanted = [False] * GREY + [True] * (FRAMES - GREY)
    assert decode_array(aligned["faces.npy"]).tolist() == wanted
    assert len(decode_frames(aligned["crops.mp4"])) == FRAMES, "frames stay, for their sound does"
    save_models(tmp_path / "models")
    inverted = made_by(InvertWork(tmp_path / "aligned", tmp_path / "models" / "backbone", 4), tmp_path / "codes")
    assert decode_array(inverted["faces.npy"]).tolist() == wanted
    assert len(decode_array(inverted["codes.npy"])) == FRAMES
