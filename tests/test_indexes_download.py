"""Downloads from a local server that cuts off, corrupts, stalls, and refuses."""

from __future__ import annotations

import gzip
import hashlib
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from filelock import FileLock

from indexes.document import Document
from indexes.download import download
from indexes.errors import BusyIndexError, NetworkError, StorageError
from indexes.sources import SourceReport, find_sources, read_source
from indexes.web import ATTEMPTS, Progress


def pubmed_file(pmid: int) -> bytes:
    """A .xml.gz of some 200 KB with one record."""
    text = f"{random.Random(pmid).getrandbits(1_500_000):x}"
    record = f"<PMID>{pmid}</PMID><Article><Abstract><AbstractText>{text}</AbstractText></Abstract></Article>"
    content = f"<PubmedArticleSet><PubmedArticle><MedlineCitation>{record}</MedlineCitation></PubmedArticle>"
    return gzip.compress(f"{content}</PubmedArticleSet>".encode(), mtime=0)


FILES = {f"pubmed26n{i:04d}.xml.gz": pubmed_file(i) for i in (9, 10, 11)}


@dataclass
class Mirror:
    """Serves FILES; `faults[name]` is a list of what to do wrong, one entry a request, before all is well."""

    faults: dict[str, list[str]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""
    retry_after: str = "7"
    done: threading.Event = field(default_factory=threading.Event)

    def answer(self, http: BaseHTTPRequestHandler) -> None:
        name = http.path.rpartition("/")[2]
        wanted = http.headers.get("Range", "")
        self.requests.append((http.path, wanted))
        fault = self.faults[name].pop(0) if self.faults.get(name) else ""
        body = self.content(http.path, name)
        status, start = 200, 0
        if wanted and body is not None and fault != "no ranges":
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            status = 206 if start < len(body) else 416
        if fault.isdigit() or fault == "loop":
            status = int(fault) if fault.isdigit() else 302
        if body is None:
            status = 404
        part = (body or b"gone")[start:] if status in (200, 206) else b"an explanation"
        if fault == "corrupt":
            part = part[:1000] + bytes(255 - b for b in part[1000:1100]) + part[1100:]
        http.send_response(status)
        if status == 206:
            shown = 0 if fault == "wrong range" else start
            http.send_header("Content-Range", f"bytes {shown}-{len(body or b'') - 1}/{len(body or b'')}")
        if status in (429, 503):
            http.send_header("Retry-After", self.retry_after)
        if fault == "loop":
            http.send_header("Location", http.path)
        if fault == "no gzip":
            http.send_header("Content-Encoding", "gzip")
        if fault != "no length":
            http.send_header("Content-Length", str(len(part)))
        http.end_headers()
        if fault in ("cut", "stall", "no length"):
            http.wfile.write(part[: len(part) // 2])
            http.wfile.flush()
            if fault == "stall":
                self.done.wait(20)
            return
        http.wfile.write(part)

    def content(self, path: str, name: str) -> bytes | None:
        if path in ("/pubmed/baseline/", "/pubmed/updatefiles/"):
            names = [*FILES, *(f"{name}.md5" for name in FILES), "README.txt", "../../etc/passwd"]
            return "".join(f'<a href="{name}">{name}</a> 2026-01-01 19M\n' for name in names).encode()
        if path == "/pubmed/empty/baseline/":
            return b"<html>nothing</html>"
        if name.removesuffix(".md5") not in FILES:
            return None
        if name.endswith(".md5"):
            file = name.removesuffix(".md5")
            return f"MD5({file})= {hashlib.md5(FILES[file], usedforsecurity=False).hexdigest()}\n".encode()
        return FILES[name]


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    state = Mirror()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.answer(self)

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}/pubmed/"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield state
    state.done.set()
    server.shutdown()
    thread.join()
    server.server_close()


def assert_whole(out: Path, names: list[str]) -> None:
    assert {p.name: p.read_bytes() for p in out.glob("*.gz")} == {name: FILES[name] for name in names}
    assert not list(out.glob("*.part"))
    documents = [d for path in find_sources([out]) for d in read_source(path, SourceReport())]
    assert [d.pmid for d in documents if isinstance(d, Document)] == [str(int(name[9:13])) for name in names]


@pytest.mark.parametrize("kind", ["baseline", "updates"])
def test_all_files_come_and_are_indexable(tmp_path: Path, mirror: Mirror, kind: str) -> None:
    seen: list[Progress] = []
    out = tmp_path / "new" / "folder"
    result = download(out, kind, base_url=mirror.url, progress=seen.append)  # type: ignore[arg-type]
    assert_whole(out, list(FILES))
    assert result.files == tuple(out / name for name in FILES)
    assert (result.new, result.retries, result.bytes) == (3, 0, sum(map(len, FILES.values())))
    assert mirror.requests[0][0] == {"baseline": "/pubmed/baseline/", "updates": "/pubmed/updatefiles/"}[kind]
    last = seen[-1]
    assert (last.number, last.total, last.received, last.size) == (
        3,
        3,
        len(FILES[last.name]),
        len(FILES[last.name]),
    )

    again = download(out, kind, base_url=mirror.url)  # type: ignore[arg-type]
    assert (again.files, again.new, again.bytes) == (result.files, 0, 0)
    assert len(mirror.requests) == 1 + 6 + 1


def test_only_the_newest_files(tmp_path: Path, mirror: Mirror) -> None:
    result = download(tmp_path, "updates", files=2, base_url=mirror.url)
    assert [p.name for p in result.files] == ["pubmed26n0010.xml.gz", "pubmed26n0011.xml.gz"]
    assert_whole(tmp_path, ["pubmed26n0010.xml.gz", "pubmed26n0011.xml.gz"])


@pytest.mark.parametrize(
    ("faults", "ranges", "waits"),
    [
        (["cut"], ["", "half"], [1]),
        (["cut", "cut"], ["", "half", "three quarters"], [1, 2]),
        (["stall"], ["", "half"], [1]),
        (["no length"], ["", ""], [1]),  # seen by its MD5 only
        (["corrupt"], ["", ""], [1]),
        (["cut", "corrupt"], ["", "half", ""], [1, 2]),
        (["cut", "wrong range"], ["", "half", ""], [1, 2]),
        (["cut", "416"], ["", "half", ""], [1, 2]),
        (["cut", "no ranges"], ["", "half"], [1]),
        (["500", "502"], ["", "", ""], [1, 2]),
        (["503", "429", "cut"], ["", "", "", "half"], [7, 7, 4]),
    ],
)
def test_faults_are_survived(
    tmp_path: Path, mirror: Mirror, faults: list[str], ranges: list[str], waits: list[int]
) -> None:
    name = "pubmed26n0010.xml.gz"
    half = len(FILES[name]) // 2
    starts = {
        "": "",
        "half": f"bytes={half}-",
        "three quarters": f"bytes={half + (len(FILES[name]) - half) // 2}-",
    }
    mirror.faults[name] = list(faults)
    slept: list[float] = []
    notes: list[str] = []
    result = download(
        tmp_path,
        "baseline",
        base_url=mirror.url,
        timeout=0.5,
        sleep=slept.append,
        progress=lambda p: notes.append(p.note) if p.note else None,
    )
    assert_whole(tmp_path, list(FILES))
    assert [wanted for path, wanted in mirror.requests if path.endswith(name)] == [starts[r] for r in ranges]
    assert slept == waits
    assert result.retries == len(waits) == len(notes)
    assert all(f"of {ATTEMPTS}" in note for note in notes)


@pytest.mark.parametrize(("fault", "reason"), [("500", "HTTP 500"), ("corrupt", "MD5 is not")])
def test_patience_ends(tmp_path: Path, mirror: Mirror, fault: str, reason: str) -> None:
    name = "pubmed26n0009.xml.gz"
    mirror.faults[name] = [fault] * 99
    slept: list[float] = []
    with pytest.raises(NetworkError, match=reason) as error:
        download(tmp_path, "baseline", base_url=mirror.url, sleep=slept.append)
    assert name in str(error.value)
    assert slept == [1, 2, 4, 8, 16]
    assert sum(path.endswith(name) for path, _ in mirror.requests) == ATTEMPTS
    assert not list(tmp_path.glob("*.gz"))


@pytest.mark.parametrize(("fault", "reason"), [("loop", "redirect"), ("no gzip", "decompressing")])
def test_a_server_that_never_makes_sense_is_named(tmp_path: Path, mirror: Mirror, fault: str, reason: str) -> None:
    mirror.faults[""] = [fault] * 999  # of the list of files
    with pytest.raises(NetworkError, match=rf"{ATTEMPTS} attempts failed.* {reason}"):
        download(tmp_path, "baseline", base_url=mirror.url, sleep=lambda _: None)


def test_a_later_run_goes_on_where_the_first_one_failed(tmp_path: Path, mirror: Mirror) -> None:
    name = "pubmed26n0010.xml.gz"
    mirror.faults[name] = ["cut", *["500"] * (ATTEMPTS - 1)]
    with pytest.raises(NetworkError):
        download(tmp_path, "baseline", base_url=mirror.url, sleep=lambda _: None)
    half = len(FILES[name]) // 2
    assert (tmp_path / f"{name}.part").read_bytes() == FILES[name][:half]
    mirror.requests.clear()
    result = download(tmp_path, "baseline", base_url=mirror.url)
    assert_whole(tmp_path, list(FILES))
    assert (result.new, result.bytes) == (2, len(FILES[name]) - half + len(FILES["pubmed26n0011.xml.gz"]))
    assert [(p.rpartition("/")[2], r) for p, r in mirror.requests if p.endswith(name)] == [(name, f"bytes={half}-")]


def test_a_part_that_is_whole_is_not_fetched_again(tmp_path: Path, mirror: Mirror) -> None:
    name = "pubmed26n0011.xml.gz"
    (tmp_path / f"{name}.part").write_bytes(FILES[name])
    result = download(tmp_path, "baseline", files=1, base_url=mirror.url)
    assert (result.new, result.bytes) == (1, 0)
    assert_whole(tmp_path, [name])


def test_files_brought_by_other_means_are_checked_once(tmp_path: Path, mirror: Mirror) -> None:
    good, bad = "pubmed26n0010.xml.gz", "pubmed26n0011.xml.gz"
    (tmp_path / good).write_bytes(FILES[good])
    (tmp_path / bad).write_bytes(FILES[bad][:-10])
    result = download(tmp_path, "baseline", files=2, base_url=mirror.url)
    assert_whole(tmp_path, [good, bad])
    assert result.bytes == len(FILES[bad])


@pytest.mark.parametrize(
    ("path", "message"),
    [("nowhere/", "HTTP 404"), ("empty/", "no PubMed files")],
)
def test_wrong_addresses(tmp_path: Path, mirror: Mirror, path: str, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        download(tmp_path, "baseline", base_url=mirror.url + path, sleep=lambda _: None)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "nonsense", "http://[", "http://127.0.0.1:1/"])
def test_addresses_that_cannot_be_reached(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(NetworkError):
        download(tmp_path, "baseline", base_url=url, sleep=lambda _: None)


def test_the_address_may_come_from_the_environment(
    tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLINRAG_PUBMED_URL", mirror.url.rstrip("/"))
    assert download(tmp_path, "baseline", files=1).new == 1


def test_a_server_that_asks_for_too_much_patience_is_left_alone(tmp_path: Path, mirror: Mirror) -> None:
    mirror.faults[""] = ["429", "429"]
    mirror.retry_after = "7"
    slept: list[float] = []
    download(tmp_path, "baseline", files=1, base_url=mirror.url, sleep=slept.append)
    assert slept == [7, 7]
    mirror.faults[""] = ["429"]
    mirror.retry_after = format_datetime(datetime.now(UTC) + timedelta(hours=1))
    with pytest.raises(NetworkError, match=r"asks to wait 3,\d00 s|asks to wait 3,5\d\d s"):
        download(tmp_path, "baseline", files=1, base_url=mirror.url, sleep=slept.append)
    assert slept == [7, 7]


def test_two_downloads_into_one_folder(tmp_path: Path, mirror: Mirror) -> None:
    with FileLock(tmp_path / ".download.lock"), pytest.raises(BusyIndexError, match="another process"):
        download(tmp_path, "baseline", base_url=mirror.url)


def test_a_folder_that_cannot_be_written(tmp_path: Path, mirror: Mirror) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        download(tmp_path / "file" / "out", "baseline", base_url=mirror.url)


def test_a_file_that_changed_on_disk_is_brought_again(tmp_path: Path, mirror: Mirror) -> None:
    name = list(FILES)[-1]
    download(tmp_path, "updates", base_url=mirror.url)
    (tmp_path / name).write_bytes(FILES[name][:-5] + b"other")
    again = download(tmp_path, "updates", base_url=mirror.url)
    assert (again.new, again.bytes) == (1, len(FILES[name]))
    assert_whole(tmp_path, list(FILES))
