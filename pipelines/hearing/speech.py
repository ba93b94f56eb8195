"""Stage speech: nothing but a seed -> shards of synthetic speech, audio windows and exact mouth shapes."""

from pathlib import Path

from pipelines.hearing.params import HearingParams
from pipelines.hearing.wiring import run_stage
from talking import cluster
from talking.core.progress import ProgressLine
from talking.data.shards import fingerprint
from talking.media.audio import MfccConfig
from talking.orchestration.stage import STATE, parts_of, source_fingerprint
from talking.orchestration.work.utter import UtterWork
from talking.systems.mm22.hearing import shards_of
from talking.systems.mm22.utterances import Utterances


def main(params: HearingParams, out: Path) -> None:
    """Speak every utterance on the workers of the cluster; finished shards are kept until all are."""
    speech, window = params.speech, params.mfcc
    drawn = Utterances(speech.seconds, speech.speed, speech.pitch, speech.noise_share, speech.noise_db)
    config = MfccConfig(
        rate=window.rate,
        n_mfcc=window.n_mfcc,
        hop_s=window.hop_s,
        steps=window.steps,
        n_fft=window.n_fft,
        n_mels=window.n_mels,
        normalise=window.normalise,
    )
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
    run_stage(main, __doc__, "out")
