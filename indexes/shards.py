"""The map step: one source file → one shard, keyed by its content and the encoder, so that it is made once.

A shard is a folder: `documents.ndjson` (records and deletions in file order), `vectors.f16` (raw little-endian
float16, one row per record that has an abstract), `shard.json` (written last; without it there is no shard). None
of the names ends like a source, in case an index stands inside a folder of sources.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from .document import Deletion, Document, from_dict
from .encoders import Encoder
from .errors import CorruptIndexError
from .sources import SourceReport, read_source
from .storage import seal, sha256_file, sync_directory, unseal, write_atomically

PARSER = 1  # raise it when the readers give other records for the same file: old shards are then made anew
BLOCK = 512  # documents embedded at a time: enough to sort by length, few enough that progress is seen

Progress = Callable[[str, int], None]
"""Called with ("parsed", documents in this file) once, then with ("embedded", documents) per block."""
Reuse = Callable[[str, bytes], "NDArray[np.float16] | None"]
"""Looks up the vector of (pmid, text hash) made earlier with the same encoder."""


@dataclass(frozen=True, slots=True)
class Shard:
    """An existing shard; `meta` is its `shard.json`, `fresh` tells whether this run made it."""

    path: Path
    meta: dict[str, Any]
    fresh: bool = False

    @property
    def key(self) -> str:
        return self.path.name

    def records(self) -> Iterator[tuple[Document | Deletion, int]]:
        """Yield each record with its row in `vectors`, −1 where it has none."""
        return ((record, row) for _, record, row in self.lines())

    def lines(self) -> Iterator[tuple[bytes, Document | Deletion, int]]:
        """Yield each record as it is written in the file (JSON), read, and with its row in `vectors`, as `records`."""
        row = 0
        with (self.path / "documents.ndjson").open("rb") as stream:
            for line in stream:
                record = parse_record(line)
                searchable = isinstance(record, Document) and bool(record.sections)
                yield line.rstrip(), record, row if searchable else -1
                row += searchable

    def vectors(self) -> NDArray[np.float16]:
        return open_vectors(self.path, self.meta["vectors"], self.meta["dimension"])

    def check(self) -> None:
        """Compare every file with the checksum taken when it was written.

        Raises:
            CorruptIndexError: one differs or is missing.
        """
        for name, digest in self.meta["files"].items():
            path = self.path / name
            if not path.is_file() or sha256_file(path) != digest:
                raise CorruptIndexError(_damaged(path, "its checksum differs"))


def open_vectors(path: Path, rows: int, dimension: int) -> NDArray[np.float16]:
    if rows == 0:  # an empty file cannot be mapped
        return np.zeros((0, dimension), dtype=np.float16)
    return np.memmap(path / "vectors.f16", dtype="<f2", mode="r", shape=(rows, dimension))


def parse_record(line: bytes) -> Document | Deletion:
    record = orjson.loads(line)
    return Deletion(record["delete"]) if "delete" in record else from_dict(record)


def encoder_text(document: Document) -> str:
    """The title line, empty or not, then the abstract: the form `Encoder.encode` asks for."""
    return f"{document.title}\n{document.abstract}"


def text_hash(document: Document) -> bytes:
    return hashlib.blake2b(encoder_text(document).encode("utf-8", "surrogatepass"), digest_size=16).digest()


FIELDS = frozenset(
    "source sha256 bytes encoder dimension vectors reused records documents deletions skipped problems damage "
    "files".split()
)


def shard_key(source_sha256: str, encoder_fingerprint: str) -> str:
    return hashlib.sha256(f"{PARSER}:{source_sha256}:{encoder_fingerprint}".encode()).hexdigest()[:32]


def find_shard(shards: Path, key: str) -> Shard | None:
    """Return a finished shard, None if there is none.

    Raises:
        CorruptIndexError: its `shard.json` is damaged or incomplete.
    """
    path = shards / key / "shard.json"
    if not path.is_file():
        return None
    try:
        meta = unseal(path.read_bytes())
        if missing := FIELDS - set(meta):
            raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    except ValueError as error:
        raise CorruptIndexError(_damaged(path, str(error))) from None
    return Shard(path.parent, meta)


def _damaged(path: Path, why: str) -> str:
    return (
        f"{path} is damaged ({why}); only its source is to be embedded again: "
        f"clinrag index build {path.parents[2]} SOURCE... with all sources"
    )


def sound_shard(shards: Path, key: str) -> Shard | None:
    """Return a finished shard whose files are as they were written; a damaged one is removed, to be made again."""
    try:
        shard = find_shard(shards, key)
        if shard is not None:
            shard.check()
        return shard
    except CorruptIndexError:
        shutil.rmtree(shards / key)
        return None


def make_shard(
    source: Path,
    shards: Path,
    *,
    sha256: str,
    encoder: Encoder,
    progress: Progress,
    reuse: Reuse | None = None,
) -> Shard:
    """Parse and embed one source file; return the shard, made now or earlier.

    Raises:
        SourceError: the file holds no PubMed record at all.
    """
    key = shard_key(sha256, encoder.info.fingerprint)
    if found := find_shard(shards, key):
        return found
    # The random part keeps apart what two nodes, or one tried again, leave behind under the same process number.
    work = shards / f"{key}.{os.getpid()}.{secrets.token_hex(4)}.partial"
    work.mkdir(parents=True)
    try:
        report = SourceReport()
        searchable = _write_records(source, work / "documents.ndjson", report)
        progress("parsed", searchable)
        reused = _write_vectors(Shard(work, {}), encoder, progress, reuse)
        meta = {
            "source": source.name,
            "sha256": sha256,
            "bytes": source.stat().st_size,
            "encoder": encoder.info.fingerprint,
            "dimension": encoder.info.dimension,
            "vectors": searchable,
            "reused": reused,
            "records": report.records,
            "documents": report.documents,
            "deletions": report.deletions,
            "skipped": report.skipped,
            "problems": [{"where": p.where, "reason": p.reason} for p in report.problems],
            "damage": report.damage,
            "files": {name: sha256_file(work / name) for name in ("documents.ndjson", "vectors.f16")},
        }
        write_atomically(work / "shard.json", seal(orjson.dumps(meta)))
        final = shards / key
        shutil.rmtree(final, ignore_errors=True)  # a folder without shard.json is debris
        work.replace(final)
        sync_directory(shards)
        return Shard(final, meta)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write_records(source: Path, path: Path, report: SourceReport) -> int:
    searchable = 0
    with path.open("wb") as stream:
        for record in read_source(source, report):
            stream.write(orjson.dumps({"delete": record.pmid} if isinstance(record, Deletion) else record) + b"\n")
            searchable += isinstance(record, Document) and bool(record.sections)
    return searchable


def _write_vectors(shard: Shard, encoder: Encoder, progress: Progress, reuse: Reuse | None) -> int:
    reused = 0
    with (shard.path / "vectors.f16").open("wb") as stream:
        for block in _blocks(shard):
            rows = np.zeros((len(block), encoder.info.dimension), dtype=np.float16)
            fresh = []
            for i, document in enumerate(block):
                known = reuse(document.pmid, text_hash(document)) if reuse else None
                if known is None:
                    fresh.append(i)
                else:
                    rows[i] = known
            if fresh:
                rows[fresh] = encoder.encode([encoder_text(block[i]) for i in fresh], "document")
            stream.write(rows.astype("<f2").tobytes())
            reused += len(block) - len(fresh)
            progress("embedded", len(block))
        stream.flush()
        os.fsync(stream.fileno())
    return reused


def _blocks(shard: Shard) -> Iterator[list[Document]]:
    block: list[Document] = []
    for record, row in shard.records():
        if row >= 0 and isinstance(record, Document):
            block.append(record)
            if len(block) == BLOCK:
                yield block
                block = []
    if block:
        yield block
