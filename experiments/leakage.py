"""Has a contender met these samples before? Looked for in the index, in training data, and by date.

gold abstract in the index     retrieval can find the paper the question was made from (meant so, unless excluded)
near-duplicate in the index    at least half of a question's 8-grams stand in one abstract
answer's text in the index     at least half of the 8-grams of the sample's own explanation stand in a gold abstract
                               (PubMedQA's contexts leave the conclusion out, which is the answer; abstracts hold it)
in the training data           the rules of `clinrag train decontaminate` would remove a training row for it
dates                          of the gold papers, set against a model's cutoff by the report

RUN/leakage.json keeps what was found; it is made again when samples, index or training files change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import RecordsError
from .lines import read_document, write_document
from .records import Sample, fingerprint

if TYPE_CHECKING:
    from indexes.document import Document

    from .config import Config

N, SHARE = 8, 0.5
GOLD, NEAR, TRAINED = "gold abstract in the index", "near-duplicate in the index", "in the training data"
ANSWER = "answer's text in the index"
IN_INDEX = (GOLD, NEAR, ANSWER)  # these concern contenders that search the index, the others all models
EVERY = 2000


def check_leakage(
    run: Path,
    config: Config,
    samples: dict[str, list[Sample]],
    *,
    report: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> dict[str, Any]:
    """Look for every sample in the index and the training files; write and return RUN/leakage.json."""
    from indexes.index import Index

    from .contenders import index_identity

    path = run / "leakage.json"
    assert config.index is not None  # the caller saw to it
    with Index(config.index) as index:
        files = [hashlib.sha256(file.read_bytes()).hexdigest() for file in config.training]
        key = fingerprint("2", index_identity(index.manifest), samples, files)
        if (known := _kept(run)) is not None and known["key"] == key:
            return known
        every = [(task, sample) for task, listed in samples.items() for sample in listed]
        golds = {pmid: index.get(pmid) for _, sample in every for pmid in sample.gold_pmids}
        documents = _documents(config.index, index.manifest.generation)
        near = near_duplicates([s.question for _, s in every], documents, total=len(index), report=report)
    trained = in_training(samples, config.training)
    tasks = {}
    for name, listed in samples.items():
        places = [place for place, (task, _) in enumerate(every) if task == name]
        exposed = {
            GOLD: [s.id for s in listed if any(golds[pmid] is not None for pmid in s.gold_pmids)],
            NEAR: [every[place][1].id for place in places if place in near],
        }
        if any(s.meta.get("long_answer") for s in listed):
            exposed[ANSWER] = [s.id for s in listed if _holds_answer(s, golds)]
        if config.training:
            exposed[TRAINED] = sorted(trained[name])
        tasks[name] = {
            "exposed": exposed,
            "nearest": {every[place][1].id: near[place] for place in places if place in near},
            "dates": {s.id: date for s in listed if (date := _date(s, golds))},
            "summary": {kind: len(ids) for kind, ids in exposed.items()} | {"n": len(listed)},
        }
    result = {"key": key, "ngram": N, "share": SHARE, "tasks": tasks}
    write_document(path, result)
    return result


def read_leakage(run: Path) -> dict[str, Any] | None:
    """Return what RUN/leakage.json holds; None if there is none.

    Raises:
        RecordsError: it is damaged.
    """
    path = run / "leakage.json"
    return read_document(path, "run `experiment run` again, which makes it anew") if path.is_file() else None


def _kept(run: Path) -> dict[str, Any] | None:
    """Return what was found earlier; what is damaged is found anew."""
    try:
        return read_leakage(run)
    except RecordsError:
        return None


def near_duplicates(
    questions: Sequence[str],
    documents: Iterable[Document],
    *,
    total: int = 0,
    report: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> dict[int, list[Any]]:
    """Return the questions of whose 8-grams at least half stand in one document: place → [PMID, share].

    Exact n-grams, no hashing. Questions of fewer than 8 words have none and cannot be found this way.
    """
    from finetuned.overlap import OverlapIndex

    index = OverlapIndex.build(questions, n=N)
    found: dict[int, list[Any]] = {}
    for done, document in enumerate(documents, 1):
        for overlap in index.coverage(document.text, at_least=SHARE):
            if overlap.text not in found or overlap.share > found[overlap.text][1]:
                found[overlap.text] = [document.pmid, round(overlap.share, 3)]
        if done % EVERY == 0:
            report("looking for the samples in the index", done, total)
    return found


def in_training(samples: dict[str, list[Sample]], files: Sequence[Path]) -> dict[str, set[str]]:
    """Return the ids of samples for which decontamination would remove a training row, by task."""
    found: dict[str, set[str]] = {task: set() for task in samples}
    if not files:
        return found
    from finetuned.corpora import TaskItem, read_rows, training_rows
    from finetuned.decontaminate import Screen

    items = {
        task: [
            TaskItem(
                s.id,
                s.question,
                tuple((s.options or {}).values()),
                "\n".join(p.text for p in s.context),
                frozenset(s.gold_pmids),
            )
            for s in listed
        ]
        for task, listed in samples.items()
    }
    screen = Screen(items)
    for file in files:
        for row in training_rows(read_rows(file), file):
            for place, finding in screen.check(row).items():
                if finding.verdict == "remove":
                    task, item = screen.items[place]
                    found[task].add(item.id)
    return found


def _documents(index: Path, generation: str) -> Iterable[Document]:
    from indexes.store import Store

    return Store(index / "generations" / generation / "documents.sqlite")


def _holds_answer(sample: Sample, golds: dict[str, Document | None]) -> bool:
    from finetuned.overlap import shared_ngrams, tokenise

    answer = tokenise(str(sample.meta.get("long_answer", "")))
    texts = [document.text for pmid in sample.gold_pmids if (document := golds[pmid]) is not None]
    return any(shared_ngrams(answer, tokenise(text), n=N) >= SHARE for text in texts)


def _date(sample: Sample, golds: dict[str, Document | None]) -> str:
    """Return the newest date of a sample's gold papers, as far as it is known."""
    dates = [document.date for pmid in sample.gold_pmids if (document := golds[pmid]) is not None and document.date]
    return max(dates, default=str(sample.meta.get("year") or ""))
