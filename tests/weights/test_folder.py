"""Adding to a folder of weights: what is right is stored and stays checked, what is not leaves no trace."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision.models import alexnet, squeezenet1_1, vgg16

from talking.core.errors import TalkingError
from talking.core.files import sha256_of
from talking.faces.detectors import FaceAlignmentDetector, make_detector
from talking.metrics.inception import Inception, load_inception
from talking.metrics.perceptual import Lpips, load_lpips
from talking.models.inception import build_inception
from talking.models.ir_se50 import IRSE50
from talking.models.stylegan2 import Generator
from talking.models.syncnet import SyncNet
from talking.weights import CATALOGUE, PublishedWeights, add_file, check_folder, load_added, published
from talking.weights.folder import presence
from talking.weights.layouts import LAYOUTS

from .conftest import as_nvidia, hollow, nvidia_pickle, psp, saved, stylegan2, without


def unhashed(name: str) -> PublishedWeights:
    """A row as if its hash and size were not known: the published numbers cannot be had here."""
    return replace(published(name), sha256=None, size=None)


def fan() -> nn.Module:
    from face_alignment.models import FAN

    return FAN(4)


def s3fd() -> nn.Module:
    from face_alignment.detection.sfd.net_s3fd import s3fd

    return s3fd()


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "alexnet-imagenet": alexnet,
    "vgg16-imagenet": vgg16,
    "squeezenet1_1-imagenet": squeezenet1_1,
    "inception-fid": build_inception,
    "fan-2d": fan,
    "s3fd": s3fd,
    "syncnet": SyncNet,
    "arcface-ir-se50": IRSE50,
}
GENERATORS = ("stylegan2-ffhq-1024", "stylegan2-ffhq-1024-nvidia", "stylegan2-ffhq-1024-ngc", "psp-ffhq-encode")


def file_of(name: str, folder: Path) -> Path:
    """A file laid out as the row's publisher does, generators of 8 pixels."""
    row = published(name)
    if name in NETWORKS:
        return saved(folder, hollow(NETWORKS[name]), row.file)
    if row.layout == "stylegan2-nvidia":
        state = {key: value.clone() for key, value in stylegan2(8)["g_ema"].items()}
        usual = torch.tensor([1.0, 3.0, 3.0, 1.0])
        kernel = torch.outer(usual, usual) / 16
        state = {key: kernel if key.endswith("kernel") else value for key, value in state.items()}
        return nvidia_pickle(folder / row.file, as_nvidia(state))
    return saved(folder, stylegan2(8) if row.layout == "stylegan2-pytorch" else psp(4), row.file)


def added(name: str, tmp_path: Path) -> Path:
    """Add a file of the row, and return the folder."""
    add_file(unhashed(name), file_of(name, tmp_path), tmp_path / "weights", resolution=8)
    return tmp_path / "weights"


def test_every_row_of_the_catalogue_is_tried_here() -> None:
    assert {row.name for row in CATALOGUE} == {*NETWORKS, *GENERATORS}


@pytest.mark.parametrize("name", [*NETWORKS, *GENERATORS])
def test_every_layout_is_added_and_verified(tmp_path, name) -> None:
    folder, row = added(name, tmp_path), published(name)
    config = json.loads((folder / f"{name}.json").read_text())
    assert config["source_file"] == row.file and config["licence"] == row.licence
    assert config["source_sha256"] == sha256_of(tmp_path / row.file)
    assert config["sha256"] == sha256_of(folder / f"{name}.safetensors")
    expected = {f"{name}.json", f"{name}.safetensors"} | ({row.file} if row.keep_file else set())
    assert {path.name for path in folder.iterdir()} == expected
    assert [(entry.row, entry.fault) for entry in check_folder(folder)] == [(row, None)]


