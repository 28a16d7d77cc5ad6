"""PubMedQA (Jin et al. 2019): expert-labelled yes/no/maybe questions about one abstract each.

The question is the article's title and its conclusion the answer, so the context leaves the conclusion out.
Always answering "yes" scores 55.2 %.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.records import Passage, Sample

from .files import expect, get, letter_of, read_json
from .task import Context, Hub, Kind, Task

OPTIONS = {"A": "yes", "B": "no", "C": "maybe"}


def read_all(path: Path) -> Iterator[Sample]:
    """Yield the 1,000 questions of ori_pqal.json."""
    for pmid, item in expect(path, "top level", read_json(path)).items():
        row = expect(path, pmid, item)
        yield Sample(
            id=pmid,
            question=get(path, pmid, row, "QUESTION", str),
            answer=letter_of(path, pmid, OPTIONS, get(path, pmid, row, "final_decision", str), "final_decision"),
            options=OPTIONS,
            context=(Passage(pmid, "\n".join(get(path, pmid, row, "CONTEXTS", list))),),
            gold_pmids=(pmid,),
            meta={"year": row.get("YEAR"), "long_answer": row.get("LONG_ANSWER", "")},
        )


def read_test(path: Path) -> Iterator[Sample]:
    """Yield the 500 questions of the official test split, named in test_ground_truth.json beside the file."""
    truth = expect(path, "top level", read_json(path.with_name("test_ground_truth.json")))
    return (sample for sample in read_all(path) if sample.id in truth)


def _row(row: dict[str, Any], number: int) -> Sample:
    del number
    pmid = str(row["pubid"])
    letter = next(letter for letter, text in OPTIONS.items() if text == row["final_decision"])
    context = (Passage(pmid, "\n".join(row["context"]["contexts"])),)
    return Sample(pmid, row["question"], letter, OPTIONS, context, (pmid,))


HUB = Hub("qiaojin/PubMedQA", "9001f2853fb87cab8d220904e0de81ac6973b318", "train", _row, "pqa_labeled")
TEST = Task(
    name="pubmedqa",
    title="PubMedQA, official test split",
    kind=Kind.CHOICE,
    read=read_test,
    files=("ori_pqal.json",),
    folder="pubmedqa",
    licence="MIT",
    source="https://pubmedqa.github.io; https://aclanthology.org/D19-1259",
    access="https://github.com/pubmedqa/pubmedqa (data/ori_pqal.json and data/test_ground_truth.json)",
    context=Context.ORACLE,
    metrics=("macro_f1",),
)
WITH_CONTEXT = replace(
    TEST, name="pubmedqa-context", title="PubMedQA, test split, abstract given", context=Context.GIVEN
)
ALL = replace(TEST, name="pubmedqa-all", title="PubMedQA, all 1,000 labelled", read=read_all, hub=HUB)
