"""What the stages of this pipeline do alike: they get the main params with this run's changes, and their own."""

from collections.abc import Callable
from pathlib import Path

from stages import common
from talking.ablations.settings import Ablation, load_ablation
from talking.config import Params, load_params

FOLDER = Path("pipelines/ablations")
OWN, ROWS, METRICS, CURVES = (FOLDER / name for name in ("params.yaml", "rows.yaml", "metrics.json", "plots/train.csv"))


def run_stage(main: Callable[..., None], doc: str | None, *names: str) -> None:
    """Run a stage as those of the main graph are run: `main(params, ablation, **paths)`."""
    common.run_stage(main, doc, *names, load=_params)


def _params() -> tuple[Params, Ablation]:
    ablation = load_ablation(OWN)
    return ablation.applied(load_params(common.PARAMS)), ablation
