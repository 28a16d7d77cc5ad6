"""Numbers that follow from other numbers: rounding, units, bounds, complements, shares, differences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from itertools import pairwise

from .aligning import content_words, passages
from .numbers import Quantity, find_quantities

# Sizes in one base unit each, so that two of a family convert.
_FAMILIES = (
    {"kg": Decimal(1000), "g": Decimal(1), "mg": Decimal("1e-3"), "ug": Decimal("1e-6"), "ng": Decimal("1e-9")},
    {"l": Decimal(1), "ml": Decimal("1e-3")},
    {"m": Decimal(1), "cm": Decimal("1e-2"), "mm": Decimal("1e-3")},
    {u: Decimal(s) for u, s in {"week": 604800, "day": 86400, "hour": 3600, "minute": 60, "second": 1}.items()},
    {"year": Decimal(12), "month": Decimal(1)},
)
# The calendar does not divide evenly; these are said for each other: (unit, unit, how many of the second at least, at
# most, in one of the first).
_CALENDAR = (
    ("year", "week", Decimal(52), Decimal(52)),
    ("year", "day", Decimal(365), Decimal(366)),
    ("month", "week", Decimal(4), Decimal("4.34")),
    ("month", "day", Decimal(28), Decimal(31)),
)
_LOOSE = Decimal("0.1")  # largest relative error of a rounding
_NEAR = Decimal("0.05")  # of what is said with "about"
_CHANGE = re.compile(
    r"\b(?:differ\w*|reduc\w*|decreas\w*|increas\w*|lower\w*|higher|fewer|more|less|gain\w*|drop\w*|fell|fall\w*|rise|rose|"
    r"improv\w*|relative\w*|absolute\w*|ratio|fold|times|chang\w*|declin\w*|greater|points?)\b",
    re.IGNORECASE,
)
_SUM = re.compile(r"\b(?:total|overall|combined|altogether|together|all)\b", re.IGNORECASE)


def derive(asked: Quantity, known: Sequence[Quantity], claim: str, *, sources: Sequence[str] = ()) -> str:
    """Return in words how a number follows from known ones, or "" if it does not.

    With `sources`, also from two numbers of a source's sentence that shares words with the claim.
    """
    asked = replace(asked, unit=asked.unit or asked.shared)
    for one in known:
        if one.kind != "level" and (how := _from_one(asked, one)):
            return f"{asked.text}: {how}"
    words = content_words(claim)
    for source in sources:
        for passage in passages(source):
            if len(words & passage.words) >= 2:
                for value, how in _from_two(asked, find_quantities(passage.span.text, words=True), claim):
                    if _rounds(value, asked):
                        return f"{asked.text}: {how}"
    return ""


def _from_one(asked: Quantity, one: Quantity) -> str:
    units = {one.unit, one.shared} if one.shared else {one.unit}
    if asked.kind == one.kind == "p":
        return _bound_of_p(asked, one)
    if asked.unit in units or (not asked.unit and not one.unit):
        if asked.kind != "p" and one.decimals > asked.decimals and _rounds(one.value, asked):
            return f"{one.text} rounded"
        if asked.relation and _about(asked, one):
            return f"{one.text}, said loosely"
    for unit in units - {"", asked.unit}:
        if _converts(one, unit, asked):
            return f"the same as {one.text}"
    return _percentage(asked, one)


def _percentage(asked: Quantity, one: Quantity) -> str:
    if asked.unit == "%" and one.unit == "%" and one.kind == "%":
        return f"100 − {one.text}" if _rounds(100 - one.value, asked) else ""
    if asked.unit == "%" and not one.unit and not one.shared and "." in one.text:
        if one.kind == "ratio":
            return f"from the ratio {one.text}" if _rounds(abs(1 - one.value) * 100, asked) else ""
        if one.kind in {"value", "CI"} and one.value < 1 and _rounds(one.value * 100, asked):
            return f"{one.text} in per cent"
    if one.unit == "%" and not asked.unit and asked.kind in {"value", "CI"} and asked.decimals >= 2 and asked.value < 1:
        return f"{one.text} as a proportion" if _rounds(one.value / 100, asked) else ""
    return ""


def _from_two(asked: Quantity, there: Sequence[Quantity], claim: str) -> Iterator[tuple[Decimal, str]]:
    near = claim[max(0, asked.start - 70) : asked.end + 40]
    for a, b in (sorted(pair, key=lambda q: q.value) for pair in pairwise(there)):
        if asked.unit == "%" and not a.unit and not b.unit and a.decimals == b.decimals == 0 and 0 < a.value < b.value:
            yield 100 * a.value / b.value, f"{a.text} of {b.text}"
    counts = [q for q in there if q.kind == "n"]
    if asked.unit == "%":
        yield from ((100 * a.value / b.value, f"{a.text} of {b.text}") for a in counts for b in counts
                    if 0 < a.value < b.value)  # fmt: skip
    if asked.kind == "n" and _SUM.search(claim):
        yield from ((a.value + b.value, f"{a.text} + {b.text}") for a, b in pairwise(counts))
    if _CHANGE.search(near):
        for unit in sorted({q.unit or q.shared for q in there}):
            alike = [q for q in there if (q.unit or q.shared) == unit and q.kind not in {"level", "p", "CI", "name"}]
            for a, b in pairwise(alike):
                yield from _changes(asked, a, b, unit)


def _changes(asked: Quantity, a: Quantity, b: Quantity, unit: str) -> Iterator[tuple[Decimal, str]]:
    if asked.unit == unit or (unit == "%" and asked.unit == "point"):
        yield abs(a.value - b.value), f"the difference of {a.text} and {b.text}"
    if a.value and b.value:
        for x, y in ((a, b), (b, a)):
            if asked.unit == "%":
                yield abs(x.value - y.value) / x.value * 100, f"the change from {x.text} to {y.text}"
            if asked.unit == "fold" or (not asked.unit and asked.kind in {"ratio", "value"}):
                yield x.value / y.value, f"the ratio of {x.text} and {y.text}"


def _rounds(exact: Decimal, asked: Quantity) -> bool:
    if exact <= 0 or not asked.value or abs(exact - asked.value) > _LOOSE * exact:
        return False
    step = Decimal(1).scaleb(-asked.decimals)
    return asked.value in {exact.quantize(step, how) for how in (ROUND_HALF_UP, ROUND_HALF_EVEN)}


def _about(asked: Quantity, one: Quantity) -> bool:
    gap = (one.value - asked.value) / one.value if one.value else Decimal(1)
    low, high = {"~": (-_NEAR, _NEAR), ">": (Decimal(0), _LOOSE), "<": (-_LOOSE, Decimal(0))}[asked.relation]
    return low <= gap <= high


def _bound_of_p(asked: Quantity, one: Quantity) -> str:
    """A looser bound is true: P = 0.0004 is below .001. An exact P does not follow from a bound."""
    below = asked.relation == "<" and one.relation != ">" and one.value <= asked.value
    above = asked.relation == ">" and one.relation != "<" and one.value >= asked.value
    if asked.relation == one.relation == "" and one.decimals > asked.decimals and _rounds(one.value, asked):
        return f"P {one.text} rounded"
    return f"P {one.relation}{one.text} is {asked.relation}{asked.text}" if below or above else ""


def _converts(one: Quantity, unit: str, asked: Quantity) -> bool:
    for family in _FAMILIES:
        if unit in family and asked.unit in family:
            return _rounds(one.value * family[unit] / family[asked.unit], asked)
    for long, short, least, most in _CALENDAR:
        if (unit, asked.unit) == (long, short):
            return one.value * least <= asked.value <= one.value * most + 1
        if (unit, asked.unit) == (short, long):
            return asked.value * least <= one.value <= asked.value * most + 1
    return False
