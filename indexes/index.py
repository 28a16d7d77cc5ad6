"""An open index: search it, get documents out of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from .building import open_encoder
from .columns import Columns
from .document import Document
from .encoders import Encoder
from .errors import CorruptIndexError, IndexesError
from .factories import gpus
from .fields import valid
from .filters import Filter, Mode
from .fusion import CANDIDATES, Scores, convex, reciprocal_rank
from .lexical import LexicalIndex
from .manifest import Manifest, read_manifest
from .store import Store
from .vectors import DenseIndex, Effort, Slice

MODES: tuple[str, ...] = get_args(Mode)
Ranking = tuple[Scores, NDArray[np.int64]]
"""Scores and PMIDs of the same documents, best first."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A found document. Scores are comparable within one query and mode only; `rank` counts from 1.

    `match` is comparable between queries: the share of the question's terms that the document has, weighted by idf,
    0 to 1. Repetitions count once, or many mentions of common words would outweigh a drug that is not mentioned.
    """

    rank: int
    document: Document
    score: float
    match: float

    @property
    def pmid(self) -> str:
        return self.document.pmid

    def to_dict(self) -> dict[str, Any]:
        """Return it as `search --json` prints it."""
        document = self.document
        return {
            "rank": self.rank,
            "pmid": document.pmid,
            "title": document.title,
            "text": document.text,
            "year": document.year,
            "journal": document.journal,
            "publication_types": list(document.publication_types),
            "status": document.status,
            "notices": [{"status": n.status, "pmid": n.pmid, "source": n.source} for n in document.notices],
            "score": self.score,
            "match": self.match,
        }


class Index:
    """An index directory, opened for reading at its current generation; later updates do not disturb it.

    The encoder is loaded at the first search that needs it. `gpu` searches FAISS on the first GPU.
    """

    def __init__(self, directory: Path, *, encoder: str | Encoder | None = None, gpu: bool = False):
        self.directory = directory
        self._encoder: Encoder | None = None
        self._asked = encoder
        self._last_query: tuple[str, NDArray[np.float32]] | None = None
        self._last_filter: tuple[Filter, Slice | None] | None = None
        if gpu and not gpus():
            raise IndexesError(
                "FAISS sees no GPU here: install clinrag[gpu] on a machine with one, or search on the CPU"
            )
        self.manifest, self._store, self._columns, self._lexical, self._dense = _open_generation(directory, gpu)
        if encoder is not None:  # a wrong one is an error at once, not at the first search
            self._encoder = open_encoder(self.manifest, directory, encoder)

    def __enter__(self) -> Index:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._store.close()

    def __len__(self) -> int:
        return self.manifest.documents

    @property
    def encoder(self) -> Encoder:
        if self._encoder is None:
            self._encoder = open_encoder(self.manifest, self.directory, self._asked)
        return self._encoder

    @property
    def pmids(self) -> NDArray[np.int64]:
        """Every PMID, rising."""
        return np.asarray(self._columns.pmids, dtype=np.int64)

    @property
    def publication_types(self) -> list[str]:
        """Every publication type that occurs, in lower case."""
        return self._columns.publication_types

    def get(self, pmid: str) -> Document | None:
        return self._store.get(int(pmid)) if pmid.isascii() and pmid.isdigit() and len(pmid) < 19 else None

    def search(self, query: str, k: int = 10, *, where: Filter = Filter(), mode: Mode = "hybrid") -> list[Hit]:
        """Return the k best documents that the filter admits, fewer only where fewer are admitted or match.

        Lexical search returns documents that share a term with the query; the other modes rank all.

        Raises:
            IndexesError: the query is blank, k below 1, or the mode unknown.
        """
        scores, pmids = self.rank(query, k, where=where, mode=mode)
        documents = [self._store.get(pmid) for pmid in pmids.tolist()]
        found = zip(scores.tolist(), self._covered(query, documents), documents, strict=True)
        return [Hit(rank, d, score, match) for rank, (score, match, d) in enumerate(found, 1) if d is not None]

    def match(self, query: str, pmids: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how much of a question each document covers, [n]; see `Hit`. 0 for a PMID that is not here."""
        return np.array(self._covered(query, map(self._store.get, pmids.tolist())))

    def _covered(self, query: str, documents: Iterable[Document | None]) -> list[float]:
        return self._lexical.coverage(query, (d.text if d else "" for d in documents))

    def rank(self, query: str, k: int, *, where: Filter = Filter(), mode: Mode = "hybrid") -> Ranking:
        """Search without fetching documents; ties are broken by rising PMID.

        Only at the cut of a lexical search, more than 32 equal documents may leave out some of lower PMID.
        """
        if not query.strip():
            raise IndexesError("the query is empty: give a question or some words")
        if k < 1:
            raise IndexesError(f"k is {k}: ask for at least 1 document")
        if mode not in MODES:
            raise IndexesError(f"unknown mode {mode!r}: use one of {', '.join(MODES)}")
        k = min(k, len(self))
        if mode == "lexical":
            scores, pmids = self._lexical.search(query, k + 32, where=where)  # ties at the cut are settled by PMID
            return scores[:k], pmids[:k]
        vector = self._vector(query)
        allowed = self._allowed(where)
        if mode == "dense":
            return self._nearest(vector, k, allowed)
        return self._fused(query, vector, k, where, allowed, mode)

    def _vector(self, query: str) -> NDArray[np.float32]:
        """Embed a query, [1, dimension]; the last one is kept, because one question is often searched twice."""
        last = self._last_query
        if last is None or last[0] != query:
            last = self._last_query = (query, self.encoder.encode([valid(query)], "query"))
        return last[1]

    def _fused(
        self,
        query: str,
        vector: NDArray[np.float32],
        k: int,
        where: Filter,
        allowed: Slice | None,
        mode: Mode,
    ) -> Ranking:
        """Rank the best of both searches by both scores; each candidate gets the score it lacks computed.

        What BM25 did not find scores no more than the last it found: where that is too little for the k best, the
        exact score is not computed, which takes as long as a search.
        """
        depth = max(CANDIDATES, 2 * k)
        word_scores, by_words = self._lexical.search(query, depth, where=where)
        cosines, by_meaning = self._nearest(vector, depth, allowed)
        pmids = np.union1d(by_words, by_meaning)
        bm25, cosine = _spread(word_scores, by_words, pmids), _spread(cosines, by_meaning, pmids)
        far = np.isnan(cosine)
        cosine[far] = self._dense.vectors(pmids[far]) @ vector[0]
        unsaid = np.isnan(bm25)
        bm25[unsaid] = 0.0
        if len(by_words) < depth:  # no other document has any of the terms
            unsaid[:] = False
        elif mode == "hybrid":
            most = convex(np.where(unsaid, word_scores[-1], bm25), cosine, documents=len(self))
            unsaid &= most >= np.partition(convex(bm25, cosine, documents=len(self)), -k)[-k]
        if unsaid.any():
            scores, which = self._lexical.search(query, int(unsaid.sum()), among=pmids[unsaid])
            bm25[np.searchsorted(pmids, which)] = scores
        fused = reciprocal_rank(bm25, cosine) if mode == "rrf" else convex(bm25, cosine, documents=len(self))
        order = np.argsort(-fused, kind="stable")[:k]
        return fused[order], pmids[order]

    def _nearest(self, vector: NDArray[np.float32], k: int, allowed: Slice | None) -> Ranking:
        scores, pmids = self._dense.search(vector, min(k, len(self)), among=allowed)
        real = pmids[0] >= 0
        return scores[0][real], pmids[0][real]

    def _allowed(self, where: Filter) -> Slice | None:
        """Return what a filter admits, None for all; the last is kept, because most searches share one filter."""
        last = self._last_filter
        if last is None or last[0] != where:
            mask = self._columns.mask(where)
            last = self._last_filter = (where, None if mask is None or mask.all() else Slice.of(mask))
        return last[1]


