"""Answer a yes/no question from evidence: `load_reader().scores([(question, evidence), …])`.

Works as the verifier does: the question's direction is read by rules and masked, the model reads what the evidence
says for the gap, and a logistic head turns that into calibrated answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from .adapters import LOADING, Shipped, load_shipped, shipped_folder
from .claims import Claim, read_claim
from .evidence_rules import read_evidence
from .examples import mark_for
from .marking import key_words
from .pair_model import encode_pairs, predict
from .reader_data import READINGS, reading_text

LABELS = ("yes", "no", "maybe", "can't tell")
MAX_TOKENS = 256
FEATURES = ("asserted", "same", "opposite", "unclear", "nothing", "rules agree", "rules disagree", "words shared")


class Reader:
    """A loaded reader; reading is batched over all pairs given at once."""

    def __init__(self, shipped: Shipped):
        self._shipped = shipped

    def scores(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """Return calibrated probabilities, float32 [n, 4], columns as in `LABELS`.

        A pair is a question and its evidence, of any length. Evidence that shares no word with the question gives
        "can't tell" and costs no reading.
        """
        calibration = self._shipped.calibration
        result = np.tile(np.float32(calibration["without evidence"]), (len(pairs), 1))
        rows, numbers = self.features(pairs)
        if numbers:
            logits = rows @ np.array(calibration["weights"]).T + np.array(calibration["bias"])
            result[numbers] = softmax(logits, axis=1)
        return result

    def features(self, pairs: Sequence[tuple[str, str]]) -> tuple[NDArray[np.float64], list[int]]:
        """Return one row of `FEATURES` per pair that has evidence worth reading, and these pairs' numbers."""
        texts = [reading_text(*pair) for pair in pairs]
        numbers = [n for n, text in enumerate(texts) if text]
        claims = [read_claim(pairs[n][0]) for n in numbers]
        prepared = [(c.masked, mark_for(c, texts[n])) for n, c in zip(numbers, claims, strict=True)]
        encoded = encode_pairs(self._shipped.tokenizer, prepared, max_tokens=MAX_TOKENS)
        logits = predict(self._shipped.model, encoded).astype(np.float64)
        read = softmax(logits, axis=1) if len(logits) else logits
        rows = [_row(c, pairs[n][0], texts[n], r) for n, c, r in zip(numbers, claims, read, strict=True)]
        return np.array(rows).reshape(-1, len(FEATURES)), numbers


def _row(claim: Claim, question: str, text: str, read: NDArray[np.float64]) -> list[float]:
    p = dict(zip(READINGS, read, strict=True))
    asserted = sum(p[d] for d in claim.asserts)
    same = 0.0 if "same" in claim.asserts else p["same"]
    opposite = 1 - asserted - same - p["unclear"] - p["nothing"]
    ruled = read_evidence(claim, text)
    agree = ruled in claim.asserts
    words = key_words(question)
    return [
        *(float(np.log(max(v, 1e-3))) for v in (asserted, same, opposite, p["unclear"], p["nothing"])),
        float(agree),
        float(not agree and ruled != "nothing"),
        len(words & key_words(text)) / max(1, len(words)),
    ]


def load_reader(folder: Path | None = None) -> Reader:
    """Load the reader that comes with the package, or one made again in a folder.

    Raises:
        ShippedModelError: its files are missing or do not fit.
    """
    with LOADING:
        return _load(folder or shipped_folder("reader"))


@cache
def _load(folder: Path) -> Reader:
    return Reader(load_shipped(folder))
