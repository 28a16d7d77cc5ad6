"""Server-sent events: what happens while a question is answered, for the page and for OpenAI's clients."""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

import orjson
from starlette.responses import StreamingResponse

from indexes.index import Index
from rag.answer import Answer, Sentence, checks_record
from rag.citing import bibtex, markdown, papers, ris
from rag.events import Checked, Event, Found, Withdrawn

from .problems import Problem, unexpected

log = logging.getLogger("clinrag.server")


def stream(events: AsyncIterator[bytes]) -> StreamingResponse:
    return StreamingResponse(_safely(events), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def page_event(step: Event | Answer, index: Index) -> bytes:
    """Return one event of `/api/ask`: found, sentence, withdrawn, or answer with its exports."""
    match step:
        case Found(evidence):
            return event({"evidence": [asdict(e) for e in evidence]}, name="found")
        case Checked(sentence):
            return event(_sentence(sentence), name="sentence")
        case Withdrawn(sentence):
            return event(_sentence(sentence), name="withdrawn")
        case Answer():
            return event({"answer": step.to_dict(), "exports": exports(step, index)}, name="answer")


def exports(answer: Answer, index: Index) -> dict[str, str]:
    """Return the answer as Markdown and its papers as BibTeX and RIS."""
    documents = [d for e in papers(answer) if (d := index.get(e.pmid))]
    return {"markdown": markdown(answer), "bibtex": bibtex(documents), "ris": ris(documents)}


def _sentence(sentence: Sentence) -> dict[str, Any]:
    return {**asdict(sentence), "checks": checks_record(sentence.checks)}


def event(data: dict[str, Any], *, name: str = "") -> bytes:
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + orjson.dumps(data) + b"\n\n"


async def _safely(events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Turn what goes wrong once the response has begun into a last event of the name `error`."""
    try:
        async for chunk in events:
            yield chunk
    except Problem as problem:
        yield event(problem.body(), name="error")
    except Exception as error:
        log_unexpected(error)
        yield event(unexpected(error).body(), name="error")


def log_unexpected(error: Exception) -> None:
    """Log kind and place without the message, which may quote a question."""
    log.error("unexpected %s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
