"""The stream of training sequences: complete, apart between processes, repeatable, resumable."""

from itertools import chain, islice

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d

from talking.core.errors import TalkingError
from talking.data.clips import ClipArrays, ClipStream, _cut, draw_batches, read_clips
from talking.data.shards import ClipStatus, Sample, ShardFolder, encode_array, write_index, write_shard


def keys_of(stream: ClipStream, count: int, skip: int = 0) -> list[str]:
    return [clip.key for clip in islice(stream.clips(skip), count)]


def stream_of(toy, **options) -> ClipStream:
    return ClipStream(*toy.folders, frozenset(toy.keys), **{"seed": 1, **options})


def rewrite_windows(toy, shard: str, keys: list[str]) -> None:
    rows = [
        write_shard(
            toy.windows / shard,
            [Sample(key, {"windows.npy": encode_array(np.zeros((12, 12, 28), "f4"))}) for key in keys],
        )
    ]
    write_index(toy.windows, rows, [ClipStatus(key, "a", shard, "ok") for key in keys])


@pytest.mark.parametrize("buffer", [0, 1, 4, 7, 256])
def test_every_epoch_has_every_clip_once_whatever_the_buffer(make_toy, buffer) -> None:
    toy = make_toy(8)
    drawn = keys_of(stream_of(toy, buffer=buffer), 24)
    epochs = [drawn[at : at + 8] for at in (0, 8, 16)]
    assert all(sorted(epoch) == sorted(toy.keys) for epoch in epochs)
    assert epochs[0] != epochs[1] or epochs[1] != epochs[2]


