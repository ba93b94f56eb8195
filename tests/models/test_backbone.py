"""A backbone inverts, draws, and comes back from disk as it was."""

import json
import time

import pytest
import torch
from safetensors.torch import save_file

from talking.core.errors import TalkingError
from talking.models.backbone import Backbone
from talking.models.psp import GradualStyleEncoder
from talking.models.resnet_encoder import ResNetEncoder
from talking.models.stored import load_network, save_network
from talking.models.stylegan2 import Generator
from talking.weights import convert_stylegan2


def small(pool: int = 4, input_size: int | None = None) -> Backbone:
    torch.manual_seed(0)
    generator = Generator(32, n_mlp=2, channel_max=8)
    encoder = ResNetEncoder(8, width=4, stem="small", stem_stride=2, pool=pool)
    return Backbone(generator, encoder, torch.randn(8, 512), input_size).eval()


def test_saved_and_loaded_it_gives_the_same_bits_and_leaves_the_random_state_alone(tmp_path) -> None:
    backbone, crops = small(), torch.rand(2, 3, 32, 32) * 2 - 1
    for norm in (m for m in backbone.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        norm.running_mean.normal_()
    backbone.save(tmp_path)
    before = torch.get_rng_state()
    loaded = Backbone.load(tmp_path)
    assert torch.equal(torch.get_rng_state(), before)
    with torch.no_grad():
        assert torch.equal(loaded.invert(crops), backbone.invert(crops))
        assert torch.equal(loaded(crops), backbone(crops))
    assert (loaded.generator.config, loaded.encoder.config) == (backbone.generator.config, backbone.encoder.config)


def test_the_same_backbone_gives_the_same_bytes(tmp_path) -> None:
    for name in ("one", "two"):
        small().save(tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == [f"{n}.{e}" for n in ("encoder", "generator", "latent_avg") for e in ("json", "safetensors")]
    assert all((tmp_path / "one" / f).read_bytes() == (tmp_path / "two" / f).read_bytes() for f in files)


def test_codes_are_the_encoders_offsets_from_the_mean_latent() -> None:
    backbone, crops = small(), torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        codes = backbone.invert(crops)
        torch.testing.assert_close(codes - backbone.encoder(crops), backbone.latent_avg.expand(2, -1, -1))
        assert torch.equal(backbone.synthesise(codes), backbone.generator(codes))


def test_crops_of_another_size_are_brought_to_the_encoders() -> None:
    backbone = small(input_size=64)
    sizes = []
    backbone.encoder.register_forward_pre_hook(lambda _m, inputs: sizes.append(tuple(inputs[0].shape[2:])))
    flat = [torch.full((1, 3, size, size), 0.3) for size in (32, 64, 200)]
    with torch.no_grad():
        codes = [backbone.invert(crops) for crops in flat]
    assert sizes == [(64, 64)] * 3
    torch.testing.assert_close(codes[0], codes[1])
    torch.testing.assert_close(codes[2], codes[1])


def test_one_mean_serves_every_style_and_psp_sees_256_pixels() -> None:
    with torch.device("meta"):
        generator, encoder = Generator(1024), GradualStyleEncoder(18)
        backbone = Backbone(generator, encoder, torch.zeros(512))
    assert backbone.latent_avg.shape == (18, 512)
    assert (backbone.input_size, backbone.resolution, backbone.n_styles) == (256, 1024, 18)


def test_networks_of_different_sizes_are_no_pair() -> None:
    with pytest.raises(TalkingError, match="8 styles does not fit a generator of 64 pixels"):
        Backbone(Generator(64, channel_max=4), ResNetEncoder(8, width=4), torch.zeros(512))


def test_golden_numbers_pass_the_conversion_and_the_disk_unchanged(tmp_path, golden, figures) -> None:
    generator = Generator(64)
    generator.load_state_dict(golden.filled("stylegan2_64"), strict=False)
    torch.save({"g_ema": generator.state_dict(), "latent_avg": torch.zeros(512)}, tmp_path / "published.pt")
    save_network(tmp_path, "generator", convert_stylegan2(tmp_path / "published.pt", resolution=64)[0], {})
    fresh, figure = Generator(64), figures("stylegan2_64")
    fresh.load_state_dict(load_network(tmp_path, "generator")[1])
    codes = torch.randn(2, 10, 512, generator=torch.Generator().manual_seed(int(figure["wplus_seed"])))
    with torch.no_grad():
        gap = fresh(codes) - torch.from_numpy(figure["image"])
    assert gap.abs().max() < 1e-4 * figure["image"].std()


def spoil_kind(folder) -> None:
    edit(folder / "encoder.json", kind="vit")


def spoil_sizes(folder) -> None:
    edit(folder / "generator.json", channel_max=16)


def spoil_keys(folder) -> None:
    edit(folder / "generator.json", colour="blue")


def spoil_pair(folder) -> None:
    save_file({"latent_avg": torch.zeros(8, 512)}, folder / "generator.safetensors")


def edit(path, **values) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_kind, "unknown kind of encoder, vit"),
        (spoil_sizes, "input.input is .* is wanted"),
        (spoil_keys, "does not fit Generator.*colour"),
        (spoil_pair, "damaged or not the file"),
        (lambda folder: (folder / "latent_avg.json").unlink(), "latent_avg.json is missing"),
    ],
)
def test_a_spoiled_folder_is_refused_in_a_sentence(tmp_path, spoil, message) -> None:
    small().save(tmp_path)
    spoil(tmp_path)
    with pytest.raises(TalkingError, match=message) as refusal:
        Backbone.load(tmp_path)
    assert "\n" not in str(refusal.value)


