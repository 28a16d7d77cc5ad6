"""BioASQ task B (Krithara et al. 2023): questions by experts with gold abstracts, snippets and answers.

Read are the official JSON (`{"questions": [{"id", "type", "body", "documents", "snippets", "exact_answer",
"ideal_answer"}]}`) and JSON lines `{id, type, question, gold_pmids, snippets: [{pmid, text}], exact_answer,
ideal_answer}`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.errors import DataFormatError
from experiments.records import Passage, Sample

from .files import expect, get, letter_of, pmids, read_json, read_rows
from .task import Context, Kind, Task

YES_NO = {"A": "yes", "B": "no"}


def read(path: Path, type_: str) -> Iterator[Sample]:
    """Yield the questions of one type."""
    for place, row in _rows(path):
        if get(path, place, row, "type", str) == type_:
            yield _sample(path, place, row, type_)


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if ".jsonl" in path.name:
        yield from read_rows(path)
        return
    questions = get(path, "top level", expect(path, "top level", read_json(path)), "questions", list)
    for number, row in enumerate(questions, start=1):
        yield f"question {number}", expect(path, f"question {number}", row)


def _sample(path: Path, place: str, row: dict[str, Any], type_: str) -> Sample:
    body = "question" if "question" in row else "body"
    gold = pmids(path, place, row) if "gold_pmids" in row else [_pmid(url) for url in row.get("documents", ())]
    texts: dict[str, list[str]] = {}
    for snippet in row.get("snippets", ()):
        texts.setdefault(str(snippet.get("pmid") or _pmid(snippet.get("document", ""))), []).append(snippet["text"])
    return Sample(
        id=get(path, place, row, "id", str),
        question=get(path, place, row, body, str),
        answer=_answer(path, place, row, type_),
        options=YES_NO if type_ == "yesno" else None,
        context=tuple(Passage(pmid, "\n".join(dict.fromkeys(found))) for pmid, found in texts.items()),
        gold_pmids=tuple(dict.fromkeys(gold)),
    )


def _answer(path: Path, place: str, row: dict[str, Any], type_: str) -> Any:
    if type_ == "summary":
        ideal = row.get("ideal_answer")
        texts = [ideal] if isinstance(ideal, str) else get(path, place, row, "ideal_answer", list)
        if not texts:
            raise DataFormatError(path, place, "field 'ideal_answer' is empty")
        return texts
    if type_ == "yesno":
        return letter_of(path, place, YES_NO, get(path, place, row, "exact_answer", str), "exact_answer")
    groups = [[g] if isinstance(g, str) else g for g in get(path, place, row, "exact_answer", list)]
    if not groups or not all(isinstance(name, str) for group in groups for name in group):
        raise DataFormatError(path, place, "field 'exact_answer' must be a list of names or of lists of synonyms")
    return groups if type_ == "list" else [name for group in groups for name in group]


def _pmid(url: str) -> str:
    return url.rstrip("/").rsplit("/", 1)[-1]


FACTOID = Task(
    name="bioasq-factoid",
    title="BioASQ factoid",
    kind=Kind.FACTOID,
    read=functools.partial(read, type_="factoid"),
    files=("questions_7b-11b.jsonl.gz", "training11b.json", "BioASQ-training11b.json"),
    folder="bioasq",
    licence="CC BY 2.5",
    source="http://bioasq.org; https://doi.org/10.1038/s41597-023-02068-4",
    access="http://participants-area.bioasq.org (free registration)",
    context=Context.ORACLE,
    metrics=("lenient", "mrr"),
)
YESNO = replace(
    FACTOID,
    name="bioasq-yesno",
    title="BioASQ yes/no",
    kind=Kind.CHOICE,
    read=functools.partial(read, type_="yesno"),
    metrics=("macro_f1",),
)
LIST = replace(
    FACTOID,
    name="bioasq-list",
    title="BioASQ list",
    kind=Kind.LIST,
    read=functools.partial(read, type_="list"),
    metrics=("precision", "recall", "f1"),
)
SUMMARY = replace(
    FACTOID,
    name="bioasq-summary",
    title="BioASQ summary",
    kind=Kind.TEXT,
    read=functools.partial(read, type_="summary"),
    metrics=("rouge_1", "rouge_2", "rouge_l"),
)
