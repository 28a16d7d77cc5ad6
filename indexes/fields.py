"""Single values as PubMed and its users write them: white space, PMIDs, DOIs, dates."""

from __future__ import annotations

import re
from calendar import monthrange

_PMID = re.compile(r"0*([1-9][0-9]{0,8})")
_DOI_PREFIX = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|doi:\s*)", re.IGNORECASE)

_YEAR = re.compile(r"(?<!\d)(?:1[5-9]|20)\d\d(?!\d)")
_MONTH_NAMES = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)(?![a-z])\.?"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?(?![\da-z])"
_MONTH_DAY = re.compile(rf"{_MONTH_NAMES}(?:\s+{_DAY})?", re.IGNORECASE)
_DAY_MONTH = re.compile(rf"(?:(?<!\d){_DAY}\s+)?{_MONTH_NAMES}", re.IGNORECASE)
_ISO = re.compile(r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)(?:[T ].*)?)?)?")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def clean(text: str) -> str:
    """Return `text` with every run of white space (also no-break and thin spaces) as one blank."""
    return " ".join(text.split())


def valid(text: str) -> str:
    """Return `text` with ? for what is no character: bytes of a command line that are not UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")


def parse_pmid(text: str) -> str | None:
    """Return a PMID as PubMed writes it, 1 to 9 digits without leading zeros, or None."""
    match = _PMID.fullmatch(text.strip())
    return match[1] if match else None


def parse_doi(text: str) -> str:
    """Return a DOI without resolver or `doi:` in front."""
    return _DOI_PREFIX.sub("", clean(text), count=1)


def date_from_parts(year: str, month: str = "", day: str = "") -> str:
    """Return the ISO date of a <Year>, <Month> (name or number) and <Day>, as far as they are valid."""
    found = _YEAR.search(year)
    if not found:
        return ""
    named = _MONTH_DAY.search(month)
    number = _month_number(named["month"]) if named else _to_int(month)
    return _iso(int(found[0]), number, _to_int(day))


def date_from_words(text: str) -> str:
    """Return the ISO date on which a MedlineDate begins, as far as it says.

    "1998 Dec-1999 Jan" → 1998-12, "2007 Oct 29-Nov 4" → 2007-10-29, "Oct-Dec 2004" → 2004-10,
    "2000 Spring", "Winter 2000-2001" and "2000-2001" → 2000; "" where no year is found. A season is no
    month: it depends on the hemisphere and may belong to two years.
    """
    year = _YEAR.search(text)
    if not year:
        return ""
    after = text[year.end() :].lstrip(" ,")
    match = _MONTH_DAY.match(after)
    if match is None:
        before = text[: year.start()]
        first = _DAY_MONTH.search(before)
        match = first if first is None or first["day"] else _MONTH_DAY.search(before)
    if match is None:
        return year[0]
    return _iso(int(year[0]), _month_number(match["month"]), _to_int(match["day"] or ""))


def parse_date(text: str) -> str:
    """Return the ISO date of a text in ISO 8601 or in PubMed's words; "" if there is none in it."""
    match = _ISO.fullmatch(text.strip())
    if match and _YEAR.fullmatch(match["year"]):
        return _iso(int(match["year"]), _to_int(match["month"] or ""), _to_int(match["day"] or ""))
    return date_from_words(text)


def _iso(year: int, month: int, day: int) -> str:
    if not 1 <= month <= 12:
        return f"{year:04d}"
    if not 1 <= day <= monthrange(year, month)[1]:
        return f"{year:04d}-{month:02d}"
    return f"{year:04d}-{month:02d}-{day:02d}"


def _month_number(name: str) -> int:
    return _MONTHS.index(name[:3].lower()) + 1


def _to_int(text: str) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0
