"""The configuration of a head-to-head: one YAML file, read strictly.

    index: pubmed/              # an index directory; needed by arms that retrieve
    data: tasks/                # where the tasks' files lie
    seed: 0
    limit: 200                  # samples per task, a fixed draw; left out: all
    batch: 16                   # samples asked together
    margin: 0.02                # a difference that would not matter: tests "as good as"
    tasks: [pubmedqa, {name: mirage-medqa, path: other/file.json, limit: 50}]
    contenders:
      - name: llama-rag         # left out: made from model, retrieval and strategy
        model: openai:llama@http://localhost:8000/v1
        retrieval: {k: 10, mode: hybrid, since: 2010, exclude_gold: true}   # or none, rag, oracle
        strategy: cot
        calls: 1
        temperature: 0
        max_tokens: 1024
        cutoff: 2023-12         # the last month of the model's knowledge
    pairs:                      # a registry pair becomes the 2×2 of {general, tuned} × {closed book, RAG}
      - pair: huatuogpt-o1-7b
        retrieval: {k: 10}
    compare: [[llama-rag, llama]]        # the family that Holm corrects over; left out: all against all
    leakage: true               # look for the samples in the index, and in the files of training data
    training: []

Paths count from the folder the command is given in. An unknown field is an error that names it and the nearest.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from .contenders import Contender, Retrieval, check_contender, check_fits, nearest
from .errors import ConfigError
from .tasks import Task, get_task

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TaskChoice:
    task: Task
    path: Path | None
    limit: int | None


@dataclass(frozen=True, slots=True)
class PairChoice:
    """A registry pair and the names of its four arms (`interaction.ARMS`)."""

    pair: str
    arms: dict[str, str]


@dataclass(frozen=True, slots=True)
class Config:
    """What is to be run. Contenders are in the order in which the report shows them."""

    tasks: tuple[TaskChoice, ...]
    contenders: tuple[Contender, ...]
    pairs: tuple[PairChoice, ...] = ()
    compare: tuple[tuple[str, str], ...] = ()
    index: Path | None = None
    seed: int = 0
    batch: int = 16
    margin: float | None = None
    leakage: bool = True
    training: tuple[Path, ...] = field(default=())


TOP = ("index", "data", "seed", "limit", "batch", "margin", "tasks", "contenders", "pairs", "compare")
TOP_CHECKS = ("leakage", "training")
RETRIEVAL = ("source", "k", "mode", "since", "until", "publication_types", "exclude_gold")
ASKING = ("retrieval", "strategy", "calls", "temperature", "max_tokens", "cutoff")


def read_config(path: Path, *, index: Path | None = None, data: Path | None = None, limit: int | None = None) -> Config:
    """Read and check a configuration; `index`, `data` and `limit` go before the file's own (`limit` also a task's).

    Raises:
        ConfigError: what is wrong, with the field and the nearest valid word.
        UnknownTaskError: a task that does not exist.
    """
    import yaml

    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is not YAML in UTF-8: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path} holds {type(raw).__name__}: a mapping with tasks and contenders is expected")
    overrides = {"index": index, "data": data}
    config = parse_config(raw | {k: v for k, v in overrides.items() if v is not None}, where=str(path))
    return config if limit is None else replace(config, tasks=tuple(replace(t, limit=limit) for t in config.tasks))


def parse_config(raw: Mapping[str, Any], *, where: str = "the configuration") -> Config:
    """Check a configuration given as a plain mapping."""
    known_fields(raw, (*TOP, *TOP_CHECKS), where)
    data, limit = _path(raw.get("data")), _number(raw, "limit", int, where, least=1)
    tasks = tuple(_task(entry, data, limit, where) for entry in _list(raw, "tasks", where))
    contenders = [contender(entry, where) for entry in _list(raw, "contenders", where, needed=False)]
    pairs = []
    for entry in _list(raw, "pairs", where, needed=False):
        choice, four = _pair(entry, where)
        pairs.append(choice)
        contenders += four
    if not contenders:
        raise ConfigError(f"{where} has no contenders and no pairs: there is nothing to compare")
    for name in {c.name for c in contenders}:
        if sum(c.name == name for c in contenders) > 1:
            raise ConfigError(f"{where}: two contenders are called {name!r}; give one of them another name")
    config = Config(
        tasks,
        tuple(contenders),
        tuple(pairs),
        tuple(_compared(entry, contenders, where) for entry in _list(raw, "compare", where, needed=False)),
        _path(raw.get("index")),
        _number(raw, "seed", int, where, least=0) or 0,
        _number(raw, "batch", int, where, least=1) or 16,
        _margin(raw, where),
        bool(raw.get("leakage", True)),
        tuple(_training(p, where) for p in _list(raw, "training", where, needed=False)),
    )
    _check_together(config, where)
    return config


def contender(raw: Any, where: str = "the configuration") -> Contender:
    """Make a contender out of its mapping."""
    mapping = _mapping(raw, f"{where}, contenders")
    known_fields(mapping, ("name", "model", *ASKING), f"{where}, contender {mapping.get('name', '')}".rstrip())
    if not isinstance(mapping.get("model"), str):
        raise ConfigError(f"{where}: a contender needs a model, such as extractive or openai:NAME@URL; not {raw}")
    model = mapping["model"]
    retrieval = _retrieval(mapping.get("retrieval", "none"), where)
    strategy = str(mapping.get("strategy", "judged" if model == "extractive" else "direct"))
    parts = [model.rsplit("/", 1)[-1] if not model.startswith("pair:") else model[5:].replace("/", "-")]
    parts += [] if model.startswith("baseline:") else [retrieval.label]
    parts += [] if strategy in ("direct", "judged") else [strategy]
    name = str(mapping.get("name") or " ".join(parts))
    if strategy == "rules" and "rules" not in name:
        name += " (rules)"  # a verdict made by rules must not pass for a model's
    cutoff = mapping.get("cutoff")
    if cutoff is not None and not re.fullmatch(r"\d{4}-(?:0[1-9]|1[0-2])", str(cutoff)):
        raise ConfigError(f"{where}, contender {name!r}: cutoff is {cutoff!r}; write year and month, such as 2023-12")
    return check_contender(
        Contender(
            name,
            model,
            retrieval,
            strategy,
            _number(mapping, "calls", int, where, least=1) or 1,
            _number(mapping, "temperature", float, where, least=0),
            _number(mapping, "max_tokens", int, where, least=1),
            None if cutoff is None else str(cutoff),
        )
    )


def known_fields(raw: Mapping[str, Any], fields: Sequence[str], where: str) -> None:
    """Raise `ConfigError` for a field that does not exist, naming the nearest."""
    for name in raw:
        if name not in fields:
            raise ConfigError(f"{where}: unknown field {name!r}; {nearest(str(name), list(fields))}")


def _task(raw: Any, data: Path | None, limit: int | None, where: str) -> TaskChoice:
    entry = {"name": raw} if isinstance(raw, str) else _mapping(raw, f"{where}, tasks")
    known_fields(entry, ("name", "path", "limit"), f"{where}, tasks")
    if not isinstance(entry.get("name"), str):
        raise ConfigError(f"{where}: a task needs a name, such as pubmedqa, or jsonl:PATH; not {raw}")
    task = get_task(entry["name"])
    own = _number(entry, "limit", int, where, least=1)
    return TaskChoice(task, _path(entry.get("path")) or (None if task.home else data), own or limit)


def _retrieval(raw: Any, where: str) -> Retrieval:
    if raw in ("none", "rag", "oracle", None, False):
        return Retrieval(raw or "none")
    if raw == "exclude_gold":
        return Retrieval("rag", exclude_gold=True)
    if isinstance(raw, str):
        raise ConfigError(f"{where}: no retrieval {raw!r}; there are none, rag, oracle, exclude_gold, {{k: 10, …}}")
    mapping = _mapping(raw, f"{where}, retrieval")
    known_fields(mapping, RETRIEVAL, f"{where}, retrieval")
    source = mapping.get("source", "rag")
    if source not in ("none", "rag", "oracle"):
        raise ConfigError(
            f"{where}, retrieval: no source {source!r}; {nearest(str(source), ['none', 'rag', 'oracle'])}"
        )
    mode = str(mapping.get("mode", "hybrid"))
    modes = ("hybrid", "dense", "lexical", "rrf")
    if mode not in modes:
        raise ConfigError(f"{where}, retrieval: no mode {mode!r}; {nearest(mode, modes)}")
    types = mapping.get("publication_types", [])
    return Retrieval(
        source,
        _number(mapping, "k", int, where, least=1) or 10,
        mode,
        _number(mapping, "since", int, where),
        _number(mapping, "until", int, where),
        (types,) if isinstance(types, str) else tuple(str(t) for t in types),
        bool(mapping.get("exclude_gold", False)),
    )


def _pair(raw: Any, where: str) -> tuple[PairChoice, list[Contender]]:
    """Expand a registry pair into {general, tuned} × {closed book, RAG}."""
    from finetuned.errors import FinetunedError
    from finetuned.registry import get_pair, side_of

    entry: Mapping[str, Any] = {"pair": raw} if isinstance(raw, str) else _mapping(raw, f"{where}, pairs")
    known_fields(entry, ("pair", *ASKING), f"{where}, pairs")
    try:
        pair = get_pair(str(entry.get("pair", "")))
        models = {"general": side_of(pair, "general"), "tuned": side_of(pair, "tuned")}
    except FinetunedError as error:
        raise ConfigError(f"{where}, pairs: {error}") from None
    shared = {k: v for k, v in entry.items() if k not in ("pair", "retrieval")}
    reading = entry.get("retrieval", "rag")
    if _retrieval(reading, where).source == "none":
        raise ConfigError(f"{where}, pairs: retrieval is what the 2×2 varies; give rag, or {{k: …}}, not none")
    arms, four = {}, []
    for side, model in models.items():
        for suffix, retrieval in (("", "none"), ("_rag", reading)):
            spec = {"model": f"pair:{pair.name}/{side}", "retrieval": retrieval, "cutoff": model.cutoff}
            made = contender(spec | shared, where)
            arms[side + suffix] = made.name
            four.append(made)
    return PairChoice(pair.name, arms), four


def _compared(raw: Any, contenders: Sequence[Contender], where: str) -> tuple[str, str]:
    names = [c.name for c in contenders]
    if not isinstance(raw, list) or len(raw) != 2:
        raise ConfigError(f"{where}, compare: {raw!r} is not a pair of contenders [a, b]")
    for name in raw:
        if name not in names:
            raise ConfigError(f"{where}, compare: no contender {name!r}; {nearest(str(name), names)}")
    return raw[0], raw[1]


def _check_together(config: Config, where: str) -> None:
    names = [choice.task.name for choice in config.tasks]
    if len(set(names)) < len(names):
        raise ConfigError(f"{where}: a task is named twice: {', '.join(names)}")
    tasks = [choice.task for choice in config.tasks]
    for one in config.contenders:
        for task in tasks:
            check_fits(one, task)
        if one.needs_index(tasks) and config.index is None:
            raise ConfigError(f"{where}: {one.name!r} needs an index to read from: add index: DIR, or give --index DIR")


def _list(raw: Mapping[str, Any], name: str, where: str, *, needed: bool = True) -> list[Any]:
    value = raw.get(name) or []
    if not isinstance(value, list) or (needed and not value):
        raise ConfigError(f"{where}: {name} must be a list with at least one entry")
    return value


def _mapping(raw: Any, where: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise ConfigError(f"{where}: {raw!r} is not a mapping of fields")
    return raw


def _number(raw: Mapping[str, Any], name: str, kind: type[T], where: str, *, least: float | None = None) -> T | None:
    value = raw.get(name)
    if value is None:
        return None
    fits = isinstance(value, int if kind is int else (int, float)) and not isinstance(value, bool)
    fits = fits and math.isfinite(value)
    if not fits or (least is not None and value < least):
        rule = "a whole number" if kind is int else "a number"
        raise ConfigError(f"{where}: {name} is {value!r}; it must be {rule}{'' if least is None else f' from {least}'}")
    return kind(value)  # type: ignore[call-arg]


def _margin(raw: Mapping[str, Any], where: str) -> float | None:
    margin = _number(raw, "margin", float, where, least=0)
    if margin == 0:
        raise ConfigError(f"{where}: margin is 0; it must be above 0, such as 0.02, or be left out")
    return margin


def _training(raw: Any, where: str) -> Path:
    path = Path(str(raw)).expanduser()
    if not path.is_file():
        raise ConfigError(f"{where}, training: no file {path}; paths count from the folder the command is given in")
    return path


def _path(raw: Any) -> Path | None:
    return None if raw is None else Path(str(raw)).expanduser()
