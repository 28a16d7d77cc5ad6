"""What a filter admits, in every mode alike; numbers and text as they come from a command line."""

from __future__ import annotations

import json
from typing import get_args

import pytest
import typer
from conftest import record

from indexes import Filter, Index, build
from indexes.columns import Columns
from indexes.filters import Mode
from indexes.manifest import read_manifest
from indexes.options import make_filter

MODES = get_args(Mode)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Papers 1–9 "Review", 10–19 "REVIEW" and a letter, 20 of unknown year and type; the others from 2001 on."""
    folder = tmp_path_factory.mktemp("filters")
    source = folder / "a.jsonl"
    types = {n: ["Review"] if n < 10 else ["Letter", "REVIEW"] if n < 20 else [] for n in range(1, 21)}
    records = (record(n, "trial", publication_types=types[n], year=2000 + n if n < 20 else None) for n in range(1, 21))
    source.write_text("".join(json.dumps(r) + "\n" for r in records))
    build(folder / "index", [source], encoder="hashing")
    return Index(folder / "index")


def found(index: Index, mode: str, where: Filter, k: int = 50) -> set[int]:
    return {int(hit.pmid) for hit in index.search("trial", k, where=where, mode=mode)}  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("where", "admitted"),
    [
        (Filter(publication_types=("Review",)), set(range(1, 20))),
        (Filter(publication_types=("review", "nothing")), set(range(1, 20))),
        (Filter(publication_types=("LETTER",)), set(range(10, 20))),
        (Filter(since=0), set(range(1, 20))),
        (Filter(since=-5, until=2003), {1, 2, 3}),
        (Filter(since=2018, until=1 << 70), {18, 19}),
        (Filter(until=0), set()),
        (Filter(until=-1), set()),
        (Filter(since=1 << 70), set()),
    ],
)
def test_every_mode_admits_the_same(index: Index, mode: str, where: Filter, admitted: set[int]) -> None:
    assert found(index, mode, where) == admitted


def test_a_type_in_two_spellings_is_listed_once(index: Index) -> None:
    assert sorted(index.publication_types) == ["letter", "review"]
    folder = index.directory / "generations" / read_manifest(index.directory).generation
    assert sorted(Columns(folder).names) == ["Letter", "REVIEW", "Review"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("k", [21, 10**9, 1 << 70])
def test_more_documents_than_there_are_can_be_asked_for(index: Index, mode: str, k: int) -> None:
    assert found(index, mode, Filter(), k) == set(range(1, 21))


@pytest.mark.parametrize("mode", MODES)
def test_bytes_of_a_query_that_are_no_text_are_passed_over(index: Index, mode: str) -> None:
    assert [h.pmid for h in index.search("trial \udcff", 3, mode=mode)] == ["1", "2", "3"]  # type: ignore[arg-type]


def test_options_become_a_filter() -> None:
    where = make_filter(2000, 2020, ["Review"], None, ["0000012", "12", "7"])
    assert where == Filter(2000, 2020, ("Review",), exclude=frozenset({"12", "7"}))


@pytest.mark.parametrize(
    ("since", "until", "exclude", "said"),
    [
        (999, None, [], "999 is no year"),
        (None, 10_000, [], "10000 is no year"),
        (None, 0, [], "0 is no year"),
        (2020, 2010, [], "later than"),
        *((None, None, [pmid], "is no PMID") for pmid in ("x", "0", "1234567890", "12³", "9" * 30)),
    ],
)
def test_options_out_of_range_are_refused(since: int | None, until: int | None, exclude: list[str], said: str) -> None:
    with pytest.raises(typer.BadParameter, match=said):
        make_filter(since, until, None, None, exclude)
