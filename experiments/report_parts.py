"""The parts of a report beside the comparisons: the 2×2, both readings, retrieval, strata, and what is not shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .estimates import proportion_interval
from .interaction import ARMS, correct_questions, two_by_two
from .leakage import ANSWER, GOLD, IN_INDEX, NEAR, read_leakage
from .metrics import sample_scores
from .records import ANSWERED, Record, fingerprint
from .report import Scored, compare_all, published_tasks, reading_sentence, score_interval, score_run
from .scoring import PUBLISHED, STRICT
from .verdict import two_by_two_verdict

SMALL = 100  # samples; below this only differences of 15 points and more are seen


def by_pair(content: Mapping[str, Any], scored: Mapping[str, Scored]) -> list[dict[str, Any]]:
    """Return the 2×2 of every pair on every task that all four arms answered; Holm over the questions of them all."""
    about: list[dict[str, Any]] = []
    results = []
    for pair in content.get("pairs", []):
        for name, one in scored.items():
            arms = {arm: one.records.get(pair["arms"][arm], []) for arm in ARMS}
            scores = {arm: sample_scores(records, one.task.primary) for arm, records in arms.items()}
            both = [s for s in scores["general"] if all(s in scores[arm] for arm in ARMS)]
            if not both:
                continue
            results.append(
                two_by_two(
                    **{arm: [scores[arm][s] for s in both] for arm in ARMS},
                    clusters=[one.samples[s].cluster or s for s in both],
                )
            )
            title = f"{pair['pair']} on {one.task.title}"
            about.append({"pair": pair["pair"], "task": name, "title": title, "arms": pair["arms"]})
    return [
        entry | result.to_dict() | {"verdict": two_by_two_verdict(result)}
        for entry, result in zip(about, correct_questions(results), strict=True)
    ]


def by_reading(
    run: Path, content: Mapping[str, Any], known: Mapping[str, Mapping[str, Scored]]
) -> list[dict[str, Any]]:
    """Set the strict reading beside the published one, for tasks whose authors published one.

    known: reading → what is scored already. Both are compared and corrected as the report's own comparisons are.
    """
    names = published_tasks(next(iter(known.values())))
    if not names:
        return []
    both = {reading: known.get(reading) or score_run(run, reading=reading) for reading in (STRICT, PUBLISHED)}
    declared = content.get("compare")
    strict, published = compare_all(both[STRICT], declared), compare_all(both[PUBLISHED], declared)
    found = []
    for name in names:
        for one, two in zip(strict[name], published[name], strict=True):
            unread = {c: _unanswered(both[STRICT][name].records[c]) for c in (one.a, one.b)}
            turned = one.shown and two.shown and one.difference * two.difference < 0
            found.append(
                {
                    "task": name,
                    "a": one.a,
                    "b": one.b,
                    "strict": one.to_dict() | {"shown": one.shown},
                    "published": two.to_dict() | {"shown": two.shown},
                    "unread": unread,
                    "verdict_changes": one.shown != two.shown or turned,
                    "sentence": reading_sentence(both[STRICT][name].task.title, one, two, unread),
                }
            )
    return found


def retrieval_quality(content: Mapping[str, Any], scored: Mapping[str, Scored]) -> dict[str, dict[str, Any]]:
    """Return, per task and contender that searches or was shown passages, how well they were found and how well read.

    hit: share of samples with a gold abstract among the passages; recall: mean share of the gold abstracts found;
    mrr: mean 1/rank of the first; a sample that nothing was found for counts as 0 in each. Reading: mean headline
    score where a gold abstract was shown and where none was.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, one in scored.items():
        for contender, records in one.records.items():
            searches = content["contenders"][contender].get("retrieval", {}).get("source") == "rag"
            asked = [r for r in records if one.samples[r.sample].gold_pmids]
            if asked and (searches or any(r.passages for r in records)):
                found.setdefault(name, {})[contender] = _quality(asked, one)
    return found


