"""Files that are whole or not there: atomic writes, checksums, one writer at a time, disk errors in words."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import orjson

from .errors import DISK, BusyIndexError, StorageError


def sha256_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Replace `path` in one step; a crash leaves the old file or the new one, never a part."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)
    sync_directory(path.parent)


_SEAL = re.compile(rb',"sum":"([0-9a-f]{8})"\}\s*$')


def seal(content: bytes) -> bytes:
    """Add to a JSON object, as its last member, the CRC-32 of all that stands before it: no byte can change unseen."""
    body = content.rstrip().removesuffix(b"}").rstrip()
    return b'%b,"sum":"%08x"}' % (body, zlib.crc32(body))


def unseal(content: bytes) -> dict[str, Any]:
    """Read a JSON object; one without a checksum (written by hand, or by an earlier version) is taken as it is.

    Raises:
        ValueError: it is no JSON object, or not what was sealed.
    """
    if found := _SEAL.search(content):
        body = content[: found.start()]
        if zlib.crc32(body) != int(found[1], 16):
            raise ValueError("its checksum differs")
        content = body + b"}"
    record = orjson.loads(content)
    if not isinstance(record, dict):
        raise ValueError("it is no JSON object")
    if "sum" in record:
        raise ValueError("its checksum cannot be read; if it was changed by hand, take out its last member, sum")
    return record


def sync_directory(path: Path) -> None:
    """Make renames inside a folder survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def folder_bytes(path: Path) -> int:
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())


@contextmanager
def locked(path: Path, busy: Exception) -> Iterator[None]:
    """Hold a lock file; it is freed by the system even after kill -9. Raises `busy` if another process holds it."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(path, timeout=0):
            yield
    except Timeout:
        raise busy from None


def exclusive(directory: Path) -> AbstractContextManager[None]:
    """Hold the folder's writer lock.

    Raises:
        BusyIndexError: another process holds it.
    """
    words = f"{directory} is being built or updated by another process: wait until it ends, then run this again"
    return locked(directory / ".lock", BusyIndexError(words))


@contextmanager
def disk_errors(directory: Path) -> Iterator[None]:
    """Turn what the operating system, SQLite, FAISS and tantivy say about a bad disk into one clear error."""
    try:
        yield
    except (OSError, sqlite3.Error, RuntimeError, ValueError) as error:
        reason = _disk_reason(error, directory)
        if reason is None:
            raise
        raise StorageError(
            f"cannot write in {directory}: {reason}. What was finished is kept, an existing index there is unchanged; "
            "make room (or give another folder) and run the same command again"
        ) from error


def _disk_reason(error: BaseException, directory: Path) -> str | None:
    words = str(error).lower()
    if isinstance(error, OSError) and error.errno in DISK:
        return DISK[error.errno]
    # FAISS says only "write error" and tantivy wraps the errno in prose, so look at the disk as well.
    if "no space left" in words or "is full" in words:
        return "the disk is full"
    if isinstance(error, RuntimeError) and "write" in words and shutil.disk_usage(directory).free < 1 << 20:
        return "the disk is full"
    return None
