"""The code that a script runs: itself and all that it imports. One truth for DVC's dependencies and a resume's hash."""

import ast
import hashlib
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import grimp

PACKAGES = ("talking", "stages", "pipelines")
# Where and when work is computed, how it is recorded and what is shown meanwhile: outputs are the same to the byte
# whatever these do, so their change runs nothing again. What they alone import is left out with them.
LEFT_OUT = ("talking.cluster", "talking.orchestration.tracking", "talking.core.progress")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def modules_of(
    scripts: Iterable[str], *, packages: tuple[str, ...] = PACKAGES, left_out: tuple[str, ...] = LEFT_OUT
) -> frozenset[str]:
    """Return the modules of `packages` that run when the modules `scripts` do, themselves included, by dotted name.

    An import inside a function counts, one for type checkers alone does not. The packages above a module run too.
    """
    graph = grimp.build_graph(*packages, exclude_type_checking_imports=True, cache_dir=None)
    found: set[str] = set()
    waiting = list(scripts)
    while waiting:
        name = waiting.pop()
        if name in found or any(name == top or name.startswith(f"{top}.") for top in left_out):
            continue
        found.add(name)
        waiting += graph.find_modules_directly_imported_by(name)
        if "." in name:
            waiting.append(name.rpartition(".")[0])
    return frozenset(name for name in found if file_of(name).is_file())


def file_of(module: str) -> Path:
    """Return the file of a module by dotted name; a folder without `__init__.py` has one that is not there."""
    top, *rest = module.split(".")
    spec = find_spec(top)
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"{top} is no package that can be imported from here")
    path = Path(next(iter(spec.submodule_search_locations)), *rest)
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def code_hash(modules: Iterable[str]) -> str:
    """Return a hash over the code of modules: neither comments nor docstrings nor the layout of lines change it."""
    digest = hashlib.sha256()
    for name in sorted(modules):
        tree = ast.parse(file_of(name).read_bytes())
        digest.update(f"{name}\n{ast.dump(_without_docstrings(tree))}\n".encode())
    return digest.hexdigest()


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return tree
