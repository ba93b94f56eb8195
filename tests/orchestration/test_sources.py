"""What a script runs, and the hash of it: transitive imports count, comments and docstrings do not."""

import importlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from talking.orchestration import sources

HOUSE = {
    "house/__init__.py": '"""The house."""\n',
    "house/script.py": '"""A script."""\n\nfrom house.rooms import kitchen\n\nQUALITY = 10  # of what it writes\n',
    "house/rooms/__init__.py": "DOORS = 2\n",
    "house/rooms/kitchen.py": (
        "from typing import TYPE_CHECKING\n\nfrom house.post import letters\n\n"
        "if TYPE_CHECKING:\n    from house.rooms.garden import Tree\n\n\n"
        'def cook() -> int:\n    """Cook."""\n    from house.rooms.cellar import BOTTLES\n\n    return BOTTLES\n'
    ),
    "house/rooms/cellar.py": "BOTTLES = 3\n",
    "house/rooms/garden.py": "class Tree:\n    pass\n",
    "house/post/__init__.py": "",
    "house/post/letters.py": "from house.rooms import attic\n",
    "house/rooms/attic.py": "BOXES = 1\n",
}
modules_of = partial(sources.modules_of, ["house.script"], packages=("house",), left_out=("house.post",))


@pytest.fixture
def edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Write the small house, one text in one file replaced by another; return the hash of what its script runs."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str = "", old: str = "", new: str = "") -> str:
        for path, text in HOUSE.items():
            assert path != name or old in text
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text.replace(old, new) if path == name else text)
        importlib.invalidate_caches()
        return sources.code_hash(modules_of())

    return write


def test_a_script_runs_what_it_imports_and_what_that_imports_and_the_packages_above(edit) -> None:
    edit()
    names = {"house", "house.script", "house.rooms", "house.rooms.kitchen", "house.rooms.cellar"}
    assert modules_of() == names, "not what type checkers alone import, nor what is left out and it alone imports"
    assert modules_of(left_out=()) == names | {"house.post", "house.post.letters", "house.rooms.attic"}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("house/script.py", '"""A script."""', '"""A script that cooks.\n\nAt noon.\n"""'),
        ("house/script.py", "  # of what it writes", ""),
        ("house/rooms/kitchen.py", '"""Cook."""', '"""Cook for all."""'),
        ("house/rooms/kitchen.py", '    """Cook."""\n', ""),
        ("house/rooms/garden.py", "pass", "height = 3"),
        ("house/post/letters.py", "attic", "garden"),
        ("house/rooms/attic.py", "1", "2"),
    ],
)
def test_comments_docstrings_and_code_that_it_does_not_run_leave_the_hash_as_it_was(edit, name, old, new) -> None:
    assert edit(name, old, new) == edit()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("house/script.py", "QUALITY = 10", "QUALITY = 11"),
        ("house/rooms/__init__.py", "2", "3"),
        ("house/rooms/cellar.py", "3", "4"),
        ("house/rooms/kitchen.py", "return BOTTLES", "return 2 * BOTTLES"),
    ],
)
def test_a_constant_in_the_script_or_in_anything_it_imports_changes_the_hash(edit, name, old, new) -> None:
    assert edit(name, old, new) != edit()


def test_a_script_of_the_project_is_followed_into_the_networks_that_its_losses_draw_with() -> None:
    found = sources.modules_of(["stages.stage_one"])
    assert {"talking.models.stylegan2_layers", "talking.losses.trunk", "stages.stage_one", "talking"} <= found
    assert not {name for name in found if name.startswith(sources.LEFT_OUT)}
