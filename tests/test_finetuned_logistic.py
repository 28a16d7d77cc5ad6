"""Logistic regression against scikit-learn; measures against hand-made tables."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from finetuned.logistic import brier, calibration_error, fit
from finetuned.verifier_figures import auroc, balanced_accuracy, estimate


@pytest.mark.parametrize("balance", [0.0, 1.0])
def test_fit_agrees_with_scikit_learn(balance: float) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 400)
    rows = rng.normal(size=(400, 4)) + labels[:, None] * np.array([1.0, -0.5, 0.0, 0.2])
    labels[:60] = 0
    theirs = LogisticRegression(C=1.0, class_weight="balanced" if balance else None, tol=1e-8, max_iter=5000)
    expected = theirs.fit(rows, labels).predict_proba(rows)
    ours = fit(rows, labels, 3, penalty=1.0, balance=balance).probabilities(rows)
    assert np.abs(ours - expected).max() < 2e-3


def test_auroc_agrees_with_scikit_learn_with_ties() -> None:
    rng = np.random.default_rng(1)
    scores, positive = rng.integers(0, 7, 300).astype(float), rng.random(300) < 0.3
    assert auroc(scores, positive) == pytest.approx(roc_auc_score(positive, scores))


def test_calibration_error_of_a_table_made_by_hand() -> None:
    # Two bins of two: confidence .6 and half right, confidence .9 and all right: (.1 + .1) / 2
    probabilities = np.array([[0.6, 0.4], [0.6, 0.4], [0.9, 0.1], [0.9, 0.1]])
    assert calibration_error(probabilities, np.array([0, 1, 0, 0]), bins=2) == pytest.approx(0.1)


def test_brier_score_by_hand() -> None:
    assert brier(np.array([[0.8, 0.2], [0.5, 0.5]]), np.array([0, 1])) == pytest.approx((0.08 + 0.5) / 2)


def test_balanced_accuracy_is_the_mean_recall() -> None:
    said = np.eye(3)[[0, 0, 0, 1, 2]]
    assert balanced_accuracy(said, np.array([0, 0, 0, 0, 2])) == pytest.approx((0.75 + 1) / 2)


def test_an_interval_over_papers_is_wider_than_over_claims() -> None:
    values = np.repeat(np.random.default_rng(0).random(20), 10)  # ten claims of a paper agree
    by_paper = estimate(lambda d: float(values[d].mean()), [str(i // 10) for i in range(200)])
    by_claim = estimate(lambda d: float(values[d].mean()), [str(i) for i in range(200)])
    assert by_paper.high - by_paper.low > 2 * (by_claim.high - by_claim.low)
    assert by_paper.value == pytest.approx(values.mean())
