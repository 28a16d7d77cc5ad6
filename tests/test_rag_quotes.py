from __future__ import annotations

import pytest

from rag.quotes import find_quote
from rag.sentences import split_sentences

TEXT = "Title here\nRESULTS: HbA₁c fell by 0·8 % – “markedly” – in\n 1 200 patients (95% CI 0.5–1.1)."


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("HbA₁c fell by 0·8 %", "HbA₁c fell by 0·8 %"),
        ("HbA1c fell by 0.8 %", "HbA₁c fell by 0·8 %"),  # NFKC and the decimal dot
        ('0.8 % - "markedly" - in 1 200', "0·8 % – “markedly” – in\n 1 200"),  # dashes, quotes, white space
        ("fell by … patients", "fell by 0·8 % – “markedly” – in\n 1 200 patients"),
        ("fell by [...] patients", "fell by 0·8 % – “markedly” – in\n 1 200 patients"),
        ("“RESULTS: HbA₁c fell”", "RESULTS: HbA₁c fell"),
    ],
)
def test_quotes_that_stand_in_the_text(quote: str, found: str) -> None:
    span = find_quote(quote, TEXT)
    assert span is not None
    assert TEXT[slice(*span)] == found


@pytest.mark.parametrize(
    "quote",
    [
        "HbA₁c rose by 0·8 %",
        "hba1c fell",
        "patients … fell by",
        "fell by 0.9",
        "",
        "…",
        "«»",
        "fell by 0·8 % … fell by",
    ],
)
def test_quotes_that_do_not(quote: str) -> None:
    assert find_quote(quote, TEXT) is None


def test_sentences_know_where_they_stand() -> None:
    text = (
        "BACKGROUND: Dr. Smith et al. saw E. coli in vitamin C. It rose by 0.5 mg. (P = 0.01) However, i.e. A vs. B.\n"
        "MAIN OUTCOME MEASURES: 12 died. Was it so? “Yes.” mRNA was low."
    )
    spans = split_sentences(text)
    assert [s.text for s in spans] == [
        "Dr. Smith et al. saw E. coli in vitamin C.",
        "It rose by 0.5 mg.",
        "(P = 0.01) However, i.e. A vs. B.",
        "12 died.",
        "Was it so?",
        "“Yes.” mRNA was low.",
    ]
    assert all(text[s.start : s.end] == s.text for s in spans)
    assert split_sentences("") == []


def test_sentences_of_real_abstracts_lose_no_word(sample_index: object) -> None:
    from indexes import Index

    assert isinstance(sample_index, Index)
    for pmid in sample_index._columns.pmids.tolist():
        document = sample_index.get(str(pmid))
        assert document is not None
        spans = split_sentences(document.abstract)
        kept = "".join("".join(s.text.split()) for s in spans)
        for section in document.sections:
            assert "".join(section.text.split()) in kept