def _quality(records: Sequence[Record], one: Scored) -> dict[str, Any]:
    hits, recalls, ranks = [], [], []
    for record in records:
        gold = set(one.samples[record.sample].gold_pmids)
        places = [rank for rank, pmid in enumerate(record.passages, 1) if pmid in gold]
        hits.append(bool(places))
        recalls.append(len(places) / len(gold))
        ranks.append(1 / places[0] if places else 0.0)
    n = len(records)
    clusters = [one.samples[record.sample].cluster or record.sample for record in records]
    return {
        "n": n,
        "passages": sum(len(r.passages) for r in records) / n,
        "hit": sum(hits) / n,
        "hit_ci95": list(proportion_interval([float(h) for h in hits], clusters) or ()) or None,
        "recall": sum(recalls) / n,
        "mrr": sum(ranks) / n,
        "read_with_gold": _mean([r for r, hit in zip(records, hits, strict=True) if hit], one),
        "read_without_gold": _mean([r for r, hit in zip(records, hits, strict=True) if not hit], one),
    }


def _mean(records: Sequence[Record], one: Scored) -> dict[str, Any]:
    """Return n and the mean headline score with its interval; no samples, no mean."""
    if not records:
        return {"n": 0, "score": None, "ci95": None}
    scores = [one.score(record) for record in records]
    return {"n": len(scores), "score": sum(scores) / len(scores), "ci95": score_interval(one, records)}


def strata(run: Path, content: Mapping[str, Any], scored: Mapping[str, Scored]) -> dict[str, Any]:
    """Return the headline score on clean and exposed samples, for each way a sample can be exposed (`leakage.py`).

    Samples that were not looked for, or have changed since, are unknown; what was looked for in another index is
    left out.
    """
    found: dict[str, Any] = {}
    checked = read_leakage(run)
    if checked is None:
        return found
    indexes = [entry["index"] for entry in content["contenders"].values() if entry.get("index")]
    stale = any(index != checked.get("index") for index in indexes)
    for name, one in ((name, one) for name, one in scored.items() if one.records):
        entry = checked["tasks"].get(name, {})
        marks = entry.get("checked", {})
        known = {sample.id for sample in one.samples.values() if marks.get(sample.id) == fingerprint(sample)}
        exposed = {
            kind: known & set(ids) for kind, ids in entry.get("exposed", {}).items() if not (stale and kind in IN_INDEX)
        }
        dates = {sample: date for sample, date in entry.get("dates", {}).items() if sample in known}
        rows = []
        for kind, contender, met, of in _exposures(exposed, dates, known, content, one):
            records = [r for r in one.records[contender] if r.sample in of]
            rows.append(
                {
                    "kind": kind,
                    "contender": contender,
                    "clean": _mean([r for r in records if r.sample not in met], one),
                    "exposed": _mean([r for r in records if r.sample in met], one),
                    "unknown": len(one.records[contender]) - len(records),
                }
            )
        summary = {kind: len(ids) for kind, ids in exposed.items()} | {"n": len(known)}
        found[name] = {"summary": summary, "rows": rows}
    return found


def _exposures(
    exposed: Mapping[str, set[str]], dates: Mapping[str, str], known: set[str], content: Mapping[str, Any], one: Scored
) -> Iterator[tuple[str, str, set[str], set[str]]]:
    """Yield (kind, contender, exposed samples, samples of which it is known)."""
    for contender in one.records:
        about = content["contenders"][contender]
        if str(about.get("model", "")).startswith("baseline:"):
            continue
        searches = about.get("retrieval", {}).get("source") == "rag"
        for kind, met in exposed.items():
            if searches or kind not in IN_INDEX:
                yield kind, contender, met, known
        if (cutoff := about.get("cutoff")) and dates:
            old = {sample for sample, date in dates.items() if date[:7] <= cutoff[: len(date)]}
            yield f"published by the model's cutoff ({cutoff})", contender, old, set(dates)


def _unanswered(records: Sequence[Record]) -> float:
    return sum(record.outcome not in ANSWERED for record in records) / len(records)


