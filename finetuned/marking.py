"""Mark what rules can read in a piece of evidence, so that a small model sees it: directions, p-values, comparisons.

MiniLM was trained to place "increased" and "decreased" close together; a mark before the word tells them apart. The
marks are tokens of its vocabulary that nothing else uses, and their embeddings are trained with the adapter.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from functools import lru_cache

from .cues import BAD, Cue, find_cues

MARKS = {
    name: f"[unused{number}]"
    for number, name in enumerate(
        (
            *("up", "down", "better", "worse", "same", "not", "significant", "chance", "less", "greater", "other"),
            *("net up", "net down"),
        ),
        1,
    )
}
_P = re.compile(
    r"\bp(?:[ -]?values?)?\s*(?:(?P<sign>[=<>≤≥:]|was|of)\s*){1,2}(?P<value>0?[.·]\d+|ns\b|n\.s\.|1\.0+)", re.IGNORECASE
)
_NUMBER = r"[-−+]?\d+(?:[.,·]\d+)*"
_PAIR = re.compile(
    rf"(?<![\w.])(?P<first>{_NUMBER})(?P<rest>(?:\s*(?:±|\+/-)\s*{_NUMBER}|\([^()]{{0,40}}\)|"
    rf"[^\d;()]){{0,60}}?)\s*(?:\b(?:vs\.?|versus|compared (?:with|to)|against|than)\b|"
    rf"(?P<and>\band\b))\s*(?P<mid>[^\d;]{{0,40}}?)(?P<second>{_NUMBER})(?![\w])",
    re.IGNORECASE,
)
_PLAIN = re.compile(r"[A-Za-z][\w-]+|\d+(?:\.\d+)?")
CONTROL = re.compile(
    r"\b(?:placebos?|controls?|sham|usual care|standard (?:care|treatment|therapy)|no treatment|untreated|vehicle|"
    r"conventional|routine care|waiting[- ]list|comparators?|saline)\b",
    re.IGNORECASE,
)
_IDLE = re.compile(
    r"\b(?:placebos?|sham|usual care|standard (?:care|treatment|therapy)|no (?!difference|effect|change)\w+|without|"
    r"untreated|control(?: group|s\b|\)|$)|routine care|waiting[- ]list|did not|not receiv\w+)",
    re.IGNORECASE,
)
_ACTIVE = re.compile(
    r"\b(?:intervention|experimental|treatment|active|treated|study|training)(?:[- ]\w+)?[- ]"
    r"(?:groups?|arms?|participants|patients|subjects|women|men|children|infants)\b",
    re.IGNORECASE,
)
_WEAK = frozenset(
    "the and for with without from that this those these group groups patients patient treatment treated therapy after "
    "before during their than were was are had has have received receiving given only alone plus day days week weeks "
    "month months year years dose daily twice once per either other both who subjects participants children women men "
    "at in of to on by or an as is be it no not mg kg ml".split()
)


_MORE = re.compile(
    r"(?P<more>greater|larger|higher|more|longer|faster|bigger)|(?P<less>less|smaller|lower|fewer|slower)", re.I
)


def net_cues(text: str, cues: Sequence[Cue]) -> list[tuple[int, str]]:
    """Return what two cues together say of the thing itself: "greater reduction in pain" is less pain, net down.

    "Improved" before something bad, or better scores of it, is net down as well; before anything else net up.
    """
    found = []
    for first, second in itertools.pairwise(cues):
        between = text[first.end : second.start]
        amount = _MORE.fullmatch(text[first.start : first.end]) or _MORE.fullmatch(text[second.start : second.end])
        inner = second if _MORE.fullmatch(text[first.start : first.end]) else first
        if amount is None or len(between.split()) > 2 or re.search(r"[,;.:]|\band\b|\bor\b", between):
            continue
        if inner.sense in ("same", "not") or _MORE.fullmatch(text[inner.start : inner.end]):
            continue
        sense = _of_thing(text, inner)
        found.append((first.start, "net " + (sense if amount["more"] else _TURNED[sense])))
    paired = {place for place, _ in found}
    judged = [c for c in cues if c.sense in ("better", "worse") and c.start not in paired]
    return found + [(c.start, "net " + _of_thing(text, c)) for c in judged]


_TURNED = {"up": "down", "down": "up"}


def _of_thing(text: str, cue: Cue) -> str:
    if cue.sense in ("up", "down"):
        return cue.sense
    bad = bool(BAD.search(text[max(0, cue.start - 40) : cue.start] + " " + text[cue.end : cue.end + 60]))
    return "up" if (cue.sense == "better") != bad else "down"


def significance(text: str) -> list[tuple[int, str]]:
    """Return where p-values stand and whether each is below .05."""
    found = []
    for m in _P.finditer(text):
        raw = m["value"].lower().replace("·", ".")
        value = 1.0 if raw.startswith("n") else float(raw)
        small = value < 0.05 or (value == 0.05 and m["sign"] in "<≤")
        found.append((m.start(), "chance" if not small or m["sign"] in ">≥" else "significant"))
    return found


_INTERVAL = re.compile(
    r"\b(?:95\s*%?\s*(?:CI|confidence intervals?)|CI)\b[^\d;.−-]{0,12}(?P<low>[-−]?\d+(?:[.·]\d+)?)\s*%?\s*"
    r"(?:to|–|—|,|-|;)\s*(?P<high>[-−+]?\d+(?:[.·]\d+)?)",
    re.IGNORECASE,
)
_RATIO = re.compile(r"\b(?:ratio|OR|RR|HR|IRR|aOR|aHR)\b[^;]{0,40}$")


def intervals(text: str) -> list[tuple[int, str]]:
    """Return where confidence intervals stand, of ratios and differences, and whether they exclude no effect.

    One of a mean or a share says nothing: only where it spans zero, or follows a ratio, is it read.
    """
    found = []
    for m in _INTERVAL.finditer(text):
        low, high = (float(m[side].replace("−", "-").replace("·", ".")) for side in ("low", "high"))
        if _RATIO.search(text[max(0, m.start() - 60) : m.start()]):
            found.append((m.start(), "chance" if low <= 1 <= high else "significant"))
        elif low < 0 < high:
            found.append((m.start(), "chance"))
    return found


def comparisons(text: str) -> list[tuple[int, str]]:
    """Return where one number stands against another, and whether the first is the less or the greater."""
    return [(m.start(), "less" if _value(m["first"]) < _value(m["second"]) else "greater") for m in _pairs(text)]


def swap_numbers(text: str) -> str:
    """Return the text with the two numbers of every comparison exchanged."""
    pieces, position = [], 0
    for m in _pairs(text):
        pieces += [text[position : m.start()], m["second"], text[m.end("first") : m.start("second")], m["first"]]
        position = m.end()
    return "".join([*pieces, text[position:]])


def _pairs(text: str) -> list[re.Match[str]]:
    found = []
    for m in _PAIR.finditer(text):
        if m["and"] and not re.search(r"\bgroups?\b|%|±|respectively|\bin\b", m[0] + text[m.end() : m.end() + 60]):
            continue
        try:
            if _value(m["first"]) != _value(m["second"]):
                found.append(m)
        except ValueError:  # "1.2.3", a section or a version
            continue
    return found


def _value(number: str) -> float:
    return float(_plain(number))


def _plain(number: str) -> str:
    number = number.replace("−", "-").replace("·", ".")
    return (
        number.replace(",", "")
        if re.fullmatch(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?", number)
        else number.replace(",", ".")
    )


@lru_cache(maxsize=4096)
def key_words(text: str) -> frozenset[str]:
    """Return the telling words of a text, in lower case and without a plural's s."""
    return frozenset(_stem(w) for w in _PLAIN.findall(text.lower()) if w not in _WEAK and (len(w) > 1))


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 4 and word.endswith("s") and not word.endswith("ss") else word


