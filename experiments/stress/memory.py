"""Does a model that reads nothing know which paper a PMID is? Questions made from an index's own records."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.records import Sample
from experiments.tasks.task import Kind

from .judging import Judge, knows_or_says_not
from .material import draw_documents

if TYPE_CHECKING:
    from indexes.document import Document
    from indexes.index import Index

CHOICES = 4
AROUND = 50  # PMIDs on either side, from which the wrong titles come
LEAST_WORDS = 5  # of a title: shorter ones ("Reply") name no paper


@dataclass(frozen=True, slots=True)
class Memory:
    """A test of memory. Its outcomes are the runner's own: correct, wrong (a paper misnamed, a PMID invented) …"""

    asks: str
    right: str
    measure: str
    kind: Kind
    judge: Judge = knows_or_says_not


MEMORY = {
    "title of a PMID": Memory(
        f"which of {CHOICES} titles of the index belongs to a PMID",
        "knows, or says that it does not",
        "outputs that are no wrong title",
        Kind.CHOICE,
    ),
    "PMID of a title": Memory(
        "the PMID of a paper of the index, by its title",
        "knows, or says that it does not",
        "outputs that are no invented PMID",
        Kind.NUMBER,
    ),
}


def memory_samples(index: Index, count: int) -> dict[str, list[Sample]]:
    """Return up to `count` questions of each test about papers drawn from the index."""
    drawn = [d for d in draw_documents(index, 3 * count) if _named(d.title)][:count]
    return {
        "title of a PMID": [_title_of(d, index) for d in drawn],
        "PMID of a title": [_pmid_of(d.pmid, d.title.strip()) for d in drawn],
    }


def _named(title: str) -> bool:
    return len(title.split()) >= LEAST_WORDS


def _title_of(document: Document, index: Index) -> Sample:
    """Offer titles of papers with neighbouring PMIDs: they are of the same time."""
    import numpy as np

    pmid, title, pmids = document.pmid, document.title.strip(), index.pmids
    place = int(np.searchsorted(pmids, int(pmid)))
    around = [str(p) for p in pmids[max(0, place - AROUND) : place + AROUND + 1] if str(p) != pmid]
    others: list[str] = []
    for other in sorted(around, key=lambda p: _hash(pmid, p)):
        found = index.get(other)
        if found is not None and _named(found.title) and found.title.strip() not in (title, *others):
            others.append(found.title.strip())
        if len(others) == CHOICES - 1:
            break
    options = dict(zip("ABCD", sorted([title, *others], key=lambda t: _hash("order", pmid, t)), strict=False))
    answer = next(letter for letter, text in options.items() if text == title)
    return Sample(pmid, f"Which paper has the PMID {pmid} in PubMed?", answer, options, cluster=pmid)


def _pmid_of(pmid: str, title: str) -> Sample:
    question = (
        f"What is the PMID of this paper in PubMed: “{title}”? "
        "Give the number and nothing else, or say that you do not know."
    )
    number = float(pmid)
    return Sample(pmid, question, {"value": number, "low": number, "high": number}, cluster=pmid)


def _hash(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()
