"""A task's figures for one contender: the five outcomes, then each metric by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict

from experiments.errors import MetricError
from experiments.records import ANSWERED, Outcome, Record, Sample
from experiments.tasks.task import Task

from .calibration import auroc, brier, confidences, expected_calibration_error
from .codes import categories, valid_code_rate
from .outcomes import OutcomeCounts, count_outcomes, mean_costs, pair_accuracy, sample_scores, score_of
from .sets import macro_f1, micro_f1

__all__ = [
    "METRICS",
    "MODEL_METRICS",
    "OutcomeCounts",
    "count_outcomes",
    "mean_costs",
    "sample_scores",
    "summarise",
]

Pairs = Sequence[tuple[Sample, Record]]


def summarise(
    task: Task,
    samples: Mapping[str, Sample],
    records: Iterable[Record],
    *,
    metrics: Sequence[str] | None = None,
    code_table: frozenset[str] | None = None,
) -> dict[str, float | int | None]:
    """Return the figures of one contender's records on one task.

    Args:
        samples: by id.
        metrics: names in `METRICS` and `MODEL_METRICS`; by default the task's own that need no model.
        code_table: valid ICD-10-CM codes, which `valid_code_rate` needs.

    Returns:
        n, the five counts, accuracy, coverage, selective accuracy, format compliance, `score` (the mean of
        the task's primary score over all samples, 0 where it was not answered), costs, and the metrics.
        None means that a figure is not defined here, such as the accuracy of answers where there are none.

    Raises:
        MetricError: no records, an unknown metric, or one whose model, table or probabilities are missing.
    """
    listed = list(records)
    counts = count_outcomes(listed)
    figures: dict[str, float | int | None] = {"n": counts.n, **asdict(counts)}
    figures |= {
        "accuracy": counts.accuracy,
        "coverage": counts.coverage,
        "selective_accuracy": counts.selective_accuracy,
        "format_compliance": counts.format_compliance,
    }
    figures |= mean_costs(listed)
    pairs = [(samples[record.sample], record) for record in listed]
    figures["score"] = mean_of(task.primary)(pairs)
    for name in task.metrics if metrics is None else metrics:
        if name == "valid_code_rate":
            figures[name] = _valid_codes(pairs, code_table)
        elif name in METRICS:
            figures[name] = METRICS[name](pairs)
        elif name in MODEL_METRICS:
            figures[name] = _model_metric(name, pairs)
        else:
            known = ", ".join([*METRICS, *MODEL_METRICS, "valid_code_rate"])
            raise MetricError(f"no metric {name!r}: there are {known}")
    return figures


def mean_of(score: str) -> Callable[[Pairs], float]:
    """Return a metric: the mean of a score in `Record.scores`, 0 where the sample was not answered."""

    def mean(pairs: Pairs) -> float:
        if not pairs:
            raise MetricError("there are no samples, and an empty list has no mean")
        return sum(score_of(record, score) for _, record in pairs) / len(pairs)

    return mean


def _macro_f1(pairs: Pairs) -> float:
    """Return the mean F1 of the answers; that a sample cannot be answered is a class too."""
    gold = [sample.answer or "cannot tell" for sample, _ in pairs]
    predicted = [
        "cannot tell" if sample.answer is None and record.outcome == Outcome.CORRECT else record.answer
        for sample, record in pairs
    ]
    return macro_f1(gold, predicted)


def _sets(pairs: Pairs) -> list[tuple[frozenset[object], frozenset[object]]]:
    def hashable(items: Iterable[object]) -> frozenset[object]:
        return frozenset(tuple(item) if isinstance(item, list) else item for item in items)

    return [(hashable(sample.answer), hashable(record.answer or ())) for sample, record in pairs]


def _micro_f1(pairs: Pairs) -> float:
    return micro_f1(_sets(pairs)).f1


def _category_f1_micro(pairs: Pairs) -> float:
    return micro_f1((categories(s.answer), categories(r.answer or ())) for s, r in pairs).f1


def _pair_accuracy(pairs: Pairs) -> float:
    grouped: dict[str, list[bool]] = {}
    for sample, record in pairs:
        grouped.setdefault(sample.meta["pair"], []).append(record.outcome == Outcome.CORRECT)
    return pair_accuracy({name: members for name, members in grouped.items() if len(members) > 1})


def _calibration(
    compute: Callable[[list[float], list[bool]], float | None],
) -> Callable[[Pairs], float | None]:
    return lambda pairs: compute(*confidences(record for _, record in pairs))


METRICS: dict[str, Callable[[Pairs], float | None]] = {
    "auroc": _calibration(auroc),
    "brier": _calibration(brier),
    "category_f1": mean_of("category_f1"),
    "category_f1_micro": _category_f1_micro,
    "code_f1": mean_of("f1"),
    "code_f1_micro": _micro_f1,
    "ece": _calibration(expected_calibration_error),
    "entity_f1": mean_of("f1"),
    "entity_f1_micro": _micro_f1,
    "f1": mean_of("f1"),
    "lenient": mean_of("lenient"),
    "macro_f1": _macro_f1,
    "mrr": mean_of("mrr"),
    "pair_accuracy": _pair_accuracy,
    "precision": mean_of("precision"),
    "recall": mean_of("recall"),
    "rouge_1": mean_of("rouge_1"),
    "rouge_2": mean_of("rouge_2"),
    "rouge_l": mean_of("rouge_l"),
}
MODEL_METRICS = ("bertscore", "umls_f1")  # computed only where the report is asked for them


def _model_metric(name: str, pairs: Pairs) -> float:
    from . import texts

    answered = [(sample, record) for sample, record in pairs if record.outcome in ANSWERED and sample.answer]
    compute = {"bertscore": texts.bertscore, "umls_f1": texts.umls_f1}[name]
    flat = [(number, ref, r.answer) for number, (s, r) in enumerate(answered) for ref in s.answer]
    values = compute([reference for _, reference, _ in flat], [answer for _, _, answer in flat]) if flat else []
    best: dict[int, float] = {}
    for (number, _, _), value in zip(flat, values, strict=True):
        best[number] = max(value, best.get(number, value))
    return sum(best.values()) / len(pairs)


def _valid_codes(pairs: Pairs, table: frozenset[str] | None) -> float | None:
    if table is None:
        raise MetricError("valid_code_rate needs the table of valid codes: give the report --codes TABLE")
    return valid_code_rate([record.answer or () for _, record in pairs], table)
