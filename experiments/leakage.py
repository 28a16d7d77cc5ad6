"""Has a contender met these samples before? Looked for in the index, in training data, and by date.

gold abstract in the index     retrieval can find the paper the question was made from (meant so, unless excluded)
near-duplicate in the index    at least half of a question's 8-grams stand in one abstract
answer's text in the index     at least half of the 8-grams of the sample's own explanation stand in a gold abstract
                               (PubMedQA's contexts leave the conclusion out, which is the answer; abstracts hold it)
in the training data           the rules of `clinrag train decontaminate` would remove a training row for it
dates                          of the gold papers, set against a model's cutoff by the report

RUN/leakage.json keeps what was found, and for which samples and index; it is made again when samples, index or training
files change, before any model is asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
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
    """Look for every sample in the index and the training files, as far as there are any; write RUN/leakage.json.

    `checked` in it are the samples' hashes and `index` is the index: of others it says nothing.
    """
    from indexes.index import Index

    from .contenders import index_identity

    files = [hashlib.sha256(file.read_bytes()).hexdigest() for file in config.training]
    every = [(task, sample) for task, listed in samples.items() for sample in listed]
    with Index(config.index) if config.index is not None else nullcontext() as index:
        identity = None if index is None else index_identity(index.manifest)
        key = fingerprint("3", identity, samples, files)
        if (known := _kept(run)) is not None and known["key"] == key:
            return known
        golds: dict[str, Document | None] = {}
        near: dict[int, list[Any]] = {}
        if index is not None and config.index is not None:
            golds = {pmid: index.get(pmid) for _, sample in every for pmid in sample.gold_pmids}
            documents = _documents(config.index, index.manifest.generation)
            near = near_duplicates([s.question for _, s in every], documents, total=len(index), report=report)
    trained = in_training(samples, config.training)
    tasks = {}
    for name, listed in samples.items():
        nearest = {s.id: near[place] for place, (task, s) in enumerate(every) if task == name and place in near}
        exposed = {}
        if index is not None:
            exposed[GOLD] = [s.id for s in listed if any(golds[pmid] is not None for pmid in s.gold_pmids)]
            exposed[NEAR] = list(nearest)
            if any(s.meta.get("long_answer") for s in listed):
                exposed[ANSWER] = [s.id for s in listed if _holds_answer(s, golds)]
        if config.training:
            exposed[TRAINED] = sorted(trained[name])
        tasks[name] = {
            "checked": {s.id: fingerprint(s) for s in listed},
            "exposed": exposed,
            "nearest": nearest,
            "dates": {s.id: date for s in listed if (date := _date(s, golds))},
        }
    result = {"key": key, "index": identity, "ngram": N, "share": SHARE, "tasks": tasks}
    write_document(run / "leakage.json", result)
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


def _date(sample: Sample, golds: Mapping[str, Document | None]) -> str:
    """Return the newest date of a sample's gold papers, as far as it is known."""
    dates = [document.date for pmid in sample.gold_pmids if (document := golds.get(pmid)) and document.date]
    return max(dates, default=str(sample.meta.get("year") or ""))
