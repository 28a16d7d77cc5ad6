"""The card as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.report_text import number, percent, table

HEAD = ("data", "finds", "n", "sensitivity % (95 % CI)", "specificity % (95 % CI)", "AUROC (95 % CI)")
CONTROL = (
    "data, each claim beside another paper",
    "called contradicted %",
    "called supported %",
    "AUROC of the labels",
)
CHOSEN = ("data", "finds", "threshold", "chosen on", "tested on", "sensitivity %", "specificity %")


def markdown(card: Mapping[str, Any]) -> str:
    """Return the card's tables."""
    sets = card["sets"]
    lines = [f"# Detector card: {card['checker']}", "", f"Thresholds. {card['thresholds']}", ""]
    lines += [f"- `{name}`, {one['n']:,} claims: {one['title']}; {one['says']}." for name, one in sets.items()]
    lines += [""]
    lines += table(
        HEAD, [_target(name, target, x) for name, one in sets.items() for target, x in one["targets"].items()]
    )
    lines += ["Evidence withheld: nothing should be found, and the labels should not be guessed (AUROC .5).", ""]
    lines += table(CONTROL, [_control(name, one["withheld"]) for name, one in sets.items()])
    chosen = [(name, one["chosen_here"]) for name, one in sets.items() if one["chosen_here"]]
    if chosen:
        lines += ["Another threshold, chosen on half of the clusters for sensitivity + specificity:", ""]
        lines += table(CHOSEN, [_chosen(name, x) for name, x in chosen])
    if "corrected" in card:
        lines += corrected_table(card["corrected"])
    return "\n".join(lines)


def corrected_table(found: Mapping[str, Any]) -> list[str]:
    """Return the corrected rates of an audit."""
    head = ("contender", "claims", "called contradicted %", "corrected % (95 % CI)")
    rows = [
        (c, f"{x['claims']:,}", percent(x["reported"]), x["why"] or percent(x["value"], x["ci95"]))
        for c, x in found["contenders"].items()
    ]
    said = (
        f"Contradicted claims of {found['run']}, pooled evidence, corrected by the detector's errors on {found['by']}:"
    )
    return [said, "", *table(head, rows)]


def _target(name: str, target: str, x: Mapping[str, Any]) -> list[str]:
    se, sp = x["sensitivity"], x["specificity"]
    n = (se["n"] if se else 0, sp["n"] if sp else 0)
    return [name, target, f"{n[0]:,} of {sum(n):,}", _percent(se), _percent(sp), _area(x["auroc"])]


def _control(name: str, x: Mapping[str, Any]) -> list[str]:
    return [name, _percent(x["called contradicted"]), _percent(x["called supported"]), _area(x["auroc"])]


def _chosen(name: str, x: Mapping[str, Any]) -> list[str]:
    counts = (f"{x['chosen_on']:,}", f"{x['tested_on']:,}")
    return [
        name,
        x["target"],
        number(x["threshold"], 3),
        *counts,
        _percent(x["sensitivity"]),
        _percent(x["specificity"]),
    ]


def _percent(rate: Mapping[str, Any] | None) -> str:
    return "–" if rate is None else percent(rate["value"], rate["ci95"])


def _area(area: Mapping[str, Any] | None) -> str:
    if area is None:
        return "–"
    interval = f" ({area['ci95'][0]:.3f}–{area['ci95'][1]:.3f})" if area["ci95"] else ""
    return f"{area['value']:.3f}{interval}"
