"""Synthesis, encoder, tuning and video on an accelerator: `python bench/gpu.py` prints one table. Needs torch alone.

Networks have random weights: speed does not depend on them. `--device cpu --resolution 64 --quick` runs anywhere.
"""

import argparse
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.timing import finish, seconds_of, table
from bench.tuning import TuningStep
from bench.video import encoder_path, seconds_of_video
from talking.models.psp import GradualStyleEncoder
from talking.models.stylegan2 import Generator
from talking.synthesis.fast_generator import FastGenerator, Settings
from talking.synthesis.fast_layers import Upsampling
from talking.synthesis.graphs import Execution, prepared

HEAD = ("what", "precision", "batch", "rate", "PSNR to the plain module, dB")
STEPS = 350
ENCODER_SIDE = 256
IN_STEPS: tuple[Upsampling, ...] = ("transposed", "merged", "polyphase")
FUSED: tuple[Upsampling, ...] = ("sliced", "merged", "polyphase")
EXECUTIONS: tuple[Execution, ...] = ("eager", "graph", "compiled")
Row = tuple[str, str, str, str, str]
Network = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Plan:
    """What is measured: on which device, at which size, for how long."""

    device: torch.device
    resolution: int
    quick: bool
    seconds: float
    parts: tuple[str, ...]

    @property
    def batches(self) -> tuple[int, ...]:
        """Batches of synthesis."""
        return (1, 2) if self.quick else (1, 8, 32, 64)

    @property
    def encoder_batches(self) -> tuple[int, ...]:
        """Batches of the encoder."""
        return (1,) if self.quick else (1, 32, 128)

    def rate(self, make: Callable[[], object], frames: int) -> float:
        """Return frames per second."""
        return frames / seconds_of(make, self.device, self.seconds)


def allow_tf32(allowed: bool) -> None:
    """Let float32 products be computed with TF32's 10 bits, or not."""
    torch.set_float32_matmul_precision("high" if allowed else "highest")
    torch.backends.cudnn.allow_tf32 = allowed


def kinds(plan: Plan) -> Iterator[tuple[str, str, bool, Settings | None, Execution]]:
    """Yield what draws: label, precision, whether TF32 is allowed, settings (None: the plain module), execution."""
    half = torch.bfloat16 if plan.device.type == "cpu" else torch.float16
    yield "plain", "float32", False, None, "eager"
    yield "fast", "float32", False, Settings(), "eager"
    yield "fast", _name(half), False, Settings(half), "eager"
    if plan.device.type == "cpu":
        return
    yield "plain", "TF32", True, None, "eager"
    yield "fast", "TF32", True, Settings(), "graph"
    for dtype in (torch.float16, torch.bfloat16):
        for upsampling in IN_STEPS:
            yield f"fast, {upsampling}, graph", _name(dtype), True, Settings(dtype, upsampling=upsampling), "graph"
        for upsampling in FUSED:
            settings = Settings(dtype, upsampling=upsampling, joined_shift=False)
            yield f"fast, {upsampling}, compiled, graph", _name(dtype), True, settings, "compiled"


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


@torch.no_grad()
def synthesis(plan: Plan) -> Iterator[Row]:
    """Yield frames per second of codes to pictures, and how well each way agrees with the plain one."""
    plain = _generator(plan)
    codes = plain.map(torch.randn(max(plan.batches), plain.style_dim, device=plan.device))
    codes = codes[:, None].repeat(1, plain.n_styles, 1)  # (B, L, 512)
    allow_tf32(False)
    wanted = plain(codes[:1])
    for label, precision, tf32, settings, execution in kinds(plan):
        allow_tf32(tf32)
        network = plain if settings is None else FastGenerator(plain, settings)
        for batch in plan.batches:
            what = f"synthesis at {plan.resolution}, {label}"
            yield from _attempt(
                what, precision, batch, partial(_drawn, plan, network, codes[:batch], execution, wanted)
            )


def _generator(plan: Plan) -> Generator:
    with torch.device(plan.device):
        return Generator(plan.resolution, channel_max=32 if plan.quick else 512).eval().requires_grad_(False)


def _drawn(
    plan: Plan, network: Network, codes: torch.Tensor, execution: Execution, wanted: torch.Tensor
) -> tuple[str, str]:
    run = prepared(network, codes, execution)
    error = (run(codes)[:1].float().clamp(-1, 1) - wanted.clamp(-1, 1)).square().mean()
    agreement = (10 * torch.log10(4 / error.clamp(min=1e-15))).item()
    return f"{plan.rate(partial(run, codes), len(codes)):.1f} fps", f"{agreement:.0f}"


