"""dvc.yaml: a stage runs again when code that decides its outputs changes."""

import ast
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
# What moves, records or reports outputs and does not decide them.
CARRIERS = {
    f"talking/{name}"
    for name in ("config.py", "errors.py", "files.py", "journal.py", "prefetch.py", "shards.py", "storage.py")
} | {"talking/tracking.py", "talking/cluster/__init__.py", "talking/corpora/manifest.py", "talking/report/series.py"}


def path_of(module: str) -> str:
    folder = ROOT / module.replace(".", "/")
    return f"{folder.relative_to(ROOT)}/__init__.py" if folder.is_dir() else f"{folder.relative_to(ROOT)}.py"


def imported(source: Path) -> set[str]:
    """The project's files that a file imports by name."""
    found = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "talking":
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = [name for name in names if (ROOT / path_of(name)).is_file()]
            found |= {path_of(module) for module in modules or [node.module or ""]}
    return found


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_the_code_it_imports(name: str) -> None:
    stage = STAGES[name]
    source = f"stages/{stage['cmd'].split('stages.')[1].split()[0]}.py"
    deps = stage["deps"]
    needed = {source} | imported(ROOT / source) - CARRIERS
    missing = {path for path in needed if not any(path == dep or path.startswith(f"{dep}/") for dep in deps)}
    assert not missing, f"{name} lacks {sorted(missing)}"


@pytest.mark.parametrize("name", STAGES)
def test_every_code_dependency_exists(name: str) -> None:
    code = [dep for dep in STAGES[name]["deps"] if dep.startswith(("stages", "talking"))]
    assert all((ROOT / dep).exists() for dep in code)
