"""Leakage: near-duplicates against brute force, gold papers, training data, dates, and scores on both strata."""

import json
import random
from pathlib import Path
from typing import Any

import orjson
import pytest
from fake_runs import QUESTIONS, TEXTS, Fake, build_index, config, write_task
from langchain_core.messages import AIMessage

from experiments.config import parse_config
from experiments.leakage import ANSWER, GOLD, NEAR, SHARE, TRAINED, N, check_leakage, near_duplicates
from experiments.report import build_report
from experiments.runner import run_experiment
from finetuned.overlap import tokenise
from indexes.building import build
from indexes.document import Document, Section

WORDS = "alpha beta gamma delta epsilon zeta eta theta iota kappa".split()
TITLE = "Does early treatment with quorvacept lower the risk of relapse in adults with chronic disease of the joints"


def test_near_duplicates_equal_brute_force() -> None:
    rng = random.Random(1)
    questions = [" ".join(rng.choice(WORDS) for _ in range(rng.randrange(5, 15))) for _ in range(60)]
    documents = []
    for n in range(40):
        text = " ".join(rng.choice(WORDS) for _ in range(60))
        if n % 2:
            text += " " + questions[rng.randrange(60)]
        if n % 3 == 0:
            text += " " + " ".join(rng.choice(questions).split()[:10])
        documents.append(Document(str(n + 1), sections=(Section("", text),)))

    def grams(text: str) -> set[tuple[str, ...]]:
        tokens = tokenise(text)
        return {tuple(tokens[i : i + N]) for i in range(len(tokens) - N + 1)}

    expected = {}
    for place, question in enumerate(questions):
        ours = grams(question)
        shares = [len(ours & grams(d.text)) / len(ours) for d in documents] if ours else []
        if shares and max(shares) >= SHARE:
            expected[place] = round(max(shares), 3)
    found = near_duplicates(questions, documents)
    assert {place: share for place, (_, share) in found.items()} == expected
    assert len(expected) > 10


def test_exposed_and_clean_samples_are_told_apart_and_scored(tmp_path: Path) -> None:
    source = tmp_path / "papers.jsonl"
    papers = [
        {"pmid": "1", "title": TITLE, "abstract": "It did.", "year": 2020},
        {"pmid": "2", "title": "", "abstract": "Something else altogether about the kidney.", "year": 2024},
    ]
    source.write_text("".join(json.dumps(p) + "\n" for p in papers))
    build(tmp_path / "index", [source], encoder="hashing", workers=1)
    task = tmp_path / "task.jsonl"
    questions = [
        {"id": "title", "question": TITLE + "?", "answer": "yes", "gold_pmids": ["1"]},
        {"id": "gold", "question": "What about the kidney?", "answer": "no", "gold_pmids": ["2"]},
        {
            "id": "clean",
            "question": "Is the earth flat or is it round like a ball?",
            "answer": "no",
            "gold_pmids": ["9"],
        },
    ]
    task.write_text("".join(json.dumps(q) + "\n" for q in questions))
    training = tmp_path / "train.jsonl"
    training.write_text(
        json.dumps({"question": "Is the earth flat or is it round like a ball?", "answer": "no"}) + "\n"
    )
    config = parse_config(
        {
            "tasks": [f"jsonl:{task}"],
            "index": str(tmp_path / "index"),
            "contenders": [
                {"name": "one", "model": "fake:a", "cutoff": "2022-06", "retrieval": {"k": 1}},
                {"name": "closed", "model": "fake:a"},
            ],
            "training": [str(training)],
        }
    )

    class Yes:
        def batch(self, inputs: Any, **kwargs: Any) -> list[AIMessage]:
            return [AIMessage("yes") for _ in inputs]

    out = tmp_path / "run"
    run_experiment(config, out, load_model=lambda spec: Yes())  # type: ignore[arg-type, return-value]
    (found,) = orjson.loads((out / "leakage.json").read_bytes())["tasks"].values()
    assert found["exposed"] == {GOLD: ["title", "gold"], NEAR: ["title"], TRAINED: ["clean"]}
    assert found["nearest"] == {"title": ["1", 1.0]}
    assert found["dates"] == {"title": "2020", "gold": "2024"}
    (strata,) = build_report(out)["strata"].values()
    assert [row["kind"] for row in strata["rows"] if row["contender"] == "closed"] == [TRAINED]
    rows = {row["kind"]: row for row in strata["rows"] if row["contender"] == "one"}
    near = rows[NEAR]
    assert (near["exposed"]["n"], near["exposed"]["score"]) == (1, 1.0)
    assert (near["clean"]["n"], near["clean"]["score"]) == (2, 0.0)
    dated = rows["published by the model's cutoff (2022-06)"]
    assert (dated["exposed"]["n"], dated["clean"]["n"], dated["unknown"]) == (1, 1, 1)


