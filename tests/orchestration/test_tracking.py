"""MLflow runs: what is recorded is read back by MLflow's own client; a store that is down costs one sentence."""

import logging
import math
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from talking.orchestration.params import Tracking
from talking.orchestration.tracking import flatten, run, source_tags, store_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working folder with a store of its own, which takes seconds to make."""
    before, place = Path.cwd(), tmp_path_factory.mktemp("tracking")
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    os.chdir(place)
    yield place
    os.chdir(before)


def client_of(folder: Path):
    """MLflow's own client of the store in a folder."""
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")


def stored(run_id: str | None):
    """The run as MLflow's client reads it in the working folder."""
    assert run_id
    return client_of(Path.cwd()).get_run(run_id)


def test_a_run_holds_what_was_recorded(folder: Path) -> None:
    (folder / "sheet.png").write_bytes(b"picture")
    with run(Tracking("talking"), "stage_one", tags={"corpus": "demo"}) as opened:
        opened.params({"stage_one": {"rate": 2e-4, "layers": [3, 4]}, "long": "x" * 9000})
        opened.metrics({"psnr": 21.5})
        opened.metric_history([(step, {"loss": 1 / step, "broken": math.nan}) for step in range(1, 1501)])
        opened.artifact(folder / "sheet.png", "sheets")
    data = stored(opened.id).data
    assert data.params["stage_one.rate"] == "0.0002"
    assert data.params["stage_one.layers"] == "[3, 4]"
    assert data.params["long"] == "x" * 499 + "…"
    assert data.metrics["psnr"] == 21.5
    assert data.tags["corpus"] == "demo"
    assert stored(opened.id).info.status == "FINISHED"
    client = client_of(folder)
    history = client.get_metric_history(opened.id, "loss")
    assert [(m.step, m.value) for m in sorted(history, key=lambda m: m.step)][-2:] == [
        (1499, 1 / 1499),
        (1500, 1 / 1500),
    ]
    assert [file.path for file in client.list_artifacts(opened.id, "sheets")] == ["sheets/sheet.png"]


def test_a_plain_mlflow_in_the_folder_opens_the_same_store(folder: Path) -> None:
    with run(Tracking("talking"), "first") as opened:
        pass
    script = "import mlflow; print(mlflow.get_tracking_uri()); print(mlflow.get_run(input()).info.run_name)"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW")}
    environment["MLFLOW_DISABLE_TELEMETRY"] = "true"
    done = subprocess.run(
        [sys.executable, "-c", script], input=opened.id, env=environment, capture_output=True, text=True, check=True
    )
    uri, name = done.stdout.split()
    assert uri.endswith("/mlflow.db")
    assert name == "first"


def test_a_run_is_continued_by_its_id_and_keeps_its_first_parameters(folder: Path) -> None:
    with run(Tracking("talking"), "one") as opened:
        opened.params({"seed": 1})
    with run(Tracking("talking"), "other", run_id=opened.id) as continued:
        continued.params({"seed": 2, "corpus": "grid"})
        continued.metrics({"lmd": 1.4})
    assert continued.id == opened.id
    assert stored(opened.id).data.params == {"seed": "1", "corpus": "grid"}
    assert stored(opened.id).data.metrics == {"lmd": 1.4}


def test_a_run_that_the_store_has_lost_is_begun_anew(folder: Path) -> None:
    with run(Tracking("talking"), "new", run_id="0" * 32) as opened:
        opened.metrics({"lmd": 1})
    assert opened.id != "0" * 32
    assert stored(opened.id).data.metrics == {"lmd": 1}


def test_a_block_that_fails_marks_the_run_and_its_error_goes_on(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError), run(Tracking("talking"), "bad") as opened:
        opened.metrics({"x": 1 / 0})
    assert stored(opened.id).info.status == "FAILED"


def test_a_server_that_is_down_costs_one_warning_and_little_time(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    import mlflow  # noqa: F401  # Its own import is slow and not what is measured.

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "file").touch()
    started = time.monotonic()
    settings = Tracking("talking", f"http://127.0.0.1:{port}")
    with caplog.at_level(logging.WARNING), run(settings, "lost") as opened:
        opened.params({"a": 1})
        opened.metrics({"b": 1})
        opened.metric_history([(1, {"c": 1})])
        opened.artifact(tmp_path / "file")
        opened.tags({"d": "e"})
    assert opened.id is None
    assert [record.name for record in caplog.records] == ["talking.orchestration.tracking"]
    assert f"MLflow cannot record into http://127.0.0.1:{port}" in caplog.text
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("address", ["foo://bar", "weird:thing", "postgresql://x/y", "http://[bad", "s3://bucket/x"])
def test_a_store_of_an_unknown_kind_or_without_its_client_costs_one_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with caplog.at_level(logging.WARNING), run(Tracking("talking"), "lost") as opened:
        opened.metrics({"b": 1})
    assert opened.id is None
    told = [record for record in caplog.records if record.name == "talking.orchestration.tracking"]
    assert len(told) == 1 and f"MLflow cannot record into {address} (" in told[0].getMessage()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_checkout_that_another_user_owns_is_told_with_what_to_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, 12345, 12345)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert "git_commit" not in source_tags()
    (told,) = caplog.messages
    assert told.startswith(f"{tmp_path} belongs to another user and git does not trust it")
    assert f"`git config --global --add safe.directory {tmp_path}`" in told


