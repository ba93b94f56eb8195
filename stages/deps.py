"""Not a stage: `make deps` writes the code that each stage runs into the `deps` of every dvc.yaml, and nothing else.

What a stage runs is what its script imports, and what that imports. Where it is most of a package, the package's folder
stands for it. Other dependencies, their order, comments and all that the files hold besides stay as they are.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from talking.core.errors import TalkingError
from talking.core.files import write_text
from talking.orchestration.graphs import graphs, stages_of
from talking.orchestration.sources import LEFT_OUT, PACKAGES, file_of, modules_of

ROOT = Path(__file__).resolve().parents[1]
MOST = 2 / 3  # of a package's modules, from which on its folder stands for them


def code_of(scripts: Iterable[str]) -> list[str]:
    """Return the files and folders of the code that the modules `scripts` run, relative to the project, sorted."""
    used = frozenset(file_of(name) for name in modules_of(scripts))
    folders = [file_of(name).parent for name in PACKAGES]
    return sorted(str(path.relative_to(ROOT)) for folder in folders for path in _shortened(folder, used))


def _shortened(folder: Path, used: frozenset[Path]) -> list[Path]:
    """Return the used files below a folder, or the folder where that is most of it and it holds nothing left out."""
    there = set(folder.rglob("*.py"))
    if not there & used:
        return []
    left_out = any(file_of(name).is_relative_to(folder) for name in LEFT_OUT)
    # A system's trainings take hours: they run again for nothing that they do not use.
    most = 1 if "systems" in folder.parts else MOST
    if len(there & used) >= most * len(there) and not left_out:
        return [folder]
    inner = [path for sub in sorted(folder.iterdir()) if sub.is_dir() for path in _shortened(sub, used)]
    return inner + [path for path in used if path.parent == folder]


def rewritten(graph: Path) -> str:
    """Return the text of a graph's dvc.yaml with the code of each stage as it is now."""
    text = graph.read_text()
    lines, nodes = text.splitlines(keepends=True), _entries(text)
    for stage in reversed(list(stages_of(graph))):
        code = code_of(script for script in stage.scripts if script.startswith(PACKAGES))
        key, value = nodes[stage.name]
        last = value if value.flow_style else value.value[-1]
        margin = " " * key.start_mark.column
        block = [f"{margin}deps:\n", *(f"{margin}  - {path}\n" for path in code)]
        lines[key.start_mark.line : last.end_mark.line + 1] = block + _other(value, lines, f"{margin}  ")
    return "".join(lines)


def _entries(text: str) -> dict[str, tuple[yaml.Node, yaml.SequenceNode]]:
    """Return the key and the value of each stage's `deps`, with their places in the text, by the stage's name."""
    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    (stages,) = (value for key, value in root.value if key.value == "stages")
    found = {
        name.value: (key, value) for name, entry in stages.value for key, value in entry.value if key.value == "deps"
    }
    if missing := {name.value for name, _ in stages.value} - found.keys():
        raise TalkingError(f"The stage {min(missing)} has no deps: give it `deps: []`, and what it reads besides code.")
    return found


def _other(value: yaml.SequenceNode, lines: list[str], indent: str) -> list[str]:
    """Return the lines of the dependencies that are not code, each after the comments that stand above it."""
    kept: list[str] = []
    before = value.start_mark.line
    for item in value.value:
        if item.value.split("/")[0] not in PACKAGES:
            if value.flow_style:
                kept.append(f"{indent}- {item.value}\n")
            else:
                kept += lines[before : item.end_mark.line + 1]
        before = item.end_mark.line + 1
    return kept


def main() -> None:
    """Write every graph whose code dependencies are not what its scripts import; say which."""
    try:
        for graph in graphs(ROOT):
            text = rewritten(graph)
            if text != graph.read_text():
                write_text(graph, text)
                print(f"{graph.relative_to(ROOT)} is written anew")
    except TalkingError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
