"""MIRAGE (Xiong et al. 2024): five sets of medical questions in one benchmark.json."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from experiments.answers import mirage_reading
from experiments.errors import DataFormatError
from experiments.records import Sample

from .files import expect, get, letter_of, letters, pmids, read_json
from .task import Hub, Kind, Task

SOURCE = "https://github.com/Teddy-XiongGZ/MIRAGE; https://aclanthology.org/2024.findings-acl.372"


def read(path: Path, dataset: str) -> Iterator[Sample]:
    """Yield one data set's questions, `{dataset: {id: {question, options, answer, PMID?}}}`."""
    benchmark = expect(path, "top level", read_json(path))
    for key, item in expect(path, dataset, get(path, "top level", benchmark, dataset, dict)).items():
        place = f"{dataset} {key}"
        row = expect(path, place, item)
        options = get(path, place, row, "options", dict)
        if not all(isinstance(text, str) for text in options.values()) or len(options) < 2:
            raise DataFormatError(path, place, "field 'options' must map at least two letters to texts")
        yield Sample(
            id=key,
            question=get(path, place, row, "question", str),
            answer=letter_of(path, place, options, get(path, place, row, "answer", str)),
            options=options,
            gold_pmids=pmids(path, place, row, "PMID"),
        )


def _task(dataset: str, title: str, licence: str, hub: Hub | None = None, **more: Any) -> Task:
    reader: Callable[[Path], Iterator[Sample]] = functools.partial(read, dataset=dataset)
    return Task(
        name=f"mirage-{dataset}",
        title=title,
        kind=Kind.CHOICE,
        read=reader,
        files=("benchmark.json",),
        folder="mirage",
        licence=licence,
        source=SOURCE,
        first_of_several=True,
        published_reading=mirage_reading,
        access="https://github.com/Teddy-XiongGZ/MIRAGE/blob/main/benchmark.json",
        hub=hub,
        **more,
    )


def _medqa_row(row: dict[str, Any], number: int) -> Sample:
    options = {letter: text for letter, text in row["options"].items() if text}
    return Sample(f"{number:04}", row["question"], row["answer_idx"], options)


def _medmcqa_row(row: dict[str, Any], number: int) -> Sample:
    del number
    options = letters([row["opa"], row["opb"], row["opc"], row["opd"]])
    return Sample(row["id"], row["question"], "ABCD"[row["cop"]], options, meta={"subject": row["subject_name"]})


MMLU_SUBJECTS = (
    "anatomy",
    "clinical_knowledge",
    "professional_medicine",
    "college_biology",
    "college_medicine",
    "medical_genetics",
)


def _mmlu_row(row: dict[str, Any], number: int) -> Sample | None:
    if row["subject"] not in MMLU_SUBJECTS:
        return None
    options = letters(row["choices"])
    # The hub's rows carry no number within their subject, so this id is not MIRAGE's ("anatomy-000").
    return Sample(f"{row['subject']}-row{number}", row["question"], "ABCD"[row["answer"]], options)


# The revisions were the newest at hand when this was written; loading from the hub is not run in the tests.
MMLU = _task(
    "mmlu",
    "MMLU-Med",
    "MIT",
    Hub("cais/mmlu", "c30699e8356da336a370243923dbaf21066bb9fe", "test", _mmlu_row, "all"),
)
MEDQA = _task(
    "medqa",
    "MedQA-US",
    "MIT",
    Hub("GBaker/MedQA-USMLE-4-options", "0fb93dd23a7339b6dcd27e241cb9b5eca62d4d18", "test", _medqa_row),
)
MEDMCQA = _task(
    "medmcqa",
    "MedMCQA (dev)",
    "Apache-2.0",
    Hub("openlifescienceai/medmcqa", "91c6572c454088bf71b679ad90aa8dffcd0d5868", "validation", _medmcqa_row),
)
PUBMEDQA = _task("pubmedqa", "PubMedQA* (no context)", "MIT", metrics=("macro_f1",))
BIOASQ = _task("bioasq", "BioASQ-Y/N", "CC BY 2.5", metrics=("macro_f1",))
