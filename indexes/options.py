"""Options that several commands share, here and in `rag`, and the filter they make."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .document import STATUSES, Status
from .fields import parse_pmid
from .filters import SOUND, Filter, Mode


class StatusName(StrEnum):
    """`Status` and "all"."""

    OK = "ok"
    CORRECTED = "corrected"
    CONCERN = "concern"
    RETRACTED = "retracted"
    ALL = "all"


Directory = Annotated[Path, typer.Argument(metavar="DIR", help="The index directory.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
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
    pmids = {pmid: parse_pmid(pmid) for pmid in exclude or []}
    for given, pmid in pmids.items():
        if pmid is None:
            raise typer.BadParameter(f"{given!r} is no PMID: 1 to 9 digits", param_hint="--exclude")
    for name, year in (("--since", since), ("--until", until)):
        if year is not None and not 1000 <= year <= 9999:
            raise typer.BadParameter(f"{year} is no year: give one of four digits", param_hint=name)
    if since is not None and until is not None and since > until:
        raise typer.BadParameter(f"--since {since} is later than --until {until}")
    chosen = STATUSES if statuses and StatusName.ALL in statuses else tuple(Status(s) for s in statuses or SOUND)
    return Filter(since, until, tuple(publication_types or ()), chosen, frozenset(filter(None, pmids.values())))
