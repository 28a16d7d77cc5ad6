"""Measure a verifier on judged claims, beside its baselines and its parts, with intervals by resampling papers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from .claims import DIRECTIONS, read_claim
from .evidence_rules import read_evidence
from .logistic import brier, calibration_error
from .marking import key_words

if TYPE_CHECKING:
    from .neighbours import Encode
from .verifier import Verifier, windows_of
from .verifier_calibration import CONTRADICTED, SUPPORTED, UNVERIFIABLE, Judged

Array = NDArray[np.float64]


class Estimate(NamedTuple):
    """A value with its 95 % percentile interval over resampled papers, and the number of claims."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}], n = {self.n}"


def auroc(scores: Array, positive: NDArray[np.bool_]) -> float:
    """Return the probability that a positive scores above a negative, ties counting half (Mann-Whitney)."""
    n, m = int(positive.sum()), int((~positive).sum())
    if not n or not m:
        return float("nan")
    return float((rankdata(scores)[positive].sum() - n * (n + 1) / 2) / (n * m))


def balanced_accuracy(probabilities: Array, labels: NDArray[np.int64]) -> float:
    """Return the mean recall over the labels that occur."""
    said = probabilities.argmax(axis=1)
    return float(np.mean([(said[labels == c] == c).mean() for c in np.unique(labels)]))


def estimate(
    measure: Callable[[NDArray[np.int64]], float], groups: Sequence[str], *, draws: int = 500, seed: int = 0
) -> Estimate:
    """Estimate a measure of a selection of claims by drawing whole papers with replacement."""
    names, of = np.unique(np.array(groups), return_inverse=True)
    members = [np.flatnonzero(of == g) for g in range(len(names))]
    rng = np.random.default_rng(seed)
    drawn = [
        measure(np.concatenate([members[g] for g in rng.integers(0, len(names), len(names))])) for _ in range(draws)
    ]
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return Estimate(measure(np.arange(len(groups))), float(low), float(high), len(groups))


NOTHING_SAID = "The study was carried out as planned and its results are reported in this paper."


def support_scores(verifier: Verifier, judged: Sequence[Judged], encode: Encode) -> dict[str, Array]:
    """Return scores for "supported" by the verifier, by each of its parts, and by the baselines.

    "evidence withheld" is the model given a sentence that says nothing: what it can tell from the claim's wording.
    """
    pairs = [(j.claim, j.evidence) for j in judged]
    claims = [read_claim(j.claim) for j in judged]
    best = [next(iter(windows_of(*pair)), "") for pair in pairs]
    ruled = [read_evidence(c, e) for c, e in zip(claims, best, strict=True)]
    vectors = [np.asarray(encode(texts)) for texts in ([c for c, _ in pairs], best)]
    shared = [len(key_words(c) & key_words(e)) / max(1, len(key_words(c))) for c, e in pairs]

    def by_model(evidence: Sequence[str]) -> Array:
        read = verifier.directions(claims, evidence)
        return np.array([sum(r[DIRECTIONS.index(d)] for d in c.asserts) for r, c in zip(read, claims, strict=True)])

    return {
        "verifier": verifier.scores(pairs)[:, SUPPORTED].astype(np.float64),
        "model alone": by_model(best),
        "rules alone": np.array(
            [1.0 if r in c.asserts else 0.5 * (r == "nothing") for r, c in zip(ruled, claims, strict=True)]
        ),
        "evidence withheld": by_model([NOTHING_SAID] * len(claims)),
        "words shared": np.array(shared),
        "cosine": (vectors[0] * vectors[1]).sum(axis=1).astype(np.float64),
    }


def figures(verifier: Verifier, judged: Sequence[Judged], encode: Encode) -> dict[str, Any]:
    """Return AUROCs by contrast and scorer, and the verifier's balanced accuracy, calibration, and hits by kind."""
    labels = np.array([j.label for j in judged])
    groups = [j.group for j in judged]
    scores = support_scores(verifier, judged, encode)
    result: dict[str, Any] = {}
    for name, wrong in (("contradicted", CONTRADICTED), ("unverifiable", UNVERIFIABLE)):
        chosen = np.flatnonzero((labels == SUPPORTED) | (labels == wrong))
        result[f"supported vs {name}"] = {
            scorer: estimate(_auroc_of(values[chosen], labels[chosen] == SUPPORTED), [groups[i] for i in chosen])
            for scorer, values in scores.items()
        }
    probabilities = verifier.scores([(j.claim, j.evidence) for j in judged]).astype(np.float64)
    kinds = np.array([j.kind for j in judged])
    right = probabilities.argmax(axis=1) == labels
    result["balanced accuracy"] = estimate(lambda d: balanced_accuracy(probabilities[d], labels[d]), groups)
    result["calibration error"] = calibration_error(probabilities, labels)
    result["brier"] = brier(probabilities, labels)
    result["right by kind"] = {str(k): float(right[kinds == k].mean()) for k in sorted(set(kinds))}
    return result


def _auroc_of(scores: Array, positive: NDArray[np.bool_]) -> Callable[[NDArray[np.int64]], float]:
    return lambda drawn: auroc(scores[drawn], positive[drawn])
