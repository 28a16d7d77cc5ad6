"""Follow-up questions: "and in children?" made a question that needs no conversation."""

from __future__ import annotations

import re
from collections.abc import Sequence

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableConfig

from .aligning import content_words
from .drafting import Drafting
from .prompt import ABSTAIN, Turn, standalone_messages
from .reading import is_generative

TURNS = 6  # exchanges of a conversation that are looked at, the last ones
LONGEST = 500  # characters; a "question" longer than this is an answer
# Words that point back, and openings that leave the subject out. A question word is none: "How often should children
# see a dentist?" opens a new subject, and so do "Is there evidence that …" and "the treatment of …".
_POINTS_BACK = re.compile(
    r"\b(?:it|its|they|them|their|theirs|this|these|those|that (?:drug|treatment|study|trial|paper|dose|test|group|"
    r"patient|population)|he|him|his|she|her|hers|the same|instead|"
    r"the (?:drug|treatment|intervention|trial|study)(?! (?:of|for)\b)|"
    r"the (?:former|latter|(?:first|second)(?: one)?\W*$))(?!\w)|"
    r"^\s*(?:and|but|or|so|what|how) (?:about|if|in|for|with|when)\b|^\s*(?:and|but|or|also|then|compared with)\b|"
    r"^\s*(?:in|for|with|during|after)\b(?!.*\b(?:is|are|was|were|do|does|did|can|should|has|have|what|which|how)\b)",
    re.IGNORECASE,
)
_AN_ANSWER = re.compile(rf"^{ABSTAIN}|\[\d+\]|^\W*$", re.IGNORECASE)
# A question that has only such words says too little by itself: "Which dose was used in adolescents?"
_GENERAL = (
    "about action adolescent adult adverse age any available benefit best better change child children common "
    "compare contraindication control cost course decrease die differ dosage dose drug duration effect efficacy "
    "elderly event ever evidence exactly fall frequency frequent give given good great group happen harm help "
    "high improve increase infant know last level long low many mean mechanism medicine men monitor more "
    "mortality most much need new number often old other outcome patient people placebo possible pregnancy "
    "pregnant prevent recommend reduce reliable result risk role route safe safety severe sex show side start "
    "stop strong study survival take taken tell test therapy time tolerate treat treatment trial true use usual "
    "very well why women work worse year young"
)


def standalone_by_rule(question: str, history: Sequence[Turn]) -> str:
    """Return the previous question followed by this one, if this one points back or names no subject of its own.

    A rule for models that cannot rewrite. It finds no referents: it adds the last question's words to the search,
    and that question had its own predecessor's added if it needed them.
    """
    if not history or not (_POINTS_BACK.search(question) or content_words(question) <= content_words(_GENERAL)):
        return question
    before = standalone_by_rule(history[-1].question, history[:-1])
    return f"{before} {question}"


def make_standalone(
    question: str,
    history: Sequence[Turn],
    llm: BaseChatModel,
    *,
    out: Drafting,
    config: RunnableConfig | None = None,
) -> str:
    """Return a question that needs no history; `out` gets a note where the model's rewriting could not be used.

    A model that cannot write gets `standalone_by_rule`; so does a rewriting that is no one short line.
    """
    recent = [Turn(*turn) for turn in history][-TURNS:]
    if not recent:
        return question
    if not is_generative(llm):
        return standalone_by_rule(question, recent)
    said = out.read(llm.invoke(standalone_messages(question, recent), config=config)).strip()
    lines = [line.strip().strip('"“”') for line in said.splitlines() if line.strip()]
    if len(lines) == 1 and 3 <= len(lines[0]) <= LONGEST and not _AN_ANSWER.search(lines[0]):
        return re.sub(r"^(?:standalone |rewritten )?question:\s*", "", lines[0], flags=re.IGNORECASE)
    out.notes.append(
        "The model did not rewrite the follow-up question as one line; the previous question was added instead."
    )
    return standalone_by_rule(question, recent)
