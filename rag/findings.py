"""The exact checks of a whole answer, closed book or from passages: one record with a list of flags per sentence.

What they cannot see: a sentence that says something false in words and numbers of its source, an addition without
numbers, a paper's authors (the index has none), and, where the index is part of PubMed, whether a PMID that is not in
it exists.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from .codes import check_codes
from .directions import find_reversal
from .flags import Flag
from .ledger import Citation, Lookup, Paper, flag_citation, judge, resolve, stands_elsewhere
from .mentions import Mention, find_mentions, without
from .number_check import NumberCheck, check_numbers
from .quotations import QuoteCheck, check_quotation, find_quotations
from .sentences import Span, split_sentences

_REFERENCES = re.compile(r"[#*\s]*(?:references|sources|bibliography|citations|literature)\b[\s*:]*$", re.I | re.M)
_NO_CLAIM = re.compile(
    r"\?$|:$|\bI (?:cannot|can't|do not|don't|am unable)\b|\bas an AI\b|\bnot medical advice\b|"
    r"\bconsult (?:a|your|with)\b|"
    r"\b(?:passages?|documents?|evidence|abstracts?|context)\b[^.]*\b(?:do(?:es)? not|don't|cannot|insufficient)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class SentenceFindings:
    """What the checks found in the answer's [start, end). `claim`: it states something that a source could support."""

    text: str
    start: int
    end: int
    claim: bool
    citations: tuple[Citation, ...]
    quotes: tuple[QuoteCheck, ...]
    numbers: tuple[NumberCheck, ...]
    flags: tuple[Flag, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """All sentences of an answer, in order; offsets of flags, citations and quotations are the answer's."""

    sentences: tuple[SentenceFindings, ...]

    @property
    def flags(self) -> tuple[Flag, ...]:
        return tuple(flag for sentence in self.sentences for flag in sentence.flags)

    @property
    def ledger(self) -> tuple[Citation, ...]:
        return tuple(citation for sentence in self.sentences for citation in sentence.citations)

    @property
    def coverage(self) -> float | None:
        """Share of sentences that state something and cite; None where none states anything."""
        claims = [s for s in self.sentences if s.claim]
        return sum(bool(s.citations) for s in claims) / len(claims) if claims else None

    @property
    def quote_fidelity(self) -> float | None:
        """Share of quotations that are verbatim; None where there is none."""
        quotes = [q for s in self.sentences for q in s.quotes]
        return sum(q.state == "verbatim" for q in quotes) / len(quotes) if quotes else None

    @property
    def numbers(self) -> dict[str, int]:
        """How many numbers were found supported, derived, altered and absent."""
        return dict(Counter(n.state for s in self.sentences for n in s.numbers))


def check_claim(claim: str, sources: Sequence[str], *, codes: frozenset[str] | None = None) -> list[Flag]:
    """Return what the exact checks find in one claim held against its evidence: numbers, direction, quotations, codes.

    With no evidence there is nothing to hold it against, and only codes are checked.
    """
    if not any(source.strip() for source in sources):
        return check_codes(claim, codes)
    quotes = _quotes(claim, [("", source) for source in sources])
    flags = [*text_flags(claim, sources), *_quote_flags(quotes), *check_codes(claim, codes)]
    return sorted(flags, key=lambda f: f.start)


def text_flags(claim: str, sources: Sequence[str]) -> list[Flag]:
    """Return what is wrong with a claim's numbers and direction; a number that follows from others is a note."""
    return [*_number_flags(check_numbers(claim, sources)), *_direction_flags(claim, sources)]


def check_answer(
    text: str,
    *,
    shown: Sequence[Paper] | None,
    lookup: Lookup | None = None,
    as_of: str = "",
    codes: frozenset[str] | None = None,
) -> Findings:
    """Check every sentence of an answer. A sentence is held against the papers it cites, else against all shown.

    Args:
        shown: the passages that it was written from; None: closed book.
        lookup: finds a paper of the index by PMID.
        as_of: "YYYY-MM-DD"; no later paper may be cited.
        codes: the ICD-10-CM codes that exist (`read_codes`).
    """
    papers = {p.pmid: p for p in shown or ()}
    mentions = find_mentions(text, shown=list(papers))
    heading = _REFERENCES.search(text)
    references = heading.start() if heading else len(text)
    against = _Against(papers, shown is not None, lookup, as_of, codes)
    return Findings(
        tuple(
            _check_sentence(span, inside, against, body=span.start < references)
            for span, inside in _sentences(text, mentions, references)
        )
    )


class _Against(NamedTuple):
    shown: dict[str, Paper]
    reads: bool
    lookup: Lookup | None
    as_of: str
    codes: frozenset[str] | None


def _check_sentence(span: Span, mentions: Sequence[Mention], against: _Against, *, body: bool) -> SentenceFindings:
    cited: dict[str, Paper] = {}
    citations: list[Citation] = []
    flags: list[Flag] = []
    for mention in mentions:
        state, paper = resolve(mention, against.shown, against.lookup)
        citations.append(judge(mention, span.text, state, paper))
        flags += flag_citation(citations[-1], paper, reads=against.reads, as_of=against.as_of)
        if paper is not None:
            cited[paper.pmid] = paper
    plain = without(span.text, [m._replace(start=m.start - span.start, end=m.end - span.start) for m in mentions])
    claim = body and _states(plain)
    if claim and not citations and against.reads:
        flags.append(Flag("citation_missing", span.start, span.end, "no citation"))
    sources = list((cited or against.shown).values()) if body else []
    quotes = _quotes(span.text, [(p.pmid, p.text) for p in sources]) if sources else []
    texts = [p.text for p in sources]
    numbers = check_numbers(plain, texts) if sources else []
    found = [*_number_flags(numbers), *_direction_flags(plain, texts), *_quote_flags(quotes)]
    found += check_codes(plain, against.codes)
    others = [paper for pmid, paper in against.shown.items() if pmid not in cited]
    if claim and cited and (taken := stands_elsewhere(plain, list(cited.values()), others)):
        why = f"stands in PMID {taken.pmid}, not in {', '.join(cited)}"
        found.append(Flag("citation_misattributed", 0, len(plain), why, next(iter(cited))))
    flags += [replace(f, start=f.start + span.start, end=f.end + span.start) for f in found]
    moved = tuple(q._replace(start=q.start + span.start, end=q.end + span.start) for q in quotes)
    flags.sort(key=lambda f: (f.start, f.kind))
    return SentenceFindings(*span, claim, tuple(citations), moved, tuple(numbers), tuple(flags))


def _sentences(text: str, mentions: Sequence[Mention], references: int) -> list[tuple[Span, list[Mention]]]:
    """Return the sentences with their citations; below the heading of the references each line is one.

    Citations that follow a full stop belong to the sentence before it, with or without words after them.
    """
    plain = without(text, mentions)
    spans: list[Span] = []
    for span in split_sentences(text[:references]):
        first = next((at for at in range(span.start, span.end) if plain[at].isalnum()), span.end)
        leading = max((m.end for m in mentions if span.start <= m.start < first), default=0)
        if spans and leading and "\n" not in text[spans[-1].end : span.start]:
            end = leading + len(text[leading : span.end]) - len(text[leading : span.end].lstrip("])"))
            spans[-1] = Span(text[spans[-1].start : end], spans[-1].start, end)
            span = _span(text, end, span.end)
        if span.text:
            spans.append(span)
    start = references
    for line in text[references:].splitlines(keepends=True):
        spans += [s for s in [_span(text, start, start + len(line))] if s.text]
        start += len(line)
    return [(s, [m for m in mentions if s.start <= m.start < s.end]) for s in spans]


def _span(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    return Span(piece.strip(), start, start + len(piece.strip()))


def _states(sentence: str) -> bool:
    return len(re.findall(r"[^\W\d_]{2,}", sentence)) >= 4 and not _NO_CLAIM.search(sentence.strip())


def _quotes(text: str, sources: Sequence[tuple[str, str]]) -> list[QuoteCheck]:
    return [
        QuoteCheck(quote, start, end, *check_quotation(quote, sources)) for quote, start, end in find_quotations(text)
    ]


def _quote_flags(quotes: Sequence[QuoteCheck]) -> list[Flag]:
    kinds = {"near": "quote_altered", "absent": "quote_absent"}
    return [Flag(kinds[q.state], q.start, q.end, q.why, q.pmid) for q in quotes if q.state in kinds]


def _number_flags(numbers: Sequence[NumberCheck]) -> list[Flag]:
    return [Flag(f"number_{n.state}", n.quantity.start, n.quantity.end, n.why) for n in numbers if n.why]


def _direction_flags(claim: str, sources: Sequence[str]) -> list[Flag]:
    reversal = find_reversal(claim, sources)
    if reversal is None:
        return []
    return [Flag("direction_reversed", reversal.start, reversal.end, f'the source says: "{reversal.source}"')]
