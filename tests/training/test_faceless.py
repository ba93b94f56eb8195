"""Frames without a face: whatever their codes and pictures are, nothing that is trained or fitted knows them."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from talking.corpora import roles
from talking.corpora.roles import Span
from talking.data.clips import ClipStream, all_clips, draw_batches
from talking.data.masks import faces_in
from talking.data.shards import ClipStatus, Sample, ShardFolder, decode_array, encode_array, write_index, write_shard
from talking.media.video import encode_frames_bytes
from talking.models.basis import Basis, Projector
from talking.orchestration.work.tune import TuneWork
from talking.systems.mm22.linear import fit_linear
from talking.systems.mm22.lip_readout import lip_clips
from talking.systems.mm22.losses import ImageTerm, Target
from talking.systems.mm22.material import MaterialReader
from talking.systems.mm22.principal import clip_moments
from talking.training.context import train_locally
from talking.training.images import load_crops

from .conftest import same, state_of

FRAMES = 12
FACES = np.array([False, False, True, True, True, False, True, True, True, True, True, False])
FIRST = 2


def rewritten(folder: Path, change: Callable[[Sample], dict[str, bytes]]) -> None:
    """Write a folder's shards again with the members that `change` makes of each sample."""
    old = ShardFolder(folder)
    samples = {name: [Sample(each.key, change(each)) for each in old.read(name)] for name in old.names}
    write_index(folder, [write_shard(folder / name, each) for name, each in samples.items()], old.statuses)


def poisoned(toy, value: float):
    """Give every clip of codes the mask FACES, and the codes of the frames without a face one value."""

    def change(sample: Sample) -> dict[str, bytes]:
        codes = decode_array(sample.members["codes.npy"]).copy()
        codes[~FACES] = value
        return {"codes.npy": encode_array(codes), "faces.npy": encode_array(FACES)}

    rewritten(toy.codes, change)
    return toy


def test_a_clip_without_a_mask_shows_a_face_in_every_frame() -> None:
    assert faces_in({}, 3).tolist() == [True] * 3
    assert faces_in({"faces.npy": encode_array(FACES)}, 3).tolist() == [False, False, True]


@pytest.mark.parametrize("sequence", [2, 6, 20])
@pytest.mark.parametrize("smooth", [0.0, 1.5])
def test_sequences_mark_frames_without_a_face_and_show_none_as_identity(make_toy, sequence, smooth) -> None:
    toy = poisoned(make_toy(3), 900.0)
    stream = ClipStream(*toy.folders, frozenset(toy.keys), seed=1)
    for batch in islice(draw_batches(stream, batch=4, sequence=sequence, smooth=smooth, speed=0.2), 30):
        assert batch.identity.abs().max() < 100
        faces = torch.ones(batch.codes.shape[:2], dtype=torch.bool) if batch.faces is None else batch.faces
        assert faces.any(dim=1).all(), "each sequence has something to learn from"
        assert batch.codes[faces].abs().max() < 100
        assert smooth or (batch.codes[~faces] == 900).all()


def test_the_basis_the_floor_and_the_lips_are_fitted_to_faces_alone(make_toy) -> None:
    fitted = []
    for value in (0.0, 900.0):
        toy = poisoned(make_toy(6), value)
        codes, keys = toy.folders[0], frozenset(toy.keys)
        moments = clip_moments(codes, codes.names, keys, displacements=True)
        assert moments is not None and moments.count == 6 * FACES.sum()
        basis = Basis(np.eye(3, 16, dtype=np.float32), np.zeros(16, np.float32), np.ones(3, np.float32), 1.0, 2)
        clips = list(all_clips(*toy.folders, toy.keys))
        fit = fit_linear(clips[:4], clips[4:], Projector(basis, whiten=False))
        fitted.append([moments.covariance, fit.ridge.weights, fit.explained, fit.window_mean, fit.identity_std])
    assert all(np.array_equal(one, other) for one, other in zip(*fitted, strict=True))


@pytest.mark.parametrize("changes", [{}, {"target": "codes", "lambda_speed": 0.5}])
def test_stage_one_learns_and_is_judged_without_them(make_job, tmp_path, changes) -> None:
    states, histories = [], []
    job = make_job(**changes)
    for value in (0.0, 900.0):
        poisoned(job, value)
        result = train_locally(job, tmp_path / f"run{value}", torch.device("cpu"))
        states.append(state_of(result))
        histories.append(
            [{name: loss for name, loss in row.items() if name.startswith("validation")} for row in result.history]
        )
    assert same(*states)
    assert histories[0] == histories[1] and histories[0][0]


