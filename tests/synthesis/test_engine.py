"""The engine: frames of codes in batches, whatever the way of running, and what a device has."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from talking.media.pixels import to_bytes, to_yuv420
from talking.models.stylegan2 import Generator
from talking.synthesis import engine as engine_module
from talking.synthesis import graphs
from talking.synthesis.engine import Engine, cpu_has_bfloat16, settings_for
from talking.synthesis.fast_generator import Settings

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def generator() -> Generator:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    return Generator(16, style_dim=8, n_mlp=1, channel_max=8).eval()


def codes_of(count: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, 6, 8)).astype(np.float32)


@torch.no_grad()
def test_float32_draws_the_plain_generators_frames(generator) -> None:
    codes = codes_of(7)
    wanted = to_bytes(generator(torch.from_numpy(codes))).numpy()
    made = Engine(generator, Settings(), batch=3).draw(codes)
    assert made.shape == (7, 16, 16, 3) and made.dtype == np.uint8
    assert np.abs(made.astype(int) - wanted).max() <= 1


def test_a_stream_equals_the_whole_and_comes_in_batches(generator) -> None:
    codes, engine = codes_of(11), Engine(generator, batch=4)
    parts = list(engine.stream(codes[at : at + 8] for at in (0, 8)))
    assert [len(part) for part in parts] == [4, 4, 3]
    assert np.array_equal(np.concatenate(parts), engine.draw(codes))


def test_the_first_frames_come_before_the_last_codes_are_asked_for(generator) -> None:
    asked: list[int] = []

    def chunks() -> Iterator[np.ndarray]:
        for at in range(3):
            asked.append(at)
            yield codes_of(2)

    next(Engine(generator, batch=2).stream(chunks()))
    assert asked == [0]


def test_a_still_is_drawn_once(generator) -> None:
    engine, drawn = Engine(generator, batch=8), []
    engine.fast.register_forward_hook(lambda _network, given, _out: drawn.append(len(given[0])))
    frames = engine.draw(np.repeat(codes_of(1), 8, axis=0))
    assert drawn == [1] and frames.shape == (8, 16, 16, 3)
    assert (frames == frames[:1]).all() and frames.std() > 0


def test_no_codes_give_no_frames(generator) -> None:
    assert Engine(generator).draw(codes_of(0)).shape == (0, 16, 16, 3)


class Recorder:
    """The part of a device's module that graphs use, for a device that runs things as they come."""

    def __init__(self, fails: bool = False) -> None:
        self.fails, self.replays = fails, 0

    def Stream(self) -> "Recorder":  # noqa: N802
        return self

    def CUDAGraph(self) -> "Recorder":  # noqa: N802
        if self.fails:
            raise RuntimeError("operation not permitted when stream is capturing\nmore")
        return self

    def current_stream(self) -> "Recorder":
        return self

    def wait_stream(self, other: object) -> None: ...

    def stream(self, stream: object) -> "Recorder":
        return self

    graph = stream

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def replay(self) -> None:
        self.replays += 1


def test_a_recorded_graph_is_replayed_on_whole_batches(generator, monkeypatch) -> None:
    device = Recorder()
    monkeypatch.setattr(graphs, "can_record", lambda _device: True)
    monkeypatch.setattr(torch, "get_device_module", lambda _device: device)
    engine = Engine(generator, Settings(), execution="graph", batch=4)
    sizes: list[int] = []
    engine.fast.register_forward_hook(lambda _network, given, _out: sizes.append(len(given[0])))
    assert [len(part) for part in engine.stream([codes_of(6)])] == [4, 2]
    assert device.replays == 2 and set(sizes) == {4}
    codes = torch.from_numpy(codes_of(4))
    network = graphs.RecordedGraph(lambda x: x + 1, codes)
    network(2 * codes)
    assert torch.equal(network.input, 2 * codes)


