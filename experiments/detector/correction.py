"""A rate that an imperfect detector reported, corrected for its errors, with the uncertainty of both.

Rogan & Gladen (1978): true rate = (reported + specificity − 1) / (sensitivity + specificity − 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

from scipy.special import ndtri

from experiments.estimates import Interval

LEAST_YOUDEN = 0.1  # sensitivity + specificity − 1 below this: the correction divides by next to nothing


class Share(NamedTuple):
    """`hits` of `n`; with clustered samples both are effective sizes, and no whole numbers."""

    hits: float
    n: float

    @property
    def value(self) -> float:
        return self.hits / self.n


@dataclass(frozen=True, slots=True)
class Corrected:
    """`value` and its interval lie between 0 and 1; both are None where `why` says that nothing can be estimated."""

    reported: float
    value: float | None
    ci95: Interval | None
    why: str = ""


def corrected_rate(reported: Share, sensitivity: Share, specificity: Share, *, level: float = 0.95) -> Corrected:
    """Correct a reported rate for a detector validated on independent samples.

    The interval is Lang & Reiczigel's (2014, Prev Vet Med 113:13): Wilson-like additions to all three shares, the
    delta method, and a shift. It is not estimable where the detector does no better than chance, or where its own
    validation cannot exclude that: the lower end of sensitivity + specificity − 1 is below `LEAST_YOUDEN`.
    """
    z = float(ndtri((1 + level) / 2))
    for share in (reported, sensitivity, specificity):
        if not share.n > 0 or not 0 <= share.hits <= share.n:
            raise ValueError(f"{share.hits} of {share.n}: a share needs n > 0 and 0 <= hits <= n")
    p, n_p = _added(reported, z * z)
    se, n_se = _added(sensitivity, 2)
    sp, n_sp = _added(specificity, 2)
    youden = se + sp - 1
    spread = sqrt(se * (1 - se) / n_se + sp * (1 - sp) / n_sp)
    if youden - z * spread < LEAST_YOUDEN:
        why = (
            f"not estimable: sensitivity + specificity − 1 is {sensitivity.value + specificity.value - 1:.2f}, and "
            f"may be as low as {youden - z * spread:.2f}; from {LEAST_YOUDEN} on a rate can be corrected"
        )
        return Corrected(reported.value, None, None, why)
    plain = (reported.value + specificity.value - 1) / (sensitivity.value + specificity.value - 1)
    adjusted = (p + sp - 1) / youden
    v_se, v_sp = se * (1 - se) / n_se, sp * (1 - sp) / n_sp
    shift = 2 * z * z * (adjusted * v_se - (1 - adjusted) * v_sp)
    reach = z * sqrt(p * (1 - p) / n_p + adjusted**2 * v_se + (1 - adjusted) ** 2 * v_sp) / youden
    return Corrected(
        reported.value, _inside(plain), (_inside(adjusted + shift - reach), _inside(adjusted + shift + reach))
    )


def _added(share: Share, more: float) -> tuple[float, float]:
    return (share.hits + more / 2) / (share.n + more), share.n + more


def _inside(value: float) -> float:
    return min(1.0, max(0.0, value))
