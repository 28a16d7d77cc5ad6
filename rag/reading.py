"""The chat model `reader`: the small fine-tuned models of `finetuned`, asked through the same prompts as any other.

It reads each passage for the question and says yes, no or maybe, or chooses the option that the passages support. It
writes no text of its own: in the assistant's form it answers with the verdict and the sentence it rests on, verbatim.
Without passages it knows nothing and abstains.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import SimpleChatModel
from langchain_core.messages import BaseMessage

from .extractive import best_sentences, choose_passages
from .prompt import ABSTAIN, read_prompt

ABSTENTION = "The passages do not answer the question."
_TEXT = re.compile(r"<(?:passage|text)\b[^>]*>\n(.*?)\n</(?:passage|text)>", re.DOTALL)
_QUESTION = re.compile(r"^Question: (.*?)(?=\n\nOptions:\n|\n\n|\Z)", re.DOTALL | re.MULTILINE)
_OPTION = re.compile(r"^([A-Z])\. (.+)$", re.MULTILINE)


class Reading(SimpleChatModel):
    """Answers by `finetuned`'s reader (yes, no, maybe) and verifier (other options); loaded with the first question."""

    @property
    def model_name(self) -> str:
        return "reader"

    @property
    def _llm_type(self) -> str:
        return "reader"

    def _call(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> str:
        content = str(messages[-1].content)
        if "<question>" in content:
            return self._cited(messages)
        asked = _QUESTION.search(content)
        options = dict(_OPTION.findall(content[asked.end() :])) if asked else {}
        if asked is None or not options:
            return ABSTENTION
        chosen = choose_option(asked[1].strip(), options, _TEXT.findall(content[: asked.start()]))
        return ABSTENTION if chosen is None else f"Final answer: {chosen[0]}"

    def _cited(self, messages: Sequence[BaseMessage]) -> str:
        question, passages = read_prompt(messages)
        # The reader hardly notices another drug's name: whether a paper is on the question, shared words tell better.
        speaking, _ = choose_passages(question, passages)
        chosen = choose_option(question, {"yes": "yes", "no": "no", "maybe": "maybe"}, [p.text for p in speaking])
        if chosen is None:
            return f"{ABSTAIN} The reader finds no answer in the passages."
        verdict, _, place = chosen
        best = speaking[place]
        quoted = best_sentences(question, best.text, 1)
        if not quoted:
            return f"{ABSTAIN} The reader finds no sentence that answers."
        said = f"{verdict.capitalize()}, as the reader judges: {quoted[0].text}"  # a number here would fail the checks
        return f'{said} [{best.pmid}]\n> {best.pmid}: "{quoted[0].text}"'


def choose_option(question: str, options: dict[str, str], texts: Sequence[str]) -> tuple[str, float, int] | None:
    """Return the best option's letter, its probability, and which text says most; None if none says anything.

    A text counts the more, the more surely it says something.
    """
    if not texts:
        return None
    named = {" ".join(text.casefold().split()): letter for letter, text in options.items()}
    if {"yes", "no"} <= set(named) <= {"yes", "no", "maybe"}:
        from finetuned.reader import LABELS, load_reader

        scores = load_reader().scores([(question, text) for text in texts])
        letters = [letter for letter in (named.get(label) for label in LABELS[:3]) if letter]
        known, silent = scores[:, : len(letters)], scores[:, 3]
    else:
        from finetuned.verifier import load_verifier

        letters = list(options)
        pairs = [(f"{question.rstrip('?')}: {options[letter]}", text) for text in texts for letter in letters]
        scores = load_verifier().scores(pairs).reshape(len(texts), len(letters), 3)
        known, silent = scores[:, :, 0], scores[:, :, 2].min(axis=1)
    weight = (1 - silent) ** 2
    if silent.min() > 0.5:
        return None
    known = known / np.maximum(known.sum(axis=1, keepdims=True), 1e-9)
    joined = (weight[:, None] * known).sum(axis=0) / weight.sum()
    best = int(joined.argmax())
    return letters[best], float(joined[best]), int((weight * known[:, best]).argmax())
