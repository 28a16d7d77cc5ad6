"""Answers and sources laid out for a terminal, with Rich. Texts from elsewhere never act as markup or control codes."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.style import Style
from rich.table import Table
from rich.text import Text

from indexes.printing import printable

from .answer import DISCLAIMER, NOT_CHECKED, Answer, Evidence, Sentence
from .caveats import quotes_for
from .citing import PUBMED, cited, facts

_STATUS = {"retracted": "bold red", "concern": "bold yellow", "corrected": "yellow"}


def plain(text: str, style: str | Style = "") -> Text:
    """Return the text as it is to be read, without any power over the terminal."""
    return Text(printable(text), style=style)


def show_sentence(console: Console, sentence: Sentence, evidence: Sequence[Evidence]) -> None:
    """Print a checked sentence with its sources' numbers, or struck with the reason."""
    number = {e.pmid: n for n, e in enumerate(evidence, 1)}
    if sentence.checks.passed:
        console.print(plain(sentence.text), *(_mark(number[p], p) for p in sentence.citations))
        for note in sentence.checks.notes:
            console.print(Padding(plain(note, "yellow"), (0, 0, 0, 2), expand=False))
        return
    line = Text.assemble(("Struck: ", "red"), plain(sentence.text, "strike dim"))
    console.print(line)
    console.print(Padding(plain(f"because: {'; '.join(sentence.checks.problems)}", "red"), (0, 0, 0, 2), expand=False))


def _mark(number: int, pmid: str) -> Text:
    return Text(f"[{number}]", style=Style(color="cyan", link=f"{PUBMED}{pmid}/"))


def show_rest(console: Console, answer: Answer, *, nearest: int = 3) -> None:
    """Print what follows the sentences: the reason of an abstention, the sources, and the notice."""
    if answer.query not in {"", answer.question}:
        console.print(Text.assemble(("Understood as: ", "dim"), plain(answer.query)))
    if answer.outcome == "abstained":
        console.print(Text.assemble(("No answer. ", "bold"), plain(answer.reason)))
    for warning in answer.warnings:
        console.print(Text.assemble(("Note: ", "yellow"), plain(warning)))
        for quote in quotes_for(warning, answer.conflicts):
            console.print(Padding(plain(f"[{_place(answer, quote.pmid)}] “{quote.text}”"), (0, 0, 0, 2), expand=False))
    sources = cited(answer) or list(answer.evidence[:nearest])
    if sources:
        console.print(Text("\nSources" if answer.sentences else "\nNearest evidence", style="bold"))
        show_sources(console, sources, answer)
    if answer.withheld:
        console.print(Text("\nLeft out because retracted", style="bold red"))
        for paper in answer.withheld:
            console.print(Padding(_source(paper), (0, 0, 0, 2), expand=False))
    quotes = sum(len(s.quotes) for s in answer.sentences)
    checked = f"{len(answer.sentences)} sentences, {quotes} quotations verified, {len(answer.struck)} struck"
    console.print()
    said = f"{answer.model}, {answer.seconds:.1f} s. {f'{NOT_CHECKED} ' if answer.sentences else ''}{DISCLAIMER}"
    console.print(plain(f"{checked}; {said}", "dim"))


def _place(answer: Answer, pmid: str) -> str:
    places = [e.pmid for e in answer.evidence]
    return str(places.index(pmid) + 1) if pmid in places else f"PMID {pmid}"


def show_sources(console: Console, sources: Sequence[Evidence], answer: Answer) -> None:
    """Print sources under their numbers: title, then journal, year, publication types, status."""
    place = {e.pmid: n for n, e in enumerate(answer.evidence, 1)}
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", min_width=3)
    for paper in sources:
        table.add_row(f"{place[paper.pmid]}.", _source(paper))
    console.print(table)


def _source(paper: Evidence) -> Text:
    return Text.assemble(plain(paper.title or "(no title)"), _flag(paper), "\n", _facts(paper))


def _flag(paper: Evidence) -> Text:
    return Text(f" [{paper.status.upper()}]", style=_STATUS[paper.status]) if paper.status in _STATUS else Text()


def _facts(paper: Evidence) -> Text:
    pmid = Text(f"PMID {paper.pmid}", style=Style(color="cyan", link=f"{PUBMED}{paper.pmid}/"))
    return Text.assemble(plain(facts(paper), "dim"), "  ", pmid)


def show_paper(console: Console, paper: Evidence, answer: Answer) -> None:
    """Print a source's title and abstract; what the answer quotes of it is highlighted."""
    text = Text(printable(paper.text))  # as long as before, so offsets hold
    for sentence in answer.sentences:
        for quote in sentence.quotes:
            if quote.pmid == paper.pmid and quote.start >= 0:
                text.stylize("black on yellow", quote.start, quote.end)
    console.print(text)
    console.print()
    console.print(Text.assemble(_facts(paper), _flag(paper)))
    console.print(Text(f"{PUBMED}{paper.pmid}/"), soft_wrap=True)
