"""Shards: bytes that depend on content alone, an index that is believed only when it is right, tars others can read."""

import hashlib
import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
import webdataset
from hypothesis import given
from hypothesis import strategies as st

from talking.core.errors import TalkingError
from talking.data.shards import (
    ClipStatus,
    Sample,
    ShardFolder,
    check_rejected,
    decode_array,
    encode_array,
    read_shard,
    write_index,
    write_shard,
)

SAMPLES = [Sample("s1_b", {"sound.wav": b"B" * 700, "meta.json": b"{}"}), Sample("s1_a", {"meta.json": b"[1]"})]
KEYS = st.text("abcz019_-", min_size=1, max_size=20)
MEMBERS = st.dictionaries(
    st.sampled_from(["codes.npy", "meta.json", "sound.wav"]), st.binary(max_size=1500), min_size=1
)


def finished(folder: Path) -> ShardFolder:
    """A folder of one shard with its index."""
    row = write_shard(folder / "s1-000.tar", SAMPLES)
    write_index(folder, [row], [ClipStatus(sample.key, "s1", row.shard, "ok") for sample in SAMPLES])
    return ShardFolder(folder)


def test_the_same_samples_give_the_same_bytes_whenever_and_by_whomever(tmp_path: Path) -> None:
    first = write_shard(tmp_path / "one" / "s1-000.tar", SAMPLES)
    backwards = [Sample(s.key, dict(reversed(s.members.items()))) for s in SAMPLES]
    os.utime(tmp_path / "one" / "s1-000.tar", (1, 1))
    second = write_shard(tmp_path / "two" / "s1-000.tar", backwards)
    assert first == second
    with tarfile.open(tmp_path / "two" / "s1-000.tar") as tar:
        assert {(member.mtime, member.uid, member.gid) for member in tar} == {(0, 0, 0)}


def test_the_index_row_is_what_the_file_is(tmp_path: Path) -> None:
    row = write_shard(tmp_path / "s1-000.tar", SAMPLES)
    content = (tmp_path / "s1-000.tar").read_bytes()
    assert (row.shard, row.samples, row.bytes) == ("s1-000.tar", 2, len(content))
    assert row.sha256 == hashlib.sha256(content).hexdigest()


def test_samples_come_back_in_the_order_they_were_written(tmp_path: Path) -> None:
    assert list(finished(tmp_path).read("s1-000.tar")) == [
        Sample(s.key, dict(sorted(s.members.items()))) for s in SAMPLES
    ]


@given(contents=st.dictionaries(KEYS, MEMBERS, max_size=5))
def test_whatever_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, contents: dict) -> None:
    path = tmp_path_factory.mktemp("shards") / "x-000.tar"
    row = write_shard(path, [Sample(key, members) for key, members in contents.items()])
    assert {sample.key: sample.members for sample in read_shard(path, row)} == contents


def test_the_webdataset_library_reads_a_shard(tmp_path: Path) -> None:
    codes = np.arange(6, dtype=np.float16).reshape(1, 2, 3)
    write_shard(tmp_path / "s1-000.tar", [Sample("s1_a", {"codes.npy": encode_array(codes)}), *SAMPLES[:1]])
    read = list(webdataset.WebDataset(str(tmp_path / "s1-000.tar"), shardshuffle=False))
    assert [sample["__key__"] for sample in read] == ["s1_a", "s1_b"]
    assert read[1]["sound.wav"] == b"B" * 700
    np.testing.assert_array_equal(np.load(io.BytesIO(read[0]["codes.npy"])), codes)


@pytest.mark.parametrize("key", ["a.b", "a/b", "../up", ""])
def test_a_key_that_could_leave_its_place_is_refused_and_nothing_is_left(tmp_path: Path, key: str) -> None:
    with pytest.raises(TalkingError, match=r"cannot be the key"):
        write_shard(tmp_path / "s1-000.tar", [Sample(key, {"meta.json": b"{}"})])
    assert list(tmp_path.iterdir()) == []


def test_a_shard_that_disagrees_with_its_index_is_named(tmp_path: Path) -> None:
    folder = finished(tmp_path)
    path = tmp_path / "s1-000.tar"
    content = bytearray(path.read_bytes())
    content[600] ^= 1
    path.write_bytes(content)
    with pytest.raises(TalkingError, match=r"s1-000\.tar disagrees with its index"):
        list(folder.read("s1-000.tar"))


