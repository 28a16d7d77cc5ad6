"""Where each document's vector is: the shard and the row, as arrays by rising PMID."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .shards import Shard
from .store import Store

BLOCK = 8192


@dataclass(frozen=True, slots=True)
class Origins:
    """`pmids` rising, `shards` (numbers) and `rows` of the same documents, [n] each: 16 bytes a document."""

    pmids: NDArray[np.int64]
    shards: NDArray[np.int32]
    rows: NDArray[np.int32]

    @staticmethod
    def read(store: Store) -> Origins:
        kind = np.dtype([("pmid", np.int64), ("shard", np.int32), ("row", np.int32)])
        table = np.fromiter(store.origins(), dtype=kind)
        return Origins(*(np.ascontiguousarray(table[name]) for name in ("pmid", "shard", "row")))

    def vectors(self, shards: Sequence[Shard]) -> Iterator[NDArray[np.float16]]:
        """Gather the vectors from the shards, in blocks."""
        stored = [s.vectors() for s in shards]
        for start in range(0, len(self.pmids), BLOCK):
            numbers, rows = self.shards[start : start + BLOCK], self.rows[start : start + BLOCK]
            block = np.empty((len(rows), stored[0].shape[1]), dtype=np.float16)
            for number in np.unique(numbers).tolist():
                mine = numbers == number
                block[mine] = stored[number][rows[mine]]
            yield block

    def __len__(self) -> int:
        return len(self.pmids)
