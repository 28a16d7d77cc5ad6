"""What the tests are made of: each question's gold, papers like it and papers on other things, from an index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from experiments.errors import ConfigError
from experiments.records import Sample
from experiments.tasks.task import Context, Kind, Task

from .conditions import Material, Shown

if TYPE_CHECKING:
    from indexes.document import Document
    from indexes.index import Index

NEAR = 4  # near misses beside gold, and papers on other things in its place
POOL = 100  # papers drawn from the index, of which the least fitting are shown as irrelevant
Report = Callable[[str, int, int], None]


def check_task(task: Task) -> None:
    """Raise `ConfigError` for a task whose questions cannot be stressed."""
    if task.kind != Kind.CHOICE:
        raise ConfigError(f"{task.name} is a task of kind {task.kind}: stress tests need options to tell right answers")
    if task.context == Context.GIVEN:
        raise ConfigError(
            f"{task.name}: its texts are part of the question, so no others can take their place; "
            "use a task that is answered from papers, such as evidence-inference or pubmedqa"
        )


def gather(index: Index, samples: Sequence[Sample], report: Report = lambda s, d, t: None) -> list[Material]:
    """Return material for every sample that has an answer and a gold passage, its own or in the index."""
    answerable = [(s, gold) for s in samples if s.answer is not None and (gold := _gold(index, s))]
    nears = []
    for done, (sample, gold) in enumerate(answerable, 1):
        nears.append(_near(index, sample, {*sample.gold_pmids, *(p.pmid for p in gold)}))
        report("looking for similar papers", done, len(answerable))
    pool = [Shown(d.pmid, d.text) for d in draw_documents(index, POOL) if d.status != "retracted"]
    return [
        Material(sample, gold, near, _far(index, sample, pool))
        for (sample, gold), near in zip(answerable, nears, strict=True)
    ]


def draw_documents(index: Index, count: int) -> list[Document]:
    """Return documents drawn at random, always the same of the same index."""
    import numpy as np

    drawn = np.random.default_rng(0).choice(index.pmids, min(count, len(index)), replace=False)
    return [document for pmid in drawn.tolist() if (document := index.get(str(pmid))) is not None]


def _gold(index: Index, sample: Sample) -> tuple[Shown, ...]:
    if sample.context:  # ids that are no PMIDs are numbered, since citations are digits
        named = [(p.id if p.id.isdigit() else str(n), p.text) for n, p in enumerate(sample.context, 1)]
    else:
        documents = [d for pmid in sample.gold_pmids if (d := index.get(pmid)) is not None and d.status != "retracted"]
        named = [(d.pmid, d.text) for d in documents]
    match = _match(index, sample, [pmid for pmid, _ in named])
    return tuple(Shown(pmid, text, match.get(pmid, 1.0)) for pmid, text in named)


def _near(index: Index, sample: Sample, gold: set[str]) -> tuple[Shown, ...]:
    from indexes.filters import Filter

    hits = index.search(sample.question, NEAR, where=Filter(exclude=frozenset(gold)))
    return tuple(Shown(hit.pmid, hit.document.text, hit.match) for hit in hits)


def _far(index: Index, sample: Sample, pool: Sequence[Shown]) -> tuple[Shown, ...]:
    """Return the papers of the pool that cover least of the question."""
    others = [shown for shown in pool if shown.pmid not in sample.gold_pmids]
    match = _match(index, sample, [shown.pmid for shown in others])
    least = sorted(others, key=lambda shown: (match[shown.pmid], shown.pmid))[:NEAR]
    return tuple(shown._replace(match=match[shown.pmid]) for shown in least)


def _match(index: Index, sample: Sample, pmids: Sequence[str]) -> dict[str, float]:
    """Return the `match` of those of the PMIDs that the index has."""
    import numpy as np

    known = sorted({int(pmid) for pmid in pmids if index.get(pmid) is not None})
    found = index.match(sample.question, np.array(known, np.int64))
    return {str(pmid): float(value) for pmid, value in zip(known, found.tolist(), strict=True)}
