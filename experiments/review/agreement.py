"""What readers' labels make of the audit's rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.estimates import Interval, wilson

from .drawing import Key

FLAGGED = ("contradicted", "conflicting")


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One contender's share of contradicted claims: as the audit has it, and as people read it."""

    claims: int
    read: int
    audit: float
    value: float
    ci95: Interval


def review_rates(key: Key, readers: Sequence[Mapping[str, str]]) -> dict[str, Reviewed]:
    """Return each contender's share of contradicted claims by the readers' labels, weighted back to all its claims.

    Every verdict's claims count by their share of the contender's claims, whatever share of them was read (stratified
    estimator; Cochran 1977, ch. 5). Where readers differ, each counts half. The interval is Wilson's on the sample size
    that has the estimator's variance, with one flagged and one unflagged claim added to each stratum, so that five of
    five do not claim certainty. A stratum read in full adds none.
    """
    return {contender: _reviewed(key, contender, strata, readers) for contender, strata in key.strata.items()}


def _reviewed(key: Key, contender: str, strata: Mapping[str, int], readers: Sequence[Mapping[str, str]]) -> Reviewed:
    total = sum(strata.values())
    value = smooth = variance = 0.0
    read = 0
    for verdict, size in strata.items():
        ids = [id for id, drawn in key.items.items() if (drawn.contender, drawn.verdict) == (contender, verdict)]
        shares = [float(np.mean([reader[id] in FLAGGED for reader in readers])) for id in ids]
        weight, n = size / total, len(ids)
        read += n
        p = (sum(shares) + 1) / (n + 2)
        value += weight * (sum(shares) / n if n else float(verdict in FLAGGED))
        smooth += weight * p
        variance += weight**2 * (1 - n / size) * p * (1 - p) / max(n, 1)
    audit = sum(size for verdict, size in strata.items() if verdict in FLAGGED) / total
    if variance == 0:
        return Reviewed(total, read, audit, value, (value, value))
    effective = smooth * (1 - smooth) / variance
    return Reviewed(total, read, audit, value, wilson(value * effective, effective))
