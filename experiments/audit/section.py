"""The audit's section of the report, in Markdown and HTML, from the same rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from experiments.html_table import html_table
from experiments.report_text import plain, table
from rag.flags import FLAGS
from rag.verdicts import TONES, VERDICTS

from .records import Frame
from .tally import amount, percent

FRAMES = {
    Frame.POOLED: "pooled: the best of the index, all that any contender was shown or cited, and gold",
    Frame.OWN: "own context: what this contender was shown (faithfulness)",
    Frame.GOLD: "gold answer",
}
HEADLINE = (
    "contender",
    "at least one error, %",
    "contradicted claim, %",
    "invented citation, %",
    "altered number, %",
    "n judged",
    "coverage %",
    "claims an answer",
    "completeness %",
)
EVIDENCE = ("frame", "contender", "claims", *(f"{shown.words}, %" for shown in VERDICTS.values()), "nothing near, %")
CITATIONS = (
    "contender",
    "citations",
    "recall, all questions, %",
    "recall, answered, %",
    "precision %",
    *(f"{name}, %" for name in ("supports", "contradicts", "neutral", "not relevant", "unresolved")),
    "claims with support, %",
)
COUNTED = {"ledger": "citations", "attributed": "citations, named", "quotes": "quotations", "numbers": "numbers"}
Row = tuple[str, ...]


def headline_rows(task: Mapping[str, Any]) -> list[Row]:
    """Return the headline table: every share is of the answers judged, in pooled evidence, with its 95 % interval."""
    return [
        (
            name,
            *(percent(row[field]) for field in ("hallucinated", "contradicted", "invented", "altered")),
            f"{row['judged']:,}",
            percent(row["coverage"]),
            amount(row["claims_per_answer"]),
            percent(row["completeness"]),
        )
        for name, row in task["contenders"].items()
    ]


def evidence_rows(task: Mapping[str, Any]) -> list[Row]:
    """Return the verdicts on claims in each frame."""
    return [
        (
            frame.value,
            name,
            f"{found['claims']:,}",
            *(percent(found[verdict]) for verdict in VERDICTS),
            percent(found["nothing_near"]),
        )
        for frame in FRAMES
        for name, row in task["contenders"].items()
        if (found := row["frames"].get(frame.value))
    ]


def citation_rows(task: Mapping[str, Any]) -> list[Row]:
    """Return ALCE's and BioGen's figures of the contenders that cite."""
    return [
        (
            name,
            f"{found['citations']:,}",
            *(percent(found[field]) for field in ("recall", "recall_answered", "precision")),
            *(f"{100 * rate:.1f}" for rate in found["rates"].values()),
        )
        for name, row in task["contenders"].items()
        if (found := row["citations"])
    ]


def flag_rows(task: Mapping[str, Any]) -> list[Row]:
    """Return how many answers have each finding of the exact checks."""
    kinds = [kind for kind in FLAGS if any(kind in row["flags"] for row in task["contenders"].values())]
    return [
        (FLAGS[kind].words, *(f"{row['flags'].get(kind, 0):,}" for row in task["contenders"].values()))
        for kind in kinds
    ]


def exact_rows(task: Mapping[str, Any]) -> list[Row]:
    """Return what the exact checks counted; a count that no contender has is no row, and no perfection."""
    arms = task["contenders"].values()
    rows = [
        (words, kind, *(f"{row[field].get(kind, 0):,}" for row in arms))
        for field, words in COUNTED.items()
        for kind in dict.fromkeys(kind for row in arms for kind in row[field])
    ]
    if any(row["cites"] for row in arms):
        rows.append(("sentences", "that state something and cite, %", *(percent(row["citing"]) for row in arms)))
    return rows


def signal_rows(task: Mapping[str, Any]) -> list[Row]:
    """Return the signals of confidence: SelfCheck-NLI and semantic entropy."""
    return [
        (name, f"{found['answers']:,}", f"{found['draws']:.1f}", amount(found["selfcheck"]), amount(found["entropy"]))
        for name, row in task["contenders"].items()
        if (found := row["sampling"])
    ]


SIGNALS = ("contender", "answers", "further draws", "SelfCheck-NLI (0: all agree)", "semantic entropy")


def _tables(task: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[str], list[Row], int]]:
    """Yield caption, head, rows and number of text columns of a task's tables that have rows."""
    arms = tuple(task["contenders"])
    every = (
        (
            "Answers with at least one error, over the answers that claim something (95 % CI)",
            HEADLINE,
            headline_rows,
            1,
        ),
        ("Claims held against evidence, by frame (95 % CI over questions)", EVIDENCE, evidence_rows, 2),
        ("Answers with each finding of the exact checks", ("finding", *arms), flag_rows, 1),
        ("What the exact checks counted", ("of", "how it stands", *arms), exact_rows, 2),
        ("Citations: ALCE's recall and precision, mended, and BioGen's rates", CITATIONS, citation_rows, 1),
        ("Agreement between draws: a signal, no verdict", SIGNALS, signal_rows, 1),
    )
    for caption, head, make, text in every:
        if rows := make(task):
            yield caption, head, rows, text


