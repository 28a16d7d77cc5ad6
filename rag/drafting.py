"""Have a model write an answer, check it, have what failed written once more, and strike what still fails."""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.runnables import RunnableConfig

from .answer import Evidence, Sentence
from .context import Fitted
from .destination import client_of
from .errors import RagError
from .instructions import sign_of_instruction
from .prompt import (
    INSTRUCTIONS,
    STRUCTURED_INSTRUCTIONS,
    Draft,
    StructuredAnswer,
    build_messages,
    read_answer,
    read_retry,
    read_structured,
    retry_messages,
)
from .verification import verify_sentence

LEAK_WORDS = 8  # so many words in a row of our own prompt are a leak, not chance
REASON_LENGTH = 300
_PROMPTS = " ".join(re.findall(r"\w+", f"{INSTRUCTIONS} {STRUCTURED_INSTRUCTIONS}".lower()))
_PROMPTS = _PROMPTS.replace("the passages do not answer the question", "|")  # anyone may say that of their own accord
HIDDEN = "(a sentence that repeats the assistant's own instructions)"
NO_ANSWER = "The model says that the passages do not answer the question."


@dataclass(slots=True)
class Drafting:
    """What came of it; filled as it happens."""

    format: Literal["", "text", "structured"] = ""
    kept: list[Sentence] = field(default_factory=list)
    struck: list[Sentence] = field(default_factory=list)
    revised: list[Sentence] = field(default_factory=list)
    reason: str = ""
    calls: int = 0
    tokens: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    check_seconds: float = 0.0

    def read(self, message: BaseMessage) -> str:
        """Return what a model said, and count the call and its tokens."""
        self.calls += 1
        usage = message.usage_metadata if isinstance(message, AIMessage) else None
        if usage:
            for name, count in (("input", usage["input_tokens"]), ("output", usage["output_tokens"])):
                self.tokens[name] = self.tokens.get(name, 0) + count
        return str(message.text)


def supports_structure(llm: BaseChatModel) -> bool:
    """Return whether LangChain's profile of the model says that its provider enforces a given structure.

    A model behind a local server has no profile and gets the text format, unless one is told otherwise.
    """
    profile: Any = getattr(client_of(llm), "profile", None) or {}
    return bool(profile.get("structured_output"))


def write_answer(
    question: str,
    fitted: Fitted,
    llm: BaseChatModel,
    *,
    structured: bool,
    regenerate: bool,
    stream: bool,
    config: RunnableConfig | None,
    out: Drafting,
) -> Iterator[str]:
    """Fill `out`; yield the first draft's text piece by piece if `stream`. What is yielded is not yet checked."""
    out.format = "structured" if structured else "text"
    first = build_messages(question, fitted.evidence, texts=fitted.texts, structured=structured)
    if structured:
        written, drafts, reason = _structured(llm, first, fitted.evidence, config, out)
        if drafts is None:
            out.format = "text"
            first = build_messages(question, fitted.evidence, texts=fitted.texts)
    if out.format == "text":
        written = yield from _text(llm, first, config, out, stream)
        drafts, reason = read_answer(written, fitted.evidence)
    sentences = _checked(drafts or [], fitted.evidence, out)
    out.reason = _safe_reason(reason) if reason and not sentences else ""
    failed = [n for n, s in enumerate(sentences) if not s.checks.passed]
    if failed and regenerate:
        again = retry_messages(first, written, [sentences[n] for n in failed])
        held = {s.text for s in sentences if s.checks.passed}  # a model may repeat its whole answer
        second = read_retry(_second(llm, again, fitted.evidence, config, out), len(failed), held=held)
        rewritten = _checked(list(second.values()), fitted.evidence, out, attempt=2)
        for position, better in zip(second, rewritten, strict=True):
            old = sentences[failed[position]]
            if (better.text, better.quotes, better.citations) != (old.text, old.quotes, old.citations):
                out.revised.append(old)
                sentences[failed[position]] = better
    out.kept = [s for s in sentences if s.checks.passed]
    out.struck = [s for s in sentences if not s.checks.passed]