def test_in_half_the_size_it_draws_the_same_to_the_eye_and_computes_in_full_precision(tmp_path) -> None:
    backbone, crops = small(), torch.rand(2, 3, 32, 32) * 2 - 1
    backbone.save(tmp_path / "whole")
    backbone.save(tmp_path / "half", half=True)
    sizes = [
        sum(path.stat().st_size for path in (tmp_path / name).glob("*or.safetensors")) for name in ("whole", "half")
    ]
    loaded = Backbone.load(tmp_path / "half")
    assert sizes[1] < 0.6 * sizes[0]
    assert all(value.dtype == torch.float32 for value in loaded.parameters())
    with torch.no_grad():
        wanted, made = backbone(crops), loaded(crops)
    psnr = 10 * torch.log10((wanted.max() - wanted.min()) ** 2 / (wanted - made).square().mean())
    assert psnr > 40


@pytest.mark.parametrize("value", [-8, 0.5, 10**6, 2**63, "wide", None, [8], {"a": 1}, 0, 1e300])
@pytest.mark.parametrize(
    ("part", "key"),
    [
        *(("generator", key) for key in ("kind", "resolution", "style_dim", "n_mlp", "channel_max")),
        *(("encoder", key) for key in ("kind", "n_styles", "style_dim", "width", "stem")),
        ("latent_avg", "input_size"),
    ],
)
def test_a_size_that_no_network_has_is_refused_at_once_and_in_a_sentence(tmp_path, part, key, value) -> None:
    small().save(tmp_path)
    edit(tmp_path / f"{part}.json", **{key: value})
    if key == "input_size" and value is None:
        return
    began = time.process_time()
    with pytest.raises(TalkingError) as refusal:
        Backbone.load(tmp_path)
    assert time.process_time() - began < 5
    assert len(str(refusal.value)) < 600 and "\n" not in str(refusal.value)


@pytest.mark.parametrize("shape", [(), (511,), (7, 512), (1, 1, 512), (0, 512)])
def test_a_mean_latent_of_another_shape_is_refused(tmp_path, shape) -> None:
    small().save(tmp_path)
    save_network(tmp_path, "latent_avg", {"latent_avg": torch.zeros(shape)}, {"input_size": None})
    with pytest.raises(TalkingError, match="make the backbone again"):
        Backbone.load(tmp_path)
