"""What of an output is a claim, and what is not, sentence by sentence."""

from __future__ import annotations

import json

import pytest

from experiments.audit.claims import blocks, extract_claims, is_claim


def texts(output: str) -> list[str]:
    return [claim.text for claim in extract_claims(output)]


@pytest.mark.parametrize(
    "sentence",
    [
        "Is quorvacept effective in rheumatoid arthritis?",
        "To determine if quorvacept helps, we need to consider the available evidence.",
        "Let's think step by step about this question.",
        "The correct answer is (B) no.",
        "Option C is the best choice because of the dose.",
        "Therefore, the answer is A. yes.",
        "I cannot tell from the passages whether quorvacept helps.",
        "Please consult your doctor before you take quorvacept.",
        "Yes, it does.",
        "Document [2] discusses the need for better trials in old patients.",
        "The provided documents do not mention the dose of quorvacept.",
    ],
)
def test_what_is_no_claim(sentence: str) -> None:
    assert not is_claim(sentence)
    assert texts(sentence) == []


@pytest.mark.parametrize(
    ("sentence", "claim"),
    [
        ("Quorvacept lowers pain in arthritis.", "Quorvacept lowers pain in arthritis."),
        ("Therefore, quorvacept lowers pain in arthritis.", "Quorvacept lowers pain in arthritis."),
        ("Document [3] states that quorvacept lowers pain in adults.", "Quorvacept lowers pain in adults."),
        ("According to the provided documents, quorvacept lowers pain.", "Quorvacept lowers pain."),
        ("Step 2: It is clear that quorvacept lowers pain.", "Quorvacept lowers pain."),
        ("2. **Quorvacept** lowers pain in arthritis.", "Quorvacept lowers pain in arthritis."),
        ("There is no evidence that quorvacept lowers pain.", "There is no evidence that quorvacept lowers pain."),
    ],
)
def test_what_a_sentence_claims(sentence: str, claim: str) -> None:
    assert texts(sentence) == [claim]


def test_figures_after_a_full_stop_belong_to_their_sentence() -> None:
    text = "Deaths fell in the treated group, p < 0.05. HR 0.8 (95% CI 0.7–0.9)."
    assert texts(text) == [text]


def test_citations_go_with_the_sentence_before_them() -> None:
    found = extract_claims(
        "Quorvacept lowers pain a lot. [90010017, 90010018] It also lowers swelling (PMID: 90010019)."
    )
    assert [(c.text, c.citations) for c in found] == [
        ("Quorvacept lowers pain a lot.", ("90010017", "90010018")),
        ("It also lowers swelling.", ("90010019",)),
    ]


def test_numbers_in_brackets_that_are_no_papers_stay() -> None:
    (claim,) = extract_claims("Pain fell by 3.1 points (2019) in one large trial [3].")
    assert claim.citations == ()
    assert "[3]" in claim.text


def test_places_of_passages_that_were_shown_are_citations() -> None:
    (claim,) = extract_claims("Quorvacept lowers pain in adults [2].", shown=("90010017", "90010018"))
    assert (claim.text, claim.citations) == ("Quorvacept lowers pain in adults.", ("90010018",))


def test_a_quotation_line_belongs_to_its_sentence() -> None:
    (claim,) = extract_claims('Quorvacept lowers pain a lot [90010017].\n> 90010017: "pain fell by half"\n')
    assert claim.quotes == (("90010017", "pain fell by half"),)


def test_reasoning_and_answer_are_told_apart() -> None:
    thought = json.dumps({"step_by_step_thinking": "Quorvacept lowers pain in adults.", "answer_choice": "A"})
    plain = "Quorvacept lowers pain in adults.\nFinal answer: B, since quorvacept harms the liver badly."
    assert [(c.part, c.text) for c in extract_claims(thought)] == [("reasoning", "Quorvacept lowers pain in adults.")]
    assert [c.part for c in extract_claims("Quorvacept lowers pain in adults.")] == ["answer"]
    assert {c.part for c in extract_claims(plain)} <= {"reasoning", "answer"}


def test_thinking_that_no_reader_sees_is_left_out() -> None:
    assert texts("<think>Quorvacept cures every disease there is.</think>Quorvacept lowers pain in adults.") == [
        "Quorvacept lowers pain in adults."
    ]


def test_json_that_was_cut_off_is_still_read() -> None:
    assert texts('{"reasoning": "Quorvacept lowers pain in adults. It is given twi') == [
        "Quorvacept lowers pain in adults.",
    ]


@pytest.mark.parametrize("output", ["", "A", "B. yes", '{"answer_choice": "A"}', "I don't know.", "{}", "[[["])
def test_an_option_or_a_refusal_claims_nothing(output: str) -> None:
    assert extract_claims(output) == ()


def test_a_claim_knows_where_it_stands() -> None:
    output = "To begin, we need to consider the drug.\nTherefore, quorvacept lowers pain in adults [90010017]. Fine."
    (claim,) = extract_claims(output)
    assert blocks(output)[claim.block][1][claim.start : claim.end].rstrip() == (
        "Therefore, quorvacept lowers pain in adults [90010017]."
    )
