"""What the basis V is fitted on: moments of a corpus's codes or displacements, of a face set, of random w of G."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from talking.models.backbone import Backbone
from talking.models.basis import code_rows, displacement_rows
from talking.moments import Moments
from talking.shards import ShardFolder, decode_array
from talking.synthesis.codes import invert_frames
from talking.training.images import load_face_set

PRIOR_CHUNK = 10_000


def clip_moments(
    codes: ShardFolder, shards: Iterable[str], keys: frozenset[str], *, displacements: bool
) -> Moments | None:
    """Moments over the clips in `keys` of some shards of codes, or None when they hold none of them.

    Of `displacements` from each clip's mean code, or of the codes themselves; one shard is in memory at a time.
    """
    rows, total = displacement_rows if displacements else code_rows, None
    for shard in shards:
        clips = [sample.members["codes.npy"] for sample in codes.read(shard) if sample.key in keys]
        if clips:
            part = Moments.of(np.concatenate([rows(decode_array(clip)) for clip in clips]))
            total = part if total is None else total + part
    return total


def prior_moments(pair: Backbone, samples: int, seed: int) -> Moments:
    """Moments of w = map(z) of random z, the same w for every style, as one samples the prior of a GAN."""
    generator, draw = pair.generator, torch.Generator().manual_seed(seed)
    device = pair.latent_avg.device

    def part(count: int) -> Moments:
        z = torch.randn(count, generator.style_dim, generator=draw).to(device)
        with torch.no_grad():
            w = generator.map(z)  # (N, 512)
        return Moments.of(np.tile(w.cpu().numpy(), (1, generator.n_styles)))

    return Moments.total(part(min(PRIOR_CHUNK, samples - at)) for at in range(0, samples, PRIOR_CHUNK))


def face_set_moments(pair: Backbone, faces: Path, batch: int) -> Moments:
    """Moments of the codes of a face set, as the paper takes them of FFHQ (MM'22 section 3.1.4)."""
    pictures = load_face_set(faces, pair.resolution).pictures.permute(0, 2, 3, 1).numpy()
    return Moments.of(code_rows(invert_frames(pair, pictures, batch)))
