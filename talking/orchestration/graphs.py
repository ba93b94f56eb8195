"""The graphs as their dvc.yaml files say them: which stage runs a script, and what params that stage declares."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talking.core.documents import parse_yaml
from talking.core.errors import TalkingError

MAIN = "dvc.yaml"
FURTHER = "pipelines/*/dvc.yaml"
SCRIPT = re.compile(r"-m\s+([\w.]+)")


@dataclass(frozen=True)
class Stage:
    """A stage of a graph: its file, its name, the modules that its command runs, and what the file says of it."""

    graph: Path
    name: str
    scripts: tuple[str, ...]
    entry: dict[str, Any]

    @property
    def params(self) -> tuple[str, ...]:
        """The dotted names that it declares, of whatever file."""
        names: list[str] = []
        for declared in self.entry.get("params", ()):
            for each in declared.values() if isinstance(declared, dict) else [declared]:
                names += [each] if isinstance(each, str) else each
        return tuple(names)


def graphs(root: Path) -> list[Path]:
    """Return the files of all graphs below `root`; none where there is no project."""
    return [path for path in (root / MAIN, *sorted(root.glob(FURTHER))) if path.is_file()]


def stages_of(graph: Path) -> Iterator[Stage]:
    """Yield the stages of a graph. Raises `TalkingError` when the file is no graph."""
    try:
        for name, entry in parse_yaml(graph.read_text())["stages"].items():
            yield Stage(graph, name, tuple(SCRIPT.findall(entry["cmd"])), entry)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TalkingError(
            f"{graph} is no graph that DVC reads ({error}): mend it; `dvc stage list` says more."
        ) from error


def stages_that_run(script: str, root: Path = Path()) -> list[Stage]:
    """Return the stages whose command runs the module `script`."""
    named = (graph for graph in graphs(root) if script in graph.read_text())
    return [stage for graph in named for stage in stages_of(graph) if script in stage.scripts]
