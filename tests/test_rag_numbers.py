"""Numbers by value, unit and kind, against tables written by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rag.number_check import check_numbers
from rag.numbers import find_quantities

SOURCE = (
    "Postoperative atrial fibrillation occurred in 52 of 306 patients (17.0%) given cardrenidine and in 107 (35.0%) "
    "given placebo (relative risk 0.49, 95% CI 0.36–0.65; P = 0.0004). Mean age was 63.54 years. Treatment lasted 12 "
    "weeks at 5 or 10 mg daily. Twenty-four children were excluded. The proportion of responders was 0.41. Of 1,204 "
    "screened adults, 898 were ineligible. Survival was similar (P > 0.05)."
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p < 0.05. HR 0.8 (95% CI 0.7–0.9)", [(".05", "", "p"), (".8", "", "ratio"), ("95", "%", "level"),
                                              (".7", "", "CI"), (".9", "", "CI")]),
        ("1,200 patients", [("1200", "", "n")]),
        ("12.50 % and 12.5 per cent", [("12.5", "%", "%"), ("12.5", "%", "%")]),
        ("a 6-month, 3-fold, 5 mg/kg dose of 10 µg in 2019.",
         [("6", "month", "duration"), ("3", "fold", "value"), ("5", "mg", "dose"), ("10", "ug", "dose"),
          ("2019", "", "year")]),
        ("HbA1c, p53 and CD4+ cells", []),
        ("IL-6, SF-36, type 2 diabetes, a 3-kinase", [("6", "", "name"), ("36", "", "name"), ("2", "", "name"),
                                                      ("3", "", "name")]),
        ("aged 65; a 45-year-old; n = 52", [("65", "year", "age"), ("45", "year", "age"), ("52", "", "n")]),
        ("P=.0004", [("0.0004", "", "p")]),
        ("odds ratio of 1.75; at week 12", [("1.75", "", "ratio"), ("12", "week", "duration")]),
        ("1.2 million people", [("1200000", "", "n")]),
        ("", []),
    ],
)  # fmt: skip
def test_quantities(text: str, expected: list[tuple[str, str, str]]) -> None:
    found = find_quantities(text)
    assert [(q.value, q.unit, q.kind) for q in found] == [(Decimal(v), u, k) for v, u, k in expected]
    assert all(text[q.start : q.end] == q.text for q in found)


def test_numbers_of_a_list_or_range_share_its_unit() -> None:
    found = find_quantities("5 or 10 mg; 12.5–15%; 3, 6 and 12 months; 4.1 ± 0.4 kg; HR 0.8, 95% CI")
    assert [q.unit or q.shared for q in found] == [*"mg mg % % month month month kg kg".split(), "", "%"]


def test_numbers_in_words_are_read_on_request() -> None:
    text = "Twenty-four children, twelve weeks, one arm"
    assert find_quantities(text) == ()
    assert [(int(q.value), q.unit, q.text) for q in find_quantities(text, words=True)] == [
        (24, "", "Twenty-four"),
        (12, "week", "twelve weeks"),
    ]


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("AF occurred in 17% on cardrenidine.", ["supported"]),
        ("AF occurred in 17.0 percent and 35 per cent.", ["supported", "supported"]),
        ("AF occurred in 52 of 306 patients.", ["supported", "supported"]),
        ("Atrial fibrillation fell by 18 percentage points.", ["derived"]),  # 35 − 17
        ("A 51% relative reduction of AF occurred.", ["derived"]),  # (35 − 17) / 35, and 1 − 0.49
        ("83% of patients given cardrenidine had none.", ["derived"]),  # 100 − 17
        ("About 64 years was the mean age.", ["derived"]),  # 63.54 rounded
        ("Patients were 63.5 years old.", ["derived"]),
        ("Mean age was 63.55 years.", ["altered"]),  # more precise than, and not, what was reported
        ("Treatment lasted 84 days.", ["derived"]),
        ("Treatment lasted 3 months.", ["derived"]),
        ("Treatment lasted 2 months.", ["altered"]),
        ("They took 5 mg.", ["supported"]),  # "5 or 10 mg"
        ("They took 0.01 g.", ["derived"]),
        ("They took 5 g daily.", ["altered"]),
        ("24 children were excluded.", ["supported"]),
        ("AF was rarer (p<.001).", ["derived"]),  # a true looser bound of 0.0004
        ("Atrial fibrillation was rarer with cardrenidine (p < 0.0001).", ["altered"]),
        ("Survival differed (P < 0.05).", ["derived"]),  # of another outcome: numbers alone do not tell
        ("41% were responders.", ["derived"]),  # a proportion
        ("75% of screened adults were ineligible.", ["derived"]),  # 898 / 1,204
        ("More than 1,200 adults were screened.", ["derived"]),
        ("More than 1,300 adults were screened.", ["altered"]),
        ("Mean age was 58 years.", ["altered"]),
        ("Relative risk 0.49 (95% CI 0.36 to 0.75).", ["supported", "supported", "altered"]),
        ("Bleeding was seen in 44.4% of women.", ["absent"]),
        ("It is a type 2 IL-6 disorder, first named in 1987.", []),
    ],
)
def test_states_of_numbers(claim: str, expected: list[str]) -> None:
    assert [check.state for check in check_numbers(claim, [SOURCE])] == expected


def test_exchanged_numbers_are_seen_in_a_copied_sentence_only() -> None:
    copied = SOURCE.split(" (relative")[0].replace("17.0", "x").replace("35.0", "17.0").replace("x", "35.0")
    states = [(c.quantity.text, c.state, c.why) for c in check_numbers(copied, [SOURCE])]
    assert ("35.0%", "altered", "35.0% where the source has 17.0%") in states
    assert ("17.0%", "altered", "17.0% where the source has 35.0%") in states
    told = check_numbers("With placebo AF was seen in 17%, with the drug in 35%.", [SOURCE])
    assert [c.state for c in told] == ["supported", "supported"]


def test_a_bound_of_p_is_not_its_opposite() -> None:
    assert [
        c.state for c in check_numbers("Survival was better (P < 0.05).", ["Survival was similar (P > 0.05)."])
    ] == ["altered"]


def test_the_reason_names_both_numbers() -> None:
    (check,) = check_numbers("Mean age was 58 years.", [SOURCE])
    assert check.why == "58 years where the source has 63.54 years"
    (check,) = check_numbers("Bleeding was seen in 44.4% of women.", [SOURCE])
    assert check.why == "44.4% does not stand in a cited abstract"
