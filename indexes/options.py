"""Options that several commands share, here and in `rag`, and the filter they make."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from .filters import Filter


class StatusName(StrEnum):
    """`Status` and "all"."""

    OK = "ok"
    CORRECTED = "corrected"
    CONCERN = "concern"
    RETRACTED = "retracted"
    ALL = "all"


Directory = Annotated[Path, typer.Argument(metavar="DIR", help="The index directory.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Mode = Literal["hybrid", "dense", "lexical", "rrf"]
ModeOption = Annotated[Mode, typer.Option(help="How to rank.")]
Since = Annotated[int | None, typer.Option(metavar="YYYY", help="Only papers of this year or later.")]
Until = Annotated[int | None, typer.Option(metavar="YYYY", help="Only papers of this year or earlier.")]
Types = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="NAME", help="Only this publication type; may be repeated."),
]
Statuses = Annotated[
    list[StatusName] | None,
    typer.Option("--status", help="Only papers of this status; may be repeated. Default: all but retracted."),
]
Exclude = Annotated[list[str] | None, typer.Option(metavar="PMID", help="Leave this paper out; may be repeated.")]


def make_filter(
    since: int | None,
    until: int | None,
    publication_types: list[str] | None,
    statuses: list[StatusName] | None,
    exclude: list[str] | None,
) -> Filter:
    """Build a `Filter` from command-line options."""
    from .document import STATUSES, Status
    from .filters import SOUND, Filter, find_faults

    for pmid in exclude or []:
        if not (pmid.isascii() and pmid.isdigit()):
            raise typer.BadParameter(f"{pmid!r} is no PMID: digits only", param_hint="--exclude")
    chosen = STATUSES if statuses and StatusName.ALL in statuses else tuple(Status(s) for s in statuses or SOUND)
    where = Filter(since, until, tuple(publication_types or ()), chosen, frozenset(exclude or ()))
    if faults := find_faults(where):
        raise typer.BadParameter("; ".join(faults))
    return where
