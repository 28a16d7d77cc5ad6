"""Metrics against scikit-learn, rouge-score and tables worked out by hand."""

import random

import pytest
from rouge_score.rouge_scorer import RougeScorer
from sklearn.metrics import brier_score_loss, f1_score, precision_recall_fscore_support, roc_auc_score
from sklearn.preprocessing import MultiLabelBinarizer

from experiments.errors import MetricError
from experiments.metrics.calibration import auroc, brier, confidences, expected_calibration_error
from experiments.metrics.codes import categories, valid_code_rate
from experiments.metrics.outcomes import count_outcomes, mean_costs, pair_accuracy, sample_scores
from experiments.metrics.sets import macro_f1, micro_f1, names_f1, reciprocal_rank, set_f1
from experiments.metrics.texts import bertscore, rouge, umls_f1
from experiments.records import Outcome, Record


def record(sample: str, outcome: Outcome, **fields: object) -> Record:
    return Record("t", sample, "m", "f", sample, "", "", outcome, **fields)  # type: ignore[arg-type]


def test_rates_follow_from_the_five_counts() -> None:
    outcomes = ["correct"] * 4 + ["wrong"] * 2 + ["abstained"] * 2 + ["unparsed"] + ["error"]
    counts = count_outcomes(record(str(i), Outcome(o)) for i, o in enumerate(outcomes))
    assert (counts.correct, counts.wrong, counts.abstained, counts.unparsed, counts.error) == (4, 2, 2, 1, 1)
    assert (counts.n, counts.accuracy, counts.coverage) == (10, 0.4, 0.6)
    assert counts.selective_accuracy == pytest.approx(4 / 6)
    assert counts.format_compliance == pytest.approx(8 / 9)


def test_an_empty_list_has_no_mean() -> None:
    with pytest.raises(MetricError, match="no samples"):
        _ = count_outcomes([]).accuracy
    for compute in (
        lambda: macro_f1([], []),
        lambda: brier([], []),
        lambda: pair_accuracy({}),
        lambda: mean_costs([]),
    ):
        with pytest.raises(MetricError, match="empty list has no mean"):
            compute()
    assert count_outcomes([record("1", Outcome.ERROR)]).selective_accuracy is None
    assert count_outcomes([record("1", Outcome.ERROR)]).format_compliance is None


def test_a_pair_is_right_if_both_are() -> None:
    always_f = {"q1": [False, True], "q2": [False, True]}  # wins every task 3, and no pair
    assert pair_accuracy(always_f) == 0
    assert pair_accuracy({"q1": [True, True], "q2": [True, False], "q3": [True, True], "q4": [False, False]}) == 0.5


def test_samples_without_an_answer_score_0_and_costs_are_means() -> None:
    records = [
        record("a", Outcome.WRONG, scores={"f1": 0.5}, tokens_in=10, tokens_out=2, seconds=1.0, calls=2),
        record("b", Outcome.ERROR, tokens_in=20, tokens_out=None, seconds=2.0, calls=1),
    ]
    assert sample_scores(records, "f1") == {"a": 0.5, "b": 0.0}
    assert mean_costs(records) == {"tokens_in": 15, "tokens_out": None, "seconds": 1.5, "calls": 1.5}