@pytest.mark.parametrize("name", ["alexnet-imagenet", "squeezenet1_1-imagenet"])
def test_of_a_trunk_only_the_features_are_kept_and_all_is_checked(tmp_path, name) -> None:
    state = hollow(NETWORKS[name])
    kept = load_file(added(name, tmp_path) / f"{name}.safetensors")
    assert set(kept) == {key for key in state if key.startswith("features.")}
    classifier = next(key for key in state if key.startswith("classifier."))
    with pytest.raises(TalkingError, match=f"has no {classifier}"):
        add_file(unhashed(name), saved(tmp_path, without(state, classifier)), tmp_path / "more")


def test_numbers_are_stored_exactly(tmp_path) -> None:
    state = {name: torch.randn(value.shape) for name, value in squeezenet1_1().state_dict().items()}
    add_file(unhashed("squeezenet1_1-imagenet"), saved(tmp_path, state), tmp_path)
    _, tensors = load_added(tmp_path, published("squeezenet1_1-imagenet"))
    assert all(torch.equal(value, state[name]) for name, value in tensors.items())


def test_added_trunks_and_inception_are_found_by_the_measures(tmp_path) -> None:
    folder = added("squeezenet1_1-imagenet", tmp_path)
    frames = np.zeros((1, 64, 64, 3), np.uint8)
    lpips = load_lpips(folder, device="cpu")
    assert isinstance(lpips, Lpips) and lpips(frames, frames) == 0
    added("inception-fid", tmp_path)
    assert isinstance(load_inception(folder, device="cpu"), Inception)


def test_added_fan_and_s3fd_are_what_the_detector_face_alignment_loads(tmp_path) -> None:
    added("fan-2d", tmp_path)
    detector = make_detector("face_alignment", device="cpu", weights=added("s3fd", tmp_path))
    assert isinstance(detector, FaceAlignmentDetector)


def bad_file(tmp_path: Path, kind: str) -> Path:
    state = hollow(squeezenet1_1)
    path = saved(tmp_path, state, "squeeze.pth")
    if kind == "cut":
        path.write_bytes(path.read_bytes()[:-2000])
    if kind == "page":
        path.write_text("<html><body>Quota exceeded</body></html>")
    if kind == "another":
        saved(tmp_path, hollow(alexnet), "squeeze.pth")
    if kind == "infinite":
        saved(tmp_path, {**state, "features.0.bias": torch.full((64,), float("nan"))}, "squeeze.pth")
    if kind == "list":
        saved(tmp_path, [1, 2], "squeeze.pth")
    return path


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("cut", "cut short or not a checkpoint"),
        ("page", "is a web page"),
        ("another", "is another network than SqueezeNet: "),
        ("infinite", "not finite in features.0.bias"),
        ("list", "something else than tensors"),
    ],
)
def test_what_is_not_the_network_is_refused_and_leaves_no_trace(tmp_path, kind, words) -> None:
    row = replace(unhashed("squeezenet1_1-imagenet"), keep_file=True)
    with pytest.raises(TalkingError, match=words) as refusal:
        add_file(row, bad_file(tmp_path, kind), tmp_path / "weights")
    assert "squeeze.pth" in str(refusal.value) and "\n" not in str(refusal.value)
    assert not list(tmp_path.glob("weights/*"))


def test_a_file_with_another_hash_or_too_short_for_its_size_is_refused(tmp_path) -> None:
    path = saved(tmp_path, hollow(alexnet))
    with pytest.raises(TalkingError, match=r"is cut short: it has \d+ of 244408911 bytes"):
        add_file(published("alexnet-imagenet"), path, tmp_path / "weights")
    with pytest.raises(TalkingError, match=r"is not the published squeezenet1_1-b8a52dc0.pth: its SHA-256 begins"):
        add_file(published("squeezenet1_1-imagenet"), path, tmp_path / "weights")
    right = replace(unhashed("alexnet-imagenet"), sha256=f"{sha256_of(path)[:8]}...")
    assert add_file(right, path, tmp_path / "weights").is_file()


