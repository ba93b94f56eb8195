"""The catalogue of published weights: what each is, under which licence, where it is published, and its SHA-256."""

from dataclasses import dataclass
from pathlib import Path

from talking.core.errors import TalkingError
from talking.core.files import sha256_of

NVIDIA = "Nvidia Source Code License-NC (no commercial use)"
TORCHVISION = "BSD-3-Clause (torchvision); trained on ImageNet"
FACE_ALIGNMENT = "BSD-3-Clause (face-alignment); none stated for the weights alone"


@dataclass(frozen=True)
class PublishedWeights:
    """A row of the catalogue: `file` is the name that the publisher gave it.

    `sha256` is None where none is known; a value ending in `...` is its beginning, which some publishers put into the
    file's name. `size` is in bytes, None where it is not known. `layout` is a key of `talking.weights.layouts.LAYOUTS`.
    `keep_file`: another package reads the published file itself, so it is kept beside its conversion.
    """

    name: str
    file: str
    what: str
    licence: str
    published_at: str
    sha256: str | None
    layout: str
    size: int | None = None
    keep_file: bool = False


CATALOGUE = (
    PublishedWeights(
        name="stylegan2-ffhq-1024",
        file="stylegan2-ffhq-config-f.pt",
        what="StyleGAN2 generator, FFHQ, 1024 pixels, config F, converted to PyTorch",
        licence=NVIDIA,
        published_at="https://github.com/rosinality/stylegan2-pytorch",
        sha256=None,
        layout="stylegan2-pytorch",
    ),
    PublishedWeights(
        name="stylegan2-ffhq-1024-nvidia",
        file="ffhq.pkl",
        what="the same generator in NVIDIA's own pickle (stylegan2-ada-pytorch)",
        licence=NVIDIA,
        published_at="https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/ffhq.pkl",
        sha256="a205a346e86a9ddaae702e118097d014b7b8bd719491396a162cca438f2f524c",
        layout="stylegan2-nvidia",
        size=381_624_121,
    ),
    PublishedWeights(
        name="stylegan2-ffhq-1024-ngc",
        file="stylegan2-ffhq-1024x1024.pkl",
        what="the same generator in NVIDIA's own pickle (stylegan3, NGC)",
        licence=NVIDIA,
        published_at="https://catalog.ngc.nvidia.com/orgs/nvidia/teams/research/models/stylegan2",
        sha256=None,
        layout="stylegan2-nvidia",
    ),
    PublishedWeights(
        name="psp-ffhq-encode",
        file="psp_ffhq_encode.pt",
        what="pSp inversion encoder for FFHQ, 18 styles, with the generator that it was trained for",
        licence="MIT for pSp; its generator is under the Nvidia Source Code License-NC",
        published_at="https://github.com/eladrich/pixel2style2pixel",
        sha256=None,
        layout="psp",
    ),
    PublishedWeights(
        name="alexnet-imagenet",
        file="alexnet-owt-7be5be79.pth",
        what="AlexNet trunk of LPIPS (net=alex)",
        licence=TORCHVISION,
        published_at="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        layout="alexnet",
        size=244_408_911,
    ),
    PublishedWeights(
        name="vgg16-imagenet",
        file="vgg16-397923af.pth",
        what="VGG16 trunk of LPIPS (net=vgg)",
        licence=TORCHVISION,
        published_at="https://download.pytorch.org/models/vgg16-397923af.pth",
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        layout="vgg16",
    ),
    PublishedWeights(
        name="squeezenet1_1-imagenet",
        file="squeezenet1_1-b8a52dc0.pth",
        what="SqueezeNet 1.1 trunk of LPIPS (net=squeeze)",
        licence=TORCHVISION,
        published_at="https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
        sha256="b8a52dc0...",
        layout="squeezenet1_1",
    ),
    PublishedWeights(
        name="inception-fid",
        file="pt_inception-2015-12-05-6726825d.pth",
        what="Inception-v3 of 2015, ported to PyTorch, whose 2048 features define FID",
        licence="Apache-2.0 (pytorch-fid)",
        published_at=(
            "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth"
        ),
        sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        layout="inception",
        size=95_628_359,
        keep_file=True,
    ),
    PublishedWeights(
        name="fan-2d",
        file="2DFAN4-11f355bf06.pth.tar",
        what="FAN, the 68 landmarks of the detector face_alignment",
        licence=FACE_ALIGNMENT,
        published_at="https://www.adrianbulat.com/downloads/python-fan/2DFAN4-11f355bf06.pth.tar",
        sha256="11f355bf0693120222f5955ce3f9dc8fb5763ebb30a47d7906e509490d32e4aa",
        layout="fan",
        keep_file=True,
    ),
    PublishedWeights(
        name="s3fd",
        file="s3fd-619a316812.pth",
        what="S3FD, the face detector of the landmark detector face_alignment",
        licence=FACE_ALIGNMENT,
        published_at="https://www.adrianbulat.com/downloads/python-fan/s3fd-619a316812.pth",
        sha256="619a31681264d3f7f7fc7a16a42cbbe8b23f31a256f75a366e5a1bcd59b33543",
        layout="s3fd",
        size=89_843_225,
        keep_file=True,
    ),
    PublishedWeights(
        name="syncnet",
        file="syncnet_v2.model",
        what="SyncNet, which tells how well lips and sound agree",
        licence="MIT (syncnet_python); none stated for the weights alone",
        published_at="https://www.robots.ox.ac.uk/~vgg/software/lipsync/data/syncnet_v2.model",
        sha256="961e8696f888fce4f3f3a6c3d5b3267cf5b343100b238e79b2659bff2c605442",
        layout="syncnet",
        size=54_573_114,
    ),
    PublishedWeights(
        name="arcface-ir-se50",
        file="model_ir_se50.pth",
        what="ArcFace, IR-SE50, the identity loss of pSp",
        licence="MIT (InsightFace_Pytorch); trained on MS-Celeb-1M: research only",
        published_at="https://github.com/TreB1eN/InsightFace_Pytorch",
        sha256="a035c768259b98ab1ce0e646312f48b9e1e218197a0f80ac6765e88f8b6ddf28",
        layout="ir-se50",
    ),
)


def published(name: str) -> PublishedWeights:
    """Return the catalogue's row of that name. Raises TalkingError, naming what there is."""
    for row in CATALOGUE:
        if row.name == name:
            return row
    known = ", ".join(row.name for row in CATALOGUE)
    raise TalkingError(f"No published weights are called {name}: choose one of {known}.")


def matches_digest(path: Path, row: PublishedWeights) -> bool | None:
    """Say whether a file has the SHA-256 of its catalogue row; None where the row states none."""
    if row.sha256 is None:
        return None
    return sha256_of(path).startswith(row.sha256.removesuffix("..."))
