"""Retrieval as a stage of its own: every arm with the same setting sees the same passages, found once.

RUN/retrieval/SETTING.jsonl             {"key", "hits": [[pmid, score, match]]}, one line a sample; key = sha256 of
                                        index, setting, query and excluded PMIDs
RUN/retrieval/passages-INDEX.jsonl      {"pmid", "title", "text", …}: every abstract found, once, as this index has it
Both are append-only and mended like records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .contenders import Retrieval, index_identity
from .errors import ConfigError
from .lines import append_lines, mend, read_lines
from .records import Sample, fingerprint
from .runs import read_run

if TYPE_CHECKING:
    from indexes.encoders import Encoder, EncoderInfo, Role, Vectors
    from indexes.index import Index
    from rag.answer import Evidence

Report = Callable[[str, int, int], None]
Hits = list[tuple[str, float, float]]
EVERY = 32  # searches between two writes
ORACLE_MATCH = 2.0  # an oracle's passages are the right ones: far above what `extractive` needs to answer


class Passages:
    """The passages of a run: look them up, or search for those that are missing."""

    def __init__(self, run: Path, index: Path | None) -> None:
        self.folder = run / "retrieval"
        self.directory = index
        self.identity: dict[str, Any] | None = None
        if index is not None:
            from indexes.manifest import read_manifest

            self.identity = index_identity(read_manifest(index))
        for path in self.folder.glob("*.jsonl"):
            mend(path)  # only here, where no other process writes: a report must not cut what a run is writing
        self._file = self.folder / _texts_name(self.identity)  # an update may change the text behind a PMID
        self._texts = {row["pmid"]: _evidence(row) for _, row in read_lines(self._file)}
        self._hits: dict[str, Hits] = {}
        self._encoded: EncodedQueries | None = None

    def find(
        self,
        setting: Retrieval,
        samples: Sequence[Sample],
        report: Report = lambda stage, done, total: None,
    ) -> int:
        """Make sure that every sample's passages are there; return how many searches that took.

        Raises:
            ConfigError: passages are to be found, and there is no index.
        """
        if setting.source == "none":
            return 0
        path = self.folder / f"{setting.label}-{fingerprint(self.identity, asdict(setting))[:12]}.jsonl"
        known = {row["key"]: [tuple(hit) for hit in row["hits"]] for _, row in read_lines(path)}
        # a hit whose text was lost (killed between two writes) is searched for again
        self._hits |= {key: hits for key, hits in known.items() if all(hit[0] in self._texts for hit in hits)}
        wanted = {self._key(setting, s): s for s in samples if _searches(setting, s)}
        todo = {key: sample for key, sample in wanted.items() if key not in self._hits}
        if todo:
            from indexes.index import Index

            if self.directory is None:
                lacking = next(iter(todo.values()))
                raise ConfigError(
                    f"oracle: sample {lacking.id!r} has no context of its own, and there is no index to take its gold "
                    "abstracts from: add index: DIR, or give --index DIR"
                )
            with Index(self.directory, encoder=self._encoder(setting, todo.values(), report)) as index:
                self._search(index, setting, todo, path, report)
        return len(todo)

    def release(self) -> None:
        """Let the encoder go, so that it does not stand beside a chat model in memory."""
        self._encoded = None

    def of(self, setting: Retrieval, sample: Sample) -> tuple[Evidence, ...]:
        """Return a sample's passages, best first; `find` must have been called for it."""
        if setting.source == "none":
            return ()
        if not _searches(setting, sample):
            return _given(sample)
        hits = self._hits[self._key(setting, sample)]
        return tuple(replace(self._texts[pmid], score=score, match=match) for pmid, score, match in hits)

    def _encoder(self, setting: Retrieval, samples: Iterable[Sample], report: Report) -> Encoder | None:
        """Return the index's encoder with these queries encoded in batches: one by one they take 10 times as long."""
        from indexes.index import Index

        if setting.source == "oracle" or setting.mode == "lexical" or self.directory is None:
            return None
        if self._encoded is None:
            with Index(self.directory) as index:
                self._encoded = EncodedQueries(index.encoder)
        self._encoded.prepare([sample.question for sample in samples], report)
        return self._encoded

    def _search(
        self,
        index: Index,
        setting: Retrieval,
        todo: Mapping[str, Sample],
        path: Path,
        report: Report,
    ) -> None:
        lines: list[dict[str, Any]] = []
        new: list[Evidence] = []

        def write() -> None:
            append_lines(self._file, new)
            append_lines(path, lines)  # after the texts it names
            lines.clear()
            new.clear()

        for done, (key, sample) in enumerate(todo.items(), 1):
            found = _oracle(index, sample) if setting.source == "oracle" else _rag(index, setting, sample)
            for one in found:
                if one.pmid not in self._texts:
                    self._texts[one.pmid] = one
                    new.append(one)
            hits: Hits = [(one.pmid, one.score, one.match) for one in found]
            self._hits[key] = hits
            lines.append({"key": key, "hits": hits})
            if done % EVERY == 0:
                write()
                report(f"retrieval, {setting.label}", done, len(todo))
        write()

    def _key(self, setting: Retrieval, sample: Sample) -> str:
        if setting.source == "oracle":
            return fingerprint(self.identity, "oracle", sample.gold_pmids)
        gold = sorted(sample.gold_pmids) if setting.exclude_gold else []
        return fingerprint(self.identity, asdict(setting), sample.question, gold)


