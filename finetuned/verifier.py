"""Judge whether evidence supports a claim: `load_verifier().scores([(claim, evidence), …])`.

Rules read which direction the claim asserts and mask it; the model reads what the evidence says for the gap; a small
logistic head joins that with what rules read in the evidence. What each part does: README of this package.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .adapters import LOADING, Shipped, load_shipped, shipped_folder
from .claims import DIRECTIONS, Claim, read_claim
from .copied import copied
from .evidence_rules import read_evidence
from .examples import mark_for
from .marking import intervals, key_words, significance
from .pair_model import encode_pairs, pieces, predict
from .passages import choose, sentences

LABELS = ("supported", "contradicted", "unverifiable")
WINDOWS = 4  # sentences of long evidence that the model reads
WHOLE = 2  # evidence of as many sentences is read as it stands
MAX_TOKENS = 192
COMMON_PIECES = 2000  # word pieces before this number (letters, "the", "with") tell nothing
SHARPNESS = 3  # how much more a more relevant window counts; chosen on the calibration part
# What decides whether the evidence says anything about the claim, and, if it does, whether it says the same.
RELEVANCE = ("nothing", "words shared", "nothing, words shared", "number missing")
AGREEMENT = (
    "asserted",
    "other direction",
    "rules agree",
    "rules disagree",
    "number missing",
    "number missing, words shared",
    "chance agrees",
    "copied",
)
PLANNED = 0.05  # weight of a sentence that says what was planned; chosen on the calibration part
_PLAN = re.compile(
    r"\b(?:aim(?:s|ed)?|objectives?|purpose|whether|hypothes\w+|designed|"
    r"to (?:compare|evaluate|assess|investigate|determine|examine|explore|test|study)|"
    r"were (?:randomi[sz]ed|randomly|allocated|assigned|measured|assessed|evaluated|recorded)|"
    r"we (?:compared|evaluated|assessed|investigated|examined))\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*(?![\w])")


Rows = NDArray[np.float64]


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
        relevance, agreement, numbers = self.features(pairs)
        if numbers:
            unverifiable = _logistic(relevance, calibration["relevance"])
            supported = (1 - unverifiable) * _logistic(agreement, calibration["agreement"])
            result[numbers] = np.stack([supported, 1 - unverifiable - supported, unverifiable], axis=1)
        return result

    def features(self, pairs: Sequence[tuple[str, str]]) -> tuple[Rows, Rows, list[int]]:
        """Return `RELEVANCE` and `AGREEMENT`, one row per pair with evidence to read, and their numbers."""
        claims = [read_claim(claim) for claim, _ in pairs]
        windows = [Window(n, text) for n, pair in enumerate(pairs) for text in windows_of(*pair)]
        read = self.directions([claims[w.pair] for w in windows], [w.text for w in windows])
        of_pair: dict[int, list[int]] = {}
        for number, window in enumerate(windows):
            of_pair.setdefault(window.pair, []).append(number)
        numbers = sorted(of_pair)
        shared = words_shared(self._shipped.tokenizer, [pairs[n] for n in numbers])
        relevance, agreement = [], []
        for n, share in zip(numbers, shared, strict=True):
            texts = [windows[i].text for i in of_pair[n]]
            same = _copies(pairs[n][0], texts)
            nothing, asserted, rules = _join(claims[n], texts, read[of_pair[n]], same)
            missing = _numbers_missing(*pairs[n])
            relevance.append([nothing, share, nothing * share, missing])
            agreement.append(
                [
                    *(_log(asserted), _log(1 - asserted), *rules[:2], missing, missing * share, rules[2]),
                    1.0 if 1 in same else min(same),
                ]
            )
        return (
            np.array(relevance).reshape(-1, len(RELEVANCE)),
            np.array(agreement).reshape(-1, len(AGREEMENT)),
            numbers,
        )

    def directions(self, claims: Sequence[Claim], evidence: Sequence[str]) -> NDArray[np.float64]:
        """Return what the model alone reads for each masked claim: probabilities of `DIRECTIONS`."""
        texts = [(c.masked, mark_for(c, e)) for c, e in zip(claims, evidence, strict=True)]
        encoded = encode_pairs(self._shipped.tokenizer, texts, max_tokens=MAX_TOKENS)
        return _softmax(predict(self._shipped.model, encoded).astype(np.float64))


def windows_of(claim: str, evidence: str) -> list[str]:
    """Return the stretches of evidence to be read for a claim; none if nothing in it has to do with the claim."""
    parts = sentences(evidence)
    if len(parts) <= WHOLE:
        whole = " ".join(parts)
        return [whole] if key_words(whole) & key_words(claim) else []
    return [parts[n] for n in choose(claim, parts, WINDOWS)]


def _planned(text: str) -> bool:
    return bool(_PLAN.search(text)) and not significance(text)


def _copies(claim: str, texts: Sequence[str]) -> list[int]:
    """Return `copied` of each window; what was only planned confirms no claim of what was found."""
    return [0 if _planned(t) and not _PLAN.search(claim) else copied(claim, t) for t in texts]


def _join(
    claim: Claim, texts: list[str], read: Rows, same: list[int]
) -> tuple[float, float, tuple[float, float, float]]:
    """Join the windows: the more a window says about the claim, the more its direction counts.

    A sentence that says what was planned, and not what was found, counts little unless the claim is taken from it.
    Returns the log of the least "nothing", the probability of the asserted direction, whether the rules, reading the
    weightiest window, agree or disagree, and whether what is left to chance agrees (above 0) or disagrees (below).
    """
    relevant = 1 - read[:, DIRECTIONS.index("nothing")]
    planned = np.array([_planned(t) and not s for t, s in zip(texts, same, strict=True)])
    weight = np.maximum(relevant, 0.01) ** SHARPNESS * np.where(planned, PLANNED, 1.0)
    weight /= weight.sum()
    directions = (weight[:, None] * read[:, :3] / read[:, :3].sum(axis=1, keepdims=True)).sum(axis=0)
    best = int(weight.argmax())
    ruled = read_evidence(claim, texts[best])
    agree = ruled in claim.asserts
    asserted = sum(float(directions[DIRECTIONS.index(d)]) for d in claim.asserts)
    chance = float(weight @ [{kind for _, kind in [*significance(t), *intervals(t)]} == {"chance"} for t in texts])
    rules = (float(agree), float(not agree and ruled != "nothing"), chance if "same" in claim.asserts else -chance)
    return _log(1 - relevant.max()), asserted, rules


def words_shared(tokenizer: Any, pairs: Sequence[tuple[str, str]]) -> list[float]:
    """Return the share of each first text's word pieces that the second has, rarer ones counting more.

    The vocabulary is sorted by frequency, so that the logarithm of a piece's number stands for its rarity.
    """
    if not pairs:
        return []
    ids = [[frozenset(i) for i in pieces(tokenizer, [p[n] for p in pairs])] for n in (0, 1)]
    return [_weight(first & second) / max(_weight(first), 1e-9) for first, second in zip(*ids, strict=True)]


def _weight(ids: frozenset[int]) -> float:
    return sum(math.log(max(i, COMMON_PIECES) / COMMON_PIECES) for i in ids)


def _numbers_missing(claim: str, evidence: str) -> float:
    """Return the share of the claim's numbers that the evidence does not have."""
    stated = {n.replace(",", "") for n in _NUMBER.findall(claim)}
    return len(stated - {n.replace(",", "") for n in _NUMBER.findall(evidence)}) / len(stated) if stated else 0.0


def _log(p: float) -> float:
    return float(np.log(max(float(p), 1e-3)))


def _logistic(rows: Rows, part: dict[str, Any]) -> Rows:
    result: Rows = 1 / (1 + np.exp(-(rows @ np.array(part["weights"]) + part["bias"])))
    return result


def _softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    powers: Rows = np.exp(logits - logits.max(axis=1, keepdims=True)) if len(logits) else logits
    shares: Rows = powers / powers.sum(axis=1, keepdims=True)
    return shares


def load_verifier(folder: Path | None = None) -> Verifier:
    """Load the verifier that comes with the package, or one made again in a folder.

    Raises:
        ShippedModelError: its files are missing or do not fit.
    """
    with LOADING:
        return _load(folder or shipped_folder("verifier"))


@cache
def _load(folder: Path) -> Verifier:
    return Verifier(load_shipped(folder))
