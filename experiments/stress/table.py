"""One row for each contender and test: how often it did right, and accuracy against gold alone, in pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from experiments.estimates import Interval, proportion_interval
from experiments.records import Outcome, Record
from experiments.report import Scored, score_run
from experiments.report_text import p_value, percent, table
from experiments.statistics import Comparison, compare, correct_family

from .conditions import CONDITIONS
from .judging import Judge, Judged
from .memory import MEMORY
from .running import PARTS, READING

HEAD = (
    "contender", "test", "n", "did right %", "of", "correct %", "abstained %", "accuracy − {}", "Holm p", "failed",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """`n`: outputs. `judged`: those that the measure says something about; `right`: the share that did right.

    `difference`: accuracy less accuracy in the test `against`, on the questions both have.
    """

    task: str
    contender: str
    test: str
    n: int
    failed: int
    judged: int
    right: float | None
    right_ci95: Interval | None
    correct: float | None
    abstained: float | None
    against: str = ""
    paired: int = 0
    difference: float | None = None
    difference_ci95: Interval | None = None
    p: float | None = None
    p_holm: float | None = None


def stress_rows(out: Path) -> list[Row]:
    """Return every row of a folder of stress tests; Holm corrects over all differences in it."""
    rows: list[tuple[Row, Comparison | None]] = []
    if (out / READING / "run.json").is_file():
        rows += _reading_rows(score_run(out / READING))
    for test, part in PARTS.items():
        if (out / part / "run.json").is_file():
            for one in score_run(out / part).values():
                rows += [(_row(one, c, test, MEMORY[test].judge, r, {}), None) for c, r in one.records.items()]
    compared = [comparison for _, comparison in rows if comparison is not None]
    corrected = iter(correct_family(compared) if compared else [])
    return [row if c is None else replace(row, p=c.p, p_holm=next(corrected).p_holm) for row, c in rows]


def _reading_rows(scored: Mapping[str, Scored]) -> list[tuple[Row, Comparison | None]]:
    rows: list[tuple[Row, Comparison | None]] = []
    for name, one in scored.items():
        base, test = name.rsplit("~", 1)
        condition = CONDITIONS[test]
        pair = scored.get(f"{base}~{condition.against}")
        for contender, records in one.records.items():
            others = {r.sample: r for r in pair.records.get(contender, [])} if pair else {}
            row = _row(one, contender, test, condition.judge, records, others)
            comparison = _compare(one, records, others)
            if comparison is not None:
                row = replace(
                    row,
                    against=condition.against,
                    paired=comparison.n,
                    difference=comparison.difference,
                    difference_ci95=comparison.ci95,
                )
            rows.append((replace(row, task=base), comparison))
    return rows


def _row(
    one: Scored, contender: str, test: str, judge: Judge, records: Sequence[Record], others: Mapping[str, Record]
) -> Row:
    came = [r for r in records if r.outcome != Outcome.ERROR]  # of a failure nothing is known
    judged = [(r, judge(Judged(one.samples[r.sample], r, others.get(r.sample)))) for r in came]
    said = [(r, verdict) for r, verdict in judged if verdict is not None]
    right = [float(verdict) for _, verdict in said]
    clusters = [one.samples[r.sample].cluster or r.sample for r, _ in said]
    return Row(
        one.task.name,
        contender,
        test,
        len(came),
        len(records) - len(came),
        len(said),
        sum(right) / len(right) if right else None,
        proportion_interval(right, clusters) if right else None,
        _share(came, Outcome.CORRECT),
        _share(came, Outcome.ABSTAINED),
    )


def _compare(one: Scored, records: Sequence[Record], others: Mapping[str, Record]) -> Comparison | None:
    both = [
        (r, other)
        for r in records
        if (other := others.get(r.sample)) and Outcome.ERROR not in (r.outcome, other.outcome)
    ]
    if not both:
        return None
    return compare(
        [float(r.outcome == Outcome.CORRECT) for r, _ in both],
        [float(other.outcome == Outcome.CORRECT) for _, other in both],
        clusters=[one.samples[r.sample].cluster or r.sample for r, _ in both],
    )


def _share(records: Sequence[Record], outcome: Outcome) -> float | None:
    return sum(r.outcome == outcome for r in records) / len(records) if records else None


def to_dict(out: Path, rows: Sequence[Row]) -> dict[str, Any]:
    """Return the table as plain JSON, with what each test shows, asks for and measures."""
    tests = {n: {"shows": c.shows, "right": c.right, "measure": c.measure} for n, c in CONDITIONS.items()}
    tests |= {
        n: {"shows": f"nothing; asks {m.asks}", "right": m.right, "measure": m.measure} for n, m in MEMORY.items()
    }
    return {"run": str(out), "tests": tests, "rows": [asdict(row) for row in rows]}


def markdown(out: Path, rows: Sequence[Row]) -> str:
    """Return the tables of every task, and what the tests are."""
    lines = ["# Stress tests", ""]
    for task in dict.fromkeys(row.task for row in rows):
        lines += [f"## {task}", ""]
        head = tuple(cell.format("gold alone, points") for cell in HEAD)
        lines += table(head, [_cells(row) for row in rows if row.task == task])
    lines += ["## What each test is", ""]
    found = to_dict(out, rows)["tests"]
    used = {row.test for row in rows}
    lines += table(
        ("test", "shows", "right is", "measured by"),
        [(name, t["shows"], t["right"], t["measure"]) for name, t in found.items() if name in used],
    )
    lines += [
        "A model that never answers does right wherever abstaining is: read each row beside oracle and noise. "
        "Of: outputs that the measure says something about (a number test needs a number in the output). Differences "
        "are paired by question, with cluster-robust 95 % intervals; shuffled is set against noise. Near misses are "
        "taken from the index by similarity: one of them may answer the question all the same.",
        "",
    ]
    return "\n".join(lines)


def _cells(row: Row) -> list[str]:
    return [
        row.contender,
        row.test,
        f"{row.n:,}",
        percent(row.right, row.right_ci95),
        f"{row.judged:,}",
        percent(row.correct),
        percent(row.abstained),
        _difference(row),
        p_value(row.p_holm),
        f"{row.failed:,}",
    ]


def _difference(row: Row) -> str:
    if row.difference is None:
        return "–"
    low, high = row.difference_ci95 or (None, None)
    interval = f" ({100 * low:+.1f} to {100 * high:+.1f})" if low is not None and high is not None else ""
    return f"{100 * row.difference:+.1f}{interval}"
