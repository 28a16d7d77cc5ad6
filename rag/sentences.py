"""Split an abstract into sentences that know where they stand."""

from __future__ import annotations

import re
from typing import NamedTuple


class Span(NamedTuple):
    """`text` is the source's [start:end], in characters."""

    text: str
    start: int
    end: int


# A full stop after these does not end a sentence. Lower case; single letters ("E. coli") are handled by the pattern.
ABBREVIATIONS = frozenset(
    "approx ca cf dr e.g eg et al etc fig figs i.e ie inc int jr ltd mr mrs ms no nos p.o prof ref refs resp sp spp "
    "ssp st suppl vol vs viz var".split()
)
# The end mark, closing quotes or brackets, then white space and something that can begin a sentence.
_END = re.compile(r"([.!?])[\"'’”)\]]*\s+(?=[\"'“‘(\[]*[A-Z0-9À-ÞΑ-Ω<>≥≤±~])")
# A result's figures after a full stop go on with the sentence: "p < 0.05. HR 0.8 (95% CI 0.7–0.9)".
_FIGURES = re.compile(
    r"(?:(?:a?HR|a?OR|a?RR|IRR|SMD|WMD|MD|NNT|AUC|ICC|(?:\d+ ?% ?)?CI|(?:Hazard|Odds|Risk|Rate) ratio)"
    r"\s*(?:of|was)?\s*[=<>≤≥:,]?|[Pp]\s*[=<>≤≥]|n\s*=)\s*[-−]?\.?\d"
)
_LABEL = re.compile(r"[A-Z][A-Z &/,()-]{2,80}: ")
_LAST_WORD = re.compile(r"([\w.]+)$")


def split_sentences(text: str) -> list[Span]:
    """Return the sentences of a text in order, without section labels; line breaks always end one.

    Rules, not a model: they keep decimals, "vs.", "et al.", initials and species names together. They do not
    part sentences that are joined without a space.
    """
    spans = []
    position = 0
    for line in text.split("\n"):
        label = _LABEL.match(line)
        start = position + (label.end() if label else 0)
        end = position + len(line)
        spans += _split_line(text, start, end)
        position = end + 1
    return spans


def _split_line(text: str, start: int, end: int) -> list[Span]:
    cuts = [
        m.end()
        for m in _END.finditer(text, start, end)
        if not _FIGURES.match(text, m.end())
        and not _is_abbreviation(text[max(start, m.start(1) - 40) : m.start(1)], m[1])
    ]
    spans = []
    for begin, stop in zip([start, *cuts], [*cuts, end], strict=True):
        piece = text[begin:stop]
        stripped = piece.strip()
        if stripped:
            offset = begin + len(piece) - len(piece.lstrip())
            spans.append(Span(stripped, offset, offset + len(stripped)))
    return spans


def _is_abbreviation(before: str, mark: str) -> bool:
    if mark != ".":
        return False
    word = _LAST_WORD.search(before)
    if not word:
        return False
    last = word[1].lower()
    # "E. coli", "i.v. Doses", but not the "C" that ends "vitamin C."
    initial = len(last) == 1 and last.isalpha() and before[-2:-1] in ("", " ", "(", ".") and word[1].isupper()
    return last in ABBREVIATIONS or (
        initial
        and not before[:-2].rstrip().lower().endswith(("vitamin", "hepatitis", "type", "group", "class", "protein"))
    )
