"""Small training runs: made-up data, a one-layer model, and ways to run and to kill one."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

DRUGS = "abatolol benzorin cardivex dalopril ectomab fenozine gastrel hepatol"
TRIALS = [
    {
        "pmid": str(91000000 + n),
        "title": f"{drug} and outcome {n}",
        "abstract": f"In {20 + n} adults {drug} was compared with placebo. Events fell by {n % 7} of ten. "
        f"{drug} {'lowers' if n % 2 else 'does not lower'} outcome {n}.",
    }
    for n, drug in enumerate(DRUGS.split() * 6)
]
QUESTIONS = [
    {
        "id": str(n),
        "pmid": trial["pmid"],
        "question": f"Does {trial['title'].split()[0]} lower outcome {n}?",
        "long": trial["abstract"].rsplit(". ", 1)[1],
        "answer": "yes" if n % 2 else "no",
    }
    for n, trial in enumerate(TRIALS)
]


def small_recipe(folder: Path, **changes: Any) -> dict[str, Any]:
    """Write the data into `folder` and return a three-stage recipe on it: about 20 steps a stage."""
    for name, rows in (("trials.jsonl", TRIALS), ("questions.jsonl", QUESTIONS)):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    questions = [str(folder / "questions.jsonl")]
    return {
        "architecture": {
            "hidden": 32,
            "feed_forward": 48,
            "layers": 1,
            "heads": 2,
            "key_value_heads": 1,
            "vocabulary": 400,
        },
        "learning_rate": 0.01,
        "batch": 4,
        "max_length": 96,
        "checkpoint_every": 3,
        "held_out": 0.2,
        "rank": 4,
        "dropout": 0.1,
        "device": "cpu",
        "decontaminate": False,
        "stages": [
            {"stage": "inject", "data": [str(folder / "trials.jsonl")]},
            {"stage": "instruct", "data": questions, "answer": "{long}"},
            {"stage": "adapt", "data": questions, "choices": ["yes", "no"]},
        ],
    } | changes


def train(raw: dict[str, Any], out: Path) -> dict[str, Any]:
    """Run a recipe in this process."""
    from finetuned.training.recipe import parse_recipe
    from finetuned.training.run import run

    return run(parse_recipe(raw), out)


def apart(target: Any, *arguments: Any, environment: dict[str, str] | None = None) -> multiprocessing.Process:
    """Start a function in a process of its own; the libraries are imported once for all of these."""
    context: Any = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["trl", "peft", "accelerate", "transformers.models.llama.modeling_llama"])
    process = context.Process(target=_begin, args=(environment or {}, target, arguments))
    process.start()
    return process  # type: ignore[no-any-return]


def _begin(environment: dict[str, str], target: Any, arguments: tuple[Any, ...]) -> None:
    import torch

    os.environ |= environment
    torch.set_num_threads(1)
    target(*arguments)


def train_and_die(raw: dict[str, Any], out: Path, stage: str, moment: str) -> None:
    """Run a recipe and kill -9 this process in a stage: `whole` or `half` of its second checkpoint, or `saved`."""
    from finetuned.training import run, stage as module
    from finetuned.training.checkpoints import complete

    seen = []

    def kill_at(folder: Path) -> None:
        if moment == "saved" and folder.name.endswith(stage):
            os.kill(os.getpid(), signal.SIGKILL)  # the model is there, the stage not yet marked as whole
        if folder.parent.parent.name.endswith(stage):
            seen.append(folder)
            if len(seen) == 2 and moment == "half":
                (folder / "model.safetensors").write_bytes(b"half")
                os.kill(os.getpid(), signal.SIGKILL)
        complete(folder)
        if len(seen) == 2 and moment == "whole":
            os.kill(os.getpid(), signal.SIGKILL)

    module.complete = run.complete = kill_at
    train(raw, out)
