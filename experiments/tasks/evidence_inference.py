"""Evidence Inference 2.0 (DeYoung et al. 2020): did a trial's intervention change an outcome?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from experiments.errors import DataFormatError, MissingDataError
from experiments.records import Passage, Sample

from .files import get, letter_of, letters, read_rows
from .task import Context, Kind, Task

LABELS = letters(["significantly increased", "significantly decreased", "no significant difference"])


def read(path: Path) -> Iterator[Sample]:
    """Yield questions; their abstracts are found by PMID in an index."""
    for place, row in read_rows(path):
        pmid = get(path, place, row, "pmid", str)
        outcome, treatment, other = (
            " ".join(get(path, place, row, name, str).split()) for name in ("outcome", "intervention", "comparator")
        )
        yield Sample(
            id=get(path, place, row, "qid", str),
            question=f"In patients given {treatment} compared with {other}, what happened to {outcome}?",
            answer=letter_of(path, place, LABELS, get(path, place, row, "label", str), "label"),
            options=LABELS,
            gold_pmids=(pmid,),
            cluster=pmid,
            meta={"pmcid": row.get("pmcid", ""), "evidence": row.get("evidence", "")},
        )


def read_full_text(path: Path) -> Iterator[Sample]:
    """Yield questions with the whole article, from longdoc_documents.jsonl.gz beside the file."""
    documents = path.with_name("longdoc_documents.jsonl.gz")
    if not documents.exists():
        raise MissingDataError(f"the articles are missing: {documents} belongs beside {path.name}")
    articles = {
        get(documents, place, row, "pmcid", str): get(documents, place, row, "text", str)
        for place, row in read_rows(documents)
    }
    for sample in read(path):
        pmcid = sample.meta["pmcid"]
        if pmcid not in articles:
            raise DataFormatError(path, sample.id, f"field 'pmcid' is {pmcid!r}, which is not in {documents.name}")
        yield replace(sample, context=(Passage(pmcid, articles[pmcid]),))


ABSTRACTS = Task(
    name="evidence-inference",
    title="Evidence Inference, from abstracts",
    kind=Kind.CHOICE,
    read=read,
    files=("abstract_questions.jsonl",),
    folder="evidence_inference",
    licence="MIT (annotations); articles as marked",
    source="https://github.com/jayded/evidence-inference; https://aclanthology.org/2020.bionlp-1.13",
    access="https://evidence-inference.ebm-nlp.com/download/",
    metrics=("macro_f1",),
)
FULL_TEXT = replace(
    ABSTRACTS,
    name="evidence-inference-fulltext",
    title="Evidence Inference, from full text",
    read=read_full_text,
    files=("longdoc_questions.jsonl",),
    context=Context.GIVEN,
)
