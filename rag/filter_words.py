"""A filter in words, as it is typed in a conversation."""

from __future__ import annotations

import shlex

import typer

from indexes.filters import Filter
from indexes.options import StatusName, make_filter

from .errors import RagError


def read_filter(text: str) -> Filter:
    """Read `since=2015 type="Randomized Controlled Trial" status=all`; type, status and exclude may be repeated.

    Raises:
        RagError: a name or value that no filter has.
    """
    given: dict[str, list[str]] = {"since": [], "until": [], "type": [], "status": [], "exclude": []}
    try:
        for part in shlex.split(text):
            name, _, value = part.partition("=")
            given[name].append(value)
        years = [int(given[name][-1]) if given[name] else None for name in ("since", "until")]
        statuses = [StatusName(s.lower()) for s in given["status"]]
        return make_filter(years[0], years[1], given["type"], statuses, given["exclude"])
    except KeyError as error:
        raise RagError(f"no filter has the name {error}: use {', '.join(given)}, each as NAME=VALUE") from error
    except typer.BadParameter as error:
        raise RagError(error.message) from error
    except ValueError as error:
        raise RagError(
            f"/filter {text}: {error}. A status is one of {', '.join(StatusName)}; years are numbers"
        ) from error


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
