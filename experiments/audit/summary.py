"""The audit as a part of the report: figures by task and contender, paired comparisons, and what it cannot see."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.verdict import points

from .answers import Answers, State, read_answers
from .audit import read_audit
from .evidence import Library
from .judge_run import judge_path
from .limits import limits
from .records import ANSWER_SLOT, Frame, Judgement, read_judgements, read_slots
from .tally import Audited, amount, compare_arms, corrected, percent, tally
from .wholes import answers_path


def audit_report(run: Path) -> dict[str, Any] | None:
    """Return the audit of a run as plain JSON; None if it was never audited.

    Judgements of what the run no longer holds (another output, another claim) are passed over.
    """
    made = read_audit(run)
    if made is None:
        return None
    answers = read_answers(run, Library(run), tasks=made["tasks"], limit=made["limit"])
    grouped = group(run, answers)
    comparisons = corrected(
        {task: compare_arms(arms, answers.content.get("compare")) for task, arms in grouped.items()}
    )
    tasks = {
        task: {
            "title": answers.content["tasks"][task]["title"],
            "contenders": {c: tally(found) for c, found in arms.items()},
            "missing": _missing(answers, task, arms),
            "comparisons": [one.to_dict() | {"shown": one.shown} for one in comparisons[task]],
        }
        for task, arms in grouped.items()
    }
    found = {"made": made, "tasks": tasks}
    return found | {"said": said(found), "limits": limits(found)}


def _missing(answers: Answers, task: str, arms: Mapping[str, list[Audited]]) -> dict[str, int]:
    """Return contender → samples without a record: the run was not finished, or its records were cut."""
    counts = {c: len(answers.samples[task]) - len(arms.get(c, ())) for c in answers.content["contenders"]}
    return {c: n for c, n in counts.items() if n}


def group(run: Path, answers: Answers) -> dict[str, dict[str, list[Audited]]]:
    """Return task → contender → answers with what was judged of them."""
    judgements: dict[tuple[str, int, str], dict[Frame, Judgement]] = {}
    for one in read_judgements(run):
        judgements.setdefault((one.record, one.claim, one.text), {})[one.frame] = one
    wholes = read_slots(answers_path(run), ANSWER_SLOT)
    opinions = read_slots(judge_path(run), ANSWER_SLOT)
    grouped: dict[str, dict[str, list[Audited]]] = {}
    for answer in answers.answers:
        frames: dict[Frame, list[Judgement]] = {}
        for place, claim in enumerate(answer.claims):
            for frame, one in judgements.get((answer.record.key, place, claim.text), {}).items():
                frames.setdefault(frame, []).append(one)
        slot = (answer.task, answer.sample.id, answer.contender, answer.record.seed)
        whole, opinion = wholes.get(slot), opinions.get(slot)
        known = answer.state == State.CLAIMS and whole is not None and whole["record"] == answer.record.key
        grouped.setdefault(answer.task, {}).setdefault(answer.contender, []).append(
            Audited(answer, frames, whole if known else None, opinion if known else None)
        )
    return grouped


def said(found: Mapping[str, Any]) -> list[str]:
    """Say the headline of every contender on every task, and each paired comparison, in words."""
    sentences = []
    for task in found["tasks"].values():
        for contender, row in task["contenders"].items():
            sentences.append(f"{task['title']}, {contender}: {_headline(row)}")
        sentences += [f"{task['title']}: {_compared(one)}" for one in task["comparisons"]]
    return sentences


def _headline(row: Mapping[str, Any]) -> str:
    if row["hallucinated"] is None:
        return f"none of {row['n']:,} answers claims anything that could be judged."
    whole = f"completeness {percent(row['completeness'])} %" if row["completeness"] else "completeness not measurable"
    return (
        f"of {row['judged']:,} answers that claim something, {percent(row['hallucinated'])} % have at least one claim "
        "that the pooled evidence contradicts, invented citation or altered number. It answered "
        f"{percent(row['coverage'])} % of {row['n']:,} questions, with {amount(row['claims_per_answer'])} claims an "
        f"answer; {whole}."
    )


def _compared(one: Mapping[str, Any]) -> str:
    interval = f", 95 % CI {100 * one['ci95'][0]:+.1f} to {100 * one['ci95'][1]:+.1f}" if one["ci95"] else ""
    p = "none" if one["p_holm"] is None else "< .001" if one["p_holm"] < 0.001 else f"{one['p_holm']:.3f}"
    what = (
        f"{one['a']} errs {'more' if one['difference'] > 0 else 'less'} often than {one['b']}"
        if one["shown"]
        else f"no difference shown between {one['a']} and {one['b']}"
    )
    size = f"; could have seen {100 * one['smallest_detectable']:.1f} points" if one["smallest_detectable"] else ""
    both = f"{one['n']:,} questions both answered"
    return f"{what} ({points(one['difference'])} points{interval}, Holm p {p}, {both}{size})."
