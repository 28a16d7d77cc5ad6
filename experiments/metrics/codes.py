"""ICD-10 codes: exact and by their first three characters, and whether they exist at all."""

from __future__ import annotations

from collections.abc import Iterable


def categories(codes: Iterable[str]) -> frozenset[str]:
    """Return the codes' three-character categories ("I251" → "I25"): CLUE's approximate F1 compares these."""
    return frozenset(code[:3] for code in codes)


def valid_code_rate(predicted: Iterable[Iterable[str]], table: frozenset[str]) -> float | None:
    """Return the share of all predicted codes that are in the table; None if none was predicted."""
    codes = [code for document in predicted for code in document]
    return sum(code in table for code in codes) / len(codes) if codes else None
