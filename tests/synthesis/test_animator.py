"""A picture and a voice become a video of the right length; what cannot be read is said by its name."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from talking.config import load_params
from talking.errors import Rejected, TalkingError
from talking.media.audio import extract_sound
from talking.media.video import decode_frames, probe, read_metadata
from talking.synthesis.animate import MARK
from talking.synthesis.portrait import Portrait, load_portrait, tuned_on

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
PARAMS = load_params(ROOT / "params.yaml")


@pytest.fixture(scope="module")
def portrait(models: Path) -> Portrait:
    return load_portrait(models, PARAMS)


def test_the_video_is_as_long_as_the_sound_and_marked(portrait, picture, sound, tmp_path) -> None:
    target = tmp_path / "out.mp4"
    assert portrait.animate(picture, sound, target, size=48) == 30
    found = probe(target)
    assert (found.width, found.height, found.rate, found.frames, found.has_sound) == (48, 48, 25, 30, True)
    assert read_metadata(target).items() >= MARK.items()
    assert abs(len(extract_sound(target)) / 16000 - 1.2) < 0.1


def test_the_same_picture_and_sound_give_the_same_bytes(portrait, picture, sound, tmp_path) -> None:
    for name in ("a.mp4", "b.mp4"):
        portrait.animate(picture, sound, tmp_path / name, size=32)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_another_generator_draws_the_frames(portrait, picture, sound, tmp_path) -> None:
    class Grey(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.level = torch.nn.Parameter(torch.zeros(()))

        def forward(self, codes: torch.Tensor) -> torch.Tensor:
            return self.level.expand(len(codes), 3, 16, 16)

    portrait.animate(picture, sound, tmp_path / "grey.mp4", size=16, generator=Grey())
    assert np.abs(decode_frames(tmp_path / "grey.mp4").astype(int) - 128).max() <= 3


def test_the_face_is_cut_out_as_the_published_alignment_does(portrait, picture) -> None:
    crop = portrait.identity_crop(picture)
    published = cv2.imread(str(GOLDEN / "ffhq_align_astronaut_256.png"))[..., ::-1]
    assert crop.shape == (256, 256, 3) and crop.dtype == np.uint8
    assert np.abs(crop.astype(int) - published).mean() < 8


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_no_picture_is_said_so(portrait, tmp_path, content) -> None:
    (tmp_path / "face.png").write_bytes(content)
    with pytest.raises(TalkingError, match=r"face.png is no picture that can be read: give a PNG or JPEG"):
        portrait.identity_crop(tmp_path / "face.png")


def test_a_picture_without_a_face_is_refused(portrait, tmp_path) -> None:
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((200, 300, 3), 120, np.uint8))
    with pytest.raises(Rejected, match=r"wall.png: no face was found") as caught:
        portrait.identity_crop(tmp_path / "wall.png")
    assert caught.value.reason == "faceless"


def test_a_picture_that_is_not_there_is_said_so(portrait, tmp_path) -> None:
    with pytest.raises(TalkingError, match=r"none.png is not there"):
        portrait.identity_crop(tmp_path / "none.png")


def test_a_sound_that_cannot_be_read_leaves_no_video(portrait, picture, tmp_path) -> None:
    (tmp_path / "speech.wav").write_text("not a sound")
    with pytest.raises(TalkingError, match=r"speech.wav cannot be decoded"):
        portrait.animate(picture, tmp_path / "speech.wav", tmp_path / "out.mp4", size=32)
    assert not (tmp_path / "out.mp4").exists()


def test_models_that_are_not_there_are_said_so(tmp_path) -> None:
    with pytest.raises(TalkingError, match=r"stage_one is missing: train a model first"):
        load_portrait(tmp_path, PARAMS)


def test_a_generator_tuned_on_the_picture_draws_it_better(portrait, picture) -> None:
    section = replace(PARAMS.stage_two, steps=20, lr=0.01, lambda_lpips=0.0)
    params = replace(PARAMS, stage_two=section)
    before = {name: value.clone() for name, value in portrait.backbone.generator.state_dict().items()}
    tuned = tuned_on(portrait, picture, params)
    wanted = cv2.resize(portrait.identity_crop(picture), (16, 16), interpolation=cv2.INTER_AREA)
    pixels = torch.from_numpy(wanted).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.no_grad():
        crop = torch.from_numpy(portrait.identity_crop(picture)).permute(2, 0, 1)[None].float() / 127.5 - 1
        code = portrait.backbone.invert(crop)
        errors = [((made(code) - pixels) ** 2).mean().item() for made in (portrait.backbone.generator, tuned)]
    assert errors[1] < 0.9 * errors[0]
    after = portrait.backbone.generator.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
