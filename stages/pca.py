"""Stage pca: W+ codes -> the basis V, exact, by moments summed over shards."""

from dataclasses import dataclass
from pathlib import Path

from talking import cluster
from talking.core.accelerators import best_device
from talking.core.errors import TalkingError
from talking.core.files import atomic_folder
from talking.core.moments import Moments
from talking.data.shards import INDEX, ShardFolder
from talking.data.storage import Location, absolute
from talking.models.backbone import Backbone
from talking.models.basis import fit_basis
from talking.orchestration.clips import keys_of
from talking.orchestration.params import Params
from talking.orchestration.stage import record, run_stage
from talking.systems.mm22.principal import clip_moments, face_set_moments, prior_moments

SHARDS_PER_TASK = 4


@dataclass
class MomentsWork:
    """Sums the moments of the training clips of several shards: few, since one result is (L*512)^2 numbers."""

    codes: Location
    keys: frozenset[str]
    displacements: bool

    def prepare(self) -> None:
        """Open the codes."""
        self.folder = ShardFolder(self.codes)

    def __call__(self, shards: tuple[str, ...]) -> Moments | None:
        """Return the moments of the shards' training clips; None when they have none."""
        return clip_moments(self.folder, shards, self.keys, displacements=self.displacements)


def corpus_moments(params: Params, manifest: Path, codes: Location) -> Moments:
    """Moments over the corpus's training clips."""
    folder = ShardFolder(codes)
    names = folder.names
    tasks = [tuple(names[at : at + SHARDS_PER_TASK]) for at in range(0, len(names), SHARDS_PER_TASK)]
    work = MomentsWork(absolute(codes), keys_of(manifest, folder, "train"), params.pca.source == "displacements")
    with cluster.connect(params.cluster):
        parts = cluster.map_items(work, tasks, cluster.on_cpus(params.cluster))
        return Moments.total(part for part in parts if part is not None)


def main(params: Params, manifest: Path, codes: Location, backbone: Path, faces: Path, out: Path) -> None:
    """Fit the basis that params ask for."""
    pair = Backbone.load(backbone).to(best_device())
    if params.pca.source == "prior":
        moments = prior_moments(pair, params.pca.prior_samples, params.seed)
    elif params.pca.source == "faces":
        if not (faces / INDEX).is_file():
            raise TalkingError(f"{faces} holds no face set, which pca.source = faces needs: choose backbone = faces.")
        moments = face_set_moments(pair, faces, params.invert.batch)
    else:
        moments = corpus_moments(params, manifest, codes)
    basis = fit_basis(moments, params.pca.components, pair.generator.n_styles)
    with atomic_folder(out) as folder:
        basis.save(folder / "basis.safetensors")
    print(
        f"pca: {moments.count} codes, {params.pca.components} components explain {basis.explained:.1%} of the variance"
    )
    record(params, "pca", {"codes": moments.count, "explained": basis.explained})


if __name__ == "__main__":
    run_stage(main, __doc__, "manifest", "codes", "backbone", "faces", "out")
