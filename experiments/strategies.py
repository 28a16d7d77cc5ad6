"""How a contender is asked: each strategy is a generator that yields rounds of prompts and receives the replies.

The runner advances the generators of many samples at once and puts all their prompts of one round into one batch.

direct            one call: question, options, and the form the answer must have
cot               one call: step by step first, then a last line "Final answer: …"
self-consistency  `calls` times cot (sampled), the answer most often given (Wang et al. 2023, arXiv:2203.11171)
loglikelihood     one call: the probabilities of the option letters after the prompt; nothing is generated
voc               Verification-of-Choice (AntGLM-Med, Li et al. 2023, arXiv:2312.01040): each option is assumed true and
                  argued for, one call each; then the arguments are checked against each other and one option chosen.
                  Calls left over from the budget repeat that last step, and the answer most often given counts.
rules             for the model `extractive` only: it quotes evidence, `rules.py` reads a verdict from the quotations
judged            for the model `extractive` only: the shipped reader (yes, no, maybe) or verifier (other options) reads
                  a verdict from the papers it quotes
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from . import rules
from .errors import ModelCallError
from .prompts import COT, PROMPT_TEXT, VOC_ARGUE, VOC_CHOOSE, prompt
from .records import Sample
from .scoring import read_answer
from .tasks.task import Kind, Task

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from rag.answer import Evidence


class Asked(NamedTuple):
    """One sample as a strategy sees it."""

    task: Task
    sample: Sample
    passages: tuple[Evidence, ...]
    calls: int


class Round(NamedTuple):
    """Prompts to be answered together; with `choices` their log-likelihoods are wanted, not a text."""

    prompts: list[list[BaseMessage]]
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """What came of a sample: the text that is scored, and what led to it."""

    output: str
    probabilities: dict[str, float] | None = None
    meta: dict[str, Any] = field(default_factory=dict)


Replies = list[Any]  # texts, or lists of log-likelihoods
Asking = Generator[Round, Replies, Said]


def direct(asked: Asked) -> Asking:
    replies = yield Round([prompt(asked.task, asked.sample, asked.passages)])
    return Said(replies[0])


def cot(asked: Asked) -> Asking:
    replies = yield Round([prompt(asked.task, asked.sample, asked.passages, ask=COT)])
    return Said(replies[0])


def self_consistency(asked: Asked) -> Asking:
    one = prompt(asked.task, asked.sample, asked.passages, ask=COT)
    replies = yield Round([one] * asked.calls)
    return vote(asked, replies)


def loglikelihood(asked: Asked) -> Asking:
    letters = tuple(asked.sample.options or {})
    replies = yield Round([prompt(asked.task, asked.sample, asked.passages)], letters)
    probabilities = softmax(dict(zip(letters, replies[0], strict=True)))
    return Said(max(probabilities, key=lambda letter: probabilities[letter]), probabilities)


def verification_of_choice(asked: Asked) -> Asking:
    options = asked.sample.options or {}
    last = asked.calls - len(options)
    if last < 1:
        raise ModelCallError(
            f"voc needs a call for each of the {len(options)} options and one to choose: "
            f"calls: {len(options) + 1} at least, not {asked.calls}"
        )
    ask = partial(prompt, asked.task, asked.sample, asked.passages)
    arguments = yield Round([ask(ask=VOC_ARGUE.format(letter=x, text=text)) for x, text in options.items()])
    listed = "\n\n".join(f"[For {x}]\n{a.strip()}" for x, a in zip(options, arguments, strict=True))
    replies = yield Round([ask(ask=VOC_CHOOSE.replace("{arguments}", listed))] * last)
    said = vote(asked, replies)
    return Said(said.output, said.probabilities, said.meta | {"arguments": list(arguments)})


def quoting(asked: Asked) -> Asking:
    from rag.prompt import build_messages

    replies = yield Round([build_messages(asked.sample.question, asked.passages)])
    return Said(rules.verdict(replies[0], asked.sample.options or {}))


def judging(asked: Asked) -> Asking:
    from rag.prompt import build_messages, read_answer
    from rag.reading import choose_option

    replies = yield Round([build_messages(asked.sample.question, asked.passages)])
    drafts, _ = read_answer(replies[0], asked.passages)
    quoted = {pmid for draft in drafts for pmid, _ in draft.quotes}
    texts = [e.shown_text for e in asked.passages if e.pmid in quoted]
    chosen = choose_option(asked.sample.question, asked.sample.options or {}, texts)
    return Said(f"{replies[0]}\n\nFinal answer: {rules.CANNOT_TELL if chosen is None else chosen[0]}")


def vote(asked: Asked, replies: Replies) -> Said:
    """Return the first reply whose answer was given most often; ties go to the one given first.

    Replies that cannot be read do not vote. The shares of the votes are the contender's confidence.
    """
    answers = [read_answer(asked.task, asked.sample, reply).value for reply in replies]
    votes = Counter(str(answer) for answer in answers if answer is not None)
    if not votes:
        return Said(replies[0], meta={"votes": {}, "replies": replies})
    winner = votes.most_common(1)[0][0]
    chosen = next(r for r, answer in zip(replies, answers, strict=True) if str(answer) == winner)
    shares = {letter: count / len(replies) for letter, count in votes.items()} if asked.sample.options else None
    if shares and (lost := 1 - sum(shares.values())) > 0:
        shares["no answer"] = lost  # so that a lone readable reply of five is 20 % sure, not 100 %
    return Said(chosen, shares if len(replies) > 1 else None, {"votes": dict(votes), "replies": replies})


def softmax(logs: dict[str, float]) -> dict[str, float]:
    """Return probabilities that sum to 1 over the letters."""
    import math

    top = max(logs.values())
    weights = {letter: math.exp(log - top) for letter, log in logs.items()}
    total = sum(weights.values())
    return {letter: weight / total for letter, weight in weights.items()}


@dataclass(frozen=True, slots=True)
class Strategy:
    """A way of asking. `spends`: it uses a budget of several calls in full. `prompts`: its texts, for fingerprints."""

    ask: Callable[[Asked], Asking]
    kinds: tuple[Kind, ...]
    prompts: tuple[str, ...] = ()
    least_calls: int = 1
    spends: bool = False
    temperature: float | None = None  # where answers must differ to be counted


STRATEGIES = {
    "direct": Strategy(direct, tuple(Kind)),
    "cot": Strategy(cot, (Kind.CHOICE, Kind.NUMBER), (COT,)),
    "self-consistency": Strategy(
        self_consistency, (Kind.CHOICE, Kind.NUMBER), (COT,), least_calls=2, spends=True, temperature=0.7
    ),
    "loglikelihood": Strategy(loglikelihood, (Kind.CHOICE,)),
    "voc": Strategy(
        verification_of_choice, (Kind.CHOICE,), (VOC_ARGUE, VOC_CHOOSE), least_calls=3, spends=True, temperature=0.7
    ),
    "rules": Strategy(quoting, (Kind.CHOICE,)),
    "judged": Strategy(judging, (Kind.CHOICE,)),
}


QUOTING = ("rules", "judged")  # what the model `extractive` goes with, and no other


def prompt_text(strategy: str) -> tuple[str, ...]:
    """Return every text a strategy's prompts are made of: a changed word is another contender."""
    if strategy in QUOTING:
        from rag import extractive
        from rag.prompt import INSTRUCTIONS

        names = ("ANSWER_FROM", "SAYING", "SUREST", "PASSAGES", "SENTENCES", "NEAR")
        own = rules.RULES_TEXT if strategy == "rules" else ()
        return (strategy, INSTRUCTIONS, *(str(getattr(extractive, name)) for name in names), *own)
    return (strategy, *PROMPT_TEXT, *STRATEGIES[strategy].prompts)
