"""Every task there is, one line each; `get_task` finds one by name and `load` reads its samples."""

from __future__ import annotations

import difflib
import hashlib
import importlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from experiments.errors import DataFormatError, MissingDataError, UnknownTaskError
from experiments.records import Sample

from .task import Context, Hub, Kind, Task, chance_level, majority_baseline

__all__ = [
    "TASKS",
    "Context",
    "Hub",
    "Kind",
    "Task",
    "chance_level",
    "get_task",
    "load",
    "majority_baseline",
]

TASKS = {  # name → module:attribute, imported when asked for
    "aci-bench": "notes:ACI_BENCH",
    "bc5cdr": "entities:BC5CDR",
    "bioasq-factoid": "bioasq:FACTOID",
    "bioasq-list": "bioasq:LIST",
    "bioasq-summary": "bioasq:SUMMARY",
    "bioasq-yesno": "bioasq:YESNO",
    "case-challenges": "cases:CASES",
    "codiesp": "codiesp:CODIESP",
    "evidence-inference": "evidence_inference:ABSTRACTS",
    "evidence-inference-fulltext": "evidence_inference:FULL_TEXT",
    "k-qa": "k_qa:K_QA",
    "longhealth-1": "longhealth:TASK1",
    "longhealth-2": "longhealth:TASK2",
    "longhealth-3": "longhealth:TASK3",
    "longhealth-pairs": "longhealth:PAIRS",
    "medcalc-bench": "medcalc:MEDCALC",
    "medisumcode": "clue:MEDISUMCODE",
    "medisumqa": "clue:MEDISUMQA",
    "mednli": "clue:MEDNLI",
    "meqsum": "clue:MEQSUM",
    "mirage-bioasq": "mirage:BIOASQ",
    "mirage-medmcqa": "mirage:MEDMCQA",
    "mirage-medqa": "mirage:MEDQA",
    "mirage-mmlu": "mirage:MMLU",
    "mirage-pubmedqa": "mirage:PUBMEDQA",
    "mts-dialog": "notes:MTS_DIALOG",
    "ncbi-disease": "entities:NCBI_DISEASE",
    "problem-summary": "clue:PROBLEM_SUMMARY",
    "pubmedqa": "pubmedqa:TEST",
    "pubmedqa-all": "pubmedqa:ALL",
    "pubmedqa-context": "pubmedqa:WITH_CONTEXT",
    "sample": "sample:QUESTIONS",
}


def get_task(name: str) -> Task:
    """Return a task by its name in `TASKS`, or from a user's file (`jsonl:PATH`).

    Raises:
        UnknownTaskError: no such name; the message gives the nearest.
    """
    if name.startswith("jsonl:"):
        from .own import own_task

        return own_task(Path(name.removeprefix("jsonl:")))
    if name not in TASKS:
        near = difflib.get_close_matches(name, TASKS, n=3, cutoff=0.4)
        hint = f"nearest are {', '.join(near)}" if near else f"there are {', '.join(TASKS)}"
        raise UnknownTaskError(f"no task {name!r}: {hint}; a task of your own is jsonl:PATH")
    module, attribute = TASKS[name].split(":")
    task: Task = getattr(importlib.import_module(f".{module}", __name__), attribute)
    return task


def load(task: Task, path: Path | None = None, *, limit: int | None = None) -> list[Sample]:
    """Read a task's samples from `path` (its file, or a folder with it), in the file's order.

    Without a path the data comes from the package if it is part of it, otherwise from the hub at a pinned
    commit. `limit` takes a fixed draw by the ids' hashes, not the first ones: files are often sorted by
    answer.

    Raises:
        MissingDataError: there is no such file; says where the data is to be had.
        DataFormatError: the file is not in the task's format, or an id stands for two different samples.
    """
    place = path or task.home
    if place is None:
        samples = list(_from_hub(task))
        origin = Path(f"hub:{task.hub.id if task.hub else ''}")
    else:
        origin = find_file(task, place, task.files)
        samples = list(task.read(origin))
    samples = _distinct(samples, origin)
    if not samples:
        raise DataFormatError(origin, "line 1", f"holds no sample of {task.name}")
    samples = [s if s.cluster else replace(s, cluster=s.id) for s in samples]
    return samples if limit is None else _draw(samples, limit)


def find_file(task: Task, path: Path, names: Iterable[str]) -> Path:
    """Return `path` itself if it is a file, or the first of `names` in it or in its folder for this task."""
    if path.is_file():
        return path
    for folder in (path, path / task.folder):
        for name in names:
            if (folder / name).is_file():
                return folder / name
    wanted = " or ".join(task.files)
    raise MissingDataError(f"{task.name} needs {wanted} in {path}, and it is not there. {_terms(task)}")


def _terms(task: Task) -> str:
    return f"{'Needs credentialed access' if task.credentialed else 'To be had'}: {task.access}"


def _distinct(samples: Iterable[Sample], origin: Path) -> list[Sample]:
    """Drop exact repetitions (NCBI-disease has one); two samples of one id could not be told apart later."""
    seen: dict[str, Sample] = {}
    for sample in samples:
        if seen.setdefault(sample.id, sample) != sample:
            raise DataFormatError(origin, f"id {sample.id}", "occurs twice with different content; make ids unique")
    return list(seen.values())


def _draw(samples: list[Sample], limit: int) -> list[Sample]:
    by_hash = sorted(samples, key=lambda s: hashlib.sha256(s.id.encode()).digest())
    chosen = {sample.id for sample in by_hash[:limit]}
    return [sample for sample in samples if sample.id in chosen]


def _from_hub(task: Task) -> Iterable[Sample]:
    if task.hub is None:
        raise MissingDataError(f"{task.name} needs a path: {' or '.join(task.files)}. {_terms(task)}")
    from datasets import load_dataset

    rows = load_dataset(task.hub.id, task.hub.config, split=task.hub.split, revision=task.hub.revision)
    converted = (task.hub.convert(row, number) for number, row in enumerate(rows))
    return (sample for sample in converted if sample is not None)
