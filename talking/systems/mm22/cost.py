"""What the system costs (Table 2 of MM'22): parameters that are trained and tuned, size of the pictures, and speed."""

import numpy as np

from talking.models.backbone import Backbone
from talking.synthesis.codes import synthesise_frames
from talking.synthesis.speed import Speed, frames_per_second, machine_name
from talking.systems.mm22.ensemble import Ensemble
from talking.systems.mm22.predict import predicted_codes
from talking.systems.mm22.talking_head import trainable_parameters


def parameter_counts(model: Ensemble, backbone: Backbone) -> dict[str, int | None]:
    """Return `trainable_parameters` of E_A and D, `tuned_parameters` of G in stage two, and `output_size` in pixels."""
    return {
        "trainable_parameters": trainable_parameters(model),
        "tuned_parameters": trainable_parameters(backbone.generator),
        "output_size": backbone.resolution,
    }


def synthesis_speed(model: Ensemble, backbone: Backbone, *, seconds: float = 2.0) -> Speed:
    """Measure audio windows -> W+ codes -> pictures (uint8, in memory) for about `seconds`, after one to warm up.

    Pictures are made in sequences of up to 32, fewer where the machine is slow. Neither decoding, nor the MFCC, nor
    encoding the video is in it.
    """
    size = model.size
    identity = backbone.latent_avg.cpu().numpy()  # (L, 512)

    def make(count: int) -> None:
        windows = np.zeros((count, size.n_coefficients, size.n_steps), np.float32)
        synthesise_frames(backbone.generator, predicted_codes(model, windows, identity), backbone.resolution)

    per_second, frames = frames_per_second(make, seconds)
    return Speed(per_second, frames, machine_name(next(model.parameters()).device))
