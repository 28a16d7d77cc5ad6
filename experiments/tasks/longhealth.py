"""LongHealth (Adams et al. 2024, benchmark_v5.json): questions about long fictional patient records.

Task 1: the answer is in the patient's documents. Task 2: they are mixed with other patients' documents, and
a sixth option says that the question cannot be answered. Task 3: only other patients' documents are there,
so that the sixth is right. Whoever always takes it is right in all of task 3 and wrong in all of task 2;
`longhealth-pairs` asks each question both ways and counts a pair only if both are right.

The authors repeat each question five times with other random documents and cut them to the model's length;
here each is asked once, with documents drawn by a seed made from its id, up to `WORDS` words.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.errors import DataFormatError
from experiments.records import Passage, Sample

from .files import expect, get, read_json
from .task import Context, Kind, Task

WORDS = 6000  # about 10,000 tokens, the length of one patient's record
NOT_THERE = "Question cannot be answered with provided documents"


def read(path: Path, variants: tuple[int, ...]) -> Iterator[Sample]:
    """Yield each question once for every task number in `variants`."""
    patients = expect(path, "top level", read_json(path))
    texts = {name: _texts(path, name, patient) for name, patient in patients.items()}
    for name, patient in patients.items():
        for number, item in enumerate(get(path, name, patient, "questions", list)):
            place = f"{name}, question {number}"
            question = expect(path, place, item)
            for variant in variants:
                yield _sample(path, place, question, f"{name}/{number}", variant, name, texts)


def _texts(path: Path, name: str, patient: Any) -> dict[str, str]:
    found = get(path, name, expect(path, name, patient), "texts", dict)
    return {key: get(path, name, found, key, str) for key in found}


def _sample(
    path: Path,
    place: str,
    row: dict[str, Any],
    pair: str,
    variant: int,
    name: str,
    texts: dict[str, dict[str, str]],
) -> Sample:
    options = {letter.upper(): get(path, place, row, f"answer_{letter}", str) for letter in "abcde"}
    answer = _letter(path, place, options, get(path, place, row, "correct", str))
    where = [key for key in get(path, place, row, "answer_location", dict) if key in texts[name]]
    own = [Passage(f"{name}/{key}", text) for key, text in texts[name].items()]
    gold = [passage for passage in own if passage.id.rsplit("/", 1)[1] in where]
    others = [Passage(f"{o}/{key}", text) for o in texts if o != name for key, text in texts[o].items()]
    draw = random.Random(f"{pair}/{variant}")  # noqa: S311 (a reproducible draw, nothing secret)
    if variant == 1:
        documents = own
    else:
        options["F"] = NOT_THERE
        documents = _fill(gold if variant == 2 else [], draw.sample(others, len(others)))
    return Sample(
        id=f"{pair}/task{variant}",
        question=get(path, place, row, "question", str),
        answer="F" if variant == 3 else answer,
        options=options,
        context=tuple(draw.sample(documents, len(documents))),
        cluster=name,
        meta={"pair": pair},
    )


def _letter(path: Path, place: str, options: dict[str, str], correct: str) -> str:
    for found in (
        [letter for letter, text in options.items() if text == correct],
        [letter for letter, text in options.items() if correct in text],  # the authors' own rule
    ):
        if found:
            return found[0]
    raise DataFormatError(path, place, f"field 'correct' is {correct!r}, which is none of the options")


def _fill(first: list[Passage], others: list[Passage]) -> list[Passage]:
    chosen, words = list(first), sum(len(p.text.split()) for p in first)
    for passage in others:
        length = len(passage.text.split())
        if words + length <= WORDS:
            chosen.append(passage)
            words += length
    return chosen


TASK1 = Task(
    name="longhealth-1",
    title="LongHealth 1: find it in the patient's record",
    kind=Kind.CHOICE,
    read=functools.partial(read, variants=(1,)),
    files=("benchmark_v5.json",),
    folder="longhealth",
    licence="CC BY 4.0",
    source="https://github.com/kbressem/LongHealth; https://arxiv.org/abs/2401.14490",
    access="https://github.com/kbressem/LongHealth/blob/main/data/benchmark_v5.json",
    context=Context.GIVEN,
)
TASK2 = replace(
    TASK1,
    name="longhealth-2",
    title="LongHealth 2: find it among other patients' records",
    read=functools.partial(read, variants=(2,)),
)
TASK3 = replace(
    TASK2,
    name="longhealth-3",
    title="LongHealth 3: see that it is not there",
    read=functools.partial(read, variants=(3,)),
)
PAIRS = replace(
    TASK2,
    name="longhealth-pairs",
    title="LongHealth 2 and 3, each question both ways",
    read=functools.partial(read, variants=(2, 3)),
    metrics=("pair_accuracy",),
)
