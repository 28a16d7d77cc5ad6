"""Small columns beside the documents, memory-mapped: which documents a filter admits, without opening any."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from .document import STATUSES, Document, Status
from .filters import Filter


class Columns:
    """PMID, year, status and publication types of every document, for pre-filters.

    `pmids` int64 rising; `years` int16, 0 = unknown; `statuses` uint8, a position in `STATUSES`;
    `types` uint8 [n, ⌈vocabulary / 8⌉], one bit per publication type. A document's position in them is
    its id in FAISS and its row in `vectors.f16`.
    """

    FILES = ("pmids", "years", "statuses", "types")

    def __init__(self, folder: Path):
        self.pmids, self.years, self.statuses, self.types = (
            np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in self.FILES
        )
        self.names: list[str] = orjson.loads((folder / "types.json").read_bytes())
        self._spelled = [name.lower() for name in self.names]  # sources may write one type in several ways

    def mask(self, where: Filter) -> NDArray[np.bool_] | None:
        """Return which documents a filter admits, [n]; None where it admits all."""
        parts: list[NDArray[Any]] = []
        if where.since is not None:
            parts.append(self.years >= max(where.since, 1))  # 0 is an unknown year
        if where.until is not None:
            parts.append((self.years <= where.until) & (self.years > 0))
        if set(where.statuses) != set(STATUSES):
            admitted = np.isin(np.arange(len(STATUSES)), [STATUSES.index(s) for s in where.statuses])
            parts.append(admitted[self.statuses])
        if where.publication_types:
            want = np.zeros(self.types.shape[1], dtype=np.uint8)
            wanted = {name.lower() for name in where.publication_types}
            for bit, name in enumerate(self._spelled):
                if name in wanted:
                    want[bit // 8] |= 1 << bit % 8
            parts.append((self.types & want).any(axis=1))
        if where.exclude:
            parts.append(~np.isin(self.pmids, [int(p) for p in where.exclude]))
        return np.logical_and.reduce(parts) if parts else None

    @property
    def publication_types(self) -> list[str]:
        return list(dict.fromkeys(self._spelled))


class ColumnWriter:
    """Fills the columns while documents stream past, so that they are read once for all parts of an index."""

    def __init__(self, total: int, *, types: Sequence[str] = ()):
        self._pmids = np.zeros(total, np.int64)
        self._years = np.zeros(total, np.int16)
        self._statuses = np.zeros(total, np.uint8)
        self._types = np.zeros((total, max(1, -(-len(types) // 8))), np.uint8)  # an empty file cannot be mapped
        self._vocabulary = {name: bit for bit, name in enumerate(types)}
        self._filled = 0

    def watch(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Pass documents on, noting what filters need; at most `total`, by rising PMID."""
        for document in documents:
            row = self._filled
            self._pmids[row] = int(document.pmid)
            self._years[row] = document.year or 0
            self._statuses[row] = STATUSES.index(document.status)
            for name in document.publication_types:
                bit = self._vocabulary.setdefault(name, len(self._vocabulary))
                if bit >= 8 * self._types.shape[1]:
                    self._types = _widened(self._types, bit // 8 + 1)
                self._types[row, bit // 8] |= 1 << bit % 8
            self._filled += 1
            yield document

    def keep(self, old: Columns, rows: NDArray[np.bool_]) -> None:
        """Add these rows of an earlier generation, whose `names` this writer was made with, and sort all by PMID."""
        parts = (self._pmids, self._years, self._statuses, self._types)
        width = max(self._types.shape[1], old.types.shape[1])
        before: tuple[NDArray[Any], ...] = (old.pmids, old.years, old.statuses, _widened(old.types, width))
        new = [part[: self._filled] for part in (*parts[:3], _widened(self._types, width))]
        joined = [np.concatenate([b[rows], n]) for b, n in zip(before, new, strict=True)]
        order = np.argsort(joined[0])
        self._pmids, self._years, self._statuses, self._types = (part[order] for part in joined)
        self._filled = len(order)

    def write(self, folder: Path) -> int:
        """Write the files; return how many documents are retracted."""
        assert self._filled == len(self._pmids)
        arrays: tuple[NDArray[Any], ...] = (self._pmids, self._years, self._statuses, self._types)
        for name, array in zip(Columns.FILES, arrays, strict=True):
            np.save(folder / f"{name}.npy", array, allow_pickle=False)
        (folder / "types.json").write_bytes(orjson.dumps(list(self._vocabulary)))
        return int(np.count_nonzero(self._statuses == STATUSES.index(Status.RETRACTED)))


def _widened(bits: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    return np.pad(bits, ((0, 0), (0, width - bits.shape[1])))
