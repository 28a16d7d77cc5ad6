"""Predictions made elsewhere, one by one: MIRAGE's folders, lm-eval samples, Inspect logs, plain JSONL."""

from __future__ import annotations

import json
import math
import re
import struct
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import DataFormatError, MissingDataError
from .tasks.files import expect, get, read_json, read_rows, read_text

# What MedRAG's scripts wrote down instead of an answer when the service failed.
PROVIDER_ERRORS = re.compile(r"The response was filtered due to the prompt triggering|'content'\s*$")


ZSTANDARD = 93  # the method's number in a zip file


@dataclass(frozen=True, slots=True)
class Prediction:
    """One foreign output. `question` finds the sample where the log has no id of the data set's own."""

    place: str
    id: str
    output: str | None
    task: str = ""
    question: str = ""
    prompt: str = ""
    error: str | None = None
    probabilities: tuple[float, ...] | None = None  # in the order of the options
    fields: dict[str, Any] = field(default_factory=dict)  # further fields of `Record`


def read_mirage(path: Path) -> Iterator[Prediction]:
    """Yield predictions on MIRAGE: JSON lines `{dataset, id, output}`, or the released folders.

    The folders are DATASET/cot/MODEL/…/test_ID.json (dev_ID.json for MedMCQA), each file a list of outputs of
    which the first counts. If a folder holds several settings, name one with a star for the data set:
    `prediction/*/cot/OpenAI/gpt-35-turbo-16k`.
    """
    if path.is_file():
        for place, row in read_rows(path):
            output = row.get("output")
            if output is not None and not isinstance(output, str):
                raise DataFormatError(path, place, f"field 'output' is {type(output).__name__}, not str or null")
            dataset = get(path, place, row, "dataset", str)
            yield _mirage(place, dataset, get(path, place, row, "id", str), output)
        return
    for dataset, file in _mirage_files(path):
        try:
            outputs = json.loads(read_text(file) or "[]")
        except ValueError:
            outputs = []
        if not isinstance(outputs, list) or not all(isinstance(o, str) for o in outputs):
            raise DataFormatError(file, "top level", "a list of outputs is expected")
        yield _mirage(str(file), dataset, file.stem.split("_", 1)[1], outputs[0] if outputs else None)


def _mirage(place: str, dataset: str, key: str, output: str | None) -> Prediction:
    error = "the prediction file is empty" if output is None else None
    if output is not None and PROVIDER_ERRORS.match(output):
        error = output[:200]
    return Prediction(place, key, output, task=f"mirage-{dataset}", error=error)


def _mirage_files(path: Path) -> list[tuple[str, Path]]:
    datasets = {"mmlu", "medqa", "medmcqa", "pubmedqa", "bioasq"}
    star = path.parts.index("*") if "*" in path.parts else len(path.parts)
    root = Path(*path.parts[:star])
    below = path.parts[star + 1 :]
    found = []
    for file in sorted(root.rglob("*_*.json")):
        parts = file.relative_to(root).parts
        if parts[0] in datasets and re.match(r"(?:test|dev)_", file.name) and parts[1 : 1 + len(below)] == below:
            found.append((parts[0], file))
    if not found:
        raise MissingDataError(
            f"no predictions in {path}: DATASET/…/test_ID.json is expected, with DATASET one of "
            f"{', '.join(sorted(datasets))}"
        )
    settings = sorted({"/".join(file.relative_to(root).parts[1:-1]) for _, file in found})
    if len(settings) > 1:
        shown = "\n".join(f"  {root}/*/{setting}" for setting in settings)
        raise DataFormatError(path, "folder", f"holds {len(settings)} settings; name one of\n{shown}")
    return found


def read_jsonl(path: Path) -> Iterator[Prediction]:
    """Yield lines `{"id", "output", "task"?, "prompt"?, "error"?, …}`.

    Further fields of `Record` are taken too: passages, tokens_in, tokens_out, seconds, calls, seed.
    """
    kept = ("passages", "tokens_in", "tokens_out", "seconds", "calls", "seed")
    for place, row in read_rows(path):
        output = row.get("output")
        if output is not None and not isinstance(output, str):
            raise DataFormatError(path, place, f"field 'output' is {type(output).__name__}, not str or null")
        if output is None and "output" not in row and "error" not in row:
            raise DataFormatError(path, place, "field 'output' is missing")
        yield Prediction(
            place,
            str(get(path, place, row, "id", object)),
            output,
            task=str(row.get("task") or ""),
            prompt=str(row.get("prompt") or ""),
            error=str(row.get("error") or "") or (None if output is not None else "output is null"),
            fields={name: row[name] for name in kept if row.get(name) is not None},
        )


ID_FIELDS = ("id", "qid", "pubid", "PMID", "pmid", "pairID", "question_id", "Row Number", "hadm_id")
QUESTION_FIELDS = ("question", "QUESTION", "Question", "query", "body", "sent1", "input")


