"""BM25 over title and abstract: tantivy, memory-mapped, with the filter as part of the query."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tantivy
from numpy.typing import NDArray
from tantivy import FieldType, Occur, Query, Tokenizer
from tantivy import Filter as TokenFilter

from .document import STATUSES, Document, Status
from .fields import valid
from .filters import Filter

ANALYSER = "clinrag"
PHRASE_BOOST = 0.1  # neighbouring words of the question found together; the README has what it buys
MAX_TERMS = 256  # a question longer than this is a pasted document, of which the first count
WRITER_HEAP = 256 << 20


def analyser() -> tantivy.TextAnalyzer:
    """Lower case, accents folded, English Snowball stems: "trials" finds "trial", "naive" finds "naïve"."""
    builder = tantivy.TextAnalyzerBuilder(Tokenizer.simple())
    for step in (TokenFilter.lowercase(), TokenFilter.ascii_fold(), TokenFilter.stemmer("English")):
        builder = builder.filter(step)
    return builder.build()


# Words that carry a question's form, not its subject, as the analyser stems them. Dropped from queries only; the index
# keeps everything.
STOP_WORDS = frozenset(
    analyser().analyze(
        "a an and are as at be been by can could did do does for from had has have how if in into is it its may might "
        "of on or should than that the their them then there these they this those to was were what when where whether "
        "which who why will with would"
    )
)


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("pmid", stored=False, indexed=True, fast=True)
    builder.add_text_field("text", tokenizer_name=ANALYSER, index_option="position")
    builder.add_unsigned_field("year", indexed=True, fast=True)
    builder.add_unsigned_field("status", indexed=True, fast=True)
    builder.add_text_field("type", tokenizer_name="raw", index_option="basic")
    return builder.build()


def write_lexical(folder: Path, documents: Iterable[Document]) -> None:
    """Build the index; documents must come by rising PMID, so that equal builds give equal indexes."""
    folder.mkdir(parents=True)
    _add(tantivy.Index(_schema(), path=str(folder)), documents)


def grow_lexical(old: Path, folder: Path, *, drop: NDArray[np.int64], documents: Iterable[Document]) -> None:
    """Make an index of another one without the PMIDs to drop and with the documents.

    Segments never change once written, so that they are linked, not copied. Scores count dropped documents in
    the frequencies of their terms until the next `write_lexical`.
    """
    folder.mkdir(parents=True)
    for path in old.iterdir():
        if path.suffix in (".json", ".lock"):  # these are rewritten
            shutil.copy2(path, folder / path.name)
        else:
            _link(path, folder / path.name)
    index = tantivy.Index.open(str(folder))
    dropped = [
        Query.term_set_query(index.schema, "pmid", drop[i : i + 1000].tolist()) for i in range(0, len(drop), 1000)
    ]
    _add(index, documents, dropped)


def _add(index: tantivy.Index, documents: Iterable[Document], dropped: Iterable[Query] = ()) -> None:
    index.register_tokenizer(ANALYSER, analyser())
    writer = index.writer(WRITER_HEAP, num_threads=1)
    for query in dropped:
        writer.delete_documents_by_query(query)
    for document in documents:
        record = tantivy.Document()  # its constructor would take whole numbers for signed ones
        record.add_unsigned("pmid", int(document.pmid))
        record.add_text("text", document.text)
        record.add_unsigned("year", document.year or 0)
        record.add_unsigned("status", STATUSES.index(document.status))
        for publication_type in document.publication_types:
            record.add_text("type", publication_type.lower())
        writer.add_document(record)
    writer.commit()
    writer.wait_merging_threads()


def _link(path: Path, other: Path) -> None:
    try:
        other.hardlink_to(path)
    except OSError:  # a file system without hard links: the same result, slower
        shutil.copy2(path, other)


def _open(folder: Path) -> tantivy.Index:
    """Open an index. tantivy takes a lock even to read: where it may not write, it gets links to the files instead."""
    try:
        return tantivy.Index.open(str(folder))
    except ValueError as error:
        if "Lockfile" not in str(error):
            raise
    # The links are not needed once the files are mapped.
    with TemporaryDirectory(prefix="clinrag-", ignore_cleanup_errors=True) as links:
        for path in folder.resolve().iterdir():
            if path.suffix != ".lock":
                (Path(links) / path.name).symlink_to(path)
        return tantivy.Index.open(links)


class LexicalIndex:
    """An open BM25 index (Robertson et al. 1994; k1 = 1.2, b = 0.75 as in Lucene)."""

    def __init__(self, folder: Path):
        self._index = _open(folder)
        self._index.register_tokenizer(ANALYSER, analyser())
        self._schema = self._index.schema
        self._searcher = self._index.searcher()
        self._analyser = analyser()

    def terms(self, text: str) -> list[str]:
        """Return a query's terms in order; words of form only where there is nothing else."""
        words = self._analyser.analyze(valid(text))
        content = [w for w in words if w not in STOP_WORDS]
        return (content or words)[:MAX_TERMS]

    def coverage(self, question: str, texts: Iterable[str]) -> list[float]:
        """Return for each text the share of the question's distinct terms that it has, weighted by idf: 0 to 1.

        A term that no document has counts as the rarest possible. 0 where the question has words of form only.
        """
        terms = set(self._analyser.analyze(valid(question))) - STOP_WORDS
        weights = {term: self._idf(term) for term in terms}
        total = sum(weights.values()) or 1.0
        return [sum(weights[t] for t in terms.intersection(self._analyser.analyze(text))) / total for text in texts]

    def _idf(self, term: str) -> float:
        count, having = len(self), self._searcher.doc_freq("text", term)
        return math.log(1 + (count - having + 0.5) / (having + 0.5))

    def search(
        self, text: str, k: int, *, where: Filter | None = None, among: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return BM25 scores and PMIDs, best first, at most k; ties by rising PMID.

        `among` restricts to these PMIDs: the way to score documents another search has found.
        """
        terms = self.terms(text)
        if not terms or k < 1:
            return np.zeros(0, np.float32), np.zeros(0, np.int64)
        clauses = [(Occur.Must, self._wanted(terms)), *self._conditions(where)]
        if among is not None:
            clauses.append(_silently(Query.term_set_query(self._schema, "pmid", [int(p) for p in among])))
        found = self._searcher.search(Query.boolean_query(clauses), limit=k, count=False)
        scores = np.array([score for score, _ in found.hits], dtype=np.float32)
        pmids = np.array(self._searcher.fast_field_values("pmid", [a for _, a in found.hits]), dtype=np.int64)
        order = np.lexsort((pmids, -scores))
        return scores[order], pmids[order]

    def _wanted(self, terms: list[str]) -> Query:
        """Any of the terms, each counted once however often it is asked for, and a little for neighbours."""
        words = [Query.term_query(self._schema, "text", term, "freq") for term in dict.fromkeys(terms)]
        pairs = dict.fromkeys(pair for pair in pairwise(terms) if pair[0] != pair[1])
        phrases = [
            Query.boost_query(Query.phrase_query(self._schema, "text", list(pair), slop=1), PHRASE_BOOST)
            for pair in pairs
        ]
        return Query.boolean_query([(Occur.Should, query) for query in (*words, *phrases)])

    def pmids(self) -> NDArray[np.int64]:
        """Return every PMID in the index, rising."""
        found = self._searcher.search(Query.all_query(), limit=max(1, self._searcher.num_docs), count=False)
        values = self._searcher.fast_field_values("pmid", [address for _, address in found.hits])
        return np.sort(np.array(values, dtype=np.int64))

    def __len__(self) -> int:
        return int(self._searcher.num_docs)

    def _conditions(self, where: Filter | None) -> list[tuple[Occur, Query]]:
        if where is None:
            return []
        clauses = []
        if where.since is not None or where.until is not None:
            years = Query.range_query(
                self._schema,
                "year",
                FieldType.Unsigned,
                min(max(where.since or 1, 1), 9999),
                9999 if where.until is None else min(max(where.until, 0), 9999),
            )
            clauses.append(_silently(years))
        if set(where.statuses) != set(STATUSES):
            clauses.append(self._status(where))
        if where.publication_types:
            names: list[Any] = [t.lower() for t in where.publication_types]
            clauses.append(_silently(Query.term_set_query(self._schema, "type", names)))
        if where.exclude:
            pmids = [int(p) for p in where.exclude]
            clauses.append((Occur.MustNot, Query.term_set_query(self._schema, "pmid", pmids)))
        return clauses

    def _status(self, where: Filter) -> tuple[Occur, Query]:
        """Name the statuses that few papers have: going through a million sound ones takes milliseconds."""
        sound = Status.OK in where.statuses
        codes = [code for code, status in enumerate(STATUSES) if (status in where.statuses) != sound]
        query = Query.term_set_query(self._schema, "status", codes)
        return (Occur.MustNot, query) if sound else _silently(query)


def _silently(condition: Query) -> tuple[Occur, Query]:
    """Require a condition without letting it add to the BM25 score."""
    return Occur.Must, Query.const_score_query(condition, 0.0)
