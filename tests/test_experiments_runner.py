"""The runner: nothing is asked twice, nothing is lost, and a change runs again exactly what it touches."""

import json
import os
import signal
import subprocess
import sys
import time
import weakref
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from conftest import ROOT
from fake_runs import QUESTIONS, TEXTS, Fake, build_index, config, lines, write_task
from langchain_core.messages import AIMessage

from experiments import prompts
from experiments.config import parse_config
from experiments.errors import RecordsError, RunStoppedError
from experiments.imports import import_predictions
from experiments.page import page
from experiments.records import Outcome, read_records
from experiments.report import build_report
from experiments.retrieval import read_passages
from experiments.runner import run_experiment
from experiments.runs import read_run, records_path, run_records
from experiments.strategies import STRATEGIES


def test_a_run_answers_every_sample_once_and_a_second_command_none(task: Path, tmp_path: Path) -> None:
    model, out = Fake(), tmp_path / "run"
    done = run_experiment(config(task), out, load_model=lambda spec: model)
    assert (done.new, done.kept, done.calls) == ({"one": 6}, {"one": 0}, 6)
    before = lines(out)
    again = run_experiment(config(task), out, load_model=lambda spec: pytest.fail("loaded for nothing"))
    assert (again.new, again.kept, again.calls) == ({"one": 0}, {"one": 6}, 0)
    assert lines(out) == before
    assert sorted(q for text in model.asked for q in QUESTIONS if q in text) == sorted(QUESTIONS)
    outcomes = Counter(record.outcome for record in run_records(out))
    assert outcomes == {Outcome.CORRECT: 2, Outcome.WRONG: 4}  # the answers are yes, no, no, yes, no, no


def test_a_changed_sample_runs_again_alone(task: Path, tmp_path: Path) -> None:
    model, out = Fake(), tmp_path / "run"
    run_experiment(config(task), out, load_model=lambda spec: model)
    model.asked.clear()
    rows = [json.loads(line) for line in task.read_text().splitlines()]
    rows[2]["question"] = "Does codeine hurt?"
    task.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = run_experiment(config(task), out, load_model=lambda spec: model)
    assert (done.new, done.kept) == ({"one": 1}, {"one": 5})
    assert "Does codeine hurt?" in model.asked[0]
    assert len(lines(out)) == 7
    assert len(list(run_records(out))) == 6  # the old answer is passed over
    with task.open("a") as file:
        file.write(json.dumps({"id": "new", "question": "Does insulin cure?", "answer": "no"}) + "\n")
    done = run_experiment(config(task), out, load_model=lambda spec: model)
    assert (done.new, done.kept) == ({"one": 1}, {"one": 6})


