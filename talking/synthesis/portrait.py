"""A picture and a voice become a video: align, invert, predict the codes, draw, mark as synthetic."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from talking.config import Params
from talking.errors import Rejected, TalkingError
from talking.faces.alignment import crop, ffhq_quad
from talking.faces.finders import Finder, make_finder
from talking.losses.perceptual import PerceptualLoss
from talking.media.audio import MfccConfig, extract_sound, mfcc_windows
from talking.media.video import encode_frames
from talking.models.backbone import Backbone
from talking.models.talking_head import TalkingHead
from talking.synthesis.animate import MARK, predicted_codes
from talking.synthesis.codes import best_device, invert_frames, synthesise_frames
from talking.training.stage_two import Faces, tune_generator

RATE = 25
CROP_SIZE = 256


@dataclass
class Portrait:
    """What makes a face speak: the trained model, its backbone, and the finder that aligned its training data."""

    model: TalkingHead
    backbone: Backbone
    finder: Finder
    mfcc: MfccConfig

    def animate(
        self, picture: Path, sound: Path, target: Path, *, size: int, generator: torch.nn.Module | None = None
    ) -> int:
        """Write `target` (mp4, 25 fps, `size` pixels square, with the sound) and return its number of frames.

        `generator`: one tuned on the person; the backbone's own without it.
        Raises `TalkingError` when the picture shows no face or either file cannot be read.
        """
        identity = self.identity_crop(picture)
        samples = extract_sound(sound, self.mfcc.rate)
        frames = max(1, round(len(samples) / self.mfcc.rate * RATE))
        code = invert_frames(self.backbone, identity[None])[0]  # (L, 512)
        codes = predicted_codes(self.model, mfcc_windows(samples, self.mfcc.rate, frames, self.mfcc), code)
        video = synthesise_frames(generator or self.backbone.generator, codes, size)
        encode_frames(video, target, sound=samples, sound_rate=self.mfcc.rate, metadata=MARK)
        return frames

    def identity_crop(self, picture: Path) -> np.ndarray:
        """Return the aligned face (256, 256, 3) uint8 of a picture file."""
        if not picture.is_file():
            raise TalkingError(f"{picture} is not there: give a picture of a face.")
        frame = _decoded(picture.read_bytes())
        if frame is None:
            raise TalkingError(f"{picture} is no picture that can be read: give a PNG or JPEG.")
        box = self.finder.detect(frame)
        if box is None:
            raise Rejected("faceless", f"{picture}: no face was found: give a picture that shows one from the front.")
        return crop(frame, ffhq_quad(self.finder.landmarks(frame, box)), CROP_SIZE)


def _decoded(content: bytes) -> np.ndarray | None:
    """Return a picture (H, W, 3) uint8, or None where there is none; of no bytes at all OpenCV makes an error."""
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error:
        return None


def load_portrait(models: Path, params: Params) -> Portrait:
    """Load what the graph left in `models`. Raises `TalkingError` when a part is missing."""
    if not (models / "stage_one").is_dir():
        raise TalkingError(f"{models / 'stage_one'} is missing: train a model first (`dvc repro`), or give --models.")
    device = best_device()
    return Portrait(
        model=TalkingHead.load(models / "stage_one").to(device),
        backbone=Backbone.load(models / "backbone").to(device),
        finder=make_finder(params.align.finder),
        mfcc=MfccConfig(rate=params.resample.sound_rate, **vars(params.mfcc)),
    )


def tuned_on(portrait: Portrait, picture: Path, params: Params) -> torch.nn.Module:
    """Return a generator tuned on one picture (stage two)."""
    crops = portrait.identity_crop(picture)[None]
    trunk = Path(params.stage_one.lpips_trunk) if params.stage_one.lpips_trunk else None
    device = next(portrait.backbone.parameters()).device
    perceptual = PerceptualLoss(params.stage_one.lpips_net, trunk, seed=params.seed).to(device)
    codes = invert_frames(portrait.backbone, crops)
    faces = Faces(codes, crops)
    tuned, _ = tune_generator(portrait.backbone.generator, faces, params.stage_two, perceptual, seed=params.seed)
    return tuned
