"""A run folder: what was compared, the samples, and one record file for each contender.

RUN/run.json                    format, tasks (version, licence, sha256 of the samples), contenders
RUN/samples/TASK.jsonl          the samples with their gold answers, so that scoring needs no other file
RUN/records/CONTENDER.jsonl     append-only records
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from indexes.storage import locked

from .errors import RecordsError, RunStoppedError
from .lines import read_document, write_document
from .records import Record, Sample, fingerprint, latest, read_records, read_samples, record_key, write_samples
from .scoring import STRICT, readings_of, score_record
from .tasks import TASKS, get_task
from .tasks.task import Kind, Task

FORMAT = 1


def read_run(run: Path) -> dict[str, Any]:
    """Return run.json.

    Raises:
        RecordsError: there is none, or it is of another format.
    """
    path = run / "run.json"
    if not path.is_file():
        raise RecordsError(f"no run in {run}: it has no run.json. `experiment run` or `experiment import` makes one")
    remedy = "delete it and run `experiment run` (or `experiment import`) again; the records are kept"
    content = read_document(path, remedy)
    if content.get("format") != FORMAT:
        raise RecordsError(f"{path} has format {content.get('format')!r}, this version reads {FORMAT}")
    return content


@contextmanager
def alone(folder: Path, doing: str) -> Iterator[None]:
    """Make the folder, and keep a second process out; the lock is freed by the system even after kill -9.

    Raises:
        RunStoppedError: another process is there.
        RecordsError: it cannot be a folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordsError(f"{folder} cannot be made a folder ({error.strerror}): give another path") from None
    busy = RunStoppedError(f"another process is {doing} {folder}: wait for it, or use another folder")
    with locked(folder / ".lock", busy):
        yield


def open_run(run: Path) -> dict[str, Any]:
    """Return run.json, or the beginning of one if the folder has none yet."""
    if (run / "run.json").is_file():
        return read_run(run)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"format": FORMAT, "created": now, "tasks": {}, "contenders": {}}


def save_run(run: Path, content: Mapping[str, Any]) -> None:
    """Write run.json in one step."""
    write_document(run / "run.json", content, option=orjson.OPT_INDENT_2)


def add_task(run: Path, content: dict[str, Any], task: Task, samples: Sequence[Sample]) -> None:
    """Keep a task's samples in the run and enter it in `content`.

    Raises:
        RecordsError: the run already has this task with other samples.
    """
    entry = task_entry(task, samples)
    known = content["tasks"].setdefault(task.name, entry)
    if known["sha256"] != entry["sha256"]:
        raise RecordsError(
            f"{run} already has {task.name} with other samples (n {known['n']} there, {len(samples)} here): "
            "answers to different questions cannot be compared; use another folder"
        )
    write_samples(samples_path(run, task.name), samples)


def task_entry(task: Task, samples: Sequence[Sample]) -> dict[str, Any]:
    """Return what run.json says about a task."""
    return {
        "title": task.title,
        "version": task.version,
        "licence": task.licence,
        "source": task.source,
        "kind": task.kind,
        "graded": task.graded,
        "primary": task.primary,
        "metrics": task.metrics,
        "ask": task.ask,
        "n": len(samples),
        "sha256": fingerprint(*samples),
    }


def write_task(run: Path, content: dict[str, Any], task: Task, samples: Sequence[Sample]) -> None:
    """As `add_task`, but other samples take the place of those there: answers that no longer fit are passed over."""
    content["tasks"][task.name] = task_entry(task, samples)
    write_samples(samples_path(run, task.name), samples)


def add_contender(run: Path, content: dict[str, Any], name: str, entry: dict[str, Any]) -> None:
    """Enter a contender in `content`; `entry` has at least its fingerprint.

    Raises:
        RecordsError: the run has another contender of this name.
    """
    known = content["contenders"].setdefault(name, entry)
    if known["fingerprint"] != entry["fingerprint"]:
        raise RecordsError(f"{run} already has another contender {name!r}: give this one another name")


def samples_path(run: Path, task: str) -> Path:
    return run / "samples" / f"{file_name(task)}.jsonl"


def records_path(run: Path, contender: str) -> Path:
    return run / "records" / f"{file_name(contender)}.jsonl"


def file_name(name: str) -> str:
    """Return a name fit for a file; where that changes it, a hash keeps two names apart."""
    safe = re.sub(r"[^\w.+@-]+", "-", name).strip("-.")[:100]
    return safe if safe == name else f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def run_samples(run: Path) -> dict[str, dict[str, Sample]]:
    """Return the run's samples: task → id → sample.

    Raises:
        RecordsError: a task's samples are missing, or not those that were asked.
    """
    found = {}
    for name, entry in read_run(run)["tasks"].items():
        path = samples_path(run, name)
        samples = read_samples(path)
        if fingerprint(*samples) != entry["sha256"]:
            raise RecordsError(
                f"{path} is damaged: it holds other samples than were asked. Run `experiment run` (or `experiment "
                "import`) again, which writes it anew"
            )
        found[name] = {sample.id: sample for sample in samples}
    return found


def run_task(name: str, entry: Mapping[str, Any]) -> Task:
    """Return a run's task; a user's own is rebuilt from run.json, since its file may have changed."""
    if name in TASKS:
        return get_task(name)
    return Task(
        name=name,
        title=entry["title"],
        kind=Kind(entry["kind"]),
        read=read_samples,
        files=(),
        licence=entry["licence"],
        source=entry["source"],
        version=entry["version"],
        metrics=tuple(entry["metrics"]),
    )


def answer_key(task: Mapping[str, Any], name: str, sample: Sample, contender: Mapping[str, Any], seed: int) -> str:
    """Return the key under which a contender's answer to a sample counts; `task` and `contender` as in run.json.

    For contenders run here the task's own line of the prompt is in it: a changed word asks something else.
    """
    mark = contender["fingerprint"]
    if contender.get("kind") == "run":
        mark = fingerprint(mark, task["ask"])
    return record_key(name, task["version"], sample, mark, seed)


def run_records(run: Path, *, reading: str = STRICT) -> Iterator[Record]:
    """Yield every contender's last record of each sample, scored under `reading`; nothing is generated.

    A task that has no such reading (only MIRAGE has a published one) is scored strictly; each record says in
    `reading` how it was read. Records of what the run no longer asks (another prompt, index or sample) stay in
    their files and are passed over.
    """
    content, samples = read_run(run), run_samples(run)
    tasks = {name: run_task(name, entry) for name, entry in content["tasks"].items()}
    for contender, entry in content["contenders"].items():
        path = records_path(run, contender)
        for record in latest(read_records(path)).values() if path.exists() else ():
            sample = samples.get(record.task, {}).get(record.sample)
            if sample is None or entry.get("seed", record.seed) != record.seed:
                continue
            if record.key != answer_key(content["tasks"][record.task], record.task, sample, entry, record.seed):
                continue
            task = tasks[record.task]
            how = reading if reading in readings_of(task) else STRICT
            yield score_record(task, sample, record, reading=how)
