"""`clinrag experiment detector`: find the labelled claims, load the checker, make the card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.audit.checker import checker_name, load_checker
from experiments.contenders import nearest
from experiments.errors import ConfigError

from .card import Report, card, correct_audit
from .labelled import LABELLED, Labelled, find_sets, read_set


def detector_card(
    data: Path | None,
    *,
    index: Path | None = None,
    model: str = "verifier",
    only: Sequence[str] | None = None,
    run: Path | None = None,
    by: str | None = None,
    report: Report = lambda stage, done, total: None,
) -> dict[str, Any]:
    """Return the card of a checker; with `run` also that run's rates, corrected by its errors on the data set `by`.

    Raises:
        ConfigError: a data set that does not exist, or is not in `data`.
    """
    places = find_sets(data)
    for name in [*(only or ()), *([by] if by else [])]:
        if name not in LABELLED:
            raise ConfigError(f"no data set {name!r}; {nearest(name, LABELLED)}")
        if name not in places:
            raise ConfigError(f"{name} is not in {data}: it needs {' or '.join(LABELLED[name].files)}")
    chosen = {name: path for name, path in places.items() if not only or name in only}
    sets = _read(chosen, index)
    checker = load_checker(model)
    made = {"checker": checker_name(model, checker), **card(checker, sets, report)}
    if run is not None:
        first = next((name for name, one in made["sets"].items() if "contradicted" in one["targets"]), next(iter(sets)))
        made["corrected"] = correct_audit(run, made, by or first)
    return made


def _read(places: dict[str, Path], index: Path | None) -> dict[str, list[Labelled]]:
    if index is None:
        return {name: read_set(name, path) for name, path in places.items()}
    from indexes.index import Index

    with Index(index) as opened:

        def abstracts(pmid: str) -> str:
            document = opened.get(pmid)
            return document.text if document else ""

        return {name: read_set(name, path, abstracts) for name, path in places.items()}
