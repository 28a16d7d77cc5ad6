"""Where a text cites: PMIDs, PubMed addresses and DOIs, in the forms that people and models write."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Literal, NamedTuple

Form = Literal["pmid", "doi", "malformed"]
_NAMED = re.compile(
    r"\bPMIDs?\b\s*(?:no\.?|number|#)?\s*[:=#]?\s*((?:PMC)?\s*\[?[\w-]+\]?(?:\s*(?:[,;]|and|&)\s*\d+)*)", re.I
)
_ADDRESS = re.compile(
    r"(?:https?://)?(?:www\.)?(?:pubmed\.ncbi\.nlm\.nih\.gov/|ncbi\.nlm\.nih\.gov/(?:m/)?pubmed/(?:\?term=)?)([\w-]+)/?",
    re.I,
)
_DOI = re.compile(
    r"(?:https?://(?:dx\.)?doi\.org/|\bdoi\s*:?\s*)?(\b10\.\d{4,9}/[^\s\"<>\])}]*[^\s\"<>\])}.,;:?!])", re.I
)
_BRACKETS = re.compile(r"\[\s*(\d+(?:\s*[,;]\s*\d+)*)\s*\]|\(\s*(\d{7,8}(?:\s*[,;]\s*\d{7,8})*)\s*\)")
INTERVAL = re.compile(r"(?:\bCI|interval|range|IQR|=|%)[\s:,]*$", re.IGNORECASE)
_PMID = re.compile(r"[1-9]\d{0,7}")  # NLM: one to eight digits


class Mention(NamedTuple):
    """A citation as written: `target` is the PMID or DOI; for a malformed one the words that stand in its place."""

    form: Form
    target: str
    start: int
    end: int


def find_mentions(text: str, *, shown: Sequence[str] = ()) -> list[Mention]:
    """Return a text's citations in order.

    A number in brackets is a PMID if it was shown or has five digits or more, else the place (from 1) of a passage
    among those `shown`; any other is taken for something else, an interval or a year.
    """
    found = [*_named(text), *(_one(m[1], *m.span()) for m in _ADDRESS.finditer(text))]
    taken = [range(m.start, m.end) for m in found]
    for match in _DOI.finditer(text):
        found.append(Mention("doi", match[1].lower(), *match.span()))
        taken.append(range(*match.span()))
    for match in _BRACKETS.finditer(text):
        if not any(match.start() < t.stop and t.start < match.end() for t in taken):
            found += _bracketed(match, text, list(shown))
    return sorted(found, key=lambda m: m.start)


def without(text: str, mentions: Collection[Mention]) -> str:
    """Return the text with its citations blanked, every other character where it stands."""
    for mention in mentions:
        text = text[: mention.start] + " " * (mention.end - mention.start) + text[mention.end :]
    return text


def _named(text: str) -> Iterator[Mention]:
    for match in _NAMED.finditer(text):
        first, *rest = re.finditer(r"(?:PMC\s*)?[\w-]+", match[1], re.IGNORECASE)
        if not any(c.isdigit() for c in first[0]) and not re.fullmatch(r"x+|n/?a|unknown|none|tbd", first[0], re.I):
            continue  # "the PMID of the paper": prose
        start = match.start(1)
        yield _one(first[0], match.start(), start + first.end())
        yield from (_one(m[0], start + m.start(), start + m.end()) for m in rest if m[0].isdigit())


def _one(target: str, start: int, end: int) -> Mention:
    return Mention("pmid" if _PMID.fullmatch(target) else "malformed", target, start, end)


def _bracketed(match: re.Match[str], text: str, shown: list[str]) -> Iterator[Mention]:
    if INTERVAL.search(text[max(0, match.start() - 20) : match.start()]):
        return
    for number in re.finditer(r"\d+", match[0]):
        start, end = (match.start() + at for at in number.span())
        if number[0] in shown or len(number[0]) >= 5:
            yield _one(number[0], start, end)
        elif 1 <= int(number[0]) <= len(shown):
            yield Mention("pmid", shown[int(number[0]) - 1], start, end)
