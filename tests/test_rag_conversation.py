"""Follow-up questions, and further searches that a model asks for."""

from __future__ import annotations

import gzip
import json

import pytest
from test_rag_drafting import Speaking

from rag import Assistant
from rag.conversation import standalone_by_rule
from rag.prompt import Turn

FIRST = "Does montelukast prevent asthma attacks in adults?"


@pytest.mark.parametrize(
    ("question", "alone"),
    [
        ("And in children?", False),
        ("What about its dose?", False),
        ("Is it safe?", False),
        ("Which dose?", False),
        ("Why?", False),
        ("How long should treatment last?", False),
        ("Which dose was used in adolescents?", False),
        ("When was it stopped in the trial of school children?", False),
        (
            "How often should children see a dentist?",
            True,
        ),  # a new subject: answered from the old one, it would mislead
        ("Which drug works best for cluster headache?", True),
        ("When should anticoagulation start after stroke?", True),
        ("In renal impairment?", False),
        ("Does it help in such patients?", False),
        ("Is the treatment safe?", False),
        ("What about the first?", False),
        ("Do statins cause myopathy?", True),
        ("Is there evidence that vitamin D supplements prevent falls?", True),
        ("How is hypothyroidism diagnosed?", True),
        ("Is rituximab effective for the treatment of pemphigus?", True),
        ("Which was the first vaccine against malaria?", True),
        ("In adults with gout, does colchicine prevent flares?", True),
        ("Does omalizumab reduce exacerbations in severe eosinophilic asthma?", True),
        ("Do inhaled corticosteroids slow growth in school children with asthma?", True),
    ],
)
def test_the_rule_adds_the_last_question_where_this_one_points_back(question, alone):
    assert standalone_by_rule(question, [Turn(FIRST, "Yes.")]) == (question if alone else f"{FIRST} {question}")
    assert standalone_by_rule(question, []) == question


def test_questions_that_need_no_conversation_are_hardly_ever_taken_for_follow_ups(shared):
    """BioASQ's questions stand alone, every one: 43 of 2,310 (1.9 %) are taken for follow-ups."""
    with gzip.open(shared / "tasks" / "bioasq" / "questions_7b-11b.jsonl.gz", "rt", encoding="utf-8") as stream:
        questions = [json.loads(line)["question"] for line in stream]
    taken = [q for q in questions if standalone_by_rule(q, [Turn(FIRST)]) != q]
    assert len(questions) > 2000
    assert len(taken) < 0.025 * len(questions)


def test_the_rule_reaches_back_through_follow_ups():
    turns = [Turn("Old subject entirely: do statins prevent strokes?"), Turn(FIRST), Turn("And in children?")]
    assert standalone_by_rule("How often?", turns) == f"{FIRST} And in children? How often?"


def test_a_model_rewrites_and_the_question_asked_is_kept(sample_index):
    rewritten = "Does gestavorin prevent pre-eclampsia in twins?"
    model = Speaking(outputs=[rewritten, "ABSTAIN: nothing on twins"], prompts=[])
    answer = Assistant(sample_index, model).ask("And in twins?", history=[("Does gestavorin work?", "Perhaps.")])
    assert (answer.question, answer.query) == ("And in twins?", rewritten)
    assert answer.trace.queries == (rewritten,)
    assert answer.trace.model_calls == 2
    assert answer.trace.tokens == {"input": 200, "output": 14}
    asked = str(model.prompts[0][-1].content)
    assert "User: Does gestavorin work?\nAssistant: Perhaps." in asked
    assert rewritten in str(model.prompts[1][-1].content)
    alone = Assistant(sample_index).ask(rewritten)
    assert [e.pmid for e in answer.evidence] == [e.pmid for e in alone.evidence]


def test_a_rewriting_that_repeats_the_question_was_a_call_too(sample_index):
    question = "Does gestavorin prevent pre-eclampsia in twins?"
    model = Speaking(outputs=[question, "ABSTAIN: nothing on twins"], prompts=[])
    answer = Assistant(sample_index, model).ask(question, history=[("Does gestavorin work?", "Perhaps.")])
    assert answer.trace.model_calls == len(model.prompts) == 2


@pytest.mark.parametrize("said", ["", "One line.\nAnother.", "ABSTAIN: no", "Yes it does. [123]", "x" * 900])
def test_an_answer_is_not_taken_for_a_question(sample_index, said):
    model = Speaking(outputs=[said, "ABSTAIN: nothing"], prompts=[])
    answer = Assistant(sample_index, model).ask("And in twins?", history=[("Does gestavorin work?", "")])
    assert answer.query == "Does gestavorin work? And in twins?"
    assert any("did not rewrite" in w for w in answer.warnings)


def test_the_extractive_model_follows_a_conversation(sample_index):
    first = "Does nightly gestavorin prevent pre-eclampsia in high-risk singleton pregnancies?"
    answer = Assistant(sample_index).ask("And in dichorionic twins?", history=[(first, "…")])
    assert answer.query == f"{first} And in dichorionic twins?"
    assert "90014004" in [e.pmid for e in answer.evidence][:5]  # the sample's trial in twins


def test_further_searches_add_what_they_find(sample_index):
    question = "Does gestavorin prevent pre-eclampsia?"
    wish = "quendorax resistant hypertension"
    model = Speaking(outputs=[f"- {wish}", "NONE", "ABSTAIN: nothing"], prompts=[])
    answer = Assistant(sample_index, model, k=4, rounds=3).ask(question)
    first = [h.pmid for h in sample_index.search(question, 4)]
    then = [h.pmid for h in sample_index.search(wish, 4)]
    assert [e.pmid for e in answer.evidence] == first + [p for p in then if p not in first]
    assert answer.trace.queries == (question, wish)
    assert answer.trace.model_calls == 3
    assert answer.trace.tokens == {"input": 300, "output": 21}
    alone = {h.pmid: h.match for h in sample_index.search(question, len(sample_index))}
    assert all(e.match == pytest.approx(alone[e.pmid]) for e in answer.evidence)


@pytest.mark.parametrize("name", ["extractive", "reader"])
def test_a_model_that_writes_nothing_says_that_it_asks_for_no_searches(sample_index, name):
    answer = Assistant(sample_index, name, rounds=2).ask("What is quendorax?")
    assert f"The model {name} asks for no further searches." in answer.warnings
