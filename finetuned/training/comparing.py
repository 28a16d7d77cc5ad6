"""The same recipe trained in each way: what parameter-efficient training saves, and what it costs."""

from __future__ import annotations

import importlib.util
import multiprocessing
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from finetuned.errors import TrainingError

from .card import forgotten, measured_text
from .checkpoints import write_json
from .curve import draw_comparison
from .recipe import METHODS, Recipe


def compare(recipe: Recipe, out: Path) -> dict[str, Any]:
    """Run the recipe with every method that works here, each into its own folder of `out`; return the table.

    A row's `losses` are the held-out losses, by set, before the first stage and after each.

    Each runs in a process of its own, so that one's memory is not counted as another's. Stopped, the same call goes
    on; methods that are finished are read, not run again.
    """
    left_out = {} if _four_bit() else {"qlora": "needs an NVIDIA GPU and bitsandbytes"}
    methods = [method for method in METHODS if method not in left_out]
    rows = []
    for number, method in enumerate(methods, 1):
        print(f"{method} ({number} of {len(methods)}):", file=sys.stderr)
        chosen = recipe.model_copy(update={"method": method, "merge": False})
        rows.append(_row(method, _apart(chosen, out / method)))
    table = {"rows": rows, "left_out": left_out, "stages": [stage.stage for stage in recipe.stages]}
    write_json(out / "comparison.json", table)
    draw_comparison(table, out / "comparison.png")
    return table


def _four_bit() -> bool:
    import torch

    return torch.cuda.is_available() and importlib.util.find_spec("bitsandbytes") is not None


def _apart(recipe: Recipe, out: Path) -> dict[str, Any]:
    from .run import run

    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(run, recipe, out).result()
        except BrokenProcessPool as error:
            raise TrainingError(
                f"{out}: the process that trained was killed, most likely for memory; a smaller batch or more "
                "accumulate needs less, and the same command goes on"
            ) from error


def _row(method: str, record: Mapping[str, Any]) -> dict[str, Any]:
    stages = record["stages"]
    after, earlier = stages[-1]["after"], [entry["stage"] for entry in stages[:-1]]
    seconds = sum(entry["seconds"] for entry in stages)
    return {
        "method": method,
        "held_out": after,
        "losses": [_losses(stages[0]["before"]), *(_losses(entry["after"]) for entry in stages)],
        "forgetting": sum(forgotten(record, name) for name in earlier) / len(earlier) if earlier else None,
        "trained_parameters": stages[-1]["trained"],
        "parameters": stages[-1]["parameters"],
        "peak_memory": max(entry["peak_memory"] for entry in stages),
        "seconds": seconds,
        "tokens_per_second": sum(entry["tokens_per_second"] * entry["seconds"] for entry in stages) / seconds,
    }


def _losses(measured: Mapping[str, Any]) -> dict[str, float]:
    return {name: of["loss"] for name, of in measured.items()}


def table_rows(table: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return the comparison as rows of text, the first being the heading."""
    head = (
        "method",
        *(f"held-out {name}" for name in table["stages"]),
        "forgotten",
        "trained",
        "memory",
        "time",
        "tokens/s",
    )
    rows = [head]
    for row in table["rows"]:
        measures = tuple(measured_text(row["held_out"][name]) for name in table["stages"])
        forgetting = "-" if row["forgetting"] is None else f"{row['forgetting']:+.3f}"
        share = row["trained_parameters"] / row["parameters"]
        trained = f"{row['trained_parameters']:,} ({100 * share:.1f} %)"
        memory, time = f"{row['peak_memory'] / 1e9:.2f} GB", f"{row['seconds']:.1f} s"
        rows.append((row["method"], *measures, forgetting, trained, memory, time, f"{row['tokens_per_second']:,.0f}"))
    return rows
