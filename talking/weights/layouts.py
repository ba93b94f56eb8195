"""The layouts of published weights: how each is read, checked against the real network, and named once it is stored."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torchvision
from torch import Tensor, nn

from talking.models.inception import build_inception
from talking.models.ir_se50 import IRSE50
from talking.models.psp import GradualStyleEncoder
from talking.models.stylegan2 import Generator
from talking.models.syncnet import SyncNet
from talking.weights.checkpoints import convert_psp, convert_state, convert_stylegan2
from talking.weights.nvidia import convert_nvidia

FAN_MODULES = 4


class StoredGenerator(nn.Module):
    """The names of a stored generator: `g_ema.*` and `latent_avg`."""

    def __init__(self, resolution: int) -> None:
        super().__init__()
        self.g_ema = Generator(resolution)
        self.register_buffer("latent_avg", torch.zeros(self.g_ema.style_dim))


class StoredPair(nn.Module):
    """The names of a stored pSp checkpoint: `encoder.*`, `decoder.*` and `latent_avg`."""

    def __init__(self, resolution: int) -> None:
        super().__init__()
        self.decoder = Generator(resolution)
        self.encoder = GradualStyleEncoder(self.decoder.n_styles)
        self.register_buffer("latent_avg", torch.zeros(self.decoder.n_styles, self.decoder.style_dim))


class StoredTrunk(nn.Module):
    """The names of a stored trunk of LPIPS: `features.*` of a torchvision network, without its classifier."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.features = network.get_submodule("features")


@dataclass(frozen=True)
class Layout:
    """How a published file is laid out.

    `read(path, resolution)` returns the tensors to store and raises TalkingError unless the file holds exactly the
    network's names and shapes. `stored(resolution)` builds what the stored tensors are the state of. `resolution` is
    the side of a generator's pictures, and nothing to the others.
    """

    description: str
    read: Callable[[Path, int], dict[str, Tensor]]
    stored: Callable[[int], nn.Module]


def hollow(layout: Layout, resolution: int) -> nn.Module:
    """Build the network of a layout without numbers, on the meta device."""
    with torch.device("meta"):
        return layout.stored(resolution)


def _read_stylegan2(path: Path, resolution: int) -> dict[str, Tensor]:
    return _generator_tensors(*convert_stylegan2(path, resolution))


def _read_nvidia(path: Path, resolution: int) -> dict[str, Tensor]:
    return _generator_tensors(*convert_nvidia(path, resolution))


def _generator_tensors(state: dict[str, Tensor], latent_avg: Tensor) -> dict[str, Tensor]:
    return {**{f"g_ema.{name}": value for name, value in state.items()}, "latent_avg": latent_avg}


def _read_psp(path: Path, resolution: int) -> dict[str, Tensor]:
    weights = convert_psp(path, 2 * (resolution.bit_length() - 1) - 2)
    encoder = {f"encoder.{name}": value for name, value in weights.encoder.items()}
    decoder = {f"decoder.{name}": value for name, value in weights.generator.items()}
    return {**encoder, **decoder, "latent_avg": weights.latent_avg}


def _trunk(description: str, build: Callable[[], nn.Module]) -> Layout:
    def read(path: Path, _resolution: int) -> dict[str, Tensor]:
        with torch.device("meta"):
            whole = build()
        return {name: value for name, value in convert_state(path, whole).items() if name.startswith("features.")}

    return Layout(description, read, lambda _resolution: StoredTrunk(build()))


def _plain(description: str, build: Callable[[], nn.Module]) -> Layout:
    def read(path: Path, _resolution: int) -> dict[str, Tensor]:
        with torch.device("meta"):
            network = build()
        return convert_state(path, network)

    return Layout(description, read, lambda _resolution: build())


def _fan() -> nn.Module:
    from face_alignment.models import FAN

    result: nn.Module = FAN(FAN_MODULES)
    return result


def _s3fd() -> nn.Module:
    from face_alignment.detection.sfd.net_s3fd import s3fd

    result: nn.Module = s3fd()
    return result


LAYOUTS = {
    "stylegan2-pytorch": Layout(
        "{g_ema: Generator(1024), latent_avg: (512,)}; more keys are left", _read_stylegan2, StoredGenerator
    ),
    "stylegan2-nvidia": Layout(
        "pickle {G, D, G_ema, ...} of modules with their source text, which is never run",
        _read_nvidia,
        StoredGenerator,
    ),
    "psp": Layout(
        "{state_dict: {encoder.*: GradualStyleEncoder(18), decoder.*: Generator(1024)}, latent_avg: (18, 512), opts}",
        _read_psp,
        StoredPair,
    ),
    "alexnet": _trunk("state dict of torchvision's alexnet: features.*, classifier.*", torchvision.models.alexnet),
    "vgg16": _trunk("state dict of torchvision's vgg16: features.*, classifier.*", torchvision.models.vgg16),
    "squeezenet1_1": _trunk(
        "state dict of torchvision's squeezenet1_1: features.*, classifier.*", torchvision.models.squeezenet1_1
    ),
    "inception": _plain("state dict of pytorch-fid's Inception-v3", build_inception),
    "fan": _plain("state dict of face_alignment's FAN of four modules", _fan),
    "s3fd": _plain("state dict of face_alignment's s3fd", _s3fd),
    "syncnet": _plain("state dict of SyncNet: netcnnaud.*, netfcaud.*, netcnnlip.*, netfclip.*", SyncNet),
    "ir-se50": _plain("state dict of IR-SE50: input_layer.*, body.*, output_layer.*", IRSE50),
}
