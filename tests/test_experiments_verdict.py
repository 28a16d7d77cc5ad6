"""Sentences that say what the numbers say, and no more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experiments.interaction import Effect, TwoByTwo
from experiments.power import MarginTest
from experiments.statistics import Comparison
from experiments.verdict import agreement, p_text, points, two_by_two_verdict, verdict

BASE = Comparison(
    a="A",
    b="B",
    n=900,
    clusters=900,
    mean_a=0.5,
    mean_b=0.531,
    difference=-0.031,
    ci95=(-0.058, -0.004),
    p=0.021,
    test="McNemar mid-p",
    discordant=(60, 88),
    smallest_detectable=0.04,
    se=0.0143,
    df=899.0,
    p_t=0.022,
    p_mcnemar=0.021,
)
SAME = replace(BASE, difference=0.004, ci95=(-0.021, 0.029), p=0.76)


def test_a_difference_names_the_better_one_first_and_turns_the_interval() -> None:
    assert verdict(BASE) == "B is better than A by 3.1 points (95 % CI 0.4 to 5.8; p = .02)."
    turned = replace(BASE, difference=0.031, ci95=(0.004, 0.058))
    assert verdict(turned) == "A is better than B by 3.1 points (95 % CI 0.4 to 5.8; p = .02)."


def test_no_difference_is_not_called_equal_and_says_what_would_have_been_seen() -> None:
    assert verdict(SAME) == (
        "No difference between A and B was shown (A 0.4 points above B; 95 % CI −2.1 to 2.9; p = .76); "
        "differences of 4.0 points or more would probably have been seen."
    )
    assert "the means are equal" in verdict(replace(SAME, difference=0.0))


def test_as_good_as_needs_a_margin_that_was_met() -> None:
    met = MarginTest(0.03, 0.012, (-0.017, 0.025))
    assert verdict(replace(SAME, equivalence=met)) == (
        "A is as good as B, within 3.0 points (difference 0.4 points; 90 % CI −1.7 to 2.5; p = .01 for equivalence)."
    )
    of_four = replace(SAME, equivalence=replace(met, p_holm=0.036), p_holm=0.9, family=4)
    assert verdict(of_four) == (
        "A is as good as B, within 3.0 points "
        "(difference 0.4 points; 90 % CI −1.7 to 2.5; p = .01 for equivalence, Holm p = .04 for 4 comparisons)."
    )
    assert verdict(replace(of_four, equivalence=replace(met, p_holm=0.06))).startswith("No difference")
    missed = MarginTest(0.02, 0.09, (-0.017, 0.025))
    assert verdict(replace(SAME, equivalence=missed)) == verdict(SAME)
    both = replace(BASE, equivalence=MarginTest(0.06, 0.01, (-0.054, -0.008)))
    assert verdict(both) == (
        "B is better than A by 3.1 points (95 % CI 0.4 to 5.8; p = .02); "
        "the difference lies within the margin of 6.0 points."
    )


def test_a_difference_lost_to_correction_is_not_claimed() -> None:
    lost = verdict(replace(BASE, p_holm=0.084, family=4))
    assert lost == (
        "No difference between A and B was shown (B 3.1 points above A; 95 % CI 0.4 to 5.8; "
        "p = .02, Holm p = .08 for 4 comparisons); "
        "differences of 4.0 points or more would probably have been seen."
    )
    assert "is better" in verdict(replace(BASE, p_holm=0.042, family=2))
    assert "Holm" not in verdict(replace(BASE, p_holm=0.021, family=1))


def test_what_cannot_be_tested_says_why_and_cautions_follow() -> None:
    none = replace(BASE, ci95=None, p=None, cautions=("all samples are of one cluster",))
    assert verdict(none) == "A and B cannot be compared (difference −3.1 points): all samples are of one cluster."
    assert verdict(replace(BASE, cautions=("few clusters",))).endswith("p = .02). Caution: few clusters.")
    assert "would probably" not in verdict(replace(SAME, smallest_detectable=None))


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.00004, "p < .001"),
        (0.0042, "p = .004"),
        (0.0213, "p = .02"),
        (0.0468, "p = .047"),
        (0.04996, "p = .0499"),
        (0.0502, "p = .050"),
        (0.76, "p = .76"),
        (0.999, "p > .99"),
        (1.0, "p > .99"),
    ],
)
def test_p_values_as_journals_write_them(p: float, text: str) -> None:
    assert p_text(p) == text


def test_points_keep_the_sign_visible() -> None:
    assert [points(x) for x in (0.031, -0.031, 0.0, -0.0, 0.0004, -0.0004, 0.00001, -1e-9)] == [
        "3.1",
        "−3.1",
        "0.0",
        "0.0",
        "0.04",
        "−0.04",
        "0.0",
        "0.0",
    ]


def test_two_tests_are_said_to_agree_or_not() -> None:
    assert agreement(BASE) == "McNemar's test (p = .02) and the paired t-test (p = .02) agree."
    split = agreement(replace(BASE, p_mcnemar=0.061, p_t=0.044))
    assert split == ("McNemar's test (p = .06) and the paired t-test (p = .04) do not agree: the result is borderline.")
    assert agreement(replace(BASE, p_mcnemar=None)) is None


def grid(rag_over_tuning: Effect, interaction: Effect, *, together: float | None) -> TwoByTwo:
    half = Effect(0.04, (0.01, 0.07), 0.01, 0.04)
    names = (
        "rag_in_general",
        "rag_in_tuned",
        "tuning_closed_book",
        "tuning_with_rag",
        "main_rag",
        "main_tuning",
    )
    effects = dict.fromkeys(names, half) | {"rag_over_tuning": rag_over_tuning, "interaction": interaction}
    p_holm = {"rag_over_tuning": rag_over_tuning.p, "interaction": interaction.p, "together": together}
    return TwoByTwo(n=500, clusters=500, means={}, effects=effects, p_holm=p_holm)


def test_the_three_questions_answered_with_yes() -> None:
    result = grid(Effect(0.05, (0.02, 0.08), 0.001, 0.04), Effect(-0.06, (-0.1, -0.02), 0.003, 0.05), together=0.01)
    assert two_by_two_verdict(result) == [
        "RAG buys more: 5.0 points between general + RAG and tuned closed book "
        "(95 % CI 2.0 to 8.0; p = .001, Holm p = .001 for 3 questions).",
        "RAG changes the general model by +4.0 points (95 % CI 1.0 to 7.0) and the tuned one by +4.0 points "
        "(95 % CI 1.0 to 7.0): they overlap, together they give less than the sum of both (interaction −6.0 "
        "points; 95 % CI −10.0 to −2.0; p = .003, Holm p = .003 for 3 questions).",
        "Both together are better than either alone (+4.0 points (95 % CI 1.0 to 7.0) over tuned alone, "
        "+4.0 points (95 % CI 1.0 to 7.0) over RAG alone; p = .01, Holm p = .01 for 3 questions).",
    ]


def test_the_three_questions_left_open() -> None:
    which, add, both = two_by_two_verdict(
        grid(Effect(-0.01, (-0.04, 0.02), 0.5, 0.043), Effect(0.01, (-0.03, 0.05), 0.6, 0.06), together=0.2)
    )
    assert which == (
        "Whether RAG or fine-tuning buys more was not shown "
        "(fine-tuning 1.0 points ahead; 95 % CI −2.0 to 4.0; p = .50, Holm p = .50 for 3 questions); "
        "differences of 4.3 points or more would probably have been seen."
    )
    assert "no departure from simply adding up was shown (interaction 1.0 points;" in add
    assert add.endswith("departures of 6.0 points or more would probably have been seen.")
    assert both.startswith("That both together are better than either alone was not shown")


def test_reinforcing_tuning_ahead_and_nothing_to_test() -> None:
    which, add, _ = two_by_two_verdict(
        grid(Effect(-0.05, (-0.08, -0.02), 0.001, 0.04), Effect(0.06, (0.02, 0.1), 0.003, 0.05), together=0.01)
    )
    assert which.startswith("Fine-tuning buys more: 5.0 points")
    assert "95 % CI 2.0 to 8.0" in which
    assert "they reinforce each other" in add
    undefined = Effect(0.05, None, None, None)
    which, add, both = two_by_two_verdict(grid(undefined, undefined, together=None))
    assert "cannot be tested" in which
    assert "cannot be tested" in add
    assert "was not shown" in both
