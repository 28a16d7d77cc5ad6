"""The audit's figures: counted from what is stored, every one with its frame, its n and its interval.

Headline: the share of answers with at least one claim that the pooled evidence contradicts, one citation of a paper
that does not exist, or one number that differs from the cited text's. It stands over the answers that claim something;
coverage, claims per answer and completeness stand beside it, since saying less is the easiest way to err less.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from experiments.estimates import proportion_interval
from experiments.metrics.agreement import cohens_kappa
from experiments.records import Outcome
from experiments.resampling import bootstrap_interval
from experiments.statistics import Comparison, compare, correct_family
from rag.flags import FLAGS

from .answers import Answer, State
from .citations import Cited, Statement, precision, rates, recall
from .llm_judge import VOID
from .records import Frame, Judgement, Verdict
from .statements import completeness, contradictions

INVENTED = ("citation_malformed", "citation_unresolved", "citation_misattributed")
ALTERED = ("number_altered",)
DRAWS = 4999  # of a bootstrap: ends of an interval are then sure to about half a point in a hundred


class Audited(NamedTuple):
    """One answer with everything that was judged of it."""

    answer: Answer
    judgements: Mapping[Frame, Sequence[Judgement]]
    whole: Mapping[str, Any] | None
    judged: Mapping[str, Any] | None

    @property
    def contradicted(self) -> bool:
        return any(one.verdict == Verdict.CONTRADICTED for one in self.judgements.get(Frame.POOLED, ()))

    @property
    def flags(self) -> frozenset[str]:
        """The kinds of all findings of the exact checks, in claims and beside them (a list of references)."""
        return frozenset(flag["kind"] for flag in self.whole["flags"]) if self.whole else frozenset()

    def flagged(self, kinds: Sequence[str]) -> bool:
        return not self.flags.isdisjoint(kinds)

    @property
    def hallucinated(self) -> bool:
        """Whether it counts for the headline: what was not judged counts as no error, and the limits say so."""
        return self.contradicted or self.flagged(INVENTED) or self.flagged(ALTERED)


def share(values: Sequence[bool], clusters: Sequence[str]) -> dict[str, Any] | None:
    """Return a share with n and its bootstrap interval over questions; None without any: no answers, no share.

    Where all are alike the bootstrap has nothing to draw from, and the exact bound that n gives stands in its place.
    """
    if not values:
        return None
    numbers = [float(value) for value in values]
    interval = bootstrap_interval(numbers, clusters, draws=DRAWS) or proportion_interval(numbers, clusters)
    return {"value": sum(numbers) / len(numbers), "n": len(numbers), "ci95": interval and list(interval)}


def mean(values: Sequence[float], clusters: Sequence[str]) -> dict[str, Any] | None:
    """Return a mean with n and its bootstrap interval over questions; None without values."""
    if not values:
        return None
    interval = bootstrap_interval(values, clusters, draws=DRAWS)
    return {"value": sum(values) / len(values), "n": len(values), "ci95": interval and list(interval)}


def percent(found: Mapping[str, Any] | None) -> str:
    """Write a share as per cent with its interval, or a dash where it is undefined."""
    return "–" if found is None else _spread(found, 100, 1)


def amount(found: Mapping[str, Any] | None) -> str:
    """Write a mean with its interval, or a dash where it is undefined."""
    return "–" if found is None else _spread(found, 1, 2)


def _spread(found: Mapping[str, Any], factor: int, decimals: int) -> str:
    text = f"{factor * found['value']:.{decimals}f}"
    if found["ci95"] is None:
        return text
    low, high = (f"{factor * end:.{decimals}f}" for end in found["ci95"])
    return f"{text} ({low}–{high})"


def tally(audited: Sequence[Audited]) -> dict[str, Any]:
    """Return one contender's figures on one task, as plain JSON."""
    states = Counter(one.answer.state for one in audited)
    judged = [one for one in audited if one.whole is not None]
    held = [one for one in judged if one.judgements.get(Frame.POOLED)]
    citing = any(one.whole and one.whole["ledger"] for one in judged)
    counting = any(one.whole and one.whole["numbers"] for one in judged)
    clusters = [_cluster(one) for one in judged]
    answered = states[State.CLAIMS] + states[State.NO_CLAIMS]
    kinds = Counter(kind for one in judged for kind in one.flags)
    return {
        "n": len(audited),
        "answered": answered,
        "coverage": share([_answers(one) for one in audited], [_cluster(one) for one in audited]),
        "abstained": states[State.ABSTAINED],
        "errors": states[State.ERROR],
        "no_claims": states[State.NO_CLAIMS],
        "unparsed": sum(one.answer.record.outcome == Outcome.UNPARSED for one in audited),
        "judged": len(judged),
        "hallucinated": share([one.hallucinated for one in judged], clusters),
        "contradicted": share([one.contradicted for one in held], [_cluster(one) for one in held]),
        "invented": share([one.flagged(INVENTED) for one in judged], clusters) if citing else None,
        "altered": share([one.flagged(ALTERED) for one in judged], clusters) if counting else None,
        "claims": sum(len(one.answer.claims) for one in judged),
        "claims_per_answer": mean([float(len(one.answer.claims)) for one in judged], clusters),
        "cites": sum(bool(one.whole and one.whole["ledger"]) for one in judged),
        "quotes": dict(_added(judged, "quotes")),
        "numbers": dict(_added(judged, "numbers")),
        "ledger": dict(_added(judged, "ledger")),
        "attributed": dict(_added(judged, "attributed")),
        "citing": _citing(judged),
        "frames": {str(frame): found for frame in Frame if (found := frame_rates(judged, frame))},
        "flags": {kind: kinds[kind] for kind in FLAGS if kinds[kind]},
        "completeness": _statements(judged, completeness),
        "contradictions": _statements(judged, lambda found: float(contradictions(found))),
        "citations": citation_figures(audited),
        "sampling": _sampling(judged),
        "judge": judge_figures(judged),
    }


