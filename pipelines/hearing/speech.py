"""Stage speech: nothing but a seed -> shards of synthetic speech, audio windows and exact mouth shapes."""

from pathlib import Path

from pipelines.hearing.params import HearingParams
from pipelines.hearing.wiring import run_stage
from talking import cluster
from talking.core.progress import ProgressLine
from talking.data.shards import fingerprint
from talking.orchestration.params import Params
from talking.orchestration.stage import STATE, parts_of, source_fingerprint
from talking.orchestration.windows import config_of
from talking.orchestration.work.utter import UtterWork
from talking.systems.mm22.hearing import shards_of
from talking.systems.mm22.utterances import Utterances


def main(params: HearingParams, graph: Params, out: Path) -> None:
    """Speak every utterance on the workers of the cluster; audio windows are cut as the main graph cuts them."""
    speech = params.speech
    drawn = Utterances(speech.seconds, speech.speed, speech.pitch, speech.noise_share, speech.noise_db)
    config = config_of(graph)
    shards = dict(shards_of(speech.utterances, speech.per_shard))
    work = UtterWork(drawn, config, params.seed, shards)
    mark = parts_of((drawn, config, params.seed))
    inputs = {name: fingerprint(mark, str(numbers), source_fingerprint(__name__)) for name, numbers in shards.items()}
    settings = cluster.on_cpus(params.cluster)
    with cluster.connect(settings), ProgressLine("speech") as line:
        report = cluster.map_shards(
            work, inputs, out, STATE / "hearing" / params.name / "speech", settings, progress=line
        )
    print(f"speech: {report.clips} utterances in {report.seconds:.0f} s")


if __name__ == "__main__":
    run_stage(main, __doc__, "out", with_graph=True)
