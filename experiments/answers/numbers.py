"""Numbers, dates and durations, read strictly (clinical calculations).

A number is read from a JSON field, a box, "the answer is …", or an output or last line that holds exactly one
number. Units behind it are passed over, thousands commas and 1.2e3 understood; ranges, fractions, several different
numbers in one place, and what two conventions read differently ("24,5", "1 234") are unparsed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from .declared import declarations, without_thought
from .parsed import ABSTAINED, EMPTY, Parsed, unparsed
from .refusals import text_cannot_tell, value_cannot_tell

_S = r"[^\S\n]?"  # a blank, but not the end of a line
_NUMBER = rf"[-+−]?(?:\d{{1,3}}(?:,\d{{3}})+|\d+)?(?:\.\d+|(?<=\d))(?:{_S}(?:[eE]|[x×*]{_S}10{_S}\^?){_S}[-−]?\d+)?"
_LEADS = re.compile(rf"^[^\d\n.+−-]{{0,40}}?(?<![\w.])({_NUMBER})(?![\d/]|\.\d)(.*)$", re.DOTALL)
_ANY = re.compile(rf"(?<![\w.^/])({_NUMBER})(?!\w*\d|\s?/\s?\d)")
_RANGE = re.compile(r"\s*(?:-|–|—|to\b|or\b|/)\s*\d")
_GOES_ON = re.compile(r"[ ,'\u00a0\u2009\u202f]\d")  # a decimal comma, or groups of digits, of another convention
_DATE = re.compile(r"\b(\d{1,2})/(\d{1,2})/(\d{4})\b")
_DURATION = re.compile(r"(?<!\d)(\d{1,4})\s*weeks?\W{1,6}(?:and\W{1,6})?(\d{1,4})\s*days?", re.IGNORECASE)
UNCLEAR = "unclear"  # a number stands there, and which one is a guess


def parse_number(output: str) -> Parsed:
    """Read one number, as a float."""
    return _parse(output, _number)


def parse_date(output: str) -> Parsed:
    """Read one date, as MM/DD/YYYY, or one duration, as "W weeks D days"."""
    return _parse(output, _date)


def _parse(output: str, read: Callable[[str, bool], float | str | None]) -> Parsed:
    text = without_thought(output)
    if not text:
        return EMPTY
    for values in declarations(text):
        found = {value for part in values if (value := read(part, True)) is not None}
        clear = found - {UNCLEAR}
        if found:
            return Parsed(clear.pop()) if len(clear) == 1 else unparsed("several values")
        if any(value_cannot_tell(value) for value in values):
            return ABSTAINED
    for part in (text, text.rsplit("\n", 1)[-1]):
        if (value := read(part, False)) is not None:
            return unparsed("several values") if value == UNCLEAR else Parsed(value)
    return ABSTAINED if text_cannot_tell(text) else unparsed("no single value is named as the answer")


def _number(text: str, declared: bool) -> float | str | None:
    """Return the number that a declared answer begins with, or the only number in an undeclared one."""
    text = text.strip(" \t\n\"'*_`$")
    if declared:
        found = _LEADS.match(text)
        if not found or _RANGE.match(found[2]):
            return None
        return UNCLEAR if _GOES_ON.match(found[2]) else _float(found[1])
    numbers = [found for found in _ANY.finditer(text) if found[1]]
    values = {_float(found[1]) for found in numbers}
    if len(values) != 1:
        return None
    return UNCLEAR if any(_GOES_ON.match(text, found.end()) for found in numbers) else values.pop()


def _float(text: str) -> float | None:
    """Return a number as read, None where it is beyond a float's range."""
    text = re.sub(r"\s?[x×*]\s?10\s?\^?\s?", "e", text.replace(",", "").replace("−", "-"))
    value = float(re.sub(r"\s", "", text))
    return value if math.isfinite(value) else None


def _date(text: str, declared: bool) -> float | str | None:
    del declared  # dates are as unmistakable in a sentence as alone
    found = {as_date(m[0]) for m in _DATE.finditer(text)} | {as_date(m[0]) for m in _DURATION.finditer(text)}
    return found.pop() if len(found) == 1 else None


def as_date(text: str) -> str | None:
    """Return the canonical form of a date or duration ("9/3/2014" → "09/03/2014"), None if it is neither."""
    if found := _DATE.search(text):
        return f"{int(found[1]):02}/{int(found[2]):02}/{found[3]}"
    if found := _DURATION.search(text):
        return f"{int(found[1])} weeks {int(found[2])} days"
    return None
