"""A picture and a sound become frames: align, invert, then sound to codes to frames, part by part."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from talking.core.accelerators import best_device
from talking.core.errors import TalkingError
from talking.faces.detectors import LandmarkDetector, make_detector
from talking.faces.face import Face, find_face
from talking.faces.paste import Paste
from talking.losses.perceptual import PerceptualLoss
from talking.media.audio import MfccConfig
from talking.media.picture import read_picture
from talking.media.window_stream import LISTEN_S, stream_windows
from talking.models.backbone import Backbone
from talking.orchestration.carried import USUAL, nearest_params
from talking.orchestration.params import Params
from talking.orchestration.prepared import Prepared
from talking.orchestration.tuning import Tuning
from talking.synthesis.codes import invert_frames, synthesise_frames
from talking.systems.mm22.delivery import AS_PICTURED, Delivery, rest_of
from talking.systems.mm22.ensemble import Ensemble, States
from talking.systems.mm22.stage_two import Faces, tune_generator

# What the graph leaves in the folder of a corpus, and this needs.
PARTS = (
    *(f"backbone/{name}.{kind}" for name in ("generator", "encoder", "latent_avg") for kind in ("json", "safetensors")),
    *(f"stage_one/talking_head.{kind}" for kind in ("json", "safetensors")),
)


@dataclass(frozen=True)
class Animator:
    """What makes a face speak: the trained model, its backbone, and the detector that aligned its training data.

    mfcc: how its audio windows are cut; generator: one tuned on the person, None for the backbone's own;
    batch: frames that are made at once; listen_s: how far the sound is heard ahead of the frames (`stream_windows`);
    delivery: where the face rests, and how strongly it moves.
    """

    model: Ensemble
    backbone: Backbone
    detector: LandmarkDetector
    mfcc: MfccConfig
    generator: torch.nn.Module | None = None
    batch: int = 32
    listen_s: float = LISTEN_S
    delivery: Delivery = AS_PICTURED

    @classmethod
    def load(cls, path: Path | str, params: Params | None = None, *, device: torch.device | None = None) -> "Animator":
        """Load what the graph left in `path`, such as models/demo, onto `device` (default: the accelerator, if any).

        `params` say how the model's sound and faces were prepared, where its face rests and how strongly it moves.
        Without them the folder itself says the first, and the nearest params.yaml the rest: in `path`, in the folders
        above it, or in the current folder; without any it is as usual. Raises `TalkingError` when a part is missing or
        damaged, or the model is of another backbone.
        """
        path, device = Path(path), device or best_device()
        check_models(path)
        prepared = Prepared.of(params) if params else Prepared.load(path)
        params = params or nearest_params(path)
        wanted = params.animate if params else USUAL
        model, backbone = Ensemble.load(path / "stage_one"), Backbone.load(path / "backbone")
        _check_fit(path, model, backbone)
        return cls(
            model=model.to(device),
            backbone=backbone.to(device),
            detector=make_detector(prepared.detector, device=device.type),
            mfcc=prepared.mfcc,
            delivery=Delivery.of(wanted.rest, wanted.expression, known=False),
        )

    def animate(
        self,
        image: np.ndarray | Path | Face,
        samples: np.ndarray | Iterable[np.ndarray],
        rate: int,
        *,
        size: int | None = None,
        paste: bool = False,
    ) -> Iterator[np.ndarray]:
        """Yield frames, uint8 RGB (H, W, 3), 25 a second, of the image's largest face speaking.

        `image` is RGB uint8 (H, W, 3), a picture file, or a `Face`. `samples` is mono sound in [-1, 1] at `rate` Hz:
        an array (N,), or chunks of any lengths, which are read as frames are asked for: up to `listen_s` and a second
        and a batch ahead. There are round(25 N / rate) frames, at least one.
        The frames are the aligned crop, `size` pixels square (default: the generator's resolution); with `paste` the
        whole image, its sides even, the longer one at most `size` if given, with the made face in its place.
        Memory does not grow with the sound; chunks and array give the same frames. Raises `TalkingError` at once for an
        image without a face, and while the frames are read for sound that is empty, not mono or not finite.
        """
        face = image if isinstance(image, Face) else self.find(image)
        windows = stream_windows(samples, rate, self.mfcc, batch=self.batch, listen_s=self.listen_s)
        resolution = self.backbone.resolution
        batches = self._frames(windows, self.code(face), resolution if paste else size or resolution)
        if not paste:
            return (frame for frames in batches for frame in frames)
        pasted = Paste(face, size)
        return (pasted(frame) for frames in batches for frame in frames)

    def find(self, image: np.ndarray | Path) -> Face:
        """Return the largest face of an RGB picture uint8 (H, W, 3) or of a picture file, for `animate` and `tuned`."""
        if isinstance(image, np.ndarray):
            return find_face(image, self.detector)
        return find_face(read_picture(Path(image)), self.detector, str(image))

    def code(self, face: Face) -> np.ndarray:
        """Return the W+ code w_I (L, 512) of a face."""
        result: np.ndarray = invert_frames(self.backbone, face.crop[None])[0]
        return result

    def codes(self, windows: Iterable[np.ndarray], code: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the codes (B, L, 512) of consecutive parts (B, 12, 28) of one sound's windows, for w_I (L, 512).

        Where the face rests is told from the beginning of the first part.
        """
        states: States | None = None
        start: np.ndarray | None = None  # (L, 512)
        for part in windows:
            made, states = self._part(part, code, states)
            start = rest_of(made) if start is None else start
            yield self.delivery(made, code, start)

    @torch.no_grad()
    def _part(self, part: np.ndarray, code: np.ndarray, states: States | None) -> tuple[np.ndarray, States]:
        device = next(self.model.parameters()).device
        start = torch.from_numpy(code)[None].to(device, torch.float32)
        made, states = self.model.stream(torch.from_numpy(part)[None].to(device), start, states)
        return made[0].cpu().numpy(), states

    def _frames(self, windows: Iterable[np.ndarray], code: np.ndarray, size: int) -> Iterator[np.ndarray]:
        generator = self.generator or self.backbone.generator
        for codes in self.codes(windows, code):
            yield synthesise_frames(generator, codes, size, self.batch)

    def tuned(self, face: Face, tuning: Tuning) -> "Animator":
        """Return an animator whose generator is tuned on a face (stage two), as `tuning` says."""
        trunk = Path(tuning.lpips_trunk) if tuning.lpips_trunk else None
        device = next(self.backbone.parameters()).device
        perceptual = PerceptualLoss(tuning.lpips_net, trunk, seed=tuning.seed).to(device)
        faces = Faces(self.code(face)[None], face.crop[None])
        tuned, _ = tune_generator(self.backbone.generator, faces, tuning.section, perceptual, seed=tuning.seed)
        return replace(self, generator=tuned)


def check_models(path: Path) -> None:
    """Raise `TalkingError` unless every file that `Animator.load` reads is in `path`."""
    if not (path / "stage_one").is_dir():
        raise TalkingError(f"{path / 'stage_one'} is missing: train a model first (`dvc repro`), or give --models.")
    for part in PARTS:
        if not (path / part).is_file():
            raise TalkingError(f"{path / part} is missing: make it again (`dvc repro`), or give --models.")


def _check_fit(path: Path, model: Ensemble, backbone: Backbone) -> None:
    """Raise `TalkingError` unless the model's codes are of the backbone's shape."""
    shape, numbers = tuple(backbone.latent_avg.shape), model.projector.components.shape[1]
    if model.projector.n_styles != shape[0] or numbers != shape[0] * shape[1]:
        raise TalkingError(
            f"{path / 'stage_one'} speaks in codes of {model.projector.n_styles} styles and {numbers} numbers, and "
            f"{path / 'backbone'} draws those of {shape[0]} and {shape[0] * shape[1]}: copy both from one training."
        )
