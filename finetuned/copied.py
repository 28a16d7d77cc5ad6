"""Tell by rules whether a claim stands in the evidence almost word for word, and whether one telling word differs."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from .cues import SENSES
from .marking import key_words

ALIKE = 0.8  # share of the claim's words that stand in the same order
_TOKEN = re.compile(r"\d+(?:[.,·]\d+)*|[^\W\d_]+(?:-[^\W\d_]+)*")
# What only introduces a finding, and says nothing of it.
_LEAD = re.compile(
    r"\A[\s\"“]*(?:in this (?:study|trial|paper)|in the words of the (?:paper|authors)"
    r"|according to the (?:authors|paper|study|abstract)"
    r"|(?:we|the (?:authors|paper|study|trial|results))"
    r" (?:report|found|find|conclude|show|state|suggest)(?:s|d|ed)? that"
    r"|however|overall|moreover|furthermore|in conclusion|in addition)\b[,:]?\s+",
    re.IGNORECASE,
)
# Who was studied: weak words elsewhere, but one for the other is another finding.
_WHO = frozenset("adults adolescents children infants neonates newborns men women boys girls".split())
_DENIAL = frozenset("not no never nor neither without cannot failed fails fail non lack lacked".split())


def copied(claim: str, text: str) -> int:
    """Return 1 if a sentence says a claim in its own words, -1 if they differ in a direction, a denial or a number.

    0: it is worded otherwise, or its words are in another order. Words of one sense ("raised", "increased") are one.
    """
    claim = _LEAD.sub("", claim)
    words = key_words(claim)
    if not words or len(words & key_words(text)) < ALIKE / 2 * len(words):
        return 0
    first, second = _tokens(claim), _tokens(text)
    blocks = [b for b in SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks() if b.size]
    if sum(b.size for b in blocks) < ALIKE * len(first):
        return 0
    start, end = blocks[0].b, blocks[-1].b + blocks[-1].size
    matched = {n for b in blocks for n in range(b.b, b.b + b.size)}
    inserted = [second[n] for n in range(start, end) if n not in matched]
    kept = {n for b in blocks for n in range(b.a, b.a + b.size)}
    replaced = [w for n, w in enumerate(first) if n not in kept]
    # Another drug, other people or another outcome; one that the sentence has elsewhere is out of its place.
    if key_words(" ".join(w for w in replaced if not _kind(w))) or _WHO & set(replaced):
        return 0
    gone, come = {_kind(w) for w in replaced} - {""}, {_kind(w) for w in inserted}
    if "denial" in gone | come or (gone & come):
        return -1
    return 0 if gone else 1


def _tokens(text: str) -> list[str]:
    return [SENSES.get(t, t) for t in (m[0].lower() for m in _TOKEN.finditer(text))]


def _kind(token: str) -> str:
    """Say what a word tells: a denial, a direction, a number, or "" for none of them."""
    if token in _DENIAL:
        return "denial"
    return "direction" if token in _SENSES else "number" if token[0].isdigit() else ""


_SENSES = frozenset(SENSES.values())
