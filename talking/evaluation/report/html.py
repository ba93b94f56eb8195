"""The report as one page that needs nothing else: no other file, no network, no script."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from talking.core.files import write_text
from talking.corpora.rejects import Reject
from talking.evaluation.methods import MethodTable
from talking.evaluation.report.embed import photograph_uri, plot_uri, video_uri
from talking.evaluation.report.findings import Findings
from talking.evaluation.report.footing import listed
from talking.evaluation.report.html_tables import differences_table, metrics_table, numbered, plain_table
from talking.evaluation.report.style import STYLE

PAGE = "index.html"
MANY = 200
AGAINST = (
    "Each method less {reference}, on the same clips. Coloured where the interval leaves out 0: there the method is "
    "better or worse than {reference} by more than the choice of speakers and clips explains."
)


@dataclass(frozen=True)
class Facts:
    """What the page says beside the figures.

    source: where the evaluation comes from (commit, experiment, corpus, backbone). parameters: flat, by dotted name.
    rejects: recordings that were refused or lost on the way. remarks: sentences for the foot of the tables.
    table_two: cells, heading first, with its note.
    """

    title: str
    source: Mapping[str, str]
    parameters: Mapping[str, str]
    rejects: Sequence[Reject] = ()
    remarks: Sequence[str] = ()
    table_two: Sequence[Sequence[str]] = ()
    table_two_note: str = ""


def write_page(folder: Path, findings: Mapping[str, Findings], facts: Facts) -> Path:
    """Write `index.html` into the report's `folder` from what lies there, and return its path.

    Plots, contact sheets and films of at most 4 MB are embedded; a larger film is linked.
    """
    full = {name: found for name, found in findings.items() if found.table}
    sections = [
        *(_group(folder, name, found) for name, found in full.items()),
        _table_two(facts),
        _speakers(folder),
        _rejects(facts.rejects),
        _parameters(facts.parameters),
    ]
    header = _header(facts, introduction(next(iter(findings.values())).methods)) if findings else ""
    body = "\n".join(section for section in (header, *sections) if section)
    page = folder / PAGE
    write_text(page, _document(facts.title, body))
    return page


def introduction(methods: MethodTable) -> str:
    """Return what the methods are, in sentences: the floors, the ceilings, and whose ceiling each is."""

    def said(name: str) -> str:
        drawn = [other.name for other in methods.methods if other.ceiling == name and other.kind == "model"]
        return f"{methods[name].title} ({name}{', which is the ceiling of ' + listed(drawn) if drawn else ''})"

    parts = (
        ("model", "What is compared: "),
        ("floor", "Floors are what a model must beat to have learned anything: "),
        ("ceiling", "Ceilings are what a generator can draw at all: "),
    )
    named = [(text, methods.of_kind(kind)) for kind, text in parts]  # type: ignore[arg-type]
    return " ".join(f"{text}{listed(map(said, names))}." for text, names in named if names)


def _document(title: str, body: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _header(facts: Facts, introduction: str) -> str:
    pairs = "".join(
        f"<div><dt>{escape(name)}</dt><dd><code>{escape(value)}</code></dd></div>"
        for name, value in facts.source.items()
    )
    return (
        f'<header><h1>{escape(facts.title)}</h1>\n<dl class="facts">{pairs}</dl>\n<p>{escape(introduction)}</p>\n'
        f"{numbered(facts.remarks)}</header>"
    )


def _group(folder: Path, name: str, found: Findings) -> str:
    reference = found.methods.reference
    against = AGAINST.format(reference=escape(reference))
    differences = differences_table(found.differences, found.methods)
    compared = f"<h3>Against {escape(reference)}</h3>\n<p>{against}</p>\n{differences}"
    bars = folder / f"{name}.png"
    parts = [
        metrics_table(found.table, found.reasons, found.methods),
        "".join(f"<p>{escape(note)}</p>" for note in found.notes),
        compared if found.differences else "",
        _figure(plot_uri(bars), f"{found.title}: every metric by method, with intervals") if bars.is_file() else "",
    ]
    return _section(found.title, parts)


def _table_two(facts: Facts) -> str:
    if not facts.table_two:
        return ""
    parts = [plain_table(facts.table_two), f"<p>{escape(facts.table_two_note)}</p>"]
    return _section("Parameters, speed, size", parts)


def _speakers(folder: Path) -> str:
    names = [path.stem for path in _files(folder, "sheets", "png")]
    return _section("Speakers", [_speaker(folder, name) for name in names]) if names else ""


def _speaker(folder: Path, name: str) -> str:
    film, openings = folder / "films" / f"{name}.mp4", folder / "openings" / f"{name}.png"
    parts = [f"<h3>{escape(name)}</h3>"]
    if film.is_file():
        parts.append(_film(video_uri(film, folder / PAGE), f"{name}: the true clip and the made ones, with its sound"))
    parts.append(_figure(photograph_uri(folder / "sheets" / f"{name}.png"), f"{name}: the same moments by method"))
    if openings.is_file():
        parts.append(_figure(plot_uri(openings), f"{name}: how far the lips open, over time"))
    return "\n".join(parts)


def _rejects(rejects: Sequence[Reject]) -> str:
    refused = [reject for reject in rejects if not reject.note]
    notes = [reject for reject in rejects if reject.note]
    parts = [f"<p>Refused: {len(refused) or 'none'}.</p>", _reject_table(refused)]
    if notes:
        parts += [f"<p>Remarks on recordings that were kept: {len(notes)}.</p>", _reject_table(notes)]
    return _section("Refused recordings", parts)


def _reject_table(rejects: Sequence[Reject]) -> str:
    if not rejects:
        return ""
    lines = [[reject.key, reject.reason, reject.sentence] for reject in rejects[:MANY]]
    rest = f"<p>And {len(rejects) - MANY} more.</p>" if len(rejects) > MANY else ""
    return plain_table([["key", "reason", "what is wrong"], *lines], words=True) + rest


def _parameters(parameters: Mapping[str, str]) -> str:
    table = plain_table([["parameter", "value"], *([name, value] for name, value in parameters.items())], words=True)
    return _section("Parameters", [f"<details><summary>{len(parameters)} parameters</summary>{table}</details>"])


def _section(title: str, parts: Iterable[str]) -> str:
    body = "\n".join(part for part in parts if part)
    return f"<section>\n<h2>{escape(title)}</h2>\n{body}\n</section>"


def _figure(uri: str, caption: str) -> str:
    said = escape(caption, quote=True)
    return f'<figure><img src="{uri}" alt="{said}"><figcaption>{said}</figcaption></figure>'


def _film(uri: str, caption: str) -> str:
    said = escape(caption, quote=True)
    return (
        f'<figure><video src="{uri}" controls loop playsinline preload="metadata" aria-label="{said}"></video>'
        f"<figcaption>{said}</figcaption></figure>"
    )


def _files(folder: Path, kind: str, suffix: str) -> list[Path]:
    return sorted((folder / kind).glob(f"*.{suffix}"))
