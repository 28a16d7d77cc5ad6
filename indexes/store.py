"""The document store: SQLite, one row per PMID, merged from shards in order."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
import orjson
from numpy.typing import NDArray

from .document import Deletion, Document, Notice, Status, from_dict
from .shards import Shard, text_hash

# `row` is −1 for notices without an abstract: they are no documents, but mark the papers they are about. What
# notices say is kept apart from the papers' own records, so that a later update can change either.
SCHEMA = """
CREATE TABLE documents (
    pmid INTEGER PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT NULL,
    shard INTEGER NOT NULL, row INTEGER NOT NULL, text_hash BLOB NOT NULL, notice INTEGER NOT NULL
);
CREATE INDEX notice_records ON documents (pmid) WHERE notice = 1;
CREATE TABLE notices (
    about INTEGER NOT NULL, pmid INTEGER NOT NULL, place INTEGER NOT NULL, status TEXT NOT NULL, source TEXT NOT NULL,
    PRIMARY KEY (about, pmid, place)
) WITHOUT ROWID"""
# A later record replaces an earlier one unless its PMID version is lower: PubMed's files are to be applied
# in order, and a re-issued record keeps its version number.
UPSERT = """
INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (pmid) DO UPDATE SET
    version = excluded.version, body = excluded.body, shard = excluded.shard, row = excluded.row,
    text_hash = excluded.text_hash, notice = excluded.notice
WHERE excluded.version >= documents.version"""


@dataclass(frozen=True, slots=True)
class Merged:
    """What merging shards did: records replaced by a newer version of the same PMID, PMIDs deleted, and every
    PMID (rising) whose document is another one now, is gone, or is marked by other notices."""

    superseded: int
    deleted: int
    changed: NDArray[np.int64]


def write_store(path: Path, shards: Sequence[Shard], *, first: int = 0) -> Merged:
    """Merge shards in order into one row per PMID: newest version wins, DeleteCitation removes.

    With `first`, `path` is a store of the first so many shards already, and only the others are merged into it.
    """
    written = deleted = 0
    touched: set[int] = set()
    with sqlite3.connect(path, isolation_level=None) as db:
        # Built aside and synced at the end: a crash throws the whole file away, so no journal is needed.
        db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA page_size=8192")
        if not first:
            db.executescript(SCHEMA)
        before = _count(db)
        db.execute("BEGIN")
        for number, shard in enumerate(shards[first:], first):
            for line, record, row in shard.lines():
                if first:
                    touched.add(int(record.pmid))
                if isinstance(record, Deletion):
                    deleted += db.execute("DELETE FROM documents WHERE pmid = ?", (int(record.pmid),)).rowcount
                    continue
                notice = bool(record.notice_of)
                values = (int(record.pmid), record.version, line, number, row, text_hash(record), notice)
                db.execute(UPSERT, values)
                written += 1
        # Every record that is neither a row now nor was deleted met another version of its PMID.
        superseded = before + written - deleted - _count(db)
        marked = _note_notices(db, touched if first else None)
        db.execute("COMMIT")
    db.close()
    return Merged(superseded, deleted, np.array(sorted(touched | marked), dtype=np.int64))


def _count(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM documents").fetchone()[0])


def _note_notices(db: sqlite3.Connection, pmids: set[int] | None) -> set[int]:
    """Write down what the notices (of these PMIDs, or all) say about other papers; return those papers."""
    about: set[int] = set()
    for noted, pmid in db.execute("SELECT DISTINCT about, pmid FROM notices").fetchall():
        if pmids is not None and pmid in pmids:
            about.add(noted)
            db.execute("DELETE FROM notices WHERE about = ? AND pmid = ?", (noted, pmid))
    for pmid, body in db.execute("SELECT pmid, body FROM documents WHERE notice = 1"):
        if pmids is not None and pmid not in pmids:
            continue
        for place, notice in enumerate(from_dict(orjson.loads(body)).notice_of):
            if notice.pmid and int(notice.pmid) != pmid:
                about.add(int(notice.pmid))
                values = (int(notice.pmid), pmid, place, str(notice.status), notice.source)
                db.execute("INSERT INTO notices VALUES (?, ?, ?, ?, ?)", values)
    return about


class Store:
    """An open document store. Safe to share between threads; SQLite serialises them.

    `mapped` reads single documents faster; who reads all of them would have the whole file in memory.
    """

    def __init__(self, path: Path, *, mapped: bool = True):
        address = f"file:{quote(str(path))}?mode=ro&immutable=1"
        self._db = sqlite3.connect(address, uri=True, check_same_thread=False)
        self._db.execute(f"PRAGMA mmap_size = {17179869184 if mapped else 0}")
        self._db.execute("SELECT 1 FROM documents LIMIT 1").fetchone()  # a missing or broken file shows here
        # Format 1 wrote what notices say into the papers' own records.
        self._noted = bool(self._db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'notices'").fetchone())

    def get(self, pmid: int) -> Document | None:
        found = self._db.execute("SELECT body FROM documents WHERE pmid = ? AND row >= 0", (pmid,)).fetchone()
        return self._marked(pmid, found[0]) if found else None

    def origin(self, pmid: int) -> tuple[int, int, bytes] | None:
        """Where the vector came from: (shard number, row, text hash)."""
        found: tuple[int, int, bytes] | None = self._db.execute(
            "SELECT shard, row, text_hash FROM documents WHERE pmid = ? AND row >= 0", (pmid,)
        ).fetchone()
        return found

    def __iter__(self) -> Iterator[Document]:
        """Yield all documents by rising PMID."""
        for pmid, body in self._db.execute("SELECT pmid, body FROM documents WHERE row >= 0 ORDER BY pmid"):
            yield self._marked(pmid, body)

    def origins(self) -> Iterator[tuple[int, int, int]]:
        """Yield (pmid, shard number, row) by rising PMID."""
        yield from self._db.execute("SELECT pmid, shard, row FROM documents WHERE row >= 0 ORDER BY pmid")

    def __len__(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM documents WHERE row >= 0").fetchone()[0])

    def damage(self) -> str:
        """SQLite's own integrity check; empty if sound."""
        try:
            said = self._db.execute("PRAGMA integrity_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as error:
            return str(error)
        return "" if said == "ok" else str(said)

    def close(self) -> None:
        self._db.close()

    def _marked(self, pmid: int, body: bytes) -> Document:
        document = from_dict(orjson.loads(body))
        if not self._noted:
            return document
        found = self._db.execute(
            "SELECT status, pmid, source FROM notices WHERE about = ? ORDER BY pmid, place", (pmid,)
        )
        return document.with_notices(tuple(Notice(Status(s), str(p), source) for s, p, source in found))