def _second(
    llm: BaseChatModel,
    messages: Sequence[BaseMessage],
    evidence: Sequence[Evidence],
    config: RunnableConfig | None,
    out: Drafting,
) -> list[Draft]:
    drafts: list[Draft] | None = None
    if out.format == "structured":
        _, drafts, _ = _structured(llm, messages, evidence, config, out)
    else:
        drafts, _ = read_answer(out.read(llm.invoke(list(messages), config=config)), evidence)
    return drafts or []


def _text(
    llm: BaseChatModel, messages: Sequence[BaseMessage], config: RunnableConfig | None, out: Drafting, stream: bool
) -> Generator[str, None, str]:
    if not stream:
        return out.read(llm.invoke(list(messages), config=config))
    whole: AIMessageChunk | None = None
    for chunk in llm.stream(list(messages), config=config):
        piece = chunk if isinstance(chunk, AIMessageChunk) else AIMessageChunk(content=chunk.content)
        whole = piece if whole is None else whole + piece
        if text := str(chunk.text):
            yield text
    return out.read(whole or AIMessageChunk(content=""))


def _structured(
    llm: BaseChatModel,
    messages: Sequence[BaseMessage],
    evidence: Sequence[Evidence],
    config: RunnableConfig | None,
    out: Drafting,
) -> tuple[str, list[Draft] | None, str | None]:
    """Return what was written, its drafts and reason; drafts are None if the structure was not kept to."""
    try:
        model = llm.with_structured_output(StructuredAnswer, include_raw=True)
        result: Any = model.invoke(list(messages), config=config)
    except RagError:
        raise
    except Exception as error:  # a client's own: the text that is asked for instead shows whether the server is up
        refusal = str(error).splitlines()[0] if str(error) else type(error).__name__
        out.notes.append(f"The model takes no structure ({refusal[:120]}); it was asked for text.")
        return "", None, None
    written = out.read(result["raw"])
    parsed = result["parsed"]
    if not isinstance(parsed, StructuredAnswer):
        why = str(result.get("parsing_error") or "no structure given").splitlines()[0]
        out.notes.append(f"The model did not keep to the structure ({why[:120]}); it was asked for text.")
        return written, None, None
    drafts, reason = read_structured(parsed, evidence)
    return written or parsed.model_dump_json(), drafts, reason


def _checked(
    drafts: Sequence[Draft], evidence: Sequence[Evidence], out: Drafting, *, attempt: int = 1
) -> list[Sentence]:
    started = time.perf_counter()
    sentences = [_check(draft, evidence, attempt=attempt) for draft in drafts]
    out.check_seconds += time.perf_counter() - started
    return sentences


def _check(draft: Draft, evidence: Sequence[Evidence], *, attempt: int) -> Sentence:
    sentence = verify_sentence(draft, evidence, attempt=attempt)
    if not repeats_prompt(draft.text) and not any(repeats_prompt(text) for _, text in draft.quotes):
        return sentence
    problems = ("repeats the assistant's own instructions; not shown",)
    return replace(sentence, text=HIDDEN, quotes=(), checks=replace(sentence.checks, cited=False, problems=problems))


def repeats_prompt(text: str) -> bool:
    """Return whether a text has `LEAK_WORDS` words in a row of our own prompt, or is a shorter part of it."""
    words = re.findall(r"\w+", text.lower())
    length = max(3, min(LEAK_WORDS, len(words)))
    runs = (" ".join(words[n : n + length]) for n in range(len(words) - length + 1))
    return any(f" {run} " in f" {_PROMPTS} " for run in runs)


def _safe_reason(reason: str) -> str:
    """Return why the model abstains, or a plain sentence where its words could be another's message or ours.

    A reason is free text that nothing verifies, so it must not carry the prompt, orders, links or a treatise.
    """
    strange = len(reason) > REASON_LENGTH or repeats_prompt(reason) or sign_of_instruction(reason)
    return NO_ANSWER if strange or "://" in reason else reason
