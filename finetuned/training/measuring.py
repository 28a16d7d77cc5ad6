"""Held-out loss and task score of a model: the same numbers on any number of devices and for any batch size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import numpy as np

from .prepare import Encoded, StageData

PAD_TOKENS = 4096  # tokens of a batch, padding included


@dataclass(frozen=True, slots=True)
class Measure:
    """One model on one stage's held-out set.

    loss: mean negative log-likelihood per learnt token, in nats. accuracy: share of questions whose likeliest choice
    is the right one, with Wilson's 95 % interval; `usual` is what always giving the most frequent answer would score.
    """

    loss: float
    tokens: int
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    usual: float | None = None
    questions: int = 0


def measure(model: Any, data: StageData, *, half: bool) -> dict[str, Any]:
    """Measure a model on a stage's held-out set; as plain data, for the record."""
    sums = log_likelihoods(model, data.held_out, half=half)
    tokens = sum(e.learnt for e in data.held_out)
    loss = -sum(sums) / tokens
    if not data.questions:
        return asdict(Measure(loss, tokens))
    flat = log_likelihoods(model, [option for question in data.questions for option in question.options], half=half)
    right, at, answers = 0, 0, []
    for question in data.questions:
        scores = flat[at : at + len(question.options)]
        right += int(np.argmax(scores)) == question.right
        answers.append(tuple(question.options[question.right].ids[question.options[question.right].prompt :].tolist()))
        at += len(question.options)
    n = len(data.questions)
    usual = max(answers.count(answer) for answer in set(answers)) / n
    return asdict(Measure(loss, tokens, right / n, *wilson(right, n), usual, n))


def log_likelihoods(model: Any, sequences: Sequence[Encoded], *, half: bool) -> list[float]:
    """Return the log-probability of each sequence's learnt tokens, given those before; in nats.

    Every process computes all of them, in the same batches: with sharded weights all must take part in each forward.
    """
    import torch

    device = next(model.parameters()).device
    training = model.training
    model.eval()
    sums = [0.0] * len(sequences)
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=half):
        for numbers in _batches(sequences):
            width = max(len(sequences[n].ids) for n in numbers)
            ids = torch.zeros(len(numbers), width, dtype=torch.long)
            labels = torch.full((len(numbers), width), -100)
            mask = torch.zeros(len(numbers), width, dtype=torch.long)
            for row, n in enumerate(numbers):
                tokens, prompt = torch.from_numpy(sequences[n].ids).long(), max(sequences[n].prompt, 1)
                ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1
                labels[row, prompt : len(tokens)] = tokens[prompt:]
            logits = model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits[:, :-1].float()
            loss = torch.nn.functional.cross_entropy(
                logits.transpose(1, 2), labels[:, 1:].to(device), reduction="none", ignore_index=-100
            )
            for n, value in zip(numbers, loss.double().sum(1).tolist(), strict=True):
                sums[n] = -value
    model.train(training)
    return sums


def _batches(sequences: Sequence[Encoded]) -> list[list[int]]:
    """Group sequences of like length, as many as `PAD_TOKENS` hold; return their numbers."""
    batches: list[list[int]] = []
    for n in sorted(range(len(sequences)), key=lambda n: len(sequences[n].ids)):
        width = len(sequences[n].ids)
        if not batches or (len(batches[-1]) + 1) * width > PAD_TOKENS:
            batches.append([])
        batches[-1].append(n)
    return batches


def wilson(right: int, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a proportion (Wilson 1927)."""
    z, p = 1.959963984540054, right / n
    centre, spread = p + z * z / (2 * n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, (centre - spread) / (1 + z * z / n)), min(1.0, (centre + spread) / (1 + z * z / n))