def limits(content: Mapping[str, Any], report: Mapping[str, Any]) -> list[str]:
    """Say what these data cannot show."""
    said = []
    for name, task in report["tasks"].items():
        if task["n"] < SMALL:
            said.append(f"{name} has {task['n']} samples: only large differences can be seen.")
        if report["reading"]["name"] not in (STRICT, task["reading"]):
            said.append(f"{name} has no {report['reading']['name']} reading: it was read strictly.")
        calls = {row["calls"] for row in task["contenders"].values() if row["calls"]}
        if len(calls) > 1:
            said.append(f"On {name} the contenders made different numbers of calls per sample: see the costs.")
        if "valid_code_rate" in content["tasks"][name]["metrics"] and "valid_code_rate" not in task["metrics"]:
            said.append(f"Which codes of {name} exist was not looked up: `experiment report --codes TABLE` does.")
    for contender in report["contenders"]:
        said += _gaps(contender, report["tasks"])
    entries = content["contenders"]
    if any(entry.get("kind") == "imported" for entry in entries.values()):
        said.append("Imported outputs: prompts, settings and retrieval are as their authors say, not checked here.")
    if rules := [name for name, entry in entries.items() if entry.get("strategy") == "rules"]:
        said.append(f"{', '.join(rules)}: the verdict is made by written rules from quoted sentences, not by a model.")
    for name, task in report["tasks"].items():
        for contender, row in task["contenders"].items():
            if row["unread"]:
                said.append(
                    f"{contender} was shown no passage for {row['unread']:,} of {row['n']:,} samples of {name}."
                )
    said += cautions(report)
    said += _unchecked(report)
    if not report["strata"]:
        said.append("Whether the models have seen these questions before was not checked (no leakage check).")
    said.append("One draw of each output: how much answers vary between draws is not in the intervals.")
    said.append("The samples stand for questions like these, asked like this; not for patients or practice.")
    return said


def _unchecked(report: Mapping[str, Any]) -> list[str]:
    """Say which samples the look into index and training data did not cover."""
    again = "`experiment run` looks again, with leakage: true"
    said = []
    for name, found in report["strata"].items():
        n, of = found["summary"]["n"], report["tasks"][name]["n"]
        if n < of:
            said.append(
                f"Of {name}, {of - n:,} of {of:,} samples were not looked for in index or training data: {again}."
            )
        elif GOLD not in found["summary"] and name in report["retrieval"]:
            said.append(f"The samples of {name} were not looked for in the index that was searched: {again}.")
    return said


def cautions(report: Mapping[str, Any]) -> list[str]:
    """Say what the look into the index means for each task."""
    return [line for name, found in report["strata"].items() for line in _exposed(name, found["summary"])]


def _exposed(name: str, counts: Mapping[str, int]) -> list[str]:
    n, gold, answers = counts["n"], counts.get(GOLD, 0), counts.get(ANSWER, 0)
    said = []
    if 0 < gold < n / 2:
        said.append(
            f"The index holds gold abstracts of {gold:,} of {n:,} samples of {name}: RAG cannot find the others."
        )
    if answers:
        said.append(
            f"For {answers:,} of {n:,} samples of {name} the gold abstract in the index states the answer that the "
            "task's own context leaves out: there RAG reads more than the oracle arm."
        )
    if near := counts.get(NEAR, 0):
        said.append(f"{near:,} of {n:,} questions of {name} stand nearly word for word in an abstract of the index.")
    return said


def _gaps(contender: str, tasks: Mapping[str, Any]) -> list[str]:
    """Say where a contender's answers are missing, failed, or could not be read."""
    rows = {name: task["contenders"][contender] for name, task in tasks.items() if contender in task["contenders"]}
    kinds = (
        ("missing", 0.0, "no record, and in no comparison"),
        ("error", 0.0, "failed, counted as not correct"),
        ("unparsed", 0.05, "could not be read: accuracy measures the format too"),
    )
    said = []
    for field, least, what in kinds:
        listed = [f"{r[field]:,} of {name}" for name, r in rows.items() if r[field] > least * r["n"]]
        if listed:
            said.append(f"{contender}, {what}: {', '.join(listed)}.")
    return said
