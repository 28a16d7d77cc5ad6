"""The exact checks of whole answers: a ledger worked out by hand, and each known failure of such checks."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from rag.findings import check_answer, check_claim
from rag.flags import FLAGS
from rag.mentions import find_mentions, without
from rag.sentences import split_sentences

A, B, C, D = "12345678", "23456789", "34567890", "45678901"


def paper(pmid: str, text: str, **known: str) -> SimpleNamespace:
    facts = {"journal": "The New England journal of medicine", "date": "2014-03", "status": "ok"} | known
    return SimpleNamespace(pmid=pmid, title=text.split("\n")[0], text=text, **facts)


SHOWN = [
    paper(A, "Quendorax and blood pressure\nQuendorax lowered systolic blood pressure by 12.54 mmHg in 306 patients. "
          "Adverse events were rare and mild in both groups."),
    paper(B, "Statins\nStatins reduced deaths in older adults with heart failure.", status="retracted"),
    paper(C, "Aspirin\nAspirin prevented strokes in middle-aged women with migraine.", status="concern"),
]  # fmt: skip
INDEX = {p.pmid: p for p in [*SHOWN, paper(D, "Later\nA later paper on quendorax.", date="2021")]}


def check(text: str, **options: object):
    return check_answer(text, **({"shown": SHOWN, "lookup": INDEX.get} | options))


def kinds(text: str, **options: object) -> list[str]:
    return [f.kind for f in check(text, **options).flags if f.severity != "note"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"So it is [{A}].", [A]),
        (f"So it is (PMID: {A}, {B} and {C}).", [A, B, C]),
        (f"So it is [PMID {A}; {B}].", [A, B]),
        (f"PMIDs {A}, {B}", [A, B]),
        (f"https://pubmed.ncbi.nlm.nih.gov/{A}/ and www.ncbi.nlm.nih.gov/pubmed/{B}", [A, B]),
        (f"({A})", [A]),
        ("doi:10.1000/ABC.1.", ["10.1000/abc.1"]),
        ("See [1, 3] and [4].", [A, C]),  # places of the passages shown; there is no fourth
        ("95% CI [12345, 23456], in [2015], the 12345 patients", []),
        ("the PMID of the paper", []),
        ("PMID: XXXXXXXX and PMID PMC123456 and PMID 123456789", ["XXXXXXXX", "PMC123456", "123456789"]),
    ],
)
def test_citations_are_found_in_every_form(text: str, expected: list[str]) -> None:
    found = find_mentions(text, shown=[A, B, C])
    assert [m.target for m in found] == expected
    assert len(without(text, found)) == len(text)
    assert not any(m.target in without(text, found) for m in found if m.target.isdigit())


def test_the_ledger() -> None:
    text = f"One [{A}]. Two [{D}]. Three (PMID 99999999). Four (PMID 123456789). Five, doi:10.1000/x1."
    assert [(c.pmid, c.state) for c in check(text).ledger] == [
        (A, "shown"),
        (D, "indexed"),
        ("99999999", "unresolved"),
        ("123456789", "malformed"),
        ("10.1000/x1", "unchecked"),
    ]
    assert [c.state for c in check(text, shown=None).ledger][:2] == ["indexed", "indexed"]
    assert [c.state for c in check(text, lookup=None).ledger][:2] == ["shown", "unchecked"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Quendorax lowered systolic blood pressure by 12.5 mmHg [{A}].", []),
        (f"Quendorax lowered systolic blood pressure by 15 mmHg [{A}].", ["number_altered"]),
        (f"Quendorax raised systolic blood pressure by 12.54 mmHg in 306 patients [{A}].", ["direction_reversed"]),
        (f"Quendorax was bought by 77 hospitals [{A}].", ["number_absent"]),
        ("Quendorax lowered blood pressure (PMID 99999999).", ["citation_unresolved"]),
        ("Quendorax lowered blood pressure (PMID 999999999).", ["citation_malformed"]),
        (f"A later paper says more on quendorax [{D}].", ["citation_not_shown"]),
        ("Quendorax lowered systolic blood pressure.", ["citation_missing"]),
        (f"Statins reduced deaths in older adults [{B}].", ["source_retracted"]),
        (f"A retracted paper says that statins reduced deaths [{B}].", []),
        (f"Some older adults with heart failure were withdrawn from statins [{B}].", ["source_retracted"]),
        (f"Aspirin prevented strokes in women with migraine [{C}].", ["source_concern"]),
        (f"Aspirin prevented strokes in middle-aged women with migraine [{A}].", ["citation_misattributed"]),
        (f'The paper says "adverse events were rare" [{A}].', ["quote_altered"]),
        (f'The paper says "this drug cures all known ills" [{A}].', ["quote_absent"]),
        (f'The paper says "Adverse events were rare and mild" [{A}].', []),
        (f'In the trial titled "Statins against old age in mice", pressure fell [{A}].', ["citation_misattributed"]),
        (f"Quendorax lowered pressure, as published in The Lancet [{A}].", ["citation_misattributed"]),
        (f"Quendorax lowered pressure, as published in N Engl J Med [{A}].", []),
        (f"Quendorax lowered pressure (Smith et al., 2009) [{A}].", ["citation_misattributed"]),
        (f"Quendorax lowered pressure (Smith et al., 2015) [{A}].", []),  # a year apart: online and print
        ("I cannot answer this from the passages.", []),
        ("The passages do not say which dose is best.", []),
        ("", []),
    ],
)  # fmt: skip
def test_flags_of_one_sentence(text: str, expected: list[str]) -> None:
    assert kinds(text) == expected


def test_flags_stand_where_they_concern() -> None:
    text = f"Adverse events were rare and mild [{A}]. Quendorax lowered systolic blood pressure by 15 mmHg [{A}]."
    (flag,) = check(text).flags
    assert (text[flag.start : flag.end], flag.kind) == ("15 mmHg", "number_altered")


def test_as_of_a_day_no_later_paper_is_cited() -> None:
    text = f"A later paper says more on quendorax [{D}], unlike an earlier one [{A}]."
    assert kinds(text, as_of="2020-12-31", shown=None) == ["citation_after_as_of"]
    assert kinds(text, as_of="2022-12-31", shown=None) == []


def test_closed_book_citations_are_held_against_the_index() -> None:
    text = f"Quendorax lowered systolic blood pressure by 15 mmHg (PMID {A}). It is cheap."
    assert kinds(text, shown=None) == ["number_altered"]
    assert kinds("Quendorax cut deaths by 15% in 77 patients.", shown=None) == []  # nothing to hold it against
    assert kinds("Quendorax cut deaths by 15% in 77 patients.", shown=[]) == ["citation_missing"]  # an empty context


def test_coverage_and_fidelity_are_undefined_where_there_is_nothing_to_count() -> None:
    none = check("I cannot answer this. Why not?")
    assert (none.coverage, none.quote_fidelity, none.numbers) == (None, None, {})
    text = (
        f'Quendorax lowered the pressure of blood [{A}]. It did so in all. "Adverse events were rare and mild" [{A}].'
    )
    some = check(text)
    assert (some.coverage, some.quote_fidelity) == (2 / 3, 1.0)
    assert check(text.replace("mild", "wild")).quote_fidelity == 0.0
    assert check(f"By 12.5 mmHg, or 15 mmHg, in 306 patients pressure fell [{A}].").numbers == {
        "derived": 1,
        "altered": 1,
        "supported": 1,
    }


def test_a_citation_after_the_full_stop_belongs_to_the_sentence_before() -> None:
    text = f"Adverse events were rare and mild. [{A}] Statins reduced deaths in older adults. (PMID {B})"
    assert [[c.pmid for c in s.citations] for s in check(text).sentences] == [[A], [B]]


def test_references_are_in_the_ledger_but_claim_nothing() -> None:
    text = (
        f"Adverse events were rare and mild [{A}].\n\nReferences:\n1. Roe J. Quendorax in 99 men. 2001;3(2). PMID {A}"
    )
    found = check(text)
    assert [s.claim for s in found.sentences] == [True, False, False]
    assert [f.kind for f in found.flags] == ["citation_misattributed"]  # the paper is of 2014


def test_results_figures_stay_with_their_sentence() -> None:
    assert [s.text for s in split_sentences("No. Aspirin failed. See No. 5.")] == [
        "No.",
        "Aspirin failed.",
        "See No. 5.",
    ]
    text = "Deaths fell, p < 0.05. HR 0.8 (95% CI 0.7–0.9). OR staff agreed. P values were low."
    assert [s.text for s in split_sentences(text)] == [
        "Deaths fell, p < 0.05. HR 0.8 (95% CI 0.7–0.9).",
        "OR staff agreed.",
        "P values were low.",
    ]


def test_claims_without_evidence_have_nothing_to_be_held_against() -> None:
    assert check_claim("Deaths fell by 12%.", []) == check_claim("Deaths fell by 12%.", [" "]) == []


def test_every_kind_has_its_words() -> None:
    assert all(kind.words and kind.severity in {"error", "warning", "note"} for kind in FLAGS.values())
