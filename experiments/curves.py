"""How far a contender's confidence can be trusted: the reliability curve, and risk against coverage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import ArrayLike

from .estimates import finite
from .metrics.bins import Bin, sorted_answers
from .svg import COLOURS, box, dot, figure, finish, hint, line, path, scale, text, ticks, wrap

WIDTH = 500.0  # of the risk-coverage figure
SIDE = 360.0  # of the square plot
LEFT, TOP = 72.0, 16.0
STYLES = (
    ("blue", ""),
    ("vermilion", "7 3"),
    ("green", "2 3"),
    ("purple", "9 3 2 3"),
    ("orange", "4 2"),
    ("grey", "1 2"),
)
Scale = Callable[[float], float]
FIRST = 10  # answers before a risk is drawn: one answer is either all right or all wrong


def reliability_curve(bins: Sequence[Bin], *, title: str) -> str:
    """Draw the share correct against the confidence stated, per bin with interval and n, as an SVG string."""
    if not bins:
        raise ValueError(f"{title}: a reliability curve needs at least one bin")
    described = "; ".join(
        f"stated {b.confidence:.2f}, correct {b.accuracy:.2f} ({b.ci95[0]:.2f} to {b.ci95[1]:.2f}), n = {b.n}"
        for b in bins
    )
    x, y = scale((0, 1), (LEFT, LEFT + SIDE)), scale((0, 1), (TOP + SIDE, TOP))
    height = max(TOP + SIDE + 52, TOP + 18 * (len(bins) + 2))
    root = figure(LEFT + SIDE + 194, height, title=title, description=f"{described}.")
    _frame(root, x, y, ("confidence stated", "share correct"), top=1.0)
    line(root, (x(0), y(0)), (x(1), y(1)), opacity=0.6, dashes="4 4", kind="diagonal")
    text(root, (x(0.03), y(0.95)), "right more often than stated", muted=True)
    text(root, (x(0.97), y(0.03)), "right less often than stated", anchor="end", muted=True)
    blue = COLOURS["blue"]
    path(root, [(x(b.confidence), y(b.accuracy)) for b in bins], colour=blue, kind="curve")
    for b in bins:
        at = x(b.confidence)
        line(root, (at, y(b.ci95[0])), (at, y(b.ci95[1])), colour=blue, width=2, opacity=0.6, kind="interval")
        item = dot(root, (at, y(b.accuracy)), colour=blue)
        share = f"{100 * b.accuracy:.1f} % correct"
        hint(item, f"{b.n:,} answers of confidence {b.low:.2f} to {b.high:.2f}: {share}")
    _table(root, bins)
    return finish(root)


def _table(root: Element, bins: Sequence[Bin]) -> None:
    """List the bins beside the plot: where they crowd, n written at the points could not be read."""
    columns = [LEFT + SIDE + offset for offset in (68, 132, 186)]
    cells = [(f"{100 * b.confidence:.1f} %", f"{100 * b.accuracy:.1f} %", f"{b.n:,}") for b in bins]
    for row, texts in enumerate([("stated", "correct", "n"), *cells]):
        for at, words, kind in zip(columns, texts, ("stated", "correct", "n"), strict=True):
            place = (at, TOP + 12 + 18 * row)
            text(root, place, words, anchor="end", muted=row == 0, kind=kind if row else "text")


def risk_coverage(confidence: ArrayLike, correct: ArrayLike) -> list[tuple[float, float]]:
    """Return (coverage, risk) as ever less confident answers are let through; both from 0 to 1.

    Risk is the share wrong among the answers let through. Answers of equal confidence enter together.
    """
    p, hits = sorted_answers(confidence, correct)
    p, hits = p[::-1], hits[::-1]
    last = np.flatnonzero(np.append(p[1:] != p[:-1], True))
    taken = last + 1
    risk = 1 - np.cumsum(hits)[last] / taken
    return [(float(c), float(r)) for c, r in zip(taken / p.size, risk, strict=True)]


def risk_coverage_curves(contenders: Mapping[str, tuple[ArrayLike, ArrayLike]], *, title: str) -> str:
    """Draw risk against coverage of contenders → (confidence, correct), as an SVG string; low is good.

    Drawn from ten answers on; at most six contenders, so that the lines can be told apart.
    """
    if not 1 <= len(contenders) <= len(STYLES):
        raise ValueError(
            f"{title}: {len(contenders)} contenders; from 1 to {len(STYLES)} can be told apart in one plot"
        )
    curves = {name: _from_ten_on(*answers) for name, answers in contenders.items()}
    sizes = {name: finite(confidence).size for name, (confidence, _) in contenders.items()}
    axis = ticks(0, max(0.05, *(risk for curve in curves.values() for _, risk in curve)), about=5)
    x, y = scale((0, 1), (LEFT, LEFT + SIDE)), scale((0, axis[-1]), (TOP + SIDE, TOP))
    described = "; ".join(
        f"{name}: {100 * curve[-1][1]:.1f} % wrong when all {sizes[name]} are answered, "
        f"{100 * _risk_at(curve, 0.5):.1f} % when half are"
        for name, curve in curves.items()
    )
    root = figure(WIDTH, TOP + SIDE + 66 + 22 * len(curves), title=title, description=f"{described}.")
    _frame(root, x, y, ("coverage: share answered, most confident first", "risk: share wrong"), top=axis[-1])
    for place, (name, curve) in enumerate(curves.items()):
        colour, dashes = COLOURS[STYLES[place][0]], STYLES[place][1]
        drawn = [(x(coverage), y(risk)) for coverage, risk in _thinned(curve)]
        hint(path(root, drawn, colour=colour, dashes=dashes, kind="curve"), name)
        end = f"{name}: all {sizes[name]:,} answered, {100 * curve[-1][1]:.1f} % wrong"
        hint(dot(root, drawn[-1], colour=colour, radius=4), end)
        height = TOP + SIDE + 66 + 22 * place
        line(root, (LEFT, height), (LEFT + 36, height), colour=colour, width=2, dashes=dashes, kind="key")
        dot(root, (LEFT + 36, height), colour=colour, radius=4, kind="key")
        legend = wrap(f"{name} (n = {sizes[name]:,})", WIDTH - LEFT - 60, lines=1)[0]
        hint(text(root, (LEFT + 46, height + 4.5), legend, kind="legend"), name)
    return finish(root)


def _from_ten_on(confidence: ArrayLike, correct: ArrayLike) -> list[tuple[float, float]]:
    whole = risk_coverage(confidence, correct)
    least = FIRST / finite(confidence).size
    return [place for place in whole if place[0] >= least - 1e-9] or whole[-1:]


def _thinned(curve: list[tuple[float, float]], most: int = 400) -> list[tuple[float, float]]:
    """Leave out points that no eye could tell apart, never the last: a page holds many curves."""
    if len(curve) <= most:
        return curve
    return [curve[place] for place in np.linspace(0, len(curve) - 1, most).astype(int)]


def _risk_at(curve: Sequence[tuple[float, float]], coverage: float) -> float:
    return next(risk for reached, risk in curve if reached >= coverage)


def _frame(root: Element, x: Scale, y: Scale, names: tuple[str, str], *, top: float) -> None:
    box(root, (LEFT, TOP), (SIDE, SIDE), colour="currentColor", opacity=0.04, kind="ground")
    for tick in ticks(0, 1, about=5):
        line(root, (x(tick), TOP + SIDE), (x(tick), TOP + SIDE + 5), opacity=0.5)
        text(root, (x(tick), TOP + SIDE + 20), f"{100 * tick:g} %", anchor="middle", muted=True, kind="tick-x")
    for tick in ticks(0, top, about=5):
        line(root, (LEFT, y(tick)), (LEFT + SIDE, y(tick)), opacity=0.15, kind="grid")
        text(root, (LEFT - 8, y(tick) + 4.5), f"{100 * tick:g} %", anchor="end", muted=True, kind="tick-y")
    text(root, (LEFT + SIDE / 2, TOP + SIDE + 42), names[0], anchor="middle", muted=True)
    middle = (14.0, TOP + SIDE / 2)
    label = text(root, middle, names[1], anchor="middle", muted=True)
    label.set("transform", f"rotate(-90 {middle[0]} {middle[1]})")
