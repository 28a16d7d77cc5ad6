"""The ledger of an answer's citations: what each leads to, and whether that is what the answer says it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal, Protocol

from .aligning import align, content_words
from .as_of import last_day
from .flags import Flag
from .mentions import Mention

State = Literal["shown", "indexed", "unresolved", "malformed", "unchecked"]
Attribution = Literal["right", "wrong", "unnamed"]
_WARNED = {
    "retracted": re.compile(
        r"\bretract(?:ed|ions?)\b|\b(?:papers?|articles?|publications?)\b[^.]{0,30}\bwithdrawn\b", re.IGNORECASE
    ),
    "concern": re.compile(r"\bexpressions? of concern\b|\bconcerns?\b|\bretract\w*", re.IGNORECASE),
}
_YEAR = re.compile(
    r"(?:\bet al\.?,?\s*\(?|\()((?:19|20)\d\d)\b(?=[);,.]| ;|\s*\))|\b((?:19|20)\d\d)\s*[;:]\s*\d+\s*[(:]"
)
_TITLE = re.compile(
    r"\b(?:titled|entitled|called|(?:study|paper|article|trial|review|report)s?,?)\s*[,:]?\s*[\"“]([^\"”]{15,300})[\"”]",
    re.I,
)
_JOURNAL = re.compile(
    r"\b(?:published (?:in|by)|in the journal|journal:)\s+(?:the journal\s+)?[*_\"“]?"
    r"((?:the )?[A-Z][\w&'-]*(?:\s+(?:of|and|the|in|for|&|[A-Z][\w&'-]*))*)"
)
SAME_TITLE = 0.75  # likeness of words from which a title named is the paper's
# A sentence is another paper's if that has this share of its tokens in order, and the cited one at most the other …
ELSEWHERE, NOT_HERE = 0.85, 0.65
RUN = 6  # … or if it shares so many tokens in a row with that, and with the cited one less than half as many


class Paper(Protocol):
    """What is known of a paper; `Document` and `Evidence` are such. The index keeps no authors."""

    @property
    def pmid(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def journal(self) -> str: ...
    @property
    def date(self) -> str: ...
    @property
    def status(self) -> str: ...


Lookup = Callable[[str], Paper | None]  # by PMID


@dataclass(frozen=True, slots=True)
class Citation:
    """One citation of an answer. `state`: among the passages shown, in the index only, in neither, no PMID at all.

    `unchecked` are DOIs of papers that were not shown, and everything not shown where there is no index to look in.
    `attribution` says whether title, journal and year in the citing sentence are the paper's; `unnamed` where it has
    none of them. `warned` tells that the sentence says that the paper is retracted or of concern.
    """

    pmid: str
    start: int
    end: int
    state: State
    attribution: Attribution = "unnamed"
    status: str = ""
    warned: bool = False
    why: str = ""


def resolve(mention: Mention, shown: Mapping[str, Paper], lookup: Lookup | None) -> tuple[State, Paper | None]:
    """Return what a citation leads to."""
    if mention.form == "malformed":
        return "malformed", None
    if mention.form == "doi":
        paper = next((p for p in shown.values() if getattr(p, "doi", "").lower() == mention.target), None)
        return ("shown", paper) if paper else ("unchecked", None)
    if mention.target in shown:
        return "shown", shown[mention.target]
    if lookup is None:
        return "unchecked", None
    paper = lookup(mention.target)
    return ("indexed", paper) if paper else ("unresolved", None)


def judge(mention: Mention, sentence: str, state: State, paper: Paper | None) -> Citation:
    """Return the ledger's line for a citation of a sentence."""
    if paper is None:
        return Citation(mention.target, mention.start, mention.end, state)
    wrong, named = _named(sentence, paper)
    warned = paper.status in _WARNED and bool(_WARNED[paper.status].search(sentence))
    attribution: Attribution = "wrong" if wrong else "right" if named else "unnamed"
    return Citation(paper.pmid, mention.start, mention.end, state, attribution, str(paper.status), warned, wrong)


