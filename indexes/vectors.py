"""The dense index: FAISS finds candidates, the vectors themselves (float16, memory-mapped) give their cosines.

FAISS's ids are positions in `pmids.npy` and rows of `vectors.f16`: an id map of PMIDs would have to be read and
hashed at every opening (seconds at a million documents), and a filter over positions is a bitmap as it stands.
"""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from .encoders import Vectors, unit
from .factories import lists_of

SLICE = 20_000  # documents a filter admits: up to here comparing all of them is exact and takes some 10 ms
BLOCK = 8192
MAPPED = 64 << 20  # bytes; a file of this size may stay in memory, where a row takes a tenth of a microsecond
SINGLY = 2048  # rows; reading one from a larger file takes a microsecond
MOST = 0.95  # share of documents admitted from which a GPU's results may be filtered: refining leaves enough
Positions = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to look: lists visited (0 where the index has none), candidates re-scored beyond the k asked for."""

    nprobe: int = 0
    refine: int = 0


class Slice(NamedTuple):
    """The documents a filter admits, as a mask over positions, as FAISS's bitmap, and counted."""

    mask: NDArray[np.bool_]
    bits: NDArray[np.uint8]
    size: int

    @staticmethod
    def of(mask: NDArray[np.bool_]) -> Slice:
        return Slice(mask, np.packbits(mask, bitorder="little"), int(np.count_nonzero(mask)))


def write_rows(path: Path, blocks: Iterable[NDArray[np.float16]]) -> None:
    """Write the vectors, one row of raw little-endian float16 per position."""
    with path.open("wb") as stream:
        for block in blocks:
            stream.write(block.astype("<f2", copy=False).tobytes())


def open_rows(folder: Path, dimension: int) -> NDArray[np.float16]:
    """Map the vectors of a generation, [n, dimension]."""
    return np.memmap(folder / "vectors.f16", dtype="<f2", mode="r").reshape(-1, dimension)


class StoredRows:
    """Rows of `vectors.f16`. Of a large file some hundreds are read one by one: mapped, each would bring in the pages
    around it, and soon the whole file would count as this process's memory. Many are mapped, and given back."""

    def __init__(self, folder: Path, dimension: int):
        self._file = (folder / "vectors.f16").open("rb", buffering=0)
        self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        self._array = np.frombuffer(self._map, dtype="<f2").reshape(-1, dimension)

    def __del__(self) -> None:
        self._file.close()

    def take(self, positions: Positions) -> NDArray[np.float16]:
        if len(self._map) <= MAPPED:
            return self._array[positions]
        if len(positions) <= SINGLY:
            size, handle = 2 * self._array.shape[1], self._file.fileno()
            read = b"".join([os.pread(handle, size, place) for place in (positions * size).tolist()])
            return np.frombuffer(read, dtype="<f2").reshape(-1, self._array.shape[1])
        rows: NDArray[np.float16] = self._array[positions]
        if hasattr(self._map, "madvise"):
            self._map.madvise(mmap.MADV_DONTNEED)  # they stay in the system's cache
        return rows


