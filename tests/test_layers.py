"""The rules of the house (DESIGN section 2): who may know whom, how long a file is, what no file does."""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parent.parent
LIBRARY = sorted((ROOT / "talking").rglob("*.py"))
PROGRAMS = [*LIBRARY, *sorted((ROOT / "stages").rglob("*.py")), *sorted((ROOT / "pipelines").rglob("*.py"))]
EVERY = [*PROGRAMS, *sorted((ROOT / "tests").rglob("*.py"))]
# DESIGN section 2: a room may use those above it in this list, and those that stand on one line stand side by side, but
# for networks, losses and metrics, of which each may use those before it.
ROOMS = (
    ("core",),
    ("data",),
    ("media", "faces"),
    ("corpora",),
    ("models",),
    ("losses",),
    ("metrics",),
    ("weights",),
    ("training",),
    ("synthesis",),
    ("evaluation",),
    ("systems",),
    ("cluster",),
    ("orchestration",),
    ("app",),
)
COMPILERS = ("gcc", "cc", "c++", "g++", "clang", "nvcc", "ninja", "cmake", "make", "ld")

IMPORT_EVERYTHING = """
import importlib, os, sys
events = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        events.append(f"{event} {arguments[1:]}")
    if event in ("subprocess.Popen", "os.posix_spawn", "os.exec"):
        events.append(f"{event} {arguments[0]} {arguments[1]}")
    if event == "os.system":
        events.append(f"{event} {arguments[0]}")
sys.addaudithook(watch)
for name in sys.argv[1:]:
    importlib.import_module(name)
    for event in events:
        print(name, event)
    events.clear()
"""


def module_of(path: Path) -> str:
    """The dotted name of a file of the library."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path) -> Iterator[str]:
    """Every dotted name that a file imports, inside functions too, and those that an import by name in a call names."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(path, node)
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            yield from (str(argument.value) for argument in node.args if isinstance(argument, ast.Constant))


def _base(path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = path.relative_to(ROOT).parts[: -node.level]
    return ".".join([*package, *([node.module] if node.module else [])])


def offenders(files: Iterable[Path], *forbidden: str) -> list[str]:
    """Every `file imports name` where name is, or lies below, a forbidden one."""
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imports_of(path)
        if any(name == top or name.startswith(f"{top}.") for top in forbidden)
    ]


def below(*folders: str) -> list[Path]:
    """The library's files in these packages."""
    return [path for path in LIBRARY if path.relative_to(ROOT / "talking").parts[0] in folders]


def below_root(*folders: str) -> list[Path]:
    """The files of these folders of the repository."""
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def imports_between_modules() -> Iterator[tuple[str, str]]:
    """Every pair of modules of the library of which the first imports the second, inside functions too."""
    graph = grimp.build_graph("talking", exclude_type_checking_imports=True, cache_dir=None)
    for module in sorted(graph.modules):
        yield from ((module, used) for used in sorted(graph.find_modules_directly_imported_by(module)))


def room_of(module: str) -> str:
    """The folder of the library that a module lies in; nothing for the library itself."""
    return [*module.split("."), ""][1]


def breaks_the_order(module: str, used: str) -> bool:
    """Whether a module uses one of a room below its own, of one beside its own, or of another system."""
    rank = {room: number for number, rooms in enumerate(ROOMS) for room in rooms}
    own, other = room_of(module), room_of(used)
    if own == other == "systems":
        return module.split(".")[2:3] != used.split(".")[2:3]
    return own != other and rank[own] <= rank[other]


def test_the_walk_sees_the_house_and_imports_inside_functions(tmp_path) -> None:
    assert len(LIBRARY) > 50
    names = set(imports_of(ROOT / "talking" / "cluster" / "training.py"))
    assert {"ray.exceptions.RayError", "ray.train.torch.TorchTrainer", "talking.core.files.write_json"} <= names


def test_every_folder_of_the_library_is_a_room() -> None:
    found = {path.relative_to(ROOT / "talking").parts[0] for path in LIBRARY} - {"__init__.py"}
    assert found == {room for rooms in ROOMS for room in rooms}


def test_a_room_uses_those_above_it_alone_and_a_system_no_other_system() -> None:
    pairs = [pair for pair in imports_between_modules() if room_of(pair[0])]
    assert len(pairs) > 300
    assert [f"{module} imports {used}" for module, used in pairs if breaks_the_order(module, used)] == []


