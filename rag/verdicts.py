"""The words and the colour for what evidence says to a claim: the same in an answer, on the page, and in a report."""

from __future__ import annotations

from typing import Literal, NamedTuple

from .flags import Severity

Tone = Literal["good", "bad", "warn", "quiet"]  # names of colours in the style sheets


class Shown(NamedTuple):
    words: str
    tone: Tone


VERDICTS = {
    "supported": Shown("supported by the evidence", "good"),
    "contradicted": Shown("contradicted by the evidence", "bad"),
    "conflicting": Shown("the evidence conflicts", "warn"),
    "unverifiable": Shown("not settled by the evidence", "quiet"),
}
TONES: dict[Severity, Tone] = {"error": "bad", "warning": "warn", "note": "quiet"}
