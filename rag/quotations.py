"""Quotations in an answer's text: verbatim in a source, nearly so, or not there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

from .quotes import find_quote, normalise

QuoteState = Literal["verbatim", "near", "absent"]
NEAR = 0.7  # likeness of words from which a quotation is an inexact one
WORDS = 4  # fewer are a term between quotation marks, not a quotation
_QUOTED = re.compile(r"[\"“«„]([^\"“”«»„]{12,1500})[\"”»“]")
_TITLED = re.compile(r"\b(?:titled|entitled|called)\s*[,:]?\s*$", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:[.,'-][^\W_]+)*|[<>=%±]")


class QuoteCheck(NamedTuple):
    """A quotation at [start, end) of the answer; `why` has the words that differ, source first."""

    text: str
    start: int
    end: int
    state: QuoteState
    pmid: str = ""
    why: str = ""


def find_quotations(text: str) -> list[tuple[str, int, int]]:
    """Return the stretches of at least four words between double quotation marks, without the marks; no titles."""
    found = [m for m in _QUOTED.finditer(text) if len(_WORD.findall(m[1])) >= WORDS]
    return [(m[1], m.start(1), m.end(1)) for m in found if not _TITLED.search(text[: m.start()])]


def check_quotation(quote: str, sources: Sequence[tuple[str, str]]) -> tuple[QuoteState, str, str]:
    """Return state, PMID and differing words of a quotation held against (PMID, text) pairs."""
    for pmid, text in sources:
        if find_quote(quote.rstrip(".,; "), text):
            return "verbatim", pmid, ""
    likeness, pmid, why = max((_nearest(quote, text, pmid) for pmid, text in sources), default=(0.0, "", ""))
    return ("near", pmid, why) if likeness >= NEAR else ("absent", "", "it stands in none of the sources")


def _nearest(quote: str, text: str, pmid: str) -> tuple[float, str, str]:
    """Return the likeness of the source's nearest stretch of as many words, and the words that differ."""
    wanted, words = (_WORD.findall(normalise(t)[0]) for t in (quote, text))
    size = len(wanted)
    if not wanted or not words:
        return 0.0, pmid, ""
    goal = [w.lower() for w in wanted]
    stretches = [words[at : at + size] for at in _places(words, goal)]
    theirs = max(stretches, key=lambda own: (_likeness(own, goal), own[0].lower() == goal[0]))
    matcher = SequenceMatcher(None, [w.lower() for w in theirs], goal, autojunk=False)
    changes = [
        f'"{" ".join(theirs[i:j])}" → "{" ".join(wanted[k:m])}"'
        for kind, i, j, k, m in matcher.get_opcodes()
        if kind != "equal"
    ]
    return matcher.ratio(), pmid, "; ".join(changes) or "capital letters or punctuation"


def _likeness(theirs: Sequence[str], goal: Sequence[str]) -> float:
    return SequenceMatcher(None, [w.lower() for w in theirs], goal, autojunk=False).ratio()


def _places(words: Sequence[str], goal: Sequence[str]) -> list[int]:
    """Return where the five stretches begin that share most words with the quotation, whatever their order."""
    lower, wanted, size = [w.lower() for w in words], Counter(goal), len(goal)
    window = Counter(lower[:size])
    shared = [(window & wanted).total()]
    for gone, new in zip(lower, lower[size:], strict=False):
        before = shared[-1] - (window[gone] <= wanted[gone])
        window[gone] -= 1
        window[new] += 1
        shared.append(before + (window[new] <= wanted[new]))
    return sorted(range(len(shared)), key=lambda at: -shared[at])[:5]
