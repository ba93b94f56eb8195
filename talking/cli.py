"""The `talking` command: make a face speak, show what an evaluation found, keep published weights."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from talking.config import load_params
from talking.errors import TalkingError

PARAMS = Path("params.yaml")
WEIGHTS = Path("weights")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a subcommand; a mistake of the user is one sentence and exit code 1, with `--debug` a traceback."""
    options = vars(_parser().parse_args(arguments))
    command: Callable[..., None] = options.pop("command")
    debug = options.pop("debug")
    try:
        command(**options)
    except (TalkingError, OSError) as error:
        if debug:
            raise
        sys.exit(f"error: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="talking", description="Speech-driven talking heads.")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    animate = commands.add_parser("animate", help="make a face speak: a picture and a sound become a video")
    animate.add_argument("-s", "--source", type=Path, required=True, help="picture of a face, from the front")
    animate.add_argument("-d", "--driving", type=Path, required=True, help="speech: a sound or video file")
    animate.add_argument("-o", "--output", type=Path, required=True, help="mp4 to write")
    animate.add_argument("--models", type=Path, help="folder of the models (default: models/<corpus of params.yaml>)")
    animate.add_argument("--size", type=int, default=256, help="pixels of the video's side (default: 256)")
    animate.add_argument("--tune", action="store_true", help="first tune the generator on the picture (stage two)")
    animate.set_defaults(command=run_animate)
    summary = commands.add_parser("summary", help="print the last evaluation's table and where its files are")
    summary.set_defaults(command=run_summary)
    _add_weights(commands.add_parser("weights", help="list, add and verify published weights"))
    return parser


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


def run_animate(source: Path, driving: Path, output: Path, models: Path | None, size: int, tune: bool) -> None:
    """Make `source` speak what `driving` says, into `output`."""
    from talking.synthesis.portrait import load_portrait, tuned_on

    params = load_params(PARAMS)
    _check(source, driving, output, size)
    portrait = load_portrait(models or Path("models") / params.corpus, params)
    generator = tuned_on(portrait, source, params) if tune else None
    frames = portrait.animate(source, driving, output, size=size, generator=generator)
    print(f"{output}: {frames} frames, marked as synthetic")


def _check(source: Path, driving: Path, output: Path, size: int) -> None:
    """Say what cannot work before anything is loaded."""
    for path in (source, driving):
        if not path.is_file():
            raise TalkingError(f"{path} is not there: give an existing file.")
    if output.suffix.lower() != ".mp4" or output.is_dir():
        raise TalkingError(f"{output} cannot be written: give the name of an mp4 file, such as speaks.mp4.")
    if size < 2 or size % 2:
        raise TalkingError(f"--size is {size}: give an even number of pixels, such as 256.")


def run_summary() -> None:
    """Print the comparison table, and where to look next."""
    corpus = load_params(PARAMS).corpus
    report = Path("data") / corpus / "report"
    table = report / "table.txt"
    if not table.is_file():
        raise TalkingError(f"{table} is missing: run `dvc repro` first.")
    print(table.read_text())
    video = next(iter(sorted((Path("videos") / corpus / "stage_two").glob("*.mp4"))), None)
    sheet = next(iter(sorted((report / "sheets").glob("*.png"))), None)
    for name, path in (("video", video), ("contact sheet", sheet), ("report", report / "index.html")):
        if path:
            print(f"{name:<15}{path}")
    print("all runs       mlflow ui   (in the activated environment; or: make ui)")


def run_weights(action: str, folder: Path, **options: str) -> None:
    """List, add or verify published weights in `folder`."""
    from talking.weights import command

    run: Callable[..., None] = getattr(command, f"{action}_weights")
    run(folder, **options)
