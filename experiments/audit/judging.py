"""Layer B: from a checker's probabilities over chunks of evidence to one verdict on a claim.

What it cannot see: what the checker misreads; evidence that retrieval or the relevance gate did not bring; and whether
a claim that nothing speaks to is true.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from rag.aligning import content_words
from rag.conflicts import finding
from rag.directions import find_reversal
from rag.sentences import split_sentences

from .checker import Checker
from .evidence import Chunk
from .records import Verdict

SUPPORTS = 0.5  # a chunk speaks for a claim from this probability on …
CONTRADICTS = 0.5  # … and against it from this one
OPPOSED = 0.4  # share of a claim's words that a sentence of opposite finding must have to confirm a contradiction

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


def general(checker: Checker) -> bool:
    """Tell whether a checker knows contradictions of every kind (an NLI model), not of findings' directions only."""
    return bool(getattr(checker, "general", False))


def opposed(claim: str, chunk: str) -> bool:
    """Tell whether the exact rules too see a contradiction: an effect against none, or the reverse direction."""
    said, words = finding(claim), content_words(claim)
    against = any(
        said and (other := finding(text)) and other != said and len(words & content_words(text)) >= OPPOSED * len(words)
        for text, *_ in split_sentences(chunk)
    )
    return against or find_reversal(claim, [chunk]) is not None


def judge(claim: str, chunks: Sequence[Chunk], scores: Mapping[Pair, Scores], *, confirm: bool = False) -> Judged:
    """Return the verdict on a claim: the highest support and the highest contradiction over its chunks decide.

    confirm: a contradiction counts only where the exact rules see it too (`opposed`). For checkers that are not
    `general`: of 25 contradictions that the shipped verifier alone saw in real answers 3 were true.
    Conflicting needs two chunks, one that supports and another that contradicts; without chunks nothing was near
    enough to be asked, and the claim is unverifiable.
    """
    if not chunks:
        return Judged(Verdict.UNVERIFIABLE, {}, ())
    rows = [settled(claim, chunk.text, scores, confirm=confirm) for chunk in chunks]
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


def settled(claim: str, text: str, scores: Mapping[Pair, Scores], *, confirm: bool) -> Scores:
    """Return a text's scores for a claim; with `confirm`, a contradiction that is not confirmed is unverifiable."""
    row = scores[claim, text]
    if not confirm or row[1] < CONTRADICTS or opposed(claim, text):
        return row
    return row[0], 0.0, row[2] + row[1]


def _weight(row: Scores, verdict: Verdict) -> float:
    """Return how little a chunk says for the verdict: for a contradiction what contradicts comes first."""
    if verdict == Verdict.SUPPORTED:
        return -row[0]
    return row[2] if verdict == Verdict.UNVERIFIABLE else -row[1]
