"""The records everything else is made of: samples, outcomes, and one line for each answer of a contender."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from .errors import RecordsError
from .lines import mend, read_lines, to_line


class Outcome(StrEnum):
    """What became of one sample: exactly one of five, never merged.

    For graded tasks (texts, lists, codes) `correct` means full marks; their headline is the mean score.
    """

    CORRECT = "correct"
    WRONG = "wrong"
    ABSTAINED = "abstained"  # it said that it cannot tell, or refused
    UNPARSED = "unparsed"  # it said something, but no answer can be read from it without guessing
    ERROR = "error"  # the model or the service failed: nothing is known about the answer


ANSWERED = (Outcome.CORRECT, Outcome.WRONG)


@dataclass(frozen=True, slots=True)
class Passage:
    """A text to read: `id` is a PMID for abstracts, otherwise the data set's own name for the text."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One item of a task.

    `answer` is the gold answer as plain JSON; its shape follows the task's kind (`tasks.task.Kind`). None
    means that the sample cannot be answered, and that saying so is right. `context` is read by every
    contender or by the oracle-context arm only, as `Task.context` says. Samples of one `cluster` (a patient,
    a paper) are not independent.
    """

    id: str
    question: str
    answer: Any
    options: dict[str, str] | None = None
    context: tuple[Passage, ...] = ()
    gold_pmids: tuple[str, ...] = ()
    cluster: str = ""
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """One contender's answer to one sample, with all that is needed to score it again without asking again.

    `passages` are the PMIDs shown, in order. `output` is the text as it came (None: nothing came). `answer`,
    `outcome` and `scores` are what `reading` made of it. `scores` is empty unless the sample was answered.
    `probabilities` are the contender's own, over option letters. Tokens are None where nobody counted them.
    """

    task: str
    sample: str
    contender: str
    fingerprint: str
    key: str
    prompt: str
    output: str | None
    outcome: Outcome
    passages: tuple[str, ...] = ()
    answer: Any = None
    scores: dict[str, float] = field(default_factory=dict)
    reading: str = "strict"
    probabilities: dict[str, float] | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    seconds: float | None = None
    calls: int = 1
    error: str | None = None
    seed: int = 0
    meta: dict[str, Any] = field(default_factory=dict)


def sample_from_dict(line: dict[str, Any]) -> Sample:
    """Rebuild a sample from its JSON form."""
    context = tuple(Passage(p["id"], p["text"]) for p in line["context"])
    return Sample(**{**line, "context": context, "gold_pmids": tuple(line["gold_pmids"])})


def record_from_dict(line: dict[str, Any]) -> Record:
    """Rebuild a record from its JSON form."""
    return Record(**{**line, "outcome": Outcome(line["outcome"]), "passages": tuple(line["passages"])})


def fingerprint(*parts: Any) -> str:
    """Return the sha256 of the parts' canonical JSON (sorted keys): equal content, equal fingerprint."""
    option = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS  # orjson sorts dicts only
    return hashlib.sha256(orjson.dumps(parts, default=_fields, option=option)).hexdigest()


def record_key(task: str, version: str, sample: Sample, contender: str, seed: int) -> str:
    """Return the key under which an answer may be reused: anything that could change it is in it.

    `contender` is the contender's fingerprint, not its name: renaming one costs nothing.
    """
    return fingerprint(task, version, sample, contender, seed)


class RecordWriter:
    """An append-only record file. Opening it cuts a torn last line, as kill -9 or a full disk leaves one."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.cut_bytes = mend(path)
        self._stream: BinaryIO = path.open("ab")

    def append(self, records: Iterable[Record]) -> None:
        """Write whole lines and hand them to the system, so that a killed process loses none of them."""
        self._stream.write(b"".join(to_line(record) for record in records))
        self._stream.flush()

    def close(self) -> None:
        self._stream.close()

    def __enter__(self) -> RecordWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_records(path: Path) -> Iterator[Record]:
    """Yield a file's records in the order written, passing over a torn last line (it may still be written).

    Raises:
        RecordsError: a line in the middle is not a record.
    """
    for number, line in read_lines(path):
        try:
            yield record_from_dict(line)
        except (TypeError, KeyError, ValueError) as error:
            raise RecordsError(f"{path}, line {number} is not a record ({error}): remove that line") from None


def latest(records: Iterable[Record]) -> dict[str, Record]:
    """Keep the last record of each key, since a failed sample may have been run again."""
    return {record.key: record for record in records}


def write_samples(path: Path, samples: Iterable[Sample]) -> None:
    """Write samples, one JSON object a line, replacing the file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(b"".join(orjson.dumps(s, option=orjson.OPT_APPEND_NEWLINE) for s in samples))
    partial.replace(path)


def read_samples(path: Path) -> list[Sample]:
    """Read what `write_samples` wrote."""
    samples = []
    for number, line in read_lines(path):
        try:
            samples.append(sample_from_dict(line))
        except (TypeError, KeyError) as error:
            raise RecordsError(f"{path}, line {number} is not a sample ({error})") from None
    return samples


def _fields(value: Any) -> dict[str, Any]:
    if not is_dataclass(value):
        raise TypeError(f"{type(value).__name__} has no canonical JSON form")
    return {f.name: getattr(value, f.name) for f in fields(value)}