def flag_citation(citation: Citation, paper: Paper | None, *, reads: bool, as_of: str = "") -> list[Flag]:
    """Return what is wrong with a citation.

    Args:
        reads: the answer was written from passages shown, so that it may cite nothing else.
        as_of: "YYYY-MM-DD"; a paper that had not surely appeared then must not be cited.
    """
    place, pmid = (citation.start, citation.end), citation.pmid
    flags = []
    if citation.state == "malformed":
        flags.append(Flag("citation_malformed", *place, f"{pmid!r} is no PMID", pmid))
    if citation.state == "unresolved":
        flags.append(Flag("citation_unresolved", *place, f"PMID {pmid} is not in the index", pmid))
    if citation.state == "indexed" and reads:
        flags.append(Flag("citation_not_shown", *place, f"PMID {pmid} is not among the passages shown", pmid))
    if citation.attribution == "wrong":
        flags.append(Flag("citation_misattributed", *place, citation.why, pmid))
    if citation.status == "retracted":
        kind = "source_retracted_warned" if citation.warned else "source_retracted"
        flags.append(Flag(kind, *place, f"PMID {pmid} is retracted", pmid))
    if citation.status == "concern" and not citation.warned:
        flags.append(Flag("source_concern", *place, f"PMID {pmid} carries an expression of concern", pmid))
    if as_of and paper is not None and (not paper.date or last_day(paper.date) > as_of):
        flags.append(Flag("citation_after_as_of", *place, f"PMID {pmid} is of {paper.date or 'no date'}", pmid))
    return flags


def stands_elsewhere(sentence: str, cited: Sequence[Paper], others: Sequence[Paper]) -> Paper | None:
    """Return the paper that a sentence was taken from if that is none of those it cites."""
    if len(content_words(sentence)) < 4:
        return None
    here = align(sentence, [p.text for p in cited])
    likeness, run = (here.likeness, here.run) if here else (0.0, 0)
    for paper in others:
        there = align(sentence, [paper.text])
        if there is not None and (
            (there.likeness >= ELSEWHERE and likeness <= NOT_HERE) or (there.run >= RUN and run < there.run / 2)
        ):
            return paper
    return None


def _named(sentence: str, paper: Paper) -> tuple[str, bool]:
    """Return what a sentence says wrongly of a paper, or "", and whether it names anything of it."""
    titles = [m[1] for m in _TITLE.finditer(sentence)]
    wrong = [t for t in titles if paper.title and not _same_title(t, paper)]
    if wrong:
        return f'PMID {paper.pmid} is "{paper.title}", not "{wrong[0]}"', True
    journals = [m[1] for m in _JOURNAL.finditer(sentence)]
    foreign = [j for j in journals if paper.journal and not _same_journal(j, paper.journal)]
    if foreign:
        return f"PMID {paper.pmid} appeared in {paper.journal}, not {foreign[0]}", True
    years = [int(a or b) for a, b in _YEAR.findall(sentence)]
    own = int(paper.date[:4]) if paper.date else 0
    if years and own and all(abs(year - own) > 1 for year in years):  # online and in print may be a year apart
        return f"PMID {paper.pmid} is of {own}, not {years[0]}", True
    return "", bool(titles or journals or years)


def _same_title(named: str, paper: Paper) -> bool:
    if " ".join(named.lower().split()).rstrip(".") in " ".join(paper.text.lower().split()):
        return True  # the title, part of it, or a quotation after all
    ours, theirs = (re.findall(r"\w+", t.lower()) for t in (named, paper.title))
    return SequenceMatcher(None, ours, theirs, autojunk=False).ratio() >= SAME_TITLE


def _same_journal(named: str, journal: str) -> bool:
    """Return whether two names are one journal's: each word of the shorter begins one of the longer, in order."""
    small = {"the", "of", "and", "for", "in", "a", "on"}
    one, other = ([w for w in re.findall(r"[^\W_]+", n.lower()) if w not in small] for n in (named, journal))
    initials = "".join(w[0] for w in other)
    if "".join(one) == initials:
        return True  # "NEJM", "BMJ"
    short, long = sorted((one, other), key=len)
    words = iter(long)
    return bool(short) and all(any(w.startswith(s) or s.startswith(w) for w in words) for s in short)
