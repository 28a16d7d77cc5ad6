"""The chat model `reader`: what it makes of the prompts; scores that are set by hand stand in for the models' own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from langchain_core.messages import HumanMessage

from rag.llm import load_llm
from rag.reading import ABSTENTION, choose_option

PROMPT = """<passages>
<passage pmid="1" year="2020">
Zinc lowered fever. It was safe.
</passage>

<passage pmid="2" year="2021">
Zinc did nothing for fever.
</passage>
</passages>

Question: Does zinc lower fever?

Options:
A. yes
B. no
C. maybe

Answer with one letter."""


class Fixed:
    """Gives rows in the order of the pairs."""

    def __init__(self, *rows: Sequence[float]):
        self.rows, self.asked = np.array(rows, dtype=np.float32), []

    def scores(self, pairs):  # type: ignore[no-untyped-def]
        self.asked += pairs
        return self.rows[: len(pairs)]


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Fixed:
    fixed = Fixed([0.7, 0.1, 0.1, 0.1], [0.1, 0.3, 0.1, 0.5])
    monkeypatch.setattr("finetuned.reader.load_reader", lambda: fixed)
    return fixed


def test_texts_count_by_how_surely_they_say_something(reader: Fixed) -> None:
    letter, probability, place = choose_option("Q?", {"A": "yes", "B": "no", "C": "maybe"}, ["one", "two"]) or (
        "",
        0,
        0,
    )
    # weights .9² and .5², shares of yes .7/.9 and .1/.5
    assert probability == pytest.approx((0.81 * 0.7 / 0.9 + 0.25 * 0.1 / 0.5) / (0.81 + 0.25), abs=1e-5)
    assert (letter, place) == ("A", 0)


def test_the_prompt_of_the_head_to_head_is_read_and_answered_with_a_letter(reader: Fixed) -> None:
    assert load_llm("reader").invoke([HumanMessage(PROMPT)]).text == "Final answer: A"
    assert reader.asked == [
        ("Does zinc lower fever?", "Zinc lowered fever. It was safe."),
        ("Does zinc lower fever?", "Zinc did nothing for fever."),
    ]


def test_without_passages_it_abstains(reader: Fixed) -> None:
    assert load_llm("reader").invoke([HumanMessage(PROMPT[PROMPT.index("Question") :])]).text == ABSTENTION
    assert not reader.asked


def test_silent_passages_are_an_abstention(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finetuned.reader.load_reader", lambda: Fixed([0.1, 0.1, 0.1, 0.7], [0.2, 0.1, 0.1, 0.6]))
    assert load_llm("reader").invoke([HumanMessage(PROMPT)]).text == ABSTENTION


def test_other_options_are_judged_as_claims_by_the_verifier(monkeypatch: pytest.MonkeyPatch) -> None:
    fixed = Fixed([0.1, 0.8, 0.1], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1])
    monkeypatch.setattr("finetuned.verifier.load_verifier", lambda: fixed)
    options = {"A": "increased", "B": "decreased", "C": "no difference"}
    letter, _, _ = choose_option("In adults given zinc, what happened to fever?", options, ["Fever fell."]) or (
        "",
        0,
        0,
    )
    assert letter == "B"
    assert fixed.asked[1] == ("In adults given zinc, what happened to fever: decreased", "Fever fell.")


def test_in_the_assistant_it_cites_a_sentence_and_leaves_papers_off_the_question_out(reader: Fixed) -> None:
    passage = (
        '<passage pmid="{}" year="2020" design="trial" status="ok" match="{}">\nZinc.\nZinc lowered fever.\n</passage>'
    )
    ask = "<passages>\n{}\n</passages>\n\n<question>\nDoes zinc lower fever?\n</question>"
    said = load_llm("reader").invoke([HumanMessage(ask.format(passage.format(7, "0.950")))]).text
    assert said == 'Yes, as the reader judges: Zinc lowered fever. [7]\n> 7: "Zinc lowered fever."'
    assert load_llm("reader").invoke([HumanMessage(ask.format(passage.format(8, "0.300")))]).text.startswith("ABSTAIN:")
