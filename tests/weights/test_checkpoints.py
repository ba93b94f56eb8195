"""Published checkpoints convert, and what is something else is refused in one sentence."""

import argparse
import os
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talking.core.errors import TalkingError
from talking.models.inception import build_inception
from talking.models.psp import GradualStyleEncoder
from talking.models.stylegan2 import Generator
from talking.weights.checkpoints import convert_psp, convert_state, convert_stylegan2

from .conftest import hollow, psp, saved, stylegan2, without


def test_stylegan2_converts_at_its_published_size(tmp_path) -> None:
    state, latent_avg = convert_stylegan2(saved(tmp_path, stylegan2()))
    with torch.device("meta"):
        Generator(1024).load_state_dict(state, assign=True)
    assert torch.equal(latent_avg, torch.ones(512))


def test_stylegan2_of_the_older_file_format_converts(tmp_path) -> None:
    torch.save(stylegan2(64), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert convert_stylegan2(tmp_path / "old.pt", resolution=64)[0].keys() == hollow(Generator, 64).keys()


@pytest.mark.parametrize(
    "opts", [argparse.Namespace(dataset_type="ffhq_encode"), {"dataset_type": "ffhq_encode"}, None]
)
def test_psp_converts_whatever_kind_its_options_are(tmp_path, opts) -> None:
    weights = convert_psp(saved(tmp_path, {**psp(10), "opts": opts}), n_styles=10)
    assert "input_layer.0.weight" in weights.encoder and "conv1.conv.weight" in weights.generator


class Hostile:
    """A pickled object that would create a file when it is read."""

    def __reduce__(self) -> tuple:
        return Path.touch, (Path("touched"),)


def test_code_in_a_checkpoint_is_never_run(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TalkingError, match="cut short or not a checkpoint"):
        convert_stylegan2(saved(tmp_path, {**stylegan2(64), "extra": Hostile()}), resolution=64)
    assert not (tmp_path / "touched").exists()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 0.999), zipped=st.booleans())
def test_a_download_cut_anywhere_is_refused(tmp_path, share, zipped) -> None:
    path = tmp_path / "cut.pt"
    torch.save(stylegan2(8), path, _use_new_zipfile_serialization=zipped)
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(TalkingError, match=r"cut\.pt is cut short"):
        convert_stylegan2(path, resolution=8)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda: stylegan2(32), "another network than Generator: it also has convs.4"),
        (lambda: stylegan2(8), "another network than Generator: it has no convs.2"),
        (lambda: {"g_ema": {"a": 1}, "latent_avg": None}, "something else than tensors"),
        (lambda: {**stylegan2(16), "latent_avg": torch.ones(18)}, "no usable mean latent"),
        (lambda: without(stylegan2(16), "latent_avg"), "another checkpoint: it has no latent_avg"),
        (lambda: [1, 2], "another checkpoint: it has no g_ema"),
        (lambda: psp(10), "another checkpoint: it has no g_ema"),
        (lambda: stylegan2_with(torch.full((1, 512, 4, 4), float("nan"))), "not finite in input.input"),
        (lambda: stylegan2_with(torch.ones(1, 64, 4, 4)), r"input.input is \(1, 64, 4, 4\) where \(1, 512, 4, 4\)"),
    ],
)
def test_another_file_than_stylegan2_is_refused_in_a_sentence(tmp_path, content, message) -> None:
    path = saved(tmp_path, content())
    with pytest.raises(TalkingError, match=message) as refusal:
        convert_stylegan2(path, resolution=16)
    assert str(path) in str(refusal.value) and "\n" not in str(refusal.value)


def stylegan2_with(value: torch.Tensor) -> dict:
    content = stylegan2(16)
    content["g_ema"]["input.input"] = value
    return content


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"opts": {"dataset_type": "ffhq_frontalize"}}, "task ffhq_frontalize and not for inversion"),
        ({"state_dict": hollow(GradualStyleEncoder, 10, prefix="encoder.")}, "than Generator: it has no "),
        ({"state_dict": hollow(Generator, 64, prefix="decoder.")}, "than GradualStyleEncoder: it has no "),
        ({"state_dict": torch.ones(3)}, "something else than tensors"),
    ],
)
def test_another_file_than_psp_is_refused_in_a_sentence(tmp_path, change, message) -> None:
    with pytest.raises(TalkingError, match=message) as refusal:
        convert_psp(saved(tmp_path, {**psp(10), **change}), n_styles=10)
    assert "\n" not in str(refusal.value)


def test_a_web_page_and_a_missing_file_are_refused_by_name(tmp_path) -> None:
    page = tmp_path / "psp.pt"
    page.write_text("\n<!DOCTYPE html><html><title>Google Drive - Virus scan warning</title></html>")
    with pytest.raises(TalkingError, match=r"psp\.pt is a web page"):
        convert_psp(page)
    with pytest.raises(TalkingError, match=r"none\.pt is not there"):
        convert_stylegan2(tmp_path / "none.pt")


def test_a_state_without_counts_of_batches_is_what_old_pytorch_wrote(tmp_path) -> None:
    state = {name: value for name, value in hollow(build_inception).items() if not name.endswith("batches_tracked")}
    found = convert_state(saved(tmp_path, state), build_inception())
    assert found.keys() == build_inception().state_dict().keys()
    assert found["Conv2d_1a_3x3.bn.num_batches_tracked"] == 0