def read_lm_eval(path: Path) -> Iterator[Prediction]:
    """Yield lm-evaluation-harness samples (`--log_samples`: samples_*.jsonl, or a folder of them).

    Generated text is taken as it came, before the harness's filters. For log-likelihoods the output is the
    most likely choice, with the choices' probabilities.
    """
    files = sorted(path.rglob("samples_*.jsonl")) if path.is_dir() else [path]
    if not files:
        raise MissingDataError(f"no samples_*.jsonl in {path}: run lm_eval with --log_samples --output_path")
    for file in files:
        seen = set()
        for place, row in read_rows(file):
            number = get(file, place, row, "doc_id", int)
            if number in seen:
                continue  # one line for each filter; the raw answer is the same
            seen.add(number)
            doc = get(file, place, row, "doc", dict)
            choices = _lm_eval_choices(file, place, row)
            yield Prediction(
                f"{file.name}, {place}",
                next((str(doc[name]) for name in ID_FIELDS if doc.get(name) not in (None, "")), ""),
                choices[0] if choices else _first_text(file, place, row),
                question=next((doc[n] for n in QUESTION_FIELDS if isinstance(doc.get(n), str)), ""),
                prompt=str(_argument(row, 0, 0) or ""),
                probabilities=choices[1] if choices else None,
            )


def _lm_eval_choices(path: Path, place: str, row: dict[str, Any]) -> tuple[str, tuple[float, ...]] | None:
    answers = get(path, place, row, "filtered_resps", list)
    if not answers or not all(isinstance(a, list) and len(a) == 2 for a in answers):
        return None
    try:
        logs = [float(a[0]) for a in answers]
    except (TypeError, ValueError):
        return None
    top = max(logs)
    weights = [math.exp(log - top) for log in logs]
    choice = str(_argument(row, logs.index(top), 1) or "").strip()
    return choice, tuple(weight / sum(weights) for weight in weights)


def _argument(row: dict[str, Any], choice: int, number: int) -> Any:
    """Return one argument of one request; the harness has written them as lists and as objects."""
    arguments = row.get("arguments") or {}
    try:
        if isinstance(arguments, dict):
            return arguments[f"gen_args_{choice}"][f"arg_{number}"]
        return arguments[choice][number]
    except (KeyError, IndexError, TypeError):
        return None


def _first_text(path: Path, place: str, row: dict[str, Any]) -> str | None:
    answer: Any = get(path, place, row, "resps", list)
    while isinstance(answer, list):
        answer = answer[0] if answer else None
    if answer is not None and not isinstance(answer, str):
        raise DataFormatError(path, place, f"field 'resps' holds {type(answer).__name__}, not texts")
    return answer


def read_inspect(path: Path) -> Iterator[Prediction]:
    """Yield the samples of an Inspect log (.eval or .json; its first epoch)."""
    for place, row in _inspect_samples(path):
        if row.get("epoch", 1) != 1:
            continue
        output = row.get("output") or {}
        usage = list((row.get("model_usage") or {}).values())
        error = (row.get("error") or {}).get("message")
        text = _completion(output)
        question = row.get("input")
        if isinstance(question, list):
            question = next((_text(m.get("content")) for m in reversed(question) if m.get("role") == "user"), "")
        yield Prediction(
            place,
            str(get(path, place, row, "id", object)),
            text if text or not error else None,
            question=str(question or ""),
            prompt=str(question or ""),
            error=error,
            fields={
                "tokens_in": sum(u.get("input_tokens", 0) for u in usage) if usage else None,
                "tokens_out": sum(u.get("output_tokens", 0) for u in usage) if usage else None,
                "seconds": row.get("total_time"),
            },
        )


def _inspect_samples(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if path.suffix != ".eval":
        samples = get(path, "top level", expect(path, "top level", read_json(path)), "samples", list)
        yield from ((f"sample {n}", expect(path, f"sample {n}", sample)) for n, sample in enumerate(samples))
        return
    try:
        with zipfile.ZipFile(path) as log:
            for member in sorted(log.infolist(), key=lambda m: m.filename):
                if member.filename.startswith("samples/"):
                    yield (
                        member.filename,
                        expect(path, member.filename, json.loads(_unpack(path, log, member))),
                    )
    except zipfile.BadZipFile as error:
        raise DataFormatError(path, "file", f"is no .eval log ({error})") from None
    except OSError as error:
        raise DataFormatError(path, "file", f"cannot be read ({error.strerror or error})") from None
    except ValueError as error:
        raise DataFormatError(path, "file", f"holds a sample that is not JSON ({error})") from None


def _unpack(path: Path, log: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Return a member's content. Inspect packs with Zstandard, which Python's zipfile reads from 3.14 on."""
    if member.compress_type != ZSTANDARD or sys.version_info >= (3, 14):
        return log.read(member)
    try:
        import zstandard
    except ImportError:
        raise DataFormatError(
            path,
            "file",
            "is packed with Zstandard: pip install zstandard, or "
            f"`inspect log convert {path} --to json --output-dir …` and import the .json",
        ) from None
    with path.open("rb") as stream:
        stream.seek(member.header_offset + 26)  # the local header's last two fields: lengths of name and extra
        name, extra = struct.unpack("<HH", stream.read(4))
        stream.seek(name + extra, 1)
        packed = stream.read(member.compress_size)
    data: bytes = zstandard.ZstdDecompressor().decompress(packed, max_output_size=member.file_size)
    return data


def _completion(output: dict[str, Any]) -> str:
    if output.get("completion"):
        return str(output["completion"])
    choices = output.get("choices") or [{}]
    return _text((choices[0].get("message") or {}).get("content"))


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


READERS = {"mirage": read_mirage, "lm-eval": read_lm_eval, "inspect": read_inspect, "jsonl": read_jsonl}
