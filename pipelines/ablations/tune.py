"""Stage tune: a generator per measured speaker, tuned with the row's setting and a seed, in this process."""

from pathlib import Path

from pipelines.ablations.wiring import run_stage
from stages.stage_two import TuneWork
from talking.core.files import atomic_folder, write_json
from talking.data.shards import ShardFolder
from talking.orchestration.adapting import chosen_adaptations
from talking.orchestration.params import Params
from talking.systems.mm22.ablations.settings import Ablation


def main(params: Params, ablation: Ablation, manifest: Path, aligned: Path, backbone: Path, out: Path) -> None:
    """Tune a generator for every speaker that is measured, on frames that are not measured."""
    speakers = chosen_adaptations(manifest, ShardFolder(aligned), params.stage_two.adapt_on, (ablation.role,))
    chosen = speakers if ablation.tune_steps else []
    with atomic_folder(out) as folder:
        work = TuneWork(
            params.stage_two,
            params.stage_one.lpips_net,
            params.stage_one.lpips_trunk,
            params.seed,
            aligned,
            backbone,
            folder,
        )
        work.prepare()
        losses = {adaptation.speaker: work(adaptation) for adaptation in chosen}
        write_json(folder / "losses.json", losses)
    print(f"tune: {params.stage_two.adapt_on}, seed {ablation.seed}: {losses}")


if __name__ == "__main__":
    run_stage(main, __doc__, "manifest", "aligned", "backbone", "out")
