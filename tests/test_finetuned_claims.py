"""Reading claims and evidence by rules: tables made by hand."""

from __future__ import annotations

import random
import re

import pytest

from finetuned.claims import read_claim
from finetuned.cues import find_cues, flip_words
from finetuned.evidence_rules import read_evidence
from finetuned.marking import MARKS, comparisons, mark, significance, swap_numbers
from finetuned.passages import choose, sentences
from finetuned.statements import read_statement
from finetuned.wordings import TRAINING, UNSEEN, fill

ARMS = ("pain at 2 weeks", "drug A (10 mg)", "usual care")


@pytest.mark.parametrize(
    ("text", "senses"),
    [
        ("Bleeding was significantly reduced.", ["down"]),
        ("Scores were higher and stays shorter.", ["up", "down"]),
        ("There was no statistically significant difference in pain.", ["same"]),
        ("It did not significantly increase survival.", ["not"]),
        ("Rates were similar in both groups.", ["same"]),
        ("The difference was not significant.", ["same"]),
        ("It was given for more than 12 weeks.", []),
        ("Sleep improved, mood worsened.", ["better", "worse"]),
        ("No patient died of rehospitalisation.", []),
        ("Fatigue was unchanged.", ["same"]),
    ],
)
def test_find_cues_reads_words_and_denials(text: str, senses: list[str]) -> None:
    assert [cue.sense for cue in find_cues(text)] == senses


def test_flipping_words_twice_gives_the_text_back() -> None:
    text = "Pain increased and bleeding was lower; stays became longer than 3 days."
    assert flip_words(text) == "Pain decreased and bleeding was higher; stays became longer than 3 days."
    assert flip_words(flip_words(text)) == text


@pytest.mark.parametrize(
    ("claim", "masked", "asserts", "comparator"),
    [
        (
            "LMWH significantly reduced bleeding compared with UFH.",
            "LMWH [MASK] bleeding compared with UFH",
            "down",
            "UFH",
        ),
        ("Compared with UFH, LMWH reduced bleeding.", "LMWH [MASK] bleeding compared with UFH", "down", "UFH"),
        ("LMWH vs UFH significantly raised bleeding.", "LMWH [MASK] bleeding compared with UFH", "up", "UFH"),
        (
            "Giving LMWH rather than UFH lowered bleeding.",
            "Giving LMWH [MASK] bleeding compared with UFH",
            "down",
            "UFH",
        ),
        (
            "Bleeding was higher with LMWH than with UFH.",
            "Bleeding was [MASK] with LMWH compared with UFH",
            "up",
            "UFH",
        ),
        (
            "There was no significant difference in bleeding between LMWH and UFH.",
            "[MASK] in bleeding with LMWH compared with UFH",
            "same",
            "UFH",
        ),
        ("Aspirin improved pain versus placebo.", "Aspirin [MASK] pain compared with placebo", "down", "placebo"),
        ("Aspirin improved quality of life.", "Aspirin [MASK] quality of life", "up", ""),
        ("Over 12 weeks, aspirin reduced events.", "Over 12 weeks, aspirin [MASK] events", "down", ""),
        ("A drug led to a significant increase in weight loss.", "A drug led to [MASK] in weight loss", "up", ""),
    ],
)
def test_read_claim(claim: str, masked: str, asserts: str, comparator: str) -> None:
    read = read_claim(claim)
    assert (read.masked, read.asserts, read.comparator, read.found) == (masked, {asserts}, comparator, True)


def test_a_denied_increase_leaves_no_difference_or_a_decrease() -> None:
    assert read_claim("Aspirin did not increase bleeding compared with placebo.").asserts == {"same", "down"}


def test_a_claim_without_direction_stays_whole_and_asserts_any_effect() -> None:
    read = read_claim("Statins cause myopathy.")
    assert (read.masked, read.asserts, read.found) == ("Statins cause myopathy", {"up", "down"}, False)


@pytest.mark.parametrize("wordings", [TRAINING, UNSEEN])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_every_wording_is_read_back_and_looks_the_same_for_both_directions(wordings, direction: str) -> None:  # type: ignore[no-untyped-def]
    for wording in wordings.directed:
        read = read_claim(fill(wording, direction, ARMS, random.Random(0)))
        twin = read_claim(fill(wording, "up" if direction == "down" else "down", ARMS, random.Random(0)))
        assert read.asserts == {direction}, wording
        assert read.masked == twin.masked, wording  # nothing of the direction is left
        assert read.comparator.startswith("usual care"), wording
    for wording in wordings.alike:
        assert read_claim(fill(wording, "same", ARMS, random.Random(0))).asserts == {"same"}, wording


