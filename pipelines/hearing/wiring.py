"""What the stages of this pipeline do alike: they are run as those of the main graph are, with their own params."""

from collections.abc import Callable
from pathlib import Path

from pipelines.hearing.params import HearingParams, load_hearing_params
from talking.orchestration import stage as common
from talking.orchestration.params import Params

PARAMS = Path("pipelines/hearing/params.yaml")


def run_stage(main: Callable[..., None], doc: str | None, *names: str, with_graph: bool = False) -> None:
    """Run a stage as those of the main graph are run: `main(params, **paths)`.

    One that cuts audio windows `with_graph` gets the main graph's params too: `main(params, graph, **paths)`.
    """

    def load() -> tuple[HearingParams, *tuple[Params, ...]]:
        return load_hearing_params(PARAMS), *(common.main_params() if with_graph else ())

    common.run_stage(main, doc, *names, load=load)
