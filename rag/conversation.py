"""Follow-up questions: "and in children?" made a question that needs no conversation."""

from __future__ import annotations

import re
from collections.abc import Sequence

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableConfig

from indexes.lexical import STOP_WORDS

from .extractive import Extractive
from .prompt import ABSTAIN, Turn, standalone_messages
from .reading import Reading

TURNS = 6  # exchanges of a conversation that are looked at, the last ones
LONGEST = 500  # characters; a "question" longer than this is an answer
# Words that point back, and openings that leave the subject out. A question word is none: "How often should children
# see a dentist?" opens a new subject, and "Which dose?" is known by its few words.
_POINTS_BACK = re.compile(
    r"\b(?:it|its|they|them|their|theirs|this|these|those|that (?:drug|treatment|study|trial|paper|dose|test|group|"
    r"patient|population)|he|him|his|she|her|hers|the same|the (?:drug|treatment|intervention|trial|study|former|"
    r"latter|first|second)|such|one|ones|instead|there|else)\b|"
    r"^\s*(?:and|but|or|so|what|how) (?:about|if|in|for|with|when)\b|"
    r"^\s*(?:and|but|or|also|then|compared with)\b",
    re.IGNORECASE,
)
_AN_ANSWER = re.compile(rf"^{ABSTAIN}|\[\d+\]|^\W*$", re.IGNORECASE)
_FEW = 4  # content words; a question with fewer says too little by itself


def standalone_by_rule(question: str, history: Sequence[Turn]) -> str:
    """Return the previous question followed by this one, if this one points back or has few words of its own.

    A rule for models that cannot rewrite. It finds no referents: it adds the last question's words to the search,
    and that question had its own predecessor's added if it needed them.
    """
    words = [w for w in re.findall(r"\w+", question.lower()) if w not in STOP_WORDS]
    if not history or not (_POINTS_BACK.search(question) or len(words) < _FEW):
        return question
    before = standalone_by_rule(history[-1].question, history[:-1])
    return f"{before} {question}"


def make_standalone(
    question: str, history: Sequence[Turn], llm: BaseChatModel, *, config: RunnableConfig | None = None
) -> tuple[str, str]:
    """Return a question that needs no history, and a note where the model's rewriting could not be used.

    The extractive model, which cannot write, gets `standalone_by_rule`; so does a rewriting that is no one short line.
    """
    recent = [Turn(*turn) for turn in history][-TURNS:]
    if not recent:
        return question, ""
    if isinstance(llm, Extractive | Reading):
        return standalone_by_rule(question, recent), ""
    said = str(llm.invoke(standalone_messages(question, recent), config=config).text).strip()
    lines = [line.strip().strip('"“”') for line in said.splitlines() if line.strip()]
    if len(lines) == 1 and 3 <= len(lines[0]) <= LONGEST and not _AN_ANSWER.search(lines[0]):
        return re.sub(r"^(?:standalone |rewritten )?question:\s*", "", lines[0], flags=re.IGNORECASE), ""
    note = "The model did not rewrite the follow-up question as one line; the previous question was added instead."
    return standalone_by_rule(question, recent), note
