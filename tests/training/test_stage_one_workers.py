"""Stage one in several processes under Ray Train: the curve of one process, no rank left waiting, no tracker needed."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from talking.cluster import Cluster, connect, train
from talking.core.errors import TalkingError

STEPS = 6


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster where two processes share a core, for they do little."""
    settings = Cluster(train_cpus=0.5)
    with connect(settings):
        yield settings


# Of two: one more of one, alike, and one more of one in two parts.
@pytest.mark.parametrize(
    ("batch", "accumulate"),
    [(5, 1), pytest.param(4, 1, marks=pytest.mark.slow), pytest.param(3, 2, marks=pytest.mark.slow)],
)
def test_two_workers_have_the_curve_of_one(make_job, tmp_path, cluster, batch, accumulate) -> None:
    job = make_job(steps=STEPS, batch=batch, accumulate=accumulate, validate_every=1)
    one = train(job, cluster, name="one", storage=tmp_path)
    two = train(job, replace(cluster, train_workers=2), name="two", storage=tmp_path)
    assert len(one.history) == STEPS
    assert one.history[0]["train_loss"] != pytest.approx(one.history[-1]["train_loss"], rel=1e-2)
    for first, second in zip(one.history, two.history, strict=True):
        assert second == pytest.approx(first, rel=1e-3)


def test_more_workers_than_sequences_are_refused_in_a_sentence(make_job, tmp_path, cluster) -> None:
    settings = replace(cluster, train_workers=2, max_failures=0)
    with pytest.raises(TalkingError, match=r"^stage_one\.batch is 1, and 2 training processes share it: raise it"):
        train(make_job(steps=STEPS, batch=1), settings, name="few", storage=tmp_path)


@pytest.mark.timeout(300)
def test_uneven_shards_do_not_hang(make_toy, make_job, tmp_path, cluster) -> None:
    job = make_job(steps=STEPS, batch=2)
    toy = make_toy(5, per_shard=4, frames=[12, 3, 7, 12, 5])  # shards of four clips and of one
    uneven = replace(job, codes=toy.codes, windows=toy.windows, train=toy.keys[1:], validation=toy.keys[:1])
    result = train(uneven, replace(cluster, train_workers=2), name="uneven", storage=tmp_path)
    assert result.history[-1]["step"] == STEPS
