"""Planted leaks are found and clean rows left alone: on made-up questions, and on PubMedQA and MIRAGE."""

from __future__ import annotations

import dataclasses
import gzip
import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from finetuned.cli import train_app
from finetuned.corpora import TaskItem, TrainingRow, read_rows, read_task, training_rows
from finetuned.decontaminate import Screen, compare, decontaminate
from finetuned.errors import TrainingDataError
from finetuned.neighbours import near_neighbours

DATA = Path(__file__).parents[1].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no data at {DATA}")


def made_up_items(count: int, seed: int = 0) -> list[TaskItem]:
    """Make questions with abstracts of 150 words out of 3,000 made-up words, drawn as unevenly as real ones."""
    rng = random.Random(seed)
    words = ["".join(rng.choice("bcdfglmnprst") + rng.choice("aeiou") for _ in range(3)) for _ in range(3000)]
    weights = [1 / (rank + 10) for rank in range(len(words))]

    def text(length: int) -> str:
        return " ".join(rng.choices(words, weights, k=length))

    return [TaskItem(str(n), f"Does {text(14)}?", (), text(150) + ".") for n in range(count)]


def pubmedqa_test() -> list[TaskItem]:
    items = read_task(DATA / "tasks" / "pubmedqa" / "ori_pqal.json")["ori_pqal"]
    test = json.loads((DATA / "tasks" / "pubmedqa" / "test_ground_truth.json").read_text())
    return [dataclasses.replace(item, pmids=frozenset()) for item in items if item.id in test]


def delete_words(text: str, rng: random.Random) -> str:
    return " ".join(word for word in text.split() if rng.random() >= 0.15)


def leak_rates(items: list[TaskItem], change: Callable[[str], str]) -> tuple[float, float, int]:
    """Plant each item; return the shares found and removed, and how often another item was to be removed."""
    screen = Screen({"task": items})
    found = removed = wrong = 0
    for number, item in enumerate(items):
        row = TrainingRow(number, str(number), (change(f"{item.question} {item.context}"),))
        findings = screen.check(row)
        found += number in findings
        removed += number in findings and findings[number].verdict == "remove"
        wrong += sum(f.verdict == "remove" for other, f in findings.items() if other != number)
    return found / len(items), removed / len(items), wrong


@pytest.mark.parametrize(
    "items",
    [
        pytest.param(lambda: made_up_items(200), id="made-up"),
        pytest.param(pubmedqa_test, id="pubmedqa", marks=needs_data),
    ],
)
def test_planted_leaks_are_found(items: Callable[[], list[TaskItem]]) -> None:
    rng, listed = random.Random(0), items()
    assert leak_rates(listed, lambda text: text) == (1.0, 1.0, 0)
    assert leak_rates(listed, str.upper) == (1.0, 1.0, 0)
    found, removed, wrong = leak_rates(listed, lambda text: delete_words(text, rng))
    assert found >= 0.97
    assert removed >= 0.90
    assert wrong == 0


def test_clean_made_up_rows_are_left_alone() -> None:
    screen = Screen({"task": made_up_items(200)})
    others = made_up_items(400)[200:]  # the same words, drawn on
    rows = [TrainingRow(n, str(n), (item.question, item.context)) for n, item in enumerate(others)]
    assert compare("clean", rows, screen)[0].findings == ()


@needs_data
def test_clean_pubmedqa_rows_are_left_alone() -> None:
    items = pubmedqa_test()
    test = {item.id for item in items}
    rest = [i for i in read_task(DATA / "tasks" / "pubmedqa" / "ori_pqal.json")["ori_pqal"] if i.id not in test]
    assert (len(items), len(rest)) == (500, 500)
    rows = [TrainingRow(n, i.id, (i.question, i.context), (), i.pmids) for n, i in enumerate(rest)]
    assert compare("clean", rows, Screen({"test": items}))[0].rows_with("remove") == 0
    with gzip.open(DATA / "pubmed" / "abstracts-00.jsonl.gz", "rt", encoding="utf-8") as lines:
        abstracts = [json.loads(line) for line in lines]
    rows = [TrainingRow(n, d["pmid"], (d["abstract"],)) for n, d in enumerate(abstracts) if d["pmid"] not in test]
    assert compare("clean", rows, Screen({"test": items}))[0].rows_with("remove") == 0


