"""What a run says of itself: the model card, and the tables that the command line prints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

HEADINGS = {
    "contaminated": "left out: stand in a task",
    "incomplete": "left out: lack a field of the templates",
    "prompt_too_long": "left out: the prompt fills max_length",
    "answer_cut": "answer cut at max_length",
    "text_split": "text longer than max_length",
    "held_out_cut": "held out, measured up to max_length",
    "unscored": "held out, unscored: a choice does not fit max_length",
}


def matrix(record: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return the forgetting matrix as rows of text: a row after each stage, a column for each held-out set."""
    stages = record["stages"]
    names = list(stages[0]["before"])
    rows = [("held-out loss", *names)]
    states = [("before", stages[0]["before"]), *((f"after {s['stage']}", s["after"]) for s in stages)]
    rows += [(label, *(measured_text(measured[name]) for name in names)) for label, measured in states]
    return [*rows, ("forgotten", *(f"{forgotten(record, name):+.3f}" for name in names))]


def forgotten(record: Mapping[str, Any], name: str) -> float:
    """Return how far a set's loss at the end lies above its lowest since its own stage ended, in nats per token."""
    stages = record["stages"]
    own = next(n for n, entry in enumerate(stages) if entry["stage"] == name)
    since = [entry["after"][name]["loss"] for entry in stages[own:]]
    return float(since[-1] - min(since))


def measured_text(measured: Mapping[str, Any]) -> str:
    """Return a held-out loss, and the accuracy with its interval and n where there is one."""
    text = f"{measured['loss']:.3f}"
    if measured["accuracy"] is None:
        return text
    low, high = 100 * measured["low"], 100 * measured["high"]
    return f"{text}, {100 * measured['accuracy']:.0f} % right ({low:.0f}–{high:.0f}, n = {measured['questions']})"


def markdown(rows: list[tuple[str, ...]]) -> str:
    """Return rows, the first being the heading, as a Markdown table."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def write_card(record: Mapping[str, Any], path: Path, *, folder: Path) -> None:
    """Write the model card: what it was made from and how, every number with its n, and what was left out."""
    recipe, stages = record["recipe"], record["stages"]
    method = recipe["method"] if recipe["method"] == "full" else f"{recipe['method']}, rank {recipe['rank']}"
    last = stages[-1]["after"][stages[-1]["stage"]]
    usual = "" if last["usual"] is None else f" The most frequent answer alone would give {100 * last['usual']:.0f} %."
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    text = f"""---
library_name: {"transformers" if recipe["method"] == "full" or recipe["merge"] else "peft"}
base_model: {record["base"]["name"]}
tags: [clinrag, {recipe["method"]}]
---
# {folder.resolve().name}

{record["base"]["name"]}, trained with clinrag ({method}; {", then ".join(s["stage"] for s in stages)}).
Research software: not for medical advice, and not evaluated for any clinical use.

```
clinrag ask INDEX "question" --llm run:{folder}
```

## Held-out results

Loss in nats per token, after each stage, on the held-out sets of all stages; accuracy by the likeliest choice, with
Wilson's 95 % interval. "forgotten" is the last loss less the lowest since the set's own stage.{usual}

{markdown(matrix(record))}

![Loss curve](curve.png)

## Data

{markdown(_accounts(record))}

{_decontamination(record)}

## Training

{markdown(_training(record))}

Trained parameters: {stages[-1]["trained"]:,} of {stages[-1]["parameters"]:,}.
Device: {record["device"]}, {record["processes"]} process(es).
Base weights (SHA-256): `{record["base"]["weights_sha256"]}`. Last stage's: `{stages[-1]["weights_sha256"]}`.
{_merged(record)}
Versions: {versions}. The whole record is in `run.json`.
"""
    path.write_text(text, encoding="utf-8")


def _accounts(record: Mapping[str, Any]) -> list[tuple[str, ...]]:
    stages = record["stages"]
    rows = [("", *(s["stage"] for s in stages))]
    names = {"rows": "rows read", **HEADINGS, "held_out_rows": "rows held out", "train_rows": "rows trained on"}
    names |= {"train_tokens": "tokens", "loss_tokens": "of them learnt", "cut_tokens": "tokens cut off"}
    return [*rows, *((words, *(f"{s['accounts'][key]:,}" for s in stages)) for key, words in names.items())]


def _decontamination(record: Mapping[str, Any]) -> str:
    found = record["decontamination"]
    if found["refused"]:
        return (
            "**Decontamination was refused by the recipe** (`decontaminate: false`): test questions may be in the "
            "training data, and a score on any task says nothing until that is checked."
        )
    tasks = ", ".join(f"`{Path(t).name}`" for t in found["tasks"])
    return (
        f"Compared with {tasks} before training: {found['rows_removed']} rows left out, {found['rows_to_review']} kept "
        "that a human should read (`decontamination.json`)."
    )


def _training(record: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("stage", "steps", "seconds", "tokens/s", "peak memory", "last loss")]
    for s in record["stages"]:
        memory = f"{s['peak_memory'] / 1e9:.2f} GB"
        speed = f"{s['tokens_per_second']:,.0f}"
        rows.append((s["stage"], f"{s['steps']:,}", f"{s['seconds']:.1f}", speed, memory, f"{s['losses'][-1][1]:.3f}"))
    return rows


def _merged(record: Mapping[str, Any]) -> str:
    error = record["merge"]
    if error is None:
        return ""
    return (
        f"Merged in float32: no weight is off by more than {error['weights']:.2g} (exact in float64), no logit of "
        f"{error['tokens']} held-out tokens by more than {error['logits']:.2g}.\n"
    )
