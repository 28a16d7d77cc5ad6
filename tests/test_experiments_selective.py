"""Selective answering against brute force: every order of ties, every threshold, halves that never mix."""

from __future__ import annotations

import json
import math
from itertools import groupby, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.language_models import BaseChatModel
from sklearn.metrics import brier_score_loss, roc_auc_score

from experiments.config import parse_config
from experiments.errors import MetricError
from experiments.estimates import wilson
from experiments.metrics.calibration import auroc, brier, confidences
from experiments.metrics.selective import (
    area_under_risk_coverage,
    choose_and_test,
    coverage_at_risk,
    coverage_interval,
    development,
    selective,
    to_dict,
)
from experiments.page import page
from experiments.records import Outcome, Record, Sample
from experiments.report import build_report
from experiments.report_text import CONFIDENCE, confidence_row, markdown
from experiments.runner import run_experiment


def brute_area(p: list[float], hits: list[int]) -> float:
    """The mean over all orders of equal confidences of the mean risk at each coverage."""
    blocks = [list(group) for _, group in groupby(sorted(zip(p, hits, strict=True), reverse=True), key=lambda x: x[0])]
    orders: list[list[int]] = [[]]
    for block in blocks:
        orders = [order + [hit for _, hit in one] for order in orders for one in permutations(block)]
    areas = [np.mean([1 - np.mean(order[: k + 1]) for k in range(len(order))]) for order in orders]
    return float(np.mean(areas))


def brute_coverage(p: np.ndarray[Any, Any], hits: np.ndarray[Any, Any], risk: float) -> float:
    kept = [float(np.mean(p >= t)) for t in set(p.tolist()) if np.mean(1 - hits[p >= t]) <= risk + 1e-12]
    return max(kept, default=0.0)


@pytest.mark.parametrize(
    ("p", "hits"),
    [
        ([0.9, 0.8, 0.7, 0.6], [1, 1, 0, 1]),
        ([0.9, 0.9, 0.5, 0.5, 0.5, 0.1], [0, 1, 1, 0, 1, 0]),
        ([0.5] * 6, [1, 0, 1, 1, 0, 0]),
        ([0.3], [0]),
    ],
)
def test_the_area_is_the_mean_over_all_orders_of_ties(p: list[float], hits: list[int]) -> None:
    assert area_under_risk_coverage(p, hits) == pytest.approx(brute_area(p, hits))


def test_the_area_by_hand() -> None:
    # right, wrong, right, right: risks 0, 1/2, 1/3, 1/4
    assert area_under_risk_coverage([0.9, 0.8, 0.7, 0.6], [1, 0, 1, 1]) == pytest.approx((1 / 2 + 1 / 3 + 1 / 4) / 4)


@pytest.mark.parametrize("seed", range(8))
def test_coverage_is_the_most_that_any_threshold_allows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = np.round(rng.random(150), 1 + seed % 3)
    hits = (rng.random(150) < 0.5 + p / 2).astype(float)
    for risk in (0.01, 0.05, 0.2, 0.6):
        assert coverage_at_risk(p, hits, risk=risk) == pytest.approx(brute_coverage(p, hits, risk))
    order = rng.permutation(150)
    assert coverage_at_risk(p[order], hits[order]) == coverage_at_risk(p, hits)


def test_no_wrong_answer_covers_all_and_nothing_but_wrong_ones_none() -> None:
    assert (coverage_at_risk([0.2, 0.9], [1, 1]), coverage_at_risk([0.2, 0.9], [0, 0])) == (1, 0)
    assert (area_under_risk_coverage([0.2, 0.9], [1, 1]), area_under_risk_coverage([0.2, 0.9], [0, 0])) == (0, 1)


def test_the_interval_equals_a_plain_bootstrap_of_whole_clusters() -> None:
    rng = np.random.default_rng(1)
    p = np.round(rng.random(120), 2)
    hits = (rng.random(120) < 0.6 + 0.4 * p).astype(float)
    clusters = np.repeat(np.arange(40), 3)
    drawn = []
    for _ in range(1500):
        which = np.concatenate([np.flatnonzero(clusters == c) for c in rng.integers(40, size=40)])
        drawn.append(brute_coverage(p[which], hits[which], 0.1))
    got = coverage_interval(p, hits, clusters, risk=0.1)
    assert got == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.06)
    assert coverage_interval(p, hits, ["one"] * 120) is None


