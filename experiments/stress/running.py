"""Run the stress tests: each test is a task of the runner's, so that keys, resuming and records are the runner's too.

OUT/reading/            a run (`experiment report` reads it): TASK~TEST for every task and test of `conditions.py`
OUT/memory/, OUT/recall/    runs of the closed-book contenders: a PMID's title, a title's PMID
OUT/questions/          the questions as they were made, with their passages
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.config import Config, TaskChoice
from experiments.contenders import BASELINES, Contender, Retrieval
from experiments.errors import ConfigError
from experiments.records import Sample, read_samples, write_samples
from experiments.runner import Done, run_experiment
from experiments.runs import file_name
from experiments.strategies import STRATEGIES
from experiments.tasks import load
from experiments.tasks.task import Context, Kind, Task

from .conditions import CONDITIONS
from .material import check_task, gather
from .memory import MEMORY, memory_samples

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from indexes.index import Index

VERSION = "1"  # changes whenever the same question gives another test
MEMORIES = 200  # questions about PMIDs, unless the configuration has a limit
READING, PARTS = "reading", {"title of a PMID": "memory", "PMID of a title": "recall"}
Report = Callable[[str, int, int], None]


def run_stress(
    config: Config,
    out: Path,
    *,
    max_calls: int | None = None,
    report: Report = lambda stage, done, total: None,
    load_model: Callable[[str], BaseChatModel] | None = None,
) -> dict[str, Done]:
    """Run what is not yet done; return what each part did.

    Contenders that read are given each test's passages in place of what they would have found; those that read
    nothing are asked about PMIDs. `compare` and `pairs` of the configuration play no part here.

    Raises:
        ConfigError: no index, no contender that could be tested, or a task whose questions cannot be stressed.
    """
    if config.index is None:
        raise ConfigError("stress tests are made from an index: add index: DIR, or give --index DIR")
    from indexes.index import Index

    readers, closed = _readers(config.contenders), _closed(config.contenders)
    if not readers and not closed:
        raise ConfigError("there is no contender but baselines: stress tests need a model")
    parts: dict[str, tuple[list[TaskChoice], list[Contender]]] = {}
    with Index(config.index) as index:
        if readers:
            parts[READING] = (_reading_tasks(config, index, out / "questions", report), readers)
        if closed:
            parts |= _memory_parts(config, index, out / "questions", closed)
    done: dict[str, Done] = {}
    for name, (tasks, contenders) in parts.items():
        left = None if max_calls is None else max(0, max_calls - sum(d.calls for d in done.values()))
        own = Config(tuple(tasks), tuple(contenders), seed=config.seed, batch=config.batch, leakage=False)
        done[name] = run_experiment(own, out / name, max_calls=left, report=report, load_model=load_model)
    return done


def _readers(contenders: Sequence[Contender]) -> list[Contender]:
    """Return each way of reading once: how a contender searches makes no difference to what it is shown here."""
    found: dict[Contender, str] = {}
    for one in contenders:
        if one.retrieval.source != "none":
            found.setdefault(replace(one, name="", retrieval=Retrieval("oracle")), one.name)
    return [replace(one, name=name) for one, name in found.items()]


def _closed(contenders: Sequence[Contender]) -> list[Contender]:
    return [c for c in contenders if c.retrieval.source == "none" and c.model not in BASELINES]


def _memory_parts(
    config: Config, index: Index, folder: Path, closed: Sequence[Contender]
) -> dict[str, tuple[list[TaskChoice], list[Contender]]]:
    limit = next((choice.limit for choice in config.tasks if choice.limit), MEMORIES)
    parts = {}
    for test, samples in memory_samples(index, limit).items():
        able = [c for c in closed if MEMORY[test].kind in STRATEGIES[c.strategy].kinds]
        if able and samples:
            parts[PARTS[test]] = ([_task(folder, test, test, MEMORY[test].kind, samples)], able)
    return parts


def _reading_tasks(config: Config, index: Index, folder: Path, report: Report) -> list[TaskChoice]:
    for choice in config.tasks:
        check_task(choice.task)
    made = []
    for choice in config.tasks:
        material = gather(index, load(choice.task, choice.path, limit=choice.limit), report)
        if not material:
            raise ConfigError(
                f"{choice.task.name}: no question has a gold paper in {config.index}: "
                "use the index that holds the task's papers"
            )
        for test, condition in CONDITIONS.items():
            samples = [sample for m in material if (sample := condition.make(m)) is not None]
            if samples:
                name, title = f"{choice.task.name}~{test}", f"{choice.task.title}: {test}"
                made.append(_task(folder, name, title, Kind.CHOICE, samples, choice.task))
    return made


def _task(
    folder: Path, name: str, title: str, kind: Kind, samples: Sequence[Sample], base: Task | None = None
) -> TaskChoice:
    path = folder / f"{file_name(name)}.jsonl"
    write_samples(path, samples)
    task = Task(
        name=name,
        title=title,
        kind=kind,
        read=read_samples,
        files=(path.name,),
        licence=base.licence if base else "titles and PMIDs of the index",
        source=base.source if base else "the index",
        version=f"{base.version if base else 0}~{VERSION}",
        context=Context.ORACLE,
        instruction=base.instruction if base else "",
        home=folder,
    )
    return TaskChoice(task, path, None)
