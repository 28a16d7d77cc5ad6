"""What is gained by answering only where one is sure: risk against coverage, and a threshold that is tested elsewhere.

Risk is the share wrong among the answers let through, coverage the share let through, both among the answers that came
with a confidence (El-Yaniv & Wiener 2010; Geifman & El-Yaniv 2017). Answers of equal confidence enter together: no
threshold could part them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from experiments.estimates import Clusters, Interval, cluster_codes, finite, proportion_interval
from experiments.records import Record, Sample

from .calibration import confidences, confident

RISK = 0.05
DRAWS = 2000
CHUNK = 4_000_000  # numbers at once, about 32 MB
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A confidence to answer from, chosen on one half of the samples, and what it did on the other.

    `threshold` is None where no confidence on the first half keeps the risk: then it is best not to answer at all.
    """

    risk_wanted: float
    threshold: float | None
    chosen_on: int
    tested_on: int
    coverage: float | None = None
    coverage_ci95: Interval | None = None
    risk: float | None = None
    risk_ci95: Interval | None = None


@dataclass(frozen=True, slots=True)
class Selective:
    """How well a contender's confidence tells its right answers from its wrong ones."""

    n: int
    area: float
    coverage: float
    coverage_ci95: Interval | None
    threshold: Threshold | None


def selective(samples: Mapping[str, Sample], records: Sequence[Record], *, risk: float = RISK) -> Selective:
    """Return the figures of one contender on one task.

    Raises:
        MetricError: no record has probabilities.
    """
    known = confident(records)
    p, hits = confidences(known)
    clusters = [samples[r.sample].cluster or r.sample for r in known]
    return Selective(
        len(known),
        area_under_risk_coverage(p, hits),
        coverage_at_risk(p, hits, risk=risk),
        coverage_interval(p, hits, clusters, risk=risk),
        choose_and_test(p, hits, clusters, risk=risk),
    )


def area_under_risk_coverage(confidence: ArrayLike, correct: ArrayLike) -> float:
    """Return the mean risk over all coverages k/n: 0 best (Geifman, Uziel & El-Yaniv 2019).

    Within answers of equal confidence, the mean over all orders in which they could enter.
    """
    hits, last = _sorted(confidence, correct)
    ends = np.flatnonzero(last) + 1
    starts = np.concatenate(([0], ends[:-1]))
    wrong = np.concatenate(([0.0], np.cumsum(1 - hits)[ends - 1]))
    expected = np.empty(hits.size)
    for place, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        steps = np.arange(1, end - start + 1)
        expected[start:end] = wrong[place] + steps * (wrong[place + 1] - wrong[place]) / (end - start)
    return float(np.mean(expected / np.arange(1, hits.size + 1)))


def coverage_at_risk(confidence: ArrayLike, correct: ArrayLike, *, risk: float = RISK) -> float:
    """Return the largest coverage at which no more than `risk` of the answers are wrong; 0 where there is none."""
    hits, last = _sorted(confidence, correct)
    return float(_coverage(np.ones((1, hits.size)), hits, last, risk)[0])


def coverage_interval(
    confidence: ArrayLike, correct: ArrayLike, clusters: Clusters | None = None, *, risk: float = RISK, seed: int = 0
) -> Interval | None:
    """Return the 95 % bootstrap interval (percentile) of `coverage_at_risk`, whole clusters drawn; None with one."""
    p = finite(confidence)
    codes, count = cluster_codes(clusters, p.size)
    if count < 2:
        return None
    order = np.argsort(-p, kind="stable")
    hits, last = _sorted(confidence, correct)
    generator = np.random.default_rng(seed)
    found: list[Floats] = []
    rows = max(1, CHUNK // max(count, p.size))
    for start in range(0, DRAWS, rows):
        drawn = generator.multinomial(count, np.full(count, 1 / count), size=min(rows, DRAWS - start))
        found.append(_coverage(drawn[:, codes[order]].astype(np.float64), hits, last, risk))
    low, high = np.quantile(np.concatenate(found), [0.025, 0.975])
    return float(low), float(high)


def choose_and_test(
    confidence: ArrayLike, correct: ArrayLike, clusters: Sequence[Hashable], *, risk: float = RISK
) -> Threshold | None:
    """Choose the lowest threshold that keeps the risk on one half of the clusters and test it on the other.

    Which half a cluster is in follows from its name alone, so that every contender has the same halves. None where a
    half is empty.
    """
    p, hits = finite(confidence), finite(correct)
    first = np.array([development(cluster) for cluster in clusters], dtype=bool)
    if first.all() or not first.any():
        return None
    threshold = _lowest(p[first], hits[first], risk)
    chosen_on, tested_on = int(first.sum()), int((~first).sum())
    if threshold is None:
        return Threshold(risk, None, chosen_on, tested_on)
    names = [cluster for cluster, here in zip(clusters, first, strict=True) if not here]
    through = p[~first] >= threshold
    wrong = 1 - hits[~first][through]
    passed = [name for name, kept in zip(names, through, strict=True) if kept]
    return Threshold(
        risk,
        threshold,
        chosen_on,
        tested_on,
        float(through.mean()),
        proportion_interval(through.astype(float), names),
        float(wrong.mean()) if wrong.size else None,
        proportion_interval(wrong, passed) if wrong.size else None,
    )


def development(cluster: Hashable) -> bool:
    """Tell whether a cluster belongs to the half on which thresholds are chosen."""
    return hashlib.sha256(f"half\0{cluster}".encode()).digest()[0] < 128


def to_dict(found: Selective) -> dict[str, Any]:
    """Return plain JSON types."""
    plain = asdict(found)
    for part in (plain, plain["threshold"] or {}):
        part |= {name: list(value) for name, value in part.items() if isinstance(value, tuple)}
    return plain


def _lowest(p: Floats, hits: Floats, risk: float) -> float | None:
    order = np.argsort(-p, kind="stable")
    sorted_hits, last = _sorted(p, hits)
    ends = np.flatnonzero(last)
    kept = ends[np.cumsum(1 - sorted_hits)[ends] <= risk * (ends + 1) + 1e-9]
    return float(p[order][kept[-1]]) if kept.size else None


def _coverage(weights: Floats, hits: Floats, last: NDArray[np.bool_], risk: float) -> Floats:
    """Return the largest coverage within the risk for each row of weights [draws, n], most confident first."""
    taken = np.cumsum(weights, axis=1)
    wrong = np.cumsum(weights * (1 - hits), axis=1)
    fits = last & (wrong <= risk * taken + 1e-9)
    coverage: Floats = np.max(np.where(fits, taken, 0.0), axis=1) / taken[:, -1]
    return coverage


def _sorted(confidence: ArrayLike, correct: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    """Return which answers are right, most confident first, and where the last of each confidence stands."""
    p, hits = finite(confidence), finite(correct)
    if p.size != hits.size:
        raise ValueError(f"{p.size} confidences for {hits.size} answers: one for each is needed")
    order = np.argsort(-p, kind="stable")
    p, hits = p[order], hits[order]
    return hits, np.append(p[1:] != p[:-1], True)
