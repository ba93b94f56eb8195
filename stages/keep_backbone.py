"""Not a stage of the graph: keeps a pair that was trained in the graph, in 16 bits, where git keeps it too."""

from pathlib import Path

from talking.core.files import atomic_folder
from talking.models.backbone import Backbone
from talking.orchestration.params import Params
from talking.orchestration.stage import run_stage


def main(params: Params, backbone: Path, out: Path) -> None:
    """Write the pair in `backbone` into `out`, in half the size."""
    pair = Backbone.load(backbone)
    with atomic_folder(out) as folder:
        pair.save(folder, half=True)
        size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"keep_backbone: {out} holds the pair of {pair.resolution} pixels that seed {params.seed} gave, {size} bytes")


if __name__ == "__main__":
    run_stage(main, __doc__, "backbone", "out")