@needs_data
def test_the_medmcqa_item_in_the_training_sample_is_found_in_mirage() -> None:
    train = DATA / "finetune" / "selfbiorag_medmc_qa_train.json.gz"
    report = decontaminate([train], [DATA / "tasks" / "mirage" / "benchmark.json"])
    removed = [(c.task, f.item_id, f.rule) for c in report.comparisons for f in c.findings if f.verdict == "remove"]
    assert removed == [("benchmark/medmcqa", "6ea9c844-6c19-4b2a-81ff-b31837c44bd9", "exact")]
    assert {c.task: c.items for c in report.comparisons} == {
        "benchmark/medqa": 1273,
        "benchmark/medmcqa": 4183,
        "benchmark/pubmedqa": 500,
        "benchmark/bioasq": 618,
        "benchmark/mmlu": 1089,
    }


@needs_data
def test_medquad_against_mirage_takes_well_under_a_minute() -> None:
    train = DATA / "finetune" / "medquad_with_answers.jsonl.gz"
    start = time.process_time()
    report = decontaminate([train], [DATA / "tasks" / "mirage" / "benchmark.json"])
    assert time.process_time() - start < 30
    assert report.comparisons[0].rows == 16_407
    assert sum(c.rows_with("remove") for c in report.comparisons) == 0


QUESTION = (
    "Which enzyme is inhibited by the drug zorbatan in patients with hepatic failure of unknown origin"  # 16 words
)
OPTIONS = ("Zorbase", "Kinase K", "Lyase", "Ligase")


@pytest.mark.parametrize(
    ("question", "options", "row", "rule", "verdict"),
    [
        (QUESTION, (), {"q": f"Q. {QUESTION.lower()}?  "}, "exact", "remove"),
        (QUESTION, (), {"text": f"It was asked {QUESTION} and not answered"}, "contained", "remove"),
        (QUESTION, OPTIONS, {"text": f"QUESTION: {QUESTION}\nOption A:x\nOption B:y\n"}, "exact", "remove"),
        # short questions: the options decide
        ("Mode is", ("3", "4", "5", "6"), {"text": "Mode is\nA. 3\nB. 4\nC. 5\nD. 6"}, "exact", "remove"),
        ("Mode is", ("3", "4", "5", "6"), {"text": "Mode is\nA. 7\nB. 8\nC. 9\nD. 10"}, None, None),
        ("Mode is", ("3", "4", "5", "6"), {"text": "the mode is not the mean"}, None, None),
        ("Mode is", OPTIONS, {"question": "Mode is", "options": list(OPTIONS)}, "exact", "remove"),
        ("Is zorbatan safe", ("yes", "no"), {"question": "Is zorbatan safe?"}, "exact", "remove"),
        ("Is zorbatan very safe", ("yes", "no"), {"t": "we ask is zorbatan very safe or not"}, "contained", "review"),
        ("Is zorbatan", ("yes", "no"), {"t": "we ask is zorbatan safe"}, None, None),
        # the same topic is no leak
        (
            QUESTION,
            (),
            {"text": "Zorbatan inhibits an enzyme in the liver of patients with hepatic failure."},
            None,
            None,
        ),
        # words changed here and there
        (
            QUESTION,
            (),
            {"text": QUESTION.replace("enzyme ", "").replace("patients ", "")},
            "near question",
            "review",
        ),
    ],
)
def test_rules(
    question: str, options: tuple[str, ...], row: dict[str, Any], rule: str | None, verdict: str | None
) -> None:
    screen = Screen({"task": [TaskItem("1", question, options)]})
    findings = screen.check(next(training_rows([row], Path("train.jsonl"))))
    assert [(f.rule, f.verdict) for f in findings.values()] == ([(rule, verdict)] if rule else [])


