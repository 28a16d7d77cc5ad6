from __future__ import annotations

import pytest

from rag.number_check import check_numbers
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


WORDS = (
    "The new drug was ineffective in preventing stroke, a non-significant effect—small at best. It couldn't help. "
    "Patients received 25 mg or 5-10 mg of low-dose warfarin. Mortality fell to 12.5%, by 1,234 (P=.05), in 12 weeks."
)


@pytest.mark.parametrize(
    ("quote", "within"),
    [
        ("effective in preventing stroke", "in|effective"),
        ("significant effect", "non-|significant"),
        ("The new drug was in", "in|effective"),
        ("It could", "could|n't"),
        ("5 mg or", "2|5"),
        ("10 mg of", "5-|10"),
        ("mg of low", "low|-dose"),
        ("Mortality fell to 1", "1|2.5"),
        ("Mortality fell to 12", "12|.5"),
        ("Mortality fell to 12.", "12.|5"),
        ("Mortality fell to 12.5", "12.5|%"),
        ("5%, by 1,234", "12.|5"),
        ("by 1", "1|,234"),
        ("234 (P=.05)", "1,|234"),
        ("The new drug … effective in preventing", "in|effective"),
    ],
)
def test_a_quotation_does_not_begin_or_end_within_a_word_or_number(quote: str, within: str) -> None:
    assert quote.rpartition("… ")[2] in WORDS  # the letters do stand there
    assert within.replace("|", "") in WORDS
    assert find_quote(quote, WORDS) is None


@pytest.mark.parametrize(
    "quote", ["a non-significant effect", "small at best.", "in 12 weeks", "12.5%", "(P=.05)", "mg"]
)
def test_whole_words_and_numbers_are_found_wherever_they_stand(quote: str) -> None:
    assert find_quote(quote, WORDS) == (WORDS.index(quote), WORDS.index(quote) + len(quote))


def test_a_later_whole_word_is_found_behind_an_earlier_part_of_one() -> None:
    assert find_quote("effective", "ineffective, then effective") == (18, 27)


def test_numbers_of_a_claim_that_stands_there_only_in_part_are_not_supported() -> None:
    source = "Patients received 25 mg of warfarin. Mortality fell to 34.5%."
    for claim in ("5 mg of warfarin.", "Mortality fell to 34."):
        assert [c.state for c in check_numbers(claim, [source])] in (["altered"], ["absent"]), claim


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
