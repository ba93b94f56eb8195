"""A face that needs no download, and a detector that is loaded once."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data

from talking.faces.detectors import LandmarkDetector, make_detector

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="session")
def detector() -> LandmarkDetector:
    return make_detector("dlib")


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """A photograph uint8 (512, 512, 3) with one face, which comes with scikit-image."""
    return skimage.data.astronaut()


@pytest.fixture(scope="session")
def astronaut_landmarks() -> np.ndarray:
    """The landmarks (68, 2) that dlib finds there, in whole pixels."""
    return np.load(GOLDEN / "astronaut_landmarks.npy", allow_pickle=False)


@pytest.fixture(scope="session")
def astronaut_crop() -> np.ndarray:
    """The crop uint8 (256, 256, 3) that the published FFHQ alignment cuts there."""
    return skimage.io.imread(GOLDEN / "ffhq_align_astronaut_256.png")
