"""Check an index against its manifest and its parts against each other."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .columns import Columns
from .errors import CorruptIndexError
from .lexical import LexicalIndex
from .manifest import Manifest, pmid_sha256, read_manifest
from .mapping import Report, silent
from .origins import Origins
from .shards import find_shard
from .storage import sha256_file
from .store import Store
from .vectors import DenseIndex, open_rows


def verify(directory: Path, *, report: Report = silent) -> list[str]:
    """Return everything that is wrong, empty if the index is sound.

    Raises:
        NotAnIndexError: there is no index to check.
    """
    try:
        manifest = read_manifest(directory)
    except CorruptIndexError as error:
        return [str(error)]
    folder = directory / "generations" / manifest.generation
    problems = []
    parts = len(manifest.files) + len(manifest.sources)
    for done, (name, digest) in enumerate(manifest.files.items()):
        report("checking", done, parts)
        path = folder / name
        if not path.is_file():
            problems.append(f"{path} is missing")
        elif sha256_file(path) != digest:
            problems.append(f"{path} is damaged: its checksum is not the manifest's")
    for done, source in enumerate(manifest.sources, len(manifest.files)):
        report("checking", done, parts)
        try:
            shard = find_shard(directory / "shards", source.shard)
            if shard is None:
                problems.append(f"the shard of {source.name} ({source.shard}) is missing")
            else:
                shard.check()
        except CorruptIndexError as error:
            problems.append(str(error))
    return problems or _disagreements(folder, manifest.pmid_sha256) or _foreign_vectors(directory, manifest)


def _disagreements(folder: Path, expected: str) -> list[str]:
    """Compare the PMIDs of all four parts; only worth reading where every file is as it was written."""

    def documents() -> list[int]:
        store = Store(folder / "documents.sqlite", mapped=False)
        if damage := store.damage():
            raise sqlite3.DatabaseError(damage)
        return [pmid for pmid, _, _ in store.origins()]

    parts: dict[str, Callable[[], object]] = {
        "documents": documents,
        "filters": lambda: Columns(folder).pmids,
        "BM25": lambda: LexicalIndex(folder / "lexical").pmids(),
        "FAISS": lambda: DenseIndex(folder).held(),
    }
    problems = []
    for name, read in parts.items():
        try:
            pmids = np.asarray(read(), dtype=np.int64)
        except (OSError, RuntimeError, ValueError, sqlite3.Error) as error:
            problems.append(f"{name} cannot be read: {error}")
            continue
        if pmid_sha256(pmids) != expected:
            problems.append(f"{name} holds {len(pmids)} PMIDs that are not those of the manifest")
    return problems


def _foreign_vectors(directory: Path, manifest: Manifest) -> list[str]:
    """Compare every vector with the one its shard holds for that PMID; format 1 has none beside FAISS's."""
    folder = directory / "generations" / manifest.generation
    if not (folder / "vectors.f16").is_file():
        return []
    shards = [s for source in manifest.sources if (s := find_shard(directory / "shards", source.shard))]
    store = Store(folder / "documents.sqlite", mapped=False)
    origins = Origins.read(store)
    store.close()
    rows = open_rows(folder, manifest.encoder.dimension)
    wrong = start = 0
    for block in origins.vectors(shards):
        wrong += int(np.any(rows[start : start + len(block)] != block, axis=1).sum())
        start += len(block)
    return [f"{folder / 'vectors.f16'} holds other vectors than the shards for {wrong} documents"] if wrong else []
