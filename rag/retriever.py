"""The index as a LangChain retriever."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document as Passage
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, field_validator

from indexes.document import STATUSES, Document, Notice, Status
from indexes.fields import date_from_words
from indexes.filters import Filter, Mode
from indexes.index import Hit, Index

from .answer import Evidence, Quote
from .as_of import as_it_was, last_day
from .instructions import find_instructions
from .levels import evidence_level
from .reranking import Reranker


class PubMedRetriever(BaseRetriever):
    """Return the k best documents of an index that a filter admits, as LangChain documents.

    `index` is an open `Index`, or a directory, which is then opened. The filter is part of the search, so k asked
    for are k returned where k are admitted. `as_of` ("YYYY", "YYYY-MM", "YYYY-MM-DD") searches the literature as it
    stood then. A `reranker` reorders the best `candidates` before the k best are taken.

    `page_content` is title and abstract; `metadata` has pmid, title, year, date, journal, publication_types, level,
    status, notices, score, match, rerank_score, and as `instructions` what in the text gives orders to its reader.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    index: Index
    k: int = 10
    mode: Mode = "hybrid"
    where: Filter = Filter()
    as_of: str | None = None
    reranker: Any = None  # a Reranker; pydantic cannot check a protocol
    candidates: int = 50

    @field_validator("index", mode="before")
    @classmethod
    def _open(cls, value: Any) -> Any:
        return Index(Path(value)) if isinstance(value, str | Path) else value

    @field_validator("as_of")
    @classmethod
    def _day(cls, value: str | None) -> str | None:
        return last_day(value) if value else None

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Passage]:
        if self.reranker is None:
            return [to_passage(hit) for hit in self.search(query, self.k)]
        reranker: Reranker = self.reranker
        hits = self.search(query, max(self.k, self.candidates))
        scores = reranker.score(query, [hit.document.text for hit in hits])
        order = sorted(range(len(hits)), key=lambda n: -scores[n])[: self.k]  # stable: ties stay as searched
        return [to_passage(hits[n], rerank_score=scores[n]) for n in order]

    def search(self, query: str, k: int) -> list[Hit]:
        """Return the k best hits by the index's own score, as of the retriever's day."""
        if self.as_of is None:
            return self.index.search(query, k, where=self.where, mode=self.mode)
        until = min(int(self.as_of[:4]), self.where.until or 9999)
        # Whether a paper was retracted *then* the index cannot filter by: ask for more until enough are left.
        everything = replace(self.where, until=until, statuses=STATUSES)
        asked = 2 * k + 10
        while True:
            found = self.index.search(query, asked, where=everything, mode=self.mode)
            then = [hit for hit in self._then(found) if hit.document.status in self.where.statuses]
            if len(then) >= k or len(found) < asked:
                return [replace(hit, rank=rank) for rank, hit in enumerate(then[:k], 1)]
            asked *= 4

    def retracted(self, query: str, shown: set[str]) -> list[Hit]:
        """Return retracted papers that would rank among the first k but for the filter."""
        if Status.RETRACTED in self.where.statuses or not self.index.manifest.retracted:
            return []
        everything = self.model_copy(update={"where": replace(self.where, statuses=STATUSES)})
        found = everything.search(query, self.k)
        return [h for h in found if h.document.status == Status.RETRACTED and h.pmid not in shown]

    def _then(self, hits: list[Hit]) -> Iterator[Hit]:
        assert self.as_of is not None
        for hit in hits:
            document = as_it_was(hit.document, self.as_of, self._notice_date)
            if document is not None:
                yield replace(hit, document=document)

    def _notice_date(self, notice: Notice) -> str:
        record = self.index.get(notice.pmid)
        return (record.date if record else "") or date_from_words(notice.source)


def to_passage(hit: Hit, *, rerank_score: float | None = None) -> Passage:
    document: Document = hit.document
    text = document.text
    metadata = {
        "pmid": document.pmid,
        "title": document.title,
        "year": document.year,
        "date": document.date,
        "journal": document.journal,
        "publication_types": list(document.publication_types),
        "level": evidence_level(document.publication_types, document.mesh),
        "status": str(document.status),
        "notices": [asdict(n) for n in document.notices],
        "score": hit.score,
        "match": hit.match,
        "rerank_score": rerank_score,
        "instructions": [span._asdict() for span in find_instructions(text)],
    }
    return Passage(page_content=text, metadata=metadata, id=document.pmid)


def to_evidence(passage: Passage) -> Evidence:
    """Turn a retrieved passage into what an answer shows; the inverse of `to_passage`."""
    data = passage.metadata
    return Evidence(
        pmid=data["pmid"],
        title=data["title"],
        text=passage.page_content,
        year=data["year"],
        journal=data["journal"],
        publication_types=tuple(data["publication_types"]),
        status=data["status"],
        score=data["score"],
        match=data["match"],
        date=data["date"],
        level=data["level"],
        notices=tuple(Notice(Status(n["status"]), n["pmid"], n["source"]) for n in data["notices"]),
        instructions=tuple(Quote(data["pmid"], s["text"], s["start"], s["end"]) for s in data["instructions"]),
        rerank_score=data["rerank_score"],
    )
