"""Multinomial logistic regression and measures of calibration, on numpy alone: small enough to need no package."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

Array = NDArray[np.float64]


class Fit(NamedTuple):
    """Weights [classes, features] and bias [classes] of softmax(x·Wᵀ + b)."""

    weights: Array
    bias: Array

    def probabilities(self, rows: Array) -> Array:
        """Return [n, classes]."""
        result: Array = softmax(rows @ self.weights.T + self.bias, axis=1)
        return result


def fit(rows: Array, labels: NDArray[np.int64], classes: int, *, penalty: float = 1.0, balanced: bool = False) -> Fit:
    """Minimise cross-entropy + penalty/2·‖W‖²; `balanced` gives every class the same total weight."""
    n, width = rows.shape
    counts = np.bincount(labels, minlength=classes)
    each = (n / (np.count_nonzero(counts) * np.maximum(counts, 1)))[labels] if balanced else np.ones(n)
    target = np.eye(classes)[labels]

    def loss(flat: Array) -> tuple[float, Array]:
        weights, bias = flat[: classes * width].reshape(classes, width), flat[classes * width :]
        logs = log_softmax(rows @ weights.T + bias, axis=1)
        error = each[:, None] * (np.exp(logs) - target)
        value = -(each[:, None] * target * logs).sum() + penalty / 2 * (weights**2).sum()
        return float(value), np.concatenate([(error.T @ rows + penalty * weights).ravel(), error.sum(axis=0)])

    found = minimize(loss, np.zeros(classes * (width + 1)), jac=True, method="L-BFGS-B", options={"maxiter": 2000})
    return Fit(found.x[: classes * width].reshape(classes, width), found.x[classes * width :])


def calibration_error(probabilities: Array, labels: NDArray[np.int64], *, bins: int = 10) -> float:
    """Return the expected calibration error of the top class, with bins of equal numbers (Guo et al. 2017)."""
    top, hit = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    order = np.argsort(top, kind="stable")
    parts = [p for p in np.array_split(order, bins) if len(p)]
    return float(sum(len(p) * abs(top[p].mean() - hit[p].mean()) for p in parts) / len(labels))


def brier(probabilities: Array, labels: NDArray[np.int64]) -> float:
    """Return the multi-class Brier score: 0 is perfect, 2 the worst."""
    target = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - target) ** 2).sum(axis=1).mean())
