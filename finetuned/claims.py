"""Read a claim by rules: which direction it asserts, and the claim with that direction masked.

"LMWH reduced bleeding compared with UFH" → down, "LMWH [MASK] bleeding compared with UFH". The model reads the masked
claim with the evidence and fills the gap; so it cannot judge a claim by its wording, and a claim and its flipped twin
get the same reading and opposite verdicts.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .cues import BAD, FORMS, Cue, find_cues

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


_COMPARED = re.compile(
    r"\b(?:(?:as |when |if )?compared (?:with|to|against)|in comparison (?:with|to)|relative to|versus|vs\.?|(?:more )?than|"
    r"as opposed to|as against|rather than|instead of|in contrast (?:with|to)|over and above|over(?!\s+(?:the|time|a|\d))|against|"
    r"with respect to those (?:on|in|with|given))\s+",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"\bbetween\s+(?P<a>.{2,120}?)\s+and\s+(?P<b>.+)$", re.IGNORECASE)
# Words that bring an arm in and say nothing of it.
_FILLER = re.compile(
    r"\b(?:(?:treatment|therapy) with|(?:the )?use of|(?:patients|people|participants|those|subjects) "
    r"(?:(?:who were |who )?(?:given|receiving|received|treated with|allocated to|assigned to|randomi[sz]ed to|taking|on))|"
    r"the|group)\s+(?!in\b|of\b)",
    re.IGNORECASE,
)
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
    comparator, kept = _take_out_comparator(text)
    cues = find_cues(kept)
    if not cues:
        return Claim(_with_comparator(kept, comparator), frozenset({"up", "down"}), comparator, False)
    cue = max(cues, key=lambda c: (_weight(text, kept, c), -c.start))
    start, end = _phrase(kept, cue)
    masked = " ".join(f"{kept[:start]} {MASK} {kept[end:]}".split())
    return Claim(_with_comparator(masked, comparator), _asserts(kept, cue), comparator, True)


def _with_comparator(text: str, comparator: str) -> str:
    """Put the other arm at the end, wherever the claim had it: the model meets one form instead of many."""
    text = _FILLER.sub("", text).strip(" .,;:")
    return f"{text} compared with {comparator}" if comparator else text


def _weight(text: str, kept: str, cue: Cue) -> float:
    before, after = kept[: cue.start], kept[cue.end :]
    weight = 4.0 if cue.sense in ("same", "not") else 0.0
    if cue.sense in ("better", "worse"):
        weight -= 0.5
    weight += 3 * bool(_BEFORE.search(before))
    weight += 2 * bool(_PREDICATE.search(before))
    weight += 2 * (f"{kept[cue.start : cue.end]} than" in text)
    weight += 1 * bool(_FINITE.search(text[cue.start : cue.end]))
    weight += 1 * bool(re.match(r"\s+(?:in|of|the)\b", after))
    return weight - 2 * bool(_INNER.search(before))


def _asserts(text: str, cue: Cue) -> frozenset[str]:
    if cue.sense == "same":
        return frozenset({"same"})
    direction = cue.sense
    if cue.sense == "not":
        inner = [
            c
            for c in find_cues(
                re.sub(r"(?i)\b(?:no|not|n[o'’]t|fail(?:ed|s)? to|without)\b", "", text[cue.start : cue.end])
            )
        ]
        direction = inner[-1].sense if inner else "up"
    if direction in ("better", "worse"):
        bad = bool(BAD.search(text[: cue.start] + text[cue.end :]))
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


_FINITE_FORMS = ("past", "third", "moved", "moves", "lasted", "lasts", "promoted", "promotes")
_ARM_END = re.compile(
    r"[,;(:]|\.\s|\b(?:which|while|(?:is|was|are|were|did|had|has|led|caused|resulted|produced|gave))\b"
)
_VERB = re.compile(
    rf"\b(?:(?:significantly|markedly) )?(?:{'|'.join(' '.join(' '.join(FORMS[f]) for f in _FINITE_FORMS).split())}"
    r"|improved|worsened|improves|worsens|(?:did|does) not)\b"
)
_ARM_START = re.compile(
    r"^(?:(?:in|with|for|among|after|under|on|by|those|that|of|the|receiving|given|allocated to|treated|patients) )+"
)


def find_comparator(text: str) -> str:
    """Return what a claim compares with; "" if it names nothing."""
    return _take_out_comparator(" ".join(text.split()))[0]


def _take_out_comparator(text: str) -> tuple[str, str]:
    """Return the other arm and the claim without it and without the words that bring it in."""
    if marks := list(_COMPARED.finditer(text)):
        mark = marks[-1]
        if mark.start() < 6 and "," in text[mark.end() :]:  # "Compared with B, A …": an arm may hold commas, seldom
            end = text.index(",", mark.end())
            return _arm(text[mark.end() : end]), text[end + 1 :].strip()
        end = _ARM_END.search(text, mark.end() + 3)
        if not find_cues(text[: mark.start()]):  # "A rather than B lowered O": the finding comes after the arm
            end = min(
                (e for e in (end, _VERB.search(text, mark.end() + 3)) if e), key=lambda e: e.start(), default=None
            )
        stop = end.start() if end else len(text)
        return _arm(text[mark.end() : stop]), f"{text[: mark.start()].rstrip(' ,')} {text[stop:]}".strip()
    if pair := _BETWEEN.search(text.rstrip(" .")):
        return _arm(pair["b"]), f"{text[: pair.start()]}with {pair['a']}"
    return "", text


def _arm(text: str) -> str:
    return " ".join(_ARM_START.sub("", text.strip(" ,.")).split()[:16])
