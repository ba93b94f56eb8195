"""What the stages of this pipeline do alike: they get the main params with this run's changes, and their own."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from talking.orchestration import stage as common
from talking.orchestration.params import Params, load_params
from talking.systems.mm22.ablations.settings import Ablation, load_ablation

FOLDER = Path("pipelines/ablations")
OWN, ROWS, METRICS, CURVES = (FOLDER / name for name in ("params.yaml", "rows.yaml", "metrics.json", "plots/train.csv"))


def run_stage(main: Callable[..., None], doc: str | None, *names: str) -> None:
    """Run a stage as those of the main graph are run: `main(params, ablation, **paths)`."""
    common.run_stage(main, doc, *names, load=_params)


def _params() -> tuple[Params, Ablation]:
    ablation = load_ablation(OWN)
    return applied(ablation, load_params(common.PARAMS)), ablation


def applied(ablation: Ablation, params: Params) -> Params:
    """Return the main params with a run's seed and fewer steps; lips are not followed while it trains."""
    one = replace(params.stage_one, steps=ablation.train_steps, validate_every=ablation.validate_every, lips_clips=0)
    two = replace(params.stage_two, steps=ablation.tune_steps, frames=ablation.tune_frames)
    return replace(params, seed=ablation.seed, stage_one=one, stage_two=two)
