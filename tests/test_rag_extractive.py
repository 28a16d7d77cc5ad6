"""When the extractive model answers: the match of the best passage, moved by what the verifier makes of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from indexes.index import Index
from rag.answer import Evidence
from rag.extractive import ANSWER_FROM, SAYING, Extractive, choose_passages, rank_sentences
from rag.prompt import Passage, build_messages


class Verifier:
    """Finds every passage silent with the same probability, and remembers what it was asked."""

    def __init__(self, silent: float):
        self.silent, self.asked = silent, []

    def scores(self, pairs):  # type: ignore[no-untyped-def]
        self.asked += pairs
        return np.tile([1 - self.silent, 0.0, self.silent], (len(pairs), 1))


def passage(pmid: str, match: float, status: str = "ok") -> Passage:
    return Passage(pmid, status, match, f"Zinc {pmid}\nZinc reduced fever in trial {pmid}.")


@pytest.fixture
def verifier(monkeypatch: pytest.MonkeyPatch) -> Verifier:
    made = Verifier(0.5)
    monkeypatch.setattr("finetuned.verifier.load_verifier", lambda: made)
    return made


@pytest.mark.parametrize(
    ("match", "silent", "answers"),
    [
        (ANSWER_FROM, 0.5, True),  # log-odds 0: the match alone
        (ANSWER_FROM - 0.01, 0.5, False),
        (0.7, 0.2, True),  # ln 4 = 1.386, so .7 + .05 × 1.386 = .769
        (0.7, 0.3, False),  # ln(7/3) = .847, so .742
        (0.41, 1e-9, True),  # cut off at 7: .41 + .35
        (0.39, 1e-9, False),
        (0.8, 0.8, False),  # .8 - .069
        (1.0, 1 - 1e-9, False),
        (2.0, 1 - 1e-9, True),  # an oracle's paper: not asked
    ],
)
def test_the_verifier_moves_the_match(verifier: Verifier, match: float, silent: float, answers: bool) -> None:
    verifier.silent = silent
    chosen, reached = choose_passages("Does zinc reduce fever?", [passage("1", match)])
    assert bool(chosen) == answers
    odds = max(-7.0, min(7.0, math.log((1 - silent) / silent)))
    asked = abs(match - ANSWER_FROM) <= 0.35
    assert reached == pytest.approx(match + SAYING * odds * asked)


def test_only_the_best_sound_paper_is_read_and_only_where_it_can_decide(verifier: Verifier) -> None:
    passages = [passage("1", 0.6), passage("2", 0.8), passage("3", 1.0, "retracted")]
    choose_passages("Q?", passages)
    assert verifier.asked == [("Q?", passages[1].text)]
    for match in (0.3, 2.0):
        choose_passages("Q?", [passage("4", match)])
    assert len(verifier.asked) == 1
    assert choose_passages("Q?", [passage("5", 1.2, "retracted")]) == ([], 0.0)


def test_papers_that_match_nearly_as_well_speak_too(verifier: Verifier) -> None:
    chosen, _ = choose_passages("Q?", [passage("1", 0.6), passage("2", 0.8), passage("3", 0.679), passage("4", 0.681)])
    assert [p.pmid for p in chosen] == ["2", "4"]  # from .85 × .8 = .68 on


def test_an_abstention_says_what_was_needed(verifier: Verifier) -> None:
    paper = Evidence("1", "Zinc", "Zinc\nZinc reduced fever.", 2020, "J", (), "ok", 1.0, 0.7)
    verifier.silent = 0.6  # ln(2/3) = -.405
    said = Extractive().invoke(build_messages("Does zinc reduce fever?", [paper])).text
    why = "best match 0.70, with the verifier's reading 0.67, needed 0.75"
    assert said == f"ABSTAIN: No paper found covers enough of the question ({why})."


def test_a_question_in_an_abstract_is_no_answer() -> None:
    text = "Aspirin\nAspirin was given to adults. It lowered blood pressure a little. Does aspirin prevent stroke?"
    assert [s.text for s in rank_sentences("Does aspirin prevent stroke?", text)][-1] == "Does aspirin prevent stroke?"


def test_the_shipped_verifier_tells_a_paper_on_the_question_from_another(sample_index: Index) -> None:
    """Two papers of equal match: the one that speaks to the question is answered from, the other not."""
    paper = sample_index.get("90010017")
    assert paper is not None
    question = "Do Brackley meals make migraines rarer?"
    on, off = paper.text, "A survey of staff\nNurses were asked about their rotas. Rotas were found to be long."
    assert choose_passages(question, [Passage("1", "ok", 0.7, on)])[1] > 0.7
    assert choose_passages(question, [Passage("2", "ok", 0.7, off)])[1] < 0.7
