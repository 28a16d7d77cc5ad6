"""JSON lines: one document a line, `{"pmid", "title"?, "abstract" | "sections"?, "year"?, "journal"?, …}`.

Unknown fields are ignored, and so are fields that are null. A known field of a wrong type makes its line
unusable: guessing what was meant would put something into the index that nobody wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from .document import RETRACTED_TYPE, STATUSES, Document, Notice, Section, Status
from .errors import SourceError
from .fields import clean, date_from_parts, parse_date, parse_doi, parse_pmid
from .report import BAD_PMID, NO_PMID, SourceReport, unusable
from .streams import DamagedError, describe, read_chunks

MAX_LINE = 100_000_000  # bytes
_BAD_SECTIONS = 'sections are not a list of {"label", "text"}'
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_YEAR = re.compile(r"(\d{4})(?:\.0+)?")  # data frames write 2003.0 where a column has gaps
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class _BadLineError(ValueError):
    """Why a line is not a document; one of a small set of texts, since they are counted."""


def read_jsonl(path: Path, report: SourceReport) -> Iterator[Document]:
    """Yield the documents of a file in its order; lines that are none are skipped, counted and listed.

    Raises `SourceError` if no line is a document.
    """
    number = 0
    try:
        for number, line in _lines(path):
            try:
                if line is None:
                    raise _BadLineError(f"line is longer than {MAX_LINE:,} bytes")
                document = parse_line(line)
            except _BadLineError as error:
                report.skip(str(error), f"{path}:{number}")
                continue
            report.use()
            yield document
    except DamagedError as damage:
        report.damage = describe(path, damage, report)
    if report.documents:
        return
    if report.damage:
        raise SourceError(report.damage)
    counts = "; ".join(f"{count:,} × {reason}" for reason, count in sorted(report.skipped.items()))
    raise SourceError(
        f"{path}: none of its {number:,} lines is a document ({counts or 'all are blank'}). "
        'A line must be like {"pmid": "123", "title": "…", "abstract": "…"}.'
    )


def _lines(path: Path) -> Iterator[tuple[int, bytes | None]]:
    """Yield the non-blank lines with their numbers; None for one that is too long to be kept."""
    rest = bytearray()
    number = 0
    too_long = False
    for chunk in read_chunks(path):
        *whole, last = chunk.split(b"\n")
        for end in whole:
            number += 1
            line = bytes(rest + end)
            rest.clear()
            if too_long or len(line) > MAX_LINE:
                yield number, None
            elif line.strip():
                yield number, line
            too_long = False
        rest += last
        if len(rest) > MAX_LINE:
            too_long = True
            rest.clear()
    if too_long or rest.strip():
        yield number + 1, None if too_long else bytes(rest)


def parse_line(line: bytes) -> Document:
    """Return the document of one line.

    Raises a `ValueError` whose text is the reason, without the value, if it is none.
    """
    record = _load(line.removeprefix(BYTE_ORDER_MARK))
    pmid = record.get("pmid")
    if pmid is None or pmid == "":
        raise _BadLineError(NO_PMID)
    pmid = parse_pmid(str(pmid)) if isinstance(pmid, str | int) and not isinstance(pmid, bool) else None
    if pmid is None:
        raise _BadLineError(BAD_PMID)
    notices = _notices(record, "notices")
    types = _texts(record, "publication_types")
    statuses = [_status(record, "status"), *(notice.status for notice in notices)]
    if RETRACTED_TYPE in types:
        statuses.append(Status.RETRACTED)
    document = Document(
        pmid=pmid,
        title=_text(record, "title"),
        sections=_sections(record),
        journal=_text(record, "journal"),
        date=_date(record),
        mesh=_texts(record, "mesh"),
        publication_types=types,
        doi=parse_doi(_text(record, "doi")),
        language=_text(record, "language").lower(),
        vernacular_title=_text(record, "vernacular_title"),
        version=_version(record),
        status=max(statuses, key=STATUSES.index),
        notices=notices,
        notice_of=_notices(record, "notice_of"),
    )
    reason = unusable(document)
    if reason:
        raise _BadLineError(reason)
    return document


def _load(line: bytes) -> dict[str, Any]:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        raise _BadLineError("not UTF-8") from None
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        reason = "half of a surrogate pair in a text" if "surrogate" in str(error) else "not JSON"
        raise _BadLineError(reason) from None
    if not isinstance(record, dict):
        raise _BadLineError("JSON, but not an object")
    return record


def _string(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise _BadLineError(f"{name} is not a text")
    return clean(_CONTROL.sub(" ", value))


def _text(record: dict[str, Any], name: str) -> str:
    value = record.get(name)
    return "" if value is None else _string(value, name)


def _texts(record: dict[str, Any], name: str) -> tuple[str, ...]:
    value = record.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _BadLineError(f"{name} is not a list of texts")
    return tuple(dict.fromkeys(filter(None, (_string(item, name) for item in value))))


def _sections(record: dict[str, Any]) -> tuple[Section, ...]:
    """Return `sections`: {label: text}, or a list of {"label", "text"} or [label, text]; else `abstract`."""
    value = record.get("sections")
    if value is None:
        pairs: list[Any] = []
    elif isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = [(item.get("label"), item.get("text")) if isinstance(item, dict) else item for item in value]
    else:
        raise _BadLineError(_BAD_SECTIONS)
    sections = tuple(filter(None, (_section(pair) for pair in pairs)))
    abstract = _text(record, "abstract")
    return sections or ((Section("", abstract),) if abstract else ())


def _section(pair: object) -> Section | None:
    match pair:
        case [str() | None as label, str() as text]:
            text = _string(text, "sections")
            return Section(_string(label or "", "sections").rstrip(": "), text) if text else None
    raise _BadLineError(_BAD_SECTIONS)


def _date(record: dict[str, Any]) -> str:
    text = _text(record, "date")
    date = parse_date(text)
    if text and not date:
        raise _BadLineError("date has no year in it")
    year = record.get("year")
    if year is None or year == "":
        return date
    match = _YEAR.fullmatch(str(year).strip()) if isinstance(year, str | int | float) else None
    found = date_from_parts(match[1]) if match else ""
    if not found:
        raise _BadLineError("year is not a year")
    return date or found


def _version(record: dict[str, Any]) -> int:
    version = record.get("version")
    if version is None:
        return 1
    if isinstance(version, str) and version.isascii() and version.isdigit() and len(version) < 10:
        version = int(version)
    if not isinstance(version, int) or isinstance(version, bool) or not 0 < version < 10**9:
        raise _BadLineError("version is not a number from 1 to 999999999")
    return version


def _status(record: dict[str, Any], name: str) -> Status:
    text = _text(record, name).lower()
    if text and text not in STATUSES:
        raise _BadLineError(f"{name} is none of {', '.join(STATUSES)}")
    return Status(text or "ok")


def _notices(record: dict[str, Any], name: str) -> tuple[Notice, ...]:
    """Return a list of {"status", "pmid", "source"}, as `document.to_dict` writes it."""
    value = record.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _BadLineError(f'{name} is not a list of {{"status", "pmid", "source"}}')
    return tuple(
        Notice(_status(item, "status"), parse_pmid(_text(item, "pmid")) or "", _text(item, "source")) for item in value
    )