def comparator_words(text: str, comparator: str, rest: str) -> list[tuple[int, int]]:
    """Return the stretches of the evidence that name the arm a claim compares with.

    `rest` is the claim without its comparator: a word of both arms names neither.
    """
    only = key_words(comparator) - key_words(rest)
    spans = [(m.start(), m.end()) for m in _PLAIN.finditer(text) if _stem(m[0].lower()) in only]
    if CONTROL.search(comparator):
        spans += [(m.start(), m.end()) for m in CONTROL.finditer(text)]
    elif _IDLE.search(rest):  # the claim has the control first: "the intervention group" is then the other arm
        spans += [(m.start(), m.end()) for m in _ACTIVE.finditer(text)]
    return sorted(set(spans))


def mark(evidence: str, comparator: str, rest: str) -> str:
    """Return the evidence with a mark before each cue, p-value, pair of numbers, and mention of the other arm."""
    cues = find_cues(evidence)
    marks = [(c.start, str(c.sense)) for c in cues] + net_cues(evidence, cues)
    marks += significance(evidence) + intervals(evidence) + comparisons(evidence)
    last = -10
    for start, end in comparator_words(evidence, comparator, rest) if comparator else []:
        if start > last + 2:  # one mark for words in a row
            marks.append((start, "other"))
        last = end
    pieces, position = [], 0
    for start, name in sorted(set(marks)):
        pieces += [evidence[position:start], MARKS[name], " "]
        position = start
    return "".join([*pieces, evidence[position:]])
