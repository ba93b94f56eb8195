"""What the basis V is fitted on: moments of a corpus's codes or displacements, of a face set, of random codes of G."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from talking.core.moments import Moments
from talking.data.masks import faces_in
from talking.data.members import CODES
from talking.data.shards import Sample, ShardFolder, decode_array
from talking.models.backbone import Backbone
from talking.models.basis import code_rows, displacement_rows
from talking.synthesis.codes import invert_frames
from talking.training.images import load_face_set

PRIOR_CHUNK = 2_000


def clip_moments(
    codes: ShardFolder, shards: Iterable[str], keys: frozenset[str], *, displacements: bool
) -> Moments | None:
    """Moments over the clips in `keys` of some shards of codes, or None when they hold none of them.

    Of `displacements` from each clip's mean code, or of the codes themselves, where a face is shown; one shard is in
    memory at a time.
    """
    rows, total = displacement_rows if displacements else code_rows, None
    for shard in shards:
        clips = [sample for sample in codes.read(shard) if sample.key in keys]
        if clips:
            part = Moments.of(np.concatenate([rows(_of_faces(clip)) for clip in clips]))
            total = part if total is None else total + part
    return total


def _of_faces(clip: Sample) -> np.ndarray:
    """Return the codes (N, L, 512) of a clip's frames that show a face."""
    codes = decode_array(clip.members[CODES])
    result: np.ndarray = codes[faces_in(clip.members, len(codes))]
    return result


def prior_moments(pair: Backbone, samples: int, seed: int) -> Moments:
    """Moments of random codes, drawn as G is trained on them: two w = map(z) per code, crossed over at a random style.

    Style mixing (StyleGAN section 3.1; the crossing is uniform from the second style to none at all) makes the codes
    span all of W+; the same w in every style would span W's 512 directions.
    """
    generator, draw = pair.generator, torch.Generator().manual_seed(seed)
    styles = torch.arange(generator.n_styles)

    def part(count: int) -> Moments:
        z = torch.randn(2, count, generator.style_dim, generator=draw).to(pair.latent_avg.device)
        crossing = torch.randint(1, len(styles) + 1, (count, 1), generator=draw)
        with torch.no_grad():
            first, second = (generator.map(each).cpu()[:, None] for each in z)  # (N, 1, 512)
        return Moments.of(code_rows(torch.where((styles < crossing)[:, :, None], first, second).numpy()))

    return Moments.total(part(min(PRIOR_CHUNK, samples - at)) for at in range(0, samples, PRIOR_CHUNK))


def face_set_moments(pair: Backbone, faces: Path, batch: int) -> Moments:
    """Moments of the codes of a face set, as the paper takes them of FFHQ (MM'22 section 3.1.4)."""
    pictures = load_face_set(faces, pair.resolution).pictures.permute(0, 2, 3, 1).numpy()
    return Moments.of(code_rows(invert_frames(pair, pictures, batch)))
