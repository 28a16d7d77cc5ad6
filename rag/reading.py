"""The chat model `reader`: the small fine-tuned models of `finetuned`, asked through the same prompts as any other.

It reads each passage for the question and says yes, no or maybe, or chooses the option that the passages support. It
writes no text of its own: in the assistant's form it answers a question that asks whether something is so with the
verdict, which nothing verifies, and the sentence that by itself gives it the most of that verdict, verbatim. Without
passages it knows nothing and abstains.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, SimpleChatModel
from langchain_core.messages import BaseMessage

from .extractive import Extractive, choose_passages, rank_sentences
from .prompt import ABSTAIN, read_prompt

ABSTENTION = "The passages do not answer the question."
VERDICTS = {"yes": "yes", "no": "no", "maybe": "maybe"}
CANDIDATES = 5  # sentences of the abstract, those with most of the question, that are read one by one
# The auxiliary that opens a question, or its clause after "In adults with asthma, …", asks whether something is so.
_WHETHER = re.compile(
    r"(?:^|[,;:.?]\s+)(?:(?:and|but|or|so|then)\s+)?(?!(?:can|could|would|will|do) you\b)"
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|shall|should|will|would|may|might|must)(?:n't)?\s",
    re.IGNORECASE,
)
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

    def load(self) -> None:
        """Load what answering needs, which the first question does otherwise."""
        from finetuned.reader import load_reader
        from finetuned.verifier import load_verifier

        load_reader()
        load_verifier()

    def _call(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> str:
        content = str(messages[-1].content)
        if any("<question>" in str(message.content) for message in messages):
            return self._cited(messages)
        asked = _QUESTION.search(content)
        options = dict(_OPTION.findall(content[asked.end() :])) if asked else {}
        if asked is None or not options:
            return ABSTENTION
        chosen = choose_option(asked[1].strip(), options, _TEXT.findall(content[: asked.start()]))
        return ABSTENTION if chosen is None else f"Final answer: {chosen[0]}"

    def _cited(self, messages: Sequence[BaseMessage]) -> str:
        question, passages = read_prompt(messages)
        if not _WHETHER.search(question):
            return f"{ABSTAIN} The reader judges only questions that ask whether something is so: Does …? Is …?"
        # The reader hardly notices another drug's name: whether a paper is on the question, shared words tell better.
        speaking, _ = choose_passages(question, passages)
        chosen = choose_option(question, VERDICTS, [p.text for p in speaking])
        if chosen is None:
            return f"{ABSTAIN} The reader finds no answer in the passages."
        verdict, _, place = chosen
        best = speaking[place]
        sentences = [s.text for s in rank_sentences(question, best.text)[:CANDIDATES]]
        if not sentences:
            return f"{ABSTAIN} The reader finds no sentence that answers."
        from finetuned.reader import LABELS, load_reader

        scores = load_reader().scores([(question, sentence) for sentence in sentences])
        quoted = sentences[int(scores[:, LABELS.index(verdict)].argmax())]
        said = f"{verdict.capitalize()}, as the reader judges (unverified): {quoted}"  # a number here would fail checks
        return f'{said} [{best.pmid}]\n> {best.pmid}: "{quoted}"'


def is_generative(llm: BaseChatModel) -> bool:
    """Return whether a model writes text of its own: it can rewrite a question, ask for searches, mend a sentence."""
    return not isinstance(llm, Extractive | Reading)


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
