"""What benchmarks share: rows of the table, and runs that take turns."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any


def less(name: str, ours: float, peer: float, unit: str, runs: int) -> dict[str, Any]:
    """Return the row of a cost, such as seconds: less is better."""
    return {"name": name, "ours": ours, "peer": peer, "unit": unit, "ratio": peer / ours, "runs": runs}


def more(name: str, ours: float, peer: float, unit: str, runs: int) -> dict[str, Any]:
    """Return the row of a rate, such as documents a second: more is better."""
    return {"name": name, "ours": ours, "peer": peer, "unit": unit, "ratio": ours / peer, "runs": runs}


def skipped(name: str, reason: object) -> dict[str, Any]:
    """Return what the table shows for a comparison that was not made."""
    return {"name": name, "skipped": str(reason)}


def alternate(
    runs: Mapping[str, Callable[[], Any]], repeats: int, *, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Run each in turn, `repeats` times; return the least seconds of each."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            started = clock()
            run()
            seconds[name].append(clock() - started)
            print(f"  {name}: {seconds[name][-1]:.3g} s", file=sys.stderr, flush=True)
    return {name: min(measured) for name, measured in seconds.items()}