def test_a_threshold_is_chosen_on_one_half_and_tested_on_the_other() -> None:
    rng = np.random.default_rng(2)
    p = np.round(rng.random(2000), 3)
    hits = (rng.random(2000) < 0.8 + 0.2 * p).astype(float)
    clusters = [f"paper {n // 2}" for n in range(2000)]
    got = choose_and_test(p, hits, clusters, risk=0.05)
    assert got is not None
    first = np.array([development(c) for c in clusters])
    assert not {c for c, here in zip(clusters, first, strict=True) if here} & {
        c for c, here in zip(clusters, first, strict=True) if not here
    }
    assert (got.chosen_on, got.tested_on) == (first.sum(), (~first).sum())
    assert 800 < first.sum() < 1200
    allowed = [t for t in set(p[first]) if np.mean(1 - hits[first][p[first] >= t]) <= 0.05]
    assert got.threshold == pytest.approx(min(allowed))
    through = p[~first] >= got.threshold
    assert got.coverage == pytest.approx(through.mean())
    assert got.risk == pytest.approx(1 - hits[~first][through].mean())
    assert got.risk_ci95 is not None
    assert got.risk_ci95[0] < 0.05 < got.risk_ci95[1] + 0.05
    alone = choose_and_test(p, hits, list(range(2000)), risk=0.05)
    assert alone is not None
    assert alone.risk is not None
    through = np.array([not development(n) for n in range(2000)]) & (p >= (alone.threshold or 0))
    wrong = float((1 - hits[through]).sum())
    assert alone.risk_ci95 == pytest.approx(wilson(wrong, int(through.sum())))


def test_where_no_threshold_keeps_the_risk_none_is_given() -> None:
    clusters = [str(n) for n in range(200)]
    got = choose_and_test(np.linspace(0, 1, 200), np.zeros(200), clusters)
    assert got is not None
    assert (got.threshold, got.coverage, got.risk) == (None, None, None)
    assert choose_and_test([0.5, 0.6], [1, 1], ["a", "a"]) is None


def record(n: int, sure: float, right: bool) -> Record:
    return Record(
        "t", str(n), "c", "", "", "", "A", Outcome.CORRECT if right else Outcome.WRONG, answer="A",
        probabilities={"A": sure, "B": 1 - sure},
    )  # fmt: skip


def test_records_without_confidence_are_left_out_and_a_row_says_it_all() -> None:
    rng = np.random.default_rng(3)
    sure = rng.random(300)
    right = rng.random(300) < sure
    records = [record(n, float(p), bool(hit)) for n, (p, hit) in enumerate(zip(sure, right, strict=True))]
    mute = [Record("t", f"m{n}", "c", "", "", "", None, Outcome.ERROR) for n in range(5)]
    samples = {r.sample: Sample(r.sample, "q", "A", {"A": "x", "B": "y"}) for r in records + mute}
    found = selective(samples, records + mute)
    assert found.n == 300
    assert found.coverage == coverage_at_risk(sure, right)
    p, hits = confidences(records + mute)
    assert brier(p, hits) == pytest.approx(brier_score_loss(hits, p))
    assert auroc(p, hits) == pytest.approx(roc_auc_score(hits, p))
    plain = to_dict(found)
    row = confidence_row("c", {"ece": 0.1, "brier": 0.2, "auroc": 0.7, "selective": plain})
    assert len(row) == len(CONFIDENCE)
    assert row[1] == "300"
    with pytest.raises(MetricError, match="no record has probabilities"):
        selective(samples, mute)


class Sure(BaseChatModel):
    """Give each question's right option a probability that the question states."""

    @property
    def _llm_type(self) -> str:
        return "sure"

    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError

    def choice_logprobs(self, prompts: list[Any], choices: list[str]) -> list[list[float]]:
        odds = [float(prompt[-1].content.split("yes is ")[1].split("?")[0]) for prompt in prompts]
        return [[math.log(p), math.log(1 - p)] for p in odds]


def test_a_report_shows_the_figures_in_all_three_forms(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    odds = np.round(rng.uniform(0.02, 0.98, 300), 2)
    right = np.where(rng.random(300) < odds, "yes", "no")
    rows = [
        {"id": str(n), "question": f"{n}: yes is {p}?", "answer": a, "options": ["yes", "no"]}
        for n, (p, a) in enumerate(zip(odds.tolist(), right.tolist(), strict=True))
    ]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    contender = {"name": "sure", "model": "fake:sure", "strategy": "loglikelihood"}
    config = parse_config({"tasks": [f"jsonl:{tmp_path / 't.jsonl'}"], "contenders": [contender]})
    run_experiment(config, tmp_path / "run", load_model=lambda spec: Sure())
    report = build_report(tmp_path / "run")
    (task,) = report["tasks"].values()
    sure = np.maximum(odds, 1 - odds)
    hits = np.where(odds >= 0.5, "yes", "no") == right
    assert task["contenders"]["sure"]["selective"]["area"] == pytest.approx(
        area_under_risk_coverage(sure, hits), abs=1e-3
    )
    row = confidence_row("sure", task["contenders"]["sure"])
    assert f"| {' | '.join(row)} |" in markdown(report)
    shown = page(tmp_path / "run", report)
    assert all(f"<td>{cell}</td>" in shown for cell in row[1:])