def _spread(scores: Scores, of: NDArray[np.int64], over: NDArray[np.int64]) -> Scores:
    """Return the scores at the places of their documents among others, rising; NaN for the others."""
    spread = np.full(len(over), np.nan, dtype=np.float32)
    spread[np.searchsorted(over, of)] = scores
    return spread


def _open_generation(directory: Path, gpu: bool) -> tuple[Manifest, Store, Columns, LexicalIndex, DenseIndex]:
    for attempt in range(3):
        manifest = read_manifest(directory)
        folder = directory / "generations" / manifest.generation
        try:
            effort = Effort(manifest.faiss.get("nprobe", 0), manifest.faiss.get("refine", 0))
            dense = DenseIndex(folder, effort=effort, gpu=gpu)
            return (
                manifest,
                Store(folder / "documents.sqlite"),
                Columns(folder),
                LexicalIndex(folder / "lexical"),
                dense,
            )
        except (OSError, RuntimeError, ValueError, EOFError, TypeError, AttributeError, sqlite3.Error) as error:
            # An update may have pruned this generation between reading the manifest and opening the files.
            if attempt < 2 and read_manifest(directory).generation != manifest.generation:
                continue
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise CorruptIndexError(
                f"{folder} cannot be opened ({reason}); see what is damaged: clinrag index verify {directory}"
            ) from error
    raise AssertionError("unreachable")
