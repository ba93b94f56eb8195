"""What is fed with spoilt files: each reader of what a user or a stranger gives, and good files to begin with."""

import functools
import io
import json
import shutil
import subprocess
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from hypothesis import strategies as st
from PIL import Image, features

from talking.core.errors import TalkingError
from talking.core.files import sha256_of
from talking.corpora.labels import read_align, read_htk, read_json_segments, read_mlf, read_segments
from talking.losses.trunk import read_state
from talking.media.audio import read_wav, write_wav_bytes
from talking.media.ffmpeg import ffmpeg_binary
from talking.media.picture import read_picture
from talking.media.sound_stream import iter_sound
from talking.models.backbone import Backbone
from talking.models.basis import Basis
from talking.models.resnet_encoder import ResNetEncoder
from talking.models.stylegan2 import Generator
from talking.orchestration.params import Params, load_params
from talking.systems.mm22.talking_head import TalkingHead, TalkingHeadSize
from talking.weights.checkpoints import read_checkpoint
from talking.weights.pickles import read_pickle

from .mutations import ENDLESS, other_values, spoilt

ROOT = Path(__file__).resolve().parents[2]
YAML_WORDS = (
    b"&a ",
    b"*a",
    b"<<: *a\n",
    b"[",
    b"{",
    b"? ",
    b"!!int ",
    b"2026-99-99",
    b"1e999",
    ENDLESS.encode(),
    b"\t",
)
LABEL_WORDS = (ENDLESS.encode(), b"-1 ", b" ", b"\n", b'"', b".", b"/..", b"1e9", "\u0661".encode(), b"1_0", b"\x00")
TENSOR_WORDS = (b"F32", b"F8_E4M3", b"BF16", b"I64", b"C64", b"[0,0]", b'"shape":', b"\xff" * 8)
CODES_OF_PICKLE = (
    b"\x80\x04",
    b"r\xff\xff\xff\x7f",
    b"R",
    b"b",
    b"}",
    b"(",
    b"t",
    b"cos\nsystem\n",
    b"cbuiltins\nset\n",
)


@dataclass(frozen=True)
class Target:
    """A reader: `inputs(folder)` draws spoilt files, `read(content, folder)` reads one and checks what comes of it.

    `share`: of 10,000 inputs.
    """

    share: int
    inputs: Callable[[Path], st.SearchStrategy[bytes]]
    read: Callable[[bytes, Path], None]


def put(folder: Path, name: str, content: bytes) -> Path:
    """Write a file, and return where it is."""
    (folder / name).write_bytes(content)
    return folder / name