def test_pictures_of_frames_without_a_face_are_not_compared() -> None:
    """The loss of a masked sequence is that of the same sequence without the masked frames."""

    class Codes(torch.nn.Module):
        def forward(self, codes: torch.Tensor) -> torch.Tensor:
            return codes.flatten(1)[:, :, None, None]

    class Squares(torch.nn.Module):
        def features(self, pictures: torch.Tensor) -> torch.Tensor:
            return pictures

        def distance(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
            return (one - other).square().flatten(1).mean(1)

    basis = Basis(np.eye(3, 8, dtype=np.float32), np.zeros(8, np.float32), np.ones(3, np.float32), 1.0, 2)
    term = ImageTerm(Projector(basis, whiten=False), Codes(), Squares(), frames=FRAMES)  # type: ignore[arg-type]
    draw = torch.Generator().manual_seed(0)
    coefficients, wanted = torch.randn(1, FRAMES, 3, generator=draw), torch.randn(1, FRAMES, 2, 4, generator=draw)
    identity, faces = torch.zeros(1, 2, 4), torch.from_numpy(FACES)[None]
    alone = term(coefficients[:, FACES], Target(wanted[:, FACES], identity), draw)
    wanted[~faces] = 900.0
    assert term(coefficients, Target(wanted, identity, faces), draw).item() == pytest.approx(alone.item(), rel=1e-5)
    assert term(coefficients, Target(wanted, identity, torch.zeros_like(faces)), draw).item() == 0


@pytest.fixture
def aligned(tmp_path) -> Path:
    """Two clips of crops: black where no face is, else grey, lighter with every frame."""
    frames = np.repeat((100 + 10 * np.arange(FRAMES, dtype=np.uint8)) * FACES, 32 * 32 * 3).reshape(FRAMES, 32, 32, 3)
    still = {
        "crops.mp4": encode_frames_bytes(frames, crf=1),
        "landmarks.npy": encode_array(np.zeros((FRAMES, 68, 2), np.float32)),
        "quads.npy": encode_array(np.tile(np.array([[0, 0], [0, 32], [32, 32], [32, 0]], np.float32), (FRAMES, 1, 1))),
        "faces.npy": encode_array(FACES),
        "codes.npy": encode_array(np.zeros((FRAMES, 2, 8), np.float16)),
        "windows.npy": encode_array(np.zeros((FRAMES, 12, 28), np.float32)),
    }
    rows = [write_shard(tmp_path / "a" / "a-000.tar", [Sample(key, still) for key in ("a_0", "a_1")])]
    write_index(tmp_path / "a", rows, [ClipStatus(key, "a", "a-000.tar", "ok") for key in ("a_0", "a_1")])
    return tmp_path / "a"


def test_a_backbone_is_trained_on_pictures_of_faces(aligned) -> None:
    images = load_crops(aligned, frozenset({"a_0", "a_1"}), 16, most=100)
    assert len(images.pictures) == 2 * FACES.sum() and images.pictures.min() > 90


def test_the_identity_image_is_the_first_frame_with_a_face(aligned) -> None:
    folder = ShardFolder(aligned)
    reader = MaterialReader(folder, folder, folder, size=16)
    clip = roles.TestClip("a_0", "a", "a-000.tar", "unseen", "a_1", "a-000.tar")
    crops = reader.crops(clip)
    material = reader.material(clip, crops)
    assert material.first == FIRST and abs(int(material.identity.mean()) - 120) < 4
    assert np.array_equal(reader.faces(clip, FRAMES), FACES)


def test_a_generator_is_tuned_on_faces_and_the_lips_are_read_off_faces(aligned) -> None:
    work = TuneWork.__new__(TuneWork)
    work.folder = ShardFolder(aligned)
    for span, count, wanted in ((Span("a_0"), 50, FACES.sum()), (Span("a_0", FIRST + 1), 5, 1), (Span("a_0"), 3, 3)):
        crops, points = work._seen(span, count)
        assert len(crops) == len(points) == wanted and crops.min() > 90
    ((codes, landmarks),) = lip_clips(work.folder, work.folder, ["a_1"])
    assert len(codes) == len(landmarks) == FACES.sum()
