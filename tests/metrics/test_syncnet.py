"""LSE-D and LSE-C against a straightforward reading of the protocol, and against distances worked out by hand."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.nn.functional import pad, pairwise_distance

from talking.core.errors import TalkingError
from talking.metrics.syncnet import FRAMES, Sync, distances, load_sync, mfcc_of, synchrony_of
from talking.metrics.unavailable import Unavailable
from talking.models.syncnet import SyncNet

RATE = 16_000


def speech(seconds: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * 220 * time) * np.sin(6 * time) + 0.05 * rng.normal(size=len(time))).astype(
        np.float32
    )


def plain_mfcc(samples: np.ndarray) -> np.ndarray:
    """The published parameters, one window, filter and coefficient at a time."""
    whole = np.rint(samples.astype(float) * 32768)
    emphasised = [whole[0]] + [whole[n] - 0.97 * whole[n - 1] for n in range(1, len(whole))]
    hertz = [700 * (10 ** (m / 2595) - 1) for m in np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 28)]
    corner = [int(513 * h / RATE) for h in hertz]
    columns = []
    for start in range(0, len(emphasised) - 400 + 160, 160):
        window = np.zeros(400)
        part = emphasised[start : start + 400]
        window[: len(part)] = part
        power = np.abs(np.fft.fft(window, 512)[:257]) ** 2 / 512
        mels = []
        for j in range(26):
            total = 0.0
            for i in range(corner[j], corner[j + 1]):
                total += power[i] * (i - corner[j]) / (corner[j + 1] - corner[j])
            for i in range(corner[j + 1], corner[j + 2]):
                total += power[i] * (corner[j + 2] - i) / (corner[j + 2] - corner[j + 1])
            mels.append(np.log(total))
        column = [np.log(power.sum())]
        for k in range(1, 13):
            c = np.sqrt(2 / 26) * sum(m * np.cos(np.pi * k * (2 * n + 1) / 52) for n, m in enumerate(mels))
            column.append(c * (1 + 11 * np.sin(np.pi * k / 22)))
        columns.append(column)
    return np.array(columns).T


def test_the_sound_is_that_of_the_published_parameters() -> None:
    samples = speech(0.31)
    np.testing.assert_allclose(mfcc_of(samples), plain_mfcc(samples), rtol=1e-5, atol=1e-4)


def test_silence_has_finite_coefficients() -> None:
    assert np.isfinite(mfcc_of(np.zeros(8000, np.float32))).all()


def test_distances_by_hand() -> None:
    lips, sound = np.array([[3.0], [0.0], [1.0]]), np.array([[0.0], [1.0], [5.0]])
    # The sound one frame late, on time, one frame early; zeros beyond its ends.
    np.testing.assert_allclose(distances(lips, sound, shift=1), [3 / 3, 8 / 3, 8 / 3], rtol=1e-5)
    found = synchrony_of(np.array([4.0, 1.0, 9.0, 6.0, 7.0]))
    assert (found.distance, found.confidence, found.offset) == (1.0, 5.0, 1)


def test_sound_that_is_late_is_found_at_its_offset() -> None:
    steps = np.random.default_rng(0).normal(size=(60, 8))
    for late in (-7, 0, 4):
        found = synchrony_of(distances(steps[10:50], steps[10 + late : 50 + late]))
        assert found.offset == late and found.distance < 1.5 < found.confidence


@pytest.fixture(scope="module")
def network() -> SyncNet:
    torch.manual_seed(0)
    return SyncNet().eval()


@torch.no_grad()
def plain_synchrony(network: SyncNet, frames: np.ndarray, samples: np.ndarray) -> tuple[float, float]:
    """The protocol as it reads: window by window, offset by offset."""
    pictures = [cv2.cvtColor(cv2.resize(frame, (224, 224)), cv2.COLOR_RGB2BGR) for frame in frames]
    columns = mfcc_of(samples)
    lips, sound = [], []
    for t in range(min(len(frames), len(samples) // 640) - 5):
        window = np.stack(pictures[t : t + 5], axis=-1).transpose(2, 3, 0, 1)
        lips.append(network.lips(torch.from_numpy(window)[None].float())[0])
        sound.append(network.sound(torch.from_numpy(columns[:, 4 * t : 4 * t + 20])[None, None])[0])
    padded = pad(torch.stack(sound), (0, 0, 15, 15))
    apart = [pairwise_distance(own[None].repeat(31, 1), padded[t : t + 31]) for t, own in enumerate(lips)]
    means = torch.stack(apart, 1).mean(1)
    return means.min().item(), (means.median() - means.min()).item()


def test_it_is_the_protocol_window_by_window(network) -> None:
    frames = np.random.default_rng(1).integers(0, 256, (8, 224, 224, 3), dtype=np.uint8)
    found = Sync(network, device="cpu", batch=2)(frames, speech(0.4))
    assert found is not None
    wanted = plain_synchrony(network, frames, speech(0.4))
    assert (found.distance, found.confidence) == pytest.approx(wanted, rel=1e-4)


def test_a_clip_under_a_window_has_no_number(network) -> None:
    frames = np.zeros((FRAMES, 32, 32, 3), np.uint8)
    assert Sync(network, device="cpu")(frames, speech(1)) is None


def test_without_weights_there_is_a_reason(tmp_path: Path) -> None:
    assert load_sync(None, device="cpu") == Unavailable(
        "SyncNet's weights syncnet_v2.model were not found as no folder of weights is set"
    )
    found = load_sync(tmp_path, device="cpu")
    assert isinstance(found, Unavailable) and tmp_path.name in found.reason


def test_published_weights_are_read_and_others_refused(tmp_path: Path, network) -> None:
    state = {name: value for name, value in network.state_dict().items() if "num_batches" not in name}
    torch.save(state, tmp_path / "syncnet_v2.model")
    found = load_sync(tmp_path, device="cpu")
    assert isinstance(found, Sync)
    assert torch.equal(found._network.netfcaud[0].weight, network.netfcaud[0].weight)
    torch.save({"netfcaud.0.weight": torch.zeros(1)}, tmp_path / "syncnet_v2.model")
    with pytest.raises(TalkingError, match="does not hold SyncNet"):
        load_sync(tmp_path, device="cpu")
