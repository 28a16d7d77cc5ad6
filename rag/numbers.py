"""Quantities in a text: value, unit, kind, and where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from .quotes import normalise

Kind = Literal["%", "p", "CI", "ratio", "n", "dose", "duration", "age", "year", "value", "level", "name"]
# The confidence level of an interval and the number in a name ("type 2", "IL-6") state no finding.
NOT_CLAIMS: frozenset[Kind] = frozenset({"level", "name"})

# Word forms of a unit → one name. A number whose next word is not here has no unit, and is compared by value alone.
UNITS = {
    name: unit
    for unit, names in {
        "%": "% percent percentage pct",
        "year": "year years yr yrs y",
        "month": "month months mo",
        "week": "week weeks wk wks",
        "day": "day days d",
        "hour": "hour hours h hr hrs",
        "minute": "minute minutes min mins",
        "second": "second seconds s sec",
        "kg": "kg",
        "g": "g gram grams",
        "mg": "mg milligram milligrams",
        "ug": "µg μg ug mcg microgram micrograms",
        "ng": "ng",
        "iu": "iu",
        "l": "l litre litres liter liters",
        "ml": "ml",
        "mmhg": "mmhg",
        "mmol": "mmol",
        "mm": "mm",
        "cm": "cm",
        "m": "m",
        "point": "points point",
        "fold": "fold",
    }.items()
    for name in names.split()
}
DURATIONS = frozenset({"year", "month", "week", "day", "hour", "minute", "second"})
DOSES = frozenset({"kg", "g", "mg", "ug", "ng", "iu", "l", "ml", "mmol"})
_ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
_ONES += "seventeen eighteen nineteen".split()
_TENS = dict(zip("twenty thirty forty fifty sixty seventy eighty ninety".split(), range(20, 100, 10), strict=True))

_SCALES = {"thousand": 3, "million": 6, "billion": 9}
_UNIT = r"\s?-?\s?(%|per ?cent\b|[a-zµμ]+)?"
_NUMBER = re.compile(
    r"(?<![\w.])(?:\d{1,3}(?:,\d{3})+|\d+)?(?:(?<=\d)\.\d+|(?<!\d)\.\d+)?(?<=\d)(?!\w*\d)" + _UNIT, re.IGNORECASE
)
_DIGITS = re.compile(r"[\d,]*\.?\d+")
_WORDS = re.compile(
    rf"\b(?:({'|'.join(_TENS)})(?:[- ]({'|'.join(_ONES[1:10])}))?|({'|'.join(_ONES[2:])}))\b" + _UNIT, re.IGNORECASE
)
# "5 or 10 mg", "12.5–15%", "3, 6 and 12 months": what stands between numbers that share the last one's unit.
_LIST = re.compile(r"\s*(?:-|to|and|or|vs\.?|versus|/|±|\+/-|,|;|, ?(?:and|or)|compared with)\s*", re.IGNORECASE)
_P = re.compile(r"\bp(?:[ -]?values?)?\s*(?:(?:of|was|is|for \w+)\s*)?(?:[=<>≤≥]+|less than|of|was)\s*$", re.IGNORECASE)
_LEVEL = re.compile(r"\s*-?\s*(?:C[rI]?I\b|confidence|credible|limits of agreement|prediction interval)")
_CI = re.compile(
    r"(?:\bC[rI]?I\b|\b(?:confidence|credible) (?:intervals?|limits))[\s:;,=()\[\]%\d.+-]*(?:to|and)?[\s%\d.+-]*$"
)
_RATIO = re.compile(
    r"\b(?:[ac]?(?:HR|OR|RR|IRR)|SMD|WMD|(?:hazards?|odds|risk|rate|likelihood) ratios?|relative risk)s?\b"
    r"[^\d.;]{0,20}$",
    re.IGNORECASE,
)
_AGE_RIGHT = re.compile(r"[\s-]*(?:old\b|of age\b)", re.IGNORECASE)
_AGE_LEFT = re.compile(r"\bage[sd]?\b[^.;%]{0,25}$", re.IGNORECASE)
_N_LEFT = re.compile(r"\bn\s*=\s*$", re.IGNORECASE)
_PEOPLE = re.compile(
    r"\s*(?:[a-z-]+\s){0,3}?(?:patients|participants|subjects|women|men|children|adults|infants|individuals|people|"
    r"persons|cases|controls|volunteers|trials|studies|RCTs|deaths|events|eyes|samples|centres|centers|hospitals)\b",
    re.IGNORECASE,
)
_NAME_LEFT = re.compile(
    r"(?:\b(?:types?|phases?|grades?|stages?|class|groups?|arms?|steps?|tables?|figures?|cohorts?|items?|factors?|"
    r"category|CD|experiments?|studies|study|aims?)\s*|[a-z]-|[a-z]\d*/)$",
    re.IGNORECASE,
)
_NAME_RIGHT = re.compile(r"-?[A-Za-z]")  # "10EB", "3-kinase"
_TIME_LEFT = re.compile(r"\b(day|week|month|year|hour)s?\s*$", re.IGNORECASE)
_RELATION = re.compile(r"(?:(<|≤|less than|below|under|fewer than)|(>|≥|more than|above|over|at least))\s*=?\s*$", re.I)
_ABOUT = re.compile(
    r"(?:~|≈|\b(?:about|approximately|around|nearly|almost|roughly|some|circa|ca\.?))\s*$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number without its sign, as `text[start:end]` has it.

    `decimals` is its reported precision. `unit` is from `UNITS`, or empty; `shared` is the unit of the list or range
    that it stands in. `relation` is "<", ">", "~" or empty. "1,200" and "1200" are the same value; "12.50 %" and
    "12.5 percent" too.
    """

    value: Decimal
    decimals: int
    unit: str
    kind: Kind
    relation: str
    start: int
    end: int
    text: str
    shared: str = ""


