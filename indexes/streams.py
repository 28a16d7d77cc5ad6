"""Bytes of a source, decompressed, in bounded memory, and as far as they are undamaged."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from isal import isal_zlib

from .errors import SourceError
from .report import SourceReport

GZIP_MAGIC = b"\x1f\x8b"
_READ = 1 << 15  # compressed bytes at a time; deflate makes at most 1,032 times as many of them
_CHUNK = 1 << 16
_GET_AGAIN = "Get the file again, and run the same command."


class DamagedError(Exception):
    """The data end or break at `offset` (of the decompressed data); everything before it was handed out."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(reason)
        self.offset = offset
        self.reason = reason


def read_chunks(path: Path) -> Iterator[bytes]:
    """Yield the content of a file, gunzipped if its name ends in .gz.

    Raises `SourceError` if it cannot be read, is empty, or is not what its name says, and `DamagedError`
    after the last good byte.
    """
    zipped = path.name.lower().endswith(".gz")
    size = 0
    try:
        with path.open("rb") as file:
            _check_magic(path, file, zipped)
            for chunk in _gunzip(file) if zipped else iter(lambda: file.read(_CHUNK), b""):
                size += len(chunk)
                yield chunk
    except OSError as error:
        raise SourceError(
            f"{path}: cannot be read ({error.strerror or error}). Check its permissions and the disk."
        ) from error
    if not size:
        raise SourceError(f"{path}: nothing in it once decompressed. {_GET_AGAIN}")


def describe(path: Path, damage: DamagedError, report: SourceReport) -> str:
    """Say in one sentence what is wrong with a file, what was kept, and what to do."""
    what = f"{path} is damaged at byte {damage.offset:,} of its decompressed content ({damage.reason})"
    kept = f"what stands before it was kept ({report.documents:,} documents, {report.deletions:,} deletions)"
    if not report.records + report.deletions:
        kept = "no whole record stands before it"
    return f"{what}; {kept}; {_GET_AGAIN[0].lower()}{_GET_AGAIN[1:]}"


def _check_magic(path: Path, file: IO[bytes], zipped: bool) -> None:
    start = file.read(len(GZIP_MAGIC))
    file.seek(0)
    if not start:
        raise SourceError(f"{path}: the file is empty (0 bytes). {_GET_AGAIN}")
    if zipped and start != GZIP_MAGIC[: len(start)]:
        raise SourceError(
            f"{path}: the name ends in .gz, but the content is not gzip (it starts with {start!r}). "
            f"If it is not compressed, rename it to {path.name[:-3]}; else get the file again."
        )
    if not zipped and start == GZIP_MAGIC:
        raise SourceError(f"{path}: the content is gzip, but the name does not say so. Rename it to {path.name}.gz.")


def _gunzip(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the members of a gzip file one after the other, as `gzip -d` does.

    isal is more than twice as fast as zlib, but does not say how far damaged data are good: then zlib starts over.
    """
    size = 0
    try:
        for chunk in _inflate(file):
            size += len(chunk)
            yield chunk
    except (isal_zlib.error, EOFError):
        file.seek(0)
        for chunk in _inflate_exactly(file):
            yield from _whole(chunk[size:])
            size -= min(size, len(chunk))


def _inflate(file: IO[bytes]) -> Iterator[bytes]:
    inflater = isal_zlib.decompressobj(wbits=31)
    while piece := file.read(_READ):
        while piece:
            if inflater.eof:
                piece = piece.lstrip(b"\0")  # padding of tapes and blocks
                if not piece:
                    break
                inflater = isal_zlib.decompressobj(wbits=31)
            yield from _whole(inflater.decompress(piece))
            piece = inflater.unused_data
    if not inflater.eof:
        raise EOFError


def _inflate_exactly(file: IO[bytes]) -> Iterator[bytes]:
    """Yield what is good, and raise `DamagedError` behind its last byte."""
    inflater = zlib.decompressobj(wbits=31)
    offset = 0
    ready = bytearray()
    while True:
        piece = file.read(_READ)
        if not piece and not inflater.eof:
            yield from _whole(ready)
            raise DamagedError(offset + len(ready), "the gzip data end early")
        if not piece:
            break
        while piece:
            if inflater.eof:
                piece = piece.lstrip(b"\0")  # padding of tapes and blocks
                if not piece:
                    break
                inflater = zlib.decompressobj(wbits=31)
            before = inflater.copy()
            try:
                ready += inflater.decompress(piece)
            except zlib.error as error:
                ready += _good_part(before, piece)
                yield from _whole(ready)
                raise DamagedError(offset + len(ready), _reason(error)) from error
            piece = inflater.unused_data
        if len(ready) >= _CHUNK:
            yield bytes(ready)
            offset += len(ready)
            ready.clear()
    yield from _whole(ready)


def _whole(ready: bytes | bytearray) -> Iterator[bytes]:
    if ready:
        yield bytes(ready)


def _good_part(inflater: zlib._Decompress, piece: bytes) -> bytes:
    """Inflate byte by byte up to the damage: in one go, zlib drops what it had before it."""
    good = bytearray()
    try:
        for position in range(len(piece)):
            good += inflater.decompress(piece[position : position + 1])
    except zlib.error:
        pass
    return bytes(good)


def _reason(error: zlib.error) -> str:
    detail = str(error).rpartition(": ")[2]
    if detail in ("incorrect data check", "incorrect length check"):
        return f"the gzip checksum does not fit ({detail}), so any record of this file may be wrong"
    if detail == "incorrect header check":
        return "what follows the end of the gzip data is not gzip"
    return f"the gzip data are broken ({detail})"
