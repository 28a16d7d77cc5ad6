"""When the extractive model answers: the match of the best passage, moved by what the verifier makes of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from indexes.index import Index
from rag.answer import Evidence
from rag.extractive import ANSWER_FROM, SAYING, Extractive, choose_passages
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
        (1.0, 0.2, True),  # ln 4 = 1.386, so 1.0 + .05 × 1.386 = 1.069
        (1.0, 0.3, False),  # ln(7/3) = .847, so 1.042
        (0.72, 1e-9, True),  # cut off at 7: .72 + .35
        (0.69, 1e-9, False),
        (1.1, 0.8, False),  # 1.1 - .069
        (1.39, 1 - 1e-9, False),
        (1.41, 1 - 1e-9, True),  # not asked
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
    passages = [passage("1", 0.8), passage("2", 1.0), passage("3", 1.2, "retracted")]
    choose_passages("Q?", passages)
    assert verifier.asked == [("Q?", passages[1].text)]
    for match in (0.3, 1.5):
        choose_passages("Q?", [passage("4", match)])
    assert len(verifier.asked) == 1
    assert choose_passages("Q?", [passage("5", 1.2, "retracted")]) == ([], 0.0)


def test_papers_that_match_nearly_as_well_speak_too(verifier: Verifier) -> None:
    chosen, _ = choose_passages("Q?", [passage("1", 1.1), passage("2", 1.3), passage("3", 1.104), passage("4", 1.106)])
    assert [p.pmid for p in chosen] == ["2", "4"]  # from .85 × 1.3 = 1.105 on


def test_an_abstention_says_what_was_needed(verifier: Verifier) -> None:
    paper = Evidence("1", "Zinc", "Zinc\nZinc reduced fever.", 2020, "J", (), "ok", 1.0, 0.9)
    said = Extractive().invoke(build_messages("Does zinc reduce fever?", [paper])).text
    assert said == "ABSTAIN: No paper found covers enough of the question (best match 0.90, needed 1.05)."


def test_the_shipped_verifier_tells_a_paper_on_the_question_from_another(sample_index: Index) -> None:
    """Two papers of equal match: the one that speaks to the question is answered from, the other not."""
    paper = sample_index.get("90010017")
    assert paper is not None
    question = "Do Brackley meals make migraines rarer?"
    on, off = paper.text, "A survey of staff\nNurses were asked about their rotas. Rotas were found to be long."
    assert choose_passages(question, [Passage("1", "ok", 1.0, on)])[1] > 1.0
    assert choose_passages(question, [Passage("2", "ok", 1.0, off)])[1] < 1.0
