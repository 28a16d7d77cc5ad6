"""Judge whether evidence supports a claim: `load_verifier().scores([(claim, evidence), …])`.

Rules read which direction the claim asserts and mask it; the model reads what the evidence says for the gap; a small
logistic head joins that with what rules read in the evidence. What each part does: README of this package.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .adapters import Shipped, load_shipped, shipped_folder
from .claims import DIRECTIONS, Claim, read_claim
from .evidence_rules import read_evidence
from .examples import mark_for
from .marking import key_words
from .pair_model import encode_pairs, predict
from .passages import choose, sentences

LABELS = ("supported", "contradicted", "unverifiable")
WINDOWS = 4  # sentences of long evidence that the model reads
WHOLE = 2  # evidence of as many sentences is read as it stands
MAX_TOKENS = 192
FEATURES = ("direction", "nothing", "rules agree", "rules disagree", "words shared", "number missing")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*(?![\w])")


class Window(NamedTuple):
    """A stretch of evidence that is read for the claim at this place in the list of pairs."""

    pair: int
    text: str


class Verifier:
    """A loaded verifier; reading is batched over all pairs given at once."""

    def __init__(self, shipped: Shipped):
        self._shipped = shipped

    def scores(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """Return calibrated probabilities, float32 [n, 3], columns as in `LABELS`.

        A pair is a claim of one sentence and its evidence: sentences, or a whole abstract. Empty evidence, or one that
        shares no word with the claim, is unverifiable and costs no reading.
        """
        calibration = self._shipped.calibration
        result = np.tile(np.float32(calibration["without evidence"]), (len(pairs), 1))
        rows, numbers = self.features(pairs)
        if len(rows):
            logits = rows @ np.array(calibration["weights"]).T + np.array(calibration["bias"])
            result[numbers] = _softmax(logits).astype(np.float32)
        return result

    def features(self, pairs: Sequence[tuple[str, str]]) -> tuple[NDArray[np.float64], list[int]]:
        """Return one row of `FEATURES` per pair that has evidence worth reading, and these pairs' numbers."""
        claims = [read_claim(claim) for claim, _ in pairs]
        windows = [Window(n, text) for n, pair in enumerate(pairs) for text in windows_of(*pair)]
        read = self.directions([claims[w.pair] for w in windows], [w.text for w in windows])
        of_pair: dict[int, list[int]] = {}
        for number, window in enumerate(windows):
            of_pair.setdefault(window.pair, []).append(number)
        rows = [
            _row(pairs[n], claims[n], [windows[i].text for i in of_pair[n]], read[of_pair[n]]) for n in sorted(of_pair)
        ]
        return np.array(rows), sorted(of_pair)

    def directions(self, claims: Sequence[Claim], evidence: Sequence[str]) -> NDArray[np.float64]:
        """Return what the model alone reads for each masked claim: probabilities of `DIRECTIONS`."""
        texts = [(c.masked, mark_for(c, e)) for c, e in zip(claims, evidence, strict=True)]
        encoded = encode_pairs(self._shipped.tokenizer, texts, max_tokens=MAX_TOKENS)
        return _softmax(predict(self._shipped.model, encoded).astype(np.float64))


def windows_of(claim: str, evidence: str) -> list[str]:
    """Return the stretches of evidence to be read for a claim; none if nothing in it has to do with the claim."""
    pieces = sentences(evidence)
    if len(pieces) <= WHOLE:
        whole = " ".join(pieces)
        return [whole] if key_words(whole) & key_words(claim) else []
    return [pieces[n] for n in choose(claim, pieces, WINDOWS)]


def _row(pair: tuple[str, str], claim: Claim, texts: list[str], read: NDArray[np.float64]) -> list[float]:
    """Join the windows: the more a window says about the claim, the more its direction counts."""
    relevant = 1 - read[:, DIRECTIONS.index("nothing")]
    weight = relevant**2 / (relevant**2).sum()
    directions = (weight[:, None] * read[:, :3] / read[:, :3].sum(axis=1, keepdims=True)).sum(axis=0)
    asserted = sum(directions[DIRECTIONS.index(d)] for d in claim.asserts)
    best = int(relevant.argmax())
    ruled = read_evidence(claim, texts[best])
    agree = ruled in claim.asserts
    words = key_words(pair[0])
    return [
        _logit(asserted),
        _logit(1 - float(relevant[best])),
        float(agree),
        float(not agree and ruled != "nothing"),
        max(len(words & key_words(t)) for t in texts) / max(1, len(words)),
        _numbers_missing(*pair),
    ]


def _numbers_missing(claim: str, evidence: str) -> float:
    """Return the share of the claim's numbers that the evidence does not have."""
    stated = {n.replace(",", "") for n in _NUMBER.findall(claim)}
    return len(stated - {n.replace(",", "") for n in _NUMBER.findall(evidence)}) / len(stated) if stated else 0.0


def _logit(p: float) -> float:
    p = min(max(float(p), 1e-3), 1 - 1e-3)
    return float(np.log(p / (1 - p)))


def _softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True)) if len(logits) else logits
    return powers / powers.sum(axis=1, keepdims=True)


@cache
def load_verifier(folder: Path | None = None) -> Verifier:
    """Load the verifier that comes with the package, or one made again in a folder.

    Raises:
        ShippedModelError: its files are missing or do not fit.
    """
    return Verifier(load_shipped(folder or shipped_folder("verifier")))
