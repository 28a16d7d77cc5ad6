"""Errors planted in answers made from the bundled sample: each is really there, and the rules find it."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from typer.testing import CliRunner

from clinrag import app
from experiments.audit.planting import PLANTERS, Planted, plant
from experiments.audit.trial import Outcome, trial_table, trial_text, try_checks
from indexes import Index
from rag.numbers import find_quantities

EACH = 20
EXACT = ("altered number", "invented PMID", "swapped PMID", "misquote", "retracted source")


@pytest.fixture(scope="module")
def answers(sample_index: Index) -> list[Planted]:
    return list(plant(sample_index, each=EACH, seed=3))


def test_each_kind_is_made_as_often_as_asked_and_the_same_for_a_seed(
    sample_index: Index, answers: list[Planted]
) -> None:
    assert Counter(a.kind for a in answers) == dict.fromkeys(["", *PLANTERS], EACH)
    again = plant(sample_index, each=EACH, seed=3)
    assert [a.text for a in again] == [a.text for a in answers]


def test_an_error_is_in_its_sentence_and_nowhere_else(sample_index: Index, answers: list[Planted]) -> None:
    for answer in answers:
        texts = {p.pmid: p for p in answer.shown}
        for place, told in enumerate(answer.sentences):
            whole = told.pmid in texts and told.source in texts[told.pmid].text
            numbers = {q.value for q in find_quantities(told.text)}
            known = {q.value for p in answer.shown for q in find_quantities(p.text)}
            if place != answer.place:
                assert whole
                assert not told.quoted or told.text == told.source
                continue
            match answer.kind:
                case "altered number":
                    assert whole
                    assert len(numbers - known) == 1
                case "invented PMID":
                    assert sample_index.get(told.pmid) is None
                case "swapped PMID" | "unsupported addition":
                    assert told.pmid in texts
                    assert not whole
                case "misquote":
                    assert told.text not in texts[told.pmid].text
                case "retracted source":
                    assert texts[told.pmid].status == "retracted"
                case "flipped direction":
                    assert told.text != told.source


def test_rules_find_what_is_exact_and_leave_the_untouched_alone(sample_index: Index, answers: list[Planted]) -> None:
    found = Counter(o.kind for o in try_checks(answers, sample_index) if o.rules)
    assert {kind: found[kind] for kind in EXACT} == dict.fromkeys(EXACT, EACH)
    assert found["flipped direction"] >= 0.8 * EACH
    assert found[""] == 0


def test_the_table_has_wilson_intervals() -> None:
    outcomes = [Outcome("misquote", rules=n < 8, contradicted=False, unverifiable=False) for n in range(10)]
    (row,) = trial_table(outcomes)
    # Wilson (1927) for 8 of 10: 0.4902 to 0.9433, as statsmodels' proportion_confint gives it
    assert (row["n"], row["rules"]["found"]) == (10, 8)
    assert row["rules"]["low"] == pytest.approx(0.490162, abs=1e-5)
    assert row["rules"]["high"] == pytest.approx(0.943318, abs=1e-5)
    assert trial_text([row]).splitlines()[-1] == "| misquote | 10 | 80.0 (49.0–94.3) |"


def test_the_command_prints_a_row_a_kind(sample_index: Index) -> None:
    command = ["experiment", "planted", str(sample_index.directory), "--each", "2", "--model", "lexical", "--json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["kind"] for row in rows] == ["no error (false alarms)", *PLANTERS]
    assert {*rows[0]} == {"kind", "n", "rules", "contradicted", "unverifiable"}
