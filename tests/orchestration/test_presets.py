"""Presets: what they set is what params.yaml knows, DVC reads their options, and `demo` brings the file back."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.hydra import apply_overrides

from talking.app import cli
from talking.core.errors import TalkingError
from talking.orchestration.params import load_params
from talking.orchestration.presets import as_options, list_presets, read_presets, write_presets

ROOT = Path(__file__).resolve().parents[2]
FOLDER, PARAMS = ROOT / "presets", ROOT / "params.yaml"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def at(values: dict[str, Any], key: str) -> Any:
    for part in key.split("."):
        values = values[part]
    return values


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the repository's params and presets."""
    shutil.copy(PARAMS, tmp_path)
    shutil.copytree(FOLDER, tmp_path / "presets")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_preset_says_what_it_is() -> None:
    assert {"demo", "gpu", "grid_sample", "paper"} <= set(NAMES) == set(list_presets(FOLDER))
    assert all(len(said) > 40 for said in list_presets(FOLDER).values())


def test_demo_has_what_params_yaml_ships_of_every_key_that_another_preset_changes() -> None:
    shipped = yaml.safe_load(PARAMS.read_text())
    demo = read_presets(FOLDER, ["demo"], PARAMS)
    assert demo == {key: at(shipped, key) for key in demo}
    assert set(demo) == set(read_presets(FOLDER, [name for name in NAMES if name != "demo"], PARAMS))


