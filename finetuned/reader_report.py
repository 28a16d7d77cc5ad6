"""The figures of the reader's card: PubMedQA's test items with gold context, beside baselines."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .adapters import load_shipped
from .logistic import brier, calibration_error, fit
from .neighbours import bundled_encoder
from .pair_model import load_minilm
from .reader import LABELS, Reader
from .reader_data import Asked, pubmedqa, reading_text
from .verifier import words_shared
from .verifier_figures import NOTHING_SAID, auroc, estimate

Array = NDArray[np.float64]


def measure(data: Path, folder: Path) -> dict[str, list[tuple[str, Any]]]:
    """Return tables of figures."""
    half, test = pubmedqa(data)
    reader = Reader(load_shipped(folder))
    labels = np.array([LABELS.index(a.answer) for a in test])
    own = _three(reader.scores([(a.question, a.evidence) for a in test]))
    withheld = _three(reader.scores([(a.question, f"{a.question} {NOTHING_SAID}") for a in test]))
    said = {
        "reader": own,
        "majority (yes)": np.tile([1.0, 0.0, 0.0], (len(test), 1)),
        "words shared, cosine (logistic)": _overlap_baseline(half, test),
        "reader, evidence withheld": withheld,
    }
    ids = [a.id for a in test]
    rows: list[tuple[str, Any]] = []
    for name, p in said.items():
        guess = p.argmax(axis=1)
        rows.append((f"macro-F1: {name}", estimate(lambda d, g=guess: macro_f1(g[d], labels[d]), ids)))  # type: ignore[misc]
        rows.append((f"accuracy: {name}", estimate(lambda d, g=guess: float((g[d] == labels[d]).mean()), ids)))  # type: ignore[misc]
    rows.append(("calibration error of the reader", f"{calibration_error(own, labels):.3f}"))
    rows.append(("Brier score of the reader (majority's rates)", f"{brier(own, labels):.3f} ({_rates(labels):.3f})"))
    rng = random.Random(0)
    foreign = [(a.question, rng.choice([b for b in test if b.id != a.id]).evidence) for a in test]
    both = np.concatenate([reader.scores([(a.question, a.evidence) for a in test])[:, 3], reader.scores(foreign)[:, 3]])
    cannot = auroc(both.astype(np.float64), np.arange(2 * len(test)) >= len(test))
    rows.append(("AUROC of can't tell: another paper's context against the item's own", f"{cannot:.3f}"))
    return {"PubMedQA, 500 test items": rows}


def macro_f1(said: NDArray[np.int64], labels: NDArray[np.int64], classes: int = 3) -> float:
    """Return the mean F1 over yes, no and maybe; a class never said nor true counts 0."""
    scores = []
    for c in range(classes):
        hit = int(((said == c) & (labels == c)).sum())
        total = int((said == c).sum() + (labels == c).sum())
        scores.append(2 * hit / total if total else 0.0)
    return float(np.mean(scores))


def _three(scores: NDArray[np.float32]) -> Array:
    """Return probabilities of yes, no and maybe alone: the items all have an answer."""
    kept = scores[:, :3].astype(np.float64)
    result: Array = kept / kept.sum(axis=1, keepdims=True)
    return result


def _rates(labels: NDArray[np.int64]) -> float:
    rates = np.bincount(labels, minlength=3) / len(labels)
    return brier(np.tile(rates, (len(labels), 1)), labels)


def _overlap_baseline(train: Sequence[Asked], test: Sequence[Asked]) -> Array:
    """Fit yes, no, maybe on how many words question and context share and how close their vectors are."""
    encode, tokenizer = bundled_encoder(), load_minilm()[1]

    def rows(asked: Sequence[Asked]) -> Array:
        pairs = [(a.question, reading_text(a.question, a.evidence)) for a in asked]
        first, second = (np.asarray(encode([p[n] for p in pairs])) for n in (0, 1))
        return np.stack([(first * second).sum(axis=1), np.array(words_shared(tokenizer, pairs))], axis=1)

    labels = np.array([LABELS.index(a.answer) for a in train])
    return fit(rows(train), labels, 3).probabilities(rows(test))
