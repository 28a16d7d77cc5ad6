"""Reversed directions, and what must not be taken for one."""

from __future__ import annotations

import pytest

from rag.directions import direction, find_reversal

SOURCE = (
    "Quendorax significantly reduced systolic blood pressure in older adults with diabetes. "
    "There was no significant difference in mortality between quendorax and placebo. "
    "Although weight did not improve, fasting glucose decreased in the treatment group. "
    "Heart rate was higher in the quendorax group than in the placebo group."
)


@pytest.mark.parametrize(
    ("claim", "place"),
    [
        ("Quendorax significantly increased systolic blood pressure in older adults with diabetes.", "increased"),
        ("Quendorax did not significantly reduce systolic blood pressure in older adults with diabetes.", "did not"),
        ("There was a significant difference in mortality between quendorax and placebo.", "a"),
        ("Fasting glucose increased in the treatment group.", "increased"),
        ("Heart rate was lower in the quendorax group than in the placebo group.", "lower"),
        ("In older adults with diabetes, systolic blood pressure was greater with quendorax.", None),  # another order
    ],
)
def test_reversals(claim: str, place: str | None) -> None:
    found = find_reversal(claim, [SOURCE])
    assert (claim[found.start : found.end] if found else None) == place


@pytest.mark.parametrize(
    "claim",
    [
        "Quendorax significantly reduced systolic blood pressure in older adults with diabetes.",
        "In this trial, quendorax significantly lowered systolic blood pressure in older adults with diabetes.",
        "Fasting glucose decreased in the treatment group.",  # the negation left out belongs to the other clause
        "Heart rate was lower in the placebo group than in the quendorax group.",  # names exchanged too
        "Quendorax cures migraine.",
        "",
    ],
)
def test_no_reversal(claim: str) -> None:
    assert find_reversal(claim, [SOURCE]) is None
    assert find_reversal(claim, []) is None


def test_a_reworded_claim_needs_all_sentences_of_the_source_against_it() -> None:
    claim = "Chenodeoxycholic acid treatment decreases brown adipose tissue activity."
    against = "The bile acid chenodeoxycholic acid increases human brown adipose tissue activity."
    assert find_reversal(claim, [against]) is not None
    assert (
        find_reversal(claim, [against + " In mice chenodeoxycholic acid lowered brown adipose tissue activity."])
        is None
    )


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Pain decreased significantly.", "down"),
        ("Survival was longer.", "up"),
        ("There was no difference in pain.", "none"),
        ("Pain decreased and function improved.", ""),
        ("We aimed to reduce pain.", ""),
    ],
)
def test_directions(sentence: str, expected: str) -> None:
    assert direction(sentence) == expected
