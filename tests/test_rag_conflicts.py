"""The rule for conflicting evidence, and the hierarchy of designs."""

from __future__ import annotations

import json

import pytest

from rag.answer import Checks, Evidence, Quote, Sentence
from rag.conflicts import find_conflicts, finding
from rag.levels import LEVELS, evidence_level

SAYS = {
    "effect": [
        "Vexil significantly reduced fever (P<0.001).",
        "Mortality was lower with vexil than with placebo.",
        "Vexil prevented relapse.",
        "Pain improved more with vexil.",
    ],
    "no effect": [
        "Vexil did not reduce fever.",
        "There was no significant difference in mortality.",
        "Vexil had no effect on relapse.",
        "Pain scores were similar in both groups.",
        "Vexil failed to prevent relapse.",
        "Vexil was not superior to placebo.",
        "Mortality was lower with vexil, but the difference did not reach significance.",
        "Fever was less common with vexil (12% v 15%, P = 0.31).",
    ],
    "": [
        "To determine whether vexil reduces fever.",
        "Vexil reduced pain but did not improve function.",
        "We enrolled 200 patients.",
        "Whether vexil prevents relapse remains unclear.",
    ],
}


@pytest.mark.parametrize(("kind", "sentence"), [(k, s) for k, group in SAYS.items() for s in group])
def test_what_a_sentence_reports(kind, sentence):
    if kind == "no effect" and "did not reach" in sentence:
        kind = ""  # effect words and their denial: the rule leaves it open
    assert finding(sentence) == kind


def paper(pmid, says, match=1.0, status="ok"):
    return Evidence(pmid, "T", f"T\n{says}", 2020, "J", (), status, 1.0, match)


def citing(paper_, says):
    start = paper_.text.index(says)
    checks = Checks(True, True, True, True, True)
    return Sentence(says, (paper_.pmid,), (Quote(paper_.pmid, says, start, start + len(says)),), checks)


def test_conflicts_need_opposite_findings_on_the_question_of_comparable_papers():
    question = "Does vexil reduce fever in children?"
    yes, no = "Vexil reduced fever in children.", "Vexil did not reduce fever in children."
    a, b = paper("1", yes), paper("2", no, 0.9)
    (conflict,) = find_conflicts(question, [a, b], [citing(a, yes)])
    assert (conflict.effect.pmid, conflict.effect.text) == ("1", yes)
    assert (conflict.no_effect.pmid, conflict.no_effect.text) == ("2", no)
    assert b.text[conflict.no_effect.start : conflict.no_effect.end] == no
    assert find_conflicts(question, [a, b], []) == ()  # nothing was asserted
    assert find_conflicts(question, [a, paper("2", no, 0.3)], [citing(a, yes)]) == ()  # another subject
    assert find_conflicts(question, [a, paper("2", no, 0.9, "retracted")], [citing(a, yes)]) == ()
    assert find_conflicts(question, [a, paper("3", yes)], [citing(a, yes)]) == ()
    other = "Bromil did not shorten hospital stay."
    assert find_conflicts(question, [a, paper("2", other, 0.9)], [citing(a, yes)]) == ()


@pytest.mark.parametrize(
    ("question", "effect", "no_effect", "conflict"),
    [
        (  # two of the question's words, and for the rest another matter: as found in answers to natural questions
            "Does vexil increase blood pressure?",
            "In addition, the blood vexil level also increased only in the vexil group after the second week.",
            "The addition of bromil to the treatment of those whose pressure is controlled by zorol does not cause an "
            "increase in blood pressure.",
            False,
        ),
        (
            "Is group training effective for insomnia?",
            "Group training delivered through the network is effective in reducing insomnia in those who seek help.",
            "Vexil showed no significant effect indicative of abuse or motor impairment at up to twenty times the "
            "usual dose and may be an alternative in insomnia for a group of patients.",
            False,
        ),
        (
            "Does vexil increase blood pressure?",
            "Systolic blood pressure increased significantly in adults given vexil.",
            "Vexil had no effect on the blood pressure of adults with gout.",
            True,
        ),
    ],
)
def test_sentences_on_two_matters_are_no_conflict(question, effect, no_effect, conflict):
    assert (finding(effect), finding(no_effect)) == ("effect", "no effect")
    a, b = paper("1", effect), paper("2", no_effect)
    assert bool(find_conflicts(question, [a, b], [citing(a, effect)])) == conflict


def test_published_labels_agree(shared):
    """Sentences that doctors labelled as effect or none (Evidence Inference): 95 % of those decided agree."""
    path = shared / "tasks" / "evidence_inference" / "abstract_questions.jsonl"
    decided = agree = 0
    for line in path.read_text("utf-8").splitlines():
        item = json.loads(line)
        said = finding(item["evidence"])
        if said:
            decided += 1
            agree += said == ("no effect" if item["label"].startswith("no") else "effect")
    assert decided > 400
    assert agree / decided > 0.93


@pytest.mark.parametrize(
    ("types", "mesh", "level"),
    [
        (["Journal Article", "Meta-Analysis", "Systematic Review"], [], "meta-analysis"),
        (["Systematic Review"], [], "systematic review"),
        (["Randomized Controlled Trial", "Multicenter Study"], [], "randomised trial"),
        (["Clinical Trial Protocol", "Randomized Controlled Trial"], [], "trial protocol"),
        (["Clinical Trial, Phase II"], [], "clinical trial"),
        (["Journal Article"], ["Humans", "Cohort Studies"], "cohort study"),
        (["Journal Article", "Observational Study"], ["Case-Control Studies"], "case-control study"),
        (["case reports"], [], "case report"),
        (["Review", "Journal Article"], [], "review"),
        (["Letter", "Comment"], [], "opinion"),
        (["Journal Article"], ["Humans"], "unclassified"),
        ([], [], "unclassified"),
    ],
)
def test_evidence_levels(types, mesh, level):
    assert evidence_level(types, mesh) == level
    assert level in LEVELS
