"""An answer's claims: its declarative sentences, without what only introduces, plans, cites or chooses an option.

Rules, not a model. A claim is one sentence; what does not claim anything (a question, a plan, "the answer is A", a
refusal, a heading) is left out, and an answer of which nothing is left has no claims: that is undefined, never 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from experiments.answers.declared import FIELDS, json_value, without_thought
from experiments.answers.refusals import text_cannot_tell
from rag.sentences import split_sentences

from . import wording

Part = Literal["reasoning", "answer"]
FEWEST_WORDS = 4  # "Yes, it does." says nothing that could be looked up


@dataclass(frozen=True, slots=True)
class Claim:
    """`text` is what is claimed, `citations` the PMIDs it gives, `quotes` what it quotes: (PMID or "", words)."""

    text: str
    part: Part
    citations: tuple[str, ...] = ()
    quotes: tuple[tuple[str, str], ...] = ()


_STRING = re.compile(r'"(\w+)"\s*:\s*"((?:[^"\\]|\\.)*)', re.DOTALL)


def extract_claims(output: str) -> tuple[Claim, ...]:
    """Return the claims of an output in order; none if it claims nothing.

    Thinking blocks are not shown to a reader and are left out. What stands in a JSON field that is no answer, or before
    a last "Final answer: …" line, is reasoning. A quotation line (`> PMID: "…"`) belongs to the sentence before it.
    """
    found: list[Claim] = []
    for part, text in _parts(without_thought(output)):
        for line in text.splitlines():
            if quoted := wording.QUOTE_LINE.match(line.strip()):
                if found:
                    last = found[-1]
                    found[-1] = Claim(last.text, last.part, last.citations, (*last.quotes, (quoted[1], quoted[2])))
            else:
                found += _line_claims(line, part)
    return tuple(found)


def cited_pmids(output: str) -> tuple[str, ...]:
    """Return every PMID an output cites, claim or not, each once in order."""
    return tuple(dict.fromkeys(pmid for claim in extract_claims(output) for pmid in claim.citations))


def _line_claims(line: str, part: Part) -> Iterator[Claim]:
    line = wording.LIST_MARK.sub("", line).strip()
    if line.startswith("#"):
        return
    for sentence in _joined([span.text for span in split_sentences(line)]):
        citations = _citations(sentence)
        text = _assertion(sentence)
        if is_claim(sentence) and is_claim(text):
            yield Claim(text, part, citations, tuple(("", q) for q in re.findall(r"[“\"]([^”\"]{15,})[”\"]", text)))


def _joined(sentences: list[str]) -> list[str]:
    """Put a bare statistic, or a citation that stands after the full stop, back to the sentence it belongs to."""
    kept: list[str] = []
    for sentence in sentences:
        if kept and (mark := wording.BRACKETS.match(sentence)):
            kept[-1] += f" {mark[0].strip()}"
            sentence = sentence[mark.end() :].strip(" .;")
        rest = wording.BARE.sub("", wording.BRACKETS.sub("", sentence)).strip(" .;")
        if kept and (not rest or wording.STATISTIC.match(rest)):
            kept[-1] += f" {sentence}" if sentence else ""
        else:
            kept.append(sentence)
    return kept


def is_claim(sentence: str) -> bool:
    """Tell whether a sentence says something about the world that evidence could speak to."""
    words = re.findall(r"[^\W\d_]{2,}", sentence)
    if len(words) < FEWEST_WORDS or sentence.rstrip().endswith(("?", ":")):
        return False
    if any(rule.search(sentence) for rule in (wording.CHOOSES, wording.PLANS, wording.ADVISES, wording.ABOUT)):
        return False
    return not text_cannot_tell(sentence)


def _assertion(sentence: str) -> str:
    """Drop connectives and "Document [2] states that": what is left is what is claimed."""
    text, before = sentence.strip(), ""
    while text != before:
        before = text
        text = wording.OPENING.sub("", wording.SOURCE.sub("", text), count=1).lstrip()
    text = re.sub(r"\.[\s.]*$", ".", " ".join(wording.BARE.sub("", wording.BRACKETS.sub("", text)).split()))
    return text[:1].upper() + text[1:]


def _citations(sentence: str) -> tuple[str, ...]:
    """Return the PMIDs that stand in brackets or after the word PMID."""
    marks = [m[0] for m in wording.BRACKETS.finditer(sentence)]
    marks += [m[0] for m in wording.BARE.finditer(wording.BRACKETS.sub("", sentence))]
    return tuple(dict.fromkeys(number for mark in marks for number in re.findall(r"\d+", mark)))


def _parts(text: str) -> Iterator[tuple[Part, str]]:
    value = json_value(text)
    if isinstance(value, dict):
        yield from ((_part(key), _prose(item)) for key, item in value.items())
    elif text.startswith("{") and (fields := _STRING.findall(text)):  # JSON that was cut off, or never was quite JSON
        yield from ((_part(key), item.replace('\\"', '"').replace("\\n", "\n")) for key, item in fields)
    else:
        lines = text.splitlines()
        last = max((n for n, line in enumerate(lines) if wording.FINAL.match(line)), default=0)
        if last:
            yield "reasoning", "\n".join(lines[:last])
        yield "answer", "\n".join(lines[last:])


def _part(field: str) -> Part:
    return "answer" if field in FIELDS else "reasoning"


def _prose(value: object) -> str:
    if isinstance(value, list):
        return "\n".join(map(_prose, value))
    if isinstance(value, dict):
        return "\n".join(map(_prose, value.values()))
    return str(value)
