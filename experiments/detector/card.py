"""The detector's card: what it finds and misses on labelled claims, and the rates of an audit put right by it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.audit.checker import LABELS, Checker
from experiments.audit.evidence import Library, near_chunks
from experiments.audit.judging import CONTRADICTS, SUPPORTS, general, judge, score_pairs
from experiments.audit.records import Verdict
from experiments.audit.summary import audited_claims
from experiments.errors import ConfigError, RecordsError
from experiments.estimates import effective_size
from experiments.metrics.selective import development

from .accuracy import Accuracy, Rate, accuracy, best_threshold, rate
from .correction import Share, corrected_rate
from .labelled import CONTRADICTED, LABELLED, SUPPORTED, UNSUPPORTED, Labelled, with_other_evidence

FROM = (
    "Fixed in experiments/audit/judging.py, not chosen on these data: a claim is contradicted where the checker gives "
    f"that at least {CONTRADICTS} on some stretch of the evidence near enough to be asked, supported likewise from "
    f"{SUPPORTS}. How its probabilities were calibrated, the checker's own card says."
)
Report = Callable[[str, int, int], None]
BATCH = 128


def card(
    checker: Checker, sets: Mapping[str, Sequence[Labelled]], report: Report = lambda stage, done, total: None
) -> dict[str, Any]:
    """Return the card of a checker on data sets, as plain JSON."""
    return {"thresholds": FROM, "sets": {name: _set_card(checker, name, items, report) for name, items in sets.items()}}


def _set_card(checker: Checker, name: str, items: Sequence[Labelled], report: Report) -> dict[str, Any]:
    scores = _scores(checker, items, report, name)
    withheld = _scores(checker, with_other_evidence(items), report, f"{name}, evidence withheld")
    about = LABELLED[name]
    return {
        "title": about.title,
        "says": about.says,
        "n": len(items),
        "clusters": len({item.cluster for item in items}),
        "labels": dict(Counter(item.label for item in items)),
        "targets": {target: asdict(found) for target, found in _targets(items, scores).items()},
        "chosen_here": _chosen(items, scores),
        "withheld": _control(items, withheld),
    }


def _scores(checker: Checker, items: Sequence[Labelled], report: Report, stage: str) -> NDArray[np.float64]:
    """Return supported, contradicted, unverifiable for each claim, [n, 3], found as the audit finds them."""
    library, confirm = Library(None), not general(checker)
    rows = []
    for start in range(0, len(items), BATCH):
        part = items[start : start + BATCH]
        ids = [library.add(sha256(item.evidence.encode()).hexdigest(), item.evidence) for item in part]
        near = [near_chunks(item.claim, [id], library) for item, id in zip(part, ids, strict=True)]
        pairs = [(item.claim, chunk.text) for item, chunks in zip(part, near, strict=True) for chunk in chunks]
        scores = score_pairs(checker, pairs)
        for item, chunks in zip(part, near, strict=True):
            found = judge(item.claim, chunks, scores, confirm=confirm).scores
            rows.append([found.get(label, float(label == LABELS[2])) for label in LABELS])
        report(stage, start + len(part), len(items))
    return np.array(rows)


def _targets(items: Sequence[Labelled], scores: NDArray[np.float64]) -> dict[str, Accuracy]:
    """Return how well contradicted claims are told from the others, and unsupported ones from supported ones."""
    clusters = [item.cluster for item in items]
    not_supported = [item.label != SUPPORTED for item in items]
    said = (scores[:, 0] < SUPPORTS).tolist()
    found = {UNSUPPORTED: accuracy(not_supported, said, (1 - scores[:, 0]).tolist(), clusters)}
    known = [n for n, item in enumerate(items) if item.label != UNSUPPORTED]
    if len(known) == len(items):  # else which claims are contradicted is not known
        truth = [item.label == CONTRADICTED for item in items]
        flagged = (scores[:, 1] >= CONTRADICTS).tolist()
        found = {CONTRADICTED: accuracy(truth, flagged, scores[:, 1].tolist(), clusters)} | found
    return found


def _chosen(items: Sequence[Labelled], scores: NDArray[np.float64]) -> dict[str, Any] | None:
    """Return what another threshold would do: chosen on half of the clusters, tested on the other half."""
    contradiction = any(item.label == CONTRADICTED for item in items)
    label, column = (CONTRADICTED, scores[:, 1]) if contradiction else (UNSUPPORTED, 1 - scores[:, 0])
    truth = np.array([item.label == CONTRADICTED if contradiction else item.label != SUPPORTED for item in items])
    first = np.array([development(item.cluster) for item in items])
    if not all((part & truth).any() and (part & ~truth).any() for part in (first, ~first)):
        return None
    threshold = best_threshold(column[first], truth[first])
    rest = np.flatnonzero(~first).tolist()
    tested = accuracy(
        truth[rest].tolist(),
        (column[rest] >= threshold).tolist(),
        column[rest].tolist(),
        [items[n].cluster for n in rest],
    )
    chosen_on = int(first.sum())
    return {"target": label, "threshold": threshold, "chosen_on": chosen_on, "tested_on": len(rest)} | asdict(tested)


def _control(items: Sequence[Labelled], scores: NDArray[np.float64]) -> dict[str, Any]:
    """Return what is said beside another paper: nothing should be found there, and labels should not be guessed."""
    clusters = [item.cluster for item in items]
    truth = [item.label != SUPPORTED for item in items]
    return {
        "called contradicted": _rate(rate((scores[:, 1] >= CONTRADICTS).tolist(), clusters)),
        "called supported": _rate(rate((scores[:, 0] >= SUPPORTS).tolist(), clusters)),
        "auroc": asdict(accuracy(truth, truth, (1 - scores[:, 0]).tolist(), clusters))["auroc"],
    }


def _rate(found: Rate | None) -> dict[str, Any] | None:
    return None if found is None else asdict(found)


def correct_audit(run: Path, found: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Correct a run's rates of contradicted claims, by contender, with the card's errors on the data set `name`.

    Raises:
        RecordsError: the run was not audited, or that data set does not say which claims are contradicted.
        ConfigError: it was audited by another checker than the card's.
    """
    judgements = audited_claims(run)
    if not judgements:
        raise RecordsError(f"{run} was not audited: clinrag experiment audit {run}")
    if others := {j.checker for j in judgements} - {found["checker"]}:
        raise ConfigError(
            f"{run} was audited by {', '.join(others)}, and the card is of {found['checker']}: another checker errs "
            "otherwise. Give --model the audit's checker, or audit again with this one (--checker)"
        )
    target = found["sets"][name]["targets"].get(CONTRADICTED)
    if not target or not target["sensitivity"] or not target["specificity"]:
        raise RecordsError(f"{name} does not say which claims are contradicted; correct with another data set")
    se, sp = (
        Share(x["value"] * x["effective"], x["effective"]) for x in (target["sensitivity"], target["specificity"])
    )
    rates = {}
    for contender in dict.fromkeys(j.contender for j in judgements):
        mine = [j for j in judgements if j.contender == contender]
        flagged = [float(j.verdict in (Verdict.CONTRADICTED, Verdict.CONFLICTING)) for j in mine]
        size = effective_size(flagged, [f"{j.task}\0{j.sample}" for j in mine])
        share = sum(flagged) / len(flagged)
        rates[contender] = {"claims": len(mine), **asdict(corrected_rate(Share(share * size, size), se, sp))}
    return {"run": str(run), "by": name, "contenders": rates}
