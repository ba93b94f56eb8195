"""The journal of a shard: which clip was begun last, and which are passed over."""

from pathlib import Path

import pytest

from talking.core.errors import Rejected
from talking.data.journal import Journal


def test_the_clip_begun_last_is_told_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "s1-000.tar")
    assert journal.end() is None
    journal.begin("s1_a")
    journal.begin("s1_b")
    assert Journal(tmp_path / "s1-000.tar").end() == "s1_b"
    assert journal.end() is None


def test_a_clip_that_is_passed_over_is_refused_by_the_next_worker_until_it_is_forgiven(tmp_path: Path) -> None:
    shard = tmp_path / "s1-000.tar"
    Journal(shard).pass_over("s1_a", "It killed three.")
    Journal(shard).pass_over("s1_c", "It killed three, too.")
    with pytest.raises(Rejected) as refused:
        Journal(shard).begin("s1_a", "raw/a.mpg: ")
    assert (refused.value.reason, refused.value.sentence) == ("crashed", "raw/a.mpg: It killed three.")
    Journal(shard).begin("s1_b")
    Journal(shard).forgive()
    Journal(shard).begin("s1_c")


@pytest.mark.parametrize("content", [b"", bytes(40), b'{"s1_a": "It'])
def test_a_torn_note_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    shard = tmp_path / "s1-000.tar"
    Journal(shard).pass_over("s1_a", "It killed three.")
    (tmp_path / "s1-000.tar.crashed").write_bytes(content)
    Journal(shard).begin("s1_a")
    (tmp_path / "s1-000.tar.at").write_bytes(b"\xff\xfe")
    Journal(shard).end()
    assert Journal(shard).end() is None
