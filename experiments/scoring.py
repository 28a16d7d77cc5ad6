"""From an output to an answer, an outcome and scores; scoring again never asks the model again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from .answers import (
    Parsed,
    parse_choice,
    parse_codes,
    parse_date,
    parse_entities,
    parse_names,
    parse_number,
    parse_text,
)
from .errors import ReadingError
from .metrics.codes import categories
from .metrics.sets import names_f1, plain, reciprocal_rank, set_f1
from .metrics.texts import rouge
from .records import Outcome, Record, Sample
from .tasks.task import Kind, Task

STRICT, UNHEDGED, PUBLISHED = "strict", "unhedged", "published"
READINGS = {
    STRICT: "what cannot be read without guessing is unparsed; in MIRAGE a hedge (A/B) is its first letter",
    UNHEDGED: "as strict, but a hedge between options (A/B) is unparsed everywhere",
    PUBLISHED: "as the benchmark's authors read it: in MIRAGE, what does not parse becomes option A",
}


class Scored(NamedTuple):
    """What one output is worth. `scores` is empty unless the outcome is correct or wrong."""

    answer: Any
    outcome: Outcome
    scores: dict[str, float]
    reason: str = ""


def score_output(task: Task, sample: Sample, output: str | None, *, reading: str = STRICT) -> Scored:
    """Score one output.

    A graded answer (`task.graded`) is `correct` at full marks only; its score says the rest. For a sample
    that cannot be answered, an abstention is correct and any answer wrong.

    Raises:
        ReadingError: no such reading, or the task's authors published none.
    """
    check_reading(task, reading)
    if output is None:
        return Scored(None, Outcome.ERROR, {}, "nothing came")
    parsed = read_answer(task, sample, output, reading)
    if sample.answer is None:
        return _unanswerable(task, parsed)
    if parsed.failure is not None:
        return Scored(None, parsed.failure, {}, parsed.reason)
    scores = SCORERS[task.kind](sample.answer, parsed.value)
    full = scores[task.primary] >= 1 - 1e-9
    return Scored(parsed.value, Outcome.CORRECT if full else Outcome.WRONG, scores)


def score_record(task: Task, sample: Sample, record: Record, *, reading: str = STRICT) -> Record:
    """Return the record scored under `reading`; its output and all that was measured stay as they are.

    A record with an error stays an error, except under the published reading if a text came: MIRAGE's authors
    read the service's error messages as answers too.
    """
    check_reading(task, reading)
    if record.output is None or (record.error and reading != PUBLISHED):
        return replace(record, answer=None, outcome=Outcome.ERROR, scores={}, reading=reading)
    scored = score_output(task, sample, record.output, reading=reading)
    return replace(record, answer=scored.answer, outcome=scored.outcome, scores=scored.scores, reading=reading)


def check_reading(task: Task, reading: str) -> None:
    """Raise `ReadingError` if outputs of this task cannot be read so."""
    if reading not in READINGS:
        raise ReadingError(f"no reading {reading!r}: there are {', '.join(READINGS)}")
    if reading == PUBLISHED and task.published_reading is None:
        raise ReadingError(f"{task.name} has no published reading: its authors gave none; use {STRICT}")


def readings_of(task: Task) -> tuple[str, ...]:
    """Return the readings that make sense for a task."""
    if task.kind != Kind.CHOICE:
        return (STRICT,)
    return (STRICT, UNHEDGED, PUBLISHED) if task.published_reading else (STRICT, UNHEDGED)


def read_answer(task: Task, sample: Sample, output: str, reading: str = STRICT) -> Parsed:
    """Read an output's answer without judging it."""
    if reading == PUBLISHED and task.published_reading:
        return Parsed(task.published_reading(output))
    match task.kind:
        case Kind.CHOICE:
            first = task.first_of_several and reading != UNHEDGED
            return parse_choice(output, sample.options or {}, first_of_several=first)
        case Kind.NUMBER:
            return parse_date(output) if isinstance(sample.answer, str) else parse_number(output)
        case Kind.CODES:
            return parse_codes(output)
        case Kind.ENTITIES:
            return parse_entities(output, task.entity_types)
        case Kind.FACTOID | Kind.LIST:
            return parse_names(output)
        case Kind.TEXT:
            return parse_text(output)


def _unanswerable(task: Task, parsed: Parsed) -> Scored:
    if parsed.failure == Outcome.ABSTAINED:
        return Scored(None, Outcome.CORRECT, dict.fromkeys(SCORES[task.kind], 1.0), "rightly says that it cannot tell")
    if parsed.failure is not None:
        return Scored(None, parsed.failure, {}, parsed.reason)
    return Scored(parsed.value, Outcome.WRONG, dict.fromkeys(SCORES[task.kind], 0.0), "answers what cannot be answered")


def _equal(gold: str, answer: str) -> dict[str, float]:
    return {"accuracy": float(gold == answer)}


def _number(gold: Any, answer: Any) -> dict[str, float]:
    right = gold == answer if isinstance(gold, str) else gold["low"] <= answer <= gold["high"]
    return {"accuracy": float(right)}


def _codes(gold: list[str], answer: list[str]) -> dict[str, float]:
    exact = set_f1(frozenset(gold), frozenset(answer))
    return exact._asdict() | {"category_f1": set_f1(categories(gold), categories(answer)).f1}


def _entities(gold: list[list[str]], answer: list[list[str]]) -> dict[str, float]:
    return set_f1({tuple(pair) for pair in gold}, {tuple(pair) for pair in answer})._asdict()


def _factoid(gold: list[str], answer: list[str]) -> dict[str, float]:
    rank = reciprocal_rank(gold, answer)
    first = bool(answer) and plain(answer[0]) in {plain(name) for name in gold}
    return {"accuracy": float(first), "lenient": float(rank > 0), "mrr": rank}


def _list(gold: list[list[str]], answer: list[str]) -> dict[str, float]:
    return names_f1(gold, answer)._asdict()


SCORERS: dict[Kind, Callable[[Any, Any], dict[str, float]]] = {
    Kind.CHOICE: _equal,
    Kind.NUMBER: _number,
    Kind.CODES: _codes,
    Kind.ENTITIES: _entities,
    Kind.FACTOID: _factoid,
    Kind.LIST: _list,
    Kind.TEXT: rouge,
}
SCORES: dict[Kind, tuple[str, ...]] = {  # what the scorers return; a sample that cannot be answered has them all too
    Kind.CHOICE: ("accuracy",),
    Kind.NUMBER: ("accuracy",),
    Kind.CODES: ("precision", "recall", "f1", "category_f1"),
    Kind.ENTITIES: ("precision", "recall", "f1"),
    Kind.FACTOID: ("accuracy", "lenient", "mrr"),
    Kind.LIST: ("precision", "recall", "f1"),
    Kind.TEXT: ("rouge_1", "rouge_2", "rouge_l"),
}
