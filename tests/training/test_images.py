"""Pictures for training a backbone: from a face set and from crops, with landmarks that stay on the face."""

import cv2
import numpy as np
import pytest
import torch

from talking.core.errors import TalkingError
from talking.corpora.demo.stills import write_face_set
from talking.data.shards import ClipStatus, Sample, ShardFolder, decode_array, encode_array, write_index, write_shard
from talking.faces.alignment import to_crop
from talking.media.video import encode_frames_bytes
from talking.training.images import Images, load_crops, load_face_set

QUAD = np.array([[10, 20], [10, 52], [42, 52], [42, 20]], np.float32)  # twice as fine in a crop of 64 pixels


def write_aligned(folder, clips: dict[str, int]) -> None:
    """Crops whose red says the clip and whose green the frame; landmarks in pixels of a frame that QUAD marks."""
    samples = []
    for number, (key, count) in enumerate(clips.items()):
        frames = np.zeros((count, 64, 64, 3), np.uint8)
        frames[..., 0] = 40 + 60 * number
        frames[..., 1] = (10 * np.arange(count))[:, None, None]
        landmarks = (
            np.tile(np.array([26, 36], np.float32), (count, 68, 1)) + np.arange(count, dtype=np.float32)[:, None, None]
        )
        quads = np.tile(QUAD, (count, 1, 1))
        members = {"landmarks.npy": encode_array(landmarks), "quads.npy": encode_array(quads)}
        samples.append(Sample(key, {"crops.mp4": encode_frames_bytes(frames, crf=1), **members}))
    row = write_shard(folder / "a-000.tar", samples)
    write_index(folder, [row], [ClipStatus(key, "a", row.shard, "ok") for key in clips])


def test_the_demos_face_set_is_read_whole(tmp_path) -> None:
    write_face_set(tmp_path / "faces", count=2, seed=1, size=32, frames_per_identity=2, workers=1)
    images = load_face_set(tmp_path / "faces", 16)
    assert (images.pictures.shape, images.pictures.dtype) == ((4, 3, 16, 16), torch.uint8)
    assert (images.landmarks.shape, images.landmarks.dtype) == ((4, 68, 2), torch.float32)
    faces = ShardFolder(tmp_path / "faces")
    for at, sample in enumerate(sample for name in faces.names for sample in faces.read(name)):
        stored = cv2.cvtColor(cv2.imdecode(np.frombuffer(sample.members["image.png"], np.uint8), 1), cv2.COLOR_BGR2RGB)
        shrunk = stored.reshape(16, 2, 16, 2, 3).mean(axis=(1, 3))
        made = images.pictures[at].permute(1, 2, 0).numpy().astype(float)
        assert np.abs(made - shrunk).mean() < 4
        np.testing.assert_allclose(images.landmarks[at], decode_array(sample.members["landmarks.npy"]) / 2, rtol=1e-5)


def test_a_still_of_the_asked_size_is_left_as_it_is(tmp_path) -> None:
    write_face_set(tmp_path / "faces", count=1, seed=1, size=32, frames_per_identity=1, workers=1)
    faces = ShardFolder(tmp_path / "faces")
    (sample,) = faces.read(faces.names[0])
    stored = cv2.imdecode(np.frombuffer(sample.members["image.png"], np.uint8), cv2.IMREAD_COLOR_RGB)
    assert np.array_equal(load_face_set(tmp_path / "faces", 32).pictures[0].permute(1, 2, 0), stored)


def test_crops_are_taken_from_the_chosen_clips_evenly_over_each(tmp_path) -> None:
    write_aligned(tmp_path, {"a_1": 9, "a_2": 9, "a_3": 9})
    images = load_crops(tmp_path, frozenset({"a_1", "a_3"}), 32, most=6)
    reds, greens = (images.pictures[:, channel].float().mean(dim=(1, 2)).numpy() for channel in (0, 1))
    np.testing.assert_allclose(reds, [40, 40, 40, 160, 160, 160], atol=4)
    np.testing.assert_allclose(greens, [0, 40, 80, 0, 40, 80], atol=4)


def test_landmarks_of_crops_are_in_pixels_of_the_pictures(tmp_path) -> None:
    write_aligned(tmp_path, {"a_1": 3})
    images = load_crops(tmp_path, frozenset({"a_1"}), 32, most=3)
    for at in range(3):
        point = to_crop(np.array([[26, 36]], np.float32) + at, QUAD, 64)[0] / 2
        np.testing.assert_allclose(images.landmarks[at, 0], point, atol=1e-4)
    assert np.abs(images.landmarks[0, 0].numpy() - 16).max() < 1.5


def test_a_short_clip_gives_each_frame_once_and_many_clips_at_least_one_each(tmp_path) -> None:
    write_aligned(tmp_path, {"a_1": 2, "a_2": 5})
    assert len(load_crops(tmp_path, frozenset({"a_1"}), 32, most=50).pictures) == 2
    assert len(load_crops(tmp_path, frozenset({"a_1", "a_2"}), 32, most=1).pictures) == 2


def test_a_folder_without_a_picture_is_refused(tmp_path) -> None:
    write_aligned(tmp_path, {"a_1": 2})
    with pytest.raises(TalkingError, match="holds no picture to train a backbone on"):
        load_crops(tmp_path, frozenset(), 32, most=5)


def test_a_batch_is_in_the_networks_range() -> None:
    pictures = torch.tensor([0, 255, 51], dtype=torch.uint8).reshape(3, 1, 1, 1).expand(3, 3, 8, 8)
    images = Images(pictures, torch.arange(3.0).reshape(3, 1, 1).expand(3, 68, 2))
    made, landmarks = images.batch(torch.tensor([1, 2, 0]), torch.get_default_device())
    assert made.dtype == torch.float32
    torch.testing.assert_close(made[:, 0, 0, 0], torch.tensor([1.0, -0.6, -1.0]))
    assert landmarks[:, 0, 0].tolist() == [1, 2, 0]
