"""The synthetic sample's own questions (indexes/sample): yes/no, multiple choice, and unanswerable ones.

Lines `{qid, type: "yesno" | "multiple_choice" | "unanswerable", kind?, question, options?, answer, gold_pmids}`.
For the unanswerable ones it is right to say so.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiments.errors import DataFormatError
from experiments.records import Sample

from .files import get, letter_of, letters, pmids, read_rows
from .task import Kind, Task

HOME = Path(__file__).parents[2] / "indexes" / "sample"


def read(path: Path) -> Iterator[Sample]:
    """Yield the questions."""
    for place, row in read_rows(path):
        kind = get(path, place, row, "type", str)
        if kind not in ("yesno", "multiple_choice", "unanswerable"):
            raise DataFormatError(path, place, f"field 'type' is {kind!r}, not yesno, multiple_choice, unanswerable")
        options = _options(row)
        answer = None
        if kind != "unanswerable":
            answer = letter_of(path, place, options, get(path, place, row, "answer", str))
        yield Sample(
            id=get(path, place, row, "qid", str),
            question=get(path, place, row, "question", str),
            answer=answer,
            options=options,
            gold_pmids=pmids(path, place, row),
            meta={"type": kind, "kind": row.get("kind", "")},
        )


def _options(row: dict[str, Any]) -> dict[str, str]:
    options = row.get("options") or ["yes", "no", "maybe"]  # also where nothing answers: it must not show
    return letters(options) if isinstance(options, list) else dict(options)


QUESTIONS = Task(
    name="sample",
    title="Questions on the synthetic sample",
    kind=Kind.CHOICE,
    read=read,
    files=("questions.jsonl",),
    licence="Apache-2.0",
    source="this package: indexes/sample",
    access="it comes with the package",
    home=HOME,
)
