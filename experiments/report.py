"""What a run shows, as one plain JSON document: figures, paired comparisons, and the verdict in words.

Accuracy is over all samples: abstained, unparsed and failed ones count as not correct, and are counted beside it.
Contenders are compared in the order of the run, each against those before it: a difference above 0 is what the
later one gains. Holm corrects over all comparisons of the report, or over those the configuration declares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .errors import MetricError
from .estimates import estimate_mean, proportion_interval
from .metrics import METRICS, MODEL_METRICS, sample_scores, summarise
from .metrics.calibration import confident
from .metrics.selective import selective, to_dict
from .records import Record, Sample
from .runs import read_run, run_records, run_samples, run_task
from .scoring import PUBLISHED, READINGS, STRICT, readings_of
from .statistics import Comparison, compare, correct_family
from .tasks.task import Kind, Task, chance_level, majority_baseline
from .verdict import agreement, points, verdict

CALIBRATION = ("brier", "ece", "auroc")


class Scored(NamedTuple):
    """One task of a run with every contender's records, scored under one reading."""

    task: Task
    samples: Mapping[str, Sample]
    records: Mapping[str, list[Record]]  # contender → records, in the order of the run

    @property
    def score(self) -> Callable[[Record], float]:
        return lambda record: record.scores.get(self.task.primary, 0.0)


def score_run(run: Path, *, reading: str = STRICT) -> dict[str, Scored]:
    """Return a run's tasks with their records scored under `reading`; nothing is generated."""
    content, samples = read_run(run), run_samples(run)
    grouped: dict[str, dict[str, list[Record]]] = {
        task: {contender: [] for contender in content["contenders"]} for task in content["tasks"]
    }
    for record in run_records(run, reading=reading):
        grouped[record.task][record.contender].append(record)
    return {
        name: Scored(run_task(name, content["tasks"][name]), samples[name], {c: r for c, r in found.items() if r})
        for name, found in grouped.items()
    }


def build_report(
    run: Path, *, reading: str = STRICT, metrics: Sequence[str] = (), codes: Path | None = None
) -> dict[str, Any]:
    """Return the report of a run as plain JSON.

    metrics: those of `MODEL_METRICS` that are wanted, for tasks whose answers are texts. codes: a table of ICD-10-CM
    codes, for the share of a coding task's codes that exist.

    Raises:
        RecordsError: `run` is no run.
        ReadingError: no such reading.
        MetricError: no such metric, or its model is not installed.
        RagError: `codes` is no table of codes.
    """
    from rag.codes import read_codes

    from .audit.summary import audit_report
    from .report_parts import by_pair, by_reading, cautions, limits, retrieval_quality, strata

    check(reading)
    content = read_run(run)
    scored = score_run(run, reading=reading)
    _check_metrics(metrics, [one.task for one in scored.values()])
    table = None if codes is None else read_codes(codes)
    comparisons = compare_all(scored, content.get("compare"), content.get("margin"))
    tasks = {
        name: _task(name, content, one, comparisons[name], metrics, table)
        for name, one in scored.items()
        if one.records
    }
    report: dict[str, Any] = {
        "run": str(run),
        "created": content["created"],
        "reading": {"name": reading, "meaning": READINGS[reading]},
        "contenders": list(content["contenders"]),
        "contender_details": content["contenders"],
        "margin": content.get("margin"),
        "tasks": tasks,
        "averages": averages(tasks),
        "pairs": by_pair(content, scored),
        "readings": by_reading(run, content, {reading: scored}),
        "retrieval": retrieval_quality(content, scored),
        "strata": strata(run, content, scored),
    }
    report["verdict"] = _verdict(report) + [f"Caution: {line}" for line in cautions(report)]
    report["limits"] = limits(content, report)
    report["audit"] = audit_report(run)
    return report


def check(reading: str) -> None:
    """Raise `ReadingError` for a reading that does not exist; tasks without it are read strictly."""
    from .errors import ReadingError

    if reading not in READINGS:
        raise ReadingError(f"no reading {reading!r}: there are {', '.join(READINGS)}")


