"""Spoilt pictures, sounds, labels, params, configs and weights: each is read, or refused in a sentence; no traceback.

`make test` tries the same few inputs of each every time, `make test-slow` 10,000 that are drawn anew.
"""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from .targets import TARGETS, Target, value_or_sentence

FEW = 1000  # of all


def try_inputs(target: Target, folder: Path, count: int, *, same: bool) -> int:
    """Feed a reader; return how many inputs it was given."""
    tried = 0

    @settings(max_examples=count, deadline=None, derandomize=same, suppress_health_check=list(HealthCheck))
    @given(target.inputs(folder))
    def every_input_is_read_or_refused(content: bytes) -> None:
        nonlocal tried
        tried += 1
        value_or_sentence(lambda: target.read(content, folder))

    every_input_is_read_or_refused()
    return tried


@pytest.mark.parametrize("name", TARGETS)
def test_a_few_spoilt_files_are_read_or_refused_in_a_sentence(name, tmp_path) -> None:
    target = TARGETS[name]
    assert try_inputs(target, tmp_path, max(target.share * FEW // 10_000, 5), same=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_ten_thousand_spoilt_files_are_read_or_refused_in_a_sentence(name, tmp_path) -> None:
    assert sum(target.share for target in TARGETS.values()) == 10_000
    target = TARGETS[name]
    assert try_inputs(target, tmp_path, target.share, same=False) >= target.share * 0.9


@pytest.mark.parametrize("name", TARGETS)
def test_the_files_that_are_spoilt_are_good(name, tmp_path, monkeypatch) -> None:
    """Without a change each is read: the readers are tried, and not their first glance alone."""
    monkeypatch.setattr("tests.fuzz.mutations._change", lambda *_: None)
    target = TARGETS[name]
    read = []

    @settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(target.inputs(tmp_path))
    def read_one(content: bytes) -> None:
        try:
            target.read(content, tmp_path)
        except Exception as error:  # noqa: BLE001
            read.append(error)
        else:
            read.append(None)

    read_one()
    assert read.count(None) > len(read) / 6, [error for error in read if error][:3]
