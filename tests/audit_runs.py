"""Runs to audit, written by hand, and a checker that knows its verdicts by heart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.imports import import_predictions

ROWS = {"s": (0.9, 0.05, 0.05), "c": (0.05, 0.9, 0.05), "u": (0.1, 0.1, 0.8)}


class KnownChecker:
    """Score a pair by the first rule whose words stand in claim and evidence; else unverifiable. Counts its pairs."""

    def __init__(self, *rules: tuple[str, str, str]) -> None:
        self.rules = rules
        self.asked: list[tuple[str, str]] = []

    def scores(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        self.asked += pairs
        return np.array([self._row(*pair) for pair in pairs], dtype=np.float32).reshape(-1, 3)

    def _row(self, claim: str, evidence: str) -> tuple[float, float, float]:
        return ROWS[next((kind for a, b, kind in self.rules if a in claim and b in evidence), "u")]


def write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_run(
    folder: Path, samples: Sequence[dict[str, Any]], arms: dict[str, Sequence[dict[str, Any] | str | None]]
) -> Path:
    """Import each arm's outputs (a text, None for nothing, or a whole prediction line) on the samples, in order."""
    task = write_lines(folder / "task.jsonl", samples)
    for name, outputs in arms.items():
        lines = []
        for sample, said in zip(samples, outputs, strict=True):
            fields = said if isinstance(said, dict) else {"output": said}
            lines.append({"id": sample["id"]} | fields)
        path = write_lines(folder / f"{name}.jsonl", lines)
        import_predictions("jsonl", path, name=name, out=folder / "run", task=f"jsonl:{task}")
    return folder / "run"


def yes_no(count: int, **fields: Any) -> list[dict[str, Any]]:
    """Questions with the options yes and no."""
    options = {"A": "yes", "B": "no"}
    return [
        {"id": str(n), "question": f"Does quorvacept help in arthritis, case {n}?", "options": options, "answer": "A"}
        | fields
        for n in range(count)
    ]
