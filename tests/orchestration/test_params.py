"""params.yaml: the repository's own loads, and every spoiled one is refused by its dotted key."""

import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
import yaml

from pipelines.backbone.params import PairParams
from talking.core.errors import TalkingError
from talking.media.audio import MfccConfig
from talking.orchestration.params import Params, as_plain, load_params
from talking.systems.mm22.ablations.settings import Ablation

ROOT = Path(__file__).parents[2]
OWN = ROOT / "params.yaml"
FILES = [
    (Params, "params.yaml"),
    (PairParams, "pipelines/backbone/params.yaml"),
    (Ablation, "pipelines/ablations/params.yaml"),
]


@pytest.fixture
def spoil(tmp_path) -> Callable[..., Path]:
    """Write the repository's params.yaml with one dotted key set to a value, or taken out without one."""

    def write(dotted: str, *value: Any) -> Path:
        content = yaml.safe_load(OWN.read_text())
        section, (*above, key) = content, dotted.split(".")
        for name in above:
            section = section[name]
        section.pop(key, None)
        if value:
            section[key] = value[0]
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        return tmp_path / "params.yaml"

    return write


def test_the_repositorys_own_params_load() -> None:
    params = load_params(OWN)
    assert (params.corpus, params.backbone) == ("demo", "demo")
    assert params.the_corpus is params.corpora["demo"] and params.the_backbone is params.backbones["demo"]
    assert params.the_backbone.source == "kept"
    assert params.stage_two.lr == 1e-3
    assert isinstance(params.stage_one.lambda_latent, float)


def test_every_row_of_the_two_tables_can_be_chosen(spoil) -> None:
    own = load_params(OWN)
    for name, row in own.corpora.items():
        assert load_params(spoil("corpus", name)).the_corpus == row
    for name, row in own.backbones.items():
        assert load_params(spoil("backbone", name)).the_backbone == row


@pytest.mark.parametrize("text", ["2e-4", "0.0002", "2.0e-4"])
def test_a_rate_may_be_written_as_people_write_it(tmp_path, text) -> None:
    lines = re.sub(r"(?ms)^(stage_one:.*?\n  lr:) [\d.]+", rf"\1 {text}", OWN.read_text(), count=1)
    (tmp_path / "params.yaml").write_text(lines)
    assert load_params(tmp_path / "params.yaml").stage_one.lr == 2e-4


@pytest.mark.parametrize(
    ("dotted", "value"),
    [
        ("stage_oen", {}),
        ("stage_one.lamda_latent", 1),
        ("corpora.grid.readr", "grid"),
        ("backbones.faces.chanel_max", 1),
        ("backbones.demo.steps", 1),
        ("stage_one.betas", [0.9]),
        ("stage_one.lr", -0.001),
        ("stage_one.lr", 0),
        ("stage_one.lr", float("nan")),
        ("stage_one.steps", 0),
        ("stage_one.steps", 12.5),
        ("stage_one.steps", "many"),
        ("stage_one.target", "code"),
        ("stage_one.ema", 1.0),
        ("stage_one.lpips_trunk", 3),
        ("stage_two.adapt_on", "video"),
        ("resample.rate", -25),
        ("resample.tolerance_s", float("inf")),
        ("align.max_missing", 1.5),
        ("align.detector", None),
        ("corpora.demo.max_rejected", -0.1),
        ("corpora.demo.unseen_speakers", "s11"),
        ("corpora.grid_sample.seen_clips.s1", "ten"),
        ("backbones.faces.bf16", 1),
        ("animate.crf", 60),
        ("animate.preset", "-f null"),
        ("seed", -1),
        ("seed", 2**32),
        ("cluster.workers", 0),
        ("pca.components", True),
        ("seed", "one"),
        ("mfcc", 5),
        ("demo_corpus", None),
    ],
)
def test_a_wrong_key_or_value_is_refused_by_its_dotted_key(spoil, dotted, value) -> None:
    with pytest.raises(TalkingError) as refusal:
        load_params(spoil(dotted, value))
    assert str(refusal.value).startswith(f"{dotted} ")


@pytest.mark.parametrize(
    "dotted",
    [
        "seed",
        "mfcc",
        "stage_one.lr",
        "stage_one.lips_detector",
        "cluster.retries",
        "corpora.grid.reader",
        "backbones.ffhq1024.resolution",
        "backbones.crops.lambda_gradient",
    ],
)
def test_a_missing_key_is_named(spoil, dotted) -> None:
    with pytest.raises(TalkingError) as refusal:
        load_params(spoil(dotted))
    assert str(refusal.value).startswith(f"{dotted} is missing")


