"""A table as the report's page shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape


def html_table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    caption: str = "",
    *,
    text: int = 1,
    tones: Mapping[str, str] = {},
) -> str:
    """Return a table; the first `text` columns are words, the others numbers.

    tones: words of a first column → the class that gives them their colour.
    """
    kinds = [' class="text"' if place < text else "" for place in range(len(head))]
    top = "".join(f"<th{kind}>{escape(cell)}</th>" for kind, cell in zip(kinds, head, strict=True))
    body = "".join(
        f"<tr>{''.join(_cell(cell, kind, tones) for kind, cell in zip(kinds, row, strict=True))}</tr>" for row in rows
    )
    said = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="scroll"><table>{said}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(cell: str, kind: str, tones: Mapping[str, str]) -> str:
    tone = tones.get(cell) if kind else None
    said = f'<span class="said {tone}">{escape(cell)}</span>' if tone else escape(str(cell))
    return f"<td{kind}>{said}</td>"
