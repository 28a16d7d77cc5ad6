"""Do a claim's numbers stand in its sources, follow from them, or differ from them?

A number is *supported* if a source has the value with the same unit; *derived* if it follows by rounding, conversion
of units, a looser bound of P, or arithmetic on numbers that stand side by side; *altered* if the source's sentence
that says the same has another number of that kind in its place; else *absent*. Not seen: a number that is right by
itself and put to the wrong thing, unless the claim copies a sentence nearly word for word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from .aligning import Alignment, align
from .deriving import derive
from .numbers import NOT_CLAIMS, Quantity, find_quantities
from .quotes import find_part, normalise

State = Literal["supported", "derived", "altered", "absent"]
COPIED = 0.75  # likeness from which a claim is a copy, whose numbers must stand in the same places
SAME, ENOUGH = 0.5, 3  # share and count of a claim's content words from which a sentence speaks of the same
_CONVERTED = {"dose", "duration", "age"}  # kinds whose numbers are of one kind in whatever unit
_OPPOSITE = {"<": ">", ">": "<"}


class NumberCheck(NamedTuple):
    """A number of a claim and what was found; `why` says it in words, empty where it is supported."""

    quantity: Quantity
    state: State
    why: str = ""


def check_numbers(claim: str, sources: Sequence[str]) -> list[NumberCheck]:
    """Return a finding for each number of a claim that states something, in order.

    Years, and counts up to ten that stand without unit or noun, are compared only where the claim copies a sentence:
    a paper's year is no part of its text, and small numbers mark lists and names.
    """
    asked = [q for q in find_quantities(claim) if q.kind not in NOT_CLAIMS]
    if not asked:
        return []
    whole = normalise(claim)[0].strip(" .")
    if any(find_part(whole, source) >= 0 for source in sources):
        return [NumberCheck(q, "supported") for q in asked]
    best = align(claim, sources)
    replaced = _replaced(claim, best) if best and best.likeness >= COPIED else {}
    known = [q for source in sources for q in find_quantities(source, words=True)]
    checks = (_check(q, claim, sources, known, best, replaced.get(q.start)) for q in asked)
    return [c for c in checks if c.state != "absent" or not _beside(c.quantity)]


def _beside(asked: Quantity) -> bool:
    return asked.kind == "year" or (asked.kind == "value" and not asked.unit and asked.value in range(11))


def _check(
    asked: Quantity,
    claim: str,
    sources: Sequence[str],
    known: list[Quantity],
    best: Alignment | None,
    instead: Quantity | None,
) -> NumberCheck:
    if instead is not None:
        why = derive(asked, [instead], claim)
        return NumberCheck(asked, "derived", why) if why else _altered(asked, instead)
    same = [k for k in known if _same(asked, k)]
    turned = [k for k in same if asked.kind == k.kind == "p" and _OPPOSITE.get(asked.relation) == k.relation]
    if len(turned) < len(same):
        return NumberCheck(asked, "supported")
    why = derive(asked, [k for k in known if k not in turned], claim, sources=sources)
    if why:
        return NumberCheck(asked, "derived", why)
    if turned:
        return _altered(asked, turned[0])
    if best and best.share >= SAME and best.shared >= ENOUGH and not _beside(asked):
        there = find_quantities(best.passage.span.text, words=True)
        other = [k for k in there if k.kind == asked.kind]
        other = [k for k in other if asked.unit in {k.unit, k.shared}] or (other if asked.kind in _CONVERTED else [])
        other = [k for k in other if not _stands(k, claim)] or other
        if other:
            return _altered(asked, min(other, key=lambda k: abs(k.value - asked.value)))
    return NumberCheck(asked, "absent", f"{asked.text} does not stand in a cited abstract")


def _same(asked: Quantity, known: Quantity) -> bool:
    return known.value == asked.value and (not asked.unit or asked.unit in {known.unit, known.shared})


def _stands(known: Quantity, claim: str) -> bool:
    return any(_same(q, known) or _same(known, q) for q in find_quantities(claim))


def _altered(asked: Quantity, instead: Quantity) -> NumberCheck:
    return NumberCheck(asked, "altered", f"{_said(asked)} where the source has {_said(instead)}")


def _said(quantity: Quantity) -> str:
    return f"{'P ' if quantity.kind == 'p' else ''}{quantity.relation.replace('~', 'about ')}{quantity.text}"


def _replaced(claim: str, best: Alignment) -> dict[int, Quantity]:
    """Return, by its place in the claim, the source's number instead of which a number stands there."""
    own = {q.start: q for q in find_quantities(claim)}
    theirs = {q.start: q for q in find_quantities(best.passage.span.text)}
    out = {}
    for change in best.changes:
        if change.held and len(change.before) == len(change.after):
            for old, new in zip(change.before, change.after, strict=True):
                if new.start in own and old.start in theirs:
                    out[new.start] = replace(theirs[old.start])
    return out
