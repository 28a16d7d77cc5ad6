"""Question → evidence → draft → checked answer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableConfig

from indexes.filters import Filter, Mode
from indexes.index import Index

from .answer import Answer, Evidence, Trace
from .caveats import collect_caveats
from .conflicts import find_conflicts
from .context import fit_passages
from .conversation import make_standalone
from .drafting import Drafting, supports_structure, write_answer
from .errors import RagError
from .gathering import gather
from .llm import load_llm, model_name
from .privacy import check_private
from .prompt import Turn
from .reading import is_generative
from .reranking import Reranker
from .retriever import PubMedRetriever, to_evidence, to_passage

NOTHING_PASSED = "Nothing that the model wrote passed the checks."
NO_ROOM = "No passage fits into what the model can read; give it more: context_tokens."
NO_PAPER = "The index has no paper that the filters admit."


class Event(NamedTuple):
    """A step of answering: `found` (evidence), `text` (a piece of the unchecked draft), or `answer`, the last."""

    kind: str
    value: Any


class _Found(NamedTuple):
    retriever: PubMedRetriever
    evidence: tuple[Evidence, ...]
    withheld: tuple[Evidence, ...]


@dataclass(slots=True)
class _Clock:
    seconds: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)
    since: float = field(default_factory=time.perf_counter)

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self.since
        self.since = now


class Assistant(Runnable[str, Answer]):
    """A LangChain runnable, question in, checked `Answer` out.

    Retracted papers are not evidence unless `where` admits them; those that would have been are in `withheld`.

    Args:
        index: an open index, or its directory.
        as_of: answer from the literature as it stood then: "YYYY", "YYYY-MM" or "YYYY-MM-DD".
        reranker: reorders the best 50 before the `k` best are read; see `load_reranker`.
        rounds: how many times the model may ask for further searches first; 0: never.
        structured: ask for JSON; None: if the model's profile says that its provider enforces a structure.
        regenerate: have sentences that fail a check written once more before they are struck.
        context_tokens: what the model reads and writes at once, if it does not say so itself.
        allow_phi: send questions to a remote model even if they may identify a patient.
    """

    def __init__(
        self,
        index: Index | Path | str,
        llm: BaseChatModel | str = "extractive",
        *,
        k: int = 10,
        mode: Mode = "hybrid",
        where: Filter = Filter(),
        as_of: str | None = None,
        reranker: Reranker | None = None,
        rounds: int = 0,
        structured: bool | None = None,
        regenerate: bool = True,
        context_tokens: int | None = None,
        allow_phi: bool = False,
    ):
        self.llm = load_llm(llm) if isinstance(llm, str) else llm
        options: Any = {"index": index}  # a directory is opened by the retriever's validator
        self.retriever = PubMedRetriever(**options, k=k, mode=mode, where=where, as_of=as_of, reranker=reranker)
        self.rounds = rounds
        self.structured = supports_structure(self.llm) if structured is None else structured
        self.regenerate = regenerate
        self.context_tokens = context_tokens
        self.allow_phi = allow_phi

    def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> Answer:
        return self.ask(input, config=config)

    def ask(
        self,
        question: str,
        *,
        where: Filter | None = None,
        history: Sequence[Turn | tuple[str, str]] = (),
        config: RunnableConfig | None = None,
    ) -> Answer:
        """Answer a question from the index.

        Args:
            history: the conversation so far as (question, answer) pairs, oldest first.

        Raises:
            RagError: the question is blank, or the model fails.
            PrivateQuestionError: it may identify a patient and the model is on another machine.
        """
        *_, last = self._run(question, where, history, config, stream=False)
        answer: Answer = last.value
        return answer

    def events(
        self,
        question: str,
        *,
        where: Filter | None = None,
        history: Sequence[Turn | tuple[str, str]] = (),
        config: RunnableConfig | None = None,
    ) -> Iterator[Event]:
        """Answer as `ask` does, step by step; the last event has the same answer. The draft's text is unchecked."""
        return self._run(question, where, history, config, stream=True)

    def _run(
        self,
        asked: str,
        where: Filter | None,
        history: Sequence[Turn | tuple[str, str]],
        config: RunnableConfig | None,
        *,
        stream: bool,
    ) -> Iterator[Event]:
        asked = asked.strip()
        if not asked:
            raise RagError('the question is empty: clinrag ask DIR "your question"')
        turns = [Turn(*turn) for turn in history]
        if not self.allow_phi:
            check_private((asked, *(text for turn in turns for text in turn)), self.llm)
        clock = _Clock()
        out = Drafting()
        question = make_standalone(asked, turns, self.llm, out=out, config=config)
        clock.lap("rewriting")
        found = self._find(question, where, config)
        clock.lap("retrieval")
        evidence, queries = gather(
            question,
            found.evidence,
            found.retriever,
            self.llm,
            rounds=self.rounds,
            out=out,
            window=self.context_tokens,
            config=config,
        )
        clock.lap("further searches")
        yield Event("found", evidence)
        fitted = fit_passages(question, evidence, self.llm, window=self.context_tokens, structured=self.structured)
        clock.lap("context")
        if fitted.evidence:
            draft = write_answer(
                question,
                fitted,
                self.llm,
                structured=self.structured,
                regenerate=self.regenerate and is_generative(self.llm),
                stream=stream,
                config=config,
                out=out,
            )
            for piece in draft:
                yield Event("text", piece)
        else:
            out.reason = NO_ROOM if evidence else NO_PAPER
        clock.lap("model")
        clock.seconds["model"] -= out.check_seconds
        clock.seconds["checks"] = out.check_seconds
        conflicts = find_conflicts(question, evidence, out.kept)
        clock.lap("checks")
        trace = Trace(
            queries=(question, *queries),
            format=out.format,
            model_calls=out.calls,
            context_tokens=fitted.tokens,
            context_limit=fitted.limit,
            counted_by=fitted.counted_by,
            cut=fitted.cut,
            tokens=out.tokens,
            seconds=clock.seconds,
        )
        caveats = collect_caveats(evidence, out.kept, withheld=found.withheld, conflicts=conflicts, cut=fitted.cut)
        answer = Answer(
            question=asked,
            outcome="answered" if out.kept else "abstained",
            sentences=tuple(out.kept),
            struck=tuple(out.struck),
            evidence=evidence,
            withheld=found.withheld,
            reason="" if out.kept else out.reason or NOTHING_PASSED,
            model=model_name(self.llm),
            pmid_sha256=found.retriever.index.manifest.pmid_sha256,
            seconds=time.perf_counter() - clock.started,
            query=question,
            revised=tuple(out.revised),
            conflicts=conflicts,
            warnings=(*caveats, *out.notes),
            trace=trace,
        )
        yield Event("answer", answer)

    def _find(self, question: str, where: Filter | None, config: RunnableConfig | None) -> _Found:
        retriever = self.retriever if where is None else self.retriever.model_copy(update={"where": where})
        evidence = tuple(to_evidence(p) for p in retriever.invoke(question, config=config))
        retracted = retriever.retracted(question, {e.pmid for e in evidence})
        return _Found(retriever, evidence, tuple(to_evidence(to_passage(hit)) for hit in retracted))
