"""What the stage evaluate tells beside its figures: the page's facts, Table 2, and the run that trained the model."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from talking.core.accelerators import best_device
from talking.core.files import read_json
from talking.corpora.rejects import Reject, read_rejects
from talking.data.shards import ShardFolder
from talking.data.storage import join
from talking.evaluation.evaluate import Value
from talking.evaluation.report.findings import Findings
from talking.evaluation.report.html import Facts
from talking.evaluation.report.table import as_text
from talking.evaluation.report.table_two import TableTwo, speed_note, table_two, table_two_cells
from talking.evaluation.videos import Videos
from talking.models.backbone import Backbone
from talking.orchestration import tracking
from talking.orchestration.params import Params, as_plain
from talking.orchestration.stage import PARAMS, tags_of
from talking.synthesis.speed import Speed
from talking.systems.mm22.cost import parameter_counts, synthesis_speed
from talking.systems.mm22.ensemble import Ensemble

CHOSEN = {"corpora": "corpus", "backbones": "backbone"}


@dataclass(frozen=True)
class TableTwoFacts:
    """Table 2 and the speed on this machine, which no file that is compared between runs holds."""

    table: TableTwo
    speeds: dict[str, Speed]

    @property
    def cells(self) -> list[list[str]]:
        """The table's strings, heading first."""
        return table_two_cells(self.table, self.speeds)

    def __str__(self) -> str:
        return f"Parameters, speed, size\n\n{as_text(self.cells)}{self.note}"

    @property
    def note(self) -> str:
        """The sentence on what was timed, and on what machine."""
        return speed_note(next(iter(self.speeds.values())))


def table_two_of(stage_one: Path, backbone: Path, reference: str, videos: Videos) -> TableTwoFacts:
    """Load the model and time it, for some two seconds."""
    device = best_device()
    model, pair = Ensemble.load(stage_one).to(device), Backbone.load(backbone).to(device)
    table = table_two({reference: parameter_counts(model, pair)}, videos.sizes())
    return TableTwoFacts(table, {reference: synthesis_speed(model, pair)})


def facts_of(
    params: Params,
    manifest: Path,
    shards: Iterable[ShardFolder],
    stage_one: Path,
    remarks: Iterable[str],
    measured: TableTwoFacts | None,
) -> Facts:
    """Gather what the page says: origin, chosen parameters, clips refused by the corpus and by the stages after it."""
    lost = [
        Reject(status.clip, status.speaker, str(join(folder.folder, status.shard)), status.status, status.sentence)
        for folder in shards
        for status in folder.statuses
        if status.status != "ok"
    ]
    return Facts(
        title=f"Evaluation on {params.corpus}, backbone {params.backbone}",
        source=origin(stage_one),
        parameters=tracking.flatten(chosen_parameters(params)),
        rejects=[*read_rejects(manifest), *lost],
        remarks=tuple(remarks),
        table_two=measured.cells if measured else (),
        table_two_note=measured.note if measured else "",
    )


def origin(stage_one: Path) -> dict[str, str]:
    """Return commit, DVC experiment and MLflow run, as far as there are any."""
    tags = tracking.source_tags()
    changed = " and changes since" if tags.get("git_dirty") == "true" else ""
    known = {
        "commit": tags["git_commit"] + changed if "git_commit" in tags else None,
        "DVC experiment": tags.get("dvc_experiment"),
        "MLflow run": read_json(stage_one / "run.json")["run_id"],
    }
    return {name: value for name, value in known.items() if value}


def chosen_parameters(params: Params) -> dict[str, object]:
    """Return params.yaml with the chosen corpus and backbone alone."""
    values = as_plain(PARAMS)
    for table, key in CHOSEN.items():
        name = getattr(params, key)
        values[table] = {name: values[table][name]}  # type: ignore[index]
    return values


def numbers_of(findings: dict[str, Findings]) -> dict[str, Value]:
    """Return every number by dotted name: `unseen.stage_two.psnr`, `unseen.vs_stage_two.wrong_audio.psnr_low`."""
    return {
        f"{prefix}.{row}.{name}": value
        for group, found in findings.items()
        for prefix, table in ((group, found.table), (f"{group}.vs_{found.methods.reference}", found.differences))
        for row, values in table.items()
        for name, value in values.items()
    }


def add_to_run(
    params: Params,
    stage_one: Path,
    findings: dict[str, Findings],
    few: dict[str, float | None],
    measured: TableTwoFacts | None,
    report: Path,
    video: Path,
) -> None:
    """Add metrics, differences, speed, the report's files and a video to the run that trained the model."""
    run_id = read_json(stage_one / "run.json")["run_id"]
    with tracking.run(params.tracking, "stage_one", run_id=run_id, tags=tags_of(params)) as run:
        run.headline(few)
        run.metrics({name: float(value) for name, value in numbers_of(findings).items() if value is not None})
        if measured:
            for name, speed in measured.speeds.items():
                counts = {key: float(value) for key, value in measured.table[name].items() if value is not None}
                run.metrics({**counts, "synthesis_frames_per_s": speed.frames_per_second})
                run.tags({"synthesis_machine": speed.machine})
        run.artifact(report, "report")
        run.artifact(video, "videos")
