"""Run a configuration: retrieval and leakage first, then one model after the other, each answer written as it comes.

A batch in flight is all that a kill loses. What is finished is found by its key, so the same command goes on where it
was, and a changed prompt, index or sample runs again exactly what it touches. Failed samples are tried again.
"""

from __future__ import annotations

import gc
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .asking import Answered, ask_baseline, ask_batch
from .config import Config
from .contenders import Contender
from .errors import RecordsError
from .records import Outcome, Record, RecordWriter, Sample, latest, read_records
from .retrieval import Passages
from .runs import alone, answer_key, open_run, records_path, save_run, write_task
from .scoring import score_record
from .tasks import load
from .tasks.task import Task

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

PROBE = 8  # a contender whose first samples all fail is stopped: what is wrong with it will not mend itself
Report = Callable[[str, int, int], None]
LoadModel = Callable[[str], "BaseChatModel"]
Job = tuple[Task, Sample, str]  # with the record's key


@dataclass(slots=True)
class Done:
    """What a command did, by contender: samples answered now, answered before, and failed now.

    `stopped`: contenders that failed on everything, and why. `left`: samples that the budget of calls left out.
    """

    run: Path
    new: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)
    calls: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class Setting:
    """What stays the same during a command."""

    config: Config
    out: Path
    samples: dict[str, list[Sample]]
    content: dict[str, Any]  # run.json
    passages: Passages
    max_calls: int | None
    report: Report
    load_model: LoadModel


def run_experiment(
    config: Config,
    out: Path,
    *,
    max_calls: int | None = None,
    report: Report = lambda stage, done, total: None,
    load_model: LoadModel | None = None,
) -> Done:
    """Run what is not yet done of a configuration into the folder `out`.

    max_calls: stop before more model calls than this are made. load_model: `rag.load_llm` unless given.

    Raises:
        RunStoppedError: another process runs into `out`.
    """
    with alone(out, "running into"):
        return _run(config, out, max_calls, report, load_model or _load_llm)


def _run(config: Config, out: Path, max_calls: int | None, report: Report, load_model: LoadModel) -> Done:
    samples = {choice.task.name: load(choice.task, choice.path, limit=choice.limit) for choice in config.tasks}
    passages = Passages(out, config.index)
    content = _declare(config, out, samples)
    setting = Setting(config, out, samples, content, passages, max_calls, report, load_model)
    every = [sample for found in samples.values() for sample in found]
    for retrieval in dict.fromkeys(contender.retrieval for contender in config.contenders):
        passages.find(retrieval, every, report)
    passages.release()
    if config.leakage and (config.index is not None or config.training):
        from .leakage import check_leakage

        check_leakage(out, config, samples, report=report)
    done = Done(out)
    for spec in dict.fromkeys(contender.model for contender in config.contenders):
        todo = {}
        for contender in (c for c in config.contenders if c.model == spec):
            jobs = _jobs(setting, contender)
            todo[contender] = _unfinished(out, contender, jobs)
            done.kept[contender.name] = len(jobs) - len(todo[contender])
            done.new[contender.name] = done.errors[contender.name] = 0
        if any(todo.values()):
            _run_model(setting, spec, todo, done)
    return done


def _declare(config: Config, out: Path, samples: dict[str, list[Sample]]) -> dict[str, Any]:
    """Write run.json: it mirrors the configuration, beside what was imported.

    Raises:
        RecordsError: an imported contender has a name that the configuration gives to another.
    """
    from indexes.manifest import read_manifest

    content = open_run(out)
    imported = {n: e for n, e in content["contenders"].items() if e.get("kind") != "run"}
    if taken := [c.name for c in config.contenders if c.name in imported]:
        raise RecordsError(
            f"{out} already has another contender {taken[0]!r}, an imported one: give this one another name"
        )
    if not imported:
        content["tasks"] = {}
    for choice in config.tasks:
        write_task(out, content, choice.task, samples[choice.task.name])
    index = read_manifest(config.index) if config.index is not None else None
    entries = {c.name: c.entry(index) | {"seed": config.seed} for c in config.contenders}
    content["contenders"] = imported | entries
    content["pairs"] = [{"pair": pair.pair, "arms": pair.arms} for pair in config.pairs]
    content["compare"] = [list(pair) for pair in config.compare] or None
    content["margin"] = config.margin
    save_run(out, content)
    return content


