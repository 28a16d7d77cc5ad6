"""Predictions made elsewhere: small files written here in each format, and GPT-3.5's published ones."""

import json
import math
import shutil
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from experiments.errors import DataFormatError, ExperimentsError, MissingDataError, RecordsError
from experiments.imports import import_predictions
from experiments.records import Outcome, Record
from experiments.runs import read_run, run_records

SHARED = Path(__file__).parents[1].parent / "shared" / "data"


def question(answer: str, **more: Any) -> dict[str, Any]:
    options = {"A": "aspirin", "B": "ibuprofen", "C": "codeine", "D": "none of these"}
    return {"question": f"Which drug, if not {answer}?", "options": options, "answer": answer, **more}


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    path = tmp_path / "benchmark.json"
    content = {
        "medmcqa": {f"m{i}": question("ABCD"[i % 4]) | {"question": f"Question {i}?"} for i in range(6)},
        "mmlu": {"anatomy-000": question("A")},
    }
    path.write_text(json.dumps(content))
    return path


def answer(letter: str) -> str:
    return json.dumps({"step_by_step_thinking": "Hm: D.", "answer_choice": letter})


OUTPUTS = [
    answer("A"),
    answer("None of the above"),
    answer("A/C"),
    answer("Unknown"),
    "The response was filtered due to the prompt triggering x",
    None,
]