def _check_metrics(wanted: Sequence[str], tasks: Sequence[Task]) -> None:
    for name in wanted:
        if name not in MODEL_METRICS:
            raise MetricError(f"no metric {name!r} to ask for: there are {', '.join(MODEL_METRICS)}")
        if not any(task.kind == Kind.TEXT for task in tasks):
            raise MetricError(f"{name} is for tasks whose answers are texts, and this run has none: leave it out")


def compare_all(
    scored: Mapping[str, Scored], declared: Sequence[Sequence[str]] | None, margin: float | None = None
) -> dict[str, list[Comparison]]:
    """Compare contenders on every task, on the samples that both have; Holm over all of it.

    declared: pairs [a, b] of contenders; by default every contender against each one before it.
    """
    found: list[tuple[str, Comparison]] = []
    for name, one in scored.items():
        scores = {c: sample_scores(records, one.task.primary) for c, records in one.records.items()}
        names = list(scores)
        pairs = declared or [(a, b) for place, a in enumerate(names) for b in names[:place]]
        for a, b in pairs:
            if a in scores and b in scores and (both := [s for s in scores[a] if s in scores[b]]):
                comparison = compare(
                    [scores[a][s] for s in both],
                    [scores[b][s] for s in both],
                    a=a,
                    b=b,
                    clusters=[one.samples[s].cluster or s for s in both],
                    margin=margin,
                )
                found.append((name, comparison))
    corrected = correct_family([comparison for _, comparison in found]) if found else []
    result: dict[str, list[Comparison]] = {name: [] for name in scored}
    for (name, _), comparison in zip(found, corrected, strict=True):
        result[name].append(comparison)
    return result


def _task(
    name: str,
    content: Mapping[str, Any],
    one: Scored,
    comparisons: Sequence[Comparison],
    wanted: Sequence[str],
    codes: frozenset[str] | None,
) -> dict[str, Any]:
    entry = content["tasks"][name]
    metrics = [m for m in one.task.metrics if m in METRICS or codes is not None]
    metrics += wanted if one.task.kind == Kind.TEXT else ()
    samples = list(one.samples.values())
    readings = {record.reading for records in one.records.values() for record in records}
    return {
        "title": entry["title"],
        "version": entry["version"],
        "licence": entry["licence"],
        "source": entry["source"],
        "n": len(samples),
        "clusters": len({sample.cluster or sample.id for sample in samples}),
        "reading": "/".join(sorted(readings)),
        "primary": one.task.primary,
        "metrics": metrics,
        "chance": chance_level(samples),
        "majority": majority_baseline(samples),
        "contenders": {
            c: figures(one, records, metrics, codes) | {"unread": _shown_nothing(content["contenders"][c], records)}
            for c, records in one.records.items()
        },
        "comparisons": [
            comparison.to_dict()
            | {"shown": comparison.shown, "verdict": verdict(comparison), "agreement": agreement(comparison)}
            for comparison in comparisons
        ],
    }


def figures(
    one: Scored, records: Sequence[Record], metrics: Sequence[str], codes: frozenset[str] | None
) -> dict[str, Any]:
    """Return one contender's figures on one task: outcomes, rates with intervals, costs, metrics."""
    found: dict[str, Any] = dict(summarise(one.task, one.samples, records, metrics=metrics, code_table=codes))
    correct = [float(record.outcome == "correct") for record in records]
    found["ci95"] = _listed(proportion_interval(correct, _clusters(one, records)))
    found["score_ci95"] = score_interval(one, records)
    found["missing"] = len(one.samples) - len({record.sample for record in records})
    for metric in CALIBRATION:
        try:
            found[metric] = METRICS[metric]([(one.samples[r.sample], r) for r in records])
        except MetricError:  # no probabilities: there is nothing to calibrate
            found[metric] = None
    found["selective"] = to_dict(selective(one.samples, records)) if confident(records) else None
    return found


