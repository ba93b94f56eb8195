"""`make bench` runs every part as a command of its own."""

import pytest

from bench.__main__ import main


def test_every_part_is_a_command_that_explains_itself(capfd: pytest.CaptureFixture[str]) -> None:
    main("--help")
    printed = capfd.readouterr().out
    assert "usage: data.py" in printed and "usage: synthesis.py" in printed
