"""What the stages of this pipeline do alike: arguments, main params with this run's changes, one-sentence errors."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from stages.common import PARAMS
from talking.ablations.settings import load_ablation
from talking.config import load_params
from talking.errors import TalkingError

FOLDER = Path("pipelines/ablations")
OWN, ROWS, METRICS, CURVES = (FOLDER / name for name in ("params.yaml", "rows.yaml", "metrics.json", "plots/train.csv"))


def run_stage(main: Callable[..., None], doc: str | None, *names: str) -> None:
    """Parse `--name path` per name, read both params, call `main(params, ablation, **paths)`."""
    parser = argparse.ArgumentParser(description=doc)
    for name in names:
        parser.add_argument(f"--{name.replace('_', '-')}", type=Path, required=True)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    arguments = vars(parser.parse_args())
    debug = arguments.pop("debug")
    try:
        ablation = load_ablation(OWN)
        main(ablation.applied(load_params(PARAMS)), ablation, **arguments)
    except (TalkingError, OSError) as error:
        if debug:
            raise
        sys.exit(f"error: {error}")