def write_predictions(path: Path, outputs: list[str | None] = OUTPUTS) -> Path:
    rows = [{"dataset": "medmcqa", "id": f"m{i}", "output": output} for i, output in enumerate(outputs)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def outcomes(run: Path, reading: str = "strict", contender: str = "") -> dict[str, str]:
    records = run_records(run, reading=reading)
    return {r.sample: r.outcome.value for r in records if not contender or r.contender == contender}


def test_mirage_lines_under_each_reading(tmp_path: Path, benchmark: Path) -> None:
    # gold letters: A B C D A B
    done = import_predictions(
        "mirage",
        write_predictions(tmp_path / "p.jsonl"),
        benchmark=benchmark,
        name="gpt",
        out=tmp_path / "run",
    )
    assert (done.written, done.missing, done.known) == ({"mirage-medmcqa": 6}, {"mirage-medmcqa": 0}, 0)
    before = (tmp_path / "run" / "records" / "gpt.jsonl").read_bytes()
    assert list(outcomes(tmp_path / "run").values()) == [
        "correct",
        "unparsed",
        "wrong",
        "abstained",
        "error",
        "error",
    ]
    unhedged = outcomes(tmp_path / "run", "unhedged")
    assert list(unhedged.values()) == ["correct", "unparsed", "unparsed", "abstained", "error", "error"]
    published = outcomes(tmp_path / "run", "published")  # what does not parse is A, also the service's message
    assert list(published.values()) == ["correct", "wrong", "wrong", "wrong", "correct", "error"]
    assert (tmp_path / "run" / "records" / "gpt.jsonl").read_bytes() == before  # nothing is made anew


def test_the_released_folders_give_the_same_as_lines(tmp_path: Path, benchmark: Path) -> None:
    root = tmp_path / "prediction"
    folder = root / "medmcqa" / "cot" / "OpenAI" / "gpt"
    folder.mkdir(parents=True)
    for i, output in enumerate(OUTPUTS):
        content = "" if output is None else json.dumps([output, "a second draw that does not count"])
        (folder / f"dev_m{i}.json").write_text(content)
    (root / "mmlu" / "cot" / "OpenAI" / "gpt").mkdir(parents=True)
    (root / "mmlu" / "cot" / "OpenAI" / "gpt" / "test_anatomy-000.json").write_text(json.dumps([answer("A")]))
    import_predictions("mirage", root, benchmark=benchmark, name="gpt", out=tmp_path / "run")
    import_predictions(
        "mirage",
        write_predictions(tmp_path / "p.jsonl"),
        benchmark=benchmark,
        name="lines",
        out=tmp_path / "run",
    )
    folders, lines = (outcomes(tmp_path / "run", contender=c) for c in ("gpt", "lines"))
    assert folders == {**lines, "anatomy-000": "correct"}

    shutil.copytree(folder, root / "medmcqa" / "rag_32" / "OpenAI" / "gpt" / "medcorp" / "RRF-4")
    with pytest.raises(DataFormatError, match=r"holds 2 settings; name one of\n.*\*/cot/OpenAI/gpt\n.*rag_32"):
        import_predictions("mirage", root, benchmark=benchmark, name="x", out=tmp_path / "run2")
    chosen = root / "*" / "rag_32" / "OpenAI" / "gpt"
    done = import_predictions("mirage", chosen, benchmark=benchmark, name="x", out=tmp_path / "run2")
    assert done.written == {"mirage-medmcqa": 6}
    with pytest.raises(MissingDataError, match=r"no predictions in .*DATASET/…/test_ID\.json"):
        import_predictions("mirage", tmp_path / "nowhere", benchmark=benchmark, name="x", out=tmp_path / "r")


def test_two_names_are_two_contenders_and_one_name_is_imported_once(tmp_path: Path, benchmark: Path) -> None:
    path, run = write_predictions(tmp_path / "p.jsonl"), tmp_path / "run"
    for name in ("cot", "rag/32"):
        import_predictions("mirage", path, benchmark=benchmark, name=name, out=run)
    assert list(read_run(run)["contenders"]) == ["cot", "rag/32"]
    assert read_run(run)["tasks"]["mirage-medmcqa"]["n"] == 6
    assert Counter(record.contender for record in run_records(run)) == {"cot": 6, "rag/32": 6}
    again = import_predictions("mirage", path, benchmark=benchmark, name="cot", out=run)
    assert (again.written, again.known) == ({"mirage-medmcqa": 0}, 6)
    assert len((run / "records" / "cot.jsonl").read_text().splitlines()) == 6
    other = write_predictions(tmp_path / "q.jsonl", [answer("B"), *OUTPUTS[1:]])
    with pytest.raises(DataFormatError, match=r"sample m0: contender 'cot' already has another output"):
        import_predictions("mirage", other, benchmark=benchmark, name="cot", out=run)
    benchmark.write_text(benchmark.read_text().replace("Question 3?", "Question three?"))
    with pytest.raises(RecordsError, match="already has mirage-medmcqa with other samples"):
        import_predictions("mirage", path, benchmark=benchmark, name="new", out=run)


def test_wrong_files_are_named_with_place_and_field(tmp_path: Path, benchmark: Path) -> None:
    def run(row: Any, **more: Any) -> None:
        (tmp_path / "p.jsonl").write_text(json.dumps(row) + "\n")
        arguments = {"format": "mirage", "benchmark": benchmark, "name": "x", "out": tmp_path / "run", **more}
        import_predictions(path=tmp_path / "p.jsonl", **arguments)

    with pytest.raises(DataFormatError, match=r"p\.jsonl, line 1: field 'dataset' is missing"):
        run({"id": "m0", "output": "A"})
    with pytest.raises(DataFormatError, match=r"line 1: field 'output' is int, not str or null"):
        run({"dataset": "medmcqa", "id": "m0", "output": 3})
    with pytest.raises(DataFormatError, match=r"line 1: 'm9' is not among the 6 samples of mirage-medmcqa"):
        run({"dataset": "medmcqa", "id": "m9", "output": "A"})
    with pytest.raises(DataFormatError, match=r"line 1: it does not say its task, so name it"):
        run({"id": "m0", "output": "A"}, format="jsonl")
    with pytest.raises(ExperimentsError, match="no format 'csv': there are mirage, lm-eval, inspect, jsonl"):
        run({}, format="csv")
    for field, wrong in (("passages", 5), ("passages", "90010017"), ("seed", "x"), ("tokens_in", "12"), ("calls", 1.5)):
        with pytest.raises(DataFormatError, match=rf"line 1: field '{field}' is {wrong!r}; a"):
            run({"id": "m0", "output": "A", field: wrong}, format="jsonl", task="mirage-medmcqa")
    for slow in ("1", -1, math.nan, True):
        with pytest.raises(DataFormatError, match="line 1: field 'seconds' is"):
            run({"id": "m0", "output": "A", "seconds": slow}, format="jsonl", task="mirage-medmcqa")
    assert not (tmp_path / "run").exists()  # nothing is left of an import that failed


@pytest.mark.parametrize(
    ("format", "name"), [("jsonl", "p.jsonl"), ("inspect", "p.json"), ("inspect", "p.eval"), ("lm-eval", "p.jsonl")]
)
def test_a_mistyped_path_is_said_so(tmp_path: Path, format: str, name: str) -> None:
    with pytest.raises(DataFormatError, match=rf"{name}, file: cannot be read \(No such file or directory\)"):
        import_predictions(format, tmp_path / name, name="x", out=tmp_path / "run", task="sample")


def test_an_import_cannot_go_into_a_file(tmp_path: Path, benchmark: Path) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(RecordsError, match="cannot be made a folder"):
        import_predictions(
            "mirage", write_predictions(tmp_path / "p.jsonl"), benchmark=benchmark, name="x", out=tmp_path / "run"
        )


PUBMEDQA = {
    "21": {"QUESTION": "Does one help?", "CONTEXTS": ["C."], "final_decision": "yes"},
    "22": {"QUESTION": "Does two help?", "CONTEXTS": ["C."], "final_decision": "no"},
}


@pytest.fixture
def pubmedqa(tmp_path: Path) -> Path:
    (tmp_path / "ori_pqal.json").write_text(json.dumps(PUBMEDQA))
    return tmp_path / "ori_pqal.json"


def by_sample(run: Path) -> dict[str, Record]:
    return {record.sample: record for record in run_records(run)}


def test_plain_lines_with_what_was_measured(tmp_path: Path, pubmedqa: Path) -> None:
    rows = [
        {
            "id": 21,
            "output": "yes",
            "prompt": "P",
            "passages": [7, "8"],
            "tokens_in": 5,
            "tokens_out": 1,
            "seconds": 0.5,
        },
        {"id": "22", "error": "Timeout", "task": "pubmedqa-all"},
    ]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    import_predictions(
        "jsonl", tmp_path / "p.jsonl", benchmark=pubmedqa, name="m", out=tmp_path / "run", task="pubmedqa-all"
    )
    first, second = by_sample(tmp_path / "run").values()
    assert (first.outcome, first.prompt, first.passages, first.tokens_in, first.seconds) == (
        "correct",
        "P",
        ("7", "8"),
        5,
        0.5,
    )
    assert (second.outcome, second.error, second.output) == ("error", "Timeout", None)


def test_lm_eval_samples_generated_and_by_likelihood(tmp_path: Path, pubmedqa: Path) -> None:
    def line(number: int, text: str, resps: Any, filter_: str = "none") -> dict[str, Any]:
        listed = resps if isinstance(resps[0], list) else [resps]
        return {
            "doc_id": number,
            "doc": {"QUESTION": text, "final_decision": "x"},
            "target": "x",
            "arguments": {
                f"gen_args_{i}": {"arg_0": f"Q: {text}", "arg_1": f" {label}"}
                for i, label in enumerate(["yes", "no", "maybe"])
            },
            "resps": [[answer] for answer in listed],
            "filtered_resps": resps,
            "filter": filter_,
        }

    likely = [
        line(0, "Does two help?", [["-1.0", "False"], ["-0.5", "True"], ["-3.0", "False"]]),
        line(1, "Does one help?", [["-2.0", "False"], ["-0.5", "True"], ["-3.0", "False"]]),
    ]
    folder = tmp_path / "results" / "model"
    folder.mkdir(parents=True)
    (folder / "samples_pubmedqa_2026.jsonl").write_text("".join(json.dumps(row) + "\n" for row in likely))
    import_predictions(
        "lm-eval",
        tmp_path / "results",
        benchmark=pubmedqa,
        name="m",
        out=tmp_path / "run",
        task="pubmedqa-all",
    )
    found = by_sample(tmp_path / "run")
    assert {k: (r.answer, r.outcome.value, r.prompt) for k, r in found.items()} == {
        "22": ("B", "correct", "Q: Does two help?"),
        "21": ("B", "wrong", "Q: Does one help?"),
    }
    total = math.exp(-1) + math.exp(-0.5) + math.exp(-3)
    expected = {"A": math.exp(-1) / total, "B": math.exp(-0.5) / total, "C": math.exp(-3) / total}
    assert found["22"].probabilities == pytest.approx(expected)

    generated = [
        line(0, "Does one help?", ["So the answer is yes."]),
        line(0, "Does one help?", ["yes"], "strip"),
    ]
    (tmp_path / "samples_g.jsonl").write_text("".join(json.dumps(row) + "\n" for row in generated))
    import_predictions(
        "lm-eval",
        tmp_path / "samples_g.jsonl",
        benchmark=pubmedqa,
        name="g",
        out=tmp_path / "run2",
        task="pubmedqa-all",
    )
    (record,) = by_sample(tmp_path / "run2").values()
    assert (record.output, record.answer) == ("So the answer is yes.", "A")


INSPECT = [
    {
        "id": 21,
        "epoch": 1,
        "input": [{"role": "system", "content": "S"}, {"role": "user", "content": "Does one help?"}],
        "target": "A",
        "output": {"choices": [{"message": {"role": "assistant", "content": [{"type": "text", "text": "ANSWER: A"}]}}]},
        "model_usage": {"m": {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11}},
        "total_time": 1.5,
    },
    {
        "id": "22",
        "epoch": 1,
        "input": "Does two help?",
        "target": "B",
        "output": {"completion": ""},
        "error": {"message": "429"},
    },
    {"id": 21, "epoch": 2, "input": "Does one help?", "target": "A", "output": {"completion": "ANSWER: B"}},
]


@pytest.mark.parametrize("suffix", [".json", ".eval"])
def test_inspect_logs(tmp_path: Path, pubmedqa: Path, suffix: str) -> None:
    path = tmp_path / f"log{suffix}"
    if suffix == ".json":
        path.write_text(json.dumps({"version": 2, "status": "success", "eval": {}, "samples": INSPECT}))
    else:
        with zipfile.ZipFile(path, "w") as log:
            log.writestr("header.json", "{}")
            for sample in INSPECT:
                log.writestr(f"samples/{sample['id']}_epoch_{sample['epoch']}.json", json.dumps(sample))
    import_predictions("inspect", path, benchmark=pubmedqa, name="m", out=tmp_path / "run", task="pubmedqa-all")
    found = by_sample(tmp_path / "run")
    assert (found["21"].outcome, found["21"].tokens_in, found["21"].seconds) == ("correct", 9, 1.5)
    assert (found["22"].outcome, found["22"].error, found["22"].output) == ("error", "429", None)


def test_a_run_of_ones_own_task_is_scored_without_its_file(tmp_path: Path) -> None:
    data = tmp_path / "own.jsonl"
    data.write_text('{"id": "1", "question": "?", "answer": "yes"}\n')
    (tmp_path / "p.jsonl").write_text('{"id": "1", "output": "yes"}\n')
    import_predictions("jsonl", tmp_path / "p.jsonl", name="m", out=tmp_path / "run", task=f"jsonl:{data}")
    data.unlink()
    assert outcomes(tmp_path / "run") == {"1": "correct"}
    assert outcomes(tmp_path / "run", "published") == {"1": "correct"}  # it has none, so it is read strictly
    with pytest.raises(RecordsError, match=r"no run in .*/nothing: it has no run\.json"):
        read_run(tmp_path / "nothing")


# ---- GPT-3.5's published predictions on MIRAGE

PREDICTIONS = SHARED / "predictions" / "mirage_gpt-3.5"
FIGURES = {  # reading, arm → accuracy in %; published: as in print, without empty predictions
    ("published", "cot"): {
        "mmlu": 72.9,
        "medqa": 65.0,
        "medmcqa": 55.1,
        "pubmedqa": 36.0,
        "bioasq": 74.1,
        "mean": 60.6,
    },
    ("published", "rag32"): {
        "mmlu": 75.5,
        "medqa": 66.6,
        "medmcqa": 58.0,
        "pubmedqa": 67.4,
        "bioasq": 90.3,
        "mean": 71.6,
    },
    ("strict", "cot"): {"medmcqa": 53.6},
    ("strict", "rag32"): {"medmcqa": 53.5},
    ("unhedged", "cot"): {"medmcqa": 52.8},
    ("unhedged", "rag32"): {"medmcqa": 53.1},
}


@pytest.fixture(scope="module")
def gpt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not PREDICTIONS.is_dir():
        pytest.skip("needs ../shared/data/predictions/mirage_gpt-3.5")
    run = tmp_path_factory.mktemp("gpt") / "run"
    for arm in ("cot", "rag32"):
        done = import_predictions(
            "mirage",
            PREDICTIONS / f"{arm}.jsonl.gz",
            benchmark=SHARED / "tasks" / "mirage" / "benchmark.json",
            name=arm,
            out=run,
        )
        assert sum(done.written.values()) == 7663
        assert not any(done.missing.values())
    return run


@pytest.mark.parametrize("reading", ["published", "strict", "unhedged"])
def test_the_published_figures_come_out_and_the_strict_ones_take_the_gain_away(gpt: Path, reading: str) -> None:
    correct: Counter[tuple[str, str]] = Counter()
    total: Counter[tuple[str, str]] = Counter()
    for record in run_records(gpt, reading=reading):
        total[record.contender, record.task.removeprefix("mirage-")] += 1
        correct[record.contender, record.task.removeprefix("mirage-")] += record.outcome == Outcome.CORRECT
    for arm in ("cot", "rag32"):
        accuracy = {task: 100 * correct[arm, task] / n for (who, task), n in total.items() if who == arm}
        accuracy["mean"] = sum(accuracy.values()) / 5
        expected = FIGURES[reading, arm]
        assert {task: accuracy[task] for task in expected} == pytest.approx(expected, abs=0.15)


def test_what_the_published_reading_hides(gpt: Path) -> None:
    counts = Counter((r.contender, r.outcome.value) for r in run_records(gpt) if r.task == "mirage-medmcqa")
    unread = {arm: counts[arm, "unparsed"] + counts[arm, "abstained"] for arm in ("cot", "rag32")}
    assert unread["cot"] == 184
    assert counts["cot", "error"] == 27  # the empty files
    assert unread["rag32"] + counts["rag32", "error"] == 528  # 12.6 %, which the authors' script reads as A
