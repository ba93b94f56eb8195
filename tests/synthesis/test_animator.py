"""A picture and a sound become frames part by part: those of the whole, at once, in memory that stays the same."""

import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
import torch

from talking.app import Animator
from talking.core.errors import Rejected, TalkingError
from talking.media.audio import mfcc_windows
from talking.models.backbone import Backbone
from talking.models.resnet_encoder import ResNetEncoder
from talking.models.stylegan2 import Generator
from talking.orchestration.carried import USUAL
from talking.orchestration.params import load_params
from talking.orchestration.prepared import Prepared
from talking.orchestration.tuning import Tuning
from talking.orchestration.windows import config_of
from talking.synthesis.codes import synthesise_frames
from talking.systems.mm22.delivery import Delivery
from talking.systems.mm22.predict import predicted_codes

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
PARAMS = load_params(ROOT / "params.yaml")


@pytest.fixture(scope="module")
def animator(models: Path) -> Animator:
    return Animator.load(models, PARAMS)


@pytest.fixture(scope="module")
def face(animator):
    return animator.find(skimage.data.astronaut())


def bursts(seconds: float) -> np.ndarray:
    count = round(16000 * seconds)
    noise = np.random.default_rng(0).standard_normal(count) * 0.1
    return (noise * (np.arange(count) % 9000 > 4000)).astype(np.float32)


def chunks(samples: np.ndarray, length: int) -> Iterator[np.ndarray]:
    return (samples[at : at + length] for at in range(0, len(samples), length))


def test_streamed_codes_and_frames_are_those_of_the_whole_sound(animator, face) -> None:
    sound = bursts(5.03)
    windows = mfcc_windows(sound, 16000, 126, animator.mfcc)
    code = animator.code(face)
    learned = predicted_codes(animator.model, windows, code)
    whole = animator.delivery(learned, code)
    assert np.abs(whole - learned).max() > 1e-3
    parts = np.concatenate(list(animator.codes(chunks(windows, 32), animator.code(face))))
    np.testing.assert_allclose(parts, whole, atol=1e-5)
    frames = np.stack(list(animator.animate(face, chunks(sound, 777), 16000)))
    wanted = synthesise_frames(animator.backbone.generator, whole, animator.backbone.resolution)
    assert frames.shape == wanted.shape == (126, 16, 16, 3)
    error = np.mean((frames.astype(float) - wanted) ** 2)
    assert error < 255**2 / 10**6, "PSNR above 60 dB"


def test_where_asked_the_face_rests_as_was_learned(animator, face) -> None:
    windows = mfcc_windows(bursts(2), 16000, 50, animator.mfcc)
    code = animator.code(face)
    learned = np.concatenate(list(replace(animator, delivery=Delivery("learned")).codes(chunks(windows, 32), code)))
    np.testing.assert_allclose(learned, predicted_codes(animator.model, windows, code), atol=1e-5)


def test_chunks_do_not_show_in_the_frames(animator, face) -> None:
    sound = bursts(3.3)
    whole = np.stack(list(animator.animate(face, sound, 16000, size=24)))
    parts = np.stack(list(animator.animate(face, chunks(sound, 1234), 16000, size=24)))
    assert np.array_equal(whole, parts) and whole.shape == (82, 24, 24, 3)


def test_the_lstm_remembers_from_part_to_part(animator, face) -> None:
    windows = mfcc_windows(bursts(4), 16000, 100, animator.mfcc)
    code = animator.code(face)
    carried = np.concatenate(list(animator.codes(chunks(windows, 32), code)))[32:]
    anew = np.concatenate(list(animator.codes(chunks(windows[32:], 32), code)))
    assert np.abs(carried - anew).max() > 1e-4


def test_the_first_frame_comes_before_the_last_sound_is_read(animator, face) -> None:
    read = []

    def sound() -> Iterator[np.ndarray]:
        for second in range(30):
            read.append(second)
            yield bursts(1)

    frames = animator.animate(face, sound(), 16000)
    assert not read, "nothing is read before a frame is asked for"
    next(frames)
    assert len(read) <= 13
    assert sum(1 for _ in frames) == 749


def test_memory_does_not_grow_with_the_sound(animator, face) -> None:
    quick = replace(animator, listen_s=1.0)

    def peak(seconds: int) -> int:
        second = bursts(1)
        tracemalloc.start()
        count = sum(1 for _ in quick.animate(face, (second for _ in range(seconds)), 16000))
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == 25 * seconds
        return used

    peak(4)
    short, long = peak(4), peak(80)
    assert long < short + 200_000, "an hour's windows alone would be 120 MB, and 80 seconds' 2.7 MB"


def test_an_image_file_and_an_array_give_the_same(animator, picture) -> None:
    sound = bursts(0.2)
    of_file, of_array = (
        np.stack(list(animator.animate(image, sound, 16000))) for image in (picture, skimage.data.astronaut())
    )
    assert np.array_equal(of_file, of_array)


