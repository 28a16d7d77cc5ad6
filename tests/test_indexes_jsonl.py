"""JSON lines: what is accepted, and that whatever is not is named with its line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from indexes import jsonl
from indexes.document import Document, Notice, Section, Status, to_dict
from indexes.errors import SourceError
from indexes.jsonl import read_jsonl
from indexes.report import SourceReport

SHARED = Path(__file__).parents[1].parent / "shared" / "data" / "pubmed"
GOOD = {"pmid": "9", "title": "T", "abstract": "A"}


def read(folder: Path, *lines: Any, name: str = "s.jsonl") -> tuple[list[Document], SourceReport]:
    """Read a file of these lines: bytes as they are, everything else as JSON."""
    path = folder / name
    content = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    report = SourceReport()
    return list(read_jsonl(path, report)), report


@pytest.mark.parametrize(
    ("record", "want"),
    [
        (GOOD, Document("9", "T", (Section("", "A"),))),
        ({"pmid": 9, "abstract": " a\n\tb\u0000\u2009c "}, Document("9", "", (Section("", "a b c"),))),
        (
            GOOD | {"sections": [{"label": "AIM:", "text": "x"}, {"text": "y"}, {"label": "Z", "text": " "}]},
            Document("9", "T", (Section("AIM", "x"), Section("", "y"))),
        ),
        (
            {"pmid": 9, "sections": [["AIM", "x"], [None, "y"]]},
            Document("9", "", (Section("AIM", "x"), Section("", "y"))),
        ),
        (
            {"pmid": 9, "sections": {"AIM": "x", "": "y"}},
            Document("9", "", (Section("AIM", "x"), Section("", "y"))),
        ),
        (GOOD | {"sections": []}, Document("9", "T", (Section("", "A"),))),
        (
            GOOD | {"title": None, "mesh": None, "year": None, "other": {"x": [1]}},
            Document("9", "", (Section("", "A"),)),
        ),
        (GOOD | {"year": 2003}, Document("9", "T", (Section("", "A"),), date="2003")),
        (GOOD | {"year": 2003.0}, Document("9", "T", (Section("", "A"),), date="2003")),
        (GOOD | {"year": "2003.0"}, Document("9", "T", (Section("", "A"),), date="2003")),
        (GOOD | {"year": ""}, Document("9", "T", (Section("", "A"),))),
        (GOOD | {"year": "2003", "date": "2003-05"}, Document("9", "T", (Section("", "A"),), date="2003-05")),
        (GOOD | {"date": "2003 May 5"}, Document("9", "T", (Section("", "A"),), date="2003-05-05")),
        (GOOD | {"status": "Retracted"}, Document("9", "T", (Section("", "A"),), status=Status.RETRACTED)),
        (GOOD | {"version": "2"}, Document("9", "T", (Section("", "A"),), version=2)),
        (
            GOOD | {"publication_types": ["Retracted Publication"]},
            Document(
                "9",
                "T",
                (Section("", "A"),),
                publication_types=("Retracted Publication",),
                status=Status.RETRACTED,
            ),
        ),
        (
            {"pmid": 9, "title": "Notice", "notice_of": [{"status": "concern", "pmid": "7", "source": "J"}]},
            Document("9", "Notice", notice_of=(Notice(Status.CONCERN, "7", "J"),)),
        ),
    ],
)
def test_accepted(tmp_path: Path, record: dict[str, Any], want: Document) -> None:
    documents, report = read(tmp_path, record)
    assert documents == [want]
    assert (report.records, report.documents, report.skipped) == (1, 1, {})


def test_what_a_document_is_written_as_is_read_back(tmp_path: Path) -> None:
    document = Document(
        pmid="12",
        title="Title",
        sections=(Section("AIM", "One."), Section("", "Two.")),
        journal="J",
        date="2014-03-05",
        mesh=("Humans", "Aspirin"),
        publication_types=("Review",),
        doi="10.1/x",
        language="eng",
        vernacular_title="Titel",
        version=3,
        status=Status.RETRACTED,
        notices=(Notice(Status.RETRACTED, "13", "J 2"), Notice(Status.CORRECTED, "", "J 3")),
        notice_of=(Notice(Status.CORRECTED, "5", "J 1"),),
    )
    assert read(tmp_path, to_dict(document)) == ([document], SourceReport(records=1, documents=1))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"title": "T", "abstract": "A"}, "no PMID"),
        (GOOD | {"pmid": ""}, "no PMID"),
        (GOOD | {"pmid": "PMC1"}, "PMID is not"),
        (GOOD | {"pmid": 1.0}, "PMID is not"),
        (GOOD | {"pmid": True}, "PMID is not"),
        (GOOD | {"pmid": 10**12}, "PMID is not"),
        ({"pmid": 1}, "no title and no abstract"),
        ({"pmid": 1, "title": "T", "abstract": "  "}, "no abstract"),
        (GOOD | {"title": 5}, "title is not a text"),
        (GOOD | {"abstract": ["A"]}, "abstract is not a text"),
        (GOOD | {"sections": "A"}, "sections are not"),
        (GOOD | {"sections": ["AB"]}, "sections are not"),
        (GOOD | {"sections": [["a", "b", "c"]]}, "sections are not"),
        (GOOD | {"sections": [{"label": "a"}]}, "sections are not"),
        (GOOD | {"mesh": "Humans"}, "mesh is not a list"),
        (GOOD | {"mesh": [1]}, "mesh is not a list"),
        (GOOD | {"year": "around 2000"}, "year is not a year"),
        (GOOD | {"year": 99}, "year is not a year"),
        (GOOD | {"year": True}, "year is not a year"),
        (GOOD | {"date": "soon"}, "date has no year"),
        (GOOD | {"version": 0}, "version is not"),
        (GOOD | {"version": 10**9}, "version is not"),
        (GOOD | {"version": 2**64 - 1}, "version is not"),
        (GOOD | {"status": "fine"}, "status is none of ok, corrected, concern, retracted"),
        (GOOD | {"notices": [1]}, "notices is not a list"),
        ([1, 2], "JSON, but not an object"),
        (b'{"pmid": 1, ', "not JSON"),
        (b"NaN", "not JSON"),
        (b"[" * 5000, "not JSON"),
        (b'{"pmid": 1, "abstract": "caf\xe9"}', "not UTF-8"),
        (b'{"pmid": 1, "abstract": "\\ud800 x"}', "half of a surrogate pair"),
        (b'{"pmid": 1, "abstract": "\xed\xa0\x80"}', "not UTF-8"),
    ],
)
def test_a_bad_line_is_skipped_counted_and_listed(tmp_path: Path, line: Any, reason: str) -> None:
    documents, report = read(tmp_path, GOOD, b"", line, GOOD | {"pmid": 10})
    assert [d.pmid for d in documents] == ["9", "10"]
    assert (report.records, report.documents) == (3, 2)
    assert [p.where for p in report.problems] == [f"{tmp_path / 's.jsonl'}:3"]
    assert report.problems[0].reason.startswith(reason)
    assert report.skipped == {report.problems[0].reason: 1}


def test_a_hundred_problems_are_listed_and_all_counted(tmp_path: Path) -> None:
    _, report = read(tmp_path, GOOD, *[b"{"] * 250)
    assert len(report.problems) == 100
    assert report.skipped == {"not JSON": 250}


def test_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    line = json.dumps(GOOD).encode()
    documents, report = read(tmp_path, b"\xef\xbb\xbf" + line + b"\r", line + b"\r", b"  ")
    assert (len(documents), report.records) == (2, 2)


@pytest.mark.parametrize("lines", [[b""], [b" ", b"\n\n"], [b"{}", b"[]", b"x"], [{"pmid": 1, "title": "T"}]])
def test_a_file_without_any_document_is_an_error(tmp_path: Path, lines: list[Any]) -> None:
    with pytest.raises(SourceError, match=r"s\.jsonl"):
        read(tmp_path, *lines)


def test_the_error_says_why(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"none of its 3 lines is a document \(1 × JSON, but .*; 2 × not JSON\)"):
        read(tmp_path, b"[]", b"x", b"y")


def test_a_cut_gzip_keeps_the_lines_before(tmp_path: Path) -> None:
    content = b"\n".join(json.dumps(GOOD | {"pmid": i, "doi": str(i**7)}).encode() for i in range(1, 20_000))
    path = tmp_path / "s.jsonl.gz"
    path.write_bytes(gzip.compress(content)[:-2000])
    report = SourceReport()
    documents = list(read_jsonl(path, report))
    assert [d.pmid for d in documents] == [str(i) for i in range(1, len(documents) + 1)]
    assert 15_000 < len(documents) < 20_000
    assert report.skipped == {}
    assert f"({len(documents):,} documents" in report.damage


def test_a_line_too_long_is_not_kept_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "MAX_LINE", 200_000)
    long = json.dumps(GOOD | {"abstract": "x" * 200_000}).encode()
    endless = json.dumps(GOOD | {"abstract": "x" * 900_000}).encode()
    documents, report = read(tmp_path, GOOD, long, GOOD, endless, GOOD, endless)
    assert len(documents) == 3
    assert [p.where.rpartition(":")[2] for p in report.problems] == ["2", "4", "6"]
    assert report.skipped == {"line is longer than 200,000 bytes": 3}


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data/pubmed")
def test_the_real_corpus_is_read_in_full() -> None:
    seen: dict[str, Document] = {}
    for path in sorted(SHARED.glob("abstracts-*.jsonl.gz")):
        report = SourceReport()
        documents = {d.pmid: d for d in read_jsonl(path, report)}
        assert report.skipped == {}
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                want = json.loads(line)
                got = documents[want["pmid"]]
                assert got.abstract.split() == want["abstract"].split()
                assert got.title.split() == (want.get("title") or "").split()
                assert got.date == str(want.get("year") or "").removesuffix(".0")
        seen |= documents
    assert len(seen) == 35_188