@pytest.mark.parametrize(("key", "rows"), [("corpus", "corpora"), ("backbone", "backbones")])
def test_a_row_that_the_table_does_not_list_is_refused(spoil, key, rows) -> None:
    with pytest.raises(TalkingError, match=f"{key} is 'lrs3', which {rows} does not list; it lists demo, "):
        load_params(spoil(key, "lrs3"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"corpus: [", "is not valid YAML"),
        (b"corpus: \xff\xfe", "is not valid YAML"),
        (b"", "params.yaml must be a section of keys and values"),
        (b"- demo", "params.yaml must be a section of keys and values"),
    ],
)
def test_a_file_that_is_no_yaml_mapping_is_refused_in_one_line(tmp_path, content, message) -> None:
    (tmp_path / "params.yaml").write_bytes(content)
    with pytest.raises(TalkingError, match=message) as refusal:
        load_params(tmp_path / "params.yaml")
    assert "\n" not in str(refusal.value)


def test_a_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(TalkingError, match=r"nothing.yaml is missing: run from the root"):
        load_params(tmp_path / "nothing.yaml")


def test_how_many_crops_are_held_is_said_where_crops_are_trained_on_and_nowhere_else(spoil) -> None:
    for dotted, value in (("backbones.crops.most", []), ("backbones.faces.most", [10])):
        with pytest.raises(TalkingError, match="backbones: most, how many crops"):
            load_params(spoil(dotted, *value))


def keys_of_file(kind: Any, values: Any, where: str = "") -> Iterator[tuple[str, set[str], set[str]]]:
    """Of every section and table of rows: its name, the keys that its dataclass has, and those in the file."""
    parts = get_args(kind)
    if is_dataclass(kind):
        yield where, {entry.name for entry in fields(kind)}, set(values)
        for name, hint in get_type_hints(kind).items():
            yield from keys_of_file(hint, values[name], f"{where}.{name}") if name in values else ()
    elif get_origin(kind) is dict and parts[1] not in (int, str):
        for row in get_args(parts[1]) or parts[1:]:
            sources = get_args(get_type_hints(row).get("source"))
            found = [each for each in values.values() if not sources or each["source"] in sources]
            yield where, {entry.name for entry in fields(row)}, {key for each in found for key in each}


@pytest.mark.parametrize(("kind", "path"), FILES, ids=lambda each: getattr(each, "__name__", None))
def test_every_number_that_code_reads_is_in_the_file_and_every_key_of_the_file_is_read(kind, path) -> None:
    """So that no default in code decides: each key stands in the file, with its unit and source."""
    sections = list(keys_of_file(kind, yaml.safe_load((ROOT / path).read_text())))
    assert len(sections) > 3 or kind is Ablation
    assert [(where, known ^ there) for where, known, there in sections if known != there] == []


def test_trackers_get_the_numbers_as_they_stand_in_the_file() -> None:
    plain = as_plain(OWN)
    assert plain["stage_one"]["lr"] == load_params(OWN).stage_one.lr
    assert set(plain) == {entry.name for entry in fields(Params)}


@pytest.mark.parametrize(
    ("key", "given", "taken"),
    [
        ("gpus_per_worker", "auto", "auto"),
        ("gpus_per_worker", 0.5, 0.5),
        ("gpus_per_worker", 0, 0.0),
        ("train_gpus", "auto", "auto"),
        ("train_gpus", 1, 1.0),
        ("train_workers", "auto", "auto"),
        ("train_workers", 4, 4),
    ],
)
def test_processes_and_their_gpus_are_numbers_or_auto(spoil, key, given, taken) -> None:
    assert getattr(load_params(spoil(f"cluster.{key}", given)).cluster, key) == taken


@pytest.mark.parametrize(
    ("key", "given", "message"),
    [
        ("gpus_per_worker", "all", "is 'all'; it must be a number or auto."),
        ("gpus_per_worker", None, "is None; it must be a number or auto."),
        ("gpus_per_worker", -1, "is -1.0; it must be at least 0."),
        ("train_gpus", True, "is True; it must be a number or auto."),
        ("train_workers", "Auto", "is 'Auto'; it must be a whole number or auto."),
        ("train_workers", 1.5, "is 1.5; it must be a whole number or auto."),
        ("train_workers", 0, "is 0; it must be at least 1."),
    ],
)
def test_what_is_neither_a_number_nor_auto_is_refused_in_one_sentence(spoil, key, given, message) -> None:
    with pytest.raises(TalkingError) as refusal:
        load_params(spoil(f"cluster.{key}", given))
    assert str(refusal.value) == f"cluster.{key} {message}"


@pytest.mark.parametrize("rate", [24, 30, 50])
def test_a_rate_at_which_lips_and_sound_would_drift_apart_is_refused(spoil, rate: int) -> None:
    with pytest.raises(TalkingError, match=rf"resample\.rate is {rate}: .* 25 frames a second"):
        load_params(spoil("resample.rate", rate))
    assert load_params(OWN).resample.rate == MfccConfig().frame_rate
