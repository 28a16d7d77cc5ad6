"""Reading data files so that whatever is wrong with one is said with its place and field."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

from experiments.errors import DataFormatError

T = TypeVar("T")


@contextmanager
def open_text(path: Path) -> Iterator[IO[str]]:
    """Open a text file, also a gzipped one. UTF-8, with or without a byte order mark.

    Raises:
        DataFormatError: it is not there, or turns out not to be such a file while it is read.
    """
    how: dict[str, Any] = {"mode": "rt", "encoding": "utf-8-sig", "newline": ""}
    try:
        with gzip.open(path, **how) if path.suffix == ".gz" else path.open(**how) as stream:
            yield stream
    except UnicodeDecodeError as error:
        raise DataFormatError(path, "file", f"is no UTF-8 ({error.reason}): save it as UTF-8") from None
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise DataFormatError(path, "file", f"cannot be read ({getattr(error, 'strerror', None) or error})") from None


def read_text(path: Path) -> str:
    with open_text(path) as stream:
        return stream.read()


def read_json(path: Path) -> Any:
    """Return a JSON file's content."""
    try:
        return json.loads(read_text(path))
    except ValueError as error:
        raise DataFormatError(path, f"line {getattr(error, 'lineno', '?')}", f"not JSON ({error})") from None


def read_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects of a JSONL file, or of a JSON list, each with its place."""
    with open_text(path) as stream:
        start = stream.read(1)
    if start == "[":
        items = enumerate(read_json(path), start=1)
        yield from ((f"item {n}", expect(path, f"item {n}", item)) for n, item in items)
        return
    with open_text(path) as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                place = f"line {number}"
                try:
                    yield place, expect(path, place, json.loads(line))
                except ValueError as error:
                    raise DataFormatError(path, place, f"not JSON ({error})") from None


def read_table(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the rows of a CSV file that must have `columns`."""
    csv.field_size_limit(1 << 24)  # whole notes are fields here
    with open_text(path) as stream:
        reader = csv.DictReader(stream)
        missing = [c for c in columns if c not in (reader.fieldnames or ())]
        if missing:
            raise DataFormatError(
                path,
                "line 1",
                f"no column {missing[0]!r} among {', '.join(reader.fieldnames or ()) or 'none'}",
            )
        for row in reader:
            yield f"line {reader.line_num}", row


def expect(path: Path, place: str, row: Any) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise DataFormatError(path, place, f"an object is expected, not {type(row).__name__}")
    return row


def get(path: Path, place: str, row: Mapping[str, Any], field: str, kind: type[T]) -> T:
    """Return a field that must be there with the right type."""
    if field not in row:
        raise DataFormatError(path, place, f"field {field!r} is missing (there are {', '.join(row) or 'none'})")
    value = row[field]
    if not isinstance(value, kind):
        raise DataFormatError(path, place, f"field {field!r} is {type(value).__name__}, not {kind.__name__}")
    return value


def pmids(path: Path, place: str, row: Mapping[str, Any], field: str = "gold_pmids") -> tuple[str, ...]:
    """Return a field that lists PMIDs, as texts or numbers; none where it is missing or null."""
    value = row.get(field)
    listed = [] if value is None else value
    if not isinstance(listed, list) or not all(isinstance(p, str | int) and not isinstance(p, bool) for p in listed):
        raise DataFormatError(
            path, place, f'field {field!r} is {value!r}; a list of PMIDs is expected, such as ["123"]'
        )
    return tuple(map(str, listed))


def letters(texts: list[str]) -> dict[str, str]:
    """Return options A, B, C … for texts."""
    return dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", texts, strict=False))


def letter_of(path: Path, place: str, options: Mapping[str, str], answer: str, field: str = "answer") -> str:
    """Return the letter of an answer given as a letter or as an option's text."""
    if answer in options:
        return answer
    if (upper := answer.strip().upper()) in options and all(len(letter) == 1 for letter in options):
        return upper
    found = [letter for letter, text in options.items() if text.casefold().strip() == answer.casefold().strip()]
    if len(found) != 1:
        raise DataFormatError(
            path, place, f"field {field!r} is {answer!r}, which is none of the options {dict(options)}"
        )
    return found[0]
