"""The paper's pair as a user adds it: pSp's checkpoint, encoder and 1024-pixel generator filled by the golden rule."""

from pathlib import Path

import torch

from talking.models.psp import GradualStyleEncoder
from talking.models.stylegan2 import Generator
from talking.weights import add_file, published
from tests.golden.fill import filled


def kernels(generator: Generator) -> dict[str, torch.Tensor]:
    """The low-pass kernels, which checkpoints hold and the golden rule leaves to the network."""
    return {name: value for name, value in generator.state_dict().items() if name.endswith(".kernel")}


def add_golden_pair(folder: Path, scratch: Path) -> None:
    """Write the checkpoint into `scratch`, add it to `folder`, and remove it again: it takes over a gigabyte."""
    path = scratch / "psp_ffhq_encode.pt"
    torch.save(_checkpoint(), path)
    add_file(published("psp-ffhq-encode"), path, folder)
    path.unlink()


def _checkpoint() -> dict[str, object]:
    with torch.device("meta"):
        encoder = GradualStyleEncoder(18)
    counts = [name for name in encoder.state_dict() if name.endswith(".num_batches_tracked")]
    states = filled("psp_encoder_18") | {f"encoder.{name}": torch.zeros((), dtype=torch.long) for name in counts}
    decoder = filled("stylegan2_1024") | kernels(Generator(1024))
    states |= {f"decoder.{name}": value for name, value in decoder.items()}
    return {"state_dict": states, "latent_avg": torch.zeros(18, 512), "opts": {"dataset_type": "ffhq_encode"}}
