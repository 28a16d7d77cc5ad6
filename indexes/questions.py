"""Files of questions, JSON lines: to tune an index with, and to measure it where the answers' PMIDs are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from .errors import SourceError
from .fields import parse_pmid


@dataclass(frozen=True, slots=True)
class Question:
    qid: str
    question: str
    gold_pmids: frozenset[str]


def read_texts(path: Path) -> list[str]:
    """Read the "question" of each line.

    Raises:
        SourceError: the file is missing or empty, or a line (named with its number) has none.
    """
    rule = 'one JSON object a line with a "question", such as {"question": "Do statins …?"}'
    texts = [record["question"].strip() for _, record in _records(path, rule)]
    if not texts:
        raise SourceError(f"{path} holds no question; expected {rule}")
    return texts


def read_questions(path: Path) -> list[Question]:
    """Read JSON lines of {qid, question, gold_pmids}; a question without gold has no recall, and is left out.

    Raises:
        SourceError: the file is missing or empty, or a line (named with its number) lacks a field.
    """
    rule = 'one JSON object a line: {"qid": "q1", "question": "…", "gold_pmids": ["123"]}'
    questions = []
    for place, record in _records(path, rule):
        gold = record.get("gold_pmids")
        pmids = [parse_pmid(str(pmid)) for pmid in gold] if isinstance(gold, list) else [None]
        if None in pmids:
            raise SourceError(f"{place}: gold_pmids is no list of PMIDs; expected {rule}")
        if "qid" not in record:
            raise SourceError(f"{place}: it has no qid; expected {rule}")
        if pmids:
            found = frozenset(pmid for pmid in pmids if pmid)
            questions.append(Question(str(record["qid"]), record["question"].strip(), found))
    if not questions:
        raise SourceError(f"{path} holds no question with gold PMIDs; expected {rule}")
    return questions


def _records(path: Path, rule: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the place and the object of each line that is not blank; all have a question."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}; expected {rule}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise SourceError(f"{path}:{number}: {error}; expected {rule}") from error
        text = record.get("question") if isinstance(record, dict) else None
        if not (isinstance(text, str) and text.strip()):
            raise SourceError(f"{path}:{number}: it has no question; expected {rule}")
        yield f"{path}:{number}", record
