"""What an audit cannot see, said with its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .records import Frame, Verdict
from .tally import percent


def limits(found: Mapping[str, Any]) -> list[str]:
    """Say what this audit cannot see, by layer, and where a figure is undefined."""
    made, rows = found["made"], [(t, c, r) for t, task in found["tasks"].items() for c, r in task["contenders"].items()]
    said = [
        "A, exact rules: blind to what is false in the words and numbers of its source.",
    ]
    if made["index"] is None:
        said.append(
            "No index was given: the pooled evidence is only what was shown, cited and gold; no PMID is resolved."
        )
    elif any(row["cites"] for _, _, row in rows):
        said.append(
            f"A PMID that is not among the {made['index']['documents']:,} papers of this index counts as invented; it "
            "may exist in PubMed."
        )
    if made["checker"]:
        said += [
            f"B, checker {made['checker']}: it can misread, and its errors are not in the intervals "
            "(`clinrag experiment detector` measures them).",
            "B sees only evidence that was found, in abstracts; what nothing near was found for is unverifiable, not "
            "false.",
        ]
    else:
        said.append("B, no checker was used: no claim was held against evidence; contradicted claims are not counted.")
    sampled = [(t, c) for t, c, row in rows if row["sampling"] is None]
    if sampled:
        listed = ", ".join(dict.fromkeys(c for _, c in sampled))
        said.append(f"C, sampling: one draw of each answer by {listed}, so agreement between draws is not known.")
    if any(row["sampling"] for _, _, row in rows):
        said.append("C, sampling: a sign of confidence and no verdict; blind to an error made in every draw.")
    said += _judge_limits(made, rows)
    for name, task in found["tasks"].items():
        said += [
            f"{contender}, {name}: {n:,} samples have no record, and are not in the audit. Run `experiment run` (or "
            "`import`) again."
            for contender, n in task["missing"].items()
        ]
    for task, contender, row in rows:
        said += _gaps(task, contender, row)
    return said


def _judge_limits(made: Mapping[str, Any], rows: Sequence[tuple[str, str, Mapping[str, Any]]]) -> list[str]:
    if not made["judge"]:
        return ["D, no language model was asked for a second opinion."]
    judge = made["judge"]
    said = [f"D, judge {judge['name']}: {line}." for line in judge["cautions"]]
    if judge["failed"]:
        said.append(
            f"D, judge {judge['name']}: {judge['failed']:,} answers failed and are not judged: {judge['reason']}"
        )
    for task, contender, row in rows:
        if row["judge"] and row["judge"]["agreement"]["n"]:
            kappa = row["judge"]["agreement"]["kappa"]
            text = "undefined" if kappa is None else f"{kappa:.2f}"
            said.append(
                f"D on {contender}, {task}: kappa with the checker {text} on {row['judge']['agreement']['n']:,} "
                f"claims; {row['judge']['void']:,} of {row['judge']['claims']:,} verdicts void."
            )
        if row["judge"] and row["judge"]["unreadable"]:
            said.append(
                f"D on {contender}, {task}: on {row['judge']['unreadable']:,} answers a reply was not in the form "
                "asked for, and is void."
            )
    return said


def _gaps(task: str, contender: str, row: Mapping[str, Any]) -> list[str]:
    """Say what of a contender's answers was not judged."""
    kinds = (("abstained", "abstained"), ("errors", "failed"), ("no_claims", "claim nothing: undefined, not faultless"))
    gaps = [f"{row[kind]:,} {words}" for kind, words in kinds if row[kind]]
    said = [f"{contender} on {task}, not judged: {'; '.join(gaps)} (of {row['n']:,})."] if gaps else []
    if not row["cites"] and row["judged"]:
        said.append(f"{contender} on {task} cites no PMID: invented citations and altered numbers cannot be judged.")
    if row["judged"] and Frame.OWN not in row["frames"]:
        said.append(f"{contender} on {task}: what it read is nothing, or not known here: faithfulness is undefined.")
    pooled = row["frames"].get(Frame.POOLED)
    if pooled and pooled[Verdict.UNVERIFIABLE]["value"] > 0.5:
        said.append(
            f"{contender} on {task}: {percent(pooled[Verdict.UNVERIFIABLE])} % of its claims cannot be verified from "
            "this evidence; nothing is known of them."
        )
    return said
