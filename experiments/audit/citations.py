"""Does a cited paper say what it is cited for? ALCE's recall and precision, mended, and BioGen's rates per citation.

ALCE (Gao et al. 2023, arXiv:2305.14627): a statement is recalled if its cited papers together support it; a citation is
precise if its statement is recalled and it supports it alone, or the others do not without it. Mended: a citation of
what does not exist counts as a citation and is never precise; an answer without a statement (an abstention) has recall
0 over all questions, and is left out only where that is said. BioGen (TREC 2024): each citation is supporting,
contradicting, neutral or not relevant; here also unresolved, where there is no such paper to read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from .judging import CONTRADICTS, SUPPORTS, Scores


class Cited(StrEnum):
    """What a cited paper says to the claim it is cited for."""

    SUPPORTS = "supports"
    CONTRADICTS = "contradicts"
    NEUTRAL = "neutral"
    NOT_RELEVANT = "not relevant"  # nothing in it passed the relevance gate
    UNRESOLVED = "unresolved"  # no such paper is known here


@dataclass(frozen=True, slots=True)
class Statement:
    """A claim with its citations' labels, PMID → `Cited`, and for each group asked about whether it supports it.

    `together`: all cited papers; `without`: for each PMID whether the others support the claim without it.
    """

    cited: dict[str, str]
    together: bool
    without: dict[str, bool]


def label(rows: Sequence[Scores] | None) -> Cited:
    """Return what a paper says by its chunks' scores; None: there is no such paper; none: none was near."""
    if rows is None:
        return Cited.UNRESOLVED
    if not rows:
        return Cited.NOT_RELEVANT
    support, against = max(row[0] for row in rows), max(row[1] for row in rows)
    if support >= SUPPORTS and support >= against:
        return Cited.SUPPORTS
    return Cited.CONTRADICTS if against >= CONTRADICTS else Cited.NEUTRAL


def read_statement(papers: Mapping[str, Sequence[Scores] | None], joint: Callable[[Sequence[str]], float]) -> Statement:
    """Return a claim's citations judged.

    papers: PMID → scores of its near chunks. joint: the support by several papers read as one text; it is only asked
    where no paper supports the claim alone.
    """
    labels = {pmid: label(rows) for pmid, rows in papers.items()}

    def supported(pmids: Sequence[str]) -> bool:
        if any(labels[pmid] == Cited.SUPPORTS for pmid in pmids):
            return True
        known = [pmid for pmid in pmids if papers[pmid]]
        return len(known) > 1 and joint(known) >= SUPPORTS

    every = list(labels)
    without = {pmid: supported([other for other in every if other != pmid]) for pmid in every}
    return Statement({pmid: str(one) for pmid, one in labels.items()}, supported(every), without)


def recall(statements: Sequence[Statement]) -> float | None:
    """Return the share of an answer's statements that their citations support; None if it has none."""
    return sum(one.together for one in statements) / len(statements) if statements else None


def precise(statement: Statement, pmid: str) -> bool:
    """Tell whether a citation counts as precise in ALCE's sense."""
    if statement.cited[pmid] == Cited.UNRESOLVED or not statement.together:
        return False
    return statement.cited[pmid] == Cited.SUPPORTS or not statement.without[pmid]


def precision(statements: Sequence[Statement]) -> float | None:
    """Return the share of an answer's citations that are precise; None if it cites nothing."""
    marks = [precise(one, pmid) for one in statements for pmid in one.cited]
    return sum(marks) / len(marks) if marks else None


def rates(statements: Sequence[Statement]) -> dict[str, float] | None:
    """Return each label's share of the citations, and the share of statements with a supporting one, if any cites."""
    labels = [one for statement in statements for one in statement.cited.values()]
    if not labels:
        return None
    found = {str(kind): labels.count(str(kind)) / len(labels) for kind in Cited}
    covered = sum(Cited.SUPPORTS in statement.cited.values() for statement in statements)
    return found | {"coverage": covered / len(statements)}
