"""A run's answers as the audit sees them: what became of each, what it claims, what its contender was shown."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from experiments.contenders import nearest
from experiments.errors import UnknownTaskError
from experiments.records import ANSWERED, Outcome, Record, Sample, fingerprint
from experiments.runs import read_run, run_records, run_samples, run_task
from experiments.tasks.task import Context, Task

from .claims import Claim, extract_claims
from .evidence import Library, context_ids, reads, shown_ids


class State(StrEnum):
    """What became of an answer, for the audit. Only `claims` can be judged; the others are counted, never as 0."""

    CLAIMS = "claims"  # it claims something: judged, whether or not an option could be read from it
    NO_CLAIMS = "no claims"  # it answers, but claims nothing that evidence could speak to: undefined
    ABSTAINED = "abstained"
    ERROR = "error"  # nothing came, or the service failed


@dataclass(frozen=True, slots=True)
class Answer:
    """One contender's answer to one sample. `shown` is None where the contender reads nothing (closed book)."""

    task: str
    sample: Sample
    contender: str
    record: Record
    state: State
    claims: tuple[Claim, ...]
    shown: tuple[str, ...] | None

    @property
    def said(self) -> str:
        """The hash of what it said, by which what was judged of it is known to be of this very answer."""
        return fingerprint(self.record.key, self.record.output, [claim.text for claim in self.claims])


@dataclass(frozen=True, slots=True)
class Answers:
    """A run's answers in the order of the run; `draws` are further outputs of the same sample, by answer's key."""

    content: Mapping[str, Any]
    tasks: Mapping[str, Task]
    samples: Mapping[str, Mapping[str, Sample]]
    answers: tuple[Answer, ...]
    draws: Mapping[str, tuple[str, ...]]


def read_answers(run: Path, library: Library, *, tasks: Collection[str] = (), limit: int | None = None) -> Answers:
    """Read a run's answers; several seeds of one sample are one answer (the lowest seed's) and its further draws.

    tasks: only these. limit: so many samples a task, the same ones whatever the contenders.

    Raises:
        UnknownTaskError: the run has no such task.
    """
    content = read_run(run)
    for name in tasks:
        if name not in content["tasks"]:
            raise UnknownTaskError(f"{run} has no task {name!r}; {nearest(name, content['tasks'])}")
    known = {n: run_task(n, entry) for n, entry in content["tasks"].items() if not tasks or n in tasks}
    samples = {n: _drawn(found, limit) for n, found in run_samples(run).items() if n in known}
    records: dict[tuple[str, str, str], list[Record]] = {}
    for record in run_records(run):
        if record.sample in samples.get(record.task, {}):
            records.setdefault((record.task, record.contender, record.sample), []).append(record)
    readers = {
        (task, c): reads(entry, [r for key, found in records.items() if key[:2] == (task, c) for r in found])
        for task in known
        for c, entry in content["contenders"].items()
    }
    answers, draws = [], {}
    for (task, contender, id), found in records.items():
        first, *others = sorted(found, key=lambda record: record.seed)
        sample, entry = samples[task][id], content["contenders"][contender]
        contexts = context_ids(task, sample, library)
        given = known[task].context == Context.GIVEN
        shown = shown_ids(first, entry, contexts, given) if readers[task, contender] or given else None
        state, claims = _read(first, shown or ())
        answers.append(Answer(task, sample, contender, first, state, claims, shown))
        replies = [str(reply) for reply in first.meta.get("replies", ())]
        if first.output in replies:  # the one that was chosen is the answer itself
            replies.remove(first.output)
        draws[first.key] = (*replies, *(r.output for r in others if r.output and not r.error))
    return Answers(content, known, samples, tuple(answers), draws)


def _read(record: Record, shown: tuple[str, ...]) -> tuple[State, tuple[Claim, ...]]:
    if record.output is None or record.error:
        return State.ERROR, ()
    # rightly abstaining on what cannot be answered is scored correct, and is an abstention all the same
    if record.outcome == Outcome.ABSTAINED or (record.outcome in ANSWERED and record.answer is None):
        return State.ABSTAINED, ()
    claims = extract_claims(record.output, shown=shown)
    return (State.CLAIMS if claims else State.NO_CLAIMS), claims


def _drawn(samples: Mapping[str, Sample], limit: int | None) -> dict[str, Sample]:
    if limit is None or limit >= len(samples):
        return dict(samples)
    by_hash = sorted(samples, key=lambda id: hashlib.sha256(id.encode()).digest())
    kept = set(by_hash[:limit])
    return {id: sample for id, sample in samples.items() if id in kept}
