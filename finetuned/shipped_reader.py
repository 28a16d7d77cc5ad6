"""Make the shipped reader again: it goes on from the verifier's adapter and learns what "maybe" is."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import numpy as np

from .adapters import load_shipped
from .logistic import fit
from .pair_training import LoraRecipe
from .reader import FEATURES, LABELS, Reader
from .reader_data import READINGS, Asked, conclusions, papers, pubmedqa, training_questions
from .shipped_verifier import Progress, train_adapter
from .verifier_data import part_of

LEG = LoraRecipe(seed=2, learning_rate=7e-4, max_tokens=224, minutes=math.inf, frozen=2)
CALIBRATION = 25  # percent of PubMedQA's training half
# Chosen by cross-validation on the calibration part, for macro-F1.
BALANCE, PENALTY = 0.0, 2.0


def split(train: list[Asked]) -> tuple[list[Asked], list[Asked]]:
    """Return the part of the training half to train on, and the part to calibrate on."""
    of = {a.id: part_of(a.id, (0, CALIBRATION)) for a in train}
    return [a for a in train if of[a.id] == "train"], [a for a in train if of[a.id] != "train"]


def make_reader(
    data: Path, out: Path, *, start: Path, leg: LoraRecipe = LEG, limit: int | None = None, say: Progress
) -> None:
    """Train the adapter from the verifier's in `start`, then fit the calibration; both end up in `out`."""
    half, test = pubmedqa(data)
    train, calibration = split(half)
    pool = papers(data, test, limit=limit)
    examples = training_questions(train, conclusions(data), pool, random.Random(leg.seed))
    if limit is not None:
        examples = examples[: 4 * limit]
    say(f"{len(examples)} examples from {len(train)} questions and {len(pool)} abstracts")
    train_adapter(examples, len(READINGS), out, leg, start=start, say=say)
    calibrate(out, calibration)
    say(f"calibrated on {len(calibration)} questions")


def with_foreign(asked: list[Asked], rng: random.Random) -> list[Asked]:
    """Add for a fifth of the questions another one's evidence, which cannot tell."""
    foreign = [a._replace(evidence=rng.choice([b for b in asked if b.id != a.id]).evidence) for a in asked]
    return [*asked, *(a._replace(answer="can't tell") for a in rng.sample(foreign, max(1, len(foreign) // 5)))]


def calibrate(folder: Path, asked: list[Asked]) -> None:
    """Fit the logistic head and write it to `calibration.json`."""
    path = folder / "calibration.json"
    blank = {"weights": [[0.0] * len(FEATURES)] * 4, "bias": [0.0] * 4, "without evidence": [0.02, 0.02, 0.02, 0.94]}
    path.write_text(json.dumps(blank), encoding="utf-8")
    judged = with_foreign(asked, random.Random(0))
    reader = Reader(load_shipped(folder))
    rows, numbers = reader.features([(a.question, a.evidence) for a in judged])
    labels = np.array([LABELS.index(a.answer) for a in judged])[numbers]
    fitted = fit(rows, labels, len(LABELS), penalty=PENALTY, balance=BALANCE)
    document = {
        "features": list(FEATURES),
        "labels": list(LABELS),
        "weights": fitted.weights.round(5).tolist(),
        "bias": fitted.bias.round(5).tolist(),
        "without evidence": blank["without evidence"],
    }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