def test_no_test_wording_is_a_training_wording() -> None:
    assert not set(TRAINING.directed + TRAINING.alike) & set(UNSEEN.directed + UNSEEN.alike)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("(P = 0.01)", ["significant"]),
        ("(p < .05)", ["significant"]),
        ("(P = 0.35; p=0.001)", ["chance", "significant"]),
        ("P > 0.05", ["chance"]),
        ("p = NS", ["chance"]),
        ("ph 0.03", []),
    ],
)
def test_p_values(text: str, kinds: list[str]) -> None:
    assert [kind for _, kind in significance(text)] == kinds


def test_pairs_of_numbers_are_compared_and_swapped() -> None:
    text = "Death came to 12.5% of the A group versus 8% of the B group."
    assert [kind for _, kind in comparisons(text)] == ["greater"]
    assert swap_numbers(text) == "Death came to 8% of the A group versus 12.5% of the B group."
    assert comparisons("61 ± 4 vs 82 ± 5")[0][1] == "less"


def test_marks_stand_before_what_they_mark_and_change_nothing_else() -> None:
    text = "Pain was lower with drug A than with usual care (P = 0.01)."
    marked = mark(text, "usual care", "drug A pain")
    assert f"{MARKS['down']} lower" in marked
    assert f"{MARKS['other']} usual care" in marked
    assert f"{MARKS['significant']} P = 0.01" in marked
    assert re.sub(r"\[unused\d+\] ", "", marked) == text


def test_a_greater_reduction_is_marked_as_less_of_the_thing() -> None:
    assert MARKS["net down"] in mark("There was a greater reduction in pain.", "", "")
    assert MARKS["net up"] in mark("There was a smaller reduction in pain.", "", "")


@pytest.mark.parametrize(
    ("claim", "evidence", "direction"),
    [
        ("Aspirin lowers pain compared with placebo", "Pain was lower with aspirin than with placebo.", "down"),
        ("Aspirin lowers pain compared with placebo", "Pain was lower with placebo than with aspirin.", "up"),
        ("Aspirin lowers pain compared with placebo", "Pain was lower with aspirin (p = 0.4).", "same"),
        ("Aspirin lowers pain compared with placebo", "Pain scores were 30 vs 42 points.", "down"),
        ("Aspirin lowers pain compared with placebo", "The placebo group had pain scores of 30 vs 42 points.", "up"),
        ("Aspirin lowers pain compared with placebo", "Patients were enrolled at two sites.", "nothing"),
    ],
)
def test_rules_read_evidence(claim: str, evidence: str, direction: str) -> None:
    assert read_evidence(read_claim(claim), evidence) == direction


@pytest.mark.parametrize(
    ("sentence", "read"),
    [
        ("Bleeding was significantly lower with LMWH than with UFH.", ("Bleeding", "LMWH", "UFH", "down")),
        (
            "Thus, compared with placebo, carvedilol increased heart mass.",
            ("heart mass", "carvedilol", "placebo", "up"),
        ),
        ("There was no difference in fever between zinc and sugar.", ("fever", "zinc", "sugar", "same")),
        ("Aspirin did not reduce bleeding compared with placebo.", None),
        ("Patients were enrolled.", None),
    ],
)
def test_statements_are_found_only_in_plain_forms(sentence: str, read: tuple[str, ...] | None) -> None:
    assert read_statement(sentence) == read


def test_sentences_keep_decimals_and_abbreviations_together() -> None:
    text = "Pain fell by 2.5 points vs. 1.0 in E. coli cases. It was safe.\nNo one died."
    assert sentences(text) == ["Pain fell by 2.5 points vs. 1.0 in E. coli cases.", "It was safe.", "No one died."]


def test_choose_takes_findings_on_the_subject_and_leaves_out_foreign_sentences() -> None:
    pieces = ["We studied zinc and fever.", "Rooms were painted blue.", "Zinc reduced fever."]
    assert choose("Zinc lowers fever", pieces, 2) == [2, 0]
