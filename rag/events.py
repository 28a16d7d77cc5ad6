"""What happens while a question is answered, as it happens: the same for the terminal, the page and the API."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from indexes.filters import Filter

from .answer import Answer, Evidence, Sentence
from .assistant import Assistant
from .drafting import repeats_prompt
from .errors import RagError
from .prompt import Turn, read_answer
from .verification import verify_sentence


@dataclass(frozen=True, slots=True)
class Found:
    """Retrieval is done: this is what the model reads now."""

    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """A sentence has been through every check; show it as verified only if `sentence.checks.passed`."""

    sentence: Sentence


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A sentence told of before is not in the answer after all: its source was found, but not read by the model."""

    sentence: Sentence


Event = Found | Checked | Withdrawn


class StoppedError(RagError):
    """The one who asked does not wait for the answer any more."""

    def __init__(self) -> None:
        super().__init__("stopped before the answer was complete; ask again")


def answer(
    assistant: Assistant,
    question: str,
    *,
    where: Filter | None = None,
    history: Sequence[Turn | tuple[str, str]] = (),
    emit: Callable[[Event], None],
    stop: threading.Event | None = None,
) -> Answer:
    """Ask, and tell `emit` of each step; the answer returned is the record and may be relied on alone.

    A sentence is told of once it is whole and has passed every check, while a model that streams still writes the
    next. After one that failed all wait for the end: the model may mend it, and the order is the answer's.

    Raises:
        StoppedError: `stop` was set; noticed after retrieval and at each piece of a model that streams.
        RagError: the question is blank, or the model fails.
    """
    stop = stop or threading.Event()
    evidence: tuple[Evidence, ...] = ()
    told: list[Sentence] = []
    written = ""
    result: Answer | None = None
    for kind, value in assistant.events(question, where=where, history=history):
        if kind == "found":
            evidence = value
            emit(Found(evidence))
        elif kind == "text":
            written += value
            passed = _whole_and_passed(written, evidence) if "\n" in value else told
            for sentence in passed[len(told) :]:
                told.append(sentence)
                emit(Checked(sentence))
        elif kind == "answer":
            result = value
        if stop.is_set():
            raise StoppedError
    assert result is not None  # the last event has it
    for sentence in told:
        if sentence not in result.sentences:
            emit(Withdrawn(sentence))
    for sentence in (*result.sentences, *result.struck):
        if sentence not in told:
            emit(Checked(sentence))
    return result


def _whole_and_passed(written: str, evidence: Sequence[Evidence]) -> list[Sentence]:
    """Return the sentences a growing draft begins with; its last one may still get quotations."""
    drafts, _ = read_answer(written.rpartition("\n")[0], evidence)
    whole = (verify_sentence(d, evidence) for d in drafts[:-1] if not repeats_prompt(d.text))
    return list(takewhile(lambda sentence: sentence.checks.passed, whole))
