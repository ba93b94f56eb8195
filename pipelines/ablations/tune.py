"""Stage tune: a generator per measured speaker, tuned with the row's setting and a seed, in this process."""

from pathlib import Path

from pipelines.ablations.wiring import run_stage
from talking.cluster import KeepingItems
from talking.core.files import atomic_folder, write_json
from talking.data.shards import ShardFolder, fingerprint
from talking.orchestration.adapting import chosen_adaptations
from talking.orchestration.params import Params
from talking.orchestration.work.tune import state_of, work_of
from talking.systems.mm22.ablations.settings import Ablation


def main(params: Params, ablation: Ablation, manifest: Path, aligned: Path, backbone: Path, out: Path) -> None:
    """Tune a generator for every speaker that is measured, on frames that are not measured."""
    speakers = chosen_adaptations(manifest, ShardFolder(aligned), params.stage_two.adapt_on, (ablation.role,))
    chosen = speakers if ablation.tune_steps else []
    # Rows may tune alike at the same time: each has a state of its own.
    state = state_of(params, chosen, aligned, backbone) / fingerprint(str(out.resolve()))[:16]
    kept = KeepingItems(work_of(params, aligned, backbone, state), state)
    kept.prepare()
    losses = {adaptation.speaker: kept(adaptation) for adaptation in chosen}
    with atomic_folder(out) as folder:
        kept.publish(folder, chosen)
        write_json(folder / "losses.json", losses)
    kept.forget()
    print(f"tune: {params.stage_two.adapt_on}, seed {ablation.seed}: {losses}")


if __name__ == "__main__":
    run_stage(main, __doc__, "manifest", "aligned", "backbone", "out")
