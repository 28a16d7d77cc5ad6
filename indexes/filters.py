"""How a search ranks, and which documents it may return: applied before, so that ten asked for are ten returned."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from .document import STATUSES, Status

Mode = Literal["hybrid", "dense", "lexical", "rrf"]
SOUND = tuple(s for s in STATUSES if s is not Status.RETRACTED)


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions that must all hold.

    `since` and `until` are years, inclusive; a document of unknown year fails both. `publication_types`
    admits documents with any of them, regardless of case. `statuses` leaves out retracted papers unless told.
    """

    since: int | None = None
    until: int | None = None
    publication_types: tuple[str, ...] = ()
    statuses: tuple[Status, ...] = SOUND
    exclude: frozenset[str] = frozenset()


def find_faults(where: Filter, known_types: Collection[str] | None = None) -> list[str]:
    """Return why a filter admits nothing that its user can have meant: years turned round, types no paper has.

    Args:
        known_types: an index's publication types, in lower case; None if they are not to be looked at.
    """
    return [*_years(where), *(_types(where, known_types) if known_types is not None else ())]


def _years(where: Filter) -> Iterator[str]:
    if where.since is not None and where.until is not None and where.since > where.until:
        yield f"since {where.since} is later than until {where.until}: no paper is both"


def _types(where: Filter, known: Collection[str]) -> Iterator[str]:
    for name in where.publication_types:
        if name.lower() not in known:
            near = difflib.get_close_matches(name.lower(), known, n=3)
            hint = f"; did you mean {', '.join(map(repr, near))}?" if near else ""
            yield f"no paper in this index has the publication type {name!r}{hint}"
