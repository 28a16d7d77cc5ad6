"""Texts for the inject stage: PubMed XML and JSON lines, one row {pmid, text} per paper.

`indexes` reads PubMed for retrieval, with dates, notices and repair of damaged files; this package imports none of
ours, and training needs two fields only. A test holds both readers to the same texts.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from finetuned.corpora import find_pmids, read_rows
from finetuned.errors import TrainingDataError

XML = (".xml", ".xml.gz")
ENDINGS = (*XML, ".jsonl", ".jsonl.gz", ".json", ".json.gz")
_NO_LABEL = {"", "UNASSIGNED", "UNLABELLED", "UNLABELED"}


def find_files(path: Path) -> list[Path]:
    """Return a file itself, or the data files of a folder, by name: PubMed's update files follow their baseline."""
    if path.is_file():
        return [path]
    found = sorted(p for p in path.rglob("*") if p.name.endswith(ENDINGS) and p.is_file())
    if not found:
        raise TrainingDataError(f"{path}: no data file in this folder; they end in {', '.join(ENDINGS)}")
    return found


def read_texts(paths: tuple[Path, ...]) -> list[tuple[Path, int, dict[str, Any]]]:
    """Return (file, number, row) of all papers with a text; the newest version of a PMID, no deleted or retracted one.

    Raises:
        TrainingDataError: a file cannot be read, or is of another kind.
    """
    papers: dict[Any, tuple[Path, int, dict[str, Any]]] = {}
    gone: set[str] = set()
    for file in (file for path in paths for file in find_files(path)):
        rows = _pubmed(file, gone) if file.name.endswith(XML) else _plain(file)
        for number, row in enumerate(rows):
            pmid = row["pmid"] or (file, number)
            if row["deleted"]:
                papers.pop(pmid, None)
            elif pmid not in papers or row["version"] >= papers[pmid][2]["version"]:
                papers[pmid] = (file, number, row)
    kept = (paper for pmid, paper in papers.items() if pmid not in gone and paper[2]["text"])
    return [(file, number, {"pmid": row["pmid"] or None, "text": row["text"]}) for file, number, row in kept]


def _plain(path: Path) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(read_rows(path)):
        if not isinstance(row, dict):
            raise TrainingDataError(
                f"{path}, row {number}: {type(row).__name__} found, an object with `text` or `abstract` expected"
            )
        sections = row.get("sections") or []
        if not isinstance(sections, list) or not all(isinstance(section, dict) for section in sections):
            raise TrainingDataError(f"{path}, row {number}: `sections` must be a list of {{label, text}}")
        parts = (_section(str(s.get("label") or ""), str(s.get("text") or "")) for s in sections)
        abstract = row.get("abstract") or "\n".join(parts)
        text = row.get("text") or "\n".join(str(part) for part in (row.get("title"), abstract) if part)
        pmids = tuple(sorted(find_pmids(row)))
        yield {"pmid": pmids[0] if len(pmids) == 1 else pmids, "text": str(text), "version": 1, "deleted": False}


def _section(label: str, text: str) -> str:
    return f"{label}: {text}" if label.upper() not in _NO_LABEL else text


def _pubmed(path: Path, gone: set[str]) -> Iterator[dict[str, Any]]:
    """Yield the records of a PubMed file; put the PMIDs of retracted papers into `gone`."""
    from lxml import etree

    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            tags = ("MedlineCitation", "DeleteCitation")
            for _, element in etree.iterparse(
                file, tag=tags, resolve_entities=False, no_network=True, remove_comments=True
            ):
                if element.tag == "DeleteCitation":
                    yield from (_row(p.text or "", deleted=True) for p in element.iterfind("PMID"))
                else:
                    yield _citation(element, gone)
                element.clear()
    except (OSError, EOFError, etree.XMLSyntaxError) as error:
        raise TrainingDataError(f"{path}: cannot be read as PubMed XML ({error}); get the file again") from error


def _citation(element: Any, gone: set[str]) -> dict[str, Any]:
    pmid = _words(element.find("PMID"))
    types = {_words(e) for e in element.iterfind("Article/PublicationTypeList/PublicationType")}
    links = element.findall("CommentsCorrectionsList/CommentsCorrections")
    kinds = {link.get("RefType") for link in links}
    if "Retracted Publication" in types or kinds & {"RetractionIn", "RetractedandRepublishedIn"}:
        gone.add(pmid)
    gone |= {_words(link.find("PMID")) for link in links if link.get("RefType") == "RetractionOf"}
    parts = []
    for section in element.iterfind("Article/Abstract/AbstractText"):
        label = next((x for x in (section.get("Label"), section.get("NlmCategory")) if x and x.strip()), "")
        if words := _words(section):
            parts.append(_section(label.strip().rstrip(": "), words))
    text = "\n".join([_words(element.find("Article/ArticleTitle")), *parts]) if parts else ""
    return _row(pmid, text, version=int(element.find("PMID").get("Version", "1")))


def _row(pmid: str, text: str = "", *, version: int = 1, deleted: bool = False) -> dict[str, Any]:
    return {"pmid": pmid, "text": text, "version": version, "deleted": deleted}


def _words(element: Any) -> str:
    return "" if element is None else " ".join("".join(element.itertext()).split())
