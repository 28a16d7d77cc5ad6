"""Published data sets in their official formats, read as labelled claims."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from experiments.errors import DataFormatError, MissingDataError
from experiments.tasks.files import get, read_rows, read_table
from rag.sentences import Span, split_sentences

from .labelled import CONTRADICTED, SUPPORTED, UNSUPPORTED, UNVERIFIABLE, Abstracts, Labelled, others

DIRECTIONS = {
    "significantly increased": "{outcome} was significantly higher with {intervention} than with {comparator}.",
    "significantly decreased": "{outcome} was significantly lower with {intervention} than with {comparator}.",
    "no significant difference": "{outcome} did not differ significantly between {intervention} and {comparator}.",
}


def read_evidence_inference(path: Path, abstracts: Abstracts) -> Iterator[Labelled]:
    """Yield three claims a question: true, with another direction (drawn by its id), and true beside another trial.

    The evidence is the whole abstract where `abstracts` has it, else the words that the annotators marked.
    """
    true = []
    for place, row in read_rows(path):
        qid, pmid, label = (get(path, place, row, name, str) for name in ("qid", "pmid", "label"))
        if label not in DIRECTIONS:
            raise DataFormatError(path, place, f"field 'label' is {label!r}, not {', '.join(DIRECTIONS)}")
        parts = {
            name: " ".join(get(path, place, row, name, str).split())
            for name in ("outcome", "intervention", "comparator")
        }
        evidence = abstracts(pmid) or get(path, place, row, "evidence", str)
        wrong = sorted(d for d in DIRECTIONS if d != label)[hashlib.sha256(qid.encode()).digest()[0] % 2]
        true.append(Labelled(f"{qid}:true", _worded(label, parts), evidence, SUPPORTED, pmid))
        yield true[-1]
        yield Labelled(f"{qid}:turned", _worded(wrong, parts), evidence, CONTRADICTED, pmid)
    for item, other in zip(true, others(true), strict=True):
        yield Labelled(f"{item.id[:-5]}:elsewhere", item.claim, other.evidence, UNVERIFIABLE, item.cluster)


def _worded(direction: str, parts: Mapping[str, str]) -> str:
    claim = DIRECTIONS[direction].format(**parts)
    return claim[:1].upper() + claim[1:]


def read_scifact(path: Path, abstracts: Abstracts) -> Iterator[Labelled]:
    """Yield each claim with each abstract that was labelled for it; a cited one without evidence is unverifiable.

    Official JSON lines with corpus.jsonl beside them, or the same as CSV with corpus.csv.gz.
    """
    del abstracts  # the corpus has them
    corpus = _scifact_corpus(path)
    labels = {"SUPPORT": SUPPORTED, "CONTRADICT": CONTRADICTED, "": UNVERIFIABLE}
    seen: dict[str, str] = {}
    for place, claim_id, claim, document, label in _scifact_rows(path):
        if label not in labels:
            raise DataFormatError(path, place, f"label {label!r} is none of SUPPORT, CONTRADICT")
        if document not in corpus:
            raise DataFormatError(path, place, f"document {document} is not in the corpus beside it")
        key = f"{claim_id}:{document}"
        if seen.get(key, label) != label:
            raise DataFormatError(path, place, f"claim {claim_id} has two labels for document {document}")
        if key not in seen:  # the file has a line for each set of sentences that suffices
            seen[key] = label
            yield Labelled(key, claim, corpus[document], labels[label], document)


def _scifact_rows(path: Path) -> Iterator[tuple[str, str, str, str, str]]:
    if path.suffix == ".jsonl":
        for place, row in read_rows(path):
            found = get(path, place, row, "evidence", dict)
            for document in found or map(str, get(path, place, row, "cited_doc_ids", list)):
                label = found[document][0]["label"] if document in found else ""
                yield place, str(row["id"]), get(path, place, row, "claim", str), document, label
        return
    columns = ("id", "claim", "evidence_doc_id", "evidence_label", "cited_doc_ids")
    for place, line in read_table(path, columns):
        documents = [line["evidence_doc_id"]] if line["evidence_doc_id"] else re.findall(r"\d+", line["cited_doc_ids"])
        for document in documents:
            yield place, line["id"], line["claim"], document, line["evidence_label"]


def _scifact_corpus(path: Path) -> dict[str, str]:
    lines, table = path.with_name("corpus.jsonl"), path.with_name("corpus.csv.gz")
    if lines.is_file():
        return {
            str(
                row["doc_id"]
            ): f"{get(lines, place, row, 'title', str)}\n{' '.join(get(lines, place, row, 'abstract', list))}"
            for place, row in read_rows(lines)
        }
    if not table.is_file():
        raise MissingDataError(f"the abstracts are missing: corpus.jsonl or corpus.csv.gz belongs beside {path.name}")
    rows = read_table(table, ("doc_id", "title", "abstract"))
    return {row["doc_id"]: f"{row['title']}\n{_printed_list(row['abstract'])}" for _, row in rows}


_STRING = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"", re.DOTALL)


def _printed_list(text: str) -> str:
    """Return the sentences of a list of strings as Python or numpy prints it, joined."""
    found = [a or b for a, b in _STRING.findall(text)]
    return " ".join(re.sub(r"\\(.)", r"\1", sentence) for sentence in found)


def read_k_qa(path: Path, abstracts: Abstracts) -> Iterator[Labelled]:
    """Yield physicians' statements against a model's answer, by the annotators' majority."""
    del abstracts
    labels = {"Entailment": SUPPORTED, "Contradiction": CONTRADICTED, "Neutral": UNVERIFIABLE}
    for place, row in read_table(path, ("Question", "llm_x", "answer", "claim", "majority_label")):
        if row["majority_label"] not in labels:
            raise DataFormatError(path, place, f"majority_label is {row['majority_label']!r}, not {', '.join(labels)}")
        yield Labelled(place, row["claim"], row["answer"], labels[row["majority_label"]], row["Question"])


