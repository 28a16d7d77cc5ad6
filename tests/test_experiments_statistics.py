"""The comparison record: which test is reported, what stands beside it, and what is left undefined."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.multitest import multipletests

from experiments.estimates import p_two_sided
from experiments.multiplicity import holm
from experiments.paired import mcnemar_midp, paired_difference
from experiments.power import smallest_detectable
from experiments.statistics import compare, correct_family


def yes_no(seed: int = 0, n: int = 300) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    skill = rng.normal(size=n)
    return (
        (skill + rng.normal(size=n) > -0.3).astype(float),
        (skill + rng.normal(size=n) > 0).astype(float),
    )


def test_independent_yes_no_scores_report_mcnemar_beside_t() -> None:
    a, b = yes_no()
    got = compare(a, b, a="RAG", b="closed")
    a_only, b_only = int(((a == 1) & (b == 0)).sum()), int(((a == 0) & (b == 1)).sum())
    assert got.discordant == (a_only, b_only)
    assert got.difference == pytest.approx((a_only - b_only) / 300)
    assert got.difference == pytest.approx(got.mean_a - got.mean_b)
    assert (got.test, got.p, got.p_mcnemar) == ("McNemar mid-p", mcnemar_midp(a_only, b_only), got.p)
    oracle = stats.ttest_rel(a, b)
    assert got.p_t == pytest.approx(oracle.pvalue)
    assert got.ci95 == pytest.approx(tuple(oracle.confidence_interval()))
    difference = paired_difference(a, b)
    assert got.smallest_detectable == smallest_detectable(difference.se, difference.df)
    assert (got.n, got.clusters, got.cautions) == (300, 300, ())


def test_clustered_and_graded_scores_report_t() -> None:
    a, b = yes_no()
    patients = np.arange(300) // 10
    clustered = compare(a, b, clusters=patients)
    assert clustered.test == "cluster-robust paired t"
    assert clustered.p == clustered.p_t == p_two_sided(paired_difference(a, b, clusters=patients))
    assert (clustered.p_mcnemar, clustered.clusters) == (None, 30)
    assert clustered.df == pytest.approx(29)
    graded = compare(a * 0.5, b * 0.7)
    assert (graded.test, graded.p_mcnemar) == ("paired t", None)
    assert graded.p == pytest.approx(stats.ttest_rel(a * 0.5, b * 0.7).pvalue)


def test_a_turned_comparison_is_the_mirror_image() -> None:
    a, b = yes_no(3)
    forth, back = compare(a, b, clusters=np.arange(300) // 7), compare(b, a, clusters=np.arange(300) // 7)
    assert back.difference == -forth.difference
    assert back.ci95 == pytest.approx(tuple(-x for x in reversed(forth.ci95 or ())))
    assert back.p == pytest.approx(forth.p)
    assert back.discordant == tuple(reversed(forth.discordant))


def test_holm_is_over_the_family_given() -> None:
    runs = [yes_no(seed) for seed in range(4)]
    family = correct_family([compare(a, b) for a, b in runs])
    assert [c.p_holm for c in family] == holm([c.p for c in family])
    assert {c.family for c in family} == {4}
    alone = compare(*runs[0])
    assert (alone.p_holm, alone.family, alone.p_decisive) == (None, None, alone.p)
    assert family[0].p_decisive == family[0].p_holm


def test_what_was_shown_is_decided_by_holm_where_there_is_a_family() -> None:
    single = compare([1] * 7 + [0] * 23, [0] * 29 + [1])
    assert single.discordant == (7, 1)
    assert single.p == pytest.approx(0.0391, abs=5e-5)
    assert single.shown
    assert not correct_family([single] * 3)[0].shown


def test_what_would_have_been_seen_is_shown_four_times_in_five_after_the_correction() -> None:
    # One true difference among 12 comparisons; 500 runs: 80 % less three binomial standard errors is 74.6 %.
    rng = np.random.default_rng(6)
    n, found = 150, 0
    critical = stats.t.ppf(1 - 0.05 / 12 / 2, n - 1)
    size = min(c for c in np.arange(2, 6, 0.001) if stats.nct.sf(critical, n - 1, c) >= 0.8) / np.sqrt(n)
    said = []
    for _ in range(500):
        gains = rng.normal(size=(12, n)) + np.array([size] + [0.0] * 11)[:, None]
        true = correct_family([compare(gain, np.zeros(n)) for gain in gains])[0]
        found += true.shown
        said.append(true.smallest_detectable or 0)
    assert found / 500 > 0.746
    assert np.mean(said) == pytest.approx(size, rel=0.02)


def test_as_good_as_is_corrected_over_the_family() -> None:
    # Ten true differences of exactly the margin; 250 families: 5 % + three binomial standard errors is 9.1 %.
    rng = np.random.default_rng(8)
    wrong = 0
    for number in range(250):
        gains = rng.normal(0.1, 0.5, size=(10, 200))
        family = correct_family([compare(gain, np.zeros(200), margin=0.1) for gain in gains])
        wrong += any(c.equivalence is not None and c.equivalence.shown for c in family)
        if number < 5:
            tests = [c.equivalence for c in family if c.equivalence is not None]
            expected = multipletests([test.p for test in tests], method="holm")[1]
            assert [test.p_holm for test in tests] == pytest.approx(list(expected))
    assert wrong / 250 < 0.091


def test_outputs_all_alike_have_no_p_below_1_and_a_bound_that_shrinks_with_n() -> None:
    small, large = (compare(np.ones(n), np.ones(n), margin=0.03) for n in (12, 500))
    for got in (small, large):
        assert (got.difference, got.p, got.discordant, got.smallest_detectable) == (0.0, 1.0, (0, 0), None)
        low, high = got.ci95 or (0.0, 0.0)
        assert low == -high
        assert high == pytest.approx(1 - 0.025 ** (1 / got.n))
        assert "exact bound" in got.cautions[0]
    assert small.equivalence is not None
    assert not small.equivalence.shown
    assert large.equivalence is not None
    assert large.equivalence.shown


def test_what_the_data_do_not_define_is_none_and_says_why() -> None:
    one_cluster = compare([1, 0, 1, 1], [0, 0, 1, 0], clusters=["x"] * 4)
    assert one_cluster.difference == 0.5
    assert (one_cluster.ci95, one_cluster.p, one_cluster.smallest_detectable) == (None, None, None)
    assert (one_cluster.test, one_cluster.shown) == ("none", False)
    assert "one cluster" in one_cluster.cautions[0]
    assert "one sample" in compare([0.4], [0.1]).cautions[0]
    unknown_range = compare([7.0] * 5, [5.0] * 5)
    assert (unknown_range.ci95, unknown_range.p) == (None, None)
    assert "outside 0 to 1" in unknown_range.cautions[0]


def test_cautions_name_few_units_few_discordant_samples_and_disagreement() -> None:
    a, b = yes_no()
    assert "6 clusters (300 samples), 5.0 degrees" in compare(a, b, clusters=np.arange(300) // 50).cautions[0]
    scores = np.zeros(54)
    scores[:4] = 1
    few, borderline = compare(scores, np.zeros(54)).cautions
    assert few == "the two part on 4 of 54 samples only"
    assert borderline == "borderline: McNemar gives p = 0.062, the paired t-test p = 0.044"


def test_the_report_contract_is_plain_json() -> None:
    got = correct_family([compare(*yes_no(), margin=0.05)])[0].to_dict()
    keys = ["a", "b", "n", "difference", "ci95", "p", "p_holm", "test", "discordant", "smallest_detectable"]
    assert set(keys) <= got.keys()
    assert json.loads(json.dumps(got, allow_nan=False)) == got
    assert isinstance(got["ci95"], list)
    assert isinstance(got["discordant"], list)
    assert (got["equivalence"]["margin"], got["equivalence"]["shown"]) == (0.05, False)


def test_no_samples_and_unequal_samples_are_refused() -> None:
    for a, b in (([], []), ([1, 0], [1]), ([1, float("nan")], [1, 0])):
        with pytest.raises(ValueError, match="score"):
            compare(a, b)