def test_a_changed_prompt_runs_its_strategy_again_and_no_other(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, out = Fake(), tmp_path / "run"
    both = config(task, {"name": "one", "model": "fake:a"}, {"name": "two", "model": "fake:a", "strategy": "cot"})
    run_experiment(both, out, load_model=lambda spec: model)
    changed = replace(STRATEGIES["cot"], prompts=(prompts.COT + " Be brief.",))
    monkeypatch.setitem(STRATEGIES, "cot", changed)
    done = run_experiment(both, out, load_model=lambda spec: model)
    assert done.new == {"one": 0, "two": 6}


def test_a_changed_index_runs_again_what_reads_it(task: Path, index: Path, tmp_path: Path) -> None:
    model, out = Fake(), tmp_path / "run"
    both = config(
        task,
        {"name": "one", "model": "fake:a"},
        {"name": "two", "model": "fake:a", "retrieval": {"k": 2}},
        index=str(index),
        leakage=False,
    )
    run_experiment(both, out, load_model=lambda spec: model)
    assert run_experiment(both, out, load_model=lambda spec: model).new == {"one": 0, "two": 0}
    model.asked.clear()
    new = TEXTS[0] + " More text in one abstract, under the same PMID."
    build_index(index, [new, *TEXTS[1:]])
    assert run_experiment(both, out, load_model=lambda spec: model).new == {"one": 0, "two": 6}
    assert new in next(text for text in model.asked if QUESTIONS[0] in text)
    assert read_passages(out)["100"]["text"] == new
    build_index(index, TEXTS)  # back: nothing is asked again, and the report shows what is asked now
    assert run_experiment(both, out, load_model=lambda spec: model).new == {"one": 0, "two": 0}
    assert read_passages(out)["100"]["text"] == TEXTS[0]


def test_models_are_loaded_one_after_the_other(task: Path, tmp_path: Path) -> None:
    alive: list[Any] = []

    def load(spec: str) -> Fake:
        assert all(one() is None for one in alive), "two models in memory"
        model = Fake()
        alive.append(weakref.ref(model))
        return model

    arms = [{"name": f"{m}{s}", "model": f"fake:{m}", "strategy": s} for s in ("direct", "cot") for m in "ab"]
    run_experiment(config(task, *arms), tmp_path / "run", load_model=load)
    assert len(alive) == 2  # each once, although their contenders are mixed


def test_a_contender_that_fails_on_everything_stops_early_and_the_others_go_on(tmp_path: Path) -> None:
    task = write_task(tmp_path / "long.jsonl", [f"Question {n}?" for n in range(40)])
    models = {"fake:a": Fake(broken=True), "fake:b": Fake()}
    both = config(task, {"name": "one", "model": "fake:a"}, {"name": "two", "model": "fake:b"})
    out = tmp_path / "run"
    done = run_experiment(both, out, load_model=models.__getitem__)
    assert done.stopped == {"one": "it failed on all of its first 8 samples: ConnectionError: the server is down"}
    assert (done.new, done.errors) == ({"one": 0, "two": 40}, {"one": 8, "two": 0})
    models["fake:a"].broken = False
    again = run_experiment(both, out, load_model=models.__getitem__)
    assert (again.new, again.kept) == ({"one": 40, "two": 0}, {"one": 0, "two": 40})
    assert Counter(r.outcome for r in run_records(out))[Outcome.ERROR] == 0


def test_a_model_that_cannot_be_loaded_stops_its_contenders_only(task: Path, tmp_path: Path) -> None:
    def load(spec: str) -> Fake:
        if spec == "fake:a":
            raise OSError("no such weights")
        return Fake()

    both = config(task, {"name": "one", "model": "fake:a"}, {"name": "two", "model": "fake:b"})
    done = run_experiment(both, tmp_path / "run", load_model=load)
    assert done.stopped == {"one": "its model could not be loaded: no such weights"}
    assert done.new["two"] == 6


def test_the_budget_of_calls_is_kept(task: Path, tmp_path: Path) -> None:
    model, out = Fake(), tmp_path / "run"
    three = config(task, {"name": "one", "model": "fake:a", "strategy": "self-consistency", "calls": 3})
    done = run_experiment(three, out, max_calls=11, load_model=lambda spec: model)
    assert (len(model.asked), done.new["one"], done.left) == (9, 3, 3)
    rest = run_experiment(three, out, load_model=lambda spec: model)
    assert (rest.new["one"], rest.kept["one"]) == (3, 3)


def test_an_interrupt_keeps_what_was_finished(task: Path, tmp_path: Path) -> None:
    class Interrupted(Fake):
        def batch(self, inputs: Any, config: Any = None, **kwargs: Any) -> list[Any]:
            if len(self.asked) >= 4:
                raise KeyboardInterrupt
            return super().batch(inputs, config, **kwargs)

    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run_experiment(config(task), out, load_model=lambda spec: Interrupted())
    assert len(lines(out)) == 4
    assert run_experiment(config(task), out, load_model=lambda spec: Fake()).new == {"one": 2}


@pytest.mark.parametrize("torn", [b'{"task":"x","sam', b"\0\0\0\0\n", b'{"task":'])
def test_a_torn_last_line_is_mended(task: Path, tmp_path: Path, torn: bytes) -> None:
    out = tmp_path / "run"
    run_experiment(config(task), out, load_model=lambda spec: Fake())
    whole = lines(out)
    records_path(out, "one").write_bytes(b"\n".join(whole[:3]) + b"\n" + torn)
    done = run_experiment(config(task), out, load_model=lambda spec: Fake())
    assert done.new == {"one": 3}
    assert [orjson.loads(line)["sample"] for line in lines(out)] == [f"q{n}" for n in range(6)]


def test_two_commands_do_not_write_into_one_run(task: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"

    class Second(Fake):
        def batch(self, inputs: Any, config_: Any = None, **kwargs: Any) -> list[Any]:
            with pytest.raises(RunStoppedError, match="another process is running"):
                run_experiment(config(task), out, load_model=lambda spec: Fake())
            return super().batch(inputs, config_, **kwargs)

    run_experiment(config(task), out, load_model=lambda spec: Second())


SLOW = """
import sys, time
sys.path.append("tests")
from pathlib import Path
from langchain_core.messages import AIMessage
from test_experiments_runner import Fake, config
from experiments.runner import run_experiment

class Slow(Fake):
    def batch(self, inputs, config=None, **kwargs):
        time.sleep(0.01)
        with open(sys.argv[3], "a") as log:
            log.writelines(m[-1].content.split("Question: ")[1].split("\\n")[0] + "\\n" for m in inputs)
        return super().batch(inputs, config, **kwargs)

run_experiment(config(Path(sys.argv[1])), Path(sys.argv[2]), load_model=lambda spec: Slow())
"""


def test_killed_at_any_point_nothing_finished_is_lost_or_asked_again(tmp_path: Path) -> None:
    task = write_task(tmp_path / "long.jsonl", [f"Question {n}?" for n in range(120)])
    out, log = tmp_path / "run", tmp_path / "asked.log"
    command = [sys.executable, "-c", SLOW, str(task), str(out), str(log)]
    finished: set[str] = set()
    asked_before = 0
    for _ in range(3):
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        records = records_path(out, "one")
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:  # let it write some more than there are, then kill it
            written = records.read_bytes().count(b"\n") if records.exists() else 0
            if written >= len(finished) + 10 or process.poll() is not None:
                break
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        now = {r.sample for r in read_records(records)}
        assert finished <= now
        asked = log.read_text().splitlines()[asked_before:]
        assert not {f"Question {name[1:]}?" for name in finished} & set(asked)
        asked_before = len(log.read_text().splitlines())
        finished = now
    assert 0 < len(finished) < 120
    done = run_experiment(config(task), out, load_model=lambda spec: Fake())
    assert done.kept["one"] == len(finished)
    samples = Counter(r.sample for r in read_records(records_path(out, "one")))
    assert samples == dict.fromkeys((f"q{n}" for n in range(120)), 1)


def test_a_contender_taken_out_leaves_the_report_and_comes_back_without_work(task: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    arms = [{"name": "one", "model": "fake:a"}, {"name": "two", "model": "fake:a", "strategy": "cot"}]
    run_experiment(config(task, *arms), out, load_model=lambda spec: Fake())
    run_experiment(config(task, arms[0]), out)
    assert list(read_run(out)["contenders"]) == ["one"]
    assert run_experiment(config(task, *arms), out).kept == {"one": 6, "two": 6}


def test_a_limit_draws_samples_that_a_larger_one_contains(task: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = run_experiment(config(task, limit=2), out, load_model=lambda spec: Fake())
    assert done.new == {"one": 2}
    assert run_experiment(config(task, limit=5), out, load_model=lambda spec: Fake()).kept == {"one": 2}
    (name,) = build_report(out)["tasks"]
    assert build_report(out)["tasks"][name]["n"] == 5


def test_a_pair_is_reported_as_two_by_two(tmp_path: Path, index: Path) -> None:
    """RAG makes the general model right on all, the tuned one is right on the first half without it."""
    task = write_task(tmp_path / "task.jsonl", [f"{QUESTIONS[n % 6]} ({n})" for n in range(30)])

    class Knowing(Fake):
        tuned: bool = False

        def batch(self, inputs: Any, config: Any = None, **kwargs: Any) -> list[Any]:
            replies = []
            for messages in inputs:
                text = messages[-1].content
                n = int(text.split("Question: ")[1].split("(")[1].split(")")[0])
                right = "<passages>" in text or (self.tuned and n < 15)
                replies.append(AIMessage(("yes" if n % 3 == 0 else "no") if right else "I cannot tell."))
            return replies

    raw = {
        "tasks": [f"jsonl:{task}"],
        "index": str(index),
        "pairs": [{"pair": "huatuogpt-o1-7b", "retrieval": {"k": 1}}],
        "leakage": False,
    }
    out = tmp_path / "run"
    run_experiment(parse_config(raw), out, load_model=lambda spec: Knowing(tuned=spec.endswith("/tuned")))
    report = build_report(out)
    (pair,) = report["pairs"]
    assert pair["means"] == {"general": 0.0, "general_rag": 1.0, "tuned": 0.5, "tuned_rag": 1.0}
    assert pair["effects"]["interaction"]["value"] == pytest.approx(-0.5)
    assert pair["effects"]["rag_over_tuning"]["value"] == pytest.approx(0.5)
    assert any("RAG buys more: 50.0 points" in line for line in report["verdict"])
    assert any("they overlap" in line for line in report["verdict"])
    html = page(out, report)
    assert "Fine-tuning or RAG?" in html


def test_a_floor_with_nothing_to_draw_on_fails_on_its_samples_only(tmp_path: Path) -> None:
    task = tmp_path / "task.jsonl"
    rows: list[dict[str, Any]] = [{"id": str(n), "question": "?", "options": ["x", "y"], "answer": None} for n in "ab"]
    task.write_text("".join(json.dumps(row) + "\n" for row in rows))
    floors = config(task, {"model": "baseline:majority"}, {"model": "baseline:random"})
    done = run_experiment(floors, tmp_path / "run")
    assert (done.new["baseline:random"], done.errors["baseline:majority"]) == (2, 2)


@pytest.mark.parametrize(("right", "other"), [("Aspirin thins blood.", "It does."), (["heparin", "aspirin"], ["rest"])])
def test_questions_that_cannot_be_answered_are_reported_among_texts_and_lists(
    tmp_path: Path, right: Any, other: Any
) -> None:
    task, out = tmp_path / "task.jsonl", tmp_path / "run"
    rows = [{"id": "1", "question": "?", "answer": right}, {"id": "2", "question": "?", "answer": other}]
    task.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"id": "3", "question": "?", "answer": None}]))
    (tmp_path / "s.jsonl").write_text('{"output": "I cannot tell."}\n')
    run_experiment(config(task, {"name": "one", "model": f"scripted:{tmp_path / 's.jsonl'}"}), out)
    report = build_report(out)
    assert page(out, report)
    assert Counter(record.outcome for record in run_records(out)) == {Outcome.CORRECT: 1, Outcome.ABSTAINED: 2}


