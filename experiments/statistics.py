"""One paired comparison as the report shows it, and the correction over the family it was declared in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from numpy.typing import ArrayLike

from .estimates import Clusters, Estimate, Interval, is_binary, p_two_sided
from .multiplicity import holm
from .paired import discordant_pairs, mcnemar_midp, paired_difference, paired_scores
from .power import ALPHA, MarginTest, equivalence, smallest_detectable

FEW_DF = 20  # below this, the spread between clusters is itself a guess
FEW_DISCORDANT = 10


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two contenders on the same samples. Scores and differences run from 0 to 1; one point is 0.01.

    `difference` is mean(a) - mean(b), above 0 when a is better; `discordant` counts the samples that only a
    and that only b got right (graded scores: a higher, b higher), so with 0/1 scores it is their difference
    over n. `p` belongs to `test`; the others stand beside it as checks. None means that the data define no
    such number, and `cautions` says why.
    """

    a: str
    b: str
    n: int
    clusters: int
    mean_a: float
    mean_b: float
    difference: float
    ci95: Interval | None
    p: float | None
    test: str
    discordant: tuple[int, int]
    smallest_detectable: float | None
    se: float | None
    df: float | None
    p_t: float | None
    p_mcnemar: float | None
    equivalence: MarginTest | None = None
    p_holm: float | None = None
    family: int | None = None
    cautions: tuple[str, ...] = ()

    @property
    def p_decisive(self) -> float | None:
        """The p-value a claim rests on: Holm's where a family was declared."""
        return self.p_holm if self.family is not None else self.p

    @property
    def shown(self) -> bool:
        """Whether a difference was shown, after correction for the family where one was declared."""
        return self.p_decisive is not None and self.p_decisive < ALPHA

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types: numbers, strings, lists, None."""
        plain: dict[str, Any] = _plain(asdict(self))
        if self.equivalence is not None:
            plain["equivalence"]["shown"] = self.equivalence.shown
        return plain


def compare(
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    *,
    a: str = "a",
    b: str = "b",
    clusters: Clusters | None = None,
    margin: float | None = None,
) -> Comparison:
    """Compare two contenders, paired by sample.

    scores_a, scores_b: (n,), same samples in the same order. clusters: (n,) labels of what samples share
    (patient, article); None where they are independent. margin: the difference that would not matter, for "as
    good as".

    Independent yes/no scores are tested by McNemar's mid-p, which holds with few discordant samples where t
    does not; all others by the cluster-robust paired t. The interval is always the latter's. Null hypothesis:
    the mean scores over all samples of this kind are equal. Raises ValueError for no samples, unequal lengths
    or NaN.
    """
    x, y = paired_scores(scores_a, scores_b)
    estimate = paired_difference(x, y, clusters=clusters)
    discordant = discordant_pairs(x, y)
    independent = estimate.clusters == estimate.n
    p_t = p_two_sided(estimate)
    p_mcnemar = mcnemar_midp(*discordant) if independent and is_binary(x) and is_binary(y) else None
    return Comparison(
        a=a,
        b=b,
        n=estimate.n,
        clusters=estimate.clusters,
        mean_a=float(x.mean()),
        mean_b=float(y.mean()),
        difference=estimate.value,
        ci95=estimate.ci95,
        p=p_t if p_mcnemar is None else p_mcnemar,
        test=_test_name(estimate, mcnemar=p_mcnemar is not None),
        discordant=discordant,
        smallest_detectable=smallest_detectable(estimate.se, estimate.df),
        se=estimate.se,
        df=estimate.df,
        p_t=p_t,
        p_mcnemar=p_mcnemar,
        equivalence=None if margin is None else equivalence(estimate, margin),
        cautions=_cautions(estimate, p_mcnemar, p_t, sum(discordant)),
    )


def correct_family(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return the comparisons with Holm's p over all of them: give it the whole family as declared.

    "Better" and "as good as" are corrected each over all comparisons; what could have been seen is what would have
    been shown after the correction.
    """
    size = len(comparisons)
    better = holm([c.p for c in comparisons])
    as_good = holm([None if c.equivalence is None else c.equivalence.p for c in comparisons])
    return [
        replace(
            c,
            p_holm=p,
            family=size,
            smallest_detectable=smallest_detectable(c.se, c.df, family=size),
            equivalence=c.equivalence and replace(c.equivalence, p_holm=p_as_good),
        )
        for c, p, p_as_good in zip(comparisons, better, as_good, strict=True)
    ]


def _test_name(estimate: Estimate, *, mcnemar: bool) -> str:
    if mcnemar:
        return "McNemar mid-p"
    if estimate.se is None:
        return "none"
    if estimate.se == 0.0:
        return "exact bound"
    return "paired t" if estimate.clusters == estimate.n else "cluster-robust paired t"


def _cautions(estimate: Estimate, p_mcnemar: float | None, p_t: float | None, discordant: int) -> tuple[str, ...]:
    said = []
    if estimate.clusters == 1:
        what = "there is one sample" if estimate.n == 1 else "all samples are of one cluster"
        said.append(f"{what}, which cannot show how results vary: no interval and no test")
    elif estimate.se == 0.0 and estimate.bounds is None:
        said.append("the difference is the same throughout and scores lie outside 0 to 1: no interval, no test")
    elif estimate.se == 0.0:
        said.append("the difference is the same throughout; the interval is an exact bound that n alone gives")
    elif estimate.df is not None and estimate.df < FEW_DF:
        units = "samples" if estimate.clusters == estimate.n else f"clusters ({estimate.n} samples)"
        said.append(f"few independent units: {estimate.clusters} {units}, {estimate.df:.1f} degrees of freedom")
    if p_mcnemar is not None and 0 < discordant < FEW_DISCORDANT <= estimate.n:
        said.append(f"the two part on {discordant} of {estimate.n} samples only")
    if p_mcnemar is not None and p_t is not None and (p_mcnemar < ALPHA) != (p_t < ALPHA):
        said.append(f"borderline: McNemar gives p = {p_mcnemar:.3f}, the paired t-test p = {p_t:.3f}")
    return tuple(said)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value