def _attempt(what: str, precision: str, batch: int, measure: Callable[[], tuple[str, str]]) -> Iterator[Row]:
    try:
        yield what, precision, str(batch), *measure()
    except RuntimeError as error:  # out of memory, or a way that this machine does not have: the table says so
        yield what, precision, str(batch), f"failed: {str(error).splitlines()[0][:80]}", "-"


@torch.no_grad()
def encoder(plan: Plan) -> Iterator[Row]:
    """Yield frames per second of the pSp encoder, 256 pixels."""
    with torch.device(plan.device):
        network = GradualStyleEncoder(2 * (plan.resolution.bit_length() - 1) - 2).eval().requires_grad_(False)
    ways = [("float32", False, False), ("TF32", False, False), ("bfloat16", True, False), ("bfloat16", True, True)]
    for precision, half, compiled in ways[:1] if plan.quick else ways:
        allow_tf32(precision != "float32")
        used = network.to(torch.bfloat16) if half else network
        layout = torch.channels_last if half else torch.contiguous_format
        for module in used.modules() if half else ():
            if isinstance(module, torch.nn.Conv2d):
                module.to(memory_format=layout)
        for batch in plan.encoder_batches:
            crops = torch.rand(
                batch, 3, ENCODER_SIDE, ENCODER_SIDE, device=plan.device, dtype=next(used.parameters()).dtype
            )
            label = f"pSp encoder{', channels last' * half}{', compiled, graph' * compiled}"
            make = partial(_encoded, plan, used, crops.contiguous(memory_format=layout), compiled)
            yield from _attempt(label, precision, batch, make)


def _encoded(plan: Plan, network: Network, crops: torch.Tensor, compiled: bool) -> tuple[str, str]:
    run = prepared(network, crops, "compiled" if compiled else "eager")
    return f"{plan.rate(partial(run, crops), len(crops)):.1f} fps", "-"


def tuning(plan: Plan) -> Iterator[Row]:
    """Yield milliseconds of one tuning step on one picture, and seconds of 350."""
    ways = [("TF32", False, False), ("bfloat16", True, False), ("bfloat16", True, True)]
    for precision, half, compiled in ways[:1] if plan.quick else ways:
        allow_tf32(True)
        label = f"tuning step at {plan.resolution}, L2 + VGG16{', channels last' * half}{', compiled' * compiled}"
        yield from _attempt(label, precision, 1, partial(_tuned, plan, half, compiled))


def _tuned(plan: Plan, half: bool, compiled: bool) -> tuple[str, str]:
    step = TuningStep(_generator(plan).requires_grad_(True), half=half, compiled=compiled)
    seconds = seconds_of(step, plan.device, plan.seconds)
    finish(plan.device)
    return f"{1000 * seconds:.1f} ms, {STEPS} steps in {STEPS * seconds:.1f} s", "-"


def video(plan: Plan) -> Iterator[Row]:
    """Yield frames per second from audio windows to a finished mp4 with H.264, where there is an ffmpeg."""
    if encoder_path() is None:
        yield f"audio windows to mp4 at {plan.resolution}", "-", "-", "no ffmpeg here", "-"
        return
    frames = 10 if plan.quick else 1500
    for execution in EXECUTIONS[:1] if plan.quick else EXECUTIONS:
        seconds, precision, batch = seconds_of_video(_generator(plan), frames, execution)
        what = f"audio windows to mp4 at {plan.resolution}, {execution}, {frames} frames"
        yield what, precision, str(batch), f"{frames / seconds:.1f} fps", "-"


PARTS = {"synthesis": synthesis, "encoder": encoder, "tuning": tuning, "video": video}


def read_plan(arguments: Sequence[str]) -> Plan:
    """Return what the command line asks for; by default all, on the accelerator, at 1024."""
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", type=torch.device, default=found or torch.get_default_device())
    parser.add_argument("--resolution", type=int, default=1024)
    parser.add_argument("--quick", action="store_true", help="narrow networks, small batches, one repetition")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each figure")
    parser.add_argument("--parts", default=",".join(PARTS), help="of " + ", ".join(PARTS))
    given = parser.parse_args(arguments)
    seconds = 0.0 if given.quick else given.seconds
    return Plan(given.device, given.resolution, given.quick, seconds, tuple(given.parts.split(",")))


def machine(device: torch.device) -> str:
    """Return the accelerator's name, or the processor's architecture and threads."""
    if device.type != "cpu":
        return str(torch.get_device_module(device).get_device_name(device))
    return f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"


def main(arguments: Sequence[str]) -> None:
    """Measure what the command line asks for and print it."""
    plan = read_plan(arguments)
    torch.manual_seed(0)
    print(f"{machine(plan.device)}, torch {torch.__version__}, random weights{', quick' * plan.quick}\n", flush=True)
    rows = [row for part in plan.parts for row in PARTS[part](plan)]
    print(table(HEAD, rows))


if __name__ == "__main__":
    main(sys.argv[1:])
