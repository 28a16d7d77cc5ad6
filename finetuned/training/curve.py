"""The loss curve of a run as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def draw_curve(record: Mapping[str, Any], path: Path) -> None:
    """Draw training loss by step, stage after stage, and every held-out set's loss at each stage's end (PNG)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    stages = record["stages"]
    ends = [0]
    for entry in stages:
        steps, losses = zip(*entry["losses"], strict=True)
        axes.plot([ends[-1] + s for s in steps], losses, linewidth=0.8, color="0.55")
        axes.axvline(ends[-1], color="0.85", linewidth=0.8)
        ends.append(ends[-1] + entry["steps"])
        axes.text((ends[-2] + ends[-1]) / 2, 1.01, entry["stage"], ha="center", transform=axes.get_xaxis_transform())
    axes.plot([], [], linewidth=0.8, color="0.55", label="training")
    for name in stages[0]["before"]:
        points = [stages[0]["before"][name]["loss"], *(entry["after"][name]["loss"] for entry in stages)]
        axes.plot(ends, points, marker="o", label=f"held out: {name}")
    axes.set(xlabel="step", ylabel="loss per token (nats)")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120, metadata={"Software": None})
