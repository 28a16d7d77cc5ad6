"""Detectable differences and margins against statsmodels and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_paired

from experiments.estimates import estimate_mean, p_two_sided
from experiments.paired import paired_difference
from experiments.power import equivalence, smallest_detectable


@pytest.mark.parametrize(("n", "family"), [(5, 1), (30, 1), (500, 1), (20_000, 1), (30, 12), (500, 66)])
def test_smallest_detectable_is_statsmodels_power(n: int, family: int) -> None:
    d = np.random.default_rng(n).normal(0.05, 0.6, n)
    effect = TTestPower().solve_power(nobs=n, alpha=0.05 / family, power=0.8, alternative="two-sided")
    found = estimate_mean(d)
    assert smallest_detectable(found.se, found.df, family=family) == pytest.approx(effect * d.std(ddof=1), rel=1e-4)


def test_a_difference_of_that_size_is_found_four_times_in_five() -> None:
    # 25 clusters of 4; 3,000 runs: 80 % +- 2.2 % (three binomial standard errors).
    rng = np.random.default_rng(7)
    codes = np.repeat(np.arange(25), 4)
    true_se = np.sqrt((0.5**2 + 1 / 4) / 25)
    critical = stats.t.ppf(0.975, 24)
    detectable = min(c for c in np.arange(2, 4, 0.001) if stats.nct.sf(critical, 24, c) >= 0.8) * true_se
    found, estimates = 0, []
    for _ in range(3000):
        d = detectable + 0.5 * rng.normal(size=25)[codes] + rng.normal(size=100)
        estimate = estimate_mean(d, codes)
        found += (p_two_sided(estimate) or 1) < 0.05
        estimates.append(smallest_detectable(estimate.se, estimate.df))
    assert found / 3000 == pytest.approx(0.8, abs=0.022)
    assert np.mean(np.array(estimates) ** 2) == pytest.approx(detectable**2, rel=0.03)


def test_nothing_is_called_detectable_without_variation() -> None:
    for found in (estimate_mean([0.0] * 9, bounds=(-1, 1)), estimate_mean([0.0, 1.0], ["x", "x"])):
        assert smallest_detectable(found.se, found.df) is None


@pytest.mark.parametrize("margin", [0.02, 0.05, 0.2])
def test_equivalence_is_statsmodels_tost(margin: float) -> None:
    rng = np.random.default_rng(1)
    a = rng.random(60)
    b = a + rng.normal(0.01, 0.1, 60)
    got = equivalence(paired_difference(a, b), margin)
    assert got.p == pytest.approx(ttost_paired(a, b, -margin, margin)[0])
    low, high = got.interval or (0.0, 0.0)
    assert got.shown == (-margin < low and high < margin)  # the 90 % interval decides alike
    assert (low, high) == pytest.approx(tuple(stats.ttest_rel(a, b).confidence_interval(0.9)))


def test_outputs_all_alike_are_equivalent_only_if_there_are_enough() -> None:
    # Zero of G differ. If 3 % did, that had probability .97^G: below .05 from G = 99 on.
    for g, shown in ((98, False), (99, True)):
        got = equivalence(estimate_mean(np.zeros(g), bounds=(-1, 1)), 0.03)
        assert got.p == pytest.approx(0.97**g)
        assert got.shown is shown
    assert equivalence(estimate_mean([0.0, 0.0], ["x", "x"]), 0.03).p is None
    assert not equivalence(estimate_mean([0.0, 0.0], ["x", "x"]), 0.03).shown


def test_equivalence_is_wrongly_claimed_in_at_most_5_percent() -> None:
    # The truth lies on the margin; 3,000 runs: 5 % + three binomial standard errors is 6.2 %.
    rng = np.random.default_rng(3)
    wrong = sum(equivalence(estimate_mean(rng.normal(0.1, 0.5, 200)), 0.1).shown for _ in range(3000))
    assert 0.035 < wrong / 3000 < 0.062


def test_a_margin_must_be_positive() -> None:
    for margin in (0.0, -0.1, float("nan")):
        with pytest.raises(ValueError, match="above 0"):
            equivalence(estimate_mean([0.0, 1.0]), margin)
