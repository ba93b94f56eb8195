"""A tiny saved model, a picture of a face and a second of sound: enough to make a video in a second."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
import torch

from talking.core.moments import Moments
from talking.media.audio import write_wav_bytes
from talking.models.backbone import Backbone
from talking.models.basis import fit_basis
from talking.models.resnet_encoder import ResNetEncoder
from talking.models.stylegan2 import Generator
from talking.systems.mm22.talking_head import TalkingHead, TalkingHeadSize

SECONDS = 1.2


def save_models(folder: Path) -> None:
    """Save a backbone of 16 pixels and an untrained talking head, as the graph leaves them."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    generator = Generator(16, n_mlp=1, channel_max=4)
    encoder = ResNetEncoder(generator.n_styles, width=2, stem="small", stem_stride=2)
    Backbone(generator, encoder, torch.zeros(generator.n_styles, 512)).save(folder / "backbone")
    codes = np.random.default_rng(0).normal(size=(8, generator.n_styles * 512))
    size = TalkingHeadSize(width=4, lstm_layers=1, code_dim=16, hidden=8, whiten=True)
    TalkingHead(fit_basis(Moments.of(codes), 3, generator.n_styles), size).save(folder / "stage_one")


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tiny models."""
    folder = tmp_path_factory.mktemp("models")
    save_models(folder)
    return folder


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A PNG of a photograph with one face."""
    path = tmp_path / "face.png"
    cv2.imwrite(str(path), skimage.data.astronaut()[..., ::-1])
    return path


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A WAV of SECONDS, at another rate than the model's."""
    path = tmp_path / "speech.wav"
    times = np.arange(round(SECONDS * 22050)) / 22050
    path.write_bytes(write_wav_bytes((0.3 * np.sin(1000 * times)).astype(np.float32), 22050))
    return path
