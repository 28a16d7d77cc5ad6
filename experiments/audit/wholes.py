"""What is judged of an answer as a whole: its citations, what it leaves out, and how its further draws agree with it.

RUN/audit/answers.jsonl     one line an answer: what the exact checks found ("flags", "ledger", …), "citations",
                            "statements", "selfcheck", "entropy", "draws"; a ledger: what is unchanged is kept
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from experiments.records import fingerprint
from experiments.retrieval import Report
from experiments.scoring import read_answer
from experiments.tasks.task import Kind, Task

from .answers import Answer, Answers, State
from .checker import Checker
from .citations import read_statement
from .claims import extract_claims
from .evidence import Chunk, Library, near_chunks
from .exact import Exact
from .judging import SUPPORTS, Pair, Scores, general, score_pairs, settled
from .records import ANSWER_SLOT, Ledger
from .sampling import entropy, selfcheck, selfcheck_pairs, semantic_clusters
from .statements import Statements, answer_chunks, judge_statements, statements_of

VERSION = "3"
BATCH = 32
Draws = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Work:
    """One answer with all that is scored for it. `papers`: for each claim PMID → near chunks, None: no such paper."""

    key: str
    checker: str
    answer: Answer
    task: Task
    exact: Exact
    papers: tuple[dict[str, list[Chunk] | None], ...]
    statements: Statements
    near: dict[str, list[Chunk]]
    draws: Draws
    texts: Draws


def answers_path(run: Path) -> Path:
    return run / "audit" / "answers.jsonl"


def judge_answers(
    run: Path,
    answers: Answers,
    library: Library,
    *,
    checker: Checker | None,
    name: str,
    findings: Mapping[str, Exact],
    report: Report,
) -> tuple[int, int]:
    """Judge every answer that claims something as a whole; return how many were new and how many were there.

    checker: None leaves out what needs one. findings: of the exact checks, by record key.
    """
    ledger = Ledger(answers_path(run), ANSWER_SLOT)
    judged = [answer for answer in answers.answers if answer.state == State.CLAIMS]
    new = 0
    for start in range(0, len(judged), BATCH):
        part = judged[start : start + BATCH]
        batch = [_work(answer, answers, library, name, findings[answer.record.key]) for answer in part]
        ledger.keep(work.key for work in batch if not ledger.missing(work.key))
        todo = [work for work in batch if ledger.missing(work.key)]
        lines: list[dict[str, Any]] = []
        scores = score_pairs(checker, (pair for work in todo for pair in _pairs(work))) if checker else {}
        for work in todo:
            said = _checked(work, scores, confirm=not general(checker)) if checker else NOT_CHECKED
            lines.append(_exact(work) | said)
        ledger.add(lines)
        new += len(todo)
        report("judging answers as a whole", start + len(batch), len(judged))
    return new, len(judged) - new


def _work(answer: Answer, answers: Answers, library: Library, name: str, exact: Exact) -> Work:
    task = answers.tasks[answer.task]
    papers = tuple(
        {pmid: near_chunks(claim.text, [pmid], library) if library.text(pmid) else None for pmid in claim.citations}
        for claim in answer.claims
    )
    statements = statements_of(task, answer.sample)
    id = f"answer:{answer.record.key}"
    near = answer_chunks(id, _prose(answer.record.output or ""), statements, library)
    draws = answers.draws.get(answer.record.key, ())
    texts = tuple(_prose(draw) for draw in draws)
    read = [{pmid: None if c is None else [one.text for one in c] for pmid, c in found.items()} for found in papers]
    mark = (VERSION, name, answer.record.key, answer.record.output, exact, read, tuple(statements), draws)
    return Work(fingerprint(*mark), name, answer, task, exact, papers, statements, near, draws, texts)


def _prose(output: str) -> str:
    """Return what an output claims as running text: no JSON, no letter of an option."""
    return " ".join(claim.text for claim in extract_claims(output))


def _joint(papers: Mapping[str, list[Chunk] | None], pmids: list[str]) -> str:
    """Return the nearest stretch of each of several papers as one text."""
    return " ".join(chunks[0].text for pmid in pmids if (chunks := papers[pmid]))


def _pairs(work: Work) -> Iterator[Pair]:
    for claim, papers in zip(work.answer.claims, work.papers, strict=True):
        for chunks in papers.values():
            yield from ((claim.text, chunk.text) for chunk in chunks or ())
        known = [pmid for pmid, chunks in papers.items() if chunks]
        for left_out in [None, *known] if len(known) > 1 else []:
            yield claim.text, _joint(papers, [pmid for pmid in known if pmid != left_out])
    for text, chunks in work.near.items():
        yield from ((text, chunk.text) for chunk in chunks)
    if work.draws:
        yield from selfcheck_pairs([claim.text for claim in work.answer.claims], [t for t in work.texts if t])
    if work.draws and work.task.kind == Kind.TEXT:
        every = _every(work)
        yield from ((a, b) for a in every for b in every if a != b)


def _every(work: Work) -> list[str]:
    return [_prose(work.answer.record.output or ""), *work.texts]


def _exact(work: Work) -> dict[str, Any]:
    """Return what needs no checker."""
    answer = work.answer
    return {
        "key": work.key,
        "task": answer.task,
        "sample": answer.sample.id,
        "contender": answer.contender,
        "seed": answer.record.seed,
        "said": answer.said,
        "checker": work.checker,
        "draws": len(work.draws),
        **{name: value for name, value in asdict(work.exact).items() if name != "of_claims"},
    }


def _checked(work: Work, scores: Mapping[Pair, Scores], *, confirm: bool) -> dict[str, Any]:
    """Return what the checker says."""
    claims = work.answer.claims
    texts = [text for text in work.texts if text]
    return {
        "citations": [
            _statement(claim.text, papers, scores, confirm) for claim, papers in zip(claims, work.papers, strict=True)
        ],
        "statements": judge_statements(work.statements, work.near, scores, confirm=confirm)
        if work.statements.must
        else None,
        "selfcheck": [selfcheck(claim.text, texts, scores) for claim in claims] if texts else None,
        "entropy": _entropy(work, scores) if work.draws else None,
    }


NOT_CHECKED: dict[str, Any] = dict.fromkeys(("citations", "statements", "selfcheck", "entropy"))


def _statement(
    claim: str, papers: Mapping[str, list[Chunk] | None], scores: Mapping[Pair, Scores], confirm: bool
) -> dict[str, Any]:
    rows = {
        pmid: None if chunks is None else [settled(claim, one.text, scores, confirm=confirm) for one in chunks]
        for pmid, chunks in papers.items()
    }
    found = read_statement(rows, lambda pmids: scores[claim, _joint(papers, list(pmids))][0])
    return asdict(found)


def _entropy(work: Work, scores: Mapping[Pair, Scores]) -> float | None:
    """Return the semantic entropy of the answer and its draws."""
    if work.task.kind == Kind.TEXT:
        every = _every(work)
        return entropy(semantic_clusters(every, lambda a, b: a == b or _entails(a, b, scores)))
    outputs = [work.answer.record.output or "", *work.draws]
    said = [str(read_answer(work.task, work.answer.sample, output).value) for output in outputs]
    return entropy(semantic_clusters(said, lambda a, b: a == b))


def _entails(a: str, b: str, scores: Mapping[Pair, Scores]) -> bool:
    return scores[a, b][0] >= SUPPORTS and scores[b, a][0] >= SUPPORTS
