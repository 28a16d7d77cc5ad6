"""Measure retrieval with questions whose answers' PMIDs are known."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .filters import Filter, Mode
from .index import Index
from .questions import Question

DEPTH = 10


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Means over questions; `missing_gold` counts gold PMIDs that the index lacks, which no search can find.

    A gold paper that the filter leaves out (by default: a retracted one) is not missing, but not found either.
    """

    mode: str
    queries: int
    k: int
    recall: dict[int, float]
    mrr: float
    ndcg: float
    ms_per_query: float
    missing_gold: int

    def to_dict(self) -> dict[str, object]:
        return {
            "mode": self.mode,
            "queries": self.queries,
            "k": self.k,
            **{f"recall@{k}": v for k, v in sorted(self.recall.items())},
            f"mrr@{DEPTH}": self.mrr,
            f"ndcg@{DEPTH}": self.ndcg,
            "ms_per_query": self.ms_per_query,
            "missing_gold": self.missing_gold,
        }


def recall_at(ranked: Sequence[str], gold: frozenset[str], *, k: int) -> float:
    """Return the share of the gold documents among the first k."""
    return len(gold & set(ranked[:k])) / len(gold)


def reciprocal_rank(ranked: Sequence[str], gold: frozenset[str], *, k: int = DEPTH) -> float:
    """Return 1 / rank of the first gold document, 0 where none is among the first k."""
    return next((1 / rank for rank, pmid in enumerate(ranked[:k], 1) if pmid in gold), 0.0)


def ndcg_at(ranked: Sequence[str], gold: frozenset[str], *, k: int = DEPTH) -> float:
    """Return nDCG with binary gains and log2 discount (Järvelin and Kekäläinen, TOIS 2002)."""
    gain = sum(1 / math.log2(rank + 1) for rank, pmid in enumerate(ranked[:k], 1) if pmid in gold)
    return gain / sum(1 / math.log2(rank + 1) for rank in range(1, min(k, len(gold)) + 1))


def evaluate(
    index: Index,
    questions: Sequence[Question],
    *,
    mode: Mode = "hybrid",
    k: int = DEPTH,
    where: Filter = Filter(),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Search for every question, one at a time, and average over them."""
    depth = max(k, DEPTH)
    cutoffs = sorted({1, 5, DEPTH, k})
    recall = dict.fromkeys(cutoffs, 0.0)
    mrr = ndcg = 0.0
    index.search(questions[0].question, 1, where=where, mode=mode)  # loads the model; not part of a query's time
    seconds = 0.0
    for n, question in enumerate(questions):
        started = time.perf_counter()
        hits = index.search(question.question, depth, where=where, mode=mode)
        seconds += time.perf_counter() - started
        ranked = [hit.pmid for hit in hits]
        for cutoff in cutoffs:
            recall[cutoff] += recall_at(ranked, question.gold_pmids, k=cutoff)
        mrr += reciprocal_rank(ranked, question.gold_pmids)
        ndcg += ndcg_at(ranked, question.gold_pmids)
        progress(n + 1, len(questions))
    total = len(questions)
    golds = {pmid for q in questions for pmid in q.gold_pmids}
    return Evaluation(
        mode=mode,
        queries=total,
        k=k,
        recall={cutoff: value / total for cutoff, value in recall.items()},
        mrr=mrr / total,
        ndcg=ndcg / total,
        ms_per_query=1000 * seconds / total,
        missing_gold=sum(index.get(p) is None for p in golds),
    )
