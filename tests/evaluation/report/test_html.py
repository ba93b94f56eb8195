"""The report's page, read back by a parser: it is well formed, holds everything itself and tells what was found."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from talking.corpora.rejects import Reject
from talking.evaluation.report.embed import video_uri
from talking.evaluation.report.evaluation import Report
from talking.evaluation.report.film import write_film
from talking.evaluation.report.findings import Findings
from talking.evaluation.report.html import Facts, write_page
from talking.media.video import decode_frames
from talking.metrics.unavailable import Unavailable
from talking.systems.mm22.methods import METHODS

VOID = {"meta", "img", "br", "link", "input"}
LINKS = {"src", "href", "poster", "srcset", "data", "action"}
FACTS = Facts(
    title="Evaluation on demo & friends",
    source={"commit": "abc123", "DVC experiment": "brave-fox"},
    parameters={"seed": "1", "stage_one.lambda_latent": "250", "tracking.uri": "<none>"},
    rejects=(
        Reject("s1_a", "s1", "s1/a.mpg", "soundless", "s1/a.mpg has no sound."),
        Reject("s2", "s2", "s2", "labels", "s2 has no labels.", note=True),
    ),
    remarks=("wav2lip: not measured, being no video of a test clip: x.mp4.",),
    table_two=(("method", "frames/s"), ("stage_two", "35.0")),
    table_two_note="Timed on a V100.",
)


class Page(HTMLParser):
    """What a page consists of: tags that balance, cells by line and table, links, and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.links: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self.links += [value or "" for name, value in attrs if name in LINKS]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in {"td", "th"}:
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data

    @property
    def text(self) -> str:
        """All words of the page."""
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def findings(clip, tmp_path: Path) -> dict[str, Findings]:
    """Two clips of each of two speakers, gathered into a report in `tmp_path`, with a film of the first speaker."""
    report = Report(tmp_path, 3, Unavailable("no Inception"), METHODS)
    for number, key in enumerate(("s1_a", "s1_b", "s2_a", "s2_b")):
        report.add(clip(key, static=30.0 + number, inversion=28.0, wrong_audio=15.0 + number, stage_two=20.0 + number))
    frames = np.full((5, 32, 32, 3), 90, np.uint8)
    write_film({"true": frames, "stage_two": frames}, tmp_path / "films" / "s1.mp4", sound=None, side=32)
    return report.finish()


@pytest.fixture
def page(findings: dict[str, Findings], tmp_path: Path) -> Page:
    return Page(write_page(tmp_path, findings, FACTS).read_text())


def test_it_is_well_formed_with_one_title_and_one_heading(page: Page) -> None:
    assert page.open == []
    assert [tag for tag, _ in page.tags].count("h1") == 1
    assert "Evaluation on demo & friends" in page.text


def test_it_needs_no_other_file_no_network_and_no_script(page: Page, tmp_path: Path) -> None:
    assert page.links and all(link.startswith("data:") for link in page.links)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    text = (tmp_path / "index.html").read_text()
    assert not re.search(r"url\(|@import|https?://| on[a-z]+=", re.sub(r"data:[^\"]*", "", text))


def test_the_table_has_every_row_over_its_interval_with_floors_and_ceiling_marked(page: Page) -> None:
    table = page.tables[0]
    psnr = table[0].index("PSNR ↑")
    counts = "2 speakers, 4 clips, 32 frames"
    titles = ("static", "wrong_audio", "inversion", "stage_two")
    names = ["staticfloor", "wrong_audiofloor", "inversionceiling", "stage_two"]
    assert [line[0] for line in table[1:]] == [
        name + METHODS[title].title + counts for name, title in zip(names, titles, strict=True)
    ]
    assert table[1][psnr].startswith("31.50[3")
    assert [line[1] for line in table] == ["drawn by", "none", "tuned G", "G", "tuned G"]
    roles = [attributes["class"] for tag, attributes in page.tags if tag == "tr" and "class" in attributes]
    assert roles[:4] == ["floor", "floor", "ceiling", "model"]
    assert "only 2 speakers" in page.text and "No Inception." in page.text


def test_what_is_clearly_worse_is_said_in_words_and_marked(page: Page) -> None:
    lines = {line[0]: line for line in page.tables[1]}
    psnr = lines["method"].index("PSNR ↑")
    assert lines["wrong_audiofloor"][psnr] == "-5.00 worse[-5.00, -5.00]"
    assert lines["staticfloor"][psnr] == "+10.00 better[10.00, 10.00]"
    assert lines["wrong_audiofloor"][lines["method"].index("SSIM ↑")] == "+0.000[0.000, 0.000]"
    assert "stage_two" not in lines
    assert [attributes.get("class") for tag, attributes in page.tags if tag == "td"].count("worse") == 1


def test_pictures_and_films_are_those_of_the_report(page: Page, tmp_path: Path) -> None:
    sources = [attributes["src"] for tag, attributes in page.tags if tag in {"img", "video"}]
    kinds = [source.split(";")[0] for source in sources]
    assert kinds == [
        "data:image/png",
        "data:video/mp4",
        "data:image/jpeg",
        "data:image/png",
        "data:image/jpeg",
        "data:image/png",
    ]
    film = base64.b64decode(sources[1].split(",")[1])
    assert decode_frames(film).shape[0] == 5
    assert all(attributes["alt"] for tag, attributes in page.tags if tag == "img")
    video = next(attributes for tag, attributes in page.tags if tag == "video")
    assert "controls" in video and "autoplay" not in video


def test_origin_parameters_refusals_and_remarks_are_told(page: Page) -> None:
    for words in ("abc123", "brave-fox", "3 parameters", "Refused: 1.", "were kept: 1.", "x.mp4", "a V100"):
        assert words in page.text
    assert [
        ["parameter", "value"],
        ["seed", "1"],
        ["stage_one.lambda_latent", "250"],
        ["tracking.uri", "<none>"],
    ] in page.tables
    assert ["s1_a", "soundless", "s1/a.mpg has no sound."] in page.tables[3]
    assert ["stage_two", "35.0"] in page.tables[2]


def test_a_large_film_is_linked_from_the_pages_folder(tmp_path: Path) -> None:
    film = tmp_path / "films" / "s1.mp4"
    film.parent.mkdir()
    film.write_bytes(b"0123456789")
    assert video_uri(film, tmp_path / "index.html", largest=9) == "films/s1.mp4"
    assert video_uri(film, tmp_path / "index.html", largest=10) == "data:video/mp4;base64,MDEyMzQ1Njc4OQ=="


def test_the_same_findings_give_the_same_bytes(findings: dict[str, Findings], tmp_path: Path) -> None:
    first = write_page(tmp_path, findings, FACTS).read_bytes()
    assert write_page(tmp_path, findings, FACTS).read_bytes() == first
