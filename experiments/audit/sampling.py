"""Layer C: how much further draws of the same answer agree with it. A signal of confidence, never a label.

SelfCheck-NLI (Manakul et al. 2023, arXiv:2303.08896): for each claim the mean over n further draws of P(contradicted),
among supported and contradicted; 0 says that every draw agrees. Semantic entropy (Farquhar et al. 2024, Nature
630:625), in its discrete form: draws that mean the same (the same option, or for texts entailment both ways) form a
cluster; −Σ p ln p over the clusters' shares, 0 if all mean the same, ln n if no two do.

What it cannot see: an error that a model makes in every draw.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from .judging import Pair, Scores


def selfcheck_pairs(claims: Sequence[str], draws: Sequence[str]) -> list[Pair]:
    """Return the (claim, draw) pairs whose scores `selfcheck` needs."""
    return [(claim, draw) for claim in claims for draw in draws]


def selfcheck(claim: str, draws: Sequence[str], scores: Mapping[Pair, Scores]) -> float | None:
    """Return the mean P(contradicted) of a claim over the draws, 0 to 1; None without draws."""
    if not draws:
        return None
    rows = [scores[claim, draw] for draw in draws]
    return sum(against / (for_ + against) if for_ + against else 0.5 for for_, against, _ in rows) / len(rows)


def semantic_clusters(texts: Sequence[str], same: Callable[[str, str], bool]) -> list[int]:
    """Return each text's cluster: that of the first text before it which means the same, else a new one."""
    first: list[str] = []
    found = []
    for text in texts:
        place = next((n for n, other in enumerate(first) if same(other, text)), len(first))
        if place == len(first):
            first.append(text)
        found.append(place)
    return found


def entropy(clusters: Sequence[int]) -> float | None:
    """Return −Σ p ln p over the clusters' shares; None with fewer than two draws, which cannot differ."""
    if len(clusters) < 2:
        return None
    shares = [count / len(clusters) for count in Counter(clusters).values()]
    return -sum(p * math.log(p) for p in shares) or 0.0
