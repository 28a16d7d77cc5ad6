"""What an answer leaves out, and what it says against physicians' statements: K-QA's two measures.

K-QA (Manes et al. 2024, arXiv:2401.14493): completeness is the share of must-have statements that the answer entails;
contradiction counts the statements, must-have or nice-to-have, that it contradicts. The statement is the claim here,
and the answer is the evidence. Where a task has a gold text instead, its sentences are the must-have statements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from experiments.records import Sample
from experiments.tasks.task import Kind, Task

from .claims import is_claim
from .evidence import Chunk, Library, near_chunks
from .judging import Pair, Scores, judge
from .records import Verdict


class Statements(NamedTuple):
    """What a good answer says: `must` counts for completeness, both for contradiction."""

    must: tuple[str, ...]
    nice: tuple[str, ...] = ()


def statements_of(task: Task, sample: Sample) -> Statements:
    """Return a sample's statements; none for a task whose gold answer is a bare option."""
    from rag.sentences import split_sentences

    if "must_have" in sample.meta:
        return Statements(tuple(sample.meta["must_have"]), tuple(sample.meta.get("nice_to_have", ())))
    text = sample.meta.get("long_answer") or ""
    if task.kind == Kind.TEXT and sample.answer:
        text = sample.answer[0]
    return Statements(tuple(span.text for span in split_sentences(text) if is_claim(span.text)))


def answer_chunks(output_id: str, output: str, statements: Statements, library: Library) -> dict[str, list[Chunk]]:
    """Return for each statement the stretches of the answer that are near it."""
    library.add(output_id, output)
    return {text: near_chunks(text, [output_id], library) for text in (*statements.must, *statements.nice)}


def judge_statements(
    statements: Statements, chunks: Mapping[str, Sequence[Chunk]], scores: Mapping[Pair, Scores], *, confirm: bool
) -> dict[str, list[str]]:
    """Return the verdict on each statement by the answer: {"must": […], "nice": […]}. confirm: as for `judge`."""
    return {
        name: [str(judge(text, chunks[text], scores, confirm=confirm).verdict) for text in texts]
        for name, texts in statements._asdict().items()
    }


def completeness(verdicts: Mapping[str, Sequence[str]]) -> float | None:
    """Return the share of must-have statements that the answer entails; None if there are none."""
    must = verdicts["must"]
    return sum(one in (Verdict.SUPPORTED, Verdict.CONFLICTING) for one in must) / len(must) if must else None


def contradictions(verdicts: Mapping[str, Sequence[str]]) -> int:
    """Count the statements, must-have or nice-to-have, that the answer contradicts."""
    every = [*verdicts["must"], *verdicts["nice"]]
    return sum(one in (Verdict.CONTRADICTED, Verdict.CONFLICTING) for one in every)
