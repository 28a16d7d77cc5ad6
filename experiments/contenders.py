"""A contender: a model, what it is given to read, and how it is asked, at a declared number of calls."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from .errors import ConfigError
from .records import fingerprint
from .tasks.task import Kind, Task

if TYPE_CHECKING:
    from indexes.filters import Filter
    from indexes.manifest import Manifest

Source = Literal["none", "rag", "oracle"]
BASELINES = ("baseline:majority", "baseline:random")  # no models: floors that a model has to beat


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What a contender reads beside the question. The query is the question only, never the options.

    none: nothing (closed book). rag: the k best of the index. oracle: the sample's own context, or else its gold
    abstracts out of the index: what perfect retrieval would give. `exclude_gold` keeps a sample's own gold abstracts
    out of `rag`, so that the answer must come from elsewhere.
    """

    source: Source = "none"
    k: int = 10
    mode: str = "hybrid"
    since: int | None = None
    until: int | None = None
    publication_types: tuple[str, ...] = ()
    exclude_gold: bool = False

    def where(self, gold: tuple[str, ...] = ()) -> Filter:
        """Return the search filter for a sample with these gold PMIDs."""
        from indexes.filters import Filter

        exclude = frozenset(gold) if self.exclude_gold else frozenset()
        return Filter(self.since, self.until, self.publication_types, exclude=exclude)

    @property
    def label(self) -> str:
        """Return a short name: closed-book, oracle, rag10, rag10-lexical-nogold …"""
        if self.source != "rag":
            return "closed-book" if self.source == "none" else "oracle"
        parts = [f"rag{self.k}"]
        parts += [self.mode] if self.mode != "hybrid" else []
        parts += [f"since{self.since}"] if self.since else []
        parts += [f"until{self.until}"] if self.until else []
        return "-".join([*parts, *(["nogold"] if self.exclude_gold else [])])


@dataclass(frozen=True, slots=True)
class Contender:
    """`calls` is the budget per sample, which self-consistency and VoC spend in full, so that equal budgets compare.

    `model` is any spec of `rag.load_llm`, or one of `BASELINES`. temperature, max_tokens: given to the model; None
    leaves its own default. `cutoff` (YYYY-MM): the last month of the model's knowledge, where it is known.
    """

    name: str
    model: str
    retrieval: Retrieval = Retrieval()
    strategy: str = "direct"
    calls: int = 1
    temperature: float | None = None
    max_tokens: int | None = None
    cutoff: str | None = None

    def needs_index(self, tasks: list[Task]) -> bool:
        """Tell whether its passages come out of an index, as far as tasks say; a single sample may lack a context."""
        source = self.retrieval.source
        return source == "rag" or (source == "oracle" and any(task.context == "none" for task in tasks))

    def entry(self, index: Manifest | None) -> dict[str, Any]:
        """Return what run.json says about it; `fingerprint` is the sha256 of all that can change its answers."""
        from .strategies import prompt_text
        from .weights import weights_identity

        content = asdict(self)
        content["retrieval"]["publication_types"] = list(self.retrieval.publication_types)
        identity = index_identity(index) if index is not None and self.retrieval.source != "none" else None
        settings = (self.model, self.calls, self.temperature, self.max_tokens)
        mark = fingerprint(settings, prompt_text(self.strategy), self._reads(), identity, *weights_identity(self.model))
        return {"fingerprint": mark, "kind": "run", "index": identity, **content}

    def _reads(self) -> Any:
        """Return what of the retrieval matters: settings of a search that is not made do not."""
        if self.retrieval.source == "rag":
            return asdict(self.retrieval)
        return "oracle, once" if self.retrieval.source == "oracle" else "none"  # once: a context given is not repeated


def index_identity(manifest: Manifest) -> dict[str, Any]:
    """Return what tells one index from another: its PMIDs, the text behind them, encoder and kind of search."""
    return {
        "pmid_sha256": manifest.pmid_sha256,
        "sources": fingerprint(sorted((s.sha256, s.damage) for s in manifest.sources)),
        "encoder": manifest.encoder.fingerprint,
        "faiss": str(manifest.faiss.get("factory", "")),
        "documents": manifest.documents,
    }


def check_fits(contender: Contender, task: Task) -> None:
    """Raise `ConfigError` if a contender cannot be asked a task this way; found out before anything runs."""
    from .strategies import STRATEGIES

    strategy = STRATEGIES[contender.strategy]
    if task.kind not in strategy.kinds:
        kinds = ", ".join(strategy.kinds)
        raise ConfigError(
            f"contender {contender.name!r}: strategy {contender.strategy} is for tasks of kind {kinds}, "
            f"and {task.name} is {task.kind}; use direct, or leave the task out"
        )
    if contender.model in BASELINES and task.kind != Kind.CHOICE:
        raise ConfigError(f"contender {contender.name!r}: a baseline needs options, and {task.name} has none")


def check_contender(contender: Contender) -> Contender:
    """Return the contender, or raise `ConfigError` for what no task could make work."""
    from .strategies import QUOTING, STRATEGIES

    where = f"contender {contender.name!r}"
    if contender.strategy not in STRATEGIES:
        raise ConfigError(f"{where}: no strategy {contender.strategy!r}; {nearest(contender.strategy, STRATEGIES)}")
    strategy = STRATEGIES[contender.strategy]
    if contender.calls < strategy.least_calls:
        raise ConfigError(
            f"{where}: calls is {contender.calls}, and {contender.strategy} needs at least {strategy.least_calls}"
        )
    if contender.calls > 1 and not strategy.spends:
        raise ConfigError(
            f"{where}: {contender.strategy} makes one call, so calls: {contender.calls} cannot be spent; "
            "use self-consistency or voc, or set calls: 1"
        )
    if (contender.model == "extractive") != (contender.strategy in QUOTING):
        raise ConfigError(
            f"{where}: the model extractive quotes sentences and takes no instructions: it goes with strategy rules or "
            "judged, and with no other; these go with it only"
        )
    if contender.model.startswith("baseline:"):
        if contender.model not in BASELINES:
            raise ConfigError(f"{where}: no {contender.model}; there are {', '.join(BASELINES)}")
        if contender.strategy != "direct" or contender.retrieval.source != "none":
            raise ConfigError(f"{where}: a baseline reads nothing: leave out retrieval and strategy")
    return contender


def nearest(word: str, known: Mapping[str, Any] | list[str] | tuple[str, ...]) -> str:
    """Return "did you mean …" or "there are …", for an error message."""
    near = difflib.get_close_matches(word, list(known), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
