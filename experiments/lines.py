"""Files of a run that cannot change unseen: JSON lines, appended whole, and JSON documents, each with its checksum.

A line or document is one JSON object whose last member, `sum`, is the CRC-32 of what stands before it; one without is
taken as it is, so that a file can be written by hand.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from indexes.storage import seal, unseal

from .errors import RecordsError


def to_line(row: Any) -> bytes:
    return seal(orjson.dumps(row)) + b"\n"


def append_lines(path: Path, rows: Iterable[Any]) -> list[dict[str, Any]]:
    """Append records or dicts in one write, which hands them to the system; return them as they will be read."""
    written = [to_line(row) for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as stream:
        stream.write(b"".join(written))
    return [unseal(line) for line in written]


def read_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield a file's whole lines with their numbers; a torn last one (it may still be written) is passed over.

    Raises:
        RecordsError: a line is not what was written.
    """
    if not path.exists():
        return
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if line.endswith(b"\n") and line.strip():
                try:
                    yield number, unseal(line)
                except ValueError as error:
                    raise damaged_line(path, number, error) from None


def damaged_line(path: Path, number: int, why: Exception) -> RecordsError:
    return RecordsError(
        f"{path}, line {number} is damaged ({why}): remove that line, and run the command that wrote the file again; "
        "it makes that line anew"
    )


def mend(path: Path) -> int:
    """Cut what follows the last whole line, as kill -9 or a full disk leaves it; return the number of bytes cut."""
    if not path.exists():
        return 0
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    start = content.rfind(b"\n", 0, max(end - 1, 0)) + 1
    if content[start:end].strip() and not _is_sound(content[start:end]):
        end = start  # a power cut can leave a line of zero bytes with its newline
    if end < len(content):
        os.truncate(path, end)
    return len(content) - end


def write_document(path: Path, content: Any, *, option: int = 0) -> None:
    """Write a JSON document in one step. option: of orjson."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(seal(orjson.dumps(content, option=option)) + b"\n")
    partial.replace(path)


def read_document(path: Path, remedy: str) -> dict[str, Any]:
    """Read what `write_document` wrote.

    Raises:
        RecordsError: it is damaged; the message ends with the remedy.
    """
    try:
        return unseal(path.read_bytes())
    except ValueError as error:
        raise RecordsError(f"{path} is damaged ({error}): {remedy}") from None


def _is_sound(line: bytes) -> bool:
    try:
        unseal(line)
    except ValueError:
        return False
    return True
