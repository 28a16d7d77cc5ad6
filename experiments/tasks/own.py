"""A user's own task from one JSONL file, without writing code: `jsonl:PATH`.

One object a line: `{"id", "question", "answer", "options"?, "context"?, "gold_pmids"?, "cluster"?}`.

- With `options` (an object of letters or a list) the answer is a letter or an option's text.
- Without, "yes", "no" and "maybe" make yes/no/maybe questions; a number is right within 5 %, or within
  "tolerance" (a share) if the line has it; a list is a list of names, each a text or a list of synonyms; any
  other text is a reference text, scored by ROUGE.
- Null means that the question cannot be answered, and that saying so is right.
- `context` is a text, or a list of {"id", "text"}, that every contender reads.

All lines must be of one kind. A line that is changed or added is asked again, and no other.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiments.errors import DataFormatError, MissingDataError
from experiments.records import Passage, Sample

from .files import expect, get, letter_of, letters, pmids, read_rows
from .task import Context, Kind, Task

METRICS = {
    Kind.CHOICE: ("macro_f1",),
    Kind.LIST: ("precision", "recall", "f1"),
    Kind.TEXT: ("rouge_1", "rouge_2", "rouge_l"),
}


def own_task(path: Path) -> Task:
    """Return the task that a file describes.

    Raises:
        DataFormatError: a line is of another kind than the first, or lacks a field.
    """
    if not path.exists():
        raise MissingDataError(f"no file at {path}: a task of your own is one JSONL file (experiments/tasks/own.py)")
    kind = _kind_of_all(path)
    given = any(row.get("context") for _, row in read_rows(path))
    return Task(
        name=f"jsonl:{path}",
        title=path.stem,
        kind=kind,
        read=functools.partial(_read, kind=kind),
        files=(path.name,),
        licence="your own",
        source=str(path),
        context=Context.GIVEN if given else Context.NONE,
        metrics=METRICS.get(kind, ()),
        home=path.parent,
    )


def _kind_of_all(path: Path) -> Kind:
    first: tuple[str, Kind] | None = None
    for place, row in read_rows(path):
        if row.get("answer") is None and "answer" in row and not row.get("options"):
            continue
        kind = _kind(path, place, row)
        if first and kind != first[1]:
            raise DataFormatError(
                path, place, f"field 'answer' makes this a {kind} question, but {first[0]} is {first[1]}"
            )
        first = first or (place, kind)
    if not first:
        raise DataFormatError(path, "line 1", "no line has an answer: one JSON object a line is expected")
    return first[1]


def _kind(path: Path, place: str, row: dict[str, Any]) -> Kind:
    if row.get("options"):
        return Kind.CHOICE
    answer = get(path, place, row, "answer", object)
    if isinstance(answer, str):
        return Kind.CHOICE if answer.casefold() in ("yes", "no", "maybe") else Kind.TEXT
    if isinstance(answer, int | float) and not isinstance(answer, bool):
        return Kind.NUMBER
    if isinstance(answer, list) and answer:
        return Kind.LIST
    raise DataFormatError(path, place, f"field 'answer' is {answer!r}: a text, a number or a list is expected")


def _read(path: Path, kind: Kind) -> Iterator[Sample]:
    maybe = any(str(row.get("answer")).casefold() == "maybe" for _, row in read_rows(path))
    for place, row in read_rows(path):
        options = _options(path, place, row, maybe) if kind == Kind.CHOICE else None
        yield Sample(
            id=str(get(path, place, row, "id", object)),
            question=get(path, place, row, "question", str),
            answer=_answer(path, place, row, kind, options),
            options=options,
            context=_context(path, place, row),
            gold_pmids=pmids(path, place, row),
            cluster=str(row.get("cluster", "")),
        )


def _options(path: Path, place: str, row: dict[str, Any], maybe: bool) -> dict[str, str]:
    options = row.get("options") or ["yes", "no", "maybe"][: 3 if maybe else 2]
    named = letters(options) if isinstance(options, list) else options
    if (
        not isinstance(named, dict)
        or not 2 <= len(options) <= 26
        or not all(isinstance(t, str) for t in named.values())
    ):
        raise DataFormatError(path, place, "field 'options' must hold two to 26 texts")
    upper = {letter.strip().upper(): text for letter, text in named.items()}
    if len(upper) < len(named) or not all(re.fullmatch("[A-Z]", letter) for letter in upper):
        keys = ", ".join(map(repr, named))
        raise DataFormatError(
            path, place, f"field 'options' has the keys {keys}; give a letter each, or a list of texts"
        )
    return upper


def _answer(path: Path, place: str, row: dict[str, Any], kind: Kind, options: dict[str, str] | None) -> Any:
    answer: Any = get(path, place, row, "answer", object)
    if answer is None:
        return None
    if options:
        return letter_of(path, place, options, str(answer))
    if kind == Kind.NUMBER:
        tolerance = row.get("tolerance", 0.05)
        if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not tolerance >= 0:
            raise DataFormatError(path, place, f"field 'tolerance' is {tolerance!r}; a share such as 0.05 is expected")
        slack = abs(answer) * tolerance
        return {"value": answer, "low": answer - slack, "high": answer + slack}
    if kind == Kind.LIST:
        return [[str(name) for name in group] if isinstance(group, list) else [str(group)] for group in answer]
    return [answer]


def _context(path: Path, place: str, row: dict[str, Any]) -> tuple[Passage, ...]:
    context: Any = row.get("context") or []
    if isinstance(context, str):
        return (Passage("context", context),)
    if not isinstance(context, list):
        raise DataFormatError(
            path, place, f"field 'context' is {type(context).__name__}, not a text or a list of texts"
        )
    listed = [expect(path, place, passage) for passage in context]
    return tuple(Passage(str(get(path, place, p, "id", object)), get(path, place, p, "text", str)) for p in listed)
