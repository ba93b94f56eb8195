"""All that is MLflow: a run, its parameters, metrics, tags and artifacts. A store that is down costs one warning.

The default store is the SQLite file that a plain `mlflow ui` opens in the same folder; MLFLOW_TRACKING_URI moves it.
"""

import json
import logging
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from talking.orchestration.params import Tracking

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SQLITE = "sqlite:///"
DEFAULT_STORE = f"{_SQLITE}mlflow.db"
_LONGEST_PARAM = 500  # Characters; longer values are cut, as older servers refuse them.
_BATCH = {"metrics": 1000, "params": 100, "tags": 100}  # What a server takes in one request.
_QUIET = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
}
HEADLINE = "headline/"  # What metrics are called that come first in the interface, as a section of charts of their own.
_KIND = "mlflow.experimentKind"
_MODELS = "custom_model_development"
# What the interface writes by itself where it has only guessed what an experiment is for.
_GUESSED = frozenset({"", "no_inferred_type", "genai_development_inferred", "custom_model_development_inferred"})
_NOTE = "mlflow.note.content"
# The interface goes by its switch at the top left, which begins at GenAI: an address can set it, a tag cannot (3.17).
_PAGE = "#/experiments/{experiment}/runs?workflowType=machine_learning&compareRunsMode=CHART"
_ABOUT = """[Compare the runs]({page}), or choose **Model training** at the top left, once, then the chart view.

A run is one training, with its parameters, its losses by step and what it was measured to do. The charts `headline` are
of people whom training never saw: `mouth_correlation` is how well the lips follow the speech (1 is perfect, a frozen
picture has 0), `of_ceiling` its share of what the same generator reaches with the true codes, `lmd` the distance of the
mouth's points in pixels, `lmd_of_static` its ratio to that of a frozen picture (below 1 is better), `closure_j` whether
the lips close where they must, `seen` the mouth_correlation of people whom it saw, on other clips. `psnr` hardly tells
a talking face from a frozen one. Names such as `unseen.stage_two.lmd` are those of the whole table: group, row, metric.

Ablations carry the tags `row` and `seed`: *Group by* `row` gives the mean over the seeds, and the search
`tags.row = 'whole'` the runs of one row."""
_RESULTS = ("**/dvc.lock", "metrics/**", "plots/**")
_log = logging.getLogger(__name__)


def store_of(settings: Tracking) -> str:
    """Return the address of the store: MLFLOW_TRACKING_URI wins over `uri`; neither: the local SQLite.

    A SQLite file is named by its whole path: MLflow keeps a store open under its address, and would go on writing into
    the folder where it was opened after the process has moved to another.
    """
    address = os.environ.get("MLFLOW_TRACKING_URI") or settings.uri or DEFAULT_STORE
    path = address.removeprefix(_SQLITE)
    relative = path != address and not path.startswith(("/", ":memory:", "file:"))
    return f"{_SQLITE}{quote(str(Path.cwd()))}/{path}" if relative else address  # MLflow unquotes it.


class Run:
    """A run that is open. After the first failure of its store each call does nothing; without a store `id` is None."""

    def __init__(self, client: "MlflowClient | None", run_id: str | None, store: str) -> None:
        self._client, self.id, self._store = client, run_id, store

    def params(self, values: Mapping[str, Any]) -> None:
        """Record nested parameters under dotted names; a parameter that the run already has keeps its first value."""
        from mlflow.entities import Param

        known = self._attempt(lambda client, run: client.get_run(run).data.params) or {}
        new = {name: text for name, text in flatten(values).items() if name not in known}
        self._send("params", [Param(name, text) for name, text in new.items()])

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Record metrics at one step (0 when there is none)."""
        self.metric_history([(step or 0, values)])

    def headline(self, values: Mapping[str, float | None]) -> None:
        """Record the few metrics that people compare first, those that are None left out."""
        self.metrics({HEADLINE + name: float(value) for name, value in values.items() if value is not None})

    def metric_history(self, history: Iterable[tuple[int, Mapping[str, float]]]) -> None:
        """Record (step, metrics) pairs, many in one request."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        rows = [Metric(name, float(value), now, step) for step, values in history for name, value in values.items()]
        self._send("metrics", rows)

    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags; the last value of a name stays."""
        from mlflow.entities import RunTag

        self._send("tags", [RunTag(name, str(value)) for name, value in values.items()])

    def artifact(self, path: Path, folder: str | None = None) -> None:
        """Copy a file, or a folder with all in it, into the run's artifacts, below `folder`."""
        if not path.exists():
            raise FileNotFoundError(path)
        if path.is_dir():
            self._attempt(lambda client, run: client.log_artifacts(run, str(path), folder))
        else:
            self._attempt(lambda client, run: client.log_artifact(run, str(path), folder))

    def close(self, status: str) -> None:
        """End the run as FINISHED, FAILED or KILLED."""
        self._attempt(lambda client, run: client.set_terminated(run, status))

    def _send(self, kind: str, rows: Sequence[Any]) -> None:
        for start in range(0, len(rows), _BATCH[kind]):
            batch = {kind: rows[start : start + _BATCH[kind]]}
            self._attempt(lambda client, run, batch=batch: client.log_batch(run, **batch))

    def _attempt(self, call: Callable[..., Any]) -> Any:
        if self._client is None or self.id is None:
            return None
        try:
            return call(self._client, self.id)
        except _troubles() as error:
            self._client = None
            _warn(self._store, error)
            return None


