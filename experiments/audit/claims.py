"""An answer's claims: its declarative sentences, without what only introduces, plans, cites or chooses an option.

Rules, not a model. A claim is one sentence; what does not claim anything (a question, a plan, "the answer is A", a
refusal, a heading) is left out, and an answer of which nothing is left has no claims: that is undefined, never 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from experiments.answers.declared import FIELDS, json_value, without_thought
from experiments.answers.refusals import text_cannot_tell
from rag.mentions import find_mentions, without
from rag.sentences import split_sentences

from . import wording

Part = Literal["reasoning", "answer"]
FEWEST_WORDS = 3


@dataclass(frozen=True, slots=True)
class Claim:
    """`text` is what is claimed, `citations` the PMIDs it gives, `quotes` what it quotes: (PMID or "", words).

    It was read from [start, end) of block number `block` of the output (`blocks`).
    """

    text: str
    part: Part
    citations: tuple[str, ...] = ()
    quotes: tuple[tuple[str, str], ...] = ()
    block: int = 0
    start: int = 0
    end: int = 0


_STRING = re.compile(r'"(\w+)"\s*:\s*"((?:[^"\\]|\\.)*)', re.DOTALL)
_WORDS = re.compile(r"[“\"]([^”\"]{15,})[”\"]")


def extract_claims(output: str, *, shown: Sequence[str] = ()) -> tuple[Claim, ...]:
    """Return the claims of an output in order; none if it claims nothing.

    shown: PMIDs of the passages it was written from, which [1], [2] … then name. A quotation line (`> PMID: "…"`)
    belongs to the sentence before it.
    """
    found: list[Claim] = []
    for number, (part, text) in enumerate(blocks(output)):
        start = 0
        for line in text.splitlines(keepends=True):
            if quoted := wording.QUOTE_LINE.match(line.strip()):
                if found:
                    last = found[-1]
                    quotes = (*last.quotes, (quoted[1], quoted[2]))
                    found[-1] = replace(last, quotes=quotes, end=start + len(line.rstrip()))
            else:
                found += _line_claims(line, part, number, start, shown)
            start += len(line)
    return tuple(found)


def blocks(output: str) -> tuple[tuple[Part, str], ...]:
    """Return an output's texts. Thinking blocks are not shown to a reader and are left out.

    What stands in a JSON field that is no answer, or before a last "Final answer: …" line, is reasoning.
    """
    text = without_thought(output)
    value = json_value(text)
    if isinstance(value, dict):
        return tuple((_part(key), _prose(item)) for key, item in value.items())
    if text.startswith("{") and (fields := _STRING.findall(text)):  # JSON that was cut off, or never was quite JSON
        return tuple((_part(key), item.replace('\\"', '"').replace("\\n", "\n")) for key, item in fields)
    lines = text.splitlines()
    last = max((n for n, line in enumerate(lines) if wording.FINAL.match(line)), default=0)
    reasoning: tuple[tuple[Part, str], ...] = (("reasoning", "\n".join(lines[:last])),) if last else ()
    return (*reasoning, ("answer", "\n".join(lines[last:])))


def _line_claims(line: str, part: Part, block: int, offset: int, shown: Sequence[str]) -> Iterator[Claim]:
    mark = wording.LIST_MARK.match(line)
    body = line[mark.end() :] if mark else line
    if body.startswith("#"):
        return
    offset += len(line) - len(body)
    mentions = find_mentions(body, shown=shown)
    plain = wording.EMPTY.sub(lambda gap: " " * len(gap[0]), without(body, mentions))
    for start, end in _sentences(plain):
        sentence = plain[start:end].replace("**", "").replace("__", "")
        text = _assertion(sentence)
        if is_claim(sentence) and is_claim(text):
            cited = tuple(dict.fromkeys(m.target for m in mentions if m.form == "pmid" and start <= m.start < end))
            quotes = tuple(("", words) for words in _WORDS.findall(text))
            yield Claim(text, part, cited, quotes, block, offset + start, offset + end)


def _sentences(plain: str) -> list[tuple[int, int]]:
    """Return where a line's sentences stand, each with what was blanked after its full stop: citations."""
    spans = [(span.start, span.end) for span in split_sentences(plain) if any(c.isalnum() for c in span.text)]
    ends = [start for start, _ in spans[1:]] + [len(plain.rstrip("\n"))]
    return [(start, end) for (start, _), end in zip(spans, ends, strict=False)]


def is_claim(sentence: str) -> bool:
    """Tell whether a sentence says something about the world that evidence could speak to."""
    words = re.findall(r"[^\W\d_]{2,}", sentence)
    if len(words) < FEWEST_WORDS or sum(len(word) > 3 for word in words) < 2:  # "Yes, it does."
        return False
    if sentence.rstrip().endswith(("?", ":")):
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
    text = re.sub(r"\s+([.,;:])", r"\1", " ".join(text.split()))
    text = re.sub(r"\.[\s.]*$", ".", text)
    return text[:1].upper() + text[1:]


def _part(field: str) -> Part:
    return "answer" if field in FIELDS else "reasoning"


def _prose(value: object) -> str:
    if isinstance(value, list):
        return "\n".join(map(_prose, value))
    if isinstance(value, dict):
        return "\n".join(map(_prose, value.values()))
    return str(value)