def test_a_paper_in_common_is_a_leak_whatever_the_words() -> None:
    screen = Screen({"task": [TaskItem("1", QUESTION, (), "", frozenset({"123"}))]})
    for row in ({"pmid": "123", "text": "else"}, {"pmid": 123, "text": "else"}, {"PMID": ["9", "123"], "text": "else"}):
        findings = screen.check(next(training_rows([row], Path("t"))))
        assert [(f.rule, f.verdict) for f in findings.values()] == [("pmid", "remove")]
    assert screen.check(next(training_rows([{"pmid": "124", "text": "else"}], Path("t")))) == {}


def test_coverage_thresholds_are_20_and_50_percent_of_8_grams() -> None:
    words = [f"w{n}" for n in range(47)]  # 40 8-grams
    screen = Screen({"task": [TaskItem("1", " ".join(words))]})

    def verdict(kept: int) -> tuple[str, float] | None:
        findings = screen.check(TrainingRow(0, "0", (" ".join(words[:kept]),)))
        return next(((f.verdict, f.coverage) for f in findings.values()), None)

    assert verdict(7 + 20) == ("remove", 0.5)
    assert verdict(7 + 19) == ("review", 0.475)
    assert verdict(7 + 8) == ("review", 0.2)
    assert verdict(13) == ("review", 0.15)  # a run of 13 words
    assert verdict(12) is None


def test_how_questions_are_worded_is_no_leak() -> None:
    stem = "which of the following is the most likely diagnosis in this patient with"
    screen = Screen({"task": [TaskItem(str(n), f"{stem} sign{n}") for n in range(30)]})
    assert screen.check(TrainingRow(0, "0", (f"{stem} fever",))) == {}


def test_neighbours_are_listed_and_never_removed() -> None:
    def encode(texts: list[str]) -> np.ndarray:  # similar if they share the first letter
        return np.eye(26, dtype=np.float32)[[ord(t[0].lower()) - 97 for t in texts]]

    rows = list(training_rows([{"text": "alpha is a letter"}, {"text": "zeta is not one"}], Path("t")))
    tasks = {"task": [TaskItem("1", "a question"), TaskItem("2", "beta")]}
    found = near_neighbours(rows, tasks, encode)
    assert [(n.row, n.item_id, n.cosine) for n in found] == [(0, "1", 1.0)]
    assert compare("t", rows, Screen(tasks))[0].findings == ()


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    rows = [{"id": f"r{n}", "question": f"What is zorb number {n}?", "answer": f"a {n}"} for n in range(5)]
    rows.append({"id": "leak", "question": QUESTION + "?", "answer": "zorbase"})
    paths = {name: tmp_path / name for name in ("train.jsonl", "train.json.gz", "task.jsonl")}
    paths["train.jsonl"].write_text("".join(json.dumps(r) + "\n" for r in rows))
    with gzip.open(paths["train.json.gz"], "wt") as file:
        json.dump(rows, file, indent=2)
    paths["task.jsonl"].write_text(json.dumps({"id": "t1", "question": QUESTION, "pmid": 7}) + "\n")
    return paths


def test_the_command_writes_the_cleaned_file_and_leaves_the_original(files: dict[str, Path], tmp_path: Path) -> None:
    before = files["train.jsonl"].read_bytes()
    out = tmp_path / "out" / "clean.jsonl"
    arguments = [
        "decontaminate",
        str(files["train.jsonl"]),
        "--task",
        str(files["task.jsonl"]),
        "--out",
        str(out),
        "--json",
    ]
    result = CliRunner().invoke(train_app, arguments)
    document = json.loads(result.stdout)
    assert files["train.jsonl"].read_bytes() == before
    assert [json.loads(line)["id"] for line in out.read_text().splitlines()] == ["r0", "r1", "r2", "r3", "r4"]
    (comparison,) = document["comparisons"]
    assert (comparison["rows"], comparison["rows_to_remove"], comparison["items_leaked"]) == (6, 1, 1)
    assert document["written"] == {str(out): {"rows": 5, "left_out": 1}}
    assert [p.name for p in out.parent.iterdir()] == ["clean.jsonl"]


