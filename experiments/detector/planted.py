"""Claims made by rule from the bundled synthetic abstracts: as they stand, turned, and beside another paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from experiments.stress.edits import flip_directions
from rag.conflicts import finding
from rag.sentences import split_sentences

from .labelled import CONTRADICTED, SUPPORTED, UNVERIFIABLE, Abstracts, Labelled, others


def read(path: Path, abstracts: Abstracts) -> Iterator[Labelled]:
    """Yield three claims a paper, from the last of its sentences that reports something and can be turned."""
    del path, abstracts
    true = list(_findings())
    for item in true:
        yield item
        yield Labelled(f"{item.cluster}:turned", flip_directions(item.claim), item.evidence, CONTRADICTED, item.cluster)
    for item, other in zip(true, others(true), strict=True):
        yield Labelled(f"{item.cluster}:elsewhere", item.claim, other.evidence, UNVERIFIABLE, item.cluster)


def _findings() -> Iterator[Labelled]:
    from indexes.document import Document
    from indexes.sources import SourceReport, find_sources, read_source

    for source in find_sources([Path(__file__).parents[2] / "indexes" / "sample" / "pubmed"]):
        for document in read_source(source, SourceReport()):
            if isinstance(document, Document) and (claim := _claim(document.abstract)):
                yield Labelled(f"{document.pmid}:true", claim, document.text, SUPPORTED, document.pmid)


def _claim(abstract: str) -> str:
    told = [s.text for s in split_sentences(abstract) if finding(s.text) and flip_directions(s.text) != s.text]
    return told[-1] if told else ""
