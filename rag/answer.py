"""The answer and its parts, as plain records."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from indexes.document import Notice

from .flags import FLAGS, Flag
from .instructions import blanked, left_out
from .sentences import Span

# What each sentence must pass, in the order that is shown.
CHECKS = ("cited", "citations_in_context", "quotes_verbatim", "numbers", "not_retracted", "direction")
NOT_CHECKED = "Not checked: whether they answer the question."
DISCLAIMER = "Research software, not medical advice."


@dataclass(frozen=True, slots=True)
class Quote:
    """A quoted span: `text` is the evidence's own [start:end], in characters; −1 where it was not found."""

    pmid: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage that was shown to the model. `text` is title and abstract; quotes count their offsets in it.

    `match` is how much of the question's words it has, the rare ones counting most (see `indexes.Hit`).
    `level` is the study's design (see `levels`); `instructions` are stretches of the text that give orders to its
    reader: they are shown to no model and cannot be quoted.
    """

    pmid: str
    title: str
    text: str
    year: int | None
    journal: str
    publication_types: tuple[str, ...]
    status: str
    score: float
    match: float
    date: str = ""
    level: str = ""
    notices: tuple[Notice, ...] = ()
    instructions: tuple[Quote, ...] = ()
    rerank_score: float | None = None

    @property
    def shown_text(self) -> str:
        """The text for a model: instructions replaced by a gap mark."""
        return left_out(self.text, self._spans)

    @property
    def quotable_text(self) -> str:
        """The text for checks: instructions unreadable, every other character where it stands in `text`."""
        return blanked(self.text, self._spans)

    @property
    def _spans(self) -> tuple[Span, ...]:
        return tuple(Span(q.text, q.start, q.end) for q in self.instructions)


@dataclass(frozen=True, slots=True)
class Checks:
    """What code found out about a sentence. All must hold for it to be shown as verified.

    `numbers` holds if each number in the sentence, with its unit, stands in a cited abstract or follows from it;
    `direction` if the sentence does not say the opposite of its source. `flags` are all findings, notes too, with
    their places in the sentence.
    """

    cited: bool
    citations_in_context: bool
    quotes_verbatim: bool
    numbers: bool
    not_retracted: bool
    direction: bool = True
    problems: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = ()

    @property
    def passed(self) -> bool:
        return all(getattr(self, name) for name in CHECKS)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of a sentence that passed: findings that are no errors."""
        return tuple(f"{FLAGS[f.kind].words} ({f.why})" for f in self.flags if f.severity != "error")


@dataclass(frozen=True, slots=True)
class Sentence:
    """`attempt` is 2 if the model wrote it after being told why its first version failed."""

    text: str
    citations: tuple[str, ...]
    quotes: tuple[Quote, ...]
    checks: Checks
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two papers on the question, one of which reports an effect where the other reports none, in these words."""

    effect: Quote
    no_effect: Quote


@dataclass(frozen=True, slots=True)
class Cut:
    """A passage that the context budget did not hold whole: `kept` of its `sentences` were shown; 0: left out."""

    pmid: str
    kept: int
    sentences: int


@dataclass(frozen=True, slots=True)
class Trace:
    """How an answer came about.

    `queries` are what was searched for, in order. `format` is what the model was asked for. `context_tokens` is the
    size of the first prompt, `context_limit` what the model can take (None: no limit), both in tokens counted by
    `counted_by`. `tokens` are the model's own counts where it gives them. `seconds` by stage.
    """

    queries: tuple[str, ...] = ()
    format: Literal["", "text", "structured"] = ""
    model_calls: int = 0
    context_tokens: int = 0
    context_limit: int | None = None
    counted_by: str = ""
    cut: tuple[Cut, ...] = ()
    tokens: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the assistant says. `struck` are sentences the model wrote that failed a check; they are not asserted.

    An abstention has no sentences; its `evidence` is the nearest that was found, its `reason` says why.
    `withheld` are retracted papers that would have been evidence. `revised` are first versions that failed and
    that the model replaced. `query` is the question as searched and answered: a follow-up question made standalone.
    `warnings` is what a reader must know beside the answer.
    """

    question: str
    outcome: Literal["answered", "abstained"]
    sentences: tuple[Sentence, ...]
    struck: tuple[Sentence, ...]
    evidence: tuple[Evidence, ...]
    withheld: tuple[Evidence, ...]
    reason: str
    model: str
    pmid_sha256: str
    seconds: float
    query: str = ""
    revised: tuple[Sentence, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    warnings: tuple[str, ...] = ()
    trace: Trace = Trace()

    @property
    def text(self) -> str:
        """The answer as prose with [PMID] marks."""
        if self.outcome == "abstained":
            return self.reason
        return " ".join(s.text + "".join(f" [{p}]" for p in s.citations) for s in self.sentences)

    @property
    def counts(self) -> dict[str, int]:
        """How many sentences were shown as verified, failed at first, were put right, and were struck."""
        return {
            "verified": len(self.sentences),
            "failed": sum(s.attempt == 1 for s in self.struck) + len(self.revised),
            "mended": sum(s.attempt == 2 for s in self.sentences),
            "struck": len(self.struck),
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON contract of `clinrag ask --json`."""
        return {
            "question": self.question,
            "query": self.query or self.question,
            "outcome": self.outcome,
            "sentences": [_sentence(s) for s in self.sentences],
            "struck": [_sentence(s) for s in self.struck],
            "revised": [_sentence(s) for s in self.revised],
            "counts": self.counts,
            "conflicts": [asdict(c) for c in self.conflicts],
            "warnings": list(self.warnings),
            "evidence": [asdict(e) for e in self.evidence],
            "withheld": [asdict(e) for e in self.withheld],
            "reason": self.reason,
            "model": self.model,
            "index": {"pmid_sha256": self.pmid_sha256},
            "seconds": self.seconds,
            "trace": asdict(self.trace),
            "notice": DISCLAIMER,
        }


def _sentence(sentence: Sentence) -> dict[str, Any]:
    record = asdict(sentence)
    record["checks"] = checks_record(sentence.checks)
    return record


def checks_record(checks: Checks) -> dict[str, Any]:
    """Return the checks as JSON has them: with `passed`, and each flag's severity and words."""
    flags = [{**asdict(f), "severity": f.severity, "words": FLAGS[f.kind].words} for f in checks.flags]
    return {**asdict(checks), "flags": flags, "passed": checks.passed}