@pytest.mark.parametrize("buffer", [2, 256])
@pytest.mark.parametrize("world", [2, 3])
def test_processes_share_the_clips_of_an_epoch_without_overlap(make_toy, world, buffer) -> None:
    toy = make_toy(6)
    shares = [keys_of(stream_of(toy, rank=rank, world=world, buffer=buffer), 6 // world) for rank in range(world)]
    assert sorted(chain.from_iterable(shares)) == sorted(toy.keys)


@pytest.mark.parametrize("buffer", [2, 256])
@pytest.mark.parametrize("world", [2, 3, 5])
def test_processes_share_one_stream_over_the_borders_of_epochs(make_toy, world, buffer) -> None:
    toy = make_toy(5, per_shard=4)
    alone = keys_of(stream_of(toy, buffer=buffer), 4 * world)
    shares = [keys_of(stream_of(toy, rank=rank, world=world, buffer=buffer), 4) for rank in range(world)]
    assert [shares[position % world][position // world] for position in range(4 * world)] == alone


@pytest.mark.parametrize("size", [4, 5, 7])
@pytest.mark.parametrize("world", [2, 3, 4])
def test_a_step_has_the_same_sequences_however_many_processes_share_it(make_toy, world, size) -> None:
    toy = make_toy(5)
    whole = list(islice(draw_batches(stream_of(toy), batch=size, sequence=4), 5))
    for rank in range(world):
        part = draw_batches(stream_of(toy, rank=rank, world=world), batch=size, sequence=4)
        for batch, mine in zip(whole, part, strict=False):
            assert mine.positions == batch.positions[rank::world]
            assert len(mine.positions) in {size // world, size // world + 1}
            assert all(
                torch.equal(getattr(mine, n), getattr(batch, n)[rank::world]) for n in ("windows", "codes", "identity")
            )


def test_a_process_that_begins_later_goes_on_with_its_own_sequences(make_toy) -> None:
    toy = make_toy(5)
    stream = stream_of(toy, rank=1, world=2)
    whole = list(islice(draw_batches(stream, batch=5, sequence=4), 6))
    for left, right in zip(whole[4:], draw_batches(stream, batch=5, sequence=4, first_step=4), strict=False):
        assert left.positions == right.positions and torch.equal(left.codes, right.codes)


def test_more_processes_than_sequences_are_refused(make_toy) -> None:
    with pytest.raises(TalkingError, match=r"^stage_one\.batch is 2, and 3 training processes share it: raise it"):
        next(draw_batches(stream_of(make_toy(5), world=3), batch=2, sequence=4))


def test_whole_epochs_are_skipped_unread(make_toy, monkeypatch) -> None:
    toy, reads = make_toy(9), []
    read = ShardFolder.read
    monkeypatch.setattr(ShardFolder, "read", lambda self, name: reads.append(name) or read(self, name))
    assert len(keys_of(stream_of(toy, buffer=2), 1, skip=9000)) == 1
    assert len(reads) <= 4


def test_clips_outside_the_keys_are_passed_over(make_toy) -> None:
    toy = make_toy(7)
    wanted = frozenset({"a_1", "a_6"})
    assert set(keys_of(ClipStream(*toy.folders, wanted, seed=1), 4)) == wanted


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(skip=st.integers(0, 20), buffer=st.sampled_from([2, 256]), seed=st.integers(0, 2**31))
def test_a_stream_that_skips_goes_on_where_another_would_be(make_toy, skip, buffer, seed) -> None:
    toy = make_toy(5)
    whole = keys_of(stream_of(toy, buffer=buffer, seed=seed), skip + 7)
    assert keys_of(stream_of(toy, buffer=buffer, seed=seed), 7, skip) == whole[skip:]


def test_the_order_depends_on_the_seed(make_toy) -> None:
    toy = make_toy(9)
    orders = [keys_of(stream_of(toy, seed=seed), 9) for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]


def test_a_small_buffer_reads_shard_by_shard_and_keeps_nothing(make_toy, monkeypatch) -> None:
    toy = make_toy(9)
    stream, reads = stream_of(toy, buffer=2), []
    read = ShardFolder.read
    monkeypatch.setattr(ShardFolder, "read", lambda self, name: reads.append(name) or read(self, name))
    next(stream.clips())
    assert len(reads) == 2  # a shard of codes and the one of windows beside it
    keys_of(stream, 9)
    assert stream._kept == {}


@pytest.mark.parametrize("first", [1, 2, 5])
@pytest.mark.parametrize("buffer", [2, 256])
def test_batches_from_a_later_step_are_those_of_the_undisturbed_run(make_toy, first, buffer) -> None:
    toy = make_toy(5)
    whole = list(islice(draw_batches(stream_of(toy, buffer=buffer), batch=2, sequence=4), first + 3))
    later = draw_batches(stream_of(toy, buffer=buffer), batch=2, sequence=4, first_step=first)
    for left, right in zip(whole[first:], islice(later, 3), strict=True):
        assert all(torch.equal(getattr(left, name), getattr(right, name)) for name in ("windows", "codes", "identity"))


def test_sequences_are_cut_from_one_clip_with_sound_and_picture_together(make_toy) -> None:
    toy = make_toy(3, frames=12)
    clips = {clip.key: clip for clip in islice(stream_of(toy).clips(), 3)}
    batch = next(draw_batches(stream_of(toy), batch=6, sequence=5))
    assert (batch.windows.shape, batch.codes.shape, batch.identity.shape) == ((6, 5, 12, 28), (6, 5, 2, 8), (6, 2, 8))
    assert {batch.windows.dtype, batch.codes.dtype, batch.identity.dtype} == {torch.float32}
    for windows, codes, identity in zip(batch.windows, batch.codes, batch.identity, strict=True):
        places = [
            (key, start)
            for key, clip in clips.items()
            for start in range(8)
            if np.array_equal(clip.codes[start : start + 5], codes)
        ]
        assert len(places) == 1
        key, start = places[0]
        assert np.array_equal(clips[key].windows[start : start + 5], windows)
        at = next(n for n, code in enumerate(clips[key].codes) if np.array_equal(code, identity))
        assert not start <= at < start + 5


def test_the_place_and_the_identity_of_a_sequence_vary(make_toy) -> None:
    toy = make_toy(1)
    batch = next(draw_batches(stream_of(toy), batch=60, sequence=5))
    assert len(torch.unique(batch.codes[:, 0], dim=0)) == 8
    assert len(torch.unique(batch.identity, dim=0)) > 6


def test_a_clip_that_comes_again_is_cut_elsewhere(make_toy) -> None:
    batches = islice(draw_batches(stream_of(make_toy(1)), batch=1, sequence=5), 20)
    assert len({batch.codes.numpy().tobytes() for batch in batches}) > 4


@pytest.mark.parametrize("frames", [3, 5])
def test_a_short_clip_repeats_its_last_frame_and_shows_its_own_identity(make_toy, frames) -> None:
    toy = make_toy(1, frames=frames)
    (clip,) = islice(stream_of(toy).clips(), 1)
    batch = next(draw_batches(stream_of(toy), batch=2, sequence=5))
    expected = clip.codes[np.minimum(np.arange(5), frames - 1)]
    assert np.array_equal(batch.codes[0], expected) and np.array_equal(batch.codes[1], expected)
    assert any(np.array_equal(batch.identity[0], code) for code in clip.codes)


def test_sound_and_codes_of_different_length_are_cut_to_the_shorter(make_toy) -> None:
    toy = make_toy(1, frames=15)
    rewrite_windows(toy, "s-000.tar", ["a_0"])
    (clip,) = read_clips(*toy.folders, "s-000.tar", frozenset(toy.keys))
    assert (len(clip.codes), len(clip.windows)) == (12, 12)


def test_clips_that_one_stage_refused_are_passed_over(make_toy) -> None:
    toy = make_toy(2)
    rewrite_windows(toy, "s-000.tar", ["b_0", "a_0", "b_1", "a_1", "b_2"])
    assert [clip.key for clip in read_clips(*toy.folders, "s-000.tar", frozenset(toy.keys))] == ["a_0", "a_1"]


@pytest.mark.parametrize(("keys", "lacking"), [(["a_0"], "a_1"), (["a_1", "a_0"], "a_1"), ([], "a_0")])
def test_folders_that_do_not_belong_together_are_refused(make_toy, keys, lacking) -> None:
    toy = make_toy(2)
    rewrite_windows(toy, "s-000.tar", keys)
    with pytest.raises(TalkingError, match=f"windows lacks {lacking}.*run both stages again"):
        list(read_clips(*toy.folders, "s-000.tar", frozenset(toy.keys)))


def test_a_shard_that_the_other_folder_does_not_list_is_named(make_toy) -> None:
    toy = make_toy(2)
    rewrite_windows(toy, "other.tar", ["a_0", "a_1"])
    with pytest.raises(TalkingError, match=r"windows.*lists no s-000.tar"):
        list(read_clips(*toy.folders, "s-000.tar", frozenset(toy.keys)))


def test_a_shard_changed_behind_its_index_is_refused(make_toy) -> None:
    toy = make_toy(2)
    with (toy.codes / "s-000.tar").open("r+b") as file:
        file.write(b"x")
    with pytest.raises(TalkingError, match="disagrees with its index"):
        keys_of(stream_of(toy), 1)


def test_more_processes_than_clips_are_refused(make_toy) -> None:
    with pytest.raises(TalkingError, match="3 training processes share 2 clips"):
        stream_of(make_toy(2), world=3)


def test_clips_that_no_shard_holds_end_the_stream_instead_of_looping_for_ever(make_toy) -> None:
    toy = make_toy(2)
    with pytest.raises(TalkingError, match="holds no clip to train on"):
        next(ClipStream(*toy.folders, frozenset({"x_1"}), seed=1).clips())


def test_the_identity_frame_may_come_from_anywhere(make_toy) -> None:
    toy = make_toy(1, frames=9)
    inside = {}
    for anywhere in (False, True):
        batches = draw_batches(stream_of(toy), batch=1, sequence=8, anywhere=anywhere)
        drawn = [next(batches) for _ in range(60)]
        inside[anywhere] = sum(bool((b.codes[0] == b.identity[0]).all(dim=(1, 2)).any()) for b in drawn)
    assert inside[False] == 0 and inside[True] > 40


def test_learned_codes_may_be_smoothed_over_time(make_toy) -> None:
    toy = make_toy(1, frames=12)
    (clip,) = read_clips(*toy.folders, "s-000.tar", frozenset(toy.keys))
    (batch,) = islice(draw_batches(stream_of(toy), batch=1, sequence=12, smooth=1.5), 1)
    wanted = gaussian_filter1d(clip.codes, 1.5, axis=0, mode="nearest")
    np.testing.assert_allclose(batch.codes[0].numpy(), wanted, rtol=1e-5, atol=1e-6)
    assert np.array_equal(batch.windows[0].numpy(), clip.windows)


def test_sequences_may_be_taken_faster_and_slower_sound_and_codes_alike() -> None:
    time = np.arange(60.0, dtype=np.float32)
    columns = np.arange(28, dtype=np.float32) - 13.5
    # Each window holds the time of its columns, a quarter of a frame apart; each code that of its frame.
    windows = np.repeat((time[:, None] + columns / 4)[:, None], 12, axis=1)
    clip = ClipArrays("a", time[:, None, None], windows)
    lengths = set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        sound, codes, _, _ = _cut(clip, rng, 20, anywhere=False, speed=0.3)
        middles = (sound[:, 0, 13] + sound[:, 0, 14]) / 2
        np.testing.assert_allclose(middles, codes[:, 0, 0], atol=1e-4)
        factor = (sound[0, 0, 14] - sound[0, 0, 13]) * 4
        assert 0.7 <= factor <= 1.3 and abs((codes[-1] - codes[0]).item() - 19 * factor) <= 1
        lengths.add((codes[-1] - codes[0]).item())
    assert min(lengths) < 17 and max(lengths) > 21


def test_a_share_of_the_sequences_is_heard_in_another_voice_and_the_codes_stay(make_toy) -> None:
    toy = make_toy(4)
    folder, copies = ShardFolder(toy.windows), encode_array(np.full((2, 12, 12, 28), 7, "f4"))
    heard_too = {
        name: [Sample(each.key, {**each.members, "altered.npy": copies}) for each in folder.read(name)]
        for name in folder.names
    }
    rows = [write_shard(toy.windows / name, samples) for name, samples in heard_too.items()]
    write_index(toy.windows, rows, folder.statuses)
    options = {"batch": 4, "sequence": 3}
    plain, never, half, always = (
        list(islice(draw_batches(stream_of(toy), **options, **more), 40))
        for more in ({}, {"altered": 0.0}, {"altered": 0.5}, {"altered": 1.0})
    )
    assert all(torch.equal(one.windows, other.windows) for one, other in zip(plain, never, strict=True))
    heard = [float((batch.windows == 7).all(dim=(1, 2, 3)).float().mean()) for batch in half]
    assert 0.35 < np.mean(heard) < 0.65
    assert all((batch.windows == 7).all() and not (batch.codes == 7).any() for batch in always)
