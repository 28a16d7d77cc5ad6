"""ICD-10-CM codes in a text: do they exist?

The repository ships no table. Given one (a file with a code a line, first column, with or without the point), each
code is looked up; without one only a code's form is checked, and only where the text calls it a code.
"""

from __future__ import annotations

import csv
import gzip
import re
from pathlib import Path

from .errors import RagError
from .flags import Flag

_POINTED = re.compile(r"(?<![\w.])([A-Z]\d[0-9A-Z]\.[0-9A-Z]{1,6})(?![\w%]|\.\d)")
_PLAIN = re.compile(r"(?<![\w.-])([A-Z]\d[0-9A-Z](?:\.?[0-9A-Z]{1,6})?)(?![\w%-]|\.\w)")
_CALLED = re.compile(r"\bICD\b|\bICD-?10|\bcode[sd]?\b", re.IGNORECASE)
# FY 2021 conventions: letter, digit, digit or letter, then up to four; CM has no code with U other than U07 and U09.
_FORM = re.compile(r"[A-TV-Z]\d[0-9AB](?:\.?[0-9A-Z]{1,4})?|U0[79](?:\.?[0-9])?")


def read_codes(table: Path) -> frozenset[str]:
    """Return the codes of a table (.tsv, .csv or text with a code before the first space, also .gz), without points.

    Raises:
        RagError: it cannot be read, or its first column has no code.
    """
    opened = gzip.open if table.suffix == ".gz" else open
    try:
        with opened(table, "rt", encoding="utf-8", newline="") as file:
            delimiter = "," if ".csv" in table.suffixes else "\t"
            codes = frozenset(
                row[0].strip().partition(" ")[0].replace(".", "").upper()
                for row in csv.reader(file, delimiter=delimiter)
                if row
            )
    except (OSError, UnicodeDecodeError) as error:
        raise RagError(f"{table} cannot be read as a table of codes ({error}); give one code a line") from error
    codes = frozenset(code for code in codes if _FORM.fullmatch(code))
    if not codes:
        raise RagError(f"{table} has no ICD-10-CM code in its first column; give one code a line, tab separated")
    return codes


def check_codes(text: str, table: frozenset[str] | None) -> list[Flag]:
    """Return a flag for each code that does not exist; a category ("E11") of an existing code does."""
    called = bool(_CALLED.search(text))
    found = {
        m.span(1): m[1] for pattern in ((_POINTED, _PLAIN) if called else (_POINTED,)) for m in pattern.finditer(text)
    }
    flags = []
    for (start, end), code in sorted(found.items()):
        if table is None:
            if called and not _FORM.fullmatch(code):
                flags.append(Flag("code_unknown", start, end, f"{code} has not the form of an ICD-10-CM code"))
        elif code.replace(".", "") not in table and not any(c.startswith(code.replace(".", "")) for c in table):
            flags.append(Flag("code_unknown", start, end, f"{code} is not in the table of codes"))
    return flags
