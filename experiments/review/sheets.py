"""The sheet as CSV, written so that a spreadsheet runs nothing, and read back however a spreadsheet left it."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Sequence
from pathlib import Path

from experiments.audit.records import Verdict
from experiments.errors import DataFormatError

from .drawing import Item

COLUMNS = ("id", "question", "claim", "evidence", "label", "comment")
CHOICES = tuple(str(verdict) for verdict in Verdict)
_RUNS = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins so is a formula to a spreadsheet


def write_sheet(path: Path, items: Sequence[Item]) -> None:
    """Write the sheet: UTF-8 with a byte order mark, which spreadsheets need to get accents right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for item in items:
            evidence = "\n\n".join(f"({n}) {text}" for n, text in enumerate(item.evidence, 1)) or "none was found"
            writer.writerow([harmless(cell) for cell in (item.id, item.question, item.claim, evidence, "", "")])


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: an apostrophe before it says that it is text."""
    return f"'{cell}" if cell.startswith(_RUNS) else cell


def read_sheet(path: Path, ids: Collection[str]) -> dict[str, str]:
    """Return a reader's labels by item, each item exactly once.

    Read are commas, semicolons or tabs; UTF-8 with or without its mark, UTF-16, or Windows' code page; rows and columns
    in any order; any case.

    Raises:
        DataFormatError: a column is missing; an id is unknown, occurs twice or is missing; a label is missing or none
            of `CHOICES`. Line and value are named.
    """
    rows = _rows(path)
    head = [name.strip().casefold() for name in rows[0][1]] if rows else []
    for name in ("id", "label"):
        if name not in head:
            raise DataFormatError(path, "line 1", f"no column {name!r} among {', '.join(head) or 'none'}")
    found: dict[str, str] = {}
    for line, row in rows[1:]:
        if not any(cell.strip() for cell in row):
            continue
        id, label = (_cell(row, head.index(name)) for name in ("id", "label"))
        where = f"line {line}"
        if id.upper() not in ids:
            raise DataFormatError(path, where, f"id {id!r} is not in this run's draw; leave the column id as it was")
        if id.upper() in found:
            raise DataFormatError(path, where, f"id {id!r} occurs twice; keep one of its rows")
        if label.casefold() not in CHOICES:
            said = f"label {label!r} is none of {', '.join(CHOICES)}" if label else f"{id} has no label"
            raise DataFormatError(path, where, f"{said}; every claim needs one of {', '.join(CHOICES)}")
        found[id.upper()] = label.casefold()
    if lost := sorted(set(ids) - set(found)):
        more = f" and {len(lost) - 5:,} more" if len(lost) > 5 else ""
        raise DataFormatError(path, "the whole file", f"rows are missing: {', '.join(lost[:5])}{more}")
    return found


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return the rows with the line each ends on."""
    text = _decoded(path)
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    csv.field_size_limit(1 << 24)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return [(reader.line_num, row) for row in reader]


def _decoded(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataFormatError(path, "the file", f"cannot be read: {error.strerror}") from None
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:  # "CSV" without more, as a Western Windows saves it
        return content.decode("cp1252", errors="replace")


def _cell(row: Sequence[str], place: int) -> str:
    return row[place].strip().lstrip("'").strip() if place < len(row) else ""
