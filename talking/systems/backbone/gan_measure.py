"""How near made pictures come to real ones as a whole: a Fréchet distance over time, in the features that there are."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from talking.core.errors import TalkingError
from talking.core.moments import Moments
from talking.losses.perceptual import PerceptualLoss
from talking.media.pixels import to_frames
from talking.metrics.frechet import frechet_distance
from talking.metrics.inception import load_inception
from talking.metrics.unavailable import Unavailable

RANDOM = "frechet_random_features"
FID = "fid"
NET = "squeeze"
DIMENSIONS = 256
CHUNK = 32


class RandomFeatures:
    """Features of an untrained convolutional network of fixed seed: (N, 256) of pictures (N, 3, R, R) in [-1, 1].

    Means and deviations of its channels, projected at random. They see colour, texture and coarse layout, not what
    Inception has learned to see: distances in them compare steps of one training and are no FID.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._network = PerceptualLoss(NET, None, seed=0).to(device)
        self._projection: Tensor | None = None

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> np.ndarray:
        """Return the features, float32."""
        layers = self._network.features(pictures.to(self.device))
        statistics = [layer.flatten(2) for layer in layers]
        found = torch.cat([part(layer) for layer in statistics for part in (_means, _deviations)], dim=1)
        if self._projection is None:
            draw = torch.Generator().manual_seed(0)
            projection = torch.randn(found.shape[1], DIMENSIONS, generator=draw) / found.shape[1] ** 0.5
            self._projection = projection.to(self.device)
        return (found @ self._projection).cpu().numpy()


def _means(layer: Tensor) -> Tensor:
    return layer.mean(dim=2)


def _deviations(layer: Tensor) -> Tensor:
    return layer.std(dim=2, correction=0)


class FrechetMeasure:
    """The distance of made pictures from the real ones whose moments it keeps; `name` says by which features.

    `inception` is a folder with the published Inception network: then the distance is FID, of as many pictures as are
    given (FID proper takes 50,000). Raises TalkingError when the folder lacks it.
    """

    def __init__(self, real: Tensor, inception: Path | None, device: torch.device) -> None:
        self.name, self._features = _features(inception, device)
        self._real = self._moments(part.float() / 127.5 - 1 for part in real.split(CHUNK))

    def __call__(self, fake: Iterator[Tensor]) -> float:
        """Return the distance of batches (B, 3, R, R) in about [-1, 1], of which there are more than one picture."""
        return frechet_distance(self._real, self._moments(fake))

    def _moments(self, batches: Iterator[Tensor]) -> Moments:
        return Moments.total(Moments.of(self._features(batch)) for batch in batches)


def _features(inception: Path | None, device: torch.device) -> tuple[str, Callable[[Tensor], np.ndarray]]:
    if inception is None:
        return RANDOM, RandomFeatures(device)
    network = load_inception(inception, device=str(device))
    if isinstance(network, Unavailable):
        raise TalkingError(f"gan.inception is {inception}, but {network.reason}: put the file there, or set null.")
    return FID, lambda pictures: network(to_frames(pictures))
