"""The sheet as one page that loads nothing, remembers labels in the browser, and saves them as the CSV to hand in."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from importlib.resources import files

from .drawing import Item
from .sheets import CHOICES

MEANS = {
    "supported": "the evidence says so",
    "contradicted": "the evidence says otherwise",
    "conflicting": "one piece of evidence says so, another says otherwise",
    "unverifiable": "the evidence says neither",
}


def sheet_page(items: Sequence[Item]) -> str:
    """Return the whole page."""
    script, style = (
        (files("experiments.review") / name).read_text(encoding="utf-8") for name in ("page.js", "page.css")
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    mark = hashlib.sha256("\0".join(item.id + item.claim for item in items).encode()).hexdigest()[:12]
    means = "".join(f"<li><b>{label}</b>: {escape(words)}</li>" for label, words in MEANS.items())
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Claims to read</title><style>{style}</style></head>",
            f'<body data-draw="{mark}"><header><h1>{len(items)} claims to read</h1>',
            "<p>For each claim: what does the evidence beneath it say? Judge by the evidence alone, not by what you "
            "know, and do not talk about it with the other reader before both have finished. What is marked "
            "is where a program looked: read on.</p>",
            f"<ul>{means}</ul>",
            '<p><button id="save" type="button">Save labels as CSV</button> <output id="left"></output></p></header>',
            *(_card(number, item) for number, item in enumerate(items, 1)),
            f"<script>{script}</script></body></html>",
        ]
    )


def _card(number: int, item: Item) -> str:
    choices = "".join(
        f'<label><input type="radio" name="{item.id}" value="{label}"> {label}</label>' for label in CHOICES
    )
    shown = [f"<li>{_marked(text, item.telling)}</li>" for text in item.evidence]
    evidence = f"<ol>{''.join(shown)}</ol>" if shown else "<p>No evidence was found.</p>"
    return (
        f'<section id="{item.id}"><h2>{number}. <small>{item.id}</small></h2>'
        f'<p class="muted">Question: {escape(item.question)}</p><p class="claim">{escape(item.claim)}</p>{evidence}'
        f"<fieldset><legend>The evidence makes the claim</legend>{choices}</fieldset>"
        f'<label class="comment">Comment <input type="text" data-comment="{item.id}"></label></section>'
    )


def _marked(text: str, telling: str) -> str:
    start = text.find(telling) if telling else -1
    if start < 0:
        return escape(text)
    end = start + len(telling)
    return f"{escape(text[:start])}<mark>{escape(telling)}</mark>{escape(text[end:])}"
