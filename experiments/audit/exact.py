"""Layer A: the exact checks of `rag.findings` on every answer, their flags handed to the claims they concern.

What it cannot see is said there: what is false in the words and numbers of its source, and, where the index is a part
of PubMed, whether a PMID that is not in it exists.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from rag.findings import Findings, check_answer
from rag.flags import Flag
from rag.quotations import QuoteCheck, check_quotation

from . import wording
from .answers import Answer
from .claims import Claim, blocks
from .evidence import Library

LOST = {"near": "quote_altered", "absent": "quote_absent"}  # state of a quotation → its flag


@dataclass(frozen=True, slots=True)
class Exact:
    """What the exact checks found in one answer.

    `flags` are all of them, `of_claims` those of each claim with offsets in its text. `ledger` counts citations by what
    they lead to, `attributed` by whether they are what the answer says, `quotes` and `numbers` by how they stand.
    `sentences`: (stating something, of these citing). A count without cases is empty, never perfect.
    """

    flags: tuple[Flag, ...]
    of_claims: tuple[tuple[Flag, ...], ...]
    ledger: dict[str, int] = field(default_factory=dict)
    attributed: dict[str, int] = field(default_factory=dict)
    quotes: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    sentences: tuple[int, int] = (0, 0)


def check_exactly(answer: Answer, library: Library, *, codes: frozenset[str] | None = None) -> Exact:
    """Run the exact checks on an answer's texts. A sentence without citations is held against all that was shown."""
    shown = None
    if answer.shown is not None:
        shown = [paper for id in answer.shown if (paper := library.source(id)) is not None]
    lookup = library.paper if library.index is not None else None
    texts = [_without_quotation_lines(text) for _, text in blocks(answer.record.output or "")]
    found = [check_answer(text, shown=shown, lookup=lookup, codes=codes) for text in texts]
    return _summed(answer, texts, found, [_quoted(claim, library) for claim in answer.claims])


def _summed(
    answer: Answer, texts: Sequence[str], found: Sequence[Findings], quoted: Sequence[Sequence[QuoteCheck]]
) -> Exact:
    lost = [
        tuple(Flag(LOST[q.state], q.start, q.end, q.why, q.pmid) for q in quotes if q.state in LOST)
        for quotes in quoted
    ]
    of_claims = [
        tuple(
            _moved(flag, texts[claim.block][flag.start : flag.end], claim.text)
            for flag in found[claim.block].flags
            if claim.start <= flag.start < claim.end
        )
        + own
        for claim, own in zip(answer.claims, lost, strict=True)
    ]
    stating = [sentence for one in found for sentence in one.sentences if sentence.claim]
    return Exact(
        flags=(*(flag for one in found for flag in one.flags), *(flag for flags in lost for flag in flags)),
        of_claims=tuple(of_claims),
        ledger=_counts(citation.state for one in found for citation in one.ledger),
        attributed=_counts(citation.attribution for one in found for citation in one.ledger),
        quotes=_counts(
            [
                *(quote.state for one in found for s in one.sentences for quote in s.quotes),
                *(quote.state for quotes in quoted for quote in quotes),
            ]
        ),
        numbers=_counts(number.state for one in found for s in one.sentences for number in s.numbers),
        sentences=(len(stating), sum(bool(sentence.citations) for sentence in stating)),
    )


def _without_quotation_lines(text: str) -> str:
    """Blank the lines `> PMID: "…"`: they are no sentences, and their PMID is no number. `_quoted` checks them."""
    lines = text.splitlines(keepends=True)
    return "".join(
        " " * (len(line) - 1) + line[-1:] if wording.QUOTE_LINE.match(line.strip()) else line for line in lines
    )


def _quoted(claim: Claim, library: Library) -> list[QuoteCheck]:
    """Check a claim's quotation lines, each against the paper it names."""
    return [
        QuoteCheck(words, 0, len(claim.text), *check_quotation(words, [(pmid, library.text(pmid))]))
        for pmid, words in claim.quotes
        if pmid
    ]


def _moved(flag: Flag, words: str, claim: str) -> Flag:
    """Return a flag with offsets in the claim's text; the whole claim where the words flagged are not in it."""
    start = claim.find(words)
    return replace(flag, start=max(start, 0), end=start + len(words) if start >= 0 else len(claim))


def _counts(states: Iterable[str]) -> dict[str, int]:
    return dict(Counter(states))
