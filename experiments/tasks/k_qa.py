"""K-QA (Manes et al. 2024): patients' questions with physicians' answers and the statements they need.

ROUGE compares with the physician's answer. The must-have and nice-to-have statements are in `Sample.meta`,
for a judge of entailment; none is built in here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from experiments.records import Sample

from .files import get, read_rows
from .task import Kind, Task


def read(path: Path) -> Iterator[Sample]:
    """Yield {Question, Free_form_answer, Must_have, Nice_to_have}; the id is made from the question."""
    for place, row in read_rows(path):
        question = get(path, place, row, "Question", str)
        yield Sample(
            id=hashlib.sha256(question.encode()).hexdigest()[:12],
            question=question,
            answer=[get(path, place, row, "Free_form_answer", str)],
            meta={
                "must_have": get(path, place, row, "Must_have", list),
                "nice_to_have": get(path, place, row, "Nice_to_have", list),
            },
        )


K_QA = Task(
    name="k-qa",
    title="K-QA",
    kind=Kind.TEXT,
    read=read,
    files=("questions_w_answers.jsonl",),
    folder="k_qa",
    licence="MIT",
    source="https://github.com/Itaymanes/K-QA; https://aclanthology.org/2024.bionlp-1.22",
    access="https://github.com/Itaymanes/K-QA",
    metrics=("rouge_1", "rouge_2", "rouge_l"),
)
