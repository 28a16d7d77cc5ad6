"""The report as one HTML page that asks nothing of the network: verdict, figures, tables, and a browser of samples."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from .audit.section import audit_html
from .browser import as_script, browser_data
from .curves import STYLES, reliability_curve, risk_coverage_curves
from .errors import MetricError
from .figures import Difference, forest, outcome_bars
from .html_table import html_table
from .metrics.bins import equal_mass_bins
from .metrics.calibration import confidences
from .report import Scored, score_run
from .report_text import (
    COMPARED,
    CONFIDENCE,
    CONFIDENCE_SAID,
    OUTCOMES,
    RETRIEVED,
    STRATA,
    comparison_row,
    confidence_row,
    metric_rows,
    outcome_row,
    percent,
    retrieval_row,
    stratum_row,
)

MOST_ROWS = 30  # of one forest plot


def page(run: Path, report: Mapping[str, Any]) -> str:
    """Return the whole page."""
    scored = score_run(run, reading=report["reading"]["name"])
    script, style = _asset("page.js"), _asset("page.css")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    title = f"Head-to-head: {', '.join(report['contenders'])}"
    body = [*_head(report), *_verdict(report), *_pairs(report), *_readings(report)]
    for name, task in report["tasks"].items():
        body += _task(name, task, report, scored[name])
    if report["audit"]:
        body += audit_html(report["audit"])
    body += _limits(report)
    body.append(BROWSER)
    data = as_script(browser_data(run, report["contenders"], scored))
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{style}</style></head><body>",
            *body,
            f'<script type="application/json" id="samples">{data}</script><script>{script}</script></body></html>',
        ]
    )


BROWSER = """<h2 id="browser">Samples</h2>
<p class="muted">Question, passages and every contender's output side by side. Keys: j and k.</p>
<noscript><p>The browser of samples needs JavaScript; it is all inside this file.</p></noscript>
<div class="controls"><label>Task<select id="task"></select></label>
<label>Search<input id="word" type="search" placeholder="word or id"></label>
<label>Only where they differ<input id="differ" type="checkbox"></label></div>
<div class="controls" id="arms"></div><p class="muted" id="count"></p>
<div class="browser"><div class="list" id="list"></div><div class="detail" id="detail"></div></div>"""


def _asset(name: str) -> str:
    return (files("experiments") / name).read_text(encoding="utf-8")


def _head(report: Mapping[str, Any]) -> list[str]:
    tasks = report["tasks"]
    links = [f'<a href="#{escape(name)}">{escape(task["title"])}</a>' for name, task in tasks.items()]
    links += ['<a href="#audit">What is invented</a>'] if report["audit"] else []
    total = sum(task["n"] for task in tasks.values())
    reading = report["reading"]
    rows = [
        (
            name,
            entry.get("model", "not known"),
            _reads(entry),
            entry.get("strategy", "–"),
            str(entry.get("calls", "–")),
            _made(entry),
        )
        for name, entry in report["contender_details"].items()
    ]
    return [
        f"<header><h1>Head-to-head on {len(tasks)} task{'s' * (len(tasks) != 1)}, {total:,} samples</h1>",
        f'<p class="muted">Run {escape(report["run"])}, begun {escape(report["created"])}. Outputs are read '
        f"{escape(reading['name'])}: {escape(reading['meaning'])}. Research software, not medical advice.</p>",
        f'<nav>{" ".join(links)} <a href="#limits">Limits</a> <a href="#browser">Samples</a></nav></header>',
        html_table(("contender", "model", "reads", "asked", "calls", "made"), rows, "What was compared", text=6),
    ]


def _made(entry: Mapping[str, Any]) -> str:
    return f"imported ({entry['format']})" if entry["kind"] == "imported" else "here"


def _reads(entry: Mapping[str, Any]) -> str:
    retrieval = entry.get("retrieval")
    if retrieval is None:
        return "as its authors say"
    if retrieval["source"] == "none":
        return "nothing (closed book)"
    if retrieval["source"] == "oracle":
        return "the gold abstracts"
    more = " without the gold abstracts" if retrieval["exclude_gold"] else ""
    return f"{retrieval['k']} abstracts, {retrieval['mode']}{more}"


def _verdict(report: Mapping[str, Any]) -> list[str]:
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in report["verdict"])
    rows = [
        Difference(f"{task['title']}: {c['a']} − {c['b']}", c["difference"], _interval(c["ci95"]), c["shown"])
        for task in report["tasks"].values()
        for c in task["comparisons"]
    ]
    found = [f'<h2>What it shows</h2><div class="verdict"><ul>{items}</ul></div>']
    if rows and len(rows) <= MOST_ROWS and len(report["tasks"]) > 1:
        title = "Paired differences, all tasks"
        found.append(
            _figure(
                forest(rows, title=title, margin=report["margin"]), f"{title}. Holm's correction decides what is shown."
            )
        )
    return found


def _pairs(report: Mapping[str, Any]) -> list[str]:
    found = []
    for pair in report["pairs"]:
        means = pair["means"]
        rows = [
            ("general", percent(means["general"]), percent(means["general_rag"])),
            ("fine-tuned", percent(means["tuned"]), percent(means["tuned_rag"])),
        ]
        found.append(html_table(("mean score %", "closed book", "RAG"), rows, f"{pair['title']}, n = {pair['n']:,}"))
    return ["<h2>Fine-tuning or RAG?</h2>", *found] if found else []


def _readings(report: Mapping[str, Any]) -> list[str]:
    if not report["readings"]:
        return []
    items = "".join(f"<li>{escape(entry['sentence'])}</li>" for entry in report["readings"])
    return [f"<h2>Read strictly, and as published</h2><ul>{items}</ul>"]


def _task(name: str, task: Mapping[str, Any], report: Mapping[str, Any], scored: Scored) -> list[str]:
    chance = f"; chance {percent(task['chance'])} %" if task["chance"] else ""
    majority = f"; always the most frequent answer {percent(task['majority'])} %" if task["majority"] else ""
    clusters = f" in {task['clusters']:,} clusters" if task["clusters"] != task["n"] else ""
    facts = f"n = {task['n']:,}{clusters}{chance}{majority}; licence {task['licence']}; {task['source']}"
    counts = {c: {o: row[o] for o in OUTCOMES} for c, row in task["contenders"].items()}
    parts = [
        f'<h2 id="{escape(name)}">{escape(task["title"])}</h2><p class="muted">{escape(facts)}</p>',
        _figure(outcome_bars(counts, title=f"{task['title']}: five outcomes"), "What became of each sample, per cent."),
    ]
    score = "accuracy % (95 % CI)" if task["primary"] == "accuracy" else f"{task['primary']} % (95 % CI)"
    head = ("contender", "n", *OUTCOMES, score, "coverage %", "calls", "seconds", "tokens in/out")
    cells = [outcome_row(c, row) for c, row in task["contenders"].items()]
    parts.append(html_table(head, cells, "Over all samples; calls, seconds and tokens are means per sample"))
    if task["metrics"]:
        parts.append(html_table(("further scores, %", *task["metrics"]), metric_rows(task)))
    if task["comparisons"]:
        rows = [
            Difference(f"{c['a']} − {c['b']}", c["difference"], _interval(c["ci95"]), c["shown"])
            for c in task["comparisons"][:MOST_ROWS]
        ]
        title = f"{task['title']}: paired differences"
        parts.append(_figure(forest(rows, title=title, margin=report["margin"]), "Paired differences."))
        cells = [comparison_row(c) for c in task["comparisons"]]
        parts.append(
            html_table(COMPARED, cells, "The same samples, in pairs; could see: found with 80 % power", text=2)
        )
    if quality := report["retrieval"].get(name):
        parts.append("<h3>Retrieval, apart from reading</h3>")
        parts.append(html_table(RETRIEVED, [retrieval_row(c, row) for c, row in quality.items()]))
    if (checked := report["strata"].get(name)) and checked["rows"]:
        parts.append("<h3>Seen before?</h3>")
        parts.append(html_table(STRATA, [stratum_row(row) for row in checked["rows"]], text=2))
    return parts + _calibration(task, scored)


def _calibration(task: Mapping[str, Any], scored: Scored) -> list[str]:
    """Draw calibration and coverage for the contenders that say how sure they are."""
    known = {}
    for contender, records in scored.records.items():
        try:
            known[contender] = confidences(records)
        except MetricError:
            continue
    if not known:
        return []
    parts = ["<h3>How far its confidence can be trusted</h3>"]
    parts.append(html_table(CONFIDENCE, [confidence_row(c, task["contenders"][c]) for c in known], CONFIDENCE_SAID))
    drawn = [
        _figure(reliability_curve(equal_mass_bins(p, hit), title=f"{c}: calibration"), f"{c}: stated and true.")
        for c, (p, hit) in known.items()
    ]
    first = dict(list(known.items())[: len(STYLES)])
    drawn.append(_figure(risk_coverage_curves(first, title="Risk against coverage"), "Risk against coverage."))
    return [*parts, f'<div class="figures">{"".join(drawn)}</div>']


def _limits(report: Mapping[str, Any]) -> list[str]:
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in report["limits"])
    return [f'<h2 id="limits">What it cannot show</h2><ul>{items}</ul>']


def _figure(svg: str, caption: str) -> str:
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def _interval(ci95: Sequence[float] | None) -> tuple[float, float] | None:
    return None if ci95 is None else (ci95[0], ci95[1])
