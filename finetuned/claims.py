"""Read a claim by rules: which direction it asserts, and the claim with that direction masked.

"LMWH reduced bleeding compared with UFH" → down, "LMWH [MASK] bleeding compared with UFH". The model reads the masked
claim with the evidence and fills the gap; so it cannot judge a claim by its wording, and a claim and its flipped twin
get the same reading and opposite verdicts.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .cues import Cue, find_cues

MASK = "[MASK]"
DIRECTIONS = ("up", "down", "same", "nothing")  # what evidence can say about a masked claim


class Claim(NamedTuple):
    """`asserts`: the directions under which the claim holds; `masked`: its text without them.

    A claim without any cue ("statins cause myopathy") stays whole and asserts "up" or "down": that there is an effect.
    `comparator`: the words after "compared with", "than" and the like; "" if there are none.
    """

    masked: str
    asserts: frozenset[str]
    comparator: str
    found: bool


# More of these is worse: "improved" then means down.
_BAD = re.compile(
    r"\b(?:pain|mortality|deaths?|risks?|symptoms?|adverse|complications?|bleed\w*|infections?|relapses?|recurrence\w*|"
    r"anxiety|depressi\w+|stress|fatigue|nausea|vomiting|disability|severity|incidence|blood pressure|hypertension|"
    r"cholesterol|ldl|hba1c|glucose|weight|bmi|obesity|inflammat\w+|crp|distress|burden|failure|errors?|falls|"
    r"hospitali[sz]ations?|length of stay|duration|time to|insomnia|exacerbations?|attacks?|seizures?|toxicity|"
    r"dyspn\w+|cough|itch\w*|pruritus|swelling|edema|oedema|stroke|infarction|fractures?|loss|deficits?|impairment|"
    r"dysfunction|resistance|viral load|tumou?r|progression|injury|lesions?|plaque|craving|smoking|drinking)\b",
    re.IGNORECASE,
)
_COMPARED = re.compile(
    r"\b(?:(?:as |when |if )?compared (?:with|to|against)|in comparison (?:with|to)|relative to|versus|vs\.?|than|"
    r"as opposed to|as against|rather than|instead of|in contrast (?:with|to)|over and above|over|against|"
    r"with respect to those (?:on|in|with|given))\s+",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"\b(?:between|for both|in both|in|with|of|for|by|after)\s+(.{2,120}?)\s+(?:and|or)\s+(.+)$", re.IGNORECASE)
_BEFORE = re.compile(
    r"(?:significantly|statistically|markedly|substantially|significant|clearly|considerably)\s+$", re.IGNORECASE
)
_PREDICATE = re.compile(
    r"\b(?:was|were|is|are|be|been|being|became|remained|leads? to|led to|leading to|results? in|resulted in|"
    r"resulting in|produc\w+|caus\w+|associated with|linked to|had|has|have|show\w*|gave|gives|experienced|saw|"
    r"reported|yield\w*|achiev\w*|brought about|there (?:was|were|is)|went|tended to|to|will|would|can|could|may|did|"
    r"report|exhibit\w*|display\w*|demonstrat\w*|got|an?|significantly|also|markedly|receiving .{2,30})\s+(?:an?\s+|the\s+)?"
    r"(?:(?:significantly|statistically|markedly|substantially|significant|clear|marked|much|far|slightly)\s+)*$",
    re.IGNORECASE,
)
_FINITE = re.compile(r"(?:\w+ed|\w+es|\w+s|rose|fell|grew|cut)$", re.IGNORECASE)
_INNER = re.compile(r"\b(?:of|for|from|by|per|any|and|or|with the)\s+(?:the\s+)?$", re.IGNORECASE)


def read_claim(claim: str) -> Claim:
    """Read a claim; one of several cues is taken by its place in the sentence, not by its meaning."""
    text = " ".join(claim.split())
    cues = find_cues(text)
    comparator = find_comparator(text)
    if not cues:
        return Claim(text, frozenset({"up", "down"}), comparator, False)
    cue = max(cues, key=lambda c: (_weight(text, c), -c.start))
    asserts = _asserts(text, cue)
    start, end = _phrase(text, cue)
    masked = " ".join(f"{text[:start]} {MASK} {text[end:]}".split())
    return Claim(masked, asserts, comparator, True)


def _weight(text: str, cue: Cue) -> float:
    before, after = text[: cue.start], text[cue.end :]
    weight = 4.0 if cue.sense in ("same", "not") else 0.0
    if cue.sense in ("better", "worse"):
        weight -= 0.5
    weight += 3 * bool(_BEFORE.search(before))
    weight += 2 * bool(_PREDICATE.search(before))
    weight += 2 * bool(re.match(r"(?:\s+\S+){0,12}?\s+than\b", after))
    weight += 1 * bool(_FINITE.search(text[cue.start : cue.end]))
    weight += 1 * bool(re.match(r"\s+(?:in|of|the)\b", after))
    return weight - 2 * bool(_INNER.search(before))


def _asserts(text: str, cue: Cue) -> frozenset[str]:
    if cue.sense == "same":
        return frozenset({"same"})
    direction = cue.sense
    if cue.sense == "not":
        inner = [c for c in find_cues(re.sub(r"(?i)\b(?:no|not|n[o'’]t|fail(?:ed|s)? to|without)\b", "", text[cue.start : cue.end]))]
        direction = inner[-1].sense if inner else "up"
    if direction in ("better", "worse"):
        bad = bool(_BAD.search(text[: cue.start] + text[cue.end :]))
        direction = "up" if (direction == "better") != bad else "down"
    if cue.sense == "not":
        return frozenset({"same", "down" if direction == "up" else "up"})
    return frozenset({direction})


_ADVERBS_BEFORE = re.compile(
    r"(?:\b(?:(?-i:an?)|statistically|significantly|significant|markedly|marked|substantially|substantial|clinically|clearly|"
    r"considerably|considerable|much|far|slightly|there (?:was|were|is))\s+)+$",
    re.IGNORECASE,
)


def _phrase(text: str, cue: Cue) -> tuple[int, int]:
    """Widen a cue by the adverbs before it, which would say that there was an effect."""
    wider = _ADVERBS_BEFORE.search(text, 0, cue.start)
    return (wider.start() if wider else cue.start), cue.end


_ARM_END = re.compile(r"[,;(]|\.\s|\b(?:and|but|which|while) (?:is|was|are|were|did|had|has)\b")
_ARM_START = re.compile(
    r"^(?:(?:in|with|for|among|after|under|on|by|those|that|of|the|receiving|given|allocated to|treated|patients) )+"
)


def find_comparator(text: str) -> str:
    """Return what a claim compares with; "" if it names nothing."""
    named = ""
    if marks := list(_COMPARED.finditer(text)):
        rest = text[marks[-1].end() :]
        opens = marks[-1].start() < 12 and "," in rest  # "Compared with B, A …"
        named = rest.split(",")[0] if opens else rest
    elif (pair := _BETWEEN.search(text.rstrip(" ."))) and re.search(r"\bbetween\b|\bsimilar|\bboth\b|compar", text):
        named = pair[2]
    named = _ARM_START.sub("", named.strip())
    end = _ARM_END.search(named, 3)
    return " ".join((named[: end.start()] if end else named).rstrip(" .").split()[:14])
