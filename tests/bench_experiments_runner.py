"""What a runner itself costs: CPU per sample with a model that answers at once, answers scored and logged to disk."""

from __future__ import annotations

import json
import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from measuring import alternate, less, skipped

from experiments.config import parse_config
from experiments.runner import run_experiment


def rows(samples: int = 1000, runs: int = 3) -> Iterator[dict[str, Any]]:
    """Yield milliseconds of CPU a sample; each peer takes turns with ours on the same questions."""
    asked = [f"Is question number {n} one to answer, in adults with a disease of the heart?" for n in range(samples)]
    for label, make in (
        ("Inspect (mockllm, generate, match)", inspect),
        ("lm-evaluation-harness (dummy model)", lm_eval),
    ):
        title = f"runner's CPU a sample, {samples:,} samples, against {label}"
        with tempfile.TemporaryDirectory() as name:
            try:
                peer = make(Path(name), asked)
            except ImportError as error:
                yield skipped(title, error)
                continue
            ours = runner(Path(name), asked)
            ours(), peer()  # imports and first calls are not a sample's cost
            best = alternate({"ours": ours, "peer": peer}, runs, clock=time.process_time)
            yield less(title, *(best[side] / samples * 1000 for side in ("ours", "peer")), "ms/sample", runs)


class Instant(GenericFakeChatModel):
    """Answer A to a whole batch."""

    def batch(self, inputs: Any, config: Any = None, **kwargs: Any) -> list[Any]:
        return [AIMessage("A") for _ in inputs]


def runner(folder: Path, asked: list[str]) -> Callable[[], Any]:
    task = folder / "task.jsonl"
    rows = [{"id": f"q{n}", "question": question, "answer": "yes"} for n, question in enumerate(asked)]
    task.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = parse_config(
        {"tasks": [f"jsonl:{task}"], "contenders": [{"name": "one", "model": "fake:instant"}], "batch": 64}
    )
    numbers = count()

    def run() -> None:
        model = Instant(messages=iter(()))
        done = run_experiment(config, folder / f"run{next(numbers)}", load_model=lambda spec: model)
        assert done.new == {"one": len(asked)}

    return run


def inspect(folder: Path, asked: list[str]) -> Callable[[], Any]:
    from inspect_ai import Task, eval
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import ModelOutput, ModelUsage, get_model
    from inspect_ai.scorer import match
    from inspect_ai.solver import generate

    data = MemoryDataset([Sample(input=question, target="yes") for question in asked])
    task = Task(dataset=data, solver=generate(), scorer=match())

    def answer(*_: Any) -> ModelOutput:
        output = ModelOutput.from_content("mockllm", "A")
        output.usage = ModelUsage(input_tokens=1, output_tokens=1)  # else it counts tokens, with a file from the net
        return output

    model = get_model("mockllm/model", custom_outputs=answer)
    run = partial(eval, task, model=model, display="none", log_dir=str(folder / "logs"), log_level="error")

    def checked() -> None:
        (log,) = run()
        assert log.status == "success"
        assert log.results is not None
        assert log.results.completed_samples == len(asked)

    return checked


def lm_eval(folder: Path, asked: list[str]) -> Callable[[], Any]:
    from lm_eval import simple_evaluate
    from lm_eval.api.task import ConfigurableTask

    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    data = folder / "lm_eval.jsonl"
    data.write_text("".join(json.dumps({"question": question, "answer": "yes"}) + "\n" for question in asked))
    settings = {
        "task": "questions",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}, "cache_dir": str(folder / "cache")},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{question}}",
        "doc_to_target": "{{answer}}",
        "generation_kwargs": {"until": ["\n"]},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    }

    def run() -> None:
        task = ConfigurableTask(config=dict(settings))
        result = simple_evaluate("dummy", tasks=[task], bootstrap_iters=0, verbosity="ERROR")
        assert len(result["samples"]["questions"]) == len(asked)

    return run