def test_what_cannot_be_recorded_is_drawn_all_the_same_and_said(generator, monkeypatch) -> None:
    monkeypatch.setattr(graphs, "can_record", lambda _device: True)
    monkeypatch.setattr(torch, "get_device_module", lambda _device: Recorder(fails=True))
    engine = Engine(generator, Settings(), execution="graph", batch=4)
    with pytest.warns(UserWarning, match="without 'graph'.*not permitted when stream is capturing$"):
        made = engine.draw(codes_of(6))
    assert np.array_equal(made, Engine(generator, Settings(), batch=4).draw(codes_of(6)))


def test_without_a_compiler_frames_are_drawn_all_the_same_and_it_is_said(generator, monkeypatch) -> None:
    def failing(_network: object, **_options: object) -> object:
        raise RuntimeError("Failed to find C compiler.")

    monkeypatch.setattr(torch, "compile", failing)
    engine = Engine(generator, Settings(), execution="compiled", batch=4)
    with pytest.warns(UserWarning, match="without 'compiled'.*C compiler"):
        made = engine.draw(codes_of(4))
    assert np.array_equal(made, Engine(generator, Settings(), batch=4).draw(codes_of(4)))


def test_out_of_memory_is_not_taken_for_a_missing_compiler(generator, monkeypatch) -> None:
    def full(_network: object, **_options: object) -> object:
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr(torch, "compile", full)
    with warnings.catch_warnings(), pytest.raises(torch.OutOfMemoryError):
        warnings.simplefilter("error")
        Engine(generator, Settings(), execution="compiled").draw(codes_of(4))


def test_bfloat16_is_chosen_where_the_processor_multiplies_it(monkeypatch) -> None:
    monkeypatch.setattr(engine_module, "cpu_has_bfloat16", lambda: True)
    assert settings_for(CPU).dtype == torch.bfloat16
    monkeypatch.setattr(engine_module, "cpu_has_bfloat16", lambda: False)
    assert settings_for(CPU).dtype == torch.float32 and settings_for(CPU).channels_last
    assert settings_for(torch.device("meta")).dtype == torch.float16
    assert settings_for(torch.device("meta"), "compiled").upsampling == "sliced"


def test_what_the_processor_has_agrees_with_the_systems_list() -> None:
    listed = Path("/proc/cpuinfo")
    if not listed.is_file():
        pytest.skip("no /proc/cpuinfo here")
    flags = listed.read_text()
    assert cpu_has_bfloat16() == ("avx512_bf16" in flags or "amx_tile" in flags)


def test_small_pictures_are_drawn_several_at_once_and_large_ones_singly() -> None:
    with torch.device("meta"):
        sizes = {side: Generator(side, n_mlp=1, channel_max=4) for side in (64, 128, 1024)}
    on_cpu = {side: network.to_empty(device="cpu") for side, network in sizes.items()}
    assert [Engine(network).batch for network in on_cpu.values()] == [32, 8, 1]


def test_colours_become_the_published_values_of_bt709() -> None:
    """White, black and the primaries in video range, after ITU-R BT.709."""
    colours = torch.tensor([[1, 1, 1], [-1, -1, -1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]).float()
    pictures = colours[:, :, None, None].expand(-1, -1, 4, 2)
    planes = to_yuv420(pictures)
    assert planes.shape == (5, 12) and planes.dtype == torch.uint8
    wanted = [[235, 128, 128], [16, 128, 128], [63, 102, 240], [173, 42, 26], [32, 240, 118]]
    assert planes[:, [0, 8, 10]].tolist() == wanted
    assert (planes[:, :8] == planes[:, :1]).all() and (planes[:, 8:10] == planes[:, 8:9]).all()


def test_chroma_is_the_mean_of_four_pixels_and_rows_stay_rows() -> None:
    picture = torch.full((1, 3, 2, 4), -1.0)
    picture[0, :, 0, 0] = 1.0
    picture[0, 2, :, 2:] = 1.0
    planes = to_yuv420(picture)[0].tolist()
    assert planes[:8] == [235, 16, 32, 32, 16, 16, 32, 32]
    assert planes[8:] == [128, 240, 128, 118]