@lru_cache(maxsize=256)  # one answer's sentences are held against the same few abstracts again and again
def find_quantities(text: str, *, words: bool = False) -> tuple[Quantity, ...]:
    """Return the quantities of a text in order; with `words`, those written out from two to ninety-nine too.

    Digits inside a word ("HbA1c", "p53") are none; "IL-6" keeps its 6, as the number of a name.
    """
    plain, origins = normalise(text)
    found = [_quantity(text, plain, origins, m.start(), m.start() + len(d[0]), m.end(), d[0], m[1])
             for m in _NUMBER.finditer(plain) if (d := _DIGITS.match(m[0]))]  # fmt: skip
    if words:
        found += [_quantity(text, plain, origins, m.start(), max(map(m.end, (1, 2, 3))), m.end(), _spelt(m), m[4])
                  for m in _WORDS.finditer(plain)]  # fmt: skip
        found.sort(key=lambda q: q.start)
    return tuple(_with_shared_units(found, text))


def _spelt(match: re.Match[str]) -> str:
    if match[3]:
        return str(_ONES.index(match[3].lower()))
    return str(_TENS[match[1].lower()] + (_ONES.index(match[2].lower()) if match[2] else 0))


def _quantity(
    text: str, plain: str, origins: tuple[int, ...], start: int, end: int, after: int, digits: str, word: str | None
) -> Quantity:
    word = (word or "").lower().replace("per cent", "percent")
    unit, scale = UNITS.get(word, ""), _SCALES.get(word, 0)
    end = after if unit or scale else end
    left, right = plain[max(0, start - 60) : start], plain[end : end + 60]
    kind, unit = _kind(left, right, unit, digits.partition(".")[0] if scale else digits)
    digits = digits.replace(",", "")
    said = _RELATION.search(left)
    relation = ("<" if said[1] else ">") if said else "~" if _ABOUT.search(left) else ""
    span = origins[start], origins[end - 1] + 1
    decimals = max(0, len(digits.partition(".")[2]) - scale)
    return Quantity(Decimal(digits).scaleb(scale), decimals, unit, kind, relation, *span, text[span[0] : span[1]])


def _kind(left: str, right: str, unit: str, digits: str) -> tuple[Kind, str]:
    time = _TIME_LEFT.search(left)
    if not unit and time:
        return "duration", time[1].lower()
    if unit == "%":
        return ("level" if _LEVEL.match(right) else "CI" if _CI.search(left) else "%"), unit
    if not unit and _P.search(left):
        return "p", ""
    if _CI.search(left):
        return "CI", unit
    if unit in DURATIONS | {""} and (_AGE_RIGHT.match(right) or _AGE_LEFT.search(left)):
        return "age", unit or "year"
    if unit:
        return ("dose" if unit in DOSES else "duration" if unit in DURATIONS else "value"), unit
    if _RATIO.search(left):
        return "ratio", ""
    if _N_LEFT.search(left) or (digits.replace(",", "").isdigit() and _PEOPLE.match(right)):
        return "n", ""
    if _NAME_LEFT.search(left) or _NAME_RIGHT.match(right):
        return "name", ""
    return ("year" if len(digits) == 4 and digits.isdigit() and "1900" <= digits <= "2099" else "value"), ""


def _with_shared_units(found: list[Quantity], text: str) -> Iterator[Quantity]:
    shared = ""
    nearer: Quantity | None = None
    out: list[Quantity] = []
    for quantity in reversed(found):
        joined = quantity.kind == "value" and nearer is not None and nearer.kind not in NOT_CLAIMS
        if nearer is None or not joined or not _LIST.fullmatch(normalise(text[quantity.end : nearer.start])[0]):
            shared = ""
        shared = quantity.unit or shared
        if shared and not quantity.unit and nearer is not None:
            quantity = replace(quantity, shared=shared, kind=nearer.kind)
        out.append(quantity)
        nearer = quantity
    return reversed(out)
