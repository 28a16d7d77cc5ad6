"""The report beside its comparisons: both readings, the 2×2's family, retrieval, and clean and exposed samples."""

import json
from pathlib import Path
from typing import Any

import pytest
from fake_runs import QUESTIONS, TEXTS, Fake, build_index, config, write_task
from statsmodels.stats.multitest import multipletests

from experiments.errors import MetricError
from experiments.imports import import_predictions
from experiments.leakage import GOLD, TRAINED
from experiments.lines import write_document
from experiments.page import page
from experiments.records import fingerprint
from experiments.report import build_report
from experiments.report_text import markdown
from experiments.runner import run_experiment
from experiments.runs import read_run, run_samples, save_run

SAID = {"A": "A", "B": "B", "/": "A/B", "!": "hm"}  # in MIRAGE a hedge is its first letter, published "hm" is A


def mirage_run(folder: Path, answers: dict[str, str], *, compare: list[list[str]] | None = None) -> Path:
    """Import answers to made-up questions under MIRAGE's name, one character a sample; the answer is always A."""
    size = len(next(iter(answers.values())))
    items = {
        str(n): {"question": f"Question {n}?", "options": {"A": "x", "B": "y"}, "answer": "A"} for n in range(size)
    }
    (folder / "benchmark.json").write_text(json.dumps({"medqa": items}))
    return fill(folder, {"mirage-medqa": answers}, compare=compare, benchmark=folder / "benchmark.json")


def fill(folder: Path, tasks: dict[str, dict[str, str]], *, benchmark: Path | None = None, **fields: Any) -> Path:
    run = folder / "run"
    for task, answers in tasks.items():
        for name, letters in answers.items():
            path = folder / "predictions.jsonl"
            rows = [{"id": str(n), "output": SAID[letter]} for n, letter in enumerate(letters)]
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
            import_predictions("jsonl", path, name=name, out=run, task=task, benchmark=benchmark)
    save_run(run, read_run(run) | fields)
    return run


@pytest.mark.parametrize("reading", ["strict", "unhedged", "published"])
def test_both_readings_are_the_same_whatever_the_report_is_read_by(tmp_path: Path, reading: str) -> None:
    run = mirage_run(tmp_path, {"one": "A" * 30 + "/" * 30 + "B" * 40, "two": "A" * 20 + "!" * 80})
    report = build_report(run, reading=reading)
    (found,) = report["readings"]
    assert found["strict"]["difference"] == pytest.approx(0.2 - 0.6)  # two less one
    assert found["published"]["difference"] == pytest.approx(1.0 - 0.6)
    assert found["verdict_changes"]
    assert found["sentence"].startswith(
        "MedQA-US: two is better by 40.0 points as published, one by 40.0 points read strictly."
    )
    assert found["sentence"] in report["verdict"]


def test_both_readings_are_corrected_as_the_report_is(tmp_path: Path) -> None:
    answers = {
        "a": "A" * 50 + "B" * 50,
        "b": "A" * 60 + "B" * 40,
        "c": "A" * 55 + "B" * 45,
        "d": "B" * 100,
        "e": "A" * 100,
    }
    report = build_report(mirage_run(tmp_path, answers, compare=[["b", "a"]]))
    (entry,) = report["readings"]
    (row,) = report["tasks"]["mirage-medqa"]["comparisons"]
    assert (entry["strict"]["family"], entry["published"]["family"]) == (1, 1)
    assert entry["strict"]["p_holm"] == row["p_holm"] == row["p"]
    assert "both readings show it" in entry["sentence"]


