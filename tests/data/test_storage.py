"""Shards in an object store: a real S3 server on this machine, and what a failure in the middle of a write leaves."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from talking.cluster.kept import Keeping, finished, publish
from talking.core.errors import TalkingError
from talking.data import storage
from talking.data.shards import Sample, ShardFolder, write_shard
from tests.cluster.clip_toys import ToyClips, content, undisturbed, write_source

LARGE = 12 * 2**20  # Bytes: s3fs sends more than 5 MB in parts.


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The URL of a folder in a bucket of a server of its own on the loopback; skipped without moto and s3fs."""
    server = pytest.importorskip("moto.server", reason="needs moto[server]")
    s3fs = pytest.importorskip("s3fs")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    running.start()
    _, port = running.get_host_and_port()
    names = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "t"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**names, "AWS_DEFAULT_REGION": "us-east-1"}.items():
            patch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem().mkdir("corpus")
        yield "s3://corpus/run"
        s3fs.S3FileSystem.clear_instance_cache()
    running.stop()


def listed(url: str) -> list[str]:
    """The objects below a URL, as the server lists them now."""
    import s3fs

    store = s3fs.S3FileSystem()
    store.invalidate_cache()
    return sorted(path.removeprefix(url.removeprefix("s3://") + "/") for path in store.find(url))


def test_a_stage_reads_and_writes_a_store_to_the_same_bytes(bucket: str, tmp_path: Path) -> None:
    source = write_source(tmp_path / "source")
    for path in source.iterdir():
        storage.put(path, f"{bucket}/source/{path.name}")
    there = undisturbed(ToyClips(f"{bucket}/source", tmp_path / "notes"), f"{bucket}/out", f"{bucket}/state")
    here = undisturbed(ToyClips(source, tmp_path / "notes"), tmp_path / "out", tmp_path / "state")
    assert {name: storage.read_bytes(f"{there}/{name}") for name in listed(there)} == content(here)
    assert ShardFolder(there).rows == ShardFolder(here).rows
    first, second = (next(iter(ShardFolder(folder).read("s2-000.tar"))) for folder in (here, there))
    assert first == second


def test_what_was_kept_in_a_store_is_taken_up_and_what_was_changed_there_is_not(bucket: str, tmp_path: Path) -> None:
    work = ToyClips(write_source(tmp_path / "source"), tmp_path / "notes")
    work.prepare()
    target = f"{bucket}/kept/0f/s1-000.tar"
    record = Keeping(work)(target)
    assert finished(target) == record
    storage.write_bytes(target, storage.read_bytes(target)[:-512])
    assert finished(target) is None
    storage.remove(f"{bucket}/kept")
    assert listed(f"{bucket}/kept") == []


@pytest.mark.parametrize("call", ["upload_part", "complete_multipart_upload"])
def test_a_write_that_fails_in_the_middle_leaves_no_half_object(bucket: str, call: str, monkeypatch) -> None:
    import s3fs

    url, old = f"{bucket}/{call}/s1-000.tar", b"what was there before"
    storage.write_bytes(url, old)
    calls: list[str] = []
    original = s3fs.S3FileSystem._call_s3

    async def failing(self, method, *args, **kwargs):
        calls.append(method)
        if method == call and calls.count(method) >= (2 if call == "upload_part" else 1):
            raise OSError("the network is gone")
        return await original(self, method, *args, **kwargs)

    monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", failing)
    samples = [Sample(f"s1_{n}", {"sound.wav": os.urandom(LARGE)}) for n in range(9)]
    with pytest.raises(OSError, match=r"s3://.*could not be written \(the network is gone\)"):
        write_shard(url, samples)
    assert call in calls
    monkeypatch.undo()
    assert storage.read_bytes(url) == old
    assert listed(f"{bucket}/{call}") == ["s1-000.tar"]


def test_an_interrupted_publication_is_no_complete_folder(bucket: str, tmp_path: Path, monkeypatch) -> None:
    work = ToyClips(write_source(tmp_path / "source"), tmp_path / "notes")
    out = undisturbed(work, f"{bucket}/again", tmp_path / "state")
    work.prepare()
    kept = {name: tmp_path / "state" / row.sha256 / name for name, row in ShardFolder(work.source).rows.items()}
    kept = {name: next((tmp_path / "state").glob(f"*/{name}")) for name in kept}
    records = [finished(path) for path in kept.values()]
    put = storage.put

    def failing(path: Path, url: str) -> None:
        if "s3-000" in url:
            raise OSError("the network is gone")
        put(path, url)

    monkeypatch.setattr(storage, "put", failing)
    with pytest.raises(OSError, match="network is gone"):
        publish(out, kept, records)
    with pytest.raises(TalkingError, match=r"again/index\.parquet is missing: run the stage that writes"):
        ShardFolder(out)
    monkeypatch.undo()
    publish(out, kept, records)
    assert next(sample.key for sample in ShardFolder(out).read("s3-000.tar")) == "s3_a"


def test_a_shard_in_a_store_that_disagrees_with_its_index_is_named(bucket: str, tmp_path: Path) -> None:
    work = ToyClips(write_source(tmp_path / "source"), tmp_path / "notes")
    out = undisturbed(work, f"{bucket}/cut", tmp_path / "state")
    storage.write_bytes(f"{out}/s1-000.tar", b"x" * 512)
    with pytest.raises(TalkingError, match=r"s3://corpus/run/cut/s1-000\.tar disagrees with its index"):
        next(ShardFolder(out).read("s1-000.tar"))
    storage.remove(f"{out}/s1-000.tar")
    with pytest.raises(TalkingError, match=r"s1-000\.tar is missing"):
        next(ShardFolder(out).read("s1-000.tar"))


def test_a_store_without_renames_that_are_whole_gets_a_temporary_name() -> None:
    storage.write_bytes("memory://shards/a.tar", b"abc")
    assert storage.read_bytes("memory://shards/a.tar") == b"abc"
    assert storage.size_and_sha256("memory://shards/a.tar")[0] == 3
    assert not storage.is_file("memory://shards/a.tar.part")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("data/demo", Path("data/demo")), ("s3://bucket/run/", "s3://bucket/run"), ("/x/y.tar", Path("/x/y.tar"))],
)
def test_a_url_stays_a_url_and_the_rest_are_paths(text: str, expected: storage.Location) -> None:
    assert storage.located(text) == expected
    assert storage.join(expected, "a", "b") == (expected / "a/b" if isinstance(expected, Path) else f"{expected}/a/b")


def test_storage_that_no_client_knows_is_said_by_its_url() -> None:
    with pytest.raises(TalkingError, match=r"^nowhere://x: no client for this kind of storage"):
        storage.is_file("nowhere://x")
