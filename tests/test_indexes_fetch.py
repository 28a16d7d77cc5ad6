"""E-utilities from a local server that behaves as NCBI's does on its worse days."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from indexes.document import Document
from indexes.errors import NetworkError, SourceError
from indexes.fetch import _may_see_key, fetch
from indexes.sources import SourceReport, find_sources, read_source

KEY = "0123456789abcdefSECRET"


def record(pmid: int) -> str:
    abstract = f"<Abstract><AbstractText>Text of {pmid}.</AbstractText></Abstract>"
    return (
        f'<PubmedArticle><MedlineCitation><PMID Version="1">{pmid}</PMID><Article>'
        f"<ArticleTitle>T</ArticleTitle>{abstract}</Article></MedlineCitation></PubmedArticle>\n"
    )


@dataclass
class Entrez:
    """Finds `days`: {entry day: PMIDs}, newest first; `faults` are what to do wrong, one a request."""

    days: dict[date, list[int]]
    faults: dict[str, list[str]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    searches: list[list[int]] = field(default_factory=list)
    url: str = ""
    done: threading.Event = field(default_factory=threading.Event)

    def answer(self, http: BaseHTTPRequestHandler) -> None:
        content = http.rfile.read(int(http.headers["Content-Length"])).decode()
        data = {name: values[0] for name, values in parse_qs(content).items()}
        tool = http.path.rpartition("/")[2]
        self.times.append(time.monotonic())
        self.requests.append((tool, data))
        self.paths.append(http.path)
        fault = self.faults[tool].pop(0) if self.faults.get(tool) else ""
        body = (self.search(data) if tool == "esearch.fcgi" else self.records(data, fault)).encode()
        status = 200
        if fault.isdigit():
            status = int(fault)
            body = json.dumps({"error": "API key invalid", "api-key": data.get("api_key", "")}).encode()
        if fault == "error":
            body = b"<eFetchResult><ERROR>Search Backend failed</ERROR></eFetchResult>"
        http.send_response(status)
        if status == 429:
            http.send_header("Retry-After", "3")
        http.send_header("Content-Length", str(len(body)))
        http.end_headers()
        http.wfile.write(body[: len(body) // 2] if fault in ("cut", "stall") else body)
        if fault == "stall":
            http.wfile.flush()
            self.done.wait(20)

    def search(self, data: dict[str, str]) -> str:
        if data["term"] == "nothing":
            return json.dumps(
                {
                    "esearchresult": {
                        "count": "0",
                        "webenv": "",
                        "querykey": "",
                        "errorlist": {"phrasesnotfound": ["xyz"]},
                    }
                }
            )
        assert data["usehistory"] == "y"
        first, last = (
            data.get(name, default) for name, default in (("mindate", "0001/01/01"), ("maxdate", "9999/12/31"))
        )
        found = [
            p for day in sorted(self.days, reverse=True) if first <= f"{day:%Y/%m/%d}" <= last for p in self.days[day]
        ]
        self.searches.append(found)
        result = {
            "count": str(len(found)),
            "webenv": f"W{len(self.searches) - 1}",
            "querykey": "1",
            "idlist": [],
        }
        return json.dumps({"header": {"version": "0.3"}, "esearchresult": result})

    def records(self, data: dict[str, str], fault: str) -> str:
        start, count = int(data["retstart"]), int(data["retmax"])
        assert start + count <= 9_999
        pmids = self.searches[int(data["WebEnv"][1:])][start : start + count]
        if fault.startswith("short"):
            pmids = pmids[3 if fault == "shorter" else 1 :]
        records = "".join(record(pmid) for pmid in pmids)
        if fault == "broken":
            records = records[: len(records) // 2]
        return f"<?xml version='1.0'?>\n<PubmedArticleSet>{records}</PubmedArticleSet>"


@pytest.fixture
def entrez(monkeypatch: pytest.MonkeyPatch) -> Iterator[Entrez]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("NCBI_API_KEY", raising=False)
    monkeypatch.delenv("NCBI_EMAIL", raising=False)
    state = Entrez({date(2020, 1, 1): list(range(1, 26))})

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            state.answer(self)

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}/eutils"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield state
    state.done.set()
    server.shutdown()
    thread.join()
    server.server_close()


def pmids(out: Path) -> list[int]:
    records = [r for path in find_sources([out]) for r in read_source(path, SourceReport())]
    return [int(r.pmid) for r in records if isinstance(r, Document)]


def no_wait(_: float) -> None: ...


def test_records_come_in_batches_and_are_indexable(tmp_path: Path, entrez: Entrez) -> None:
    out = tmp_path / "new"
    result = fetch(out, " asthma  AND\nchildren ", maximum=22, batch=10, base_url=entrez.url, sleep=no_wait)
    assert pmids(out) == list(range(1, 23))
    assert (result.found, result.records, result.missing, result.new, result.retries) == (25, 22, 0, 22, 0)
    assert [path.parent for path in result.files] == [out] * 3
    assert entrez.requests[0][1]["term"] == "asthma AND children"
    assert [(d["retstart"], d["retmax"]) for tool, d in entrez.requests if tool == "efetch.fcgi"] == [
        ("0", "10"),
        ("10", "10"),
        ("20", "2"),
    ]
    assert all(d["tool"] == "clinrag" and d["db"] == "pubmed" and "api_key" not in d for _, d in entrez.requests)


def test_fewer_records_than_the_maximum(tmp_path: Path, entrez: Entrez) -> None:
    result = fetch(tmp_path, "asthma", maximum=1000, base_url=entrez.url, sleep=no_wait)
    assert (result.found, result.records, result.missing) == (25, 25, 0)


def test_nothing_found_is_an_error_that_says_what_was_not_understood(tmp_path: Path, entrez: Entrez) -> None:
    with pytest.raises(SourceError, match=r"'nothing': no record in PubMed\. Not found: xyz\."):
        fetch(tmp_path, "nothing", maximum=5, base_url=entrez.url)
    assert not list(tmp_path.glob("*.gz"))


@pytest.mark.parametrize(
    ("tool", "faults", "waits"),
    [
        ("efetch.fcgi", ["429", "500"], [3, 2]),
        ("efetch.fcgi", ["502", "503", "cut"], [1, 2, 4]),
        ("efetch.fcgi", ["stall"], [1]),
        ("efetch.fcgi", ["error", "broken"], [1, 2]),
        ("efetch.fcgi", ["short"], []),
        ("esearch.fcgi", ["429", "cut"], [3, 2]),
        ("esearch.fcgi", ["error"], [1]),
    ],
)
def test_faults_are_survived(tmp_path: Path, entrez: Entrez, tool: str, faults: list[str], waits: list[int]) -> None:
    entrez.faults[tool] = list(faults)
    notes: list[str] = []
    result = fetch(
        tmp_path,
        "asthma",
        maximum=20,
        batch=10,
        base_url=entrez.url,
        timeout=0.5,
        sleep=no_wait,
        progress=lambda p: notes.append(p.note) if p.note else None,
    )
    assert pmids(tmp_path) == list(range(1, 21))
    assert [int(wait) for note in notes for wait in re.findall(r"of 6 in (\d+) s", note)] == waits
    assert result.retries == len(waits)
    assert len(notes) == len(faults)
    assert not entrez.faults[tool]


def test_records_that_never_come_are_counted(tmp_path: Path, entrez: Entrez) -> None:
    entrez.faults["efetch.fcgi"] = ["short"] * 3
    result = fetch(tmp_path, "asthma", maximum=20, batch=10, base_url=entrez.url, sleep=no_wait)
    assert pmids(tmp_path) == list(range(2, 21))
    assert (result.records, result.missing) == (19, 1)


def test_records_that_did_not_come_are_asked_for_again_by_the_next_run(tmp_path: Path, entrez: Entrez) -> None:
    for faults, left, new in ((["short"] * 3, 1, 19), (["shorter"] * 3, 1, 0), (["shorter", ""], 0, 1)):
        entrez.faults["efetch.fcgi"] = list(faults)
        result = fetch(tmp_path, "asthma", maximum=20, batch=10, base_url=entrez.url, sleep=no_wait)
        assert (result.missing, result.new) == (left, new), "of two answers, that with more records is kept"
        assert pmids(tmp_path) == list(range(1 + left, 21))
        assert not list(tmp_path.glob(".fetch*"))


def test_a_later_run_goes_on(tmp_path: Path, entrez: Entrez) -> None:
    entrez.faults["efetch.fcgi"] = ["", *["500"] * 6]
    with pytest.raises(NetworkError, match=r"goes on from there"):
        fetch(tmp_path, "asthma", maximum=25, batch=10, base_url=entrez.url, sleep=no_wait)
    assert pmids(tmp_path) == list(range(1, 11))
    entrez.requests.clear()
    result = fetch(tmp_path, "asthma", maximum=25, batch=10, base_url=entrez.url, sleep=no_wait)
    assert pmids(tmp_path) == list(range(1, 26))
    assert (result.records, result.new) == (25, 15)
    assert [d["retstart"] for tool, d in entrez.requests if tool == "efetch.fcgi"] == ["10", "20"]


@pytest.mark.parametrize("cut", [5, 30, 60, -20])
def test_a_damaged_file_of_an_earlier_run_is_fetched_again(tmp_path: Path, entrez: Entrez, cut: int) -> None:
    files = fetch(tmp_path, "asthma", maximum=25, batch=10, base_url=entrez.url, sleep=no_wait).files
    files[1].write_bytes(files[1].read_bytes()[:cut])
    assert fetch(tmp_path, "asthma", maximum=25, batch=10, base_url=entrez.url, sleep=no_wait).new == 10
    assert pmids(tmp_path) == list(range(1, 26))


def test_batches_of_another_result_are_not_mixed(tmp_path: Path, entrez: Entrez) -> None:
    fetch(tmp_path, "asthma", maximum=100, batch=10, base_url=entrez.url, sleep=no_wait)
    entrez.days[date(2021, 1, 1)] = [99]  # newest first: every later record moves by one
    result = fetch(tmp_path, "asthma", maximum=100, batch=10, base_url=entrez.url, sleep=no_wait)
    assert pmids(tmp_path) == [99, *range(1, 26)]
    assert result.new == 26
    fetch(tmp_path, "other", maximum=3, batch=10, base_url=entrez.url, sleep=no_wait)
    assert sorted(pmids(tmp_path)) == sorted([99, *range(1, 26), 99, 1, 2])


def test_more_than_one_search_hands_out(tmp_path: Path, entrez: Entrez) -> None:
    """31,000 records, 11,000 of them of a single day; the newest 25,000 are asked for."""
    per_day = {
        date(1975, 6, 1): 11_000,
        date(1999, 2, 28): 6_000,
        date(2024, 2, 29): 11_000,
        date(2025, 1, 1): 3_000,
    }
    start = 1
    entrez.days = {}
    for day, count in per_day.items():
        entrez.days[day] = list(range(start, start + count))
        start += count
    result = fetch(tmp_path, "asthma", maximum=25_000, batch=5_000, base_url=entrez.url, sleep=no_wait)
    got = pmids(tmp_path)
    newest_first = entrez.days[date(2025, 1, 1)] + entrez.days[date(2024, 2, 29)][:9_999]
    newest_first += entrez.days[date(1999, 2, 28)] + entrez.days[date(1975, 6, 1)]
    assert got == newest_first[:25_000]
    assert (result.found, result.records, result.missing) == (31_000, 25_000, 0)


def test_the_key_is_used_and_never_shown(
    tmp_path: Path, entrez: Entrez, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NCBI_API_KEY", KEY)
    monkeypatch.setenv("NCBI_EMAIL", "me@example.org")
    notes: list[str] = []
    entrez.faults["efetch.fcgi"] = ["429", "400"]
    with caplog.at_level(logging.DEBUG), pytest.raises(NetworkError, match="HTTP 400") as error:
        fetch(
            tmp_path,
            "asthma",
            maximum=5,
            base_url=entrez.url,
            sleep=no_wait,
            progress=lambda p: notes.append(p.note),
        )
    assert all(d["api_key"] == KEY and d["email"] == "me@example.org" for _, d in entrez.requests)
    assert "API key invalid" in str(error.value)
    files = "".join(p.read_text("latin-1") for p in tmp_path.iterdir() if p.is_file())
    for text in (str(error.value), caplog.text, *notes, *entrez.paths, files):
        assert KEY not in text
    assert caplog.text  # so that the line above has looked at something


@pytest.mark.parametrize(("url", "sent"), [("https://eutils.example/", True), ("http://eutils.example/", False)])
def test_the_key_goes_over_encrypted_connections_only(url: str, sent: bool) -> None:
    assert _may_see_key(url) is sent


@pytest.mark.parametrize(("key", "least", "most"), [("", 1 / 3, 0.40), (KEY, 1 / 10, 0.15)])
def test_the_pace_is_what_ncbi_allows(
    tmp_path: Path, entrez: Entrez, monkeypatch: pytest.MonkeyPatch, key: str, least: float, most: float
) -> None:
    if key:
        monkeypatch.setenv("NCBI_API_KEY", key)
    entrez.faults["efetch.fcgi"] = ["", "500"]
    fetch(
        tmp_path,
        "asthma",
        maximum=25,
        batch=10,
        base_url=entrez.url,
        sleep=lambda s: time.sleep(min(s, 0.36)),
    )
    gaps = [b - a for a, b in zip(entrez.times, entrez.times[1:], strict=False)]
    assert len(gaps) == 4
    assert min(gaps) > least - 0.02
    assert sorted(gaps)[len(gaps) // 2 - 1] < most + 0.1


def test_queries_are_sent_as_they_are(tmp_path: Path, entrez: Entrez) -> None:
    query = '"β-blockers"[MeSH] AND (2019:2024[dp]) & x=y #1 100%'
    fetch(tmp_path, query, maximum=1, base_url=entrez.url, sleep=no_wait)
    assert entrez.requests[0][1]["term"] == query
    kept = next(tmp_path.glob("fetch-*.json"))
    assert json.loads(kept.read_text("utf-8"))["query"] == query
    assert re.fullmatch(r"fetch-[0-9a-f]{10}\.json", kept.name)
