"""Check what a model wrote against the passages it was shown. Code, not trust."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .answer import Checks, Evidence, Quote, Sentence
from .findings import text_flags
from .flags import Flag
from .prompt import Draft
from .quotations import check_quotation
from .quotes import find_quote


def verify_sentence(draft: Draft, evidence: Sequence[Evidence], *, attempt: int = 1) -> Sentence:
    """Check citations, quotations, numbers, direction and retraction status of one sentence.

    A sentence passes if it cites, cites only passages shown, quotes at least one of them and each quotation is
    verbatim in the passage it names and cites, its numbers stand in cited abstracts or follow from them, it does not
    say the opposite of its source, and no source is retracted.
    Where a passage gives orders to its reader (see `instructions`), that part supports nothing.
    What this cannot see: `findings` lists it.
    """
    shown = {e.pmid: e for e in evidence}
    unknown = [p for p in draft.citations if p not in shown]
    quotes = [_locate(pmid, text, shown) for pmid, text in draft.quotes]
    lost = [q for q in quotes if q.start < 0 or q.pmid not in draft.citations]
    cited = [shown[p] for p in draft.citations if p in shown]
    flags = [*_citation_flags(draft, unknown, cited), *(_lost_flag(q, draft, shown) for q in lost)]
    flags += text_flags(draft.text, [e.quotable_text for e in cited])
    found = {flag.kind for flag in flags}
    problems = [flag.why for flag in flags if flag.severity == "error" or flag.kind == "citation_missing"]
    if not quotes:
        problems.append("no quotation")
    checks = Checks(
        cited=bool(draft.citations),
        citations_in_context=not unknown,
        quotes_verbatim=bool(quotes) and not lost,
        numbers=not found & {"number_altered", "number_absent"},
        not_retracted="source_retracted" not in found,
        direction="direction_reversed" not in found,
        problems=tuple(problems),
        flags=tuple(flags),
    )
    return Sentence(draft.text, draft.citations, tuple(quotes), checks, attempt)


def _citation_flags(draft: Draft, unknown: Sequence[str], cited: Sequence[Evidence]) -> Iterator[Flag]:
    """Yield findings about the whole sentence. A retracted source is one even where the sentence says so."""
    whole = (0, len(draft.text))
    for pmid in unknown:
        yield Flag("citation_not_shown", *whole, f"PMID {pmid} is not among the passages shown", pmid)
    if not draft.citations:
        yield Flag("citation_missing", *whole, "no citation")
    for paper in cited:
        if paper.status == "retracted":
            yield Flag("source_retracted", *whole, f"PMID {paper.pmid} is retracted", paper.pmid)
        if paper.status == "concern":
            yield Flag("source_concern", *whole, f"PMID {paper.pmid}", paper.pmid)


def _lost_flag(quote: Quote, draft: Draft, shown: dict[str, Evidence]) -> Flag:
    source = shown.get(quote.pmid)
    state, _, why = check_quotation(quote.text, [(quote.pmid, source.quotable_text)]) if source else ("absent", "", "")
    told = _why_lost(quote, shown) + (f" (source → quotation: {why})" if state == "near" else "")
    return Flag("quote_altered" if state == "near" else "quote_absent", 0, len(draft.text), told, quote.pmid)


def _locate(pmid: str, quote: str, shown: dict[str, Evidence]) -> Quote:
    source = shown.get(pmid)
    span = find_quote(quote, source.quotable_text) if source else None
    if source is None or span is None or any(i.start < span[1] and span[0] < i.end for i in source.instructions):
        return Quote(pmid, quote.strip('"“”'), -1, -1)
    return Quote(pmid, source.text[span[0] : span[1]], *span)


def _why_lost(quote: Quote, shown: dict[str, Evidence]) -> str:
    source = shown.get(quote.pmid)
    if source and source.instructions and quote.start < 0 and find_quote(quote.text, source.text):
        return f'quotes an instruction that stands in PMID {quote.pmid}, which is no evidence: "{quote.text}"'
    return f'not verbatim in PMID {quote.pmid}, or that is not cited: "{quote.text}"'
