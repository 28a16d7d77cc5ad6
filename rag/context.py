"""Fit the passages into what a model can read, and record what did not fit."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.base import BaseLanguageModel

from .answer import Cut, Evidence
from .destination import client_of
from .extractive import rank_sentences
from .instructions import GAP
from .prompt import build_messages, passage_block
from .reading import is_generative
from .scripted import Scripted
from .sentences import Span

DEFAULT_WINDOW = 8192  # tokens, where a model does not say what it takes
ANSWER_TOKENS = 1024  # kept free for the answer
RETRY_TOKENS = 1536  # and for a second attempt, which repeats the first
MESSAGE_TOKENS = 16  # what a chat template adds per message, at most
# 98 % of 2,000 abstracts have 3.1 to 5.7 UTF-8 bytes a token with MiniLM's tokenizer (30,522 pieces), 0.4 % have fewer
# than 2.8: the estimate is above the truth nearly always, and larger vocabularies need fewer tokens still.
BYTES_PER_TOKEN = 2.8

OWN_TOKENIZER = "the model's tokenizer"
Counter = Callable[[str], int]


class Fitted(NamedTuple):
    """The evidence that is shown, by PMID the text of passages that were cut, and an account of it all."""

    evidence: tuple[Evidence, ...]
    texts: dict[str, str]
    cut: tuple[Cut, ...]
    tokens: int
    limit: int | None
    counted_by: str


def estimate_tokens(text: str) -> int:
    """Return a number of tokens that most tokenizers do not exceed."""
    return math.ceil(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN)


def context_window(llm: BaseChatModel) -> int | None:
    """Return how many tokens a model reads and writes at once; None if there is no limit.

    A model says so itself: our local ones by `context_tokens`, others by LangChain's `profile`, Ollama's `num_ctx` or
    llama.cpp's `n_ctx`.
    """
    if not is_generative(llm) or isinstance(llm, Scripted):
        return None
    llm = client_of(llm)
    profile: Any = getattr(llm, "profile", None) or {}
    said = [getattr(llm, "context_tokens", None), profile.get("max_input_tokens")]
    said += [getattr(llm, name, None) for name in ("num_ctx", "n_ctx")]
    return next((int(n) for n in said if isinstance(n, int) and n > 0), DEFAULT_WINDOW)


def token_counter(llm: BaseChatModel) -> tuple[Counter, str]:
    """Return how to count tokens, and its name: the model's own tokenizer, else `estimate_tokens`.

    LangChain's default counter is GPT-2's, downloaded from a hub; it is nobody's here and is not used.
    """
    llm = client_of(llm)
    kind = type(llm)
    own = (
        llm.custom_get_token_ids is not None
        or kind.get_token_ids is not BaseLanguageModel.get_token_ids
        or kind.get_num_tokens is not BaseLanguageModel.get_num_tokens
    )
    if own:
        try:
            llm.get_num_tokens("a")
        except Exception:  # a tokenizer that must be downloaded first, a server that is down: any error means no count
            return estimate_tokens, "estimate (the model's tokenizer does not work)"
        return llm.get_num_tokens, OWN_TOKENIZER
    return estimate_tokens, "estimate"


def fit_passages(
    question: str,
    evidence: Sequence[Evidence],
    llm: BaseChatModel,
    *,
    window: int | None = None,
    structured: bool = False,
) -> Fitted:
    """Choose what of each passage is shown, best passages first, so that prompt, answer and a retry fit.

    A passage that does not fit whole keeps its title and the sentences that speak most to the question, whole
    sentences in their order with a gap mark between; one of which no sentence fits is left out. Both are in `cut`.
    """
    limit = window or context_window(llm)
    if limit is None:
        return Fitted(tuple(evidence), {}, (), 0, None, "")
    count, name = token_counter(llm)
    frame = build_messages(question, (), structured=structured)
    used = sum(count(str(m.content)) + MESSAGE_TOKENS for m in frame)
    reserve = ANSWER_TOKENS + RETRY_TOKENS
    room = limit - reserve if limit >= 2 * reserve else limit // 2
    shown, texts, cut = [], {}, []
    for passage in evidence:
        whole = count(passage_block(passage, passage.shown_text)) + 2
        if used + whole <= room:
            shown.append(passage)
            used += whole
            continue
        text, kept, sentences, cost = _cut(question, passage, room - used, count)
        cut.append(Cut(passage.pmid, kept, sentences))
        if kept:
            shown.append(passage)
            texts[passage.pmid] = text
            used += cost
    return Fitted(tuple(shown), texts, tuple(cut), used, limit, name)


def _cut(question: str, passage: Evidence, room: int, count: Counter) -> tuple[str, int, int, int]:
    """Return the shortened text, how many sentences of how many it has, and its cost in tokens."""
    first, newline, _ = passage.shown_text.partition("\n")
    title = first if newline else ""
    ranked = rank_sentences(question, passage.shown_text)
    ordered = sorted(ranked, key=lambda s: s.start)
    chosen: list[int] = []
    text, cost = "", 0
    for sentence in ranked:
        trial = sorted([*chosen, ordered.index(sentence)])
        candidate = _joined(title, ordered, trial)
        needed = count(passage_block(passage, candidate)) + 2
        if needed <= room:
            chosen, text, cost = trial, candidate, needed
    return text, len(chosen), len(ordered), cost


def _joined(title: str, sentences: Sequence[Span], chosen: Sequence[int]) -> str:
    text = title
    for previous, position in zip([-1, *chosen], chosen, strict=False):
        text += ("\n" if previous < 0 else " ") if position == previous + 1 else f"\n{GAP}\n"
        text += sentences[position].text
    return text.strip() + ("" if chosen and chosen[-1] == len(sentences) - 1 else f"\n{GAP}")
