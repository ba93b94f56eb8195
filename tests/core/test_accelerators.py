"""Which device a process takes, of accelerators that are not here."""

import pytest

from talking.core import accelerators
from talking.core.accelerators import assign, assigned, choose_device

KIND = "xpu"


@pytest.mark.parametrize(
    ("ids", "kind", "count", "taken"),
    [
        (None, None, 0, "cpu"),  # a laptop
        (None, KIND, 0, "cpu"),  # a driver library without a device
        (None, KIND, 2, KIND),  # no cluster: torch's own choice
        ((), KIND, 2, "cpu"),  # given none, whatever is there
        (("1",), KIND, 1, KIND),  # the others are hidden: its own is the first
        (("1",), KIND, 2, f"{KIND}:1"),  # the others are not hidden: by number
        (("0", "1"), KIND, 2, KIND),
        (("5",), KIND, 2, KIND),  # a number of another counting
        (("GPU-8932f937",), KIND, 2, KIND),
        (("0",), None, 0, "cpu"),  # assigned by name alone
    ],
)
def test_a_process_takes_what_it_was_given(ids, kind, count, taken) -> None:
    assert str(choose_device(ids, kind, count)) == taken


def test_given_nothing_is_not_the_same_as_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(accelerators._VARIABLE, raising=False)
    assert assigned() is None
    monkeypatch.setenv(accelerators._VARIABLE, "")  # for monkeypatch to put back
    for ids in ((), ("3",), ("0", "1")):
        assign(ids)
        assert assigned() == ids