def frame_rates(judged: Sequence[Audited], frame: Frame) -> dict[str, Any] | None:
    """Return the share of claims with each verdict in a frame, and of those that nothing near was found for."""
    found = [(_cluster(one), j) for one in judged for j in one.judgements.get(frame, ())]
    if not found:
        return None
    clusters = [cluster for cluster, _ in found]
    verdicts = {str(kind): share([j.verdict == kind for _, j in found], clusters) for kind in Verdict}
    return {"claims": len(found), "nothing_near": share([not j.evidence for _, j in found], clusters)} | verdicts


def citation_figures(audited: Sequence[Audited]) -> dict[str, Any] | None:
    """Return ALCE's measures and BioGen's rates; None if no answer cites anything.

    `recall` is over all questions, those without a statement counting 0, `recall_answered` over the others.
    """
    found = {
        id(one): [Statement(**statement) for statement in one.whole["citations"]]
        for one in audited
        if one.whole is not None and one.whole["citations"] is not None
    }
    every = [statement for statements in found.values() for statement in statements]
    if not any(statement.cited for statement in every):
        return None
    asked = [one for one in audited if one.answer.state != State.ERROR]
    answered = [one for one in asked if found.get(id(one))]
    recalls = {key: recall(statements) or 0.0 for key, statements in found.items()}
    precisions = [(one, value) for one in answered if (value := precision(found[id(one)])) is not None]
    return {
        "citations": sum(len(statement.cited) for statement in every),
        "recall": mean([recalls.get(id(one), 0.0) for one in asked], [_cluster(one) for one in asked]),
        "recall_answered": mean([recalls[id(one)] for one in answered], [_cluster(one) for one in answered]),
        "precision": mean([value for _, value in precisions], [_cluster(one) for one, _ in precisions]),
        "rates": rates(every),
        "unresolved": sum(label == Cited.UNRESOLVED for s in every for label in s.cited.values()),
    }