def test_a_new_experiment_says_that_models_are_trained_in_it_and_where_its_charts_are(folder: Path) -> None:
    with run(Tracking("fresh"), "one"):
        pass
    found = client_of(folder).get_experiment_by_name("fresh")
    assert found.tags["mlflow.experimentKind"] == "custom_model_development"
    note = found.tags["mlflow.note.content"]
    assert f"(#/experiments/{found.experiment_id}/runs?workflowType=machine_learning" in note.splitlines()[0]
    assert "`of_ceiling`" in note


@pytest.mark.parametrize(
    ("kind", "after"),
    [
        (None, "custom_model_development"),
        ("genai_development_inferred", "custom_model_development"),
        ("no_inferred_type", "custom_model_development"),
        ("regression", "regression"),
    ],
)
def test_an_experiment_that_exists_is_told_so_unless_a_person_chose_another_kind(
    folder: Path, kind: str | None, after: str
) -> None:
    client, name = client_of(folder), f"known {kind}"
    number = client.create_experiment(name)
    if kind:
        client.set_experiment_tag(number, "mlflow.experimentKind", kind)
        client.set_experiment_tag(number, "mlflow.note.content", "mine")
    with run(Tracking(name), "one"):
        pass
    tags = client.get_experiment(number).tags
    assert tags["mlflow.experimentKind"] == after
    assert (tags["mlflow.note.content"] == "mine") == (kind is not None)


def test_headline_metrics_come_under_names_of_their_own(folder: Path) -> None:
    with run(Tracking("talking"), "one") as opened:
        opened.headline({"mouth_correlation": 0.75, "closure_j": None})
        opened.metrics({"unseen.stage_two.lmd": 1.5})
    assert stored(opened.id).data.metrics == {"headline/mouth_correlation": 0.75, "unseen.stage_two.lmd": 1.5}


def test_the_store_of_a_folder_stays_in_it_when_the_process_moves(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run(Tracking("talking"), "here") as here:
        pass
    (odd := tmp_path / "100 % of a%20name").mkdir()
    monkeypatch.chdir(odd)
    with run(Tracking("talking"), "there") as there:
        pass
    for place, held in ((folder, here.id), (odd, there.id)):
        with closing(sqlite3.connect(place / "mlflow.db")) as store:
            assert (held,) in store.execute("select run_uuid from runs").fetchall()


def test_the_environment_moves_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert store_of(Tracking("talking", "sqlite:///here.db")) == f"sqlite:///{tmp_path}/here.db"
    for address in ("sqlite:////data/here.db", "sqlite:///:memory:", "postgresql://one/two"):
        assert store_of(Tracking("talking", address)) == address
    settings = Tracking("talking", "sqlite:///here.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking.example")
    assert store_of(settings) == "http://tracking.example"


def test_importing_the_module_does_not_import_mlflow() -> None:
    script = "import sys, talking.orchestration.tracking; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], check=False).returncode == 0


def test_nested_parameters_become_dotted_names() -> None:
    assert flatten({"a": {"b": {"c": None}, "d": [1, "x"]}, "e": True}) == {
        "a.b.c": "None",
        "a.d": '[1, "x"]',
        "e": "True",
    }


def test_tags_say_which_commit_and_experiment_a_run_is_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_EXP_NAME", "bold-lamb")
    for name in ("GIT_DIR", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)
    assert source_tags() == {"dvc_experiment": "bold-lamb"}
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    (tmp_path / "file").write_text("1")
    for command in (["init", "-q"], ["add", "file"], [*who, "commit", "-qm", "one"]):
        subprocess.run(["git", *command], check=True)
    clean = source_tags()
    assert clean["git_dirty"] == "false"
    assert len(clean["git_commit"]) == 40
    (tmp_path / "file").write_text("2")
    assert source_tags() == {**clean, "git_dirty": "true"}


def test_results_that_git_keeps_do_not_count_as_changes_of_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_DIR", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)
    results = [tmp_path / name for name in ("dvc.lock", "metrics/headline.json", "pipelines/one/dvc.lock")]
    source = tmp_path / "pipelines" / "one" / "metrics.py"
    for path in (*results, source):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
    monkeypatch.chdir(tmp_path)
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "one"]):
        subprocess.run(["git", *command], check=True)
    for path in results:
        path.write_text("2")
    monkeypatch.chdir(tmp_path / "pipelines")
    assert source_tags()["git_dirty"] == "false"
    source.write_text("2")
    assert source_tags()["git_dirty"] == "true"
