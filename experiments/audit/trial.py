"""How many planted errors the checks find, and how often they raise a false alarm: measured, by kind.

An error is found if its sentence gets a flag that is an error, or (with a checker) is called contradicted or, for an
addition, unverifiable. A false alarm is an answer without an error in which any sentence would count as found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from experiments.estimates import wilson
from indexes.index import Index
from rag.findings import SentenceFindings, check_answer
from rag.flags import Flag
from rag.mentions import find_mentions, without

from .checker import LABELS, Checker
from .claim_file import CONTRADICTED, UNVERIFIABLE, label
from .planting import Planted


class Outcome(NamedTuple):
    """What became of an answer: found by the rules, by the checker's "contradicted", by its "unverifiable"."""

    kind: str
    rules: bool
    contradicted: bool
    unverifiable: bool


def try_checks(answers: Iterable[Planted], index: Index, *, checker: Checker | None = None) -> list[Outcome]:
    """Return what the checks make of each answer."""
    outcomes = []
    for answer in answers:
        found = check_answer(answer.text, shown=answer.shown, lookup=index.get).sentences
        looked = [s for s in found if not answer.kind or _is_place(s, answer)]
        rules = any(flag.severity == "error" for s in looked for flag in s.flags)
        labels = _labels(looked, answer, checker) if checker else []
        outcomes.append(Outcome(answer.kind, rules, CONTRADICTED in labels, UNVERIFIABLE in labels))
    return outcomes


def _is_place(sentence: SentenceFindings, answer: Planted) -> bool:
    start = len(" ".join(s.line for s in answer.sentences[: answer.place]))
    end = len(" ".join(s.line for s in answer.sentences[: answer.place + 1]))
    return sentence.start < end and start < sentence.end


def _labels(sentences: Sequence[SentenceFindings], answer: Planted, checker: Checker) -> list[str]:
    texts = {p.pmid: p.text for p in answer.shown}
    pairs: list[tuple[str, str]] = []
    flags: list[tuple[Flag, ...]] = []
    for s in sentences:
        evidence = "\n".join(texts[c.pmid] for c in s.citations if c.pmid in texts)
        if s.claim and evidence:
            mentions = find_mentions(s.text, shown=list(texts))
            pairs.append((without(s.text, mentions).strip(" []"), evidence))
            flags.append(s.flags)
    if not pairs:
        return []
    rows = checker.scores(pairs)
    return [label(dict(zip(LABELS, map(float, row), strict=True)), mine) for row, mine in zip(rows, flags, strict=True)]


def trial_table(outcomes: Sequence[Outcome], *, checker: bool = False) -> list[dict[str, Any]]:
    """Return a row a kind: n, and for each way of finding the share with its 95 % Wilson interval."""
    ways = ("rules", *(("contradicted", "unverifiable") if checker else ()))
    rows = []
    for kind, n in Counter(o.kind for o in outcomes).items():
        mine = [o for o in outcomes if o.kind == kind]
        row: dict[str, Any] = {"kind": kind or "no error (false alarms)", "n": n}
        for way in ways:
            hits = sum(getattr(o, way) for o in mine)
            low, high = wilson(hits, n)
            row[way] = {"found": hits, "share": hits / n, "low": low, "high": high}
        rows.append(row)
    return rows


def trial_text(rows: Sequence[dict[str, Any]]) -> str:
    """Lay the table out in Markdown, in per cent."""
    ways = [name for name in rows[0] if name not in {"kind", "n"}]
    lines = [f"| error | n | {' | '.join(ways)} |", f"|---|--:|{'--:|' * len(ways)}"]
    for row in rows:
        cells = (f"{100 * row[w]['share']:.1f} ({100 * row[w]['low']:.1f}–{100 * row[w]['high']:.1f})" for w in ways)
        lines.append(f"| {row['kind']} | {row['n']} | {' | '.join(cells)} |")
    return "\n".join(lines)