def test_an_abstract_that_states_the_left_out_conclusion_is_found(tmp_path: Path) -> None:
    conclusion = "Early treatment lowered the risk of relapse in adults and was well tolerated by all of them."
    papers = [("1", f"We treated some. {conclusion}"), ("2", "We treated some. The registry was then closed.")]
    source = tmp_path / "papers.jsonl"
    source.write_text("".join(json.dumps({"pmid": p, "title": "", "abstract": t}) + "\n" for p, t in papers))
    build(tmp_path / "index", [source], encoder="hashing", workers=1)
    data = tmp_path / "pubmedqa"
    data.mkdir()
    items = {
        p: {"QUESTION": "Q?", "CONTEXTS": ["We treated some."], "final_decision": "yes", "LONG_ANSWER": conclusion}
        for p in "12"
    }
    (data / "ori_pqal.json").write_text(json.dumps(items))
    config = parse_config(
        {
            "tasks": ["pubmedqa-all"],
            "data": str(tmp_path),
            "index": str(tmp_path / "index"),
            "contenders": [
                {
                    "name": "rag (rules)",
                    "model": "extractive",
                    "strategy": "rules",
                    "retrieval": {"k": 1, "mode": "lexical"},
                }
            ],
        }
    )
    run_experiment(config, tmp_path / "run")
    report = build_report(tmp_path / "run")
    assert report["strata"]["pubmedqa-all"]["summary"][ANSWER] == 1
    for said in (report["limits"], report["verdict"]):
        assert any("states the answer that the task's own context leaves out" in line for line in said)


def test_it_is_not_looked_for_again_without_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "papers.jsonl"
    source.write_text(json.dumps({"pmid": "1", "title": TITLE, "abstract": "It did."}) + "\n")
    build(tmp_path / "index", [source], encoder="hashing", workers=1)
    task = tmp_path / "task.jsonl"
    task.write_text(json.dumps({"id": "1", "question": TITLE, "answer": "yes"}) + "\n")
    config = parse_config(
        {
            "tasks": [f"jsonl:{task}"],
            "index": str(tmp_path / "index"),
            "contenders": [{"model": "baseline:random"}],
        }
    )
    run_experiment(config, tmp_path / "run")
    before = (tmp_path / "run" / "leakage.json").read_bytes()
    monkeypatch.setattr("experiments.leakage.near_duplicates", lambda *a, **k: pytest.fail("looked again"))
    run_experiment(config, tmp_path / "run")
    assert (tmp_path / "run" / "leakage.json").read_bytes() == before
    assert callable(check_leakage)


def strata_of(run: Path) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """Return what the report says of the one contender's gold abstracts: the row, the summary, the limits."""
    report = build_report(run)
    (strata,) = report["strata"].values()
    rows = {row["kind"]: row for row in strata["rows"]}
    return rows.get(GOLD, {}), strata["summary"], report["limits"]


def test_samples_that_were_not_looked_for_are_unknown_not_clean(tmp_path: Path) -> None:
    index, task = build_index(tmp_path / "index", TEXTS), write_task(tmp_path / "task.jsonl", QUESTIONS)
    arm, out = {"name": "rag", "model": "fake:a", "retrieval": {"k": 1}}, tmp_path / "run"
    run_experiment(config(task, arm, index=str(index), limit=2), out, load_model=lambda spec: Fake())
    without = config(task, arm, index=str(index), leakage=False)
    run_experiment(without, out, load_model=lambda spec: Fake())
    row, summary, limits = strata_of(out)
    assert (row["exposed"]["n"], row["clean"]["n"], row["unknown"]) == (2, 0, 4)
    assert summary["n"] == 2
    assert any("4 of 6 samples were not looked for" in line for line in limits)
    write_task(task, [f"{question} Really?" for question in QUESTIONS])  # others under the same ids
    run_experiment(without, out, load_model=lambda spec: Fake())
    row, summary, _ = strata_of(out)
    assert (row["exposed"]["n"], row["clean"]["n"], row["unknown"]) == (0, 0, 6)


def test_what_was_looked_for_in_another_index_is_left_out(tmp_path: Path) -> None:
    index, task = build_index(tmp_path / "index", TEXTS), write_task(tmp_path / "task.jsonl", QUESTIONS)
    arm, out = {"name": "rag", "model": "fake:a", "retrieval": {"k": 1}}, tmp_path / "run"
    run_experiment(config(task, arm, index=str(index)), out, load_model=lambda spec: Fake())
    assert strata_of(out)[0]["exposed"]["n"] == 6
    other = build_index(tmp_path / "other", TEXTS[:2])
    run_experiment(config(task, arm, index=str(other), leakage=False), out, load_model=lambda spec: Fake())
    row, summary, limits = strata_of(out)
    assert row == {}
    assert GOLD not in summary
    assert any("not looked for in the index that was searched" in line for line in limits)


def test_it_is_looked_for_before_the_models_are_asked_and_without_an_index(tmp_path: Path) -> None:
    task, out = write_task(tmp_path / "task.jsonl", QUESTIONS), tmp_path / "run"
    training = tmp_path / "train.jsonl"
    training.write_text(json.dumps({"question": QUESTIONS[3], "answer": "no"}) + "\n")

    def interrupted(spec: str) -> Any:
        raise KeyboardInterrupt

    closed = config(task, {"name": "one", "model": "fake:a"}, training=[str(training)])
    with pytest.raises(KeyboardInterrupt):
        run_experiment(closed, out, load_model=interrupted)
    (found,) = orjson.loads((out / "leakage.json").read_bytes())["tasks"].values()
    assert found["exposed"] == {TRAINED: ["q3"]}
    run_experiment(closed, out, load_model=lambda spec: Fake())
    ((row,),) = (strata["rows"] for strata in build_report(out)["strata"].values())
    assert (row["kind"], row["exposed"]["n"], row["clean"]["n"], row["unknown"]) == (TRAINED, 1, 5, 0)
