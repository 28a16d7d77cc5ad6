"""An answer and its papers in the formats that people paste: Markdown, BibTeX, RIS."""

from __future__ import annotations

import re
from collections.abc import Iterable

from indexes.document import Document

from .answer import DISCLAIMER, Answer, Evidence, Sentence
from .caveats import quotes_for

PUBMED = "https://pubmed.ncbi.nlm.nih.gov/"


def cited(answer: Answer) -> list[Evidence]:
    """Return the evidence that the answer's sentences cite, in the order of their first citation."""
    shown = {e.pmid: e for e in answer.evidence}
    pmids = dict.fromkeys(p for s in answer.sentences for p in s.citations)
    return [shown[p] for p in pmids if p in shown]


def papers(answer: Answer) -> list[Evidence]:
    """Return what a list of references has: the cited papers, or where there are none the nearest evidence."""
    return cited(answer) or list(answer.evidence)


def facts(evidence: Evidence) -> str:
    """Return journal, year, telling publication types and level of evidence in a line."""
    kinds = [t for t in evidence.publication_types if t != "Journal Article"]
    line = ", ".join(str(part) for part in (evidence.journal, evidence.year, *kinds) if part)
    return (line + (f" ({evidence.level})" if evidence.level not in {"", "unclassified"} else "")).strip()


def markdown(answer: Answer) -> str:
    """Return the answer with its sources, what was struck and why, and the notice.

    A source's number is its place in the evidence, the same on the page, in the terminal and here.
    """
    number = {e.pmid: n for n, e in enumerate(answer.evidence, 1)}
    lines = [f"**{_md(answer.question)}**", ""]
    if answer.outcome == "answered":
        lines += [" ".join(_sentence(s, number) for s in answer.sentences)]
    else:
        lines += [f"No answer. {_md(answer.reason)}"]
    for warning in answer.warnings:
        lines += ["", f"Note: {_md(warning)}"]
        for quote in quotes_for(warning, answer.conflicts):
            lines += ["", f"- [{number.get(quote.pmid, quote.pmid)}] “{_md(quote.text)}”"]
    sources = cited(answer) or list(answer.evidence[:3])
    if sources:
        lines += ["", "Sources:" if answer.sentences else "Nearest evidence:", ""]
        lines += [f"- [{number[e.pmid]}] {_source(e)}" for e in sources]
    if answer.struck:
        lines += ["", "Struck, because a check failed:", ""]
        lines += [f"- ~~{_md(s.text)}~~ ({_md('; '.join(s.checks.problems))})" for s in answer.struck]
    if answer.withheld:
        lines += ["", "Left out because retracted:", "", *(f"- {_source(e)}" for e in answer.withheld)]
    return "\n".join([*lines, "", f"*{_md(answer.model)}. {DISCLAIMER}*", ""])


def _sentence(sentence: Sentence, number: dict[str, int]) -> str:
    marks = "".join(f" [[{number[p]}]]({PUBMED}{p}/)" for p in sentence.citations)
    return _md(sentence.text) + marks


def _source(evidence: Evidence) -> str:
    flag = "" if evidence.status == "ok" else f" **{evidence.status.upper()}**"
    title = (evidence.title or "(no title)").rstrip(".")
    end = "" if title.endswith(("?", "!")) else "."
    about = f" {_md(facts(evidence))}." if facts(evidence) else ""
    return f"{_md(title)}{end}{about} [PMID {evidence.pmid}]({PUBMED}{evidence.pmid}/){flag}"


def _md(text: str) -> str:
    """Escape what Markdown or HTML in it would take as markup: titles come from elsewhere."""
    return re.sub(r"([\\`*_\[\]<>~|#&])", r"\\\1", " ".join(text.split()))


_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def bibtex(documents: Iterable[Document]) -> str:
    """Return @article entries, keyed pmid12345. The index keeps no authors; import by PMID or DOI to add them."""
    return "\n".join(_entry(d) for d in documents)


def _entry(document: Document) -> str:
    fields = {
        "title": "{" + _tex(document.title) + "}",  # the inner braces keep its capitals
        "journal": _tex(document.journal),
        "year": str(document.year or ""),
        "doi": _tex(document.doi),
        "pmid": document.pmid,
        "url": f"{PUBMED}{document.pmid}/",
        "note": "" if document.status == "ok" else document.status.upper(),
    }
    body = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value not in {"", "{}"})
    return f"@article{{pmid{document.pmid},\n{body}\n}}\n"


def _tex(text: str) -> str:
    return "".join(_LATEX.get(c, c) for c in " ".join(text.split()))


def ris(documents: Iterable[Document]) -> str:
    """Return RIS records; the abstract goes along."""
    return "".join(_record(d) for d in documents)


def _record(document: Document) -> str:
    fields = [
        ("TY", "JOUR"),
        ("TI", document.title),
        ("JO", document.journal),
        ("PY", str(document.year or "")),
        ("DA", document.date.replace("-", "/")),
        ("AB", document.abstract),
        ("DO", document.doi),
        ("AN", document.pmid),
        ("DB", "PubMed"),
        ("UR", f"{PUBMED}{document.pmid}/"),
        ("N1", "" if document.status == "ok" else document.status.upper()),
        *(("KW", term) for term in document.mesh),
    ]
    lines = [f"{tag}  - {' '.join(value.split())}" for tag, value in fields if value.strip()]
    return "\r\n".join([*lines, "ER  - ", "", ""])