def test_several_files_go_to_a_folder_in_their_own_format(files: dict[str, Path], tmp_path: Path) -> None:
    both = [str(files["train.jsonl"]), str(files["train.json.gz"])]
    out = tmp_path / "clean"
    result = CliRunner().invoke(
        train_app, ["decontaminate", *both, "--task", str(files["task.jsonl"]), "--out", str(out)]
    )
    assert "remove: row 5 of train.jsonl | task t1 | exact" in result.stdout
    assert read_rows(out / "train.jsonl") == read_rows(out / "train.json.gz") == read_rows(files["train.jsonl"])[:5]
    with gzip.open(out / "train.json.gz", "rt") as file:
        assert isinstance(json.load(file), list)


def test_json_lines_under_another_name_stay_json_lines(files: dict[str, Path], tmp_path: Path) -> None:
    lines, out = tmp_path / "lines.json", tmp_path / "clean.json"
    lines.write_text(files["train.jsonl"].read_text())
    CliRunner().invoke(train_app, ["decontaminate", str(lines), "--task", str(files["task.jsonl"]), "--out", str(out)])
    assert out.read_text().splitlines() == lines.read_text().splitlines()[:5]


def test_cleaning_is_never_in_place(files: dict[str, Path], tmp_path: Path) -> None:
    train, task = str(files["train.jsonl"]), str(files["task.jsonl"])
    for out in (train, str(tmp_path)):
        result = CliRunner().invoke(train_app, ["decontaminate", train, "--task", task, "--out", out])
        assert isinstance(result.exception, TrainingDataError)
        assert "never in place" in str(result.exception)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.jsonl", None, "no such file"),
        ("bad.jsonl", '{"a": 1}\n{"a": \n', "line 2: not valid JSON"),
        ("bad.json", '[{"a": 1}', "not valid JSON"),
        ("list.jsonl", "[1, 2]\n", "row 0: int found, an object expected"),
        ("bad.jsonl.gz", "plain text", "cannot be read"),
    ],
)
def test_bad_training_files_are_named(
    files: dict[str, Path], tmp_path: Path, name: str, content: str | None, message: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(TrainingDataError, match=message) as caught:
        decontaminate([path], [files["task.jsonl"]])
    assert name in str(caught.value)


def test_bad_task_files_are_named(files: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "noquestion.jsonl"
    path.write_text('{"id": "1", "answer": "b"}\n{"id": "2"}\n')
    with pytest.raises(TrainingDataError, match=r"noquestion.jsonl, item 0: no `question`"):
        decontaminate([files["train.jsonl"]], [path])
    with pytest.raises(TrainingDataError, match="given twice"):
        decontaminate([files["train.jsonl"]], [files["task.jsonl"], files["task.jsonl"]])


def test_task_formats(tmp_path: Path) -> None:
    mirage = tmp_path / "benchmark.json"
    mirage.write_text(json.dumps({"medqa": {"0": {"question": "Q?", "options": {"A": "x", "B": "y"}, "answer": "A"}}}))
    assert read_task(mirage) == {"benchmark/medqa": [TaskItem("0", "Q?", ("x", "y"))]}
    pubmedqa = tmp_path / "pqal.json"
    pubmedqa.write_text(json.dumps({"77": {"QUESTION": "Q?", "CONTEXTS": ["a", "b"], "LONG_ANSWER": "c"}}))
    assert read_task(pubmedqa) == {"pqal": [TaskItem("77", "Q?", (), "a\nb", frozenset({"77"}))]}
