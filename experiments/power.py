"""What a comparison could have seen, and when two contenders count as equally good."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.special import nctdtrinc, stdtrit

from .estimates import Estimate, Interval, interval, p_greater, p_less

ALPHA, POWER = 0.05, 0.8


def smallest_detectable(se: float | None, df: float | None, *, family: int = 1) -> float | None:
    """Return the true difference that a two-sided t-test of this precision would show with a power of 80 %.

    Solved from the noncentral t with the observed standard error and degrees of freedom; it does not depend
    on the difference observed. family: how many tests Holm corrects over; the smallest of their p-values must
    lie below 5 % / family, and none has to lie lower, so 80 % is the least chance whatever the others give.
    None with a single cluster, or without variation: a precision of 0 is not known, only not yet seen.
    """
    if not se or df is None:
        return None
    critical = float(stdtrit(df, 1 - ALPHA / family / 2))
    return float(nctdtrinc(df, 1 - POWER, critical)) * se


@dataclass(frozen=True, slots=True)
class MarginTest:
    """Whether a difference stays within a margin; `p_holm` where several such questions were asked."""

    margin: float
    p: float | None
    interval: Interval | None
    p_holm: float | None = None

    @property
    def shown(self) -> bool:
        """Whether it was shown to; not so without a p-value."""
        decisive = self.p if self.p_holm is None else self.p_holm
        return decisive is not None and decisive < ALPHA


def equivalence(difference: Estimate, margin: float) -> MarginTest:
    """Test "as good as": two one-sided t-tests (Schuirmann 1987).

    Null hypothesis: the true difference is `margin` or more, one way or the other. p is the larger of the
    two; the interval is the 90 % one, and lies within the margin exactly when p < 5 %.
    """
    if not margin > 0:
        raise ValueError(f"margin {margin} must be above 0: no data can show two contenders to be exactly equal")
    above, below = p_greater(difference, -margin), p_less(difference, margin)
    p = None if above is None or below is None else max(above, below)
    return MarginTest(margin, p, interval(difference, 1 - 2 * ALPHA))
