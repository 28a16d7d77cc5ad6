"""The 2x2 against a saturated regression with clustered errors, by hand, and under the null."""

from __future__ import annotations

import json

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.multitest import multipletests

from experiments.interaction import ARMS, CONTRASTS, correct_questions, two_by_two
from experiments.multiplicity import holm
from experiments.paired import paired_difference
from experiments.power import smallest_detectable

# the cells' (tuned, RAG) in the order of ARMS
CELLS = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])


def arms(seed: int, n: int = 60, gain: float = 0.15) -> dict[str, NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    skill = rng.normal(size=n)
    levels = (0.0, gain * 3, gain * 3, gain * 6)
    return {
        name: (skill + level + rng.normal(size=n) > 0).astype(float) for name, level in zip(ARMS, levels, strict=True)
    }


@pytest.mark.parametrize("per_cluster", [1, 5])
def test_contrasts_are_a_saturated_regression_with_clustered_errors(per_cluster: int) -> None:
    scores = arms(1)
    n = 60
    clusters = np.arange(n) // per_cluster
    y = np.concatenate([scores[name] for name in ARMS])
    tuned, rag = np.repeat(CELLS, n, axis=0).T
    design = np.column_stack([np.ones(4 * n), tuned, rag, tuned * rag])
    fit = sm.OLS(y, design).fit(cov_type="cluster", cov_kwds={"groups": np.tile(clusters, 4), "use_correction": False})
    count = n // per_cluster
    result = two_by_two(**scores, clusters=None if per_cluster == 1 else clusters)
    coefficients = {
        "interaction": (0, 0, 0, 1),
        "rag_in_general": (0, 0, 1, 0),
        "rag_in_tuned": (0, 0, 1, 1),
        "tuning_closed_book": (0, 1, 0, 0),
        "tuning_with_rag": (0, 1, 0, 1),
        "main_rag": (0, 0, 1, 0.5),
        "main_tuning": (0, 1, 0, 0.5),
        "rag_over_tuning": (0, -1, 1, 0),
    }
    assert coefficients.keys() == CONTRASTS.keys()
    for name, weights in coefficients.items():
        oracle = fit.t_test(np.array(weights, dtype=float))
        effect = result.effects[name]
        assert effect.value == pytest.approx(float(np.squeeze(oracle.effect)), abs=1e-12), name
        low, high = effect.ci95 or (0.0, 0.0)
        # half width = t(G-1) x se, and CR1 = CR0 x G/(G-1)
        se = float(np.squeeze(oracle.sd)) * np.sqrt(count / (count - 1))
        assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, count - 1) * se), name
        assert effect.p == pytest.approx(2 * stats.t.sf(abs(effect.value) / se, count - 1)), name


def test_by_hand() -> None:
    result = two_by_two(general=[0, 0, 1, 0], general_rag=[1, 0, 1, 1], tuned=[1, 0, 1, 0], tuned_rag=[1, 1, 1, 0])
    assert result.means == {"general": 0.25, "general_rag": 0.75, "tuned": 0.5, "tuned_rag": 0.75}
    values = {name: effect.value for name, effect in result.effects.items()}
    assert values == {
        "rag_in_general": 0.5,
        "rag_in_tuned": 0.25,
        "tuning_closed_book": 0.25,
        "tuning_with_rag": 0.0,
        "main_rag": 0.375,
        "main_tuning": 0.125,
        "interaction": -0.25,
        "rag_over_tuning": 0.25,
    }


def test_simple_effects_are_paired_differences_and_the_three_questions_are_a_family() -> None:
    scores = arms(2)
    result = two_by_two(**scores)
    difference = paired_difference(scores["tuned_rag"], scores["tuned"])
    effect = result.effects["rag_in_tuned"]
    assert effect.ci95 == difference.ci95
    assert effect.smallest_detectable == smallest_detectable(difference.se, difference.df, family=3)
    ps = {name: effect.p or 0 for name, effect in result.effects.items()}
    asked = [ps["rag_over_tuning"], ps["interaction"], max(ps["rag_in_tuned"], ps["tuning_with_rag"])]
    assert list(result.p_holm.values()) == holm(asked)


def test_the_questions_of_all_pairs_and_tasks_are_one_family() -> None:
    results = correct_questions([two_by_two(**arms(seed)) for seed in range(6)])
    ps = [
        p
        for result in results
        for e in [{name: effect.p for name, effect in result.effects.items()}]
        for p in (e["rag_over_tuning"], e["interaction"], max(e["rag_in_tuned"] or 0, e["tuning_with_rag"] or 0))
    ]
    expected = iter(multipletests(ps, method="holm")[1])
    for result in results:
        assert list(result.p_holm.values()) == pytest.approx([next(expected) for _ in range(3)])
        assert result.family == 18
        effect = result.effects["interaction"]
        assert effect.smallest_detectable == smallest_detectable(effect.se, effect.df, family=18)
    assert correct_questions([]) == []


def test_no_interaction_is_found_where_there_is_none() -> None:
    # Gains add on the score itself. 1,500 runs: 5 % +- 1.7 % (three binomial standard errors).
    rng = np.random.default_rng(5)
    codes = np.repeat(np.arange(20), 5)
    found = 0
    for _ in range(1500):
        shared = rng.normal(size=100) + rng.normal(size=20)[codes]
        noise = {name: rng.normal(size=100) + rng.normal(size=20)[codes] for name in ARMS}
        gains = dict(zip(ARMS, (0.0, 0.3, 0.5, 0.8), strict=True))
        result = two_by_two(**{name: shared + gains[name] + noise[name] for name in ARMS}, clusters=codes)
        found += (result.effects["interaction"].p or 1) < 0.05
    assert found / 1500 == pytest.approx(0.05, abs=0.017)


def test_one_cluster_has_effects_without_uncertainty_and_json_holds_it() -> None:
    result = two_by_two(**arms(3, n=6), clusters=["x"] * 6)
    assert result.p_holm == {"rag_over_tuning": None, "interaction": None, "together": None}
    plain = result.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["effects"]["interaction"]["ci95"] is None
    assert isinstance(two_by_two(**arms(3)).to_dict()["effects"]["interaction"]["ci95"], list)


def test_arms_of_different_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="3, 3, 2, 3 samples"):
        two_by_two(general=[0, 1, 0], general_rag=[0, 1, 1], tuned=[1, 1], tuned_rag=[1, 0, 0])
