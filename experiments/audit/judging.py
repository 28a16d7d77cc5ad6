"""Layer B: from a checker's probabilities over chunks of evidence to one verdict on a claim.

What it cannot see: what the checker misreads; evidence that retrieval or the relevance gate did not bring; and whether
a claim that nothing speaks to is true.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from .checker import Checker
from .evidence import Chunk
from .records import Verdict

SUPPORTS = 0.5  # a chunk speaks for a claim from this probability on …
CONTRADICTS = 0.5  # … and against it from this one

Scores = tuple[float, float, float]  # supported, contradicted, unverifiable; of one (claim, chunk) pair
Pair = tuple[str, str]


class Judged(NamedTuple):
    """A verdict with its probabilities and the chunks it rests on, the most telling first."""

    verdict: Verdict
    scores: dict[str, float]
    chunks: tuple[Chunk, ...]


def score_pairs(checker: Checker, pairs: Iterable[Pair]) -> dict[Pair, Scores]:
    """Return the checker's scores of (claim, evidence) pairs, each asked once."""
    distinct = list(dict.fromkeys(pairs))
    rows = checker.scores(distinct).tolist() if distinct else []
    return {pair: (row[0], row[1], row[2]) for pair, row in zip(distinct, rows, strict=True)}


def judge(claim: str, chunks: Sequence[Chunk], scores: Mapping[Pair, Scores]) -> Judged:
    """Return the verdict on a claim: the highest support and the highest contradiction over its chunks decide.

    Conflicting needs two chunks, one that supports and another that contradicts; without chunks nothing was near
    enough to be asked, and the claim is unverifiable.
    """
    if not chunks:
        return Judged(Verdict.UNVERIFIABLE, {}, ())
    rows = [scores[claim, chunk.text] for chunk in chunks]
    support, against = max(row[0] for row in rows), max(row[1] for row in rows)
    yes, no = support >= SUPPORTS, against >= CONTRADICTS
    verdict = (
        Verdict.CONFLICTING
        if yes and no
        else Verdict.SUPPORTED
        if yes
        else Verdict.CONTRADICTED
        if no
        else Verdict.UNVERIFIABLE
    )
    telling = sorted(zip(rows, range(len(rows)), strict=True), key=lambda one: _weight(one[0], verdict))
    found = {"supported": support, "contradicted": against, "unverifiable": min(row[2] for row in rows)}
    return Judged(verdict, found, tuple(chunks[place] for _, place in telling))


def _weight(row: Scores, verdict: Verdict) -> float:
    """Return how little a chunk says for the verdict: for a contradiction what contradicts comes first."""
    if verdict == Verdict.SUPPORTED:
        return -row[0]
    return row[2] if verdict == Verdict.UNVERIFIABLE else -row[1]
