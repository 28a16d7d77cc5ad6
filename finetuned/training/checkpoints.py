"""What lets a stopped run go on exactly: fingerprints, and checkpoints that count only once they are whole."""

from __future__ import annotations

import errno
import hashlib
import importlib.metadata
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from finetuned.errors import TrainingError

COMPLETE = "COMPLETE"
FINGERPRINT = "fingerprint.json"
APART = {"base", "checkpoints", "stages"}  # their folders are marked by themselves
PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "tokenizers", "numpy")


def versions() -> dict[str, str]:
    """Return the versions of what computes; another one may round otherwise."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def tokenizer_sha256(tokenizer: Any) -> str:
    """Hash what decides the tokens of a text and of a conversation."""
    vocabulary = tokenizer.backend_tokenizer.to_str() if tokenizer.is_fast else sorted(tokenizer.get_vocab().items())
    content = [vocabulary, tokenizer.chat_template, tokenizer.eos_token_id, tokenizer.pad_token_id]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def check_fingerprint(folder: Path, mark: Mapping[str, Any]) -> None:
    """Write a stage's fingerprint if it has none yet, else compare.

    Since the parent's weights are part of it, it stands for the whole chain of stages before.

    Raises:
        TrainingError: what is there was made from something else; the message says from what.
    """
    path = folder / FINGERPRINT
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        write_json(path, mark)
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TrainingError(f"{path} is damaged ({error}): delete {folder} and run the same command again") from None
    differing = _differences(before, json.loads(json.dumps(mark)))
    if differing:
        raise TrainingError(
            f"{folder} was begun with something else, and going on would mix the two:\n  "
            + "\n  ".join(differing)
            + "\ngive another --out, put back what changed, or delete that folder"
        )


def _differences(before: Any, now: Any, name: str = "") -> list[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        keys = dict.fromkeys([*before, *now])
        return [d for k in keys for d in _differences(before.get(k), now.get(k), f"{name}.{k}".lstrip("."))]
    return [] if before == now else [f"{name}: {_short(before)} then, {_short(now)} now"]


def _short(value: Any) -> str:
    text = str(value)
    return text[:12] + "…" if len(text) == 64 else text


def complete(folder: Path) -> None:
    """Mark a folder as whole, with the sha256 of each file below it but those in folders that stand `APART`."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.startswith(".") and p.name != COMPLETE)
    names = (p.relative_to(folder) for p in files)
    write_json(folder / COMPLETE, {str(n): sha256_file(folder / n) for n in names if n.parts[0] not in APART})


def changed(folder: Path) -> list[Path]:
    """Return the files of a folder marked as whole that are not as they were then, the mark itself if it is damaged.

    Raises:
        FileNotFoundError: it was never marked.
    """
    try:
        marked: dict[str, str] = json.loads((folder / COMPLETE).read_text(encoding="utf-8"))
        return [p for n, sha256 in marked.items() if not (p := folder / n).is_file() or sha256_file(p) != sha256]
    except (ValueError, AttributeError):
        return [folder / COMPLETE]


def is_complete(folder: Path) -> bool:
    """Tell whether a folder was marked as whole and its files are as they were then."""
    return (folder / COMPLETE).is_file() and not changed(folder)


def sha256_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def newest_checkpoint(folder: Path, *, clean: bool) -> Path | None:
    """Return the newest checkpoint that is whole; with `clean`, remove those that are not."""
    newest, highest = None, -1
    for path in folder.glob("checkpoint-*"):
        number = re.fullmatch(r"checkpoint-(\d+)", path.name)
        if number and is_complete(path):
            if int(number[1]) > highest:
                newest, highest = path, int(number[1])
        elif clean:
            shutil.rmtree(path)
    return newest


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file that is there whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


@contextmanager
def disk_errors(out: Path) -> Iterator[None]:
    """Turn what safetensors, torch and the operating system say about a full disk into one clear error."""
    try:
        yield
    except Exception as error:
        if getattr(error, "errno", None) != errno.ENOSPC and "No space left" not in str(error):
            raise
        raise TrainingError(
            f"field out: the disk of {out} is full; free some space, and the same command goes on from the newest "
            "whole checkpoint"
        ) from error


def check_space(out: Path, *, all_weights: int, trained: int, full: bool) -> None:
    """Refuse to begin what the disk cannot hold: two checkpoints with their optimiser, one being written, the result.

    `all_weights` and `trained` count parameters; 4 bytes each, and 8 for AdamW's two moments.

    Raises:
        TrainingError: too little space; the message says how much is needed.
    """
    need = 3 * 12 * trained + (4 * 4 * all_weights if full else 4 * 4 * trained) + (64 << 20)
    free = shutil.disk_usage(next(p for p in (out, *out.parents) if p.exists())).free
    if free < need:
        raise TrainingError(
            f"field out: {str(out)!r} has {free / 1e9:.2f} GB free, and this run needs up to {need / 1e9:.2f} GB "
            "(three checkpoints with optimiser, the stages' models); give --out on a larger disk or free some space"
        )