def test_an_imported_contender_is_not_replaced(task: Path, tmp_path: Path) -> None:
    out, predictions = tmp_path / "run", tmp_path / "p.jsonl"
    predictions.write_text("".join(json.dumps({"id": f"q{n}", "output": "B"}) + "\n" for n in range(6)))
    import_predictions("jsonl", predictions, name="one", out=out, task=f"jsonl:{task}")
    with pytest.raises(RecordsError, match=r"already has another contender 'one', an imported one"):
        run_experiment(config(task), out, load_model=lambda spec: pytest.fail("loaded for nothing"))
    run_experiment(config(task, {"name": "two", "model": "fake:a"}), out, load_model=lambda spec: Fake())
    assert Counter(record.contender for record in run_records(out)) == {"one": 6, "two": 6}


def test_what_is_seen_before_is_found_before_any_model_is_asked(task: Path, index: Path, tmp_path: Path) -> None:
    def load(spec: str) -> Fake:
        assert (tmp_path / "run" / "leakage.json").is_file()
        return Fake()

    assert run_experiment(config(task, index=str(index)), tmp_path / "run", load_model=load).new == {"one": 6}


def test_a_run_cannot_go_into_a_file(task: Path, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(RecordsError, match="cannot be made a folder"):
        run_experiment(config(task), tmp_path / "run", load_model=lambda spec: Fake())


def test_overhead_is_small(tmp_path: Path) -> None:
    task = write_task(tmp_path / "long.jsonl", [f"Is question number {n} one to answer?" for n in range(3000)])
    model = Fake()
    started = time.process_time()
    run_experiment(config(task, batch=64), tmp_path / "run", load_model=lambda spec: model)
    per_sample = (time.process_time() - started) / 3000
    assert per_sample < 0.001  # measured 0.00012 s; a tenth of a busy machine's noise must not fail it