def score_interval(one: Scored, records: Sequence[Record]) -> list[float] | None:
    """Return the 95 % interval of the mean headline score: Wilson's of a share, a clustered t of graded scores."""
    scores, clusters = [one.score(record) for record in records], _clusters(one, records)
    if one.task.graded:
        return _listed(estimate_mean(scores, clusters, bounds=(0.0, 1.0)).ci95)
    return _listed(proportion_interval(scores, clusters))


def _clusters(one: Scored, records: Sequence[Record]) -> list[str]:
    return [one.samples[record.sample].cluster or record.sample for record in records]


def _shown_nothing(entry: Mapping[str, Any], records: Sequence[Record]) -> int:
    """Count the samples of a contender that is to read passages and was shown none."""
    reads = entry.get("retrieval", {}).get("source", "none") != "none"
    return sum(not record.passages for record in records) if reads else 0


def averages(tasks: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return each contender's plain mean of the headline score over the tasks that every contender did."""
    names = list(dict.fromkeys(c for task in tasks.values() for c in task["contenders"]))
    common = [name for name, task in tasks.items() if all(c in task["contenders"] for c in names)]
    if not common:
        return {"tasks": [], "contenders": {}}
    scores = {c: [tasks[name]["contenders"][c]["score"] for name in common] for c in names}
    return {"tasks": common, "contenders": {c: sum(values) / len(values) for c, values in scores.items()}}


def _verdict(report: Mapping[str, Any]) -> list[str]:
    """Say what the run shows, the averages first; one line each."""
    said = []
    means = report["averages"]["contenders"]
    if len(means) > 1 and len(report["averages"]["tasks"]) > 1:
        listed = ", ".join(f"{name} {100 * mean:.1f}" for name, mean in means.items())
        said.append(f"Mean over {len(report['averages']['tasks'])} tasks, each weighing the same: {listed}.")
    for pair in report["pairs"]:
        said += [f"{pair['title']}: {sentence}" for sentence in pair["verdict"]]
    for task in report["tasks"].values():
        for comparison in sorted(task["comparisons"], key=lambda c: not c["shown"]):  # what was shown comes first
            said.append(f"{task['title']}: {comparison['verdict']}")
    return said + [entry["sentence"] for entry in report["readings"] if entry["verdict_changes"]]


def reading_sentence(title: str, strict: Comparison, published: Comparison, unread: Mapping[str, float]) -> str:
    """Say how a comparison changes between the strict reading and the one its authors published.

    unread: contender → share of its samples without an answer under the strict reading.
    """
    gain = f"{points(published.difference)} points as published"
    now = f"{points(strict.difference)} points read strictly"
    better = strict.a if published.difference > 0 else strict.b
    shares = " and ".join(f"{100 * share:.1f} % of {name}'s" for name, share in unread.items())
    why = f"No answer can be read from {shares} outputs; the published reading counts those as option A."
    if published.shown and not strict.shown:
        claim = f"{title}: the gain of {better} ({gain}) is not there under the strict reading ({now})."
        return " ".join(part for part in (claim, why, agreement(strict)) if part)
    if strict.shown and not published.shown:
        return f"{title}: a difference is shown under the strict reading only ({now}; {gain}). {why}"
    if strict.shown and published.shown and strict.difference * published.difference < 0:
        other = strict.b if published.difference > 0 else strict.a
        one, two = (points(abs(c.difference)) for c in (published, strict))
        return f"{title}: {better} is better by {one} points as published, {other} by {two} points read strictly. {why}"
    how = "both readings show it" if strict.shown else "neither reading shows a difference"
    return f"{title}, {strict.a} against {strict.b}: {gain}, {now}; {how}. {why}"


def _listed(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else list(interval)


def published_tasks(scored: Mapping[str, Scored]) -> list[str]:
    """Return the tasks whose authors published another reading."""
    return [name for name, one in scored.items() if PUBLISHED in readings_of(one.task)]
