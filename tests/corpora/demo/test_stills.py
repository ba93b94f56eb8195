"""The face set: shards of aligned strangers with every expression, the same bytes every time."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from talking.core.errors import TalkingError
from talking.corpora.demo.stills import draw_state, write_face_set
from talking.data.shards import ShardFolder, decode_array

SMALL = {"count": 3, "seed": 2, "size": 64, "frames_per_identity": 2, "identities_per_shard": 2}


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces") / "set"
    write_face_set(folder, **SMALL, workers=1)
    return folder


def test_shards_and_index_hold_every_still(faces: Path) -> None:
    shards = ShardFolder(faces)
    assert shards.names == ["faces-000.tar", "faces-001.tar"]
    assert [row.samples for row in shards.rows.values()] == [4, 2]
    keys = [sample.key for name in shards.names for sample in shards.read(name)]
    assert keys == [f"f0000{number}-{still}" for number in range(3) for still in range(2)]
    assert [status.clip for status in shards.statuses] == keys
    assert {status.speaker for status in shards.statuses} == {"f00000", "f00001", "f00002"}


def test_stills_are_aligned_by_their_landmarks(faces: Path) -> None:
    shards = ShardFolder(faces)
    for sample in (sample for name in shards.names for sample in shards.read(name)):
        picture = cv2.imdecode(np.frombuffer(sample.members["image.png"], np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape == (64, 64, 3)
        points = decode_array(sample.members["landmarks.npy"])
        eyes = points[36:48].mean(0)
        mouth = (points[48] + points[54]) / 2
        # The quad's centre lies a tenth of the way from the eyes to the mouth, upright.
        assert np.allclose(eyes + 0.1 * (mouth - eyes), 31.5, atol=0.1)
        assert points[36, 0] < points[45, 0]


def test_stills_of_one_identity_differ_less_than_identities_do(faces: Path) -> None:
    shards = ShardFolder(faces)
    pictures = {
        sample.key: cv2.imdecode(np.frombuffer(sample.members["image.png"], np.uint8), cv2.IMREAD_COLOR).astype(float)
        for name in shards.names
        for sample in shards.read(name)
    }
    same = np.mean([np.abs(pictures[f"f0000{n}-0"] - pictures[f"f0000{n}-1"]).mean() for n in range(3)])
    other = np.mean([np.abs(pictures[f"f0000{n}-0"] - pictures[f"f0000{(n + 1) % 3}-0"]).mean() for n in range(3)])
    assert 0.2 < same < other / 2


def test_the_same_seed_gives_the_same_bytes_from_one_worker_and_from_two(faces: Path, tmp_path: Path) -> None:
    write_face_set(tmp_path / "again", **SMALL, workers=2)
    names = sorted(path.name for path in faces.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "again").iterdir())
    assert all((tmp_path / "again" / name).read_bytes() == (faces / name).read_bytes() for name in names)


def test_expressions_cover_all_mouths_and_favour_small_openings() -> None:
    rng = np.random.default_rng(0)
    states = [draw_state(rng, still % 4) for still in range(4000)]
    opening = np.array([state.opening for state in states])
    assert (opening[::4] == 0).all()
    assert np.mean(opening < 0.4) > 0.6
    assert np.histogram(opening, 10, (0, 1))[0].min() > 100
    assert np.histogram([state.spread for state in states], 10, (-1, 1))[0].min() > 300
    assert np.mean([state.blink > 0.8 for state in states]) > 0.02
    assert max(state.press for state in states) > 0.95


def test_a_face_set_of_nobody_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TalkingError, match=r"demo\.count is 0"):
        write_face_set(tmp_path / "set", **{**SMALL, "count": 0})
