"""Answers in bins of about the same confidence: what the calibration error is computed from, and drawn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from experiments.estimates import Interval, finite, is_binary, wilson


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of about the same confidence: how many, their mean, the share correct (Wilson's interval)."""

    n: int
    low: float
    high: float
    confidence: float
    accuracy: float
    ci95: Interval


def equal_mass_bins(confidence: ArrayLike, correct: ArrayLike, *, bins: int = 10) -> list[Bin]:
    """Sort answers by confidence (0 to 1) into bins of equal size, up to answers of equal confidence.

    Equal confidences stay in one bin, since which of them went where would be chance; so there can be fewer
    bins.
    """
    p, hits = sorted_answers(confidence, correct)
    ends = np.linspace(0, p.size, min(bins, p.size) + 1).round().astype(int)[1:]
    # move each end behind the last answer of the same confidence
    ends = np.unique(np.searchsorted(p, p[ends - 1], side="right"))
    starts = np.concatenate(([0], ends[:-1]))
    found = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        n, right = end - start, float(hits[start:end].sum())
        mean = float(p[start:end].mean())
        found.append(Bin(n, float(p[start]), float(p[end - 1]), mean, right / n, wilson(right, n)))
    return found


def sorted_answers(confidence: ArrayLike, correct: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both sorted by confidence; raise ValueError if they are not confidences of right and wrong."""
    p, hits = finite(confidence), finite(correct)
    if p.size != hits.size:
        raise ValueError(f"{p.size} confidences for {hits.size} answers: one for each is needed")
    if p.min() < 0 or p.max() > 1:
        raise ValueError(f"confidences from {p.min()} to {p.max()}: they must lie between 0 and 1")
    if not is_binary(hits):
        raise ValueError("answers must be right (1) or wrong (0) to set them against confidence")
    order = np.argsort(p, kind="stable")
    return p[order], hits[order]