def test_pasted_frames_are_the_picture_outside_the_face(animator, face) -> None:
    frames = np.stack(list(animator.animate(face, bursts(0.2), 16000, paste=True)))
    assert frames.shape == (5, 512, 512, 3)
    assert np.array_equal(frames[0, 300:, :100], face.picture[300:, :100])
    assert np.abs(frames[0, 90:150, 190:260].astype(int) - face.picture[90:150, 190:260]).mean() > 5
    small = next(iter(animator.animate(face, bursts(0.2), 16000, paste=True, size=201)))
    assert small.shape == (200, 200, 3)


def test_another_generator_draws_the_frames(animator, face) -> None:
    class Grey(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.level = torch.nn.Parameter(torch.zeros(()))

        def forward(self, codes: torch.Tensor) -> torch.Tensor:
            return self.level.expand(len(codes), 3, 16, 16)

    frames = replace(animator, generator=Grey()).animate(face, bursts(0.2), 16000)
    assert {int(value) for frame in frames for value in np.unique(frame)} == {128}


def test_the_face_is_cut_out_as_the_published_alignment_does(face) -> None:
    published = cv2.imread(str(GOLDEN / "ffhq_align_astronaut_256.png"))[..., ::-1]
    assert face.crop.shape == (256, 256, 3) and face.crop.dtype == np.uint8
    assert np.abs(face.crop.astype(int) - published).mean() < 8


def test_a_picture_without_a_face_is_refused_at_once(animator) -> None:
    with pytest.raises(Rejected, match=r"no face was found") as caught:
        animator.animate(np.full((200, 300, 3), 120, np.uint8), bursts(1), 16000)
    assert caught.value.reason == "faceless"


def test_models_that_are_not_there_are_said_so(tmp_path) -> None:
    with pytest.raises(TalkingError, match=r"stage_one is missing: train a model first"):
        Animator.load(tmp_path, PARAMS)


def test_params_are_found_above_the_models(models, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(ROOT)
    assert Animator.load(models).mfcc.n_fft == PARAMS.mfcc.n_fft
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TalkingError, match=r"prepared.json is missing, and no params.yaml lies"):
        Animator.load(models)


def test_models_that_carry_how_they_were_prepared_need_no_params(models, monkeypatch, tmp_path) -> None:
    """Copied anywhere, and whatever a params.yaml nearby says by now, they hear as they were trained to."""
    copied, other = tmp_path / "copied", replace(PARAMS, mfcc=replace(PARAMS.mfcc, n_mels=33))
    shutil.copytree(models, copied)
    Prepared.of(other).save(copied / "stage_one")
    Tuning.of(PARAMS).save(copied / "stage_two")
    monkeypatch.chdir(tmp_path)
    assert (Animator.load(copied).mfcc, Tuning.load(copied)) == (config_of(other), Tuning.of(PARAMS))
    shutil.copy(ROOT / "params.yaml", tmp_path)
    assert Animator.load(copied).mfcc == config_of(other) and Animator.load(models).mfcc == config_of(PARAMS)


def test_what_is_usual_without_params_is_what_params_say() -> None:
    assert PARAMS.animate == USUAL


@pytest.mark.parametrize("text", ["", "{", "[]", '{"detector": "dlib"}', '{"detector": "eyes", "mfcc": {}}'])
def test_what_models_carry_is_refused_by_name_when_it_is_damaged(models, tmp_path, text) -> None:
    (tmp_path / "stage_one").mkdir()
    (tmp_path / "stage_one" / "prepared.json").write_text(text)
    with pytest.raises(TalkingError, match=r"prepared.json is not as training wrote it"):
        Prepared.load(tmp_path)


def test_models_of_two_trainings_are_refused(models, tmp_path) -> None:
    shutil.copytree(models, tmp_path / "mixed")
    generator = Generator(32, n_mlp=1, channel_max=4)
    encoder = ResNetEncoder(generator.n_styles, width=2, stem="small", stem_stride=2)
    Backbone(generator, encoder, torch.zeros(generator.n_styles, 512)).save(tmp_path / "mixed" / "backbone")
    with pytest.raises(TalkingError, match=r"6 styles and 3072 numbers.* 8 and 4096: copy both from one training"):
        Animator.load(tmp_path / "mixed", PARAMS)


def test_importing_the_package_does_not_take_torch_along() -> None:
    code = "import sys, talking.synthesis; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_generator_tuned_on_the_picture_draws_it_better(animator, picture) -> None:
    section = replace(PARAMS.stage_two, steps=20, lr=0.01, lambda_lpips=0.0)
    params = replace(PARAMS, stage_two=section)
    before = {name: value.clone() for name, value in animator.backbone.generator.state_dict().items()}
    face = animator.find(picture)
    tuned = animator.tuned(face, Tuning.of(params)).generator
    wanted = cv2.resize(face.crop, (16, 16), interpolation=cv2.INTER_AREA)
    pixels = torch.from_numpy(wanted).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.no_grad():
        crop = torch.from_numpy(face.crop).permute(2, 0, 1)[None].float() / 127.5 - 1
        code = animator.backbone.invert(crop)
        errors = [((made(code) - pixels) ** 2).mean().item() for made in (animator.backbone.generator, tuned)]
    assert errors[1] < 0.9 * errors[0]
    after = animator.backbone.generator.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
