"""The texts that claims are held against, by id: papers of an index or a file, and what the samples bring."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.errors import DataFormatError
from experiments.records import Record, Sample
from experiments.retrieval import read_passages
from experiments.tasks.task import Kind, Task
from indexes.document import Document, Section
from rag.aligning import content_words
from rag.sentences import split_sentences

if TYPE_CHECKING:
    from indexes.index import Index

WINDOW = 2  # sentences of a chunk; neighbours share one, so that what two say together is in some chunk
GATE = 0.3  # share of a claim's content words that a chunk (with its title) must have
CHUNKS = 4  # chunks of a frame that a claim is held against, the nearest first


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of a text: `words` are its content words, `words_and_title` those with its title's."""

    id: str
    text: str
    words: frozenset[str]
    words_and_title: frozenset[str]


class Library:
    """Papers by PMID, from an index, a file of papers, and what the run was shown; other texts by made-up ids."""

    def __init__(self, run: Path | None, *, index: Index | None = None, papers: Path | None = None) -> None:
        self.index = index
        self._papers = {document.pmid: document for document in read_papers(papers)} if papers else {}
        shown = read_passages(run).values() if run else ()
        self._papers |= {row["pmid"]: _document(row) for row in shown if row["pmid"] not in self._papers}
        self._texts: dict[str, str] = {}
        self._chunks: dict[str, tuple[Chunk, ...]] = {}

    def add(self, id: str, text: str) -> str:
        """Keep a text that is no paper; return its id."""
        self._texts[id] = text
        return id

    def paper(self, pmid: str) -> Document | None:
        """Return a paper: the index's own, else the file's or what the run kept of it."""
        found = self.index.get(pmid) if self.index is not None else None
        return found or self._papers.get(pmid)

    def source(self, id: str) -> Document | None:
        """Return a paper, or a text that is none in the form of one, for the exact checks."""
        if id in self._texts:
            return Document(pmid=id, sections=(Section("", self._texts[id]),))
        return self.paper(id)

    def text(self, id: str) -> str:
        """Return a text; empty for an id that is not known here."""
        if id in self._texts:
            return self._texts[id]
        paper = self.paper(id)
        return paper.text if paper else ""

    def chunks(self, id: str) -> tuple[Chunk, ...]:
        """Return a text in overlapping windows of sentences."""
        if id not in self._chunks:
            paper = None if id in self._texts else self.paper(id)
            title, body = (paper.title, paper.abstract) if paper else ("", self._texts.get(id, ""))
            self._chunks[id] = tuple(_windows(id, title, body))
        return self._chunks[id]


def read_papers(path: Path) -> Iterator[Document]:
    """Yield the papers of a JSON lines file as `clinrag index build` reads them.

    Raises:
        DataFormatError: it is not there.
        SourceError: it holds none.
    """
    from indexes.jsonl import read_jsonl
    from indexes.report import SourceReport

    if not path.is_file():
        raise DataFormatError(path, "file", "there is no such file of papers ({pmid, title?, abstract} a line)")
    yield from read_jsonl(path, SourceReport())


def _document(row: Mapping[str, Any]) -> Document:
    """Return a passage that a run kept as a document; its text begins with its title."""
    from indexes.document import Status

    text, title = row["text"], row["title"]
    body = text[len(title) :].strip() if title and text.startswith(title) else text
    return Document(
        pmid=row["pmid"],
        title=title,
        sections=(Section("", body),),
        journal=row["journal"],
        date=row.get("date") or str(row["year"] or ""),
        publication_types=tuple(row["publication_types"]),
        status=Status(row["status"]),
    )


def _windows(id: str, title: str, body: str) -> Iterator[Chunk]:
    sentences = [span.text for span in split_sentences(body)]
    words = [_words(sentence) for sentence in sentences]
    about = _words(title)
    if not sentences and title:
        yield Chunk(id, title, about, about)
    for start in range(max(1, len(sentences) - WINDOW + 1)):
        if own := frozenset().union(*words[start : start + WINDOW]):
            yield Chunk(id, " ".join(sentences[start : start + WINDOW]), own, own | about)


@lru_cache(maxsize=100_000)
def _words(text: str) -> frozenset[str]:
    return frozenset(content_words(text))


def near_chunks(claim: str, ids: Iterable[str], library: Library, *, most: int = CHUNKS) -> list[Chunk]:
    """Return the chunks that pass the relevance gate, those that share most of the claim's words first.

    The gate is what keeps a checker from reading a verdict out of texts on something else.
    """
    words = _words(claim)
    if not words:
        return []
    rated = [
        (len(words & chunk.words_and_title) / len(words), len(words & chunk.words), -place, chunk)
        for place, chunk in enumerate(chunk for id in ids for chunk in library.chunks(id))
    ]
    near = sorted((one for one in rated if one[0] >= GATE), key=lambda one: one[:3], reverse=True)
    return [chunk for *_, chunk in near[:most]]


def context_ids(task: str, sample: Sample, library: Library) -> dict[str, str]:
    """Enter a sample's own context in the library; return passage id as shown to a contender → id in the library."""
    return {
        passage.id if passage.id.isdigit() else str(number): library.add(
            f"context:{task}:{sample.id}:{number}", passage.text
        )
        for number, passage in enumerate(sample.context, 1)
    }


def gold_answers(task: Task, sample: Sample) -> list[str]:
    """Return the gold answer's texts: references, statements by physicians, a long answer. None for a bare option."""
    statements = [*sample.meta.get("must_have", ()), *sample.meta.get("nice_to_have", ())]
    references = sample.answer if task.kind == Kind.TEXT and isinstance(sample.answer, list) else []
    return [text for text in [*references, *statements, sample.meta.get("long_answer", "")] if text]


def shown_ids(record: Record, entry: Mapping[str, Any], contexts: Mapping[str, str], given: bool) -> tuple[str, ...]:
    """Return the library's ids of what a contender was shown for a sample: passages, or the sample's own context.

    contexts: as `context_ids` returns them. given: the task's context is part of the question, for everyone.
    """
    oracle = entry.get("retrieval", {}).get("source") == "oracle" and bool(contexts)
    shown = tuple(contexts.get(id, id) for id in record.passages) if oracle else record.passages
    return tuple(dict.fromkeys((*shown, *(contexts.values() if given else ()))))


def reads(entry: Mapping[str, Any], records: Sequence[Record]) -> bool:
    """Tell whether a contender is given passages, so that it can be faithful to them or not."""
    source = entry.get("retrieval", {}).get("source")
    return source not in (None, "none") or any(record.passages for record in records)
