"""The `talking` command: make a face speak, show what an evaluation found, choose presets, keep published weights."""

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from talking.core.ending import ended_by_signal
from talking.core.errors import TalkingError
from talking.core.wording import printable
from talking.orchestration.params import load_params
from talking.systems.mm22.methods import METHODS

PARAMS = Path("params.yaml")
PRESETS = Path("presets")
WEIGHTS = Path("weights")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the subcommand that was typed.

    A mistake of the user ends with one sentence and exit code 1; `--debug` shows where it happened. Ctrl-C and other
    signals that end it do so with a sentence and their own exit code.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file's name need not be text; one that is none is shown with its bytes.
        sys.stdout.reconfigure(errors="backslashreplace")
    options = vars(_parser().parse_args(arguments))
    command: Callable[..., None] = options.pop("command")
    debug = options.pop("debug")
    with ended_by_signal("nothing half made was left; what was finished before is there."):
        try:
            command(**options)
        except (TalkingError, OSError) as error:
            if debug:
                raise
            sys.exit(f"error: {printable(str(error))}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="talking", description="Speech-driven talking heads.")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_animate(commands.add_parser("animate", help="make a face speak: a picture and a sound become a video"))
    summary = commands.add_parser("summary", help="print the last evaluation's table and where its files are")
    summary.set_defaults(command=run_summary)
    _add_preset(commands.add_parser("preset", help="list named sets of params, print them as options, or write them"))
    _add_weights(commands.add_parser("weights", help="list, add and verify published weights"))
    return parser


def _add_animate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-s", "--source", type=Path, required=True, help="picture of a face, a folder of them, or a CSV (see README)"
    )
    parser.add_argument("-d", "--driving", type=Path, help="speech: a sound or video file, or a folder of them")
    parser.add_argument("-o", "--output", type=Path, help="mp4 to write, or a folder for several")
    parser.add_argument("--models", type=Path, help="folder of the models (default: models/<corpus of params.yaml>)")
    parser.add_argument(
        "--size", type=int, help="pixels of the video's longer side (default: 256; with --paste the picture's, <= 1920)"
    )
    parser.add_argument("--tune", action="store_true", help="first tune the generator on the picture (stage two)")
    parser.add_argument("--paste", action="store_true", help="put the made face back into the whole picture")
    parser.add_argument("--mark", action="store_true", help="burn a visible label into every frame")
    parser.set_defaults(command=run_animate)


def _add_preset(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Without a name: list the presets. With names: print the options of `dvc exp run` that set them, "
        "as in: dvc exp run $(talking preset paper gpu) -S corpus=grid"
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="of presets, of which later ones win")
    parser.add_argument(
        "-S", "--set", dest="settings", metavar="KEY=VALUE", action="append", default=[], help="one more change"
    )
    parser.add_argument("--write", action="store_true", help=f"set the keys in {PARAMS} instead")
    parser.set_defaults(command=run_preset)


def _add_weights(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    listed = actions.add_parser("list", help="print the catalogue, and what of it is here")
    add = actions.add_parser("add", help="check a published file, or one at an address, and convert it")
    verify = actions.add_parser("verify", help="check everything that was added")
    for action in (listed, add, verify):
        action.add_argument("--folder", type=Path, default=WEIGHTS, help=f"of the weights (default: {WEIGHTS})")
    add.add_argument("name", help="name in the catalogue")
    add.add_argument("source", metavar="FILE_OR_ADDRESS", help="the published file, or where https:// has it")
    parser.set_defaults(command=run_weights)


def run_animate(source: Path, driving: Path | None, output: Path | None, models: Path | None, **options: Any) -> None:
    """Make `source` speak what `driving` says, into `output`."""
    from talking.app import animate as command
    from talking.orchestration.carried import nearest_params

    params = None if models is None else nearest_params(models)
    if models is None:
        params = load_params(PARAMS)
        models = Path("models") / params.corpus
    command.animate(source, driving, output, models, params, command.Options(**options))


def run_summary() -> None:
    """Print the comparison table, and where to look next."""
    corpus = load_params(PARAMS).corpus
    report = Path("data") / corpus / "report"
    table = report / "table.txt"
    if not table.is_file():
        raise TalkingError(f"{table} is missing: run `dvc repro` first.")
    print(table.read_text())
    video = next(iter(sorted((Path("videos") / corpus / METHODS.reference).glob("*.mp4"))), None)
    sheet = next(iter(sorted((report / "sheets").glob("*.png"))), None)
    for name, path in (("video", video), ("contact sheet", sheet), ("report", report / "index.html")):
        if path:
            print(f"{name:<15}{path}")
    print("all runs       make ui   (or mlflow ui in the activated environment), then Model training at the top left")


def run_preset(names: list[str], settings: list[str], write: bool) -> None:
    """List the presets; or print those named as options of DVC; or write them into params.yaml."""
    from talking.orchestration import presets

    if not names and not settings:
        known = presets.list_presets(PRESETS)
        width = max(map(len, known))
        print("\n".join(f"{name:<{width}}  {said}" for name, said in known.items()))
        return
    changes = presets.read_presets(PRESETS, names, PARAMS, settings)
    if not write:
        print(presets.as_options(changes))
        return
    changed = presets.write_presets(changes, PARAMS)
    for line in presets.describe(changed):
        print(f"{PARAMS}: {line}")
    if not changed:
        print(f"{PARAMS} has the values of {' '.join([*names, *settings])} already")


def run_weights(action: str, folder: Path, **options: str) -> None:
    """List, add or verify published weights in `folder`."""
    from talking.app import weights as command

    run: Callable[..., None] = getattr(command, f"{action}_weights")
    run(folder, **options)


if __name__ == "__main__":
    main()