def test_the_questions_of_the_two_by_two_are_one_family_over_all_tasks(tmp_path: Path) -> None:
    tasks = {}
    for number in range(3):
        path = tmp_path / f"task{number}.jsonl"
        rows = [{"id": str(n), "question": f"{n}?", "options": {"A": "x", "B": "y"}, "answer": "A"} for n in range(40)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        right = {"general": 12, "general_rag": 22 + number, "tuned": 14, "tuned_rag": 26 + 2 * number}
        tasks[f"jsonl:{path}"] = {arm: "A" * k + "B" * (40 - k) for arm, k in right.items()}
    arms = {arm: arm for arm in right}
    report = build_report(fill(tmp_path, tasks, pairs=[{"pair": "p", "arms": arms}]))
    ps = []
    for pair in report["pairs"]:
        p = {name: effect["p"] for name, effect in pair["effects"].items()}
        ps += [p["rag_over_tuning"], p["interaction"], max(p["rag_in_tuned"], p["tuning_with_rag"])]
    expected = multipletests(ps, method="holm")[1]
    assert len(ps) == 9
    assert [p for pair in report["pairs"] for p in pair["p_holm"].values()] == pytest.approx(list(expected))
    assert all("for 9 questions" in line for pair in report["pairs"] for line in pair["verdict"])


def test_a_sample_that_nothing_was_found_for_counts_in_retrieval(tmp_path: Path) -> None:
    """TEXTS are of 2001 to 2006: since 2006 one of six golds can be found, since 2030 none."""
    index, task = build_index(tmp_path / "index", TEXTS), write_task(tmp_path / "task.jsonl", QUESTIONS)
    late = [{"name": str(year), "model": "fake:a", "retrieval": {"k": 1, "since": year}} for year in (2006, 2030)]
    closed = {"name": "closed", "model": "fake:a"}
    out = tmp_path / "run"
    run_experiment(config(task, *late, closed, index=str(index), leakage=False), out, load_model=lambda spec: Fake())
    (found,) = build_report(out)["retrieval"].values()
    assert found.keys() == {"2006", "2030"}
    for row in found.values():
        assert row["n"] == 6
    assert found["2030"]["hit"] == found["2030"]["mrr"] == found["2030"]["passages"] == 0
    assert found["2006"]["hit"] == found["2006"]["recall"] == pytest.approx(1 / 6)
    assert (found["2006"]["read_with_gold"]["n"], found["2006"]["read_without_gold"]["n"]) == (1, 5)


def test_graded_tasks_are_scored_by_degree_in_every_table(tmp_path: Path) -> None:
    # ROUGE-L by hand: the longest common sequence has 3 words of 5 and of 4
    task = tmp_path / "task.jsonl"
    reference = {"question": "How?", "answer": "the patient is very well"}
    rows = [reference | {"id": str(n), "question": f"{n}?", "gold_pmids": [str(n)]} for n in range(4)]
    task.write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = [{"id": str(n), "output": "the patient is sick", "passages": [str(n % 2)]} for n in range(4)]
    path = tmp_path / "predictions.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in said))
    import_predictions("jsonl", path, name="one", out=tmp_path / "run", task=f"jsonl:{task}")
    ((name, samples),) = run_samples(tmp_path / "run").items()
    checked = {sample.id: fingerprint(sample) for sample in samples.values()}
    entry = {"checked": checked, "exposed": {TRAINED: ["0"], GOLD: []}, "nearest": {}, "dates": {}}
    write_document(tmp_path / "run" / "leakage.json", {"key": "", "index": None, "tasks": {name: entry}})
    report = build_report(tmp_path / "run")
    rouge = 2 * 3 / 9
    (strata,), (quality,) = report["strata"].values(), report["retrieval"].values()
    (row,) = strata["rows"]
    assert (row["clean"]["n"], row["exposed"]["n"]) == (3, 1)
    assert row["clean"]["score"] == row["exposed"]["score"] == pytest.approx(rouge)
    read = quality["one"]
    assert (read["hit"], read["read_with_gold"]["n"]) == (0.5, 2)
    assert read["read_with_gold"]["score"] == read["read_without_gold"]["score"] == pytest.approx(rouge)
    assert report["tasks"][name]["contenders"]["one"]["score"] == pytest.approx(rouge)
    assert "| in the training data | one | 66.7" in markdown(report)


def coding_run(folder: Path) -> Path:
    """Import answers to two made-up cases of the coding task: two of the three codes given exist."""
    cases = [
        {"id": "1", "text_en": "x", "icd10cm_diagnosis": ["E11.9"]},
        {"id": "2", "text_en": "y", "icd10cm_diagnosis": ["U07.1"]},
    ]
    (folder / "dev_en.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    path = folder / "predictions.jsonl"
    path.write_text('{"id": "1", "output": "E11.9, X99.9"}\n{"id": "2", "output": "U07.1"}\n')
    import_predictions("jsonl", path, name="one", out=folder / "run", task="codiesp", benchmark=folder / "dev_en.jsonl")
    return folder / "run"


def test_codes_are_looked_up_in_a_table_that_the_report_is_given(tmp_path: Path) -> None:
    run, table = coding_run(tmp_path), tmp_path / "codes.tsv"
    table.write_text("code\tdescription\nE119\tx\nU071\ty\n")
    without = build_report(run)
    assert any("`experiment report --codes TABLE` does" in line for line in without["limits"])
    report = build_report(run, codes=table)
    assert not any("--codes" in line for line in report["limits"])
    task = report["tasks"]["codiesp"]
    assert task["contenders"]["one"]["valid_code_rate"] == pytest.approx(2 / 3)
    # F1 by hand: 2 · 1/2 · 1 / (3/2) = 2/3 for the first case, 1 for the second; pooled 2 · 2 / (3 + 2)
    assert "| one | 83.3 | 80.0 | 83.3 | 80.0 | 66.7 |" in markdown(report)
    assert ">66.7<" in page(run, report)


def test_bertscore_is_computed_where_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.metrics.texts.bertscore", lambda references, texts: [0.25] * len(texts))
    task, path = tmp_path / "task.jsonl", tmp_path / "predictions.jsonl"
    task.write_text('{"id": "1", "question": "How?", "answer": "well"}\n')
    path.write_text('{"id": "1", "output": "very well"}\n')
    import_predictions("jsonl", path, name="one", out=tmp_path / "texts", task=f"jsonl:{task}")
    (found,) = build_report(tmp_path / "texts", metrics=["bertscore"])["tasks"].values()
    assert (found["metrics"][-1], found["contenders"]["one"]["bertscore"]) == ("bertscore", 0.25)
    with pytest.raises(MetricError, match="no metric 'bleu' to ask for: there are bertscore, umls_f1"):
        build_report(tmp_path / "texts", metrics=["bleu"])
    with pytest.raises(MetricError, match="bertscore is for tasks whose answers are texts"):
        build_report(coding_run(tmp_path), metrics=["bertscore"])


def test_a_margin_is_drawn_and_tested(tmp_path: Path) -> None:
    task = tmp_path / "task.jsonl"
    rows = [{"id": str(n), "question": f"{n}?", "options": {"A": "x", "B": "y"}, "answer": "A"} for n in range(300)]
    task.write_text("".join(json.dumps(row) + "\n" for row in rows))
    same = dict.fromkeys(("one", "two", "three"), "A" * 200 + "B" * 100)
    run = fill(tmp_path, {f"jsonl:{task}": same}, margin=0.05)
    report = build_report(run)
    assert "band: margin of ±5.0" in page(run, report)
    # three times no difference among 300: seeing that has a probability of .95^300 if 5 % differ
    (tested,) = {row["equivalence"]["p_holm"] for row in report["tasks"][f"jsonl:{task}"]["comparisons"]}
    assert tested == pytest.approx(3 * 0.95**300)
