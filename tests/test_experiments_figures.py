"""Figures read back: shapes must stand where the axis says their numbers are, and nothing may be loaded."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from lxml import etree

from experiments.curves import reliability_curve, risk_coverage, risk_coverage_curves
from experiments.estimates import wilson
from experiments.figures import OUTCOMES, Difference, forest, outcome_bars
from experiments.metrics.bins import equal_mass_bins
from experiments.svg import ticks, wrap

NAMESPACE = {"s": "http://www.w3.org/2000/svg"}
ROWS = [
    Difference("MedQA", 0.016, (-0.01, 0.043), shown=False),
    Difference("PubMedQA", 0.312, (0.257, 0.367), shown=True),
    Difference("one cluster", -0.05, None, shown=False),
]


def parse(svg: str) -> etree._Element:
    return etree.fromstring(svg.encode())


def shapes(root: etree._Element, tag: str, kind: str) -> list[etree._Element]:
    found = root.xpath(f"//s:{tag}[@class='{kind}']", namespaces=NAMESPACE)
    assert isinstance(found, list)
    return found


def texts(root: etree._Element, kind: str) -> list[str]:
    return [str(item.text) for item in shapes(root, "text", kind)]


def axis(root: etree._Element, kind: str, coordinate: str) -> Callable[[float], float]:
    """Read an axis as a person would: the line through its first and last labels, from number to place."""
    labels = shapes(root, "text", kind)
    values = [float(str(item.text).replace("−", "-").rstrip(" %")) for item in labels]
    places = [float(item.get(coordinate, "nan")) - (4.5 if coordinate == "y" else 0) for item in labels]
    slope, start = np.polyfit(values, places, 1)
    assert places == pytest.approx([start + slope * value for value in values], abs=0.05)
    return lambda value: float(start + slope * value)


def at(item: etree._Element, name: str) -> float:
    return float(item.get(name, "nan"))


def test_forest_points_intervals_and_zero_stand_where_the_axis_says() -> None:
    root = parse(forest(ROWS, title="RAG against closed book", margin=0.03))
    x = axis(root, "tick", "x")
    points = shapes(root, "circle", "point")
    assert [at(item, "cx") for item in points] == pytest.approx([x(1.6), x(31.2), x(-5)], abs=0.05)
    intervals = [(at(item, "x1"), at(item, "x2")) for item in shapes(root, "line", "interval")]
    assert intervals == [
        pytest.approx((x(-1), x(4.3)), abs=0.05),
        pytest.approx((x(25.7), x(36.7)), abs=0.05),
    ]
    assert [at(item, "y1") for item in shapes(root, "line", "interval")] == [at(p, "cy") for p in points[:2]]
    (zero,) = shapes(root, "line", "zero")
    assert (at(zero, "x1"), at(zero, "x2")) == pytest.approx((x(0), x(0)), abs=0.05)
    (band,) = shapes(root, "rect", "margin")
    assert (at(band, "x"), at(band, "x") + at(band, "width")) == pytest.approx((x(-3), x(3)), abs=0.05)
    assert texts(root, "number") == ["1.6 (−1.0 to 4.3)", "31.2 (25.7 to 36.7)", "−5.0 (no interval)"]
    filled = ["stroke-width" not in item.get("style", "") for item in points]
    assert filled == [False, True, False]


@pytest.mark.parametrize("values", [(0.0,), (-0.5,), (0.5,), (1.0, -1.0), (0.0004,)])
def test_forest_keeps_zero_and_everything_inside_the_picture(values: tuple[float, ...]) -> None:
    root = parse(forest([Difference("x", v, (v - 0.0001, v + 0.0001), shown=True) for v in values], title="t"))
    width = at(root, "width")
    for item in root.xpath("//s:circle", namespaces=NAMESPACE):
        assert 0 < at(item, "cx") < width
    for item in root.xpath("//s:line", namespaces=NAMESPACE):
        assert 0 <= at(item, "x1") <= width
    assert "0" in texts(root, "tick")


def test_the_sides_of_zero_say_which_contender_is_better() -> None:
    both = [Difference("x", -0.1, (-0.3, 0.3), shown=False)]
    assert texts(parse(forest(both, title="t", left="CoT is better", right="RAG is better")), "side") == [
        "← CoT is better",
        "RAG is better →",
    ]
    assert texts(parse(forest(ROWS[1:2], title="t", right="RAG is better")), "side") == ["RAG is better →"]


def test_bars_share_their_length_as_the_outcomes_share_the_samples() -> None:
    counts = {
        "closed book": {"correct": 300, "wrong": 150, "abstained": 20, "unparsed": 25, "error": 5},
        "RAG": {"correct": 38, "wrong": 2},
        "nothing ran": {},
    }
    root = parse(outcome_bars(counts, title="Outcomes"))
    x = axis(root, "tick", "x")
    starts = dict.fromkeys(counts, 0.0)
    for kind in OUTCOMES:
        found = iter(shapes(root, "rect", kind))
        for name, outcomes in counts.items():
            if outcomes.get(kind):
                share = 100 * outcomes[kind] / sum(outcomes.values())
                item = next(found)
                ends = (at(item, "x"), at(item, "x") + at(item, "width"))
                assert ends == pytest.approx((x(starts[name]), x(starts[name] + share)), abs=0.06)
                starts[name] += share
        assert next(found, None) is None
    assert starts == pytest.approx({"closed book": 100, "RAG": 100, "nothing ran": 0})
    assert texts(root, "number") == ["n = 500", "n = 40", "n = 0"]
    assert "no samples" in texts(root, "text")
    assert texts(root, "share") == ["60.0", "30.0", "4", "5.0", "95.0", "5.0"]


def test_unknown_outcomes_and_empty_figures_are_refused() -> None:
    with pytest.raises(ValueError, match="no outcome skipped; there are correct, wrong"):
        outcome_bars({"a": {"skipped": 3}}, title="t")
    for draw in (lambda: outcome_bars({}, title="t"), lambda: forest([], title="t")):
        with pytest.raises(ValueError, match="at least one"):
            draw()
    with pytest.raises(ValueError, match="at least one bin"):
        reliability_curve([], title="t")
    with pytest.raises(ValueError, match="0 contenders"):
        risk_coverage_curves({}, title="t")


def test_bins_hold_equal_numbers_and_never_part_equal_confidences() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(1003)
    hits = (rng.random(1003) < p).astype(float)
    bins = equal_mass_bins(p, hits, bins=10)
    assert {b.n for b in bins} <= {100, 101}
    assert sum(b.n for b in bins) == 1003
    order = np.argsort(p)
    start = 0
    for b in bins:  # against slices of the sorted answers
        members = order[start : start + b.n]
        right = float(hits[members].sum())
        assert b.confidence == pytest.approx(p[members].mean())
        assert (b.accuracy, b.ci95) == (pytest.approx(right / b.n), pytest.approx(wilson(right, b.n)))
        start += b.n
    coarse = equal_mass_bins(np.round(p, 1), hits, bins=10)
    assert all(before.high < after.low for before, after in pairwise(coarse))
    assert sum(b.n for b in coarse) == 1003
    (alone,) = equal_mass_bins([0.5] * 7, [1, 0, 1, 1, 0, 0, 1])
    assert (alone.n, alone.accuracy) == (7, pytest.approx(4 / 7))
    assert len(equal_mass_bins([0.1, 0.9], [0, 1])) == 2


def test_reliability_points_stand_where_the_axes_say_and_n_is_listed() -> None:
    rng = np.random.default_rng(1)
    p = rng.beta(4, 1, 300)
    bins = equal_mass_bins(p, (rng.random(300) < p).astype(float), bins=6)
    root = parse(reliability_curve(bins, title="Reliability"))
    x, y = axis(root, "tick-x", "x"), axis(root, "tick-y", "y")
    for b, point, bar in zip(bins, shapes(root, "circle", "point"), shapes(root, "line", "interval"), strict=True):
        assert (at(point, "cx"), at(point, "cy")) == pytest.approx(
            (x(100 * b.confidence), y(100 * b.accuracy)), abs=0.05
        )
        ends = (y(100 * b.ci95[0]), y(100 * b.ci95[1]))
        assert (at(bar, "y1"), at(bar, "y2")) == pytest.approx(ends, abs=0.05)
    (diagonal,) = shapes(root, "line", "diagonal")
    ends = [at(diagonal, name) for name in ("x1", "y1", "x2", "y2")]
    assert ends == pytest.approx([x(0), y(0), x(100), y(100)], abs=0.05)
    assert texts(root, "n") == [str(b.n) for b in bins]


def test_risk_and_coverage_by_hand() -> None:
    # .9 right, .8 wrong, .5 right and wrong together, .1 right
    got = risk_coverage([0.5, 0.9, 0.1, 0.8, 0.5], [1, 1, 1, 0, 0])
    assert got == [
        (0.2, 0.0),
        (0.4, 0.5),
        (0.8, 0.5),
        (1.0, pytest.approx(0.4)),
    ]
    assert risk_coverage([0.7] * 4, [1, 0, 1, 1]) == [(1.0, 0.25)]


def test_risk_coverage_curve_passes_through_its_numbers() -> None:
    rng = np.random.default_rng(2)
    p = rng.random(60)
    hits = (rng.random(60) < p).astype(float)
    root = parse(risk_coverage_curves({"A": (p, hits), "few": ([0.1, 0.9], [0, 1])}, title="Risk"))
    x, y = axis(root, "tick-x", "x"), axis(root, "tick-y", "y")
    curve, few = shapes(root, "path", "curve")
    places = [tuple(map(float, pair)) for pair in re.findall(r"([\d.]+),([\d.]+)", curve.get("d", ""))]
    sorted_hits = hits[np.argsort(-p)]
    brute = [(x(100 * k / 60), y(100 * (1 - sorted_hits[:k].mean()))) for k in range(10, 61)]
    assert np.array(places) == pytest.approx(np.array(brute), abs=0.05)
    assert few.get("d", "").count(",") == 1  # too few answers for a curve: full coverage alone
    assert texts(root, "legend") == ["A (n = 60)", "few (n = 2)"]


def test_a_long_curve_is_thinned_but_keeps_its_end() -> None:
    rng = np.random.default_rng(3)
    p = rng.random(5000)
    root = parse(risk_coverage_curves({"A": (p, (rng.random(5000) < p).astype(float))}, title="Risk"))
    (curve,) = shapes(root, "path", "curve")
    assert curve.get("d", "").count(",") == 400
    (end,) = shapes(root, "circle", "point")
    assert curve.get("d", "").endswith(f"{end.get('cx')},{end.get('cy')}")


def test_confidences_that_are_none_are_refused() -> None:
    for p, hits, message in (
        ([0.5], [1, 0], "2 answers"),
        ([1.5], [1], "between 0 and 1"),
        ([0.5], [0.3], "right"),
    ):
        with pytest.raises(ValueError, match=message):
            equal_mass_bins(p, hits)
    six = {str(i): ([0.5], [1]) for i in range(7)}
    with pytest.raises(ValueError, match="7 contenders"):
        risk_coverage_curves(six, title="t")


HOSTILE = "<script>alert(1)</script> & \"quoted\" 'x' \x00\x1b ]]> 药物"


@pytest.mark.parametrize(
    "svg",
    [
        forest([Difference(HOSTILE, 0.01, (-0.1, 0.1), shown=False)], title=HOSTILE, left=HOSTILE),
        outcome_bars({HOSTILE: {"correct": 3}}, title=HOSTILE),
        reliability_curve(equal_mass_bins([0.2, 0.9], [0, 1]), title=HOSTILE),
        risk_coverage_curves({HOSTILE: ([0.2, 0.9], [0, 1])}, title=HOSTILE),
    ],
)
def test_any_figure_is_accessible_escaped_and_loads_nothing(svg: str) -> None:
    root = parse(svg)
    assert root.get("role") == "img"
    title, desc = root[0], root[1]
    assert (title.tag, desc.tag) == (f"{{{NAMESPACE['s']}}}title", f"{{{NAMESPACE['s']}}}desc")
    assert root.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
    assert title.text == HOSTILE.replace("\x00", "�").replace("\x1b", "�")
    assert desc.text
    tags = {etree.QName(item).localname for item in root.iter()}
    assert tags <= {"svg", "title", "desc", "text", "line", "rect", "circle", "path"}
    names = {name for item in root.iter() for name in item.attrib}
    assert not [name for name in names if "href" in name or name.startswith("on")]
    assert "url(" not in svg
    assert svg.count("http") == 1  # the namespace


def test_text_follows_the_page_and_colours_can_be_set_by_it() -> None:
    svg = outcome_bars({"a": {"correct": 1, "error": 1}}, title="t")
    root = parse(svg)
    assert root.get("fill") == "currentColor"
    coloured = [item for item in root.iter() if "fill:" in item.get("style", "")]
    assert all(re.search(r"fill:(var\(--figure-|currentColor|#111)", item.get("style", "")) for item in coloured)


def test_long_labels_are_broken_and_stay_inside_their_column() -> None:
    label = "Qwen2.5-7B-Instruct with RAG (k = 8, hybrid, since 2015) against HuatuoGPT-o1-7B closed book " * 2
    svg = parse(forest([Difference(label, 0.01, (0.0, 0.02), shown=False)], title="t"))
    lines = texts(svg, "label")
    assert len(lines) == 3
    assert lines[-1].endswith("…")
    assert max(map(len, lines)) <= 36
    assert shapes(svg, "text", "label")[0][0].text == label  # the whole of it when pointed at
    assert wrap("short", 200) == ["short"]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-3, 38, [-10, 0, 10, 20, 30, 40]),
        (0, 0.05, [0, 0.01, 0.02, 0.03, 0.04, 0.05]),
    ],
)
def test_ticks_are_round_and_enclose(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)
    with pytest.raises(ValueError, match="no length"):
        ticks(1, 1)
