"""Where an output says what its answer is: a JSON field, a box, or a sentence such as "the answer is …"."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

FIELDS = (
    "answer_choice",
    "final_answer",
    "correct_answer",
    "answer",
    "choice",
    "label",
    "prediction",
    "answers",
)
_FIELD = re.compile(r'"(?:' + "|".join(FIELDS) + r')"\s*:\s*(?:"((?:[^"\\\n]|\\.)*)"|([\w.+-]+)(?=\s*[,}]))')
_BOX = re.compile(r"\\boxed\{(?:\\text\{)?([^{}]*)\}")
_REST = r"[ \t]*(?=([^\n]{0,300}))"  # only looked at, so that a second such sentence in the line is found too
_FINAL = re.compile(r"final (?:answer|choice|decision)\W{0,4}(?: is|:|=)" + _REST, re.IGNORECASE)
_SENTENCE = re.compile(
    r"\b(?:answer|option|choice|diagnosis|decision)s?\W{0,4}"
    r"(?:(?: is| are| would be| should be| must be| has to be)\b:?|:|=)" + _REST,
    re.IGNORECASE,
)
_IS_CORRECT = re.compile(
    r"\b(?:option|choice|answer) (\(?[A-Z]\)?)"
    r"(?:(?!(?-i:\b[A-Z]\b)|\b(?:is|are|was|not|less|wrong|incorrect)\b)[^\n.]){0,20}? is"
    r" (?:the )?(?:most )?(?:correct|right|best|likely)\b(?!-| (?:to be )?(?:not|wrong|incorrect|false)\b)",
    re.IGNORECASE,
)  # nothing between that could speak of another option: "A is wrong because B is correct"
_THINK = re.compile(r"<(/?)think(?:ing)?>", re.IGNORECASE)


def without_thought(text: str) -> str:
    """Drop <think> blocks; one that never ends (the budget ran out) takes all that follows with it.

    What comes before an end without a beginning is thought too: some chat templates open the block.
    """
    kept: list[str] = []
    start, thinking = 0, False
    for tag in _THINK.finditer(text):
        if tag[1]:
            kept = kept if thinking else []
            start, thinking = tag.end(), False
        elif not thinking:
            kept.append(text[start : tag.start()])
            thinking = True
    return "".join(kept if thinking else [*kept, text[start:]]).strip()


def declarations(text: str) -> Iterator[list[str]]:
    """Yield groups of declared answers, the most explicit form first; the first that is not empty counts.

    Inside a group all must agree: a text that declares A and then B has not answered.
    """
    yield _distinct(_unescape(m[1]) if m[1] is not None else m[2] for m in _FIELD.finditer(text))
    yield _distinct(m[1] for m in _BOX.finditer(text))
    yield _distinct(m[1] for m in _FINAL.finditer(text))
    yield _distinct(m[1] for pattern in (_SENTENCE, _IS_CORRECT) for m in pattern.finditer(text))


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))  # a model caught in a loop says the same thing a thousand times


def json_value(text: str) -> Any:
    """Return the JSON object or list that the text is, or holds in one code fence; None if there is none."""
    fenced = re.findall(r"```(?:json)?\s*(.*?)```", text, re.DOTALL)
    candidate = (fenced[0] if len(fenced) == 1 else text).strip()
    if not candidate.startswith(("{", "[")):
        return None
    try:
        return json.loads(candidate)
    except (ValueError, RecursionError):  # "[[[[…" from a model caught in a loop
        return None


def _unescape(value: str) -> str:
    try:
        return str(json.loads(f'"{value}"'))
    except ValueError:
        return value  # models write \' and other escapes that JSON does not know
