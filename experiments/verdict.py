"""Numbers turned into plain sentences that claim no more than the numbers do."""

from __future__ import annotations

from .estimates import Interval
from .interaction import Effect, TwoByTwo
from .power import ALPHA, MarginTest
from .statistics import Comparison


def verdict(comparison: Comparison) -> str:
    """Say in one or two sentences what a comparison shows, in points of 0.01, with its uncertainty.

    "Would probably have been seen" means: with a probability of 80 % or more, after the correction.
    """
    c = comparison
    better, worse = (c.a, c.b) if c.difference > 0 else (c.b, c.a)
    size, ci = abs(c.difference), _turned(c.ci95, flip=c.difference < 0)
    if c.p is None:
        return f"{c.a} and {c.b} cannot be compared (difference {points(c.difference)} points): {c.cautions[0]}."
    if c.shown:
        claim = f"{better} is better than {worse} by {points(size)} points ({_evidence(ci, c.p, c)})"
        if c.equivalence is not None and c.equivalence.shown:
            claim += f"; the difference lies within the margin of {points(c.equivalence.margin)} points"
        return _with_cautions(claim, c.cautions)
    if c.equivalence is not None and c.equivalence.shown:
        return _with_cautions(_as_good(c, c.equivalence), c.cautions)
    seen = "the means are equal" if c.difference == 0 else f"{better} {points(size)} points above {worse}"
    claim = f"No difference between {c.a} and {c.b} was shown ({seen}; {_evidence(ci, c.p, c)})"
    return _with_cautions(claim + _could_see(c.smallest_detectable, "differences"), c.cautions)


def agreement(comparison: Comparison) -> str | None:
    """Say whether the two tests of independent yes/no samples agree; None where only one was made."""
    c = comparison
    if c.p_mcnemar is None or c.p_t is None:
        return None
    tests = f"McNemar's test ({p_text(c.p_mcnemar)}) and the paired t-test ({p_text(c.p_t)})"
    agree = (c.p_mcnemar < ALPHA) == (c.p_t < ALPHA)
    return f"{tests} {'agree' if agree else 'do not agree: the result is borderline'}."


def two_by_two_verdict(result: TwoByTwo) -> list[str]:
    """Answer: does RAG buy more than fine-tuning, do they add, are both better than one?"""
    return [_which_buys_more(result), _do_they_add(result), _both_better(result)]


def _as_good(c: Comparison, test: MarginTest) -> str:
    ci = "" if test.interval is None else f"; 90 % CI {_range(test.interval)}"
    p = "" if test.p is None else f"; {p_text(test.p)} for equivalence{_corrected(test.p_holm, _comparisons(c))}"
    return (
        f"{c.a} is as good as {c.b}, within {points(test.margin)} points "
        f"(difference {points(c.difference)} points{ci}{p})"
    )


def _which_buys_more(result: TwoByTwo) -> str:
    effect, p_holm = result.effects["rag_over_tuning"], result.p_holm["rag_over_tuning"]
    of = _questions(result)
    if effect.p is None:
        return "Whether RAG or fine-tuning buys more cannot be tested: all samples are of one cluster."
    more = "RAG" if effect.value > 0 else "fine-tuning"
    ci = _turned(effect.ci95, flip=effect.value < 0)
    if _significant(p_holm):
        return (
            f"{more[0].upper()}{more[1:]} buys more: {points(abs(effect.value))} points between "
            f"general + RAG and tuned closed book ({_numbers(ci, effect.p, p_holm, of)})."
        )
    seen = "equal means" if effect.value == 0 else f"{more} {points(abs(effect.value))} points ahead"
    return (
        f"Whether RAG or fine-tuning buys more was not shown ({seen}; {_numbers(ci, effect.p, p_holm, of)})"
        f"{_could_see(effect.smallest_detectable, 'differences')}."
    )


