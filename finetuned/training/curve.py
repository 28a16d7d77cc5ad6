"""The loss curve of a run, and several methods beside each other, as pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def draw_comparison(table: Mapping[str, Any], path: Path) -> None:
    """Draw for every held-out set how its loss goes from stage to stage, a line for each method (PNG)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    stages = table["stages"]
    states = ["before", *(f"after {name}" for name in stages)]
    figure = Figure(figsize=(3 * len(stages) + 1, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    for name, axes in zip(stages, figure.subplots(1, len(stages), sharey=True, squeeze=False)[0], strict=True):
        for row, style in zip(table["rows"], ("-", "--", ":", "-."), strict=False):
            losses = [measured[name] for measured in row["losses"]]
            axes.plot(states, losses, marker="o", markersize=4, linestyle=style, label=row["method"])
        axes.axvspan(stages.index(name), stages.index(name) + 1, color="0.93")  # the stage that trains on its like
        axes.set_title(f"held out: {name}", fontsize=10)
        axes.tick_params(axis="x", labelrotation=30)
    figure.axes[0].set_ylabel("loss per token (nats)")
    figure.axes[0].legend(frameon=False)
    figure.savefig(path, dpi=120, metadata={"Software": None})


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
