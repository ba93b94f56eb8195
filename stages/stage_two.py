"""Stage stage_two: a generator per test speaker, tuned on a short clip or on one picture."""

from dataclasses import asdict
from pathlib import Path

from talking import cluster
from talking.core.files import atomic_folder, write_json
from talking.data.shards import ShardFolder
from talking.orchestration.adapting import chosen_adaptations
from talking.orchestration.params import Params
from talking.orchestration.stage import record, run_stage
from talking.orchestration.tuning import Tuning
from talking.orchestration.work.tune import state_of, work_of


def main(params: Params, manifest: Path, aligned: Path, backbone: Path, out: Path) -> None:
    """Tune a generator for every test speaker."""
    chosen = chosen_adaptations(manifest, ShardFolder(aligned), params.stage_two.adapt_on)
    state = state_of(params, chosen, aligned, backbone)
    kept = cluster.KeepingItems(work_of(params, aligned, backbone, state), state)
    with cluster.connect(params.cluster):
        losses = list(cluster.map_items(kept, chosen, params.cluster))
    with atomic_folder(out) as folder:
        kept.publish(folder, chosen)
        Tuning.of(params).save(folder)
        write_json(folder / "adaptations.json", [asdict(adaptation) for adaptation in chosen])
    kept.forget()
    mean = {key: sum(row[key] for row in losses) / len(losses) for key in losses[0]}
    print(
        f"stage_two: {len(chosen)} speakers, loss {mean['first_loss']:.4f} -> {mean['last_loss']:.4f} in "
        f"{mean['steps']:.0f} steps, {mean['megabytes']:.2f} MB each"
    )
    record(params, "stage_two", {"speakers": len(chosen), **mean})


if __name__ == "__main__":
    run_stage(main, __doc__, "manifest", "aligned", "backbone", "out")
