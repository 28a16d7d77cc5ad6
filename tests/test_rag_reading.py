"""The chat model `reader`: what it makes of the prompts; scores that are set by hand stand in for the models' own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from langchain_core.messages import HumanMessage

from indexes import Index
from rag import Assistant
from rag.answer import Checks, Sentence
from rag.llm import load_llm
from rag.prompt import build_messages, retry_messages
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


ASK = "<passages>\n{}\n</passages>\n\n<question>\n{}\n</question>"
PASSAGE = '<passage pmid="{}" year="2020" design="trial" status="ok" match="{}">\nZinc.\n{}\n</passage>'
LOWERED = "Zinc lowered fever."


def said(*passages: str, question: str = "Does zinc lower fever?") -> str:
    return load_llm("reader").invoke([HumanMessage(ASK.format("\n\n".join(passages), question))]).text


def test_in_the_assistant_it_cites_a_sentence_and_leaves_papers_off_the_question_out(reader: Fixed) -> None:
    assert said(PASSAGE.format(7, "0.950", LOWERED)) == (
        f'Yes, as the reader judges (unverified): {LOWERED} [7]\n> 7: "{LOWERED}"'
    )
    assert said(PASSAGE.format(8, "0.300", LOWERED)).startswith("ABSTAIN:")


class Reads:
    """Says yes of a text as surely as `yes` says."""

    def __init__(self, yes: dict[str, float]):
        self.yes = yes

    def scores(self, pairs):  # type: ignore[no-untyped-def]
        said = [self.yes.get(text, 0.9) for _, text in pairs]
        return np.array([[yes, 0.95 - yes, 0, 0.05] for yes in said], dtype=np.float32)


def test_it_quotes_the_sentence_that_gives_it_the_most_of_its_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    body = "Zinc lowered fever in the treated. Does zinc lower fever was the question."  # the second has more words
    monkeypatch.setattr(
        "finetuned.reader.load_reader",
        lambda: Reads({"Zinc lowered fever in the treated.": 0.8, "Does zinc lower fever was the question.": 0.3}),
    )
    assert "(unverified): Zinc lowered fever in the treated. [7]" in said(PASSAGE.format(7, "0.950", body))


@pytest.mark.parametrize(
    ("question", "whether"),
    [
        ("What are the side effects of zinc?", False),
        ("How is fever diagnosed?", False),
        ("Which dose of zinc lowers fever?", False),
        ("Can you list the uses of zinc?", False),
        ("Isn't zinc good for fever?", True),
        ("In children with fever, does zinc help?", True),
        ("Does zinc lower fever? And in children?", True),
    ],
)
def test_it_judges_only_whether_something_is_so(reader: Fixed, question: str, whether: bool) -> None:
    assert said(PASSAGE.format(7, "0.950", LOWERED), question=question).startswith(
        "Yes" if whether else "ABSTAIN: The reader"
    )


def test_it_is_asked_no_second_time_where_its_sentence_fails(
    sample_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finetuned.reader.load_reader", lambda: Reads({}))
    failing = Checks(True, True, False, True, True, problems=("not verbatim",))
    monkeypatch.setattr(
        "rag.drafting.verify_sentence", lambda d, e, attempt: Sentence(d.text, d.citations, (), failing, attempt)
    )
    question = "Does gestavorin at night from the first trimester prevent pre-eclampsia in singleton pregnancies?"
    answer = Assistant(sample_index, "reader").ask(question)
    assert [s.text.partition(":")[0] for s in answer.struck] == ["Yes, as the reader judges (unverified)"]
    assert answer.trace.model_calls == 1
    again = retry_messages(build_messages(question, answer.evidence), "x", answer.struck)
    assert load_llm("reader").invoke(again).text.startswith("Yes, as the reader judges")
