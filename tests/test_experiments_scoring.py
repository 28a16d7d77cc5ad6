"""From outputs to outcomes, scores and summaries; every figure here is worked out by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.errors import MetricError, ReadingError
from experiments.metrics import METRICS, summarise
from experiments.records import Outcome, Record, Sample
from experiments.scoring import readings_of, score_output, score_record
from experiments.tasks import TASKS, get_task

MCQ = Sample("q", "?", "A", {"A": "aspirin", "B": "ibuprofen"})
NOTHING = Sample("n", "?", None, {"A": "yes", "B": "no"})


def record(task: str, sample: Sample, output: str | None, **fields: Any) -> Record:
    made = Record(task, sample.id, "m", "f", sample.id, "", output, Outcome.ERROR, **fields)
    return score_record(get_task(task), sample, made)


@pytest.mark.parametrize(
    ("task", "answer", "output", "outcome", "scores"),
    [
        ("mednli", "A", "A", "correct", {"accuracy": 1}),
        ("mednli", "A", "The answer is B", "wrong", {"accuracy": 0}),
        ("mednli", "A", "I don't know", "abstained", {}),
        ("mednli", "A", "A, B or both of them", "unparsed", {}),
        ("mednli", "A", "", "unparsed", {}),
        ("mednli", "A", None, "error", {}),
        ("medcalc-bench", {"value": 20, "low": 19, "high": 21}, "Answer: 20.9", "correct", {"accuracy": 1}),
        ("medcalc-bench", {"value": 20, "low": 19, "high": 21}, "Answer: 21.1", "wrong", {"accuracy": 0}),
        ("medcalc-bench", "09/03/2014", "Answer: 9/3/2014", "correct", {"accuracy": 1}),
        ("medcalc-bench", "09/03/2014", "Answer: 20", "unparsed", {}),
        (
            "codiesp",
            ["E119", "I2510"],
            "E11.9, I25.2",
            "wrong",
            {"precision": 0.5, "recall": 0.5, "f1": 0.5, "category_f1": 1},
        ),
        ("codiesp", ["E119"], "E11.9", "correct", {"precision": 1, "recall": 1, "f1": 1, "category_f1": 1}),
        (
            "ncbi-disease",
            [["Disease", "flu"], ["Disease", "gout"]],
            '["Flu"]',
            "wrong",
            {"precision": 1, "recall": 0.5, "f1": 2 / 3},
        ),
        (
            "bioasq-factoid",
            ["XIa", "factor XIa"],
            "Xa\nFactor XIa",
            "wrong",
            {"accuracy": 0, "lenient": 1, "mrr": 0.5},
        ),
        (
            "bioasq-list",
            [["a", "alpha"], ["b"]],
            "- Alpha\n- b",
            "correct",
            {"precision": 1, "recall": 1, "f1": 1},
        ),
        (
            "meqsum",
            ["who makes it", "x"],
            "who makes it",
            "correct",
            {"rouge_1": 1, "rouge_2": 1, "rouge_l": 1},
        ),
        (
            "meqsum",
            ["who makes it"],
            "who sold it",
            "wrong",
            {"rouge_1": 2 / 3, "rouge_2": 0, "rouge_l": 2 / 3},
        ),
    ],
)
def test_outcome_and_scores_of_each_kind(
    task: str, answer: Any, output: str | None, outcome: str, scores: dict[str, float]
) -> None:
    options = {"A": "entailment", "B": "neutral", "C": "contradiction"} if task == "mednli" else None
    scored = score_output(get_task(task), Sample("1", "?", answer, options), output)
    assert scored.outcome == outcome, scored
    assert scored.scores == pytest.approx(scores)


@pytest.mark.parametrize(
    ("output", "outcome"),
    [
        ("Nothing here says so: it cannot be determined.", "correct"),
        ("A", "wrong"),
        ("Hm.", "unparsed"),
        (None, "error"),
    ],
)
def test_of_what_cannot_be_answered_only_an_abstention_is_right(output: str | None, outcome: str) -> None:
    assert score_output(get_task("sample"), NOTHING, output).outcome == outcome


@pytest.mark.parametrize(
    ("task", "gold", "output"),
    [
        ("mednli", "A", "A"),
        ("medcalc-bench", {"value": 2, "low": 1, "high": 3}, "2"),
        ("codiesp", ["E119"], "E11.9"),
        ("ncbi-disease", [["Disease", "flu"]], '["Flu"]'),
        ("bioasq-factoid", ["XIa"], "XIa"),
        ("bioasq-list", [["a"]], "a"),
        ("bioasq-summary", ["One two three."], "One two three."),
    ],
)
def test_what_cannot_be_answered_has_every_score_of_its_kind(task: str, gold: Any, output: str) -> None:
    sample = Sample("q", "?", gold, MCQ.options if task == "mednli" else None)
    answered = score_output(get_task(task), sample, output).scores
    nothing = replace(sample, answer=None)
    assert score_output(get_task(task), nothing, "I don't know").scores == dict.fromkeys(answered, 1.0)
    assert score_output(get_task(task), nothing, output).scores == dict.fromkeys(answered, 0.0)


def test_the_three_readings_of_mirage() -> None:
    task = get_task("mirage-medmcqa")
    outcomes = {
        text: [score_output(task, MCQ, text, reading=r).outcome.value for r in ("strict", "unhedged", "published")]
        for text in (
            '{"answer_choice": "A/B"}',
            '{"answer_choice": "None of the above"}',
            '{"answer_choice": "Unknown"}',
        )
    }
    assert list(outcomes.values()) == [
        ["correct", "unparsed", "correct"],
        ["unparsed", "unparsed", "correct"],
        ["abstained", "abstained", "correct"],
    ]


def test_scoring_again_keeps_the_output_and_what_was_measured() -> None:
    task = get_task("mirage-medmcqa")
    strict = record("mirage-medmcqa", MCQ, '{"answer_choice": "N/A"}', seconds=1.5, tokens_in=3)
    assert (strict.outcome, strict.answer, strict.scores, strict.reading) == ("abstained", None, {}, "strict")
    published = score_record(task, MCQ, strict, reading="published")
    assert (published.outcome, published.answer, published.scores) == ("correct", "A", {"accuracy": 1.0})
    assert (published.output, published.seconds, published.tokens_in, published.key) == (
        strict.output,
        1.5,
        3,
        strict.key,
    )
    assert score_record(task, MCQ, published, reading="strict") == strict


def test_an_error_stays_an_error_but_for_published_texts() -> None:
    task = get_task("mirage-medmcqa")
    filtered = record("mirage-medmcqa", MCQ, "The response was filtered", error="filtered")
    assert filtered.outcome == Outcome.ERROR
    assert score_record(task, MCQ, filtered, reading="published").outcome == Outcome.CORRECT
    nothing = record("mirage-medmcqa", MCQ, None, error="Timeout")
    assert score_record(task, MCQ, nothing, reading="published").outcome == Outcome.ERROR


def test_readings_that_there_are_not() -> None:
    with pytest.raises(ReadingError, match="mednli has no published reading"):
        score_output(get_task("mednli"), MCQ, "A", reading="published")
    with pytest.raises(ReadingError, match="no reading 'lax': there are strict, unhedged, published"):
        score_output(get_task("mednli"), MCQ, "A", reading="lax")
    assert readings_of(get_task("mirage-mmlu")) == ("strict", "unhedged", "published")
    assert readings_of(get_task("mednli")) == ("strict", "unhedged")
    assert readings_of(get_task("meqsum")) == ("strict",)


def test_a_summary_by_hand() -> None:
    task = get_task("pubmedqa")
    options = {"A": "yes", "B": "no", "C": "maybe"}
    rows = [("A", "A"), ("A", "B"), ("B", "B"), ("B", "cannot be determined"), ("C", "C"), ("A", "")]
    samples = {str(i): Sample(str(i), "?", gold, options) for i, (gold, _) in enumerate(rows)}
    records = [record("pubmedqa", samples[str(i)], out, calls=2, seconds=i) for i, (_, out) in enumerate(rows)]
    figures = summarise(task, samples, records)
    f1_yes, f1_no, f1_maybe = 2 * 1 / (3 + 1), 2 * 1 / (2 + 2), 1
    assert figures == {
        "n": 6,
        "correct": 3,
        "wrong": 1,
        "abstained": 1,
        "unparsed": 1,
        "error": 0,
        "accuracy": 0.5,
        "score": 0.5,
        "coverage": pytest.approx(4 / 6),
        "selective_accuracy": 0.75,
        "format_compliance": pytest.approx(5 / 6),
        "macro_f1": pytest.approx((f1_yes + f1_no + f1_maybe) / 3),
        "tokens_in": None,
        "tokens_out": None,
        "seconds": 2.5,
        "calls": 2,
    }


def test_summaries_of_codes_need_their_table() -> None:
    task = get_task("codiesp")
    samples = {"1": Sample("1", "?", ["E119", "I2510"]), "2": Sample("2", "?", ["J45"])}
    records = [
        record("codiesp", samples["1"], "E11.9, I25.2, X99.9"),
        record("codiesp", samples["2"], "unknown"),
    ]
    with pytest.raises(MetricError, match="valid_code_rate needs the table"):
        summarise(task, samples, records)
    figures = summarise(task, samples, records, code_table=frozenset({"E119", "I252"}))
    assert figures["valid_code_rate"] == pytest.approx(2 / 3)
    assert figures["code_f1"] == figures["score"] == pytest.approx((2 / 5 + 0) / 2)
    assert figures["code_f1_micro"] == pytest.approx(2 * 1 / (3 + 3))
    assert figures["category_f1"] == pytest.approx((4 / 5 + 0) / 2)
    assert figures["category_f1_micro"] == pytest.approx(2 * 2 / (3 + 3))


def test_pairs_are_only_right_together() -> None:
    task = get_task("longhealth-pairs")
    options = {c: c for c in "ABCDEF"}
    golds = {"p1/2": "A", "p1/3": "F", "p2/2": "B", "p2/3": "F"}
    samples = {k: Sample(k, "?", gold, options, meta={"pair": k[:2]}) for k, gold in golds.items()}
    always_f = [record("longhealth-pairs", sample, "F") for sample in samples.values()]
    one_right = [record("longhealth-pairs", s, s.answer if s.id < "p2" else "F") for s in samples.values()]
    assert summarise(task, samples, always_f)["accuracy"] == 0.5
    assert summarise(task, samples, always_f)["pair_accuracy"] == 0
    assert summarise(task, samples, one_right)["pair_accuracy"] == 0.5


def test_metrics_are_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = {"q": MCQ, "t": Sample("t", "?", ["a reference"])}
    records = [record("pubmedqa", MCQ, "A", probabilities={"A": 0.8, "B": 0.2})]
    figures = summarise(get_task("pubmedqa"), samples, records, metrics=["brier", "ece", "auroc"])
    assert figures["brier"] == pytest.approx(0.04)
    assert figures["ece"] == pytest.approx(0.2)
    assert figures["auroc"] is None
    with pytest.raises(MetricError, match="no metric 'bleu': there are auroc"):
        summarise(get_task("pubmedqa"), samples, records, metrics=["bleu"])
    texts = [record("meqsum", samples["t"], "a text")]
    monkeypatch.setitem(__import__("sys").modules, "bert_score", None)
    with pytest.raises(MetricError, match="bertscore needs the package bert-score"):
        summarise(get_task("meqsum"), samples, texts, metrics=["bertscore"])
    assert "bertscore" not in summarise(get_task("meqsum"), samples, texts)


def test_model_metrics_take_the_best_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    from experiments.metrics import texts

    def share(references: list[str], outputs: list[str]) -> list[float]:
        return [float(r == o) for r, o in zip(references, outputs, strict=True)]

    monkeypatch.setattr(texts, "bertscore", share)
    samples = {"1": Sample("1", "?", ["x", "same"]), "2": Sample("2", "?", ["x"])}
    records = [record("meqsum", samples["1"], "same"), record("meqsum", samples["2"], None)]
    assert summarise(get_task("meqsum"), samples, records, metrics=["bertscore"])["bertscore"] == 0.5
    assert summarise(get_task("meqsum"), samples, records[1:], metrics=["bertscore"])["bertscore"] == 0


@pytest.mark.parametrize("name", TASKS)
def test_every_tasks_metrics_exist(name: str) -> None:
    assert set(get_task(name).metrics) <= {*METRICS, "valid_code_rate"}


def test_importing_these_is_light() -> None:
    import subprocess
    import sys

    code = "import sys, experiments.scoring, experiments.tasks, experiments.metrics; print(*sorted(sys.modules))"
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    heavy = {"torch", "numpy", "pandas", "datasets", "rouge_score", "nltk", "sklearn", "matplotlib", "faiss"}
    assert not heavy & set(done.stdout.split())
