"""What of a training row and of a task item is compared: every text, however it is written and wherever it stands."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from finetuned.corpora import TaskItem, find_pmids, read_task, training_rows
from finetuned.decontaminate import Finding, Screen, decontaminate
from finetuned.errors import TrainingDataError

QUESTION = "Which vitamin prevents neuropathy in adults treated with zorbatan for tuberculosis of the spine and hip"
SHORT = "Mode is"
OPTIONS = ("3", "4", "twelve", "6")


def find(row: dict[str, Any], *items: TaskItem) -> list[Finding]:
    return list(Screen({"task": items}).check(next(training_rows([row], Path("train.jsonl")))).values())


@pytest.mark.parametrize(
    "row",
    [
        {"text": f"Which metal?\nA. One\nB. Two\nAnswer: A\n\nQuestion: {QUESTION}?\nA. Three\nB. Four\nAnswer: B"},
        {"text": f"Which metal?\nA. One\nB. Two\nAnswer: B, since the book asks {QUESTION}, too."},
        {"title": f"{QUESTION}?", "abstract": "Else."},
        {"name": QUESTION},
        {"choices": [{"message": {"role": "user", "content": QUESTION}}]},
        {"text": QUESTION.replace(" ", "&nbsp;")},
        {"text": QUESTION.replace(" ", "\u200b")},
        {"text": QUESTION.replace("vitamin", "vi\u200btamin").replace("zorbatan", "zor\u00adba\u2060tan")},
    ],
)
def test_a_question_is_found_wherever_it_stands(row: dict[str, Any]) -> None:
    assert [f.verdict for f in find(row, TaskItem("1", QUESTION))] == ["remove"]


@pytest.mark.parametrize(
    "options",
    [
        {"options": "A. 3\nB. 4\nC. twelve\nD. 6"},
        {"choices": [3, 4, "twelve", 6]},
        {"Options": [{"key": "A", "value": "3"}, {"key": "B", "value": "twelve"}]},
        {"instances": {"options": {"A": "3", "B": 4}}},
        {"opa": "3", "opb": "4", "opc": "twelve", "opd": "6"},
    ],
)
def test_a_short_question_is_known_by_its_options_in_any_form(options: dict[str, Any]) -> None:
    item = TaskItem("1", SHORT, OPTIONS)
    assert [f.verdict for f in find({"question": SHORT, **options}, item)] == ["remove"]
    assert find({"question": SHORT, "options": ["7", "8", "nine"]}, item) == []


@pytest.mark.parametrize(
    "row",
    [
        {"pmid": 123.0},
        {"pmid": "123.0"},
        {"PMID": "PMID:123"},
        {"pmid": "PMID 0123"},
        {"pubmed_id": "https://pubmed.ncbi.nlm.nih.gov/123/?from=9"},
        {"pmid": "http://www.ncbi.nlm.nih.gov/pubmed/123"},
        {"pmids": "7; 123"},
        {"meta": {"source": [{"PMID": 123}]}},
        {"pmid": "7", "gold_pmids": ["123"]},
    ],
)
def test_a_paper_is_the_same_however_its_number_is_written(row: dict[str, Any]) -> None:
    assert "123" in find_pmids(row)
    item = TaskItem("1", QUESTION, pmids=frozenset({"123"}))
    assert [f.rule for f in find({**row, "text": "Else."}, item)] == ["pmid"]


@pytest.mark.parametrize(
    "row",
    [
        {"pmid": "PMC123"},
        {"pmid": "123_4"},
        {"pmid": "1234"},
        {"pmid": None},
        {"year": 123},
        {"references": [{"pmid": "123"}]},  # it cites that paper, and was not made from it
    ],
)
def test_another_number_is_another_paper(row: dict[str, Any]) -> None:
    assert "123" not in find_pmids(row)


def words(count: int, seed: int) -> str:
    rng = random.Random(seed)
    return " ".join("".join(rng.choices("bdfglmnprstaeiou", k=6)) for _ in range(count))


@pytest.mark.parametrize("items", [8, 9, 20])
def test_a_context_that_many_items_share_is_found_in_all_of_them(items: int) -> None:
    """The records of a LongHealth patient come in another order for every question."""
    records, rng = [words(100, seed) for seed in range(4)], random.Random(0)
    task = [TaskItem(str(n), words(9, 100 + n), (), "\n".join(rng.sample(records, 4))) for n in range(items)]
    found = find({"text": f"It says: {' '.join(records[:3])} and so on"}, *task)
    assert [f.verdict for f in found] == ["remove"] * items


def test_a_question_that_many_items_ask_is_found_inside_a_text() -> None:
    task = [TaskItem(str(n), QUESTION, (f"answer {n}",)) for n in range(9)]
    assert len(find({"text": f"It was asked {QUESTION} and not answered"}, *task)) == 9
    changed = QUESTION.replace("vitamin ", "").replace("for ", "")
    assert {f.rule for f in find({"text": changed}, *task)} == {"near question"}


def test_a_table_is_refused_since_a_paper_of_it_could_not_be_left_out(tmp_path: Path) -> None:
    """PubMedQA's own file was one row: one paper of a task, and nothing of the file was left."""
    task, train = tmp_path / "task.jsonl", tmp_path / "ori_pqal.json"
    task.write_text(json.dumps({"id": "1", "query": QUESTION}) + "\n")
    assert read_task(task) == {"task": [TaskItem("1", QUESTION)]}
    entry = {"QUESTION": QUESTION, "CONTEXTS": ["a"]}
    for table in ({"1": entry, "2": entry}, {"mmlu": {"1": entry}}, {"version": "1", "data": [entry]}):
        train.write_text(json.dumps(table))
        with pytest.raises(TrainingDataError, match="one object that holds the rows"):
            decontaminate([train], [task])
    train.write_text(json.dumps({"messages": [{"role": "user", "content": QUESTION}]}))
    assert decontaminate([train], [task]).rows(str(train), "remove") == {0}


@pytest.mark.parametrize(
    "options",
    [{"A": "one", "B": "two"}, ["one", "two"], [{"key": "A", "value": "one"}, {"text": "two"}], "A. one\nB. two"],
)
@pytest.mark.parametrize("key", ["options", "choices"])
def test_a_task_may_call_its_options_choices(tmp_path: Path, key: str, options: Any) -> None:
    path = tmp_path / "task.jsonl"
    path.write_text(json.dumps({"id": "1", "question": SHORT, key: options}) + "\n")
    assert read_task(path)["task"][0].options == ("one", "two")
