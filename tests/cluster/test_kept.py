"""What a killed stage kept, after a power cut: torn records are as good as none, whole ones are taken up."""

import json
from pathlib import Path
from typing import Any

import pytest

from talking.cluster import KeepingItems
from talking.cluster.kept import RECORD, Keeping, finished
from tests.cluster.toys import ToyWork

TORN = [
    b"",
    bytes(300),
    b'{"row": {"shard"',
    b"null",
    b"[]",
    b"{}",
    b'{"row": {}, "files": {}, "statuses": 1}',
    b"\xff",
]


class Count:
    """Writes the item into a file, and counts how often it was called."""

    def __init__(self) -> None:
        self.calls = 0

    def prepare(self) -> None:
        pass

    def name(self, item: str) -> str:
        return item

    def __call__(self, item: str, folder: Path) -> Any:
        self.calls += 1
        (folder / "made.txt").write_text(item)
        return {"length": len(item)}


@pytest.mark.parametrize("content", TORN)
def test_a_shard_with_a_torn_record_is_made_again(tmp_path: Path, content: bytes) -> None:
    target = tmp_path / "0f" / "s1-000.tar"
    work = ToyWork(tmp_path / "marker")
    work.prepare()
    made = Keeping(work)(target)
    assert finished(target) == made
    target.with_name(f"{target.name}.json").write_bytes(content)
    assert finished(target) is None
    assert Keeping(work)(target) == made == finished(target)


@pytest.mark.parametrize("content", TORN)
def test_an_item_with_a_torn_record_or_file_is_made_again(tmp_path: Path, content: bytes) -> None:
    work = Count()
    kept = KeepingItems(work, tmp_path)
    assert (kept("one"), kept("one"), work.calls) == ({"length": 3}, {"length": 3}, 1)
    (tmp_path / "items" / "one" / RECORD).write_bytes(content)
    assert (kept("one"), work.calls) == ({"length": 3}, 2)
    (tmp_path / "items" / "one" / "made.txt").write_bytes(b"")
    assert (kept("one"), work.calls) == ({"length": 3}, 3)
    assert json.loads((tmp_path / "items" / "one" / RECORD).read_bytes())["result"] == {"length": 3}
