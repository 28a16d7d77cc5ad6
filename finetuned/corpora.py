"""Read training sets and tasks of several formats into rows and items that can be compared."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import TrainingDataError

_PMID_KEYS = {"pmid", "pmids", "pubmed_id", "pubmed_ids", "pubid", "gold_pmids"}  # in capitals too
_PMID = re.compile(r"(?:(?<![\w.=])|(?<=pmid))0*(\d+)(?:\.0+)?(?![\w.])", re.IGNORECASE)  # also in an address
_CITED = {"references", "citations", "bibliography"}  # other papers than the one a row was made from
_ID_KEYS = ("id", "qid", "_id", "uid", "sample_id", "pmid", "PMID", "pubid")
_QUESTION_KEYS = ("question", "QUESTION", "query", "claim", "text")
_CONTEXT_KEYS = ("context", "contexts", "CONTEXTS", "passage", "evidence", "abstract", "note")
# "Option A: ...", "(B) ...", "C. ...": how instruction data writes a multiple-choice question into one string
_OPTION = re.compile(r"(?m)^[ \t]*(?:option\s*)?\(?[A-Ha-h]\)?\s*[:.)][ \t]*", re.IGNORECASE)
_QUESTION_LABEL = re.compile(r"^\s*#*\s*question\s*:\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """One training example: its texts, and what of them is a question with options."""

    number: int  # position in the file, from 0
    id: str
    texts: tuple[str, ...]
    options: tuple[str, ...] = ()
    pmids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TaskItem:
    """One task item: what a model is asked, and the paper it was made from."""

    id: str
    question: str
    options: tuple[str, ...] = ()
    context: str = ""
    pmids: frozenset[str] = frozenset()


def read_rows(path: Path) -> list[Any]:
    """Read the raw rows of a .json or .jsonl file (.gz too), whichever of the two it really holds."""
    if not path.is_file():
        raise TrainingDataError(f"{path}: no such file; give a .json or .jsonl file (.gz too)")
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            text = file.read()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise TrainingDataError(f"{path}: cannot be read as UTF-8 text ({error})") from error
    return _parse(path, text)


def holds_array(path: Path) -> bool:
    """Tell whether a training file is one JSON array rather than JSON lines; its name need not say so."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        return file.read(64).lstrip().startswith("[")


def _parse(path: Path, text: str) -> list[Any]:
    try:
        whole = json.loads(text)  # on JSON lines this stops right after the first
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise TrainingDataError(f"{path}: not valid JSON: {error}") from error
    else:
        return whole if isinstance(whole, list) else [whole]
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError as error:
                raise TrainingDataError(f"{path}, line {number}: not valid JSON: {error}") from error
    return rows


def training_rows(rows: Sequence[Any], path: Path) -> Iterator[TrainingRow]:
    """Turn raw rows into comparable ones; every string in a row counts, however deeply it is nested, but ids and roles.

    Raises:
        TrainingDataError: a row is no object, or the only one is a table of rows, which could not be cleaned.
    """
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise TrainingDataError(f"{path}, row {number}: {type(row).__name__} found, an object expected")
        if len(rows) == 1 and _is_table(row):
            raise TrainingDataError(
                f"{path}: one object that holds the rows under {next(iter(row))!r} and so on; write each row on a line "
                "of its own (JSON lines) or all into one array, so that a leaked one can be left out by itself"
            )
        texts: list[str] = []
        for text in _strings(row):
            texts.append(_QUESTION_LABEL.sub("", text))
            if len(parts := _OPTION.split(text)) > 2:  # the question by itself, too, before the options in the string
                texts.append(_QUESTION_LABEL.sub("", parts[0]))
            if "\u200b" in text:  # a zero-width space may also stand inside a word
                texts.append(text.replace("\u200b", ""))
        options = tuple(str(option) for option in _options_anywhere(row))
        texts = [text for text in texts if text.strip()]
        yield TrainingRow(number, _identifier(row, str(number)), tuple(texts), options, find_pmids(row))


def _is_table(row: Mapping[str, Any]) -> bool:
    """Tell whether an object holds rows: PubMedQA's by PMID, MIRAGE's by data set, or a list under a name."""
    lists = (row[key] for key in ("data", "questions", "examples", "rows", "items", "train") if key in row)
    return all(isinstance(v, dict) for v in row.values()) or any(
        isinstance(v, list) and v and all(isinstance(x, dict) for x in v) for v in lists
    )


def _strings(value: Any, key: str = "") -> Iterator[str]:
    """Yield the texts of a row, without its ids and roles."""
    if isinstance(value, str):
        if key not in _ID_KEYS and key != "role":
            yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _strings(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, key)


def _options_anywhere(value: Any, inside: bool = False) -> Iterator[Any]:
    """Yield what stands under `options` or `choices`, numbers too, in whichever form."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _options_anywhere(inner, inside or key.casefold() in ("options", "choices"))
    elif isinstance(value, list):
        for inner in value:
            yield from _options_anywhere(inner, inside)
    elif inside and value is not None:
        yield value


def find_pmids(value: Any, key: str = "") -> frozenset[str]:
    """Return the papers a row names under any key for them, however nested; "PMID:0123", 123.0, an address: all 123."""
    if isinstance(value, dict):
        inner = [find_pmids(v, name.casefold()) for name, v in value.items() if name.casefold() not in _CITED]
        return frozenset().union(*inner)
    if isinstance(value, list | tuple):
        return frozenset().union(*(find_pmids(v, key) for v in value))
    if key not in _PMID_KEYS or value is None or value == "":
        return frozenset()
    return frozenset(_PMID.findall(str(value)) or [str(value).strip()])


def read_task(path: Path) -> dict[str, list[TaskItem]]:
    """Read the tasks of one file: MIRAGE's benchmark, PubMedQA's PMID → record table, or JSON lines.

    A JSON line is {id, question, options?, context?, pmid?}. The result is keyed by task: the file's stem, or
    stem/dataset for MIRAGE.
    """
    name = path.name.removesuffix(".gz").rsplit(".", 1)[0]
    rows = read_rows(path)
    if len(rows) == 1 and isinstance(rows[0], dict) and not any(key in rows[0] for key in _QUESTION_KEYS):
        return _table(path, name, rows[0])
    return {name: [_item(row, str(number), path) for number, row in enumerate(rows)]}


def _table(path: Path, name: str, table: Mapping[str, Any]) -> dict[str, list[TaskItem]]:
    first = next(iter(table.values()), None)
    if not isinstance(first, dict):
        raise TrainingDataError(
            f"{path}: holds no questions; expected JSON lines with `question`, MIRAGE's benchmark.json, or "
            "PubMedQA's ori_pqal.json"
        )
    if "QUESTION" in first:  # PubMedQA: {pmid: {QUESTION, CONTEXTS, ...}}
        return {
            name: [
                TaskItem(pmid, row["QUESTION"], (), "\n".join(row["CONTEXTS"]), frozenset({pmid}))
                for pmid, row in table.items()
            ]
        }
    return {
        f"{name}/{dataset}": [_item({"id": key, **row}, key, path) for key, row in items.items()]
        for dataset, items in table.items()
    }


def _item(row: Any, default: str, path: Path) -> TaskItem:
    question = next((row[k] for k in _QUESTION_KEYS if row.get(k)), None) if isinstance(row, dict) else None
    if not isinstance(question, str):
        raise TrainingDataError(
            f"{path}, item {default}: no `question` text; expected {{id, question, options?, context?, pmid?}}"
        )
    context = next((row[k] for k in _CONTEXT_KEYS if row.get(k)), "")
    return TaskItem(
        _identifier(row, default),
        question,
        _options(row.get("options") or row.get("choices")),
        "\n".join(_strings(context)),
        find_pmids(row),
    )


def _options(value: Any) -> tuple[str, ...]:
    """Return a task item's options: a list, a table of letters, or one string with a line for each."""
    if isinstance(value, str):
        parts = _OPTION.split(value)
        value = [part.strip() for part in parts[1:]] if len(parts) > 2 else value.split("\n")
    if isinstance(value, dict):
        value = value["text"] if isinstance(value.get("text"), list) else list(value.values())
    if not isinstance(value, list):
        return ()
    return tuple(str(o.get("text") or o.get("value") or "") if isinstance(o, dict) else str(o) for o in value)


def _identifier(row: Mapping[str, Any], default: str) -> str:
    return str(next((row[k] for k in _ID_KEYS if isinstance(row.get(k), str | int)), default))
