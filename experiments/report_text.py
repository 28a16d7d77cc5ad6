"""A report as Markdown: for a terminal, a pull request, or a paper's appendix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

OUTCOMES = ("correct", "wrong", "abstained", "unparsed", "error")
COMPARED = ("a", "b", "a − b, points (95 % CI)", "p", "Holm p", "test", "only a : only b", "could see")
RETRIEVED = ("retrieval", "n", "gold shown %", "recall %", "MRR", "read with gold %", "read without %")
STRATA = ("seen before?", "contender", "clean %", "n", "exposed %", "n", "unknown")
CONFIDENCE = ("confidence of", "n", "ECE", "Brier", "AUROC", "AURC", "at 5 % risk %", "from", "tested %", "risk %")
CONFIDENCE_SAID = (
    "AURC: area under risk–coverage, 0 best. At 5 % risk: the share that can be answered with 5 % wrong (95 % CI). "
    "From: the confidence that keeps this risk on one half of the samples; "
    "tested: answered and wrong by it on the other half"
)


def percent(value: float | None, interval: Sequence[float] | None = None) -> str:
    """Write a share as per cent, with its interval if there is one."""
    if value is None:
        return "–"
    text = f"{100 * value:.1f}"
    return f"{text} ({100 * interval[0]:.1f}–{100 * interval[1]:.1f})" if interval else text


def number(value: float | None, decimals: int = 2) -> str:
    return "–" if value is None else f"{value:,.{decimals}f}"


def p_value(value: float | None) -> str:
    if value is None:
        return "–"
    return "<.001" if value < 0.001 else f"{value:.3f}"


def markdown(report: Mapping[str, Any]) -> str:
    """Return the whole report."""
    from .audit.section import audit_markdown

    lines = [f"# Head-to-head: {', '.join(report['contenders'])}", ""]
    lines += [f"Reading: {report['reading']['name']} ({report['reading']['meaning']}).", ""]
    lines += ["## What it shows", "", *(f"- {plain(sentence)}" for sentence in report["verdict"]), ""]
    for name, task in report["tasks"].items():
        lines += _task(name, task, report)
    if report["audit"]:
        lines += audit_markdown(report["audit"])
    lines += ["## What it cannot show", "", *(f"- {plain(sentence)}" for sentence in report["limits"]), ""]
    return "\n".join(lines)


def _task(name: str, task: Mapping[str, Any], report: Mapping[str, Any]) -> list[str]:
    lines = [f"## {task['title']} (`{name}`, n = {task['n']:,})", ""]
    known = [f"chance {percent(task['chance'])} %"] if task["chance"] else []
    known += [f"always the most frequent answer {percent(task['majority'])} %"] if task["majority"] else []
    if known:
        lines += [f"Floors: {'; '.join(known)}.", ""]
    lines += outcome_table(task)
    if task["metrics"]:
        lines += table(("further scores, %", *task["metrics"]), metric_rows(task))
    if task["comparisons"]:
        lines += table(COMPARED, [comparison_row(c) for c in task["comparisons"]])
    if rows := [confidence_row(c, row) for c, row in task["contenders"].items() if row["selective"]]:
        lines += [f"{CONFIDENCE_SAID}.", "", *table(CONFIDENCE, rows)]
    if quality := report["retrieval"].get(name):
        lines += table(RETRIEVED, [retrieval_row(c, row) for c, row in quality.items()])
    if (checked := report["strata"].get(name)) and checked["rows"]:
        lines += table(STRATA, [stratum_row(row) for row in checked["rows"]])
    return lines


def outcome_table(task: Mapping[str, Any]) -> list[str]:
    graded = task["primary"] != "accuracy"
    score = f"{task['primary']} % (95 % CI)" if graded else "accuracy % (95 % CI)"
    head = ("contender", "n", *OUTCOMES, score, "coverage %", "calls", "s", "tokens in/out")
    return table(head, [outcome_row(c, row) for c, row in task["contenders"].items()])


def outcome_row(contender: str, row: Mapping[str, Any]) -> list[str]:
    tokens = f"{number(row['tokens_in'], 0)}/{number(row['tokens_out'], 0)}"
    return [
        contender,
        f"{row['n']:,}",
        *(f"{row[outcome]:,}" for outcome in OUTCOMES),
        percent(row["score"], row["score_ci95"]),
        percent(row["coverage"]),
        number(row["calls"], 1),
        number(row["seconds"], 3),
        tokens,
    ]


def metric_rows(task: Mapping[str, Any]) -> list[list[str]]:
    """Return each contender's metrics beside the headline score; all lie between 0 and 1."""
    return [[c, *(percent(row[metric]) for metric in task["metrics"])] for c, row in task["contenders"].items()]


def comparison_row(row: Mapping[str, Any]) -> list[str]:
    interval = f" ({100 * row['ci95'][0]:+.1f} to {100 * row['ci95'][1]:+.1f})" if row["ci95"] else ""
    return [
        row["a"],
        row["b"],
        f"{100 * row['difference']:+.1f}{interval}",
        p_value(row["p"]),
        p_value(row["p_holm"]),
        row["test"],
        f"{row['discordant'][0]} : {row['discordant'][1]}",
        "–" if row["smallest_detectable"] is None else f"{100 * row['smallest_detectable']:.1f}",
    ]


def retrieval_row(contender: str, row: Mapping[str, Any]) -> list[str]:
    found, lost = row["read_with_gold"], row["read_without_gold"]
    return [
        contender,
        f"{row['n']:,}",
        percent(row["hit"], row["hit_ci95"]),
        percent(row["recall"]),
        number(row["mrr"]),
        f"{percent(found['score'], found['ci95'])}, n {found['n']}",
        f"{percent(lost['score'], lost['ci95'])}, n {lost['n']}",
    ]


def confidence_row(contender: str, row: Mapping[str, Any]) -> list[str]:
    found = row["selective"]
    chosen = found["threshold"] or {"threshold": None, "coverage": None, "risk": None}
    known = chosen["threshold"] is not None
    return [
        contender,
        f"{found['n']:,}",
        number(row["ece"], 3),
        number(row["brier"], 3),
        number(row["auroc"], 3),
        number(found["area"], 3),
        percent(found["coverage"], found["coverage_ci95"]),
        number(chosen["threshold"], 3) if known else "none keeps it",
        percent(chosen["coverage"], chosen["coverage_ci95"]) if known else "–",
        percent(chosen["risk"], chosen["risk_ci95"]) if known else "–",
    ]


def stratum_row(row: Mapping[str, Any]) -> list[str]:
    clean, exposed = row["clean"], row["exposed"]
    return [
        row["kind"],
        row["contender"],
        percent(clean["score"], clean["ci95"]),
        str(clean["n"]),
        percent(exposed["score"], exposed["ci95"]),
        str(exposed["n"]),
        str(row["unknown"]),
    ]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a Markdown table, followed by a blank line."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(plain(cell) for cell in row) + " |" for row in rows), ""]


def plain(text: str) -> str:
    """Return a text that breaks neither a table nor a line."""
    return " ".join(text.split()).replace("|", "\\|")
