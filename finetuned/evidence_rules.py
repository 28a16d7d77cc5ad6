"""Read by written rules alone what evidence says about a masked claim: up, down, same, or nothing.

The honest rule-based part: it needs no model, serves as a baseline, and its reading is a feature of the verifier.
"""

from __future__ import annotations

import re

from .claims import MASK, Claim
from .cues import Cue, find_cues
from .marking import comparator_words, comparisons, key_words, significance

_MARK = re.compile(r"\b(?:than|compared (?:with|to)|versus|vs\.?|relative to|in comparison (?:with|to))\b", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z][\w-]+|\d+(?:\.\d+)?")
_BAD = re.compile(r"\b(?:pain|mortality|risk|symptom|adverse|complication|bleed|depress|anxi|stress|severity|score)", re.I)


def read_evidence(claim: Claim, evidence: str) -> str:
    """Return the direction that the cue nearest to the claim's words says, or "nothing" without cue or shared word.

    The direction is turned round where the claim's other arm stands before "than" and not after it. A p-value of .05
    or more, without a smaller one, makes it "same"; without a cue, a pair of numbers decides.
    """
    rest = claim.masked.replace(MASK, " ").replace(claim.comparator or "\0", " ")
    places = _places(evidence, key_words(rest))
    if not places:
        return "nothing"
    cues = find_cues(evidence)
    p_values = {kind for _, kind in significance(evidence)}
    if p_values == {"chance"}:
        return "same"
    if not cues:
        pairs = comparisons(evidence)
        return "nothing" if not pairs else "up" if pairs[0][1] == "greater" else "down"
    cue = min(cues, key=lambda c: min(_distance(c, place) for place in places))
    direction = _sense(cue, claim.masked)
    if direction != "same" and claim.comparator and _turned(claim, rest, evidence, cue):
        return "down" if direction == "up" else "up"
    return direction


def _places(evidence: str, words: frozenset[str]) -> list[tuple[int, int]]:
    return [(m.start(), m.end()) for m in _WORD.finditer(evidence) if key_words(m[0]) & words]


def _distance(cue: Cue, place: tuple[int, int]) -> int:
    return max(0, place[0] - cue.end, cue.start - place[1])


def _sense(cue: Cue, masked: str) -> str:
    if cue.sense in ("same", "not"):
        return "same"
    if cue.sense in ("better", "worse"):
        return "up" if (cue.sense == "better") != bool(_BAD.search(masked)) else "down"
    return cue.sense


def _turned(claim: Claim, rest: str, evidence: str, cue: Cue) -> bool:
    """Tell whether the other arm is what the sentence is about, not what it compares with."""
    mark = _MARK.search(evidence, cue.end)
    if mark is None:
        return False
    others = comparator_words(evidence, claim.comparator, rest)
    before = any(start < mark.start() for start, _ in others)
    after = any(mark.end() <= start < mark.end() + 80 for start, _ in others)
    return before and not after