@contextmanager
def run(
    settings: Tracking, name: str, *, run_id: str | None = None, tags: Mapping[str, str] | None = None
) -> Iterator[Run]:
    """Open a new run called `name`, or go on with `run_id` when the store has it, and end it with the block.

    `tags` (corpus, backbone) are set beside those of git and DVC. Without a store the run does nothing.
    """
    opened = _open(settings, name, run_id, {**source_tags(), **(tags or {})})
    status = "FAILED"
    try:
        yield opened
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        opened.close(status)


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested mappings as `{"stage_one.rate": "0.0002"}`; lists as JSON, long values cut."""
    flat: dict[str, str] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{name}.")
        else:
            text = json.dumps(value) if isinstance(value, list | tuple) else str(value)
            flat[name] = text if len(text) <= _LONGEST_PARAM else text[: _LONGEST_PARAM - 1] + "…"
    return flat


def source_tags() -> dict[str, str]:
    """Return the git commit, whether tracked files differ from it, and the DVC experiment, where there are any.

    What DVC writes into git does not count: results differ from those committed because they were made anew.
    """
    tags = {}
    if commit := _git("rev-parse", "HEAD"):
        changed = _git(
            "status", "--porcelain", "-uno", "--", ":/", *(f":(top,exclude,glob){path}" for path in _RESULTS)
        )
        tags = {"git_commit": commit, "git_dirty": str(bool(changed)).lower()}
        tags["mlflow.source.git.commit"] = commit
    if experiment := os.environ.get("DVC_EXP_NAME"):
        tags["dvc_experiment"] = experiment
    return tags


def _git(*arguments: str) -> str:
    if not (git := shutil.which("git")):
        return ""
    done = subprocess.run([git, *arguments], capture_output=True, text=True, check=False)
    if "dubious ownership" in done.stderr:
        here = Path.cwd()
        advice = f"`git config --global --add safe.directory {here}` has it do so, for `dvc exp` too"
        _log.warning(
            "%s belongs to another user and git does not trust it: runs are recorded without their commit; %s.",
            here,
            advice,
        )
    return done.stdout.strip() if done.returncode == 0 else ""


def _open(settings: Tracking, name: str, run_id: str | None, tags: Mapping[str, str]) -> Run:
    for key, value in _QUIET.items():
        os.environ.setdefault(key, value)
    for noisy in ("alembic", "urllib3.connectionpool"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    from mlflow import MlflowClient

    store = store_of(settings)
    try:
        client = MlflowClient(store)
        found = run_id if run_id and _has(client, run_id) else _create(client, settings.experiment, name)
        opened = Run(client, found, store)
    except _troubles() as error:
        _warn(store, error)
        return Run(None, None, store)
    opened.tags(tags)
    return opened


def _has(client: "MlflowClient", run_id: str) -> bool:
    """Return whether the store has the run, and set it running again; a store that was moved may have lost it."""
    from mlflow.exceptions import MlflowException

    try:
        client.update_run(run_id, status="RUNNING")
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return False
    return True


def _create(client: "MlflowClient", experiment: str, name: str) -> str:
    known = client.get_experiment_by_name(experiment)
    number = known.experiment_id if known else client.create_experiment(experiment)
    _describe(client, number, known.tags if known else {})
    result: str = client.create_run(number, run_name=name).info.run_id
    return result


def _describe(client: "MlflowClient", experiment: str, tags: Mapping[str, str]) -> None:
    """Say that models are trained in the experiment, what its metrics mean, and where its charts are.

    Without it the interface takes it for one of language models. What a person has chosen or written stays.
    """
    if tags.get(_KIND, "") in _GUESSED:
        client.set_experiment_tag(experiment, _KIND, _MODELS)
    if not tags.get(_NOTE):
        client.set_experiment_tag(experiment, _NOTE, _ABOUT.format(page=_PAGE.format(experiment=experiment)))


def _troubles() -> tuple[type[Exception], ...]:
    """What a store that is down, locked, full, of another version or kind, or without its client raises."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return MlflowException, SQLAlchemyError, OSError, ImportError, ValueError


def _warn(store: str, error: Exception) -> None:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    _log.warning("MLflow cannot record into %s (%s): this run goes on without it.", store, reason)
