"""How far two raters agree beyond chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from experiments.estimates import Interval


@dataclass(frozen=True, slots=True)
class Kappa:
    """Cohen's kappa. `value` is None where both raters gave one label throughout: then chance explains all."""

    n: int
    agreed: float
    value: float | None
    ci95: Interval | None


def cohens_kappa(first: Sequence[str], second: Sequence[str]) -> Kappa:
    """Return Cohen's (1960) kappa with the large-sample interval of Fleiss, Cohen & Everitt (1969).

    Raises:
        ValueError: no labels, or not as many of the one as of the other.
    """
    if len(first) != len(second) or not first:
        raise ValueError(f"{len(first)} labels against {len(second)}: both raters label the same items, at least one")
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