def _jobs(setting: Setting, contender: Contender) -> list[Job]:
    entry, seed = setting.content["contenders"][contender.name], setting.config.seed
    return [
        (choice.task, sample, answer_key(setting.content["tasks"][name], name, sample, entry, seed))
        for choice in setting.config.tasks
        for name in [choice.task.name]
        for sample in setting.samples[name]
    ]


def _unfinished(out: Path, contender: Contender, jobs: Sequence[Job]) -> list[Job]:
    path = records_path(out, contender.name)
    with RecordWriter(path):
        pass  # mends a torn last line
    records = latest(read_records(path))
    finished = {key for key, record in records.items() if record.outcome != Outcome.ERROR}
    return [job for job in jobs if job[2] not in finished]


def _run_model(setting: Setting, spec: str, todo: dict[Contender, list[Job]], done: Done) -> None:
    """Load a model, let all its contenders answer, and let it go before the next is loaded."""
    total, before = sum(map(len, todo.values())), 0
    try:
        model = None if spec.startswith("baseline:") else setting.load_model(spec)
    except Exception as error:  # whatever a provider raises: the other models still run
        reason = f"its model could not be loaded: {error}"
        done.stopped |= {contender.name: reason for contender, jobs in todo.items() if jobs}
        return
    for contender, jobs in todo.items():
        _run_contender(setting, model, contender, jobs, done, (before, total))
        before += len(jobs)
    del model
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def _run_contender(
    setting: Setting,
    model: BaseChatModel | None,
    contender: Contender,
    jobs: Sequence[Job],
    done: Done,
    share: tuple[int, int],
) -> None:
    """Ask one contender; `share`: how many of its model's samples came before, and how many there are."""
    name, position = contender.name, 0
    with RecordWriter(records_path(setting.out, name)) as writer:
        while position < len(jobs):
            size = _affordable(setting, contender, done.calls)
            if size < 1:
                done.left += len(jobs) - position
                return
            records = _answer(setting, model, contender, jobs[position : position + size])
            writer.append(records)
            position += len(records)
            failed = sum(record.outcome == Outcome.ERROR for record in records)
            done.calls += sum(record.calls for record in records)
            done.errors[name] += failed
            done.new[name] += len(records) - failed
            setting.report(contender.model, share[0] + position, share[1])
            nothing = not done.new[name] and not done.kept[name]
            if nothing and position >= min(PROBE, len(jobs)):
                done.stopped[name] = f"it failed on all of its first {position} samples: {records[-1].error}"
                return


def _affordable(setting: Setting, contender: Contender, used: int) -> int:
    """Return how many samples the budget of calls still admits, at most a batch."""
    if setting.max_calls is None or contender.model.startswith("baseline:"):
        return setting.config.batch
    return min(setting.config.batch, (setting.max_calls - used) // contender.calls)


def _answer(setting: Setting, model: BaseChatModel | None, contender: Contender, batch: Sequence[Job]) -> list[Record]:
    shown = [setting.passages.of(contender.retrieval, sample) for _, sample, _ in batch]
    started = time.perf_counter()
    if model is None:
        said = [_baseline(setting, contender, task, sample) for task, sample, _ in batch]
    else:
        asked = [(job[0], job[1], seen) for job, seen in zip(batch, shown, strict=True)]
        said = ask_batch(model, contender, asked, seed=setting.config.seed)
    seconds = (time.perf_counter() - started) / len(batch)  # a batch's time, shared evenly
    mark = setting.content["contenders"][contender.name]["fingerprint"]
    records = []
    for (task, sample, key), evidence, one in zip(batch, shown, said, strict=True):
        record = Record(
            task=task.name,
            sample=sample.id,
            contender=contender.name,
            fingerprint=mark,
            key=key,
            prompt=one.prompt,
            output=one.output,
            outcome=Outcome.ERROR,
            passages=tuple(e.pmid for e in evidence),
            probabilities=one.probabilities,
            tokens_in=one.tokens_in,
            tokens_out=one.tokens_out,
            seconds=seconds,
            calls=one.calls,
            error=one.error,
            seed=setting.config.seed,
            meta=one.meta,
        )
        records.append(score_record(task, sample, record))
    return records


def _baseline(setting: Setting, contender: Contender, task: Task, sample: Sample) -> Answered:
    answers = Counter(s.answer for s in setting.samples[task.name] if s.answer is not None)
    majority = max(answers, key=lambda answer: answers[answer], default=None)
    return ask_baseline(contender.model, task, sample, setting.config.seed, majority=majority)


def _load_llm(spec: str) -> BaseChatModel:
    from rag.llm import load_llm

    return load_llm(spec)