def judge_figures(judged: Sequence[Audited]) -> dict[str, Any] | None:
    """Return what the LLM judge found, and Cohen's kappa with the checker on the claims that both judged."""
    found = [one for one in judged if one.judged is not None]
    if not found:
        return None
    pairs = [
        (verdict, str(one.judgements[Frame.POOLED][place].verdict))
        for one in found
        for place, verdict in enumerate(one.judged["verdicts"] if one.judged else ())
        if verdict != VOID and place < len(one.judgements.get(Frame.POOLED, ()))
    ]
    claims = sum(len(one.answer.claims) for one in found)
    verdicts = Counter(verdict for one in found for verdict in (one.judged or {})["verdicts"])
    return {
        "judge": (found[0].judged or {})["judge"],
        "claims": claims,
        "verdicts": dict(verdicts),
        "void": verdicts[VOID],
        "unreadable": sum((one.judged or {})["unreadable"] for one in found),
        "unstable": sum((one.judged or {})["unstable"] for one in found),
        "void_facts": sum((one.judged or {})["void"] for one in found),
        "facts": sum(len((one.judged or {})["facts"]) for one in found),
        "agreement": {"n": len(pairs), "kappa": cohens_kappa(*zip(*pairs, strict=True)).value if pairs else None},
    }


def compare_arms(
    by_contender: Mapping[str, Sequence[Audited]], pairs: Sequence[Sequence[str]] | None
) -> list[Comparison]:
    """Compare contenders' headline on the questions that both were judged on; above 0: the first errs more often."""
    judged = {name: {one.answer.sample.id: one for one in found if one.whole} for name, found in by_contender.items()}
    names = list(judged)
    found = []
    for a, b in pairs or [(a, b) for place, a in enumerate(names) for b in names[:place]]:
        both = [id for id in judged.get(a, {}) if id in judged.get(b, {})]
        if both:
            scores = [[float(judged[c][id].hallucinated) for id in both] for c in (a, b)]
            found.append(compare(*scores, a=a, b=b, clusters=[_cluster(judged[a][id]) for id in both]))
    return found


def corrected(families: Mapping[str, list[Comparison]]) -> dict[str, list[Comparison]]:
    """Return every task's comparisons with Holm's p over all of them."""
    flat = [one for found in families.values() for one in found]
    done = iter(correct_family(flat) if flat else [])
    return {name: [next(done) for _ in found] for name, found in families.items()}


def _added(judged: Sequence[Audited], field: str) -> Counter[str]:
    """Add up what the exact checks counted in each answer."""
    total: Counter[str] = Counter()
    for one in judged:
        total.update(one.whole[field] if one.whole else {})
    return total


def _citing(judged: Sequence[Audited]) -> dict[str, Any] | None:
    """Return citation coverage: the share of sentences that state something and cite."""
    counts = [(_cluster(one), one.whole["sentences"]) for one in judged if one.whole]
    marks = [(cluster, n < citing) for cluster, (stating, citing) in counts for n in range(stating)]
    return share([mark for _, mark in marks], [cluster for cluster, _ in marks])


def _answers(one: Audited) -> bool:
    return one.answer.state in (State.CLAIMS, State.NO_CLAIMS)


def _cluster(one: Audited) -> str:
    return one.answer.sample.cluster or one.answer.sample.id


def _statements(
    judged: Sequence[Audited], measure: Callable[[Mapping[str, Sequence[str]]], float | None]
) -> dict[str, Any] | None:
    found = [
        (_cluster(one), value)
        for one in judged
        if one.whole is not None and one.whole["statements"] and (value := measure(one.whole["statements"])) is not None
    ]
    return mean([value for _, value in found], [cluster for cluster, _ in found])


def _sampling(judged: Sequence[Audited]) -> dict[str, Any] | None:
    """Return the mean SelfCheck score and semantic entropy; None where every sample has one draw only."""
    found = [one for one in judged if one.whole is not None and one.whole["draws"]]
    if not found:
        return None
    checks = [(_cluster(one), score) for one in found for score in (one.whole or {})["selfcheck"] or ()]
    entropies = [(_cluster(one), e) for one in found if (e := (one.whole or {})["entropy"]) is not None]
    return {
        "answers": len(found),
        "draws": sum((one.whole or {})["draws"] for one in found) / len(found),
        "selfcheck": mean([score for _, score in checks], [cluster for cluster, _ in checks]),
        "entropy": mean([e for _, e in entropies], [cluster for cluster, _ in entropies]),
    }