def test_macro_f1_agrees_with_sklearn() -> None:
    draw = random.Random(7)
    gold = [draw.choice(["A", "B", "C"]) for _ in range(300)]
    predicted = [draw.choice(["A", "B", "C", None]) for _ in range(300)]
    expected = f1_score(gold, [p or "none" for p in predicted], labels=["A", "B", "C"], average="macro")
    assert macro_f1(gold, predicted) == pytest.approx(expected, abs=1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_set_f1_agrees_with_sklearn() -> None:
    draw = random.Random(8)
    codes = [f"I{n}" for n in range(10, 22)]
    gold = [frozenset(draw.sample(codes, draw.randint(1, 5))) for _ in range(80)]
    predicted = [frozenset(draw.sample(codes, draw.randint(0, 6))) for _ in range(80)]
    binary = MultiLabelBinarizer(classes=codes)
    truth, guess = binary.fit_transform(gold), binary.transform(predicted)
    expected = precision_recall_fscore_support(truth, guess, average="micro")
    assert micro_f1(zip(gold, predicted, strict=True)) == pytest.approx(expected[:3], abs=1e-12)
    macro = sum(set_f1(g, p).f1 for g, p in zip(gold, predicted, strict=True)) / 80
    assert macro == pytest.approx(f1_score(truth, guess, average="samples"), abs=1e-12)


def test_codes_by_category_and_validity() -> None:
    gold, predicted = {"I2510", "E119"}, {"I252", "E119", "X999"}
    assert set_f1(gold, predicted) == pytest.approx((1 / 3, 1 / 2, 2 / 5))
    assert set_f1(categories(gold), categories(predicted)) == pytest.approx((2 / 3, 1, 4 / 5))
    table = frozenset({"I2510", "E119"})
    assert valid_code_rate([["E119", "X999"], ["I2510"], []], table) == pytest.approx(2 / 3)
    assert valid_code_rate([[], []], table) is None


def test_lists_with_synonyms_by_hand() -> None:
    gold = [["casirivimab", "REGN10933"], ["imdevimab"], ["sotrovimab"]]
    scores = names_f1(gold, ["Regn10933", "casirivimab", "The imdevimab.", "aspirin"])
    assert scores == pytest.approx((3 / 4, 2 / 3, 2 * (3 / 4) * (2 / 3) / (3 / 4 + 2 / 3)))
    assert names_f1(gold, []) == (0, 0, 0)
    assert reciprocal_rank(["XIa", "factor XIa"], ["Xa", "the Factor XIa"]) == 0.5
    assert reciprocal_rank(["XIa"], ["1", "2", "3", "4", "5", "XIa"]) == 0
    assert reciprocal_rank(["XIa"], []) == 0


def test_rouge_by_hand_and_best_reference() -> None:
    # 3 of 4 unigrams against 5; bigrams "the patient", "patient is" of 3 and 4; longest common sequence 3
    scores = rouge(["the patient is very well"], "the patient is sick")
    assert scores == pytest.approx({"rouge_1": 2 * 3 / 9, "rouge_2": 2 * 2 / 7, "rouge_l": 2 * 3 / 9})
    other = RougeScorer(["rouge1", "rouge2", "rougeL"]).score("patient is sick", "the patient is sick")
    both = rouge(["the patient is very well", "patient is sick"], "the patient is sick")
    assert both == {
        "rouge_1": other["rouge1"].fmeasure,
        "rouge_2": other["rouge2"].fmeasure,
        "rouge_l": other["rougeL"].fmeasure,
    }


@pytest.mark.parametrize(("compute", "package"), [(bertscore, "bert_score"), (umls_f1, "scispacy")])
def test_metrics_whose_models_are_missing_say_what_they_need(
    compute: object, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(MetricError, match="needs"):
        compute(["a"], ["b"])  # type: ignore[operator]


def test_calibration_agrees_with_sklearn() -> None:
    draw = random.Random(9)
    confidence = [round(draw.random(), 2) for _ in range(500)]  # rounded: with ties
    correct = [draw.random() < p for p in confidence]
    assert brier(confidence, correct) == pytest.approx(brier_score_loss(correct, confidence), abs=1e-12)
    assert auroc(confidence, correct) == pytest.approx(roc_auc_score(correct, confidence), abs=1e-12)
    assert auroc([0.5, 0.6], [True, True]) is None


def test_calibration_error_by_hand() -> None:
    confidence = [0.9, 0.1, 0.8, 0.3, 0.6]
    correct = [True, False, False, False, True]
    # fewer answers than bins: each is one
    assert expected_calibration_error(confidence, correct) == pytest.approx((0.1 + 0.1 + 0.8 + 0.3 + 0.4) / 5)
    # 20 answers in bins of two, in each one of them right: |.5 - their mean|
    steps = [place / 20 for place in range(20)]
    by_hand = sum(abs(0.5 - (2 * b + 0.5) / 20) for b in range(10)) / 10
    assert expected_calibration_error(steps, [True, False] * 10) == pytest.approx(by_hand)


def test_calibration_error_knows_no_order_among_answers_of_one_confidence() -> None:
    # 160 of 200 answers at .8 are right, and 60 of 100 at .6: there is no error, however they are listed
    answers = [(0.8, True)] * 160 + [(0.8, False)] * 40 + [(0.6, True)] * 60 + [(0.6, False)] * 40
    for seed in range(3):
        listed = random.Random(seed).sample(answers, len(answers)) if seed else answers
        confidence, correct = [p for p, _ in listed], [hit for _, hit in listed]
        assert expected_calibration_error(confidence, correct) == pytest.approx(0, abs=1e-12)
    wrong = [(p, hit if p == 0.8 else False) for p, hit in answers]
    assert expected_calibration_error([p for p, _ in wrong], [hit for _, hit in wrong]) == pytest.approx(0.6 / 3)


def test_confidence_is_the_share_of_the_answer_given() -> None:
    records = [
        record("1", Outcome.CORRECT, answer="A", probabilities={"A": 0.3, "B": 0.1}),
        record("2", Outcome.WRONG, answer="B", probabilities={"A": 0.1, "B": 0.3}),
        record("3", Outcome.ABSTAINED, probabilities={"A": 0.5, "B": 0.5}),
        record("4", Outcome.CORRECT, answer="A"),
    ]
    assert confidences(records) == (pytest.approx([0.75, 0.75]), [True, False])
    with pytest.raises(MetricError, match="no record has probabilities"):
        confidences(records[3:])