def read_ragtruth(path: Path, abstracts: Abstracts) -> Iterator[Labelled]:
    """Yield the sentences of each answer: contradicted under a conflict span, unverifiable under a baseless one."""
    del abstracts
    sources_path = path.with_name("source_info.jsonl")
    if not sources_path.is_file():
        raise MissingDataError(f"the sources are missing: source_info.jsonl belongs beside {path.name}")
    sources = {
        get(sources_path, place, row, "source_id", str): _source_text(row.get("source_info"))
        for place, row in read_rows(sources_path)
    }
    for place, row in read_rows(path):
        source = get(path, place, row, "source_id", str)
        if source not in sources:
            raise DataFormatError(
                path, place, f"field 'source_id' is {source!r}, which source_info.jsonl does not have"
            )
        if row.get("split") != "test" or row.get("quality") != "good":
            continue
        labels = get(path, place, row, "labels", list)
        for number, sentence in enumerate(split_sentences(get(path, place, row, "response", str)), 1):
            label = _span_label(path, place, sentence, labels)
            yield Labelled(f"{row['id']}:{number}", sentence.text, sources[source], label, source)


def _span_label(path: Path, place: str, sentence: Span, labels: list[dict[str, Any]]) -> str:
    kinds = [str(x["label_type"]) for x in labels if x["start"] < sentence.end and sentence.start < x["end"]]
    unknown = [kind for kind in kinds if "Conflict" not in kind and "Baseless" not in kind]
    if unknown:
        raise DataFormatError(path, place, f"label_type {unknown[0]!r} is neither a conflict nor baseless information")
    return CONTRADICTED if any("Conflict" in kind for kind in kinds) else UNVERIFIABLE if kinds else SUPPORTED


def _source_text(info: Any) -> str:
    if isinstance(info, dict) and "passages" in info:
        return str(info["passages"])
    return info if isinstance(info, str) else json.dumps(info, ensure_ascii=False)


def read_medhallu(path: Path, abstracts: Abstracts) -> Iterator[Labelled]:
    """Yield the true and the hallucinated answer to each question, beside the abstract it was asked about."""
    del abstracts
    columns = ("Question", "Knowledge", "Ground Truth", "Hallucinated Answer")
    for place, row in _medhallu_rows(path):
        missing = [name for name in columns if name not in row]
        if missing:
            raise DataFormatError(path, place, f"no column {missing[0]!r} among {', '.join(row)}")
        known = row["Knowledge"]
        evidence = known if isinstance(known, str) else " ".join(map(str, known))
        question = str(row["Question"])
        yield Labelled(f"{place}:true", str(row["Ground Truth"]), evidence, SUPPORTED, question)
        yield Labelled(f"{place}:false", str(row["Hallucinated Answer"]), evidence, UNSUPPORTED, question)


def _medhallu_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if path.suffix == ".parquet":
        import pyarrow.parquet

        rows = pyarrow.parquet.read_table(path).to_pylist()
        yield from ((f"row {number}", row) for number, row in enumerate(rows, 1))
    elif path.suffix == ".csv":
        yield from read_table(path, ("Question",))
    else:
        yield from read_rows(path)
