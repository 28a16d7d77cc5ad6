"""A filter in words, as it is typed in a conversation."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any

import typer

from indexes.filters import Filter, find_faults
from indexes.options import StatusName, make_filter

from .errors import RagError

FIELDS = {
    "since": "since",
    "until": "until",
    "type": "publication_types",
    "status": "statuses",
    "exclude": "exclude",
}


def read_filter(text: str, start: Filter = Filter()) -> Filter:
    """Read `since=2015 type="Randomized Controlled Trial" status=all`; type, status and exclude may be repeated.

    What is not named stays as in `start`.

    Raises:
        RagError: a name or value that no filter has.
    """
    given: dict[str, list[str]] = {name: [] for name in FIELDS}
    try:
        for part in shlex.split(text):
            name, _, value = part.partition("=")
            given[name].append(value)
        years = [int(given[name][-1]) if given[name] else None for name in ("since", "until")]
        statuses = [StatusName(s.lower()) for s in given["status"]]
        asked = make_filter(years[0], years[1], given["type"], statuses, given["exclude"])
    except KeyError as error:
        raise RagError(f"no filter has the name {error}: use {', '.join(given)}, each as NAME=VALUE") from error
    except typer.BadParameter as error:
        raise RagError(error.message) from error
    except ValueError as error:
        raise RagError(
            f"/filter {text}: {error}. A status is one of {', '.join(StatusName)}; years are numbers"
        ) from error
    named: dict[str, Any] = {field: getattr(asked, field) for name, field in FIELDS.items() if given[name]}
    where = replace(start, **named)
    if faults := find_faults(where):
        raise RagError(f"/filter {text}: {'; '.join(faults)}")
    return where


def filter_text(where: Filter) -> str:
    """Say what a filter admits."""
    parts = [
        f"since {where.since}" if where.since else "",
        f"until {where.until}" if where.until else "",
        " or ".join(where.publication_types),
        "" if where.statuses == Filter().statuses else "status " + ", ".join(where.statuses),
        "without " + ", ".join(sorted(where.exclude)) if where.exclude else "",
    ]
    return "; ".join(p for p in parts if p) or "none (retracted papers are left out)"
