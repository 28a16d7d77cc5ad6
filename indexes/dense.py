"""Write the dense part of a generation: vectors, the FAISS index over them, and how hard to search it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from .encoders import Encoder, unit
from .errors import IndexesError
from .factories import choose_factory, drop_and_renumber, lists_of, make_empty, train, training_rows
from .mapping import Report
from .questions import read_texts
from .store import Store
from .tuning import QUERIES, TUNING_QUERIES, make_probe, settle
from .vectors import BLOCK, DenseIndex, open_rows, write_rows

QUESTIONS = "questions.jsonl"
TARGET = 0.98
GIVEN = "questions given with --queries"
TITLES = "titles of its documents, each document left out of its own results"


@dataclass(frozen=True, slots=True)
class Dense:
    """What the dense part shall be: a FAISS factory string (None: chosen by size), the recall@10 to reach where it
    is approximate, and a JSONL file of real questions to tune and measure it with (None: titles)."""

    factory: str | None = None
    target: float = TARGET
    questions: Path | None = None

    def check(self) -> None:
        """Find what is wrong with these wishes before hours of embedding.

        Raises:
            IndexesError, SourceError: the factory string, the target or the questions are unusable.
        """
        if self.factory is not None:
            make_empty(self.factory, 384)  # the encoder's dimension may still not fit; that is said after embedding
        if not 0 < self.target < 1:
            raise IndexesError(f"the recall to reach is {self.target}: give a number between 0 and 1, such as 0.98")
        if self.questions is not None:
            read_texts(self.questions)

    @staticmethod
    def of(generation: Path, faiss: dict[str, Any]) -> Dense:
        """Return what an existing generation was asked to be."""
        questions = generation / QUESTIONS
        asked = faiss.get("asked_factory"), faiss.get("recall_target", TARGET)
        return Dense(*asked, questions if questions.is_file() else None)


class Before(NamedTuple):
    """The generation to grow out of: its folder, the manifest's `faiss`, and the PMIDs changed since (rising)."""

    folder: Path
    faiss: dict[str, Any]
    changed: NDArray[np.int64]


def write_dense(
    work: Path,
    blocks: Iterable[NDArray[np.float16]],
    store: Store,
    encoder: Encoder,
    *,
    dense: Dense,
    before: Before | None,
    report: Report,
) -> dict[str, Any]:
    """Write `vectors.f16` and `vectors.faiss`; return the manifest's `faiss`.

    An index in lists that an update changes a little is not trained again, until it has doubled in size, or needs
    twice the lists to reach the recall it had: then the lists no longer fit what is in them.
    """
    write_rows(work / "vectors.f16", blocks)
    if dense.questions is not None:
        shutil.copyfile(dense.questions, work / QUESTIONS)
    rows = open_rows(work, encoder.info.dimension)
    if before is not None and before.faiss.get("nprobe") and len(rows) <= 2 * before.faiss["trained_documents"]:
        report("FAISS", 0, len(rows))
        faiss.write_index(_grown(work, rows, before), str(work / "vectors.faiss"))
        kept = {key: before.faiss[key] for key in ("trained_documents", "trained_nprobe")}
        record = _record(work, store, encoder, before.faiss["factory"], dense, report)
        if record["nprobe"] <= 2 * kept["trained_nprobe"]:
            return record | kept
    factory = dense.factory or choose_factory(len(rows), encoder.info.dimension)
    index = make_empty(factory, encoder.info.dimension)
    report("training", 0, 1)
    if not index.is_trained:
        train(index, unit(rows[training_rows(index, len(rows))]))
    for start in range(0, len(rows), BLOCK):
        report("FAISS", start, len(rows))
        index.add(unit(rows[start : start + BLOCK]))
    faiss.write_index(index, str(work / "vectors.faiss"))
    divided = lists_of(index) is not None
    del index  # it is opened again, mapped
    record = _record(work, store, encoder, factory, dense, report)
    return record | ({"trained_documents": len(rows), "trained_nprobe": record["nprobe"]} if divided else {})


def _grown(work: Path, rows: NDArray[np.float16], before: Before) -> Any:
    """Take what changed out of the old index, number the rest as in the new `pmids.npy`, and add what is new."""
    index = faiss.read_index(str(before.folder / "vectors.faiss"))
    old, new = (np.load(folder / "pmids.npy", mmap_mode="r", allow_pickle=False) for folder in (before.folder, work))
    stays = ~np.isin(old, before.changed)
    drop_and_renumber(index, np.where(stays, np.searchsorted(new, old), -1))
    added = np.flatnonzero(~np.isin(new, old[stays]))
    if len(added):
        index.add_with_ids(unit(rows[added]), added)
    return index


def _record(work: Path, store: Store, encoder: Encoder, factory: str, dense: Dense, report: Report) -> dict[str, Any]:
    """Measure the index as written, after choosing how hard to search it."""
    report("recall", 0, 1)
    index = DenseIndex(work)
    most = TUNING_QUERIES if index.lists else QUERIES
    probe = make_probe(index, store, encoder, questions=dense.questions, most=most)
    return {
        "factory": factory,
        "asked_factory": dense.factory,
        "metric": "inner product",
        **settle(index, probe, target=dense.target),
        "recall_queries_from": GIVEN if dense.questions else TITLES,
    }