def pictures(_folder: Path) -> st.SearchStrategy[bytes]:
    """Small pictures in the formats and modes of phones, scanners and the web."""
    rng = np.random.default_rng(0)
    rgb = Image.fromarray(rng.integers(0, 255, (20, 24, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a face"
    made = [saved(rgb, "JPEG", exif=exif), saved(rgb.convert("L"), "PNG"), saved(rgb.convert("P"), "PNG")]
    made += [saved(rgb.convert("RGBA"), "PNG"), saved(rgb.convert("I;16"), "PNG"), saved(rgb.convert("CMYK"), "JPEG")]
    made += [saved(rgb, kind) for kind in ("PNG", "GIF", "BMP", "TIFF", "PPM", "TGA", "JPEG2000", "ICO", "PCX", "SGI")]
    made += [saved(rgb, "GIF", save_all=True, append_images=[rgb.rotate(90)])]
    made += [saved(rgb, kind.upper()) for kind in ("webp", "avif") if features.check(kind)]
    return spoilt(made)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return the bytes of a picture file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def read_any_picture(content: bytes, folder: Path) -> None:
    """Read a picture: what comes is RGB."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of the damage that is looked for here
        picture = read_picture(put(folder, "picture", content))
    assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3 and picture.size


@functools.cache
def tone() -> bytes:
    """A WAV of 0.2 s."""
    return write_wav_bytes(np.sin(np.arange(3200) / 8) * 0.3, 16000)


def waves(_folder: Path) -> st.SearchStrategy[bytes]:
    """WAV files of the project's own kind."""
    return spoilt([tone()], (b"RIFF", b"fmt ", b"data", b"\x00\x00", b"\xff\xff\xff\xff"))


def read_any_wave(content: bytes, folder: Path) -> None:
    """Read a WAV, from memory and from a file: what comes is finite and within [-1, 1]."""
    samples, rate = read_wav(content)
    again, _ = read_wav(put(folder, "sound.wav", content))
    assert samples.dtype == np.float32 and samples.ndim == 1 and rate >= 0
    assert np.array_equal(samples, again) and (not samples.size or np.abs(samples).max() <= 1)


def sounds(folder: Path) -> st.SearchStrategy[bytes]:
    """Sounds as recorders, messengers and editors write them."""
    source = put(folder, "tone.wav", tone())
    kinds = {"mp3": [], "ogg": ["-c:a", "libvorbis"], "flac": [], "m4a": ["-c:a", "aac"], "wav": ["-c:a", "pcm_f32le"]}
    for kind, options in kinds.items():
        command = [ffmpeg_binary(), "-v", "error", "-y", "-i", str(source), *options, str(folder / f"made.{kind}")]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return spoilt([(folder / f"made.{kind}").read_bytes() for kind in kinds])


def read_any_sound(content: bytes, folder: Path) -> None:
    """Hear a file by ffmpeg: what comes is finite."""
    for piece in iter_sound(put(folder, "sound", content), 16000):
        assert piece.dtype == np.float32 and piece.ndim == 1 and np.isfinite(piece).all()


def labels(_folder: Path) -> st.SearchStrategy[bytes]:
    """Files of word and phone times."""
    seeds = [b"0 23750 sil\n23750 29500 bin\n29500 34000 blue\n", b"\xef\xbb\xbf0 100 a\n", b"0 10000000 ah 1 x\n"]
    seeds += [b'#!MLF!#\n"Q:/volunteers/01M/Clips/straightcam/sa1.rec"\n0 10000000 sil -1\n10000000 20000000 ah\n.\n']
    seeds += [b'[{"start_s": 0, "end_s": 0.5, "text": "ah"}, {"start_s": 0.5, "end_s": 1e0, "text": "b"}]']
    return spoilt(seeds, LABEL_WORDS)


def read_any_labels(content: bytes, folder: Path) -> None:
    """Read a file of labels by every reader: times are in order and within a day, or the reader says a sentence."""
    path = put(folder, "labels", content)
    readers = (read_align, read_htk, read_json_segments, lambda each: read_segments(each, 16_000))
    for read in readers:
        segments = value_or_sentence(lambda read=read: read(path)) or ()
        assert all(0 <= segment.start_s <= segment.end_s <= 86_400 for segment in segments)
    value_or_sentence(lambda: read_mlf(path))


def params(_folder: Path) -> st.SearchStrategy[bytes]:
    """The repository's params.yaml, its text or its values spoilt."""
    text = (ROOT / "params.yaml").read_bytes()
    return st.one_of(spoilt([text], YAML_WORDS), other_values(yaml.safe_load(text)))


def read_any_params(content: bytes, folder: Path) -> None:
    """Read params: what comes has a row of each table chosen."""
    found = load_params(put(folder, "params.yaml", content))
    assert isinstance(found, Params) and found.corpus in found.corpora and 0 <= found.seed < 2**32


def small_models(folder: Path) -> Path:
    """A backbone of 16 pixels and a talking head, saved."""
    torch.manual_seed(0)
    generator = Generator(16, style_dim=8, n_mlp=1, channel_max=4)
    encoder = ResNetEncoder(generator.n_styles, 8, width=2, stem="small", stem_stride=2)
    Backbone(generator, encoder, torch.zeros(generator.n_styles, 8)).save(folder)
    numbers = generator.n_styles * 8
    basis = Basis(np.eye(3, numbers, dtype=np.float32), np.zeros(numbers, np.float32), np.ones(3, np.float32), 3.0, 6)
    TalkingHead(basis, TalkingHeadSize(width=4, lstm_layers=1, code_dim=8, hidden=8)).save(folder)
    basis.save(folder / "basis.safetensors")
    return folder


CONFIGS = ("generator", "encoder", "latent_avg", "talking_head")


def configs(folder: Path) -> st.SearchStrategy[bytes]:
    """Which of a model's configs is another, a line, and then the config."""
    shutil.copytree(small_models(folder), folder / "kept")
    drawn = []
    for name in CONFIGS:
        text = (folder / f"{name}.json").read_bytes()
        both = st.one_of(spoilt([text], YAML_WORDS), other_values(json.loads(text)))
        drawn.append(both.map(lambda content, name=name: name.encode() + b"\n" + content))
    return st.one_of(drawn)


def read_any_config(content: bytes, folder: Path) -> None:
    """Load a model one of whose configs is spoilt: a module comes, with the numbers that are stored."""
    name, _, config = content.partition(b"\n")
    try:
        path = put(folder, f"{name.decode()}.json", config)
        if name == b"talking_head":
            assert not TalkingHead.load(folder).training
        else:
            assert Backbone.load(folder).latent_avg.shape == (6, 8)
    finally:
        path.write_bytes((folder / "kept" / path.name).read_bytes())


def tensors(folder: Path) -> st.SearchStrategy[bytes]:
    """Which of a model's files of safetensors is another, a line, and then the file, or its header alone, spoilt."""
    shutil.copytree(small_models(folder), folder / "kept")
    drawn = []
    for name in (*CONFIGS, "basis"):
        content = (folder / f"{name}.safetensors").read_bytes()
        end = 8 + int.from_bytes(content[:8], "little")
        header, numbers = json.loads(content[8:end]), content[end:]
        other = other_values(header).map(lambda text, numbers=numbers: len(text).to_bytes(8, "little") + text + numbers)
        both = st.one_of(spoilt([content], TENSOR_WORDS), other)
        drawn.append(both.map(lambda content, name=name: name.encode() + b"\n" + content))
    return st.one_of(drawn)


def read_any_tensors(content: bytes, folder: Path) -> None:
    """Load a model one of whose files of numbers is spoilt, its hash in the config put right: a module comes."""
    name, _, numbers = content.partition(b"\n")
    path = put(folder, f"{name.decode()}.safetensors", numbers)
    try:
        if name == b"basis":
            assert np.isfinite(Basis.load(path).components).all()
            return
        config = path.with_suffix(".json")
        config.write_text(json.dumps({**json.loads(config.read_text()), "sha256": sha256_of(path)}))
        model = TalkingHead.load(folder) if name == b"talking_head" else Backbone.load(folder)
        assert all(value.isfinite().all() for value in model.state_dict().values())
    finally:
        for kept in (folder / "kept").glob(f"{path.stem}.*"):
            shutil.copy(kept, folder)


def checkpoints(_folder: Path) -> st.SearchStrategy[bytes]:
    """Checkpoints of PyTorch, new and old, spoilt as they lie, or in the pickle within an archive that is whole."""
    content = {"g_ema": {"a": torch.ones(3, 2)}, "latent_avg": torch.zeros(8).half(), "opts": {"x": [1, (2.5, None)]}}
    seeds = []
    for zipped in (True, False):
        file = io.BytesIO()
        torch.save(content, file, _use_new_zipfile_serialization=zipped)
        seeds.append(file.getvalue())
    with zipfile.ZipFile(io.BytesIO(seeds[0])) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    (pickled,) = (name for name in parts if name.endswith("data.pkl"))
    inner = spoilt([parts[pickled]], CODES_OF_PICKLE).map(lambda other: archive(parts | {pickled: other}))
    return st.one_of(spoilt(seeds, CODES_OF_PICKLE), inner)


def archive(parts: dict[str, bytes]) -> bytes:
    """Return the bytes of an archive of these parts."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, part in parts.items():
            made.writestr(name, part)
    return file.getvalue()


def read_any_checkpoint(content: bytes, folder: Path) -> None:
    """Read a checkpoint without running what it holds, by torch's reader and by that of modules."""
    path = put(folder, "weights.pt", content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value_or_sentence(lambda: read_pickle(path))
        value_or_sentence(lambda: read_state(path))
        assert isinstance(read_checkpoint(path, ("g_ema",)), dict)


def value_or_sentence(read: Callable[[], Any]) -> Any:
    """Return what a reader returns, None where it refuses in a sentence; any other error goes on."""
    try:
        return read()
    except TalkingError as error:
        said = str(error)
        assert said and "\n" not in said and len(said) < 2000, said[:3000]
        return None


TARGETS = {
    "pictures": Target(2500, pictures, read_any_picture),
    "waves": Target(1700, waves, read_any_wave),
    "sounds": Target(300, sounds, read_any_sound),
    "labels": Target(2000, labels, read_any_labels),
    "params": Target(1500, params, read_any_params),
    "configs": Target(1000, configs, read_any_config),
    "tensors": Target(500, tensors, read_any_tensors),
    "checkpoints": Target(500, checkpoints, read_any_checkpoint),
}