@pytest.mark.parametrize("cut", [100, 512, 700, 1024])
def test_a_shard_cut_short_is_refused(tmp_path: Path, cut: int) -> None:
    folder = finished(tmp_path)
    path = tmp_path / "s1-000.tar"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(TalkingError, match=r"s1-000\.tar disagrees"):
        list(folder.read("s1-000.tar"))


@pytest.mark.parametrize("content", [b"", b"no tar at all" * 100])
def test_a_file_that_is_no_tar_is_refused_without_an_index_too(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s1-000.tar").write_bytes(content)
    with pytest.raises(TalkingError, match="not a readable tar"):
        list(read_shard(tmp_path / "s1-000.tar"))


@pytest.mark.parametrize("cut", [100, 700])
def test_a_tar_cut_within_a_member_is_refused_without_an_index_too(tmp_path: Path, cut: int) -> None:
    write_shard(tmp_path / "s1-000.tar", [Sample("s1_a", {"sound.wav": b"A" * 4000})])
    path = tmp_path / "s1-000.tar"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(TalkingError, match="not a readable tar"):
        list(read_shard(path))


@pytest.mark.parametrize("name", ["index.parquet", "clips.parquet"])
@pytest.mark.parametrize("damage", ["emptied", "zeros", "cut", "swapped", "gone"])
def test_a_damaged_table_is_a_sentence_that_names_it_and_what_to_do(tmp_path: Path, name: str, damage: str) -> None:
    finished(tmp_path)
    path, other = tmp_path / name, {"index.parquet": "clips.parquet", "clips.parquet": "index.parquet"}[name]
    content = path.read_bytes()
    damaged = {"emptied": b"", "zeros": bytes(len(content)), "cut": content[: len(content) // 2]}
    path.write_bytes(damaged.get(damage, (tmp_path / other).read_bytes()))
    if damage == "gone":
        path.unlink()
    with pytest.raises(TalkingError, match=rf"{path} .*: (remove it and )?run .*") as caught:
        ShardFolder(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_missing_shard_or_index_is_named(tmp_path: Path) -> None:
    with pytest.raises(TalkingError, match=r"index\.parquet is missing"):
        ShardFolder(tmp_path)
    folder = finished(tmp_path)
    (tmp_path / "s1-000.tar").unlink()
    with pytest.raises(TalkingError, match=r"s1-000\.tar is missing"):
        list(folder.read("s1-000.tar"))


def test_a_writer_that_fails_leaves_no_shard(tmp_path: Path) -> None:
    def samples():
        yield SAMPLES[0]
        raise OSError("the camera is on fire")

    with pytest.raises(OSError, match="camera"):
        write_shard(tmp_path / "s1-000.tar", samples())
    assert list(tmp_path.iterdir()) == []


def test_a_sample_is_found_by_its_status(tmp_path: Path) -> None:
    folder = finished(tmp_path)
    assert folder.sample(folder.statuses[1]).members == {"meta.json": b"[1]"}
    with pytest.raises(TalkingError, match="lacks s1_z"):
        folder.sample(ClipStatus("s1_z", "s1", "s1-000.tar", "ok"))


def test_too_many_refused_clips_fail_the_stage_and_as_many_as_allowed_do_not() -> None:
    statuses = [
        ClipStatus(f"s1_{i}", "s1", "s1-000.tar", "ok" if i else "faceless", "No face in it.") for i in range(4)
    ]
    check_rejected(statuses, 0.25, "align")
    with pytest.raises(TalkingError, match=r"align: 1 of 4 clips were refused.*s1_0: No face in it"):
        check_rejected(statuses, 0.2, "align")


def test_arrays_keep_their_type_and_shape_and_pickles_are_refused() -> None:
    array = np.random.default_rng(0).random((3, 14, 512)).astype(np.float16)
    back = decode_array(encode_array(array))
    assert back.dtype == np.float16
    np.testing.assert_array_equal(back, array)
    buffer = io.BytesIO()
    np.save(buffer, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        decode_array(buffer.getvalue())
