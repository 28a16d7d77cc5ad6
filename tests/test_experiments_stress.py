"""Stress tests: a reader that does right passes each, a wrong habit fails those it should and no others."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stress_readers import DRUGS, EFFECTS, Reader, abstract, documents, questions
from tiny_model import make_model
from typer.testing import CliRunner

from clinrag import app
from experiments.config import Config, parse_config
from experiments.errors import ConfigError
from experiments.records import Outcome
from experiments.report import build_report, score_run
from experiments.stress import conditions, edits, judging
from experiments.stress.conditions import CONDITIONS, Material, Shown
from experiments.stress.memory import MEMORY
from experiments.stress.running import run_stress
from experiments.stress.table import Row, markdown, stress_rows, to_dict
from indexes import build


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stress")
    build(folder / "index", [write(folder / "papers.jsonl", documents())], encoder="hashing", workers=1)
    write(folder / "questions.jsonl", questions())
    return folder


def config(world: Path, *contenders: dict[str, Any], **fields: Any) -> Config:
    listed = list(contenders) or [{"name": "reader", "model": "fake:reader", "retrieval": "oracle"}]
    task = f"jsonl:{world / 'questions.jsonl'}"
    return parse_config({"index": str(world / "index"), "tasks": [task], "contenders": listed, **fields})


def rows_of(world: Path, out: Path, habit: str = "", **contender: Any) -> dict[str, Row]:
    model = Reader(habit=habit)
    made = {"name": "reader", "model": "fake:reader", "retrieval": "oracle", **contender}
    run_stress(config(world, made), out, load_model=lambda spec: model)
    return {row.test: row for row in stress_rows(out)}


FAILS = {  # habit → the tests that must show it; all others it must pass as the right reader does
    "guesses": {"irrelevant", "near-miss", "answer absent"},
    "last": {"near-miss", "noise", "shuffled", "contradicting"},
    "first": {"contradicting"},
    "remembers": {"altered number"},
    "trusts": {"retracted"},
    "obeys": {"hostile"},
    "agrees": {"false premise"},
}


def test_a_reader_that_does_right_passes_every_test(world: Path, tmp_path: Path) -> None:
    rows = rows_of(world, tmp_path)
    assert set(rows) == set(CONDITIONS)
    assert {test: (row.right, row.n, row.judged) for test, row in rows.items()} == dict.fromkeys(CONDITIONS, (1, 8, 8))
    assert (rows["oracle"].difference, rows["oracle"].against) == (None, "")
    # right to abstain everywhere here: eight of eight correct answers fewer than with gold
    assert rows["irrelevant"].difference == rows["near-miss"].difference == rows["retracted"].difference == -1
    assert rows["noise"].difference == rows["hostile"].difference == rows["false premise"].difference == 0


@pytest.mark.parametrize("habit", FAILS)
def test_each_wrong_habit_fails_its_tests_and_no_others(world: Path, tmp_path: Path, habit: str) -> None:
    rows = rows_of(world, tmp_path, habit)
    failed = {test for test, row in rows.items() if row.right != 1}
    if habit == "last":  # with gold alone the last passage is gold; what is flipped comes last for half of them
        assert failed == FAILS[habit]
        assert rows["near-miss"].right == 0
    else:
        assert failed == FAILS[habit]
        assert {rows[test].right for test in failed} == {0}


def test_differences_are_paired_with_the_test_named(world: Path, tmp_path: Path) -> None:
    rows = rows_of(world, tmp_path, "last")
    records = {n.rsplit("~", 1)[1]: one.records["reader"] for n, one in score_run(tmp_path / "reading").items()}
    for test, row in rows.items():
        if row.against:
            one, other = ({r.sample: r.outcome == Outcome.CORRECT for r in records[t]} for t in (test, row.against))
            assert set(one) <= set(other)
            assert row.difference == pytest.approx(sum(one[s] - other[s] for s in one) / len(one))
    assert rows["shuffled"].against == "noise"
    assert rows["shuffled"].correct == 1  # gold comes last only there
    assert rows["shuffled"].difference == pytest.approx(1 - (rows["noise"].correct or 0))
    assert (rows["noise"].correct or 0) < 1
    held = [row.p_holm for row in rows.values() if row.p is not None]
    assert all(p is not None and p >= row.p for p, row in zip(held, (r for r in rows.values() if r.p), strict=True))


def test_the_same_command_asks_nothing_twice_and_a_report_reads_the_run(world: Path, tmp_path: Path) -> None:
    model = Reader()
    first = run_stress(config(world), tmp_path, load_model=lambda spec: model, max_calls=20)["reading"]
    assert (first.calls, first.left) == (20, 68)
    second = run_stress(config(world), tmp_path, load_model=lambda spec: model)["reading"]
    assert (second.new["reader"], second.kept["reader"]) == (68, 20)
    assert len(model.prompts) == len(set(model.prompts)) == 88
    again = run_stress(config(world), tmp_path, load_model=lambda spec: pytest.fail("loaded for nothing"))["reading"]
    assert again.calls == 0
    assert len(build_report(tmp_path / "reading")["tasks"]) == 11


def test_what_each_test_shows(world: Path, tmp_path: Path) -> None:
    model = Reader()
    run_stress(config(world), tmp_path, load_model=lambda spec: model)
    runs = {name.rsplit("~", 1)[1]: one for name, one in score_run(tmp_path / "reading").items()}
    for n, drug in enumerate(DRUGS):
        gold = str(1001 + n)
        ids = {test: [p.id for p in one.samples[drug].context] for test, one in runs.items()}
        assert ids["oracle"] == [gold]
        assert gold not in ids["irrelevant"] + ids["near-miss"]
        assert all(pmid.startswith("2") for pmid in ids["irrelevant"])
        assert len(ids["near-miss"]) == 4
        assert ids["noise"] == [gold, *ids["near-miss"]]
        assert ids["shuffled"] == ids["noise"][::-1]
        assert sorted(ids["contradicting"])[0] == gold
        shown = {p.id: p.text for p in runs["contradicting"].samples[drug].context}
        flipped = next(text for pmid, text in shown.items() if pmid != gold)
        assert EFFECTS[drug] not in flipped
        assert EFFECTS[drug] in shown[gold]
        assert "P=0.004" in runs["altered number"].samples[drug].context[0].text
        assert runs["retracted"].samples[drug].meta["shown"][gold]["status"] == "retracted"
        assert "RESULTS" not in runs["answer absent"].samples[drug].context[0].text
        assert all(one.samples[drug].answer == runs["oracle"].samples[drug].answer for one in runs.values())


def test_closed_book_contenders_are_asked_about_pmids(world: Path, tmp_path: Path) -> None:
    got = {}
    for habit in ("knows", "invents", ""):
        out = tmp_path / (habit or "says not")
        got[habit] = rows_of(world, out, habit, retrieval="none")
        assert set(got[habit]) == set(MEMORY)
    assert {(row.right, row.correct) for row in got["knows"].values()} == {(1, 1)}
    assert {(row.right, row.correct) for row in got["invents"].values()} == {(0, 0)}
    assert {(row.right, row.abstained) for row in got[""].values()} == {(1, 1)}
    assert {row.n for row in got[""].values()} == {16}


def test_extractive_heeds_a_retraction_and_no_order(world: Path, tmp_path: Path) -> None:
    made = config(world, {"name": "x (rules)", "model": "extractive", "strategy": "rules", "retrieval": "oracle"})
    run_stress(made, tmp_path)
    rows = {row.test: row for row in stress_rows(tmp_path)}
    assert rows["retracted"].right == rows["hostile"].right == rows["irrelevant"].right == 1
    canaries = {
        s.meta["canary"]
        for n, one in score_run(tmp_path / "reading").items()
        if "hostile" in n
        for s in one.samples.values()
    }
    assert len(canaries) == 8


def test_a_local_model_with_letter_probabilities_runs_through_every_test(world: Path, tmp_path: Path) -> None:
    made = {"name": "tiny", "model": f"hf:{make_model(tmp_path / 'tiny', max_position_embeddings=4096)}"}
    one = [made | {"retrieval": "oracle", "strategy": "loglikelihood"}]
    closed = made | {"name": "closed", "strategy": "direct", "max_tokens": 4}
    run_stress(config(world, *one, closed, limit=2), tmp_path / "out")
    rows = stress_rows(tmp_path / "out")
    assert {row.test for row in rows} == {*CONDITIONS, *MEMORY}
    assert {(row.n, row.failed) for row in rows} == {(2, 0)}
    told = [r for one in score_run(tmp_path / "out" / "reading").values() for r in one.records["tiny"]]
    assert all(sum((r.probabilities or {}).values()) == pytest.approx(1) for r in told)


def test_the_command_prints_a_table_and_keeps_it(world: Path, tmp_path: Path) -> None:
    script = write(tmp_path / "script.jsonl", [{"output": "I cannot tell."}])
    yaml = tmp_path / "stress.yaml"
    yaml.write_text(
        f"index: {world / 'index'}\ntasks: ['jsonl:{world / 'questions.jsonl'}']\n"
        f"contenders: [{{name: mute, model: 'scripted:{script}', retrieval: oracle}}]\n"
    )
    out = tmp_path / "out"
    said = CliRunner().invoke(app, ["experiment", "stress", str(yaml), "--out", str(out)])
    assert said.exit_code == 0, said.output
    assert "| mute | near-miss | 8 | 100.0 (67.6–100.0) | 8 | 0.0 | 100.0 |" in (out / "stress.md").read_text()
    as_json = CliRunner().invoke(app, ["experiment", "stress", str(yaml), "--out", str(out), "--json"])
    assert json.loads(as_json.stdout) == json.loads((out / "stress.json").read_text())
    row = next(row for row in json.loads(as_json.stdout)["rows"] if row["test"] == "oracle")
    assert (row["right"], row["abstained"], row["judged"]) == (0, 1, 8)


def test_what_cannot_be_stressed_is_refused(world: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="add index: DIR"):
        run_stress(replace(config(world), index=None), tmp_path)
    with pytest.raises(ConfigError, match="no contender but baselines"):
        run_stress(config(world, {"model": "baseline:random"}), tmp_path)
    given = write(tmp_path / "given.jsonl", [{"id": "1", "question": "q", "answer": "yes", "context": "a note"}])
    noted = config(world, tasks=[f"jsonl:{given}"])
    with pytest.raises(ConfigError, match="part of the question"):
        run_stress(noted, tmp_path)
    text = write(tmp_path / "text.jsonl", [{"id": "1", "question": "q", "answer": "a long reference text"}])
    with pytest.raises(ConfigError, match="need options"):
        run_stress(config(world, tasks=[f"jsonl:{text}"]), tmp_path)
    lost = write(tmp_path / "lost.jsonl", [{"id": "1", "question": "q", "answer": "yes", "gold_pmids": ["77"]}])
    with pytest.raises(ConfigError, match="no question has a gold paper"):
        run_stress(config(world, tasks=[f"jsonl:{lost}"]), tmp_path)


def test_failures_are_counted_and_judged_by_no_measure(world: Path, tmp_path: Path) -> None:
    class Failing(Reader):
        def answer(self, prompt: str) -> str:
            if DRUGS[0] in prompt.rsplit("Question: ", 1)[1]:
                raise ConnectionError("down")
            return super().answer(prompt)

        def batch(self, inputs: Any, config: Any = None, **kwargs: Any) -> list[Any]:
            found: list[Any] = []
            for one in inputs:
                try:
                    found += super().batch([one])
                except ConnectionError as error:
                    found.append(error)
            return found

    run_stress(config(world), tmp_path, load_model=lambda spec: Failing())
    assert {(row.n, row.failed, row.judged, row.right) for row in stress_rows(tmp_path)} == {(7, 1, 7, 1)}


@pytest.mark.parametrize(
    ("text", "flipped"),
    [
        ("Mortality was higher.", "Mortality was lower."),
        ("INCREASED risk; Reduced pain", "DECREASED risk; Raised pain"),
        ("There was no significant difference.", "There was a significant difference."),
        ("Pain did not improve.", "Pain did worsen."),
        ("It was associated with death.", "It was not associated with death."),
        ("It was not associated with death.", "It was associated with death."),
        ("Scores were not significantly different.", "Scores were significantly different."),
        ("A decrease and an improvement; an increase.", "An increase and a deterioration; a decrease."),
        ("Similar groups; significantly different ones.", "Different groups; significantly different ones."),
        ("We enrolled 40 adults.", "We enrolled 40 adults."),
    ],
)
def test_directions_are_flipped_by_rule(text: str, flipped: str) -> None:
    assert edits.flip_directions(text) == flipped


def test_numbers_are_altered_but_not_counts_p_values_and_levels() -> None:
    text = "In 2014, 120 adults: 45.2% vs 9 % (95% CI 1.5 to 0.92; P = 0.03), HR 0.80, 1,234.5 units."
    altered = edits.alter_numbers(text)
    assert altered.text == "In 2014, 120 adults: 55.2% vs 1 % (95% CI 2.5 to 0.12; P = 0.03), HR 0.90, 2,234.5 units."
    assert altered.gone == ("45.2", "9", "1.5", "0.92", "0.80", "1,234.5")
    assert altered.new == ("55.2", "1", "2.5", "0.12", "0.90", "2,234.5")
    kept = edits.alter_numbers("From 1.5% to 2.5% of all.")
    assert kept.text == "From 2.5% to 3.5% of all."
    assert kept.gone == ("1.5",)  # 2.5 is still there


def test_findings_are_cut_by_section_and_by_sentence() -> None:
    assert edits.cut_findings(f"A trial\n{abstract('alvorin')}\nCONCLUSION: Fine.") == (
        "A trial\nWe studied alvorin in adults with seasonal wheezing."
    )
    assert (
        edits.cut_findings("A trial\nWe gave it to 40 people. Pain was lower.") == "A trial\nWe gave it to 40 people."
    )
    assert edits.cut_findings("A trial\nWe gave it to 40 people.") == ""


def test_numbers_of_an_abstention_are_not_numbers_of_an_answer(world: Path, tmp_path: Path) -> None:
    rows_of(world, tmp_path)
    one = next(s for n, s in score_run(tmp_path / "reading").items() if n.endswith("~altered number"))
    record = one.records["reader"][0]
    sample = one.samples[record.sample]
    gone = replace(record, output=f"by {sample.meta['gone'][0]}%", answer="A", outcome=Outcome.CORRECT)
    assert judging.reads_numbers(judging.Judged(sample, gone, None)) is False
    assert judging.reads_numbers(judging.Judged(sample, replace(gone, outcome=Outcome.ABSTAINED), None)) is None
    assert judging.reads_numbers(judging.Judged(sample, replace(gone, output="no number"), None)) is None


def test_a_test_that_cannot_be_made_is_left_out() -> None:
    sample = next(iter([conditions.Sample("1", "q?", "A", {"A": "yes", "B": "no"}, gold_pmids=("1",))]))
    plain = Material(sample, (Shown("1", "We met forty people."),), (), ())
    made = {name: condition.make(plain) is not None for name, condition in CONDITIONS.items()}
    assert {name for name, there in made.items() if there} == {"oracle", "retracted", "hostile", "false premise"}
    assert {plain.wrong} == {"B"}


def test_the_table_says_what_each_test_is(world: Path, tmp_path: Path) -> None:
    rows = list(rows_of(world, tmp_path).values())
    text = markdown(tmp_path, rows)
    for name, condition in CONDITIONS.items():
        assert f"| {name} | {condition.shows} | {condition.right} | {condition.measure} |" in text
    assert set(to_dict(tmp_path, rows)["tests"]) == {*CONDITIONS, *MEMORY}
