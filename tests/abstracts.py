"""Abstracts for benchmarks: real ones where ../shared/data is, else those of the sample, repeated. They say which."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from conftest import SAMPLE, SHARED
from pubmed_xml import HEAD, article

from indexes.document import Document
from indexes.report import SourceReport
from indexes.sources import find_sources, read_source


class Paper(NamedTuple):
    """What every peer takes: an id and its text."""

    pmid: str
    title: str
    abstract: str

    @property
    def text(self) -> str:
        return f"{self.title}\n{self.abstract}"


def papers(count: int) -> tuple[list[Paper], str]:
    """Return so many papers of distinct PMIDs, and what they are, in words."""
    real = list(itertools.islice(_real(), count))
    if len(real) == count:
        return real, f"{count:,} real abstracts"
    sample = [r for path in find_sources([SAMPLE]) for r in read_source(path, SourceReport())]
    texts = [(d.title, d.abstract) for d in sample if isinstance(d, Document) and d.sections]
    repeated = itertools.islice(itertools.cycle(texts), count)
    return [
        Paper(str(n), *text) for n, text in enumerate(repeated, 1)
    ], f"{count:,} of the sample's abstracts, repeated"


def _real() -> Iterator[Paper]:
    for path in sorted((SHARED / "pubmed").glob("abstracts-*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                if record["abstract"]:
                    yield Paper(record["pmid"], record.get("title") or "", record["abstract"])


def questions(count: int, of: list[Paper]) -> list[str]:
    """Return so many questions: the titles, or first sentences, of papers spread over the corpus."""
    chosen = of[:: max(1, len(of) // count)][:count]
    return [paper.title or paper.abstract.split(". ")[0] for paper in chosen]


def write_xml(folder: Path, of: list[Paper], *, files: int) -> list[Path]:
    """Write papers as gzipped files of PubMed XML."""
    folder.mkdir()
    size, paths = -(-len(of) // files), []
    for start in range(0, len(of), size):
        records = (
            article(p.pmid, title=escape(p.title), abstract=f"<AbstractText>{escape(p.abstract)}</AbstractText>")
            for p in of[start : start + size]
        )
        path = folder / f"pubmed{len(paths):04}.xml.gz"
        path.write_bytes(gzip.compress(f"{HEAD}<PubmedArticleSet>{''.join(records)}</PubmedArticleSet>".encode(), 6))
        paths.append(path)
    return paths
