"""Rows of a stage: read, keyed by paper, divided into training and held-out, and filled into the stage's templates."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from finetuned.corpora import find_pmids, read_rows
from finetuned.errors import RecipeError, TrainingDataError

from .abstracts import XML, find_files, read_texts
from .recipe import Stage

_SLOT = re.compile(r"\{([\w.]+)(\??)\}")


class Row(NamedTuple):
    """A row as read, with where it stands."""

    file: Path
    number: int
    content: dict[str, Any]

    @property
    def place(self) -> str:
        return f"{self.file.name}:{self.number}"


@dataclass(frozen=True, slots=True)
class Example:
    """What is learnt from a row: the whole `text`, or the `answer` to the `messages`."""

    place: str
    text: str = ""
    messages: tuple[dict[str, str], ...] = ()
    answer: str = ""
    choices: tuple[str, ...] = ()


@dataclass(slots=True)
class Accounts:
    """Where every row and token of a stage went; `places` lists the rows that did not go in whole."""

    rows: int = 0
    contaminated: int = 0
    incomplete: int = 0  # without a field that the templates need
    prompt_too_long: int = 0  # no room for one token of the answer: trl would train on nothing, silently
    answer_cut: int = 0
    held_out_cut: int = 0  # a held-out row, measured up to max_length only
    unscored: int = 0  # a held-out question of which a choice does not fit max_length: its loss counts, no answer does
    text_split: int = 0  # longer than a sequence; with packing all parts are kept, without only the first
    train_rows: int = 0
    train_tokens: int = 0
    loss_tokens: int = 0
    cut_tokens: int = 0
    held_out_rows: int = 0
    held_out_tokens: int = 0
    places: dict[str, list[str]] = field(default_factory=dict)

    def note(self, what: str, place: str) -> None:
        """Count a row under one of the headings, and list it."""
        setattr(self, what, getattr(self, what) + 1)
        self.places.setdefault(what, []).append(place)


def read_stage(stage: Stage) -> list[Row]:
    """Read a stage's rows in the order of its files."""
    if stage.stage == "inject":
        return [Row(*found) for found in read_texts(stage.data)]
    rows: list[Row] = []
    for file in (file for path in stage.data for file in find_files(path)):
        if file.name.endswith(XML):
            raise RecipeError(
                f"stage {stage.stage}: data {str(file)!r} is PubMed XML, which has no questions and answers; allowed: "
                ".json, .jsonl (.gz too)"
            )
        for number, content in enumerate(read_rows(file)):
            if not isinstance(content, dict):
                raise TrainingDataError(f"{file}, row {number}: {type(content).__name__} found, an object expected")
            rows.append(Row(file, number, content))
    return rows


def is_held_out(content: Mapping[str, Any], *, share: float, seed: int) -> bool:
    """Tell whether a row belongs to the held-out set, by all papers it names, or by its content where it names none.

    The same in every stage and run with this seed: no training row of any stage names a held-out PMID.
    """
    keys = find_pmids(content) or {json.dumps(content, sort_keys=True, ensure_ascii=False)}
    return any(_fraction(f"{seed} {key}") < share for key in keys)


def _fraction(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / 2**64


def make_example(row: Row, stage: Stage) -> Example | None:
    """Fill a row into the stage's templates; None if it lacks what they need."""
    content = row.content
    if stage.stage == "inject":
        return Example(row.place, text=content["text"])
    if "messages" in content:
        return _from_messages(row)
    prompt, answer = _fill(stage.prompt, content), _fill(stage.answer, content)
    if not prompt or not answer:
        return None
    options = content.get("options")
    letters = tuple(options) if isinstance(options, dict) else stage.choices
    return Example(
        row.place,
        messages=({"role": "user", "content": prompt},),
        answer=answer,
        choices=letters if answer in letters else (),
    )


def _from_messages(row: Row) -> Example | None:
    messages = row.content["messages"]
    try:
        *before, last = [{"role": str(m["role"]), "content": str(m["content"])} for m in messages]
    except (TypeError, KeyError, ValueError):
        raise TrainingDataError(
            f"{row.file}, row {row.number}: `messages` must be a list of {{role, content}}, the last by the assistant"
        ) from None
    if last["role"] != "assistant" or not before or not last["content"].strip():
        return None
    return Example(row.place, messages=tuple(before), answer=last["content"].strip())


def _fill(template: str, content: Mapping[str, Any]) -> str:
    """Fill a template; empty if a field it needs is missing. Not str.format: it would reach into objects."""
    missing = False

    def value(match: re.Match[str]) -> str:
        nonlocal missing
        found: Any = content
        for name in match[1].split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
        words = _words(found)
        missing |= not words and not match[2]
        return words

    filled = _SLOT.sub(value, template)
    return "" if missing else re.sub(r"\n{3,}", "\n\n", filled).strip()


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return "\n".join(f"{letter}. {text}" for letter, text in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "\n".join(str(v) for v in value)
    return "" if value is None else str(value).strip()