def spoil_numbers(folder: Path) -> None:
    path = folder / "squeezenet1_1-imagenet.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def spoil_tensors(folder: Path, **values: Any) -> None:
    """Change the tensors, and the hash in the config with them."""
    path = folder / "squeezenet1_1-imagenet.safetensors"
    save_file({**load_file(path), **values}, path)
    config = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**config, "sha256": sha256_of(path)}))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_numbers, "is damaged or not the file"),
        (lambda folder: (folder / "squeezenet1_1-imagenet.json").unlink(), "json is missing"),
        (lambda folder: (folder / "squeezenet1_1-imagenet.safetensors").unlink(), "is missing beside its config"),
        (lambda folder: (folder / "squeezenet1_1-imagenet.json").write_text("{"), "not readable JSON"),
        (lambda folder: spoil_tensors(folder, more=torch.ones(1)), "it also has more"),
        (lambda folder: spoil_tensors(folder, **{"features.0.bias": torch.full((64,), torch.inf)}), "not finite"),
        (lambda folder: spoil_tensors(folder, **{"features.0.bias": torch.ones(3)}), r"features.0.bias is \(3,\)"),
    ],
)
def test_what_changes_after_it_was_added_is_found(tmp_path, spoil, words) -> None:
    folder = added("squeezenet1_1-imagenet", tmp_path)
    spoil(folder)
    (entry,) = check_folder(folder)
    assert re.search(words, str(entry.fault)) and "\n" not in str(entry.fault)


def test_a_kept_file_that_changes_or_goes_is_found(tmp_path) -> None:
    folder = added("s3fd", tmp_path)
    kept = folder / published("s3fd").file
    kept.write_bytes(kept.read_bytes()[:-1])
    assert "is damaged or not the file that was added" in str(check_folder(folder)[0].fault)
    kept.unlink()
    assert "is missing, which another package reads" in str(check_folder(folder)[0].fault)


def test_a_file_that_already_lies_in_the_folder_is_added_where_it_is(tmp_path) -> None:
    path = saved(tmp_path, hollow(s3fd), published("s3fd").file)
    before = path.read_bytes()
    assert presence(tmp_path, published("s3fd")) == "not added"
    add_file(unhashed("s3fd"), path, tmp_path)
    assert path.read_bytes() == before
    assert presence(tmp_path, published("s3fd")) == "added" and check_folder(tmp_path)[0].fault is None


def test_every_layout_describes_itself() -> None:
    assert all(layout.description for layout in LAYOUTS.values())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shape=st.sampled_from([(512,), (1, 512), (4, 512), (18, 512), (1, 1, 512), (511,), (512, 1), (0, 512), ()]))
@pytest.mark.parametrize("name", ["stylegan2-ffhq-1024", "stylegan2-ffhq-1024-ngc", "psp-ffhq-encode"])
def test_what_is_added_is_what_verifies_whatever_the_mean_latents_shape(tmp_path, name, shape) -> None:
    """Of a generator it is one latent, of pSp one for all styles or one of each: else it is refused at once."""
    state, mean = hollow(Generator, 8), torch.linspace(-1, 1, math.prod(shape)).reshape(shape)
    if name.endswith("ngc"):
        drawn = {key: value.clone() for key, value in Generator(8).state_dict().items()}
        path = nvidia_pickle(tmp_path / "w", {**as_nvidia(drawn), "mapping.w_avg": mean})
    else:
        path = saved(
            tmp_path, {"g_ema": state, "latent_avg": mean} if "style" in name else psp(4) | {"latent_avg": mean}
        )
    accepted = shape in ((512,), (1, 512)) or (shape == (4, 512) and name.startswith("psp"))
    folder = tmp_path / f"weights-{name}-{len(shape)}-{math.prod(shape)}"
    if not accepted:
        with pytest.raises(TalkingError, match="has no usable mean latent"):
            add_file(unhashed(name), path, folder, resolution=8)
        return
    add_file(unhashed(name), path, folder, resolution=8)
    assert [entry.fault for entry in check_folder(folder)] == [None]
    stored = load_added(folder, published(name))[1]["latent_avg"]
    wanted = mean.expand(4, 512) if name.startswith("psp") else mean.reshape(512)
    assert torch.equal(stored, wanted)
