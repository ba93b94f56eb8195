"""What every stage does alike: arguments and params in, one-sentence errors out, an MLflow run for its numbers."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from talking import cluster
from talking.core.ending import ended_by_signal
from talking.core.errors import TalkingError
from talking.core.leftovers import clean_leftovers, clean_tree
from talking.core.lock import alone
from talking.core.progress import ProgressLine
from talking.core.tied import end_with_starter
from talking.core.wording import printable
from talking.data import storage
from talking.data.shards import ClipStatus, check_rejected, fingerprint
from talking.data.storage import Location, located
from talking.orchestration import tracking
from talking.orchestration.declared import declared, labels_of
from talking.orchestration.params import Params, as_plain, load_params
from talking.orchestration.sources import PACKAGES, code_hash, modules_of

PARAMS = Path("params.yaml")
STATE = Path(".state")
BY_DVC = "DVC_STAGE"  # Set by DVC for what it runs; a stage typed under `nohup` outlives its shell.


def main_params() -> tuple[Params]:
    """Read params.yaml."""
    return (load_params(PARAMS),)


def run_stage(
    main: Callable[..., None],
    doc: str | None,
    *names: str,
    optional: Iterable[str] = (),
    load: Callable[[], tuple[Any, ...]] = main_params,
) -> None:
    """Run a stage's script: read its command line and its params, and call `main` with both.

    Each of `names` is an argument `--name PATH` of the command line, and reaches `main` by that name. An `optional` one
    that is not given is None, and one with `://` in it stays a URL, for the folders of shards. `{corpus}` in a path is
    the params' own (so are their other `labels`): they are filled in here, once they are checked, because DVC would
    lay any value of params.yaml before a shell as it is. `load` reads the params.
    Of these `main` can read only what the stage declares in its dvc.yaml, beside the sections that say where work is
    computed and recorded. A mistake of the user ends the process with one sentence and exit code 1, a signal with one
    and its own code. A second process of the same stage is refused, and the stage ends when the DVC that runs it does.
    """
    parser = argparse.ArgumentParser(description=doc)
    for name in (*names, *optional):
        parser.add_argument(f"--{name.replace('_', '-')}", required=name in names)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    arguments = vars(parser.parse_args())
    debug = arguments.pop("debug")
    script = script_of(main.__module__)
    with ended_by_signal("run the same command again to go on where it stopped."):
        if BY_DVC in os.environ:
            end_with_starter()
        try:
            params = load()
            paths = {name: text and located(_filled(text, params)) for name, text in arguments.items()}
            with alone(_place_of(script, paths), script):
                _clean(paths.values())
                main(*declared(params, script), **paths)
        except (TalkingError, OSError) as error:
            if debug:
                raise
            sys.exit(f"error: {printable(str(error))}")


def _filled(path: str, params: Iterable[Any]) -> str:
    """Return a path of the command line with the labels of params in the place of their names in braces."""
    for label, text in labels_of(params).items():
        path = path.replace(f"{{{label}}}", text)
    return path


def _place_of(script: str, arguments: dict[str, Any]) -> Path:
    """Return the folder that stands for a script with its arguments: two runs of it would write the same files."""
    named = (f"{name} {storage.absolute(value)}" for name, value in sorted(arguments.items()) if value is not None)
    return STATE / "stages" / f"{script}-{fingerprint(*named)[:16]}"


def _clean(arguments: Iterable[Location | None]) -> None:
    """Clean away what runs that were killed left: beside the files that a stage is given, and in the state."""
    for place in sorted({argument.parent for argument in arguments if isinstance(argument, Path)}):
        clean_leftovers(place)
    clean_tree(STATE)


def source_fingerprint(module: str) -> str:
    """Return a hash over the code that a module and the script that is run consist of, with all that they import.

    What a killed stage kept is taken up by the same code alone. `module` is the `__name__` of the caller.
    """
    running = {script_of(module), script_of("__main__")}
    return code_hash(modules_of(name for name in running if name.startswith(PACKAGES)))


def script_of(module: str) -> str:
    """Return the dotted name of a loaded module, also of the one that Python calls `__main__`."""
    spec = getattr(sys.modules.get(module), "__spec__", None)
    return spec.name if spec else module


def map_stage(
    params: Params,
    name: str,
    work: cluster.ShardWork,
    inputs: Iterable[tuple[str, str]],
    out: Location,
    *,
    networks: bool = False,
) -> None:
    """Run a data stage over shards, and record its counts, rejects and throughput.

    Work that computes with `networks` has the GPUs that params give an actor; other work has none.
    `inputs` gives each shard's name and a hash of everything its result depends on. What a resume needs is kept in
    `.state/`, or beside `out` where that is a URL.
    """
    code = source_fingerprint(type(work).__module__)
    fingerprints = {shard: fingerprint(digest, code) for shard, digest in inputs}
    settings = params.cluster if networks else cluster.on_cpus(params.cluster)

    def accept(statuses: list[ClipStatus]) -> None:
        check_rejected(statuses, params.the_corpus.max_rejected, name)

    state = STATE / params.labels["corpus"] / name if isinstance(out, Path) else f"{out}.state"
    with cluster.connect(settings), ProgressLine(name) as line:
        report = cluster.map_shards(work, fingerprints, out, state, settings, progress=line, accept=accept)
    rate = report.clips / report.seconds if report.seconds else 0.0
    print(f"{name}: {report.clips} clips, {report.rejected} refused, {report.seconds:.1f} s ({rate:.1f} clips/s)")
    numbers = {"clips": report.clips, "rejected": report.rejected, "seconds": report.seconds, "clips_per_s": rate}
    record(params, name, numbers)


def record(params: Params, name: str, numbers: dict[str, float], artifacts: Iterable[Path] = ()) -> None:
    """Record a stage's numbers and files in an MLflow run of its own."""
    with tracking.run(params.tracking, name, tags=tags_of(params)) as run:
        run.params(as_plain(PARAMS))
        run.metrics({key: float(value) for key, value in numbers.items()})
        for artifact in artifacts:
            run.artifact(artifact)


def tags_of(params: Params) -> dict[str, str]:
    """Return the tags that every run carries."""
    return params.labels


def parts_of(section: Any) -> str:
    """Return a text that differs whenever a section of params does."""
    return repr(section)