def audit_markdown(audit: Mapping[str, Any]) -> list[str]:
    """Return the section's lines."""
    lines = ["## What is invented", "", *(f"- {plain(sentence)}" for sentence in audit["said"]), ""]
    for task in audit["tasks"].values():
        lines += [f"### {plain(task['title'])}: audit", ""]
        for caption, head, rows, _ in _tables(task):
            lines += [f"{caption}:", "", *table(head, rows)]
    lines += ["Frames: " + "; ".join(FRAMES.values()) + ".", ""]
    return [*lines, "### What the audit cannot see", "", *(f"- {plain(line)}" for line in audit["limits"]), ""]


def audit_html(audit: Mapping[str, Any]) -> list[str]:
    """Return the section's elements; colours are the style sheet's tones, as on the assistant's page."""
    parts = ['<h2 id="audit">What is invented</h2>', f'<div class="verdict">{_items(audit["said"])}</div>', _key()]
    for name, task in audit["tasks"].items():
        parts.append(f'<h3 id="audit-{escape(name)}">{escape(task["title"])}</h3>')
        parts += [
            _bar(contender, frame, found)
            for contender, row in task["contenders"].items()
            for frame in FRAMES
            if (found := row["frames"].get(frame.value))
        ]
        parts += [_table(*one) for one in _tables(task)]
    frames = "".join(f"<li>{escape(words)}</li>" for words in FRAMES.values())
    return [*parts, f"<h3>Frames</h3><ul>{frames}</ul><h3>What the audit cannot see</h3>{_items(audit['limits'])}"]


def _items(sentences: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(one)}</li>' for one in sentences)}</ul>"


def _key() -> str:
    marks = [f'<span class="tone {shown.tone}">{escape(shown.words)}</span>' for shown in VERDICTS.values()]
    return f'<p class="key">{" ".join(marks)}</p>'


def _bar(contender: str, frame: Frame, found: Mapping[str, Any]) -> str:
    """Draw the verdicts on a contender's claims as one bar; each piece says its words and share on its title."""
    pieces = "".join(
        f'<span class="tone {shown.tone}" style="flex-grow:{share:.6f}" '
        f'title="{escape(shown.words)}: {100 * share:.1f} %">{f"{100 * share:.0f}" if share >= 0.04 else ""}</span>'
        for verdict, shown in VERDICTS.items()
        if (share := found[verdict]["value"]) > 0
    )
    label = f"{contender}, {frame.value} evidence, {found['claims']:,} claims, per cent"
    return f'<div class="claims"><span class="muted">{escape(label)}</span><div class="bar">{pieces}</div></div>'


def _table(caption: str, head: Sequence[str], rows: Iterable[Row], text: int) -> str:
    marks = {kind.words: TONES[kind.severity] for kind in FLAGS.values()}
    return html_table(head, rows, caption, text=text, tones=marks)
