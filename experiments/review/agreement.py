"""How far two readers agree, and what their labels make of the audit's rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from experiments.estimates import Interval, wilson

from .drawing import Key

FLAGGED = ("contradicted", "conflicting")


@dataclass(frozen=True, slots=True)
class Kappa:
    """Cohen's kappa. `value` is None where both readers gave one label throughout: then chance explains all."""

    n: int
    agreed: float
    value: float | None
    ci95: Interval | None


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One contender's share of contradicted claims: as the audit has it, and as people read it."""

    claims: int
    read: int
    audit: float
    value: float
    ci95: Interval


def cohens_kappa(first: Sequence[str], second: Sequence[str]) -> Kappa:
    """Return Cohen's (1960) kappa with the large-sample interval of Fleiss, Cohen & Everitt (1969)."""
    if len(first) != len(second) or not first:
        raise ValueError(f"{len(first)} labels against {len(second)}: both readers label the same claims, at least one")
    names = sorted({*first, *second})
    table = np.zeros((len(names), len(names)))
    for a, b in zip(first, second, strict=True):
        table[names.index(a), names.index(b)] += 1
    n = len(first)
    p = table / n
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    agreed, chance = float(np.trace(p)), float(rows @ columns)
    if chance > 1 - 1e-12:
        return Kappa(n, agreed, None, None)
    kappa = (agreed - chance) / (1 - chance)
    both = rows[None, :] + columns[:, None]  # [i, j]: row j's share + column i's share
    on = float(np.sum(np.diag(p) * (1 - (rows + columns) * (1 - kappa)) ** 2))
    off = float((1 - kappa) ** 2 * (np.sum(p * both**2) - np.sum(np.diag(p) * np.diag(both) ** 2)))
    variance = (on + off - (kappa - chance * (1 - kappa)) ** 2) / ((1 - chance) ** 2 * n)
    reach = 1.959964 * sqrt(max(0.0, variance))
    return Kappa(n, agreed, kappa, (max(-1.0, kappa - reach), min(1.0, kappa + reach)))


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
