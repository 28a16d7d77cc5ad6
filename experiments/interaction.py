"""The 2x2 of {general, tuned} x {closed book, RAG}: what each buys, and whether they add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .estimates import Clusters, Interval, estimate_mean, finite, p_two_sided
from .multiplicity import holm
from .paired import score_bounds
from .power import smallest_detectable

ARMS = ("general", "general_rag", "tuned", "tuned_rag")
QUESTIONS = ("rag_over_tuning", "interaction", "together")


@dataclass(frozen=True, slots=True)
class Effect:
    """A contrast of mean scores (0 to 1), with interval, p-value and what could have been seen."""

    value: float
    ci95: Interval | None
    p: float | None
    smallest_detectable: float | None
    se: float | None = None
    df: float | None = None


@dataclass(frozen=True, slots=True)
class TwoByTwo:
    """All contrasts of one pair of models, on the same samples; `means` and `effects` have the keys below.

    "interaction" = "rag_in_tuned" - "rag_in_general": below 0 the two overlap, above 0 they reinforce.
    "main_*" average over the other factor. "rag_over_tuning" is general + RAG minus tuned closed book.
    Three questions are asked: "rag_over_tuning", "interaction" and "together" (tuned + RAG better than both of its
    halves: the larger p of two effects, an intersection-union test). `p_holm` corrects over the `family` of them,
    and so does what could have been seen; the other effects are described, not tested.
    """

    n: int
    clusters: int
    means: dict[str, float]
    effects: dict[str, Effect]
    p_holm: dict[str, float | None]
    family: int = len(QUESTIONS)

    @property
    def asked(self) -> dict[str, float | None]:
        """Each question's own p-value."""
        both = [self.effects[name].p for name in ("rag_in_tuned", "tuning_with_rag")]
        together = None if None in both else max(p for p in both if p is not None)
        return {name: self.effects[name].p for name in QUESTIONS[:2]} | {QUESTIONS[2]: together}

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        plain = asdict(self)
        for effect in plain["effects"].values():
            effect["ci95"] = None if effect["ci95"] is None else list(effect["ci95"])
        return plain


# weights of the arms, in this order
CONTRASTS: dict[str, tuple[float, float, float, float]] = {
    "rag_in_general": (-1, 1, 0, 0),
    "rag_in_tuned": (0, 0, -1, 1),
    "tuning_closed_book": (-1, 0, 1, 0),
    "tuning_with_rag": (0, -1, 0, 1),
    "main_rag": (-0.5, 0.5, -0.5, 0.5),
    "main_tuning": (-0.5, -0.5, 0.5, 0.5),
    "interaction": (1, -1, -1, 1),
    "rag_over_tuning": (0, 1, -1, 0),
}


def two_by_two(
    *,
    general: ArrayLike,
    general_rag: ArrayLike,
    tuned: ArrayLike,
    tuned_rag: ArrayLike,
    clusters: Clusters | None = None,
) -> TwoByTwo:
    """Estimate main effects, simple effects and interaction, paired by sample and robust to clusters.

    Each argument: (n,) scores of one arm, the same samples in the same order. Each contrast is formed within
    samples and then tested like a paired difference. Null hypothesis of each: its mean is 0.
    """
    arms = [finite(arm) for arm in (general, general_rag, tuned, tuned_rag)]
    if len({arm.size for arm in arms}) > 1:
        raise ValueError(f"arms of {', '.join(str(arm.size) for arm in arms)} samples: all four need the same samples")
    effects = {}
    for name, weights in CONTRASTS.items():
        values = np.sum([w * arm for w, arm in zip(weights, arms, strict=True)], axis=0)
        estimate = estimate_mean(values, clusters, bounds=score_bounds(*arms, weights=weights))
        effects[name] = Effect(estimate.value, estimate.ci95, p_two_sided(estimate), None, estimate.se, estimate.df)
    means = {name: float(arm.mean()) for name, arm in zip(ARMS, arms, strict=True)}
    return correct_questions([TwoByTwo(estimate.n, estimate.clusters, means, effects, {})])[0]


def correct_questions(results: Sequence[TwoByTwo]) -> list[TwoByTwo]:
    """Return the results with Holm's p over the questions of them all: give it every pair on every task."""
    adjusted = iter(holm([p for result in results for p in result.asked.values()]))
    family = len(QUESTIONS) * len(results)
    return [
        replace(
            result,
            p_holm={question: next(adjusted) for question in QUESTIONS},
            family=family,
            effects={
                name: replace(e, smallest_detectable=smallest_detectable(e.se, e.df, family=family))
                for name, e in result.effects.items()
            },
        )
        for result in results
    ]
