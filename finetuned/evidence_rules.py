"""Read by written rules alone what evidence says about a masked claim: up, down, same, or nothing.

The honest rule-based part: it needs no model, serves as a baseline, and its reading is a feature of the verifier.
"""

from __future__ import annotations

import re

from .claims import MASK, Claim
from .cues import BAD, Cue, find_cues
from .marking import comparator_words, comparisons, key_words, net_cues, significance

_MARK = re.compile(
    r"\b(?:than|compared (?:with|to)|versus|vs\.?|relative to|in comparison (?:with|to)|over)\b", re.IGNORECASE
)
_WORD = re.compile(r"[A-Za-z][\w-]+|\d+(?:\.\d+)?")
# The claim is about a reduction itself, so "greater reduction" means up.
_NAMED = re.compile(r"\b(?:reduction|decrease|decline|increase|improvement|loss|gain|change)", re.IGNORECASE)
_VALUE = re.compile(
    r"(?<![\w.(–-])[-−]?\d+(?:\.\d+)?(?=\s*(?:%|±|\(|points|mm|mg|kg|days?|weeks?|months|years|min|h\b|,|;|\.\s|\.$| in | for | with ))"
)
SAME_BONUS = 70  # characters by which a denied difference counts as nearer; chosen on the training trials
_TURN = {"up": "down", "down": "up", "same": "same", "nothing": "nothing"}


def read_evidence(claim: Claim, evidence: str) -> str:
    """Return the direction that the cue nearest to the claim's words says, or "nothing" where there is no cue.

    The direction is turned round where the claim's other arm is what the sentence is about and not what it compares
    with. A p-value of .05 or more, without a smaller one, makes it "same"; without a cue, a pair of numbers decides.
    """
    rest = claim.masked.removesuffix(claim.comparator).replace(MASK, " ")
    cues = find_cues(evidence)
    if {kind for _, kind in significance(evidence)} == {"chance"}:
        return "same"
    others = comparator_words(evidence, claim.comparator, rest) if claim.comparator else []
    if not cues:
        return _by_numbers(evidence, others)
    places = _places(evidence, key_words(rest) - key_words(claim.comparator)) or [(0, 0)]
    cue = min(cues, key=lambda c: min(_distance(c, p) for p in places) - SAME_BONUS * (c.sense in ("same", "not")))
    direction = _sense(cue, evidence, cues, rest)
    return _TURN[direction] if _turned(others, evidence, cue) else direction


def _places(evidence: str, words: frozenset[str]) -> list[tuple[int, int]]:
    return [(m.start(), m.end()) for m in _WORD.finditer(evidence) if key_words(m[0]) & words]


def _distance(cue: Cue, place: tuple[int, int]) -> int:
    return max(0, place[0] - cue.end, cue.start - place[1])


def _sense(cue: Cue, evidence: str, cues: list[Cue], rest: str) -> str:
    if cue.sense in ("same", "not"):
        return "same"
    if not _NAMED.search(rest):
        net = dict(net_cues(evidence, cues))
        near = next((net[c.start] for c in cues if c.start in net and abs(c.start - cue.start) < 40), None)
        if near:
            return near.removeprefix("net ")
    if cue.sense in ("better", "worse"):
        return "up" if (cue.sense == "better") != bool(BAD.search(rest)) else "down"
    return cue.sense


def _turned(others: list[tuple[int, int]], evidence: str, cue: Cue) -> bool:
    """Tell whether the other arm is what the sentence is about, not what it compares with."""
    if not others:
        return False
    mark = _MARK.search(evidence, cue.end)
    if mark is None:
        opening = _MARK.search(evidence, 0, cue.start)
        if opening is None:
            return False
        comma = evidence.find(",", opening.end(), cue.start + 1)
        compared = any(opening.end() <= start < (comma if comma > 0 else cue.start) for start, _ in others)
        return not compared and any(start > cue.end for start, _ in others)
    before = any(start < mark.start() for start, _ in others)
    after = any(mark.end() <= start < mark.end() + 80 for start, _ in others)
    return before and not after


def _by_numbers(evidence: str, others: list[tuple[int, int]]) -> str:
    """Compare two numbers that stand against each other, or the only two values; the other arm's goes second."""
    if pairs := comparisons(evidence):
        place, first = pairs[0]
    else:
        values = list(_VALUE.finditer(evidence))
        if len(values) != 2 or values[0][0] == values[1][0]:
            return "nothing"
        numbers = [float(v[0].replace("−", "-")) for v in values]
        place, first = values[0].start(), "greater" if numbers[0] > numbers[1] else "less"
    direction = "up" if first == "greater" else "down"
    before = [start for start, _ in others if start < place]
    after = [start for start, _ in others if start >= place]
    return _TURN[direction] if before and not after else direction