class EncodedQueries:
    """An encoder that remembers the queries it was given beforehand."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._known: dict[str, Vectors] = {}

    @property
    def info(self) -> EncoderInfo:
        return self._encoder.info

    def prepare(self, queries: Iterable[str], report: Report = lambda stage, done, total: None) -> None:
        new = [query for query in dict.fromkeys(queries) if query not in self._known]
        for start in range(0, len(new), EVERY):
            part = new[start : start + EVERY]
            vectors = self._encoder.encode(part, "query")
            self._known |= {query: vectors[n : n + 1] for n, query in enumerate(part)}
            report("encoding questions", start + len(part), len(new))

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        if role == "query" and len(texts) == 1 and texts[0] in self._known:
            return self._known[texts[0]]
        return self._encoder.encode(texts, role)


def read_passages(run: Path) -> dict[str, dict[str, Any]]:
    """Return every abstract that a run's contenders were shown, by PMID, as their index has it; for the report."""
    identities = [entry.get("index") for entry in read_run(run)["contenders"].values()]
    names = dict.fromkeys(["passages.jsonl", *(_texts_name(one) for one in identities if one)])  # the first: older runs
    return {row["pmid"]: row for name in names for _, row in read_lines(run / "retrieval" / name)}


def _texts_name(identity: Mapping[str, Any] | None) -> str:
    return f"passages-{fingerprint(identity)[:12]}.jsonl"


def _searches(setting: Retrieval, sample: Sample) -> bool:
    """Tell whether a sample's passages come out of the index; an oracle's are its own context where it has one."""
    return setting.source == "rag" or (not sample.context and bool(sample.gold_pmids))


def _rag(index: Index, setting: Retrieval, sample: Sample) -> list[Evidence]:
    from rag.retriever import to_evidence, to_passage

    where = setting.where(sample.gold_pmids)
    hits = index.search(sample.question, setting.k, where=where, mode=setting.mode)  # type: ignore[arg-type]
    return [to_evidence(to_passage(hit)) for hit in hits]


def _oracle(index: Index, sample: Sample) -> list[Evidence]:
    """Return the gold abstracts that the index has; none if it has none."""
    from indexes.index import Hit
    from rag.retriever import to_evidence, to_passage

    documents = [document for pmid in sample.gold_pmids if (document := index.get(pmid)) is not None]
    hits = [Hit(rank, document, 1.0, ORACLE_MATCH) for rank, document in enumerate(documents, 1)]
    return [to_evidence(to_passage(hit)) for hit in hits]


def _given(sample: Sample) -> tuple[Evidence, ...]:
    """Return a sample's own context as evidence; ids that are no PMIDs are numbered, since citations are digits.

    `meta["shown"]` (stress tests) says of each passage how far it matches the question and whether it is retracted.
    """
    from rag.answer import Evidence, Quote
    from rag.instructions import find_instructions

    told = sample.meta.get("shown", {})
    given = []
    for n, p in enumerate(sample.context, 1):
        pmid, about = (p.id if p.id.isdigit() else str(n)), told.get(p.id, {})
        status, match = about.get("status", "ok"), about.get("match", ORACLE_MATCH)
        orders = tuple(Quote(pmid, s.text, s.start, s.end) for s in find_instructions(p.text)) if told else ()
        given.append(Evidence(pmid, "", p.text, None, "", (), status, 1.0, match, instructions=orders))
    return tuple(given)


def _evidence(row: Mapping[str, Any]) -> Evidence:
    from indexes.document import Notice
    from rag.answer import Evidence, Quote

    parts = {
        "publication_types": tuple(row["publication_types"]),
        "notices": tuple(Notice(**notice) for notice in row["notices"]),
        "instructions": tuple(Quote(**quote) for quote in row["instructions"]),
    }
    return Evidence(**{**row, **parts})
