"""Stage look: the latent check of a pair as figures - interpolations, a clip's path, real against inverted frames."""

from pathlib import Path

import numpy as np
import torch

from pipelines.backbone.params import PairParams
from pipelines.backbone.wiring import record, run_stage, source_of
from talking.core.accelerators import best_device
from talking.core.errors import TalkingError
from talking.core.files import atomic_folder
from talking.data.masks import faces_in
from talking.data.members import CROPS
from talking.data.shards import ShardFolder
from talking.evaluation.report.latent import interpolations, inversion_strip, write_path
from talking.evaluation.report.picture_grid import picture_grid, write_png
from talking.media.resizing import resize_frames
from talking.media.video import decode_frames
from talking.models.backbone import Backbone
from talking.synthesis.codes import invert_frames, synthesise_frames


def frames_of(params: PairParams, resolution: int) -> tuple[np.ndarray, str | None]:
    """Return frames (T, R, R, 3) with a face that training has not seen, and their clip, None for stills."""
    source = source_of(params)
    if not source.train:
        return source.load(resolution)[1].permute(0, 2, 3, 1).numpy(), None
    aligned = ShardFolder(source.folder)
    clip = params.look.clip or next(iter(source.held_out_clips), None)
    status = next((status for status in aligned.statuses if status.clip == clip and status.status == "ok"), None)
    if status is None:
        raise TalkingError(f"look.clip is {clip}, which {source.folder} does not hold: name a clip of the corpus.")
    members = aligned.sample(status).members
    crops = decode_frames(members[CROPS])
    return resize_frames(crops[faces_in(members, len(crops))], resolution), clip


def interpolation_grid(pair: Backbone, seed: int, steps: int) -> np.ndarray:
    """Return the pictures between two random latents, a row for each of the four ways."""
    generator, device = pair.generator, pair.latent_avg.device

    @torch.no_grad()
    def to_w(z: np.ndarray) -> np.ndarray:
        return generator.map(torch.from_numpy(z).to(device, torch.float32)).cpu().numpy()

    first, second = np.random.default_rng(seed).normal(size=(2, generator.style_dim))
    ways = interpolations(first, second, steps, to_w)
    codes = {way: np.repeat(w[:, None], generator.n_styles, axis=1) for way, w in ways.items()}
    return picture_grid({way: synthesise_frames(generator, code, pair.resolution) for way, code in codes.items()})


def main(params: PairParams, pair: Path, out: Path) -> None:
    """Write interpolation.png, inversion.png and, of a clip, path.png."""
    backbone = Backbone.load(pair).to(best_device())
    target, clip = frames_of(params, backbone.resolution)
    codes = invert_frames(backbone, target)
    prediction = synthesise_frames(backbone.generator, codes, backbone.resolution)
    with atomic_folder(out) as folder:
        write_png(interpolation_grid(backbone, params.seed, params.look.steps), folder / "interpolation.png")
        write_png(inversion_strip(target, prediction, params.look.frames), folder / "inversion.png")
        if clip is not None:
            write_path(codes, folder / "path.png", title=clip)
    record(params, "look", [], {}, sorted(out.iterdir()))
    print(f"look: {', '.join(path.name for path in sorted(out.iterdir()))} in {out}")


if __name__ == "__main__":
    run_stage(main, __doc__, "pair", "out")
