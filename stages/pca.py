"""Stage pca: W+ codes -> the basis V, exact, by moments summed over shards."""

import operator
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np
import torch

from stages.common import keys_of, record, run_stage
from talking import cluster
from talking.config import Params
from talking.files import atomic_folder
from talking.models.backbone import Backbone
from talking.models.basis import Basis, Moments, code_rows, displacement_rows, fit_basis
from talking.shards import ShardFolder, decode_array
from talking.synthesis.codes import best_device, invert_frames
from talking.training.images import load_face_set

SHARDS_PER_TASK = 4
PRIOR_CHUNK = 10_000


@dataclass
class MomentsWork:
    """Sums the moments of the training clips of several shards: few, since one result is (L*512)^2 numbers."""

    codes: Path
    keys: frozenset[str]
    displacements: bool

    def prepare(self) -> None:
        """Open the codes."""
        self.folder = ShardFolder(self.codes)

    def __call__(self, shards: tuple[str, ...]) -> Moments | None:
        """Return the moments of the shards' training clips; None when they have none."""
        rows = displacement_rows if self.displacements else code_rows
        total = None
        for shard in shards:
            clips = [sample.members["codes.npy"] for sample in self.folder.read(shard) if sample.key in self.keys]
            if clips:
                part = Moments.of(np.concatenate([rows(decode_array(codes)) for codes in clips]))
                total = part if total is None else total + part
        return total


def corpus_moments(params: Params, manifest: Path, codes: Path) -> Moments:
    """Moments over the corpus's training clips."""
    folder = ShardFolder(codes)
    names = folder.names
    tasks = [tuple(names[at : at + SHARDS_PER_TASK]) for at in range(0, len(names), SHARDS_PER_TASK)]
    work = MomentsWork(codes.resolve(), keys_of(manifest, folder, "train"), params.pca.source == "displacements")
    with cluster.connect(params.cluster):
        return reduce(
            operator.add, (part for part in cluster.map_items(work, tasks, params.cluster) if part is not None)
        )


def prior_moments(pair: Backbone, samples: int, seed: int) -> Moments:
    """Moments of w = map(z) of random z, the same w for every layer."""
    draw = torch.Generator().manual_seed(seed)
    parts = []
    for at in range(0, samples, PRIOR_CHUNK):
        z = torch.randn(min(PRIOR_CHUNK, samples - at), pair.generator.style_dim, generator=draw)
        with torch.no_grad():
            w = pair.generator.map(z)  # (N, 512)
        parts.append(Moments.of(np.tile(w.numpy(), (1, pair.generator.n_styles))))
    return reduce(operator.add, parts)


def face_set_moments(pair: Backbone, faces: Path, batch: int) -> Moments:
    """Moments of the codes of a face set, as the paper takes them of FFHQ."""
    pictures = load_face_set(faces, pair.generator.resolution).pictures.permute(0, 2, 3, 1).numpy()
    return Moments.of(code_rows(invert_frames(pair, pictures, batch)))


def main(params: Params, manifest: Path, codes: Path, backbone: Path, faces: Path, out: Path) -> None:
    """Fit the basis that params ask for."""
    pair = Backbone.load(backbone).to(best_device())
    if params.pca.source == "prior":
        moments = prior_moments(pair, params.pca.prior_samples, params.seed)
    elif params.pca.source == "faces":
        moments = face_set_moments(pair, faces, params.invert.batch)
    else:
        moments = corpus_moments(params, manifest, codes)
    basis: Basis = fit_basis(moments, params.pca.components, pair.generator.n_styles)
    with atomic_folder(out) as folder:
        basis.save(folder / "basis.safetensors")
    print(
        f"pca: {moments.count} codes, {params.pca.components} components explain {basis.explained:.1%} of the variance"
    )
    record(params, "pca", {"codes": moments.count, "explained": basis.explained})


if __name__ == "__main__":
    run_stage(main, __doc__, "manifest", "codes", "backbone", "faces", "out")
