"""Quotations in an answer's text: verbatim, nearly so, absent, and none at all."""

from __future__ import annotations

import pytest

from rag.quotations import check_quotation, find_quotations

TEXT = "Quendorax lowered systolic blood pressure by 12·5 mmHg. Adverse events were rare and mild."


def test_terms_between_marks_are_no_quotations() -> None:
    text = 'The "frail elderly" said: “adverse events were rare and mild”. "Two words"'
    assert [t for t, _, _ in find_quotations(text)] == ["adverse events were rare and mild"]
    ((quote, start, end),) = find_quotations(text)
    assert text[start:end] == quote


@pytest.mark.parametrize(
    ("quote", "state", "why"),
    [
        ("Quendorax lowered systolic blood pressure by 12.5 mmHg", "verbatim", ""),
        ("Adverse events were rare and mild.", "verbatim", ""),
        ("Quendorax … rare and mild", "verbatim", ""),
        ("adverse events were rare and mild", "near", "capital letters or punctuation"),
        ("Quendorax raised systolic blood pressure", "near", '"lowered" → "raised"'),
        ("Adverse events were mild", "near", '"rare" → "mild"'),
        ("Quendorax is a drug from the sea", "absent", "it stands in none of the sources"),
    ],
)
def test_states_of_quotations(quote: str, state: str, why: str) -> None:
    found = check_quotation(quote, [("1", "Another paper."), ("2", TEXT)])
    assert (found[0], found[2]) == (state, why)
    assert found[1] == ("2" if state != "absent" else "")


def test_without_a_source_nothing_is_verbatim() -> None:
    assert check_quotation("Adverse events were rare", []) == ("absent", "", "it stands in none of the sources")
