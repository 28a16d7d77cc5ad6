"""Predictions made elsewhere become records of a run, scored by the same code as our own."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import DataFormatError, ExperimentsError
from .predictions import READERS, Prediction
from .records import Outcome, Record, RecordWriter, Sample, fingerprint, latest, read_records, record_key
from .runs import add_contender, add_task, alone, open_run, records_path, save_run
from .scoring import score_record
from .tasks import get_task, load
from .tasks.files import pmids
from .tasks.task import Task


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import brought: records written by task, samples without prediction, records already there."""

    run: Path
    contender: str
    written: dict[str, int]
    missing: dict[str, int]
    known: int


def import_predictions(
    format: str,
    path: Path,
    *,
    benchmark: Path | None = None,
    name: str,
    out: Path,
    task: str | None = None,
) -> Imported:
    """Read predictions in a foreign format and write them as records of contender `name` in the run `out`.

    Imported again, the same predictions are not written twice. Two imports with different names into one run
    are two contenders on the same samples.

    Args:
        format: mirage, lm-eval, inspect or jsonl.
        benchmark: the task's data (for mirage its benchmark.json); not needed if it comes with the task.
        task: the task's name; mirage and lines with a `task` field say it themselves.

    Raises:
        DataFormatError: a line is not in the format, or its id is not in the benchmark.
        RecordsError: the run has other samples, or another contender or output under this name.
        RunStoppedError: another process writes into the run.
    """
    if format not in READERS:
        raise ExperimentsError(f"no format {format!r}: there are {', '.join(READERS)}")
    predictions = list(READERS[format](path))
    if not predictions:
        raise DataFormatError(path, "file", "holds no predictions")
    grouped: dict[str, list[Prediction]] = {}
    for prediction in predictions:
        grouped.setdefault(prediction.task or task or "", []).append(prediction)
    if "" in grouped:
        where = grouped[""][0].place
        raise DataFormatError(path, where, f"it does not say its task, so name it (--task, such as {_EXAMPLES})")
    contender = fingerprint("imported", format, name)
    read: list[tuple[Task, list[Sample], list[Record]]] = []
    for task_name, group in sorted(grouped.items()):
        found = get_task(task_name)
        samples = load(found, benchmark)
        read.append((found, samples, _records(found, samples, group, path, name, contender)))
    with alone(out, "importing into"):
        return _write(out, name, {"fingerprint": contender, "kind": "imported", "format": format}, read)


_EXAMPLES = "pubmedqa or mirage-medqa"


def _records(
    task: Task, samples: list[Sample], predictions: list[Prediction], path: Path, name: str, contender: str
) -> list[Record]:
    by_id = {sample.id: sample for sample in samples}
    asked = Counter(_plain(sample.question) for sample in samples)
    by_question = {_plain(s.question): s for s in samples if asked[_plain(s.question)] == 1}
    records: dict[str, Record] = {}
    for prediction in predictions:
        sample = by_question.get(_plain(prediction.question)) or by_id.get(prediction.id)
        if sample is None:
            raise DataFormatError(
                path,
                prediction.place,
                f"{prediction.id or prediction.question[:60]!r} is not among the {len(samples)} samples of "
                f"{task.name}; is this the benchmark that was answered?",
            )
        if sample.id in records:
            raise DataFormatError(path, prediction.place, f"a second prediction for {sample.id!r} of {task.name}")
        _check_fields(path, prediction)
        records[sample.id] = _record(task, sample, prediction, name, contender)
    return list(records.values())


def _check_fields(path: Path, prediction: Prediction) -> None:
    """Raise `DataFormatError` for a measurement that no report could add up."""
    pmids(path, prediction.place, prediction.fields, "passages")
    for name, kind in (("seed", int), ("calls", int), ("tokens_in", int), ("tokens_out", int), ("seconds", float)):
        value = prediction.fields.get(name)
        fits = isinstance(value, int if kind is int else (int, float)) and not isinstance(value, bool)
        if value is not None and not (fits and 0 <= value < math.inf):
            rule = "a whole number" if kind is int else "a number"
            raise DataFormatError(path, prediction.place, f"field {name!r} is {value!r}; {rule} from 0 is expected")


def _record(task: Task, sample: Sample, prediction: Prediction, name: str, contender: str) -> Record:
    fields = dict(prediction.fields)
    seed = fields.pop("seed", 0)
    letters = tuple(sample.options or ())
    probabilities = None
    if prediction.probabilities is not None and len(letters) == len(prediction.probabilities):
        probabilities = dict(zip(letters, prediction.probabilities, strict=True))
    record = Record(
        task=task.name,
        sample=sample.id,
        contender=name,
        fingerprint=contender,
        key=record_key(task.name, task.version, sample, contender, seed),
        prompt=prediction.prompt,
        output=prediction.output,
        outcome=Outcome.ERROR,
        passages=tuple(str(pmid) for pmid in fields.pop("passages", ())),
        probabilities=probabilities,
        error=prediction.error,
        seed=seed,
        **fields,
    )
    return score_record(task, sample, record)


def _write(
    out: Path, name: str, entry: dict[str, Any], read: list[tuple[Task, list[Sample], list[Record]]]
) -> Imported:
    """Write what was read; only now, so that an import that fails leaves nothing behind."""
    with alone(out, "writing into"):
        run = open_run(out)
        add_contender(out, run, name, entry)
        for task, samples, _ in read:
            add_task(out, run, task, samples)
        known = _append(out, name, [record for _, _, records in read for record in records])
        save_run(out, run)
    written = {task.name: sum(r.key not in known for r in records) for task, _, records in read}
    missing = {task.name: len(samples) - len(records) for task, samples, records in read}
    return Imported(out, name, written, missing, len(known))


def _append(out: Path, name: str, records: list[Record]) -> dict[str, Record]:
    """Write the records that are not there yet; return those that are."""
    path = records_path(out, name)
    before = latest(read_records(path)) if path.exists() else {}
    known = {record.key: record for record in records if record.key in before}
    for key, record in known.items():
        if before[key].output != record.output:
            raise DataFormatError(
                path,
                f"sample {record.sample}",
                f"contender {name!r} already has another output; take another name",
            )
    with RecordWriter(path) as writer:
        writer.append(record for record in records if record.key not in known)
    return known


def _plain(question: str) -> str:
    return " ".join(question.casefold().split())