@pytest.mark.parametrize(
    ("module", "used", "breaks"),
    [
        ("talking.media.video", "talking.core.files", False),
        ("talking.core.files", "talking.media.video", True),
        ("talking.media.video", "talking.faces.landmarks", True),
        ("talking.models.psp", "talking.losses.trunk", True),
        ("talking.losses.identity", "talking.models.ir_se50", False),
        ("talking.systems.mm22.linear", "talking.systems.mm22.params", False),
        ("talking.systems.mm22.linear", "talking.systems.backbone.params", True),
        ("talking.systems.mm22.linear", "talking.cluster", True),
    ],
)
def test_the_order_is_told_from_its_breach(module: str, used: str, breaks: bool) -> None:
    assert breaks_the_order(module, used) is breaks


def test_only_the_cluster_knows_ray() -> None:
    assert offenders([path for path in PROGRAMS if path not in below("cluster")], "ray") == []


def test_only_the_orchestration_knows_mlflow() -> None:
    assert offenders([path for path in PROGRAMS if path not in below("orchestration")], "mlflow") == []


def test_the_library_knows_neither_the_stages_nor_the_graph() -> None:
    assert offenders(LIBRARY, "stages", "pipelines", "dvc", "tests") == []


def test_no_script_of_a_pipeline_or_a_bench_is_imported_by_another_folder() -> None:
    """A stage's script is wiring: what another needs of it lies in the library."""
    assert offenders(below_root("pipelines", "bench"), "stages") == []


@pytest.mark.parametrize("path", EVERY, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_short_and_says_what_it_is(path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) < 400
    assert text.startswith(('"""', 'r"""')) and ast.get_docstring(ast.parse(text))


def calls_of(path: Path) -> Iterator[ast.Call]:
    """Every call in a file."""
    return (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))


def keywords_of(name: str) -> Iterator[tuple[Path, ast.Call, ast.expr]]:
    """Every call of the programs that gives the keyword `name`, with the value given."""
    for path in PROGRAMS:
        for call in calls_of(path):
            yield from ((path, call, keyword.value) for keyword in call.keywords if keyword.arg == name)


def test_no_command_runs_through_a_shell() -> None:
    assert [str(path) for path, _, value in keywords_of("shell") if ast.unparse(value) != "False"] == []
    called = {ast.unparse(call.func) for path in PROGRAMS for call in calls_of(path)}
    assert not called & {"os.system", "os.popen", "subprocess.getoutput", "eval", "exec"}


def test_nothing_is_unpickled() -> None:
    called = {ast.unparse(call.func) for path in PROGRAMS for call in calls_of(path)}
    assert not called & {"pickle.load", "pickle.loads", "pickle.Unpickler", "joblib.load", "marshal.loads"}
    assert [str(path) for path, _, value in keywords_of("weights_only") if ast.unparse(value) != "True"] == []
    assert [str(path) for path, _, value in keywords_of("allow_pickle") if ast.unparse(value) != "False"] == []


@pytest.mark.parametrize(("function", "keyword"), [("torch.load", "weights_only")])
def test_every_load_says_that_it_reads_weights_only(function, keyword) -> None:
    loads = [call for path in PROGRAMS for call in calls_of(path) if ast.unparse(call.func) == function]
    assert loads and all(keyword in {entry.arg for entry in call.keywords} for call in loads)


def test_no_accelerator_is_named() -> None:
    """Devices are arguments."""
    named = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in PROGRAMS
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.split(":")[0] == "cuda")
        or (isinstance(node, ast.Attribute) and node.attr == "cuda")
    ]
    assert named == []


@pytest.fixture(scope="module")
def import_events() -> list[str]:
    """What importing every module of the library, one after the other, does to connections and processes.

    Binding to one's own machine is let pass: urllib3 tries so whether there is IPv6.
    """
    names = [module_of(path) for path in LIBRARY if path.name != "__main__.py"]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_EVERYTHING, *names], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_importing_the_library_opens_no_connection(import_events) -> None:
    assert [event for event in import_events if "socket." in event] == []


def test_importing_the_library_starts_no_compiler(import_events) -> None:
    words = [(event, Path(word.strip("[]',\"")).name) for event in import_events for word in event.split()]
    assert [event for event, word in words if word.split("-")[0] in COMPILERS] == []


def test_the_watch_on_imports_sees_what_it_watches_for(tmp_path) -> None:
    (tmp_path / "loud.py").write_text(
        "import socket, subprocess; socket.socket().connect_ex(('127.0.0.1', 9)); subprocess.run(['true'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_EVERYTHING, "loud"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "loud socket.connect" in done.stdout and "loud subprocess.Popen true" in done.stdout
