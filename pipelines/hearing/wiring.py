"""What the stages of this pipeline do alike: they are run as those of the main graph are, with their own params."""

from collections.abc import Callable
from pathlib import Path

from pipelines.hearing.params import load_hearing_params
from talking.orchestration import stage as common

PARAMS = Path("pipelines/hearing/params.yaml")


def run_stage(main: Callable[..., None], doc: str | None, *names: str) -> None:
    """Run a stage: `main(params, **paths)`."""
    common.run_stage(main, doc, *names, load=lambda: (load_hearing_params(PARAMS),))
