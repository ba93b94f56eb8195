"""The manifest and the rejects: written and read back, the same bytes for the same rows, shards filled in order."""

import string
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talking.core.errors import TalkingError
from talking.corpora.clip import Clip, Segment
from talking.corpora.manifest import ManifestRow, clip_of, make_manifest, read_manifest, write_manifest
from talking.corpora.rejects import Reject, check_rejects, read_rejects, rejects_as_text, write_rejects

ROOT = Path("/corpora/grid")
TIMES = st.floats(0, 100, allow_nan=False)
NAMES = st.text(string.ascii_letters + string.digits, min_size=1, max_size=8)
SEGMENTS = st.lists(st.builds(Segment, TIMES, TIMES, st.text(max_size=5)), max_size=3).map(tuple)
ROWS = st.lists(
    st.builds(
        ManifestRow,
        *(NAMES for _ in range(4)),
        path=NAMES.map(lambda name: f"s1/{name}.mpg"),
        split=st.sampled_from(["train", "unseen"]),
        sentence=st.text(max_size=10),
        words=SEGMENTS,
        phones=SEGMENTS,
        shard=NAMES,
    ),
    max_size=5,
)


def clip(speaker: str, name: str, words: tuple[Segment, ...] = ()) -> Clip:
    return Clip("grid", speaker, name, ROOT / speaker / f"{name}.mpg", f"say {name}", words)


def manifest(clips: list[Clip], clips_per_shard: int = 2) -> list[ManifestRow]:
    return make_manifest(clips, {c.key: "train" for c in clips}, root=ROOT, clips_per_shard=clips_per_shard)


@settings(deadline=None)
@given(rows=ROWS)
def test_what_is_written_is_read_back(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("manifest") / "manifest.parquet"
    write_manifest(path, rows)
    assert read_manifest(path) == rows


def test_a_clip_comes_back_from_its_row_below_another_root(tmp_path):
    original = clip("s1", "bbaf2n", (Segment(0.95, 1.18, "bin"),))
    write_manifest(tmp_path / "m.parquet", manifest([original]))
    (row,) = read_manifest(tmp_path / "m.parquet")
    assert row.path == "s1/bbaf2n.mpg"
    assert clip_of(row, ROOT) == original
    assert clip_of(row, tmp_path).path == tmp_path / "s1" / "bbaf2n.mpg"


def test_shards_are_filled_speaker_by_speaker_in_natural_order():
    clips = [clip("s10", "a"), clip("s2", "n10"), clip("s2", "n2"), clip("s2", "n1")]
    rows = manifest(clips)
    assert [(row.key, row.shard) for row in rows] == [
        ("s2_n1", "s2-000.tar"),
        ("s2_n2", "s2-000.tar"),
        ("s2_n10", "s2-001.tar"),
        ("s10_a", "s10-000.tar"),
    ]
    assert manifest(clips[::-1]) == rows


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 9))
def test_a_shard_holds_at_most_its_clips_and_only_the_last_holds_fewer(count, per_shard):
    rows = manifest([clip("s1", f"n{i}") for i in range(count)], per_shard)
    names = list(dict.fromkeys(row.shard for row in rows))
    sizes = [sum(row.shard == name for row in rows) for name in names]
    assert all(size == per_shard for size in sizes[:-1]) and 1 <= sizes[-1] <= per_shard
    assert names == [f"s1-{i:03d}.tar" for i in range(len(names))]


def test_the_same_rows_give_the_same_bytes(tmp_path):
    rows = manifest([clip("s1", "a", (Segment(0.1, 0.2, "x"),)), clip("s1", "b")])
    for name in ("one", "two"):
        write_manifest(tmp_path / name, rows)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_clip_outside_the_root_is_refused():
    with pytest.raises(TalkingError, match="does not lie below /elsewhere"):
        make_manifest([clip("s1", "a")], {"s1_a": "train"}, root=Path("/elsewhere"), clips_per_shard=1)


def test_a_shard_without_clips_is_refused():
    with pytest.raises(TalkingError, match="clips_per_shard = 0"):
        manifest([clip("s1", "a")], 0)


@pytest.mark.parametrize("path", ["/etc/passwd", "../secret.mpg", "s1/../../x.mpg"])
def test_a_path_that_leaves_the_root_is_refused(path):
    row = ManifestRow("s1_a", "grid", "s1", "a", path, "train", "", (), (), "s1-000.tar")
    with pytest.raises(TalkingError, match="leads out of"):
        clip_of(row, ROOT)


def test_a_manifest_that_is_missing_or_none_is_refused(tmp_path):
    with pytest.raises(TalkingError, match="missing"):
        read_manifest(tmp_path / "manifest.parquet")
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(TalkingError, match="not a readable parquet"):
        read_manifest(tmp_path / "text.parquet")
    write_rejects(tmp_path, [])
    with pytest.raises(TalkingError, match="has other columns"):
        read_manifest(tmp_path / "rejects.parquet")


REFUSED = Reject("s1_x", "s1", "s1/x.mpg", "name", "x | y is no\nname.")
NOTE = Reject("s21", "s21", "s21", "video", "No video.", note=True)


def test_rejects_are_written_for_programs_and_for_people(tmp_path):
    write_rejects(tmp_path, [REFUSED, NOTE])
    assert read_rejects(tmp_path) == [REFUSED, NOTE]
    text = (tmp_path / "rejects.md").read_text()
    assert text == rejects_as_text([REFUSED, NOTE])
    assert "# Refused recordings: 1" in text and "| s1_x | name | x \\| y is no name. |" in text
    assert "# Remarks: 1" in text


def test_too_many_rejects_stop_the_run_and_notes_do_not_count():
    check_rejects(9, [REFUSED] + [NOTE] * 20, 0.1, "grid")
    with pytest.raises(TalkingError, match=r"grid: 2 of 10 .*max_rejected = 0\.1.*s1/x\.mpg"):
        check_rejects(8, [REFUSED, REFUSED], 0.1, "grid")
    check_rejects(0, [], 0.0, "grid")


@pytest.mark.parametrize(
    "changed", [{"key": "a/b"}, {"speaker": "x$(touch PWN)"}, {"name": ""}, {"shard": "../s1.tar"}]
)
def test_a_manifest_with_a_name_that_is_none_is_refused(tmp_path, changed):
    (row,) = manifest([clip("s1", "bbaf2n")])
    write_manifest(tmp_path / "m.parquet", [replace(row, **changed)])
    with pytest.raises(TalkingError, match=r"m.parquet has the clip .*run corpus again"):
        read_manifest(tmp_path / "m.parquet")


@pytest.mark.parametrize("column", ["words", "shard", "key"])
def test_a_manifest_with_a_hole_or_a_column_of_another_kind_is_refused(tmp_path, column):
    write_manifest(tmp_path / "m.parquet", manifest([clip("s1", "bbaf2n")]))
    table = pq.read_table(tmp_path / "m.parquet")
    place = table.schema.names.index(column)
    for values in (pa.nulls(1, table.schema.field(place).type), pa.array([{"a": 1}])):
        pq.write_table(table.set_column(place, column, values), tmp_path / "n.parquet")
        with pytest.raises(TalkingError, match=r"n.parquet (is no manifest|has the clip)"):
            read_manifest(tmp_path / "n.parquet")
