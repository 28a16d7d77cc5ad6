"""The records a PubMed query finds, through NCBI's E-utilities (esearch with history, efetch in batches).

Rules: https://www.ncbi.nlm.nih.gov/books/NBK25497/ (3 requests a second, 10 with a key; tool and e-mail
named), https://www.ncbi.nlm.nih.gov/books/NBK25499/ (efetch hands out the first 9,999 of a search at most).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx

from .download import only_one
from .errors import SourceError
from .eutils import MOST, Eutils, Search
from .fields import clean
from .pubmed import read_pubmed
from .report import SourceReport
from .web import Progress, Session, TransientError, save, storing

BASE_URL = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils/"
BASE_URL_VARIABLE = "CLINRAG_EUTILS_URL"
KEY_VARIABLE = "NCBI_API_KEY"
EMAIL_VARIABLE = "NCBI_EMAIL"
BATCH = 500
SHORT_ATTEMPTS = 3  # for a batch with fewer records than the search promised
FIRST_DAY = date(1800, 1, 1)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What is in `files`: `records`, of which `new` came now, of `found` ones that the query has in all.

    `missing` were asked for, but not sent by the server.
    """

    files: tuple[Path, ...]
    found: int
    records: int
    missing: int
    new: int
    retries: int


@dataclass(frozen=True, slots=True)
class _Batch:
    search: Search
    start: int
    count: int
    target: Path


def fetch(
    out: Path,
    query: str,
    *,
    maximum: int,
    base_url: str | None = None,
    batch: int = BATCH,
    progress: Callable[[Progress], None] = lambda _: None,
    timeout: float = 120.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Fetched:
    """Bring the newest `maximum` records of a PubMed query into the folder `out`, as .xml.gz files.

    What is there already is not fetched again, so that the same command can be run until nothing is missing; but if
    the query finds another number of records by now, all are, since the batches no longer fit together. A key
    is taken from $NCBI_API_KEY, an e-mail address for NCBI from $NCBI_EMAIL. `base_url`: default
    $CLINRAG_EUTILS_URL, else NCBI. Raises `SourceError` if nothing is found, `NetworkError`, `StorageError`,
    `BusyIndexError`.
    """
    query = clean(query)
    base = (base_url or os.environ.get(BASE_URL_VARIABLE) or BASE_URL).rstrip("/") + "/"
    key = os.environ.get(KEY_VARIABLE, "").strip() if _may_see_key(base) else ""
    interval = 1 / 9.5 if key else 1 / 2.9
    with (
        storing(out),
        only_one(out),
        Session(timeout=timeout, interval=interval, secret=key, sleep=sleep) as session,
    ):
        server = Eutils(session, base, key=key, email=os.environ.get(EMAIL_VARIABLE, ""), progress=progress)
        found, searches = _searches(server, query, maximum)
        batches = _plan(out, query, maximum, searches, batch)
        records = new = 0
        for number, item in enumerate(batches, 1):
            kept = count = _kept(item.target)
            if kept < item.count:
                start = Progress(item.target.name, number, len(batches))
                count = _bring(server, item, start, progress, kept=kept)
                new += count - kept
            records += count
    files = tuple(item.target for item in batches)
    return Fetched(files, found, records, min(found, maximum) - records, new, session.retries)


def _searches(server: Eutils, query: str, maximum: int) -> tuple[int, list[Search]]:
    """Return how many records the query finds, and searches that hold the newest `maximum` of them.

    Where one search holds more than efetch hands out, the days on which records came into PubMed are halved
    until each part is small enough, the newest first.
    """
    whole = server.search(query)
    if not whole.count:
        raise SourceError(
            f"{query!r}: no record in PubMed.{whole.hint} Try the query at https://pubmed.ncbi.nlm.nih.gov."
        )
    if min(whole.count, maximum) <= MOST:
        return whole.count, [whole]
    searches: list[Search] = []
    spans = [(FIRST_DAY, datetime.now(UTC).date())]
    while spans and sum(min(search.count, MOST) for search in searches) < maximum:
        first, last = spans.pop()
        search = server.search(query, first, last)
        if search.count > MOST and first < last:
            middle = first + (last - first) // 2
            spans += [(first, middle), (middle + timedelta(days=1), last)]
        elif search.count:
            searches.append(search)
    return whole.count, searches


def _plan(out: Path, query: str, maximum: int, searches: list[Search], size: int) -> list[_Batch]:
    """Return the batches to fetch, and remove files of an earlier run that do not belong to them."""
    name = "fetch-" + hashlib.sha256(f"{maximum} {query}".encode()).hexdigest()[:10]
    counts = [[search.first, search.last, search.count] for search in searches]
    plan = {"query": query, "maximum": maximum, "batch": size, "searches": counts}
    kept = out / f"{name}.json"
    text = (json.dumps(plan, ensure_ascii=False, indent=1) + "\n").encode()
    if not kept.exists() or kept.read_bytes() != text:
        for old in out.glob(f"{name}-*.xml.gz"):
            old.unlink()
        unfinished = kept.with_suffix(".part")
        unfinished.write_bytes(text)
        unfinished.replace(kept)
    batches: list[_Batch] = []
    left = maximum
    for search in searches:
        here = min(search.count, MOST, left)
        left -= here
        for start in range(0, here, size):
            target = out / f"{name}-{len(batches) + 1:05d}.xml.gz"
            batches.append(_Batch(search, start, min(size, here - start), target))
    return batches


def _bring(server: Eutils, batch: _Batch, start: Progress, progress: Callable[[Progress], None], *, kept: int) -> int:
    """Fetch one batch, and return its records. NCBI at times leaves some out: then it is asked again.

    Of all attempts, and what an earlier run `kept`, that with the most records stays.
    """
    unfinished = batch.target.with_name(f".{batch.target.name}")  # hidden from those who read the folder

    def receive() -> int:
        with (
            unfinished.open("wb") as file,
            gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed,
            server.records(batch.search, batch.start, batch.count) as response,
        ):
            save(
                response,
                packed.write,
                raw=False,
                received=lambda count: progress(replace(start, received=count)),
            )
        return _count(unfinished)

    for _ in range(SHORT_ATTEMPTS):
        count = server.session.retrying(start.name, receive, lambda note: progress(replace(start, note=note)))
        if count > kept:
            unfinished.replace(batch.target)
            kept = count
        if kept >= batch.count:
            break
        progress(replace(start, note=f"{count:,} of {batch.count:,} records came"))
    unfinished.unlink(missing_ok=True)
    return kept


def _kept(target: Path) -> int:
    """Return the records of a file that an earlier run left; 0 if there is none, or it is damaged."""
    try:
        return _count(target) if target.exists() else 0
    except (TransientError, EOFError, gzip.BadGzipFile, zlib.error):
        return 0


def _count(path: Path) -> int:
    """Return the number of records in a file."""
    report = SourceReport()
    try:
        for _ in read_pubmed(path, report):
            pass
    except SourceError:
        with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
            raise TransientError(f"no PubMed records came, but {clean(file.read(300))!r}") from None
    if report.damage:
        raise TransientError(report.damage)
    return report.records


def _may_see_key(base: str) -> bool:
    """A key goes over encrypted connections only, or to this machine."""
    try:
        url = httpx.URL(base)
    except httpx.InvalidURL:
        return False  # the first request will say so
    return url.scheme == "https" or url.host in ("localhost", "127.0.0.1", "::1")
