"""`make bench` runs every part as a command of its own."""

import pytest

from bench.__main__ import PARTS, main


def test_every_part_is_a_command_that_explains_itself(capfd: pytest.CaptureFixture[str]) -> None:
    main("--help")
    printed = capfd.readouterr().out
    assert "usage: data.py" in printed and "usage: synthesis.py" in printed


def test_the_accelerators_part_and_the_soak_are_left_to_those_who_ask_for_them() -> None:
    assert "synthesis" in PARTS and not {"gpu", "soak", "timing", "video", "tuning"} & set(PARTS)