class DenseIndex:
    """The open dense part of a generation; nothing is read that can be mapped.

    `gpu` copies the FAISS part to the first GPU, for indexes that are searched thousands of times.
    """

    def __init__(self, folder: Path, *, effort: Effort = Effort(), gpu: bool = False):
        path = folder / "vectors.faiss"
        # Lists map themselves; for flat codes only the newer way to map does not copy.
        flags = faiss.IO_FLAG_MMAP if effort.nprobe else faiss.IO_FLAG_MMAP_IFC
        self._file = self._index = faiss.read_index(str(path), flags | faiss.IO_FLAG_READ_ONLY)
        if isinstance(self._file, faiss.IndexIDMap2):  # format 1; its ids rise, so that positions are the same
            self._index = faiss.downcast_index(self._file.index)  # `_file` stays, it owns the inner one
        if self._file.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise ValueError(f"{path} has FAISS metric {self._file.metric_type}, not inner product")
        self._gpu = faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), 0, self._index) if gpu else None
        self.effort = effort
        self.pmids: NDArray[np.int64] = np.load(folder / "pmids.npy", mmap_mode="r", allow_pickle=False)
        if len(self.pmids) != self._file.ntotal:
            raise ValueError(f"{path} holds {self._file.ntotal} vectors, there are {len(self.pmids)} PMIDs")
        self._rows = StoredRows(folder, self._file.d) if (folder / "vectors.f16").is_file() else None

    def search(self, queries: Vectors, k: int, *, among: Slice | None = None) -> tuple[Vectors, NDArray[np.int64]]:
        """Return cosines and PMIDs, [n queries, k] each, best first, ties by rising PMID, −1 where there are fewer.

        `among` restricts the search before ranking. A small slice is compared as a whole, so that it is exact;
        in a large one so many more lists are visited that as many admitted documents are met as without a filter.
        """
        scores, positions = self.nearest(queries, k, among=among)
        return scores, np.where(positions >= 0, self.pmids[positions], -1)

    def nearest(self, queries: Vectors, k: int, *, among: Slice | None = None) -> tuple[Vectors, Positions]:
        """Search as `search` does; return positions instead of PMIDs."""
        if among is not None and among.size <= SLICE:
            return self._compared(queries, k, np.flatnonzero(among.mask))
        there = len(self) if among is None else among.size
        nprobe = min(math.ceil(self.effort.nprobe * len(self) / there), self.lists)
        depth = k + self.effort.refine
        found = self.candidates(queries, depth, nprobe, among=among)
        if self.lists and (found >= 0).sum(axis=1).min(initial=k) < min(k, there):
            found = self.candidates(queries, depth, self.lists, among=among)  # ten asked for are ten returned
            if (found >= 0).sum(axis=1).min() < min(k, there):  # PQ fast scan drops what it takes for orthogonal
                return self._compared(queries, k, np.flatnonzero(among.mask) if among else np.arange(len(self)))
        return self._rescored(queries, k, found)

    def candidates(self, queries: Vectors, k: int, nprobe: int, *, among: Slice | None = None) -> Positions:
        """Return FAISS's own ranking, [n queries, k]; with an index in lists, of the `nprobe` nearest of them."""
        if self._gpu is not None and (among is None or among.size > MOST * len(self)):
            on_gpu = faiss.SearchParametersIVF(nprobe=nprobe) if self.lists else None  # it knows no selectors
            found: Positions = self._gpu.search(queries, min(k, len(self)), params=on_gpu)[1]
            return found if among is None else np.where((found >= 0) & among.mask[found], found, -1)
        selector = faiss.IDSelectorBitmap(among.bits) if among else None
        parameters: Any = faiss.SearchParameters(sel=selector)
        if self.lists:
            coarse = None
            if isinstance(faiss.downcast_index(self._index.quantizer), faiss.IndexHNSW):
                # as many as are wanted would be found too loosely: a third of the lists would be wrong ones
                coarse = faiss.SearchParametersHNSW(efSearch=2 * nprobe)
            parameters = faiss.SearchParametersIVF(sel=selector, nprobe=nprobe, quantizer_params=coarse)
        found = self._index.search(queries, min(k, len(self)), params=parameters)[1]
        return np.asarray(found, dtype=np.int64)

    @property
    def lists(self) -> int:
        """How many lists the index is divided into, 0 if it is not."""
        return int(self._file.nlist) if lists_of(self._file) else 0

    @property
    def code_bytes(self) -> int:
        return int(self._file.code_size)

    def cosines(self, query: NDArray[np.float32], positions: Positions) -> NDArray[np.float32]:
        cosines: NDArray[np.float32] = self.rows(positions) @ query
        return cosines

    def rows(self, positions: Positions) -> Vectors:
        """Return unit vectors, [n, dimension]."""
        if self._rows is None:
            stored: Vectors = self._index.reconstruct_batch(positions)
            return stored
        return unit(self._rows.take(positions))  # float16 moved the length off 1 by up to 2e-4

    def vectors(self, pmids: NDArray[np.int64]) -> Vectors:
        """Return the unit vectors of these PMIDs, all of which the index must hold."""
        return self.rows(np.searchsorted(self.pmids, pmids))

    def blocks(self, size: int = BLOCK) -> Iterator[tuple[int, Vectors]]:
        """Yield all vectors with the position of the first, in order: what brute force compares with."""
        for start in range(0, len(self), size):
            yield start, self.rows(np.arange(start, min(start + size, len(self))))

    def __len__(self) -> int:
        return len(self.pmids)

    def held(self) -> NDArray[np.int64]:
        """Return the PMIDs that FAISS itself holds, rising: all of `pmids`, if nothing went wrong."""
        if isinstance(self._file, faiss.IndexIDMap2):
            return np.sort(faiss.vector_to_array(self._file.id_map))
        if not self.lists:
            return self.pmids
        lists = self._file.invlists
        ids = [
            faiss.rev_swig_ptr(lists.get_ids(n), size).copy() for n in range(self.lists) if (size := lists.list_size(n))
        ]
        return np.sort(self.pmids[np.concatenate(ids)])

    def _compared(self, queries: Vectors, k: int, positions: Positions) -> tuple[Vectors, Positions]:
        """Compare with all of these (rising), a block at a time."""
        starts = range(0, len(positions), BLOCK)
        cosines = np.concatenate(
            [queries @ self.rows(positions[i : i + BLOCK]).T for i in starts] or [np.zeros((len(queries), 0))], axis=1
        )
        order = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
        missing = ((0, 0), (0, k - order.shape[1]))
        scores = np.pad(np.take_along_axis(cosines, order, axis=1), missing, constant_values=-np.inf)
        return scores.astype(np.float32), np.pad(positions[order], missing, constant_values=-1)

    def _rescored(self, queries: Vectors, k: int, candidates: Positions) -> tuple[Vectors, Positions]:
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        positions = np.full((len(queries), k), -1, dtype=np.int64)
        for number, (query, row) in enumerate(zip(queries, candidates, strict=True)):
            mine = np.sort(row[row >= 0])  # rising: neighbours on disk are read together, ties end up by PMID
            cosines = self.cosines(query, mine)
            best = np.argsort(-cosines, kind="stable")[:k]
            scores[number, : len(best)], positions[number, : len(best)] = cosines[best], mine[best]
        return scores, positions
