"""Sensitivity, specificity and AUROC of a detector, with intervals that respect clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, ndtri
from scipy.stats import rankdata

from experiments.estimates import Clusters, Interval, cluster_codes, effective_size, finite, proportion_interval

from .correction import Share


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its interval; `effective` is how many independent samples tell as much."""

    n: int
    value: float
    ci95: Interval | None
    effective: float

    @property
    def share(self) -> Share:
        return Share(self.value * self.effective, self.effective)


@dataclass(frozen=True, slots=True)
class Area:
    """An area under the ROC curve; `ci95` is None with fewer than two clusters."""

    value: float
    ci95: Interval | None


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How well one kind of claim is told from the others. None where there are no claims of a side."""

    sensitivity: Rate | None
    specificity: Rate | None
    auroc: Area | None


def accuracy(truth: Sequence[bool], said: Sequence[bool], scores: Sequence[float], clusters: Sequence[str]) -> Accuracy:
    """Return the figures of a detector: what is true, what it said, and the score it said it by."""
    there = [n for n, is_one in enumerate(truth) if is_one]
    not_there = [n for n, is_one in enumerate(truth) if not is_one]
    return Accuracy(
        rate([said[n] for n in there], [clusters[n] for n in there]),
        rate([not said[n] for n in not_there], [clusters[n] for n in not_there]),
        auroc_area(scores, truth, clusters) if there and not_there else None,
    )


def rate(hits: Sequence[bool], clusters: Sequence[str]) -> Rate | None:
    if not hits:
        return None
    x = np.asarray(hits, float)
    return Rate(x.size, float(x.mean()), proportion_interval(x, clusters), effective_size(x, clusters))


def auroc_area(scores: ArrayLike, truth: ArrayLike, clusters: Clusters | None = None) -> Area:
    """Return the AUROC with a 95 % interval (ties count half).

    Each sample's placement among those of the other side (DeLong et al. 1988), summed within clusters (Obuchowski
    1997); the interval is made on the logit scale, so that it stays between 0 and 1.
    """
    x, is_one = finite(scores), np.asarray(truth, dtype=bool)
    codes, count = cluster_codes(clusters, x.size)
    ones, others = x[is_one], x[~is_one]
    m, n = ones.size, others.size
    if not m or not n:
        raise ValueError("an AUROC needs samples of both sides")
    both = rankdata(np.concatenate([ones, others]))
    above = (both[:m] - rankdata(ones)) / n  # share of the others below each one
    below = 1 - (both[m:] - rankdata(others)) / m  # share of the ones above each other
    value = float(above.mean())
    influence = np.zeros(x.size)
    influence[is_one], influence[~is_one] = (above - value) / m, (below - value) / n
    sums = np.bincount(codes, weights=influence, minlength=count)
    if count < 2 or value in (0.0, 1.0):
        return Area(value, None)
    se = float(np.sqrt(count / (count - 1) * np.sum(sums**2)))
    reach = float(ndtri(0.975)) * se / (value * (1 - value))
    return Area(value, (float(expit(logit(value) - reach)), float(expit(logit(value) + reach))))


def best_threshold(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """Return the threshold ("from this score on") with the largest sensitivity + specificity; ties: the highest."""
    order = np.argsort(-scores, kind="stable")
    s, t = scores[order], truth[order]
    last = np.append(s[1:] != s[:-1], True)
    gain = np.cumsum(t) / max(1, t.sum()) - np.cumsum(~t) / max(1, (~t).sum())
    return float(s[int(np.argmax(np.where(last, gain, -np.inf)))])
