"""How a search ranks, and which documents it may return: applied before, so that ten asked for are ten returned."""

from __future__ import annotations

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
