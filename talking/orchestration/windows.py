"""How audio windows are cut, by params."""

from talking.media.audio import MfccConfig
from talking.orchestration.params import Params


def config_of(params: Params) -> MfccConfig:
    """Return how windows are cut, by the sections `resample` and `mfcc`."""
    section = params.mfcc
    return MfccConfig(
        rate=params.resample.sound_rate,
        n_mfcc=section.n_mfcc,
        hop_s=section.hop_s,
        steps=section.steps,
        n_fft=section.n_fft,
        n_mels=section.n_mels,
        normalise=section.normalise,
    )
