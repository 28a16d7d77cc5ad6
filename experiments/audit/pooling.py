"""The pooled evidence of a question: one set of texts for the claims of every contender.

It holds the papers that the question and each contender's claims find in the index, all that any contender was shown or
cites, the gold papers, and the sample's own context. A claim is then held against the chunks nearest to it.
RUN/audit/retrieval.jsonl keeps what was found: {"key", "pmids"}, key = sha256 of index, kind of search and query.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.contenders import index_identity
from experiments.lines import append_lines, mend, read_lines
from experiments.records import fingerprint
from experiments.retrieval import EncodedQueries, Report
from indexes.filters import Mode
from indexes.index import Index

from .answers import Answer
from .evidence import Library, context_ids

OF_CLAIM = 5  # papers found by a claim's words
OF_QUESTION = 10  # papers found by the question's words and meaning
EVERY = 256  # searches between two writes
Pools = Mapping[tuple[str, str], Sequence[str]]  # (task, sample) → ids of texts


def pool(run: Path, answers: Sequence[Answer], library: Library, *, report: Report) -> Pools:
    """Return (task, sample) → ids of its pooled evidence. Without an index it holds what is shown, cited and gold."""
    found = _search(run, library.index, answers, report) if library.index is not None else {}
    pooled: dict[tuple[str, str], dict[str, None]] = {}
    for answer in answers:
        ids = pooled.setdefault((answer.task, answer.sample.id), {})
        cited = [pmid for claim in answer.claims for pmid in claim.citations]
        hits = [
            pmid
            for query in (answer.sample.question, *(c.text for c in answer.claims))
            for pmid in found.get(query, ())
        ]
        contexts = context_ids(answer.task, answer.sample, library).values()
        ids |= dict.fromkeys([*answer.sample.gold_pmids, *contexts, *(answer.shown or ()), *cited, *hits])
    return {key: [id for id in sorted(ids) if library.text(id)] for key, ids in pooled.items()}


def _search(run: Path, index: Index, answers: Sequence[Answer], report: Report) -> dict[str, list[str]]:
    """Search for what is not known yet: questions by words and meaning, claims by words alone (10 times as fast)."""
    path = run / "audit" / "retrieval.jsonl"
    mend(path)
    known = {line["key"]: line["pmids"] for _, line in read_lines(path)}
    identity = index_identity(index.manifest)
    questions = dict.fromkeys(a.sample.question for a in answers if a.sample.question.strip())
    claims = dict.fromkeys(claim.text for a in answers for claim in a.claims)
    wanted: list[tuple[str, Mode, int]] = [(q, "hybrid", OF_QUESTION) for q in questions]
    wanted += [(c, "lexical", OF_CLAIM) for c in claims if c not in questions]
    keys = {query: fingerprint(identity, mode, k, query) for query, mode, k in wanted}
    todo = [one for one in wanted if keys[one[0]] not in known]
    if any(mode == "hybrid" for _, mode, _ in todo):
        encoded = EncodedQueries(index.encoder)
        encoded.prepare([query for query, mode, _ in todo if mode == "hybrid"], report)
        index = Index(index.directory, encoder=encoded)
    for start in range(0, len(todo), EVERY):
        part = todo[start : start + EVERY]
        hits = {query: [str(p) for p in index.rank(query, k, mode=mode)[1].tolist()] for query, mode, k in part}
        append_lines(path, [{"key": keys[query], "pmids": pmids} for query, pmids in hits.items()])
        known |= {keys[query]: pmids for query, pmids in hits.items()}
        report("finding evidence", start + len(part), len(todo))
    return _by_query(known, keys)


def _by_query(known: Mapping[str, list[str]], keys: Mapping[str, str]) -> dict[str, list[str]]:
    return {query: known[key] for query, key in keys.items()}
