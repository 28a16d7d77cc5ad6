"""The audit as a part of the report: figures by task and contender, paired comparisons, and what it cannot see."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.verdict import points

from .answers import Answers, State, read_answers
from .audit import NO_CHECKER, read_audit
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
    answers, grouped = read_audited(run, made)
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


def read_audited(run: Path, made: Mapping[str, Any]) -> tuple[Answers, dict[str, dict[str, list[Audited]]]]:
    """Return the answers of an audit, and task → contender → answers with what was judged of them.

    Only what this audit's own checker and judge said of what the answers now say: a later audit that was interrupted,
    or an answer that has changed, leaves other lines in the same files.
    """
    answers = read_answers(run, Library(run), tasks=made["tasks"], limit=made["limit"])
    judgements: dict[tuple[str, int, str], dict[Frame, Judgement]] = {}
    for one in read_judgements(run, made["checker"]) if made["checker"] else ():
        judgements.setdefault((one.record, one.claim, one.text), {})[one.frame] = one
    wholes = read_slots(answers_path(run), ANSWER_SLOT, checker=made["checker"] or NO_CHECKER)
    opinions = read_slots(judge_path(run), ANSWER_SLOT, judge=made["judge"]["name"]) if made["judge"] else {}
    grouped: dict[str, dict[str, list[Audited]]] = {}
    for answer in answers.answers:
        frames: dict[Frame, list[Judgement]] = {}
        for place, claim in enumerate(answer.claims):
            for frame, one in judgements.get((answer.record.key, place, claim.text), {}).items():
                frames.setdefault(frame, []).append(one)
        slot = (answer.task, answer.sample.id, answer.contender, answer.record.seed)
        whole, opinion = (
            found if answer.state == State.CLAIMS and found is not None and found["said"] == answer.said else None
            for found in (wholes.get(slot), opinions.get(slot))
        )
        one_answer = Audited(answer, frames, whole, opinion)
        grouped.setdefault(answer.task, {}).setdefault(answer.contender, []).append(one_answer)
    return answers, grouped


def audited_claims(run: Path) -> list[Judgement]:
    """Return what the last audit judged of every claim by the pooled evidence; none if there was no audit."""
    made = read_audit(run)
    grouped = read_audited(run, made)[1] if made else {}
    every = (one for arms in grouped.values() for found in arms.values() for one in found)
    return [judgement for one in every for judgement in one.judgements.get(Frame.POOLED, ())]


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
