"""A backbone: generator G, image encoder E_I and mean latent, what talking heads are built on (thesis 3.3.2)."""

from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from talking.core.errors import TalkingError
from talking.core.wording import shown, shown_key
from talking.models.generator import FrameGenerator
from talking.models.psp import GradualStyleEncoder
from talking.models.resnet_encoder import ResNetEncoder
from talking.models.stored import filled, load_network, save_network
from talking.models.stylegan2 import Generator

STYLEGAN2 = "stylegan2"  # what a generator is whose config names no kind
GENERATORS: dict[str, type[FrameGenerator]] = {STYLEGAN2: Generator}
ENCODERS: dict[str, type[nn.Module]] = {"psp": GradualStyleEncoder, "resnet": ResNetEncoder}
PSP_INPUT_SIZE = 256
SMALLEST_INPUT, LARGEST_INPUT = 8, 4096


class Backbone(nn.Module):
    """A pair (E_I, G) with its mean latent.

    `latent_avg` is (L, 512), or (512,) for the same mean in every style. `input_size` is the side of the crops that
    the encoder sees: by default 256 for pSp, as published, and the generator's resolution for a ResNet.
    """

    latent_avg: Tensor

    def __init__(
        self,
        generator: FrameGenerator,
        encoder: GradualStyleEncoder | ResNetEncoder,
        latent_avg: Tensor,
        input_size: int | None = None,
    ) -> None:
        super().__init__()
        if encoder.n_styles != generator.n_styles:
            raise TalkingError(
                f"An encoder of {encoder.n_styles} styles does not fit a generator of {generator.resolution} pixels, "
                f"which has {generator.n_styles}: pair networks of the same size."
            )
        self.generator = generator
        self.encoder = encoder
        self.register_buffer("latent_avg", latent_avg.detach().expand(generator.n_styles, generator.style_dim).clone())
        default = PSP_INPUT_SIZE if isinstance(encoder, GradualStyleEncoder) else generator.resolution
        self.input_size = input_size or default

    @property
    def n_styles(self) -> int:
        """L, the number of styles of a W+ code."""
        return self.generator.n_styles

    @property
    def resolution(self) -> int:
        """Side of the pictures that the generator draws, pixels."""
        return self.generator.resolution

    def invert(self, crops: Tensor) -> Tensor:
        """Return the W+ codes (B, L, 512) of `crops` (B, 3, H, H) in [-1, 1], of any size: w = E_I(x) + mean latent."""
        if crops.shape[-1] != self.input_size:
            crops = F.interpolate(crops, size=(self.input_size, self.input_size), mode="bilinear", antialias=True)
        result: Tensor = self.encoder(crops) + self.latent_avg
        return result

    def synthesise(self, codes: Tensor) -> Tensor:
        """Draw the pictures (B, 3, R, R), about [-1, 1], of W+ `codes` (B, L, 512)."""
        result: Tensor = self.generator(codes)
        return result

    def forward(self, crops: Tensor) -> Tensor:
        """Return the inversion G(E_I(x)) of `crops` (B, 3, H, H): (B, 3, R, R)."""
        return self.synthesise(self.invert(crops))

    def save(self, folder: Path, *, half: bool = False) -> None:
        """Write generator, encoder and mean latent into `folder`, each as safetensors with its config.

        `half` stores the networks in 16 bits; they are computed with in 32 all the same.
        """
        kind = next(name for name, cls in ENCODERS.items() if isinstance(self.encoder, cls))
        drawn = next(name for name, cls in GENERATORS.items() if isinstance(self.generator, cls))
        named = {} if drawn == STYLEGAN2 else {"kind": drawn}
        save_network(folder, "generator", self.generator, {**named, **self.generator.config}, half=half)
        save_network(folder, "encoder", self.encoder, {"kind": kind, **self.encoder.config}, half=half)
        save_network(folder, "latent_avg", {"latent_avg": self.latent_avg}, {"input_size": self.input_size})

    @classmethod
    def load(cls, folder: Path) -> "Backbone":
        """Read what `save` wrote, in eval mode. Raises TalkingError on a missing, damaged or foreign file."""
        config, state = load_network(folder, "generator")
        drawn = config.pop("kind", STYLEGAN2)
        if not isinstance(drawn, str) or drawn not in GENERATORS:
            raise TalkingError(
                f"{folder / 'generator.json'} names an unknown kind of generator, {shown_key(drawn)}: "
                f"known are {', '.join(GENERATORS)}."
            )
        generator = filled(GENERATORS[drawn], config, state, folder / "generator.safetensors")
        config, state = load_network(folder, "encoder")
        kind = config.pop("kind", None)
        if not isinstance(kind, str) or kind not in ENCODERS:
            raise TalkingError(
                f"{folder / 'encoder.json'} names an unknown kind of encoder, {shown_key(kind)}: use psp or resnet."
            )
        encoder = filled(ENCODERS[kind], config, state, folder / "encoder.safetensors")
        config, state = load_network(folder, "latent_avg")
        mean, size = state.get("latent_avg"), config.get("input_size")
        if mean is None or not mean.is_floating_point() or mean.shape[-1:] != (generator.style_dim,) or mean.ndim > 2:
            raise TalkingError(f"{folder / 'latent_avg.safetensors'} holds no mean latent: make the backbone again.")
        if mean.ndim == 2 and len(mean) not in (1, generator.n_styles):
            raise TalkingError(f"{folder / 'latent_avg.safetensors'} is of another generator: make the backbone again.")
        if size is not None and (not isinstance(size, int) or not SMALLEST_INPUT <= size <= LARGEST_INPUT):
            raise TalkingError(
                f"{folder / 'latent_avg.json'} says input_size {shown(size)}: it must be {SMALLEST_INPUT} to "
                f"{LARGEST_INPUT} pixels; make the backbone again."
            )
        return cls(generator, encoder, mean.float(), size).eval()