@pytest.mark.parametrize("name", NAMES)
def test_every_value_of_a_preset_has_its_unit_or_its_source(name: str) -> None:
    if name == "demo":
        return  # params.yaml itself says it
    lines = [line for line in (FOLDER / f"{name}.yaml").read_text().splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if not line.endswith(":") and " # " not in line] in (
        [],
        ["corpus: demo", "  component_weights: none", "  lips_share: 0"],
        ["corpus: demo"],
        ["  component_weights: none", "  lips_share: 0"],
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_is_written_with_the_comments_kept_and_demo_brings_the_file_back_to_the_byte(
    here: Path, name: str
) -> None:
    params, shipped = here / "params.yaml", PARAMS.read_text()
    wanted = read_presets(FOLDER, [name], params)
    changed = write_presets(wanted, params)
    now = yaml.safe_load(params.read_text())
    assert wanted == {key: at(now, key) for key in wanted}
    assert len(changed) == sum(at(yaml.safe_load(shipped), key) != value for key, value in wanted.items())
    assert [line.partition("#")[2] for line in params.read_text().splitlines()] == [
        line.partition("#")[2] for line in shipped.splitlines()
    ]
    write_presets(read_presets(FOLDER, ["demo"], params), params)
    assert params.read_text() == shipped


@pytest.mark.parametrize("names", [["paper"], ["paper", "gpu"], ["demo", "grid_sample"], ["demo_backbone"]])
def test_dvc_reads_the_options_as_the_values_that_writing_sets(here: Path, names: list[str]) -> None:
    changes = read_presets(FOLDER, names, PARAMS)
    words = as_options(changes).split()
    assert words[::2] == ["-S"] * len(changes)
    by_dvc = here / "dvc" / "params.yaml"
    by_dvc.parent.mkdir()
    shutil.copy(PARAMS, by_dvc)
    apply_overrides(by_dvc, words[1::2])
    write_presets(changes, here / "params.yaml")
    assert load_params(by_dvc) == load_params(here / "params.yaml")


def test_later_presets_and_settings_win() -> None:
    paper, gpu = (read_presets(FOLDER, [name], PARAMS) for name in ("paper", "gpu"))
    both = read_presets(FOLDER, ["paper", "gpu"], PARAMS, ["seed=7", "stage_one.lr=0.01"])
    assert both == {**paper, **gpu, "seed": 7, "stage_one.lr": 0.01}
    assert read_presets(FOLDER, ["gpu", "paper"], PARAMS)["stage_one.batch"] == paper["stage_one.batch"] == 8


def test_a_step_of_paper_on_a_gpu_has_as_many_sequences_as_without() -> None:
    paper, both = (read_presets(FOLDER, names, PARAMS) for names in (["paper"], ["paper", "gpu"]))
    sizes = [each["stage_one.batch"] * each["stage_one.accumulate"] for each in (paper, both)]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize(
    ("value", "option"),
    [
        (None, "null"),
        (True, "true"),
        (0.0002, "0.0002"),
        (["s1", "s22"], "[s1,s22]"),
        ([], "[]"),
        ("weights/vgg16-imagenet.safetensors", "weights/vgg16-imagenet.safetensors"),
        ("null", "'null'"),
        ("08F", "'08F'"),
        ("a=b", "'a=b'"),
    ],
)
def test_a_value_stays_what_it_is_on_its_way_through_dvc(tmp_path: Path, value: Any, option: str) -> None:
    (tmp_path / "params.yaml").write_text("a:\n  key: 1\n")
    assert as_options({"a.key": value}) == f"-S a.key={option}"
    apply_overrides(tmp_path / "params.yaml", [f"a.key={option}"])
    assert yaml.safe_load((tmp_path / "params.yaml").read_text()) == {"a": {"key": value}}


def test_what_no_option_can_carry_is_refused() -> None:
    with pytest.raises(TalkingError, match=r"^stage_one\.lpips_trunk is 'my weights/vgg', which no option can carry"):
        as_options({"stage_one.lpips_trunk": "my weights/vgg"})


def test_only_the_values_are_replaced(tmp_path: Path) -> None:
    text = "# top\na:\n  b: 1      # one\n  long: [x, y]  # two\n  c: null   # three\n  'd':\n\ne: 'it''s'\n"
    (tmp_path / "params.yaml").write_text(text)
    changes = {"a.b": 12345678901, "a.c": None, "a.long": ["z"], "a.d": "end", "e": 1}
    assert write_presets(changes, tmp_path / "params.yaml")["a.long"] == (["x", "y"], ["z"])
    assert (tmp_path / "params.yaml").read_text() == (
        "# top\na:\n  b: 12345678901  # one\n  long: [z]  # two\n  c: null   # three\n  'd': end\n\ne: 1\n"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("stage_one: {widht: 3}", "presets/own.yaml: stage_one.widht is not a key of params.yaml."),
        ("stage_one: {width: wide}", "presets/own.yaml: stage_one.width is 'wide'; it must be of type int."),
        ("backbone: lrs3", "presets/own.yaml: backbone is 'lrs3', which backbones does not list"),
        ("stage_one: [", "presets/own.yaml is not valid YAML"),
        ("- corpus", "presets/own.yaml must be a section of keys and values"),
    ],
)
def test_a_preset_that_params_yaml_does_not_allow_is_refused_by_its_name(here: Path, content: str, said: str) -> None:
    (here / "presets" / "own.yaml").write_text(content)
    before = (here / "params.yaml").read_bytes()
    with pytest.raises(SystemExit) as caught:
        cli.main(["preset", "demo", "own", "--write"])
    assert str(caught.value.code).startswith(f"error: {said}") and "\n" not in str(caught.value.code)
    assert (here / "params.yaml").read_bytes() == before


def test_a_name_that_is_none_is_refused_with_those_that_are(here: Path) -> None:
    with pytest.raises(SystemExit, match=r"^error: there is no preset papre; there are demo, .*paper\.$"):
        cli.main(["preset", "papre"])


def test_the_command_lists_prints_and_writes(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["preset"])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == NAMES
    cli.main(["preset", "grid_sample"])
    printed = capsys.readouterr().out
    assert printed.startswith("-S corpus=grid_sample -S backbone=crops -S mfcc.altered=6 ") and printed.count("\n") == 1
    cli.main(["preset", "grid_sample", "--write", "-S", "seed=2"])
    said = capsys.readouterr().out.splitlines()
    assert "params.yaml: corpus: demo -> grid_sample" in said and "params.yaml: seed: 1 -> 2" in said
    assert (load_params(here / "params.yaml").corpus, load_params(here / "params.yaml").seed) == ("grid_sample", 2)
    cli.main(["preset", "grid_sample", "--write"])
    assert capsys.readouterr().out == "params.yaml has the values of grid_sample already\n"