def _do_they_add(result: TwoByTwo) -> str:
    effect, p_holm = result.effects["interaction"], result.p_holm["interaction"]
    gains = (
        f"RAG changes the general model by {_effect(result.effects['rag_in_general'])} and the tuned one by "
        f"{_effect(result.effects['rag_in_tuned'])}"
    )
    if effect.p is None:
        return f"{gains}; whether the two add cannot be tested."
    numbers = (
        f"interaction {points(effect.value)} points; {_numbers(effect.ci95, effect.p, p_holm, _questions(result))}"
    )
    if not _significant(p_holm):
        return (
            f"{gains}: no departure from simply adding up was shown ({numbers})"
            f"{_could_see(effect.smallest_detectable, 'departures')}."
        )
    if effect.value < 0:
        return f"{gains}: they overlap, together they give less than the sum of both ({numbers})."
    return f"{gains}: they reinforce each other, together they give more than the sum of both ({numbers})."


def _both_better(result: TwoByTwo) -> str:
    over_tuned, over_rag = result.effects["rag_in_tuned"], result.effects["tuning_with_rag"]
    p, p_holm = result.asked["together"], result.p_holm["together"]
    numbers = f"{_effect(over_tuned)} over tuned alone, {_effect(over_rag)} over RAG alone"
    numbers += "" if p is None else f"; {_numbers(None, p, p_holm, _questions(result))}"
    if over_tuned.value > 0 and over_rag.value > 0 and _significant(p_holm):
        return f"Both together are better than either alone ({numbers})."
    return f"That both together are better than either alone was not shown ({numbers})."


def points(value: float) -> str:
    """Write a difference of scores in points: 0.031 is 3.1; two decimals where one would hide a sign."""
    shown = 100 * value
    text = f"{shown:.1f}"
    if float(text) == 0 and round(shown, 2) != 0:
        text = f"{shown:.2f}"
    return (text if float(text) != 0 else text.lstrip("-")).replace("-", "−")


def p_text(p: float, symbol: str = "p") -> str:
    """Write a p-value as journals do: p = .02, p < .001; three decimals where two would blur .05."""
    if p < 0.001:
        return f"{symbol} < .001"
    if p > 0.995:
        return f"{symbol} > .99"
    decimals = 3 if p < 0.01 or 0.045 <= p < 0.055 else 2
    text = f"{p:.{decimals}f}"
    if text == "0.050" and p < 0.05:
        text = "0.0499"
    return f"{symbol} = {text[1:]}"


def _evidence(ci: Interval | None, p: float, c: Comparison) -> str:
    return _numbers(ci, p, c.p_holm, _comparisons(c))


def _numbers(ci: Interval | None, p: float, p_holm: float | None, of: str) -> str:
    parts = [] if ci is None else [f"95 % CI {_range(ci)}"]
    return "; ".join([*parts, p_text(p)]) + _corrected(p_holm, of)


def _corrected(p_holm: float | None, of: str) -> str:
    return f", {p_text(p_holm, 'Holm p')} for {of}" if of and p_holm is not None else ""


def _comparisons(c: Comparison) -> str:
    """Name the family that Holm corrected over; nothing for a comparison that stands alone."""
    return f"{c.family} comparisons" if c.family is not None and c.family > 1 else ""


def _questions(result: TwoByTwo) -> str:
    return f"{result.family} questions"


def _effect(effect: Effect) -> str:
    ci = "" if effect.ci95 is None else f" (95 % CI {_range(effect.ci95)})"
    sign = "+" if effect.value > 0 else ""
    return f"{sign}{points(effect.value)} points{ci}"


def _could_see(smallest: float | None, what: str) -> str:
    if smallest is None:
        return ""
    return f"; {what} of {points(smallest)} points or more would probably have been seen"


def _with_cautions(claim: str, cautions: tuple[str, ...]) -> str:
    return f"{claim}." + "".join(f" Caution: {caution}." for caution in cautions)


def _range(ci: Interval) -> str:
    return f"{points(ci[0])} to {points(ci[1])}"


def _turned(ci: Interval | None, *, flip: bool) -> Interval | None:
    return (-ci[1], -ci[0]) if ci is not None and flip else ci


def _significant(p: float | None) -> bool:
    return p is not None and p < ALPHA
