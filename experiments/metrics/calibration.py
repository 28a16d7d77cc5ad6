"""Does a contender know when it is right? Brier score, expected calibration error, AUROC."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from experiments.errors import MetricError
from experiments.records import ANSWERED, Outcome, Record


def confident(records: Iterable[Record]) -> list[Record]:
    """Return the records that answered and gave their answer a probability."""
    return [r for r in records if r.outcome in ANSWERED and r.probabilities and r.answer in r.probabilities]


def confidences(records: Iterable[Record]) -> tuple[list[float], list[bool]]:
    """Return the probability that each answered record gave to its answer, and whether that was correct."""
    known = confident(records)
    if not known:
        raise MetricError("no record has probabilities: calibration needs a contender that gives them (loglikelihood)")
    given = [r.probabilities or {} for r in known]
    return (
        [p[r.answer] / sum(p.values()) for r, p in zip(known, given, strict=True)],
        [r.outcome == Outcome.CORRECT for r in known],
    )


def brier(confidence: Sequence[float], correct: Sequence[bool]) -> float:
    """Return the mean squared difference of confidence and correctness (Brier 1950): 0 best, 1 worst."""
    pairs = _pairs(confidence, correct)
    return sum((p - hit) ** 2 for p, hit in pairs) / len(pairs)


def expected_calibration_error(confidence: Sequence[float], correct: Sequence[bool]) -> float:
    """Return the mean |accuracy − confidence| over the answers of `equal_mass_bins`, which are drawn beside it.

    Equal mass, not equal width: confident models put most samples into one or two bins of equal width (Nixon
    et al. 2019). Equal confidences share a bin, so the order of the answers decides nothing.
    """
    from .bins import equal_mass_bins

    _pairs(confidence, correct)
    return sum(b.n * abs(b.accuracy - b.confidence) for b in equal_mass_bins(confidence, correct)) / len(confidence)


def auroc(confidence: Sequence[float], correct: Sequence[bool]) -> float | None:
    """Return the chance that a correct answer has more confidence than a wrong one (ties count half).

    None if all answers are correct or all are wrong.
    """
    pairs = sorted(_pairs(confidence, correct), key=lambda pair: pair[0])
    positives = sum(hit for _, hit in pairs)
    negatives = len(pairs) - positives
    if not positives or not negatives:
        return None
    ranks, start = 0.0, 0
    while start < len(pairs):  # each run of ties gets its mean rank (Mann–Whitney)
        end = start
        while end < len(pairs) and pairs[end][0] == pairs[start][0]:
            end += 1
        ranks += sum(hit for _, hit in pairs[start:end]) * (start + end + 1) / 2
        start = end
    return (ranks - positives * (positives + 1) / 2) / (positives * negatives)


def _pairs(confidence: Sequence[float], correct: Sequence[bool]) -> list[tuple[float, bool]]:
    if not confidence:
        raise MetricError("there are no samples, and an empty list has no mean")
    return list(zip(confidence, correct, strict=True))
