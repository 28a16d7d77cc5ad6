"""Recall against brute force: measured on every index, and searched for where FAISS is approximate."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .encoders import Encoder, Vectors
from .questions import read_texts
from .store import Store
from .vectors import DenseIndex, Effort, Positions

K = 10
QUERIES = 200
TUNING_QUERIES = 1000  # half of them choose the effort, the other half measure what it brings
DEPTHS = (20, 40, 60, 90, 140, 200, 300, 400, 600, 800)  # candidates re-scored
SCATTERED = 8  # reading a row anywhere costs what reading so many bytes' worth of codes in a row costs
TIE = 1e-5


@dataclass(frozen=True, slots=True)
class Probe:
    """Queries with what brute force finds: `vectors` [n, dimension], `own` [n] the position that a query was made
    of (−1: none), `worst` [n] the least cosine that is still among the `wanted` [n] best of the others."""

    vectors: Vectors
    own: Positions
    wanted: Positions
    worst: NDArray[np.float32]

    def part(self, rows: slice) -> Probe:
        return Probe(self.vectors[rows], self.own[rows], self.wanted[rows], self.worst[rows])


def make_probe(
    index: DenseIndex, store: Store, encoder: Encoder, *, questions: Path | None = None, most: int = QUERIES
) -> Probe:
    """Encode the questions, or titles of documents spread over the index, and search all vectors for them."""
    if questions is not None:
        texts = read_texts(questions)
        texts = [texts[i] for i in np.linspace(0, len(texts) - 1, min(most, len(texts)), dtype=int)]
        own = np.full(len(texts), -1)
    else:
        own = np.linspace(0, len(index) - 1, min(most, len(index)), dtype=int)
        documents = [d for pmid in index.pmids[own].tolist() if (d := store.get(pmid))]
        texts = [d.title or d.abstract[:200] for d in documents]
    vectors = encoder.encode(texts, "query")
    best = np.full((len(texts), K), -np.inf, dtype=np.float32)
    for start, rows in index.blocks():
        scores = vectors @ rows.T
        inside = (own >= start) & (own < start + len(rows))
        scores[np.flatnonzero(inside), own[inside] - start] = -np.inf
        joined = np.concatenate([best, scores], axis=1)
        best = np.partition(joined, joined.shape[1] - K, axis=1)[:, -K:]
    wanted = np.minimum(K, len(index) - (own >= 0))
    worst = np.sort(best, axis=1)[np.arange(len(best)), K - np.maximum(wanted, 1)]
    return Probe(vectors, own, wanted, worst)


def recalls(index: DenseIndex, probe: Probe) -> NDArray[np.float64]:
    """Return each query's recall@10. A result counts if no more than nine others are truly nearer: ties do no harm."""
    scores, positions = index.nearest(probe.vectors, min(K + 1, len(index)))
    return _share(scores, positions, probe)


def _share(scores: Vectors, positions: Positions, probe: Probe) -> NDArray[np.float64]:
    true = (scores >= probe.worst[:, None] - TIE) & (positions >= 0) & (positions != probe.own[:, None])
    share = np.minimum(true.sum(axis=1) / np.maximum(probe.wanted, 1), 1.0)
    return np.where(probe.wanted > 0, share, 1.0)  # an index of one document has nothing to miss


def settle(index: DenseIndex, probe: Probe, *, target: float) -> dict[str, Any]:
    """Set the index's effort and measure it; return what the manifest says about both.

    The queries that chose an effort do not measure it: a choice looks best on what it was made by.
    """
    if index.lists:
        index.effort = tune(index, probe.part(slice(0, None, 2)), target=target)
        probe = probe.part(slice(1, None, 2)) if len(probe.own) > 1 else probe
    shares = recalls(index, probe)
    return {
        "recall_at_10": float(shares.mean()),
        "recall_interval": wilson(float(shares.mean()), len(shares)),
        "recall_queries": len(shares),
        "recall_target": target,
        **asdict(index.effort),
    }


def tune(index: DenseIndex, probe: Probe, *, target: float) -> Effort:
    """Return the cheapest effort whose recall is a standard error above the target; the greatest, if none is.

    Costs are counted in bytes read, not timed, so that equal indexes get equal settings.
    """
    best, lowest = Effort(index.lists, DEPTHS[-1] - K), math.inf
    for nprobe in _steps(index.lists):
        scan = nprobe / index.lists * len(index) * index.code_bytes
        if scan >= lowest:
            break
        found = index.candidates(probe.vectors, DEPTHS[-1], nprobe)
        scores = np.stack([index.cosines(q, np.maximum(p, 0)) for q, p in zip(probe.vectors, found, strict=True)])
        for depth in DEPTHS:
            share = _share(scores[:, :depth], found[:, :depth], probe)
            cost = scan + depth * 2 * probe.vectors.shape[1] * SCATTERED
            if cost < lowest and share.mean() - share.std() / math.sqrt(len(share)) >= target:
                best, lowest = Effort(nprobe, depth - K), cost
    return best


def wilson(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """Return Wilson's 95 % interval with queries as units: too wide rather than too narrow, as a query's recall
    varies less than a yes or no of the same mean, and never empty."""
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def _steps(lists: int) -> list[int]:
    """Return 1, 2, 3, 4, 6, 8, 11, 16, … up to the number of lists."""
    steps = {round(2 ** (i / 2)) for i in range(2 * lists.bit_length() + 1)}
    return sorted({min(step, lists) for step in steps})
