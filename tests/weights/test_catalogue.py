"""The catalogue is whole, says nothing twice, and its hashes are hashes."""

import re
from pathlib import Path

import pytest

from talking.core.errors import TalkingError
from talking.weights import CATALOGUE, matches_digest, published
from talking.weights.layouts import LAYOUTS


def test_every_row_names_its_licence_its_publisher_and_a_known_layout() -> None:
    assert len({row.name for row in CATALOGUE}) == len({row.file for row in CATALOGUE}) == len(CATALOGUE) == 12
    assert all(row.what and row.licence and row.published_at.startswith("https://") for row in CATALOGUE)
    assert {row.layout for row in CATALOGUE} == set(LAYOUTS)


def test_hashes_are_whole_or_say_that_they_are_beginnings() -> None:
    known = [row.sha256 for row in CATALOGUE if row.sha256]
    assert len(known) == 9
    assert all(re.fullmatch(r"[0-9a-f]{64}|[0-9a-f]{8,}\.\.\.", value) for value in known)


def test_a_hash_agrees_with_the_beginning_that_the_publisher_put_into_the_files_name() -> None:
    named = {row.name: re.search(r"-([0-9a-f]{8,10})\.", row.file) for row in CATALOGUE}
    found = {name: match[1] for name, match in named.items() if match}
    assert len(found) == 6
    assert all(str(published(name).sha256).startswith(beginning) for name, beginning in found.items())


def test_a_file_is_told_by_its_digest_where_one_is_known(tmp_path) -> None:
    (tmp_path / "f").write_bytes(b"")
    assert matches_digest(tmp_path / "f", published("squeezenet1_1-imagenet")) is False
    assert matches_digest(tmp_path / "f", published("psp-ffhq-encode")) is None


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(TalkingError, match=r"vgg.*choose one of stylegan2-ffhq-1024"):
        published("vgg")


def test_the_page_about_weights_tells_of_every_row() -> None:
    page = (Path(__file__).parents[2] / "docs" / "weights.md").read_text()
    for row in CATALOGUE:
        assert f"`{row.name}`" in page and f"`{row.file}`" in page and row.published_at in page
        assert row.sha256 is None or f"`{row.sha256.removesuffix('...')}`" in page
