"""Records a second from PubMed XML, against pubmed_parser and lxml.iterparse: python tests/bench_indexes_parsing.py

Processor time of one thread; runs alternate, and the best of each counts. pubmed_parser reads fewer fields of an
article than we do, and some of others (authors); lxml.iterparse reads ours, by the rules of `indexes.citation`, and
gives the same documents.
"""

from __future__ import annotations

import gzip
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lxml import etree

sys.path.insert(0, str(Path(__file__).parents[1]))

from indexes.citation import parse_citation
from indexes.document import Document
from indexes.pubmed import read_pubmed
from indexes.report import SourceReport

ROOT = Path(__file__).parents[1]
REAL = ROOT.parent / "shared" / "data" / "pubmed" / "xml"
SAMPLE = ROOT / "indexes" / "sample" / "pubmed"
RECORDS, RUNS = 5_000, 3
HEAD = (
    b'<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE PubmedArticleSet SYSTEM '
    b'"http://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_190101.dtd">\n<PubmedArticleSet>\n'
)
_RECORD = re.compile(rb"<PubmedArticle>.*?</PubmedArticle>", re.DOTALL)
_PMID = re.compile(rb'(<PMID Version="\d+">)\d+')


def rows() -> list[dict[str, Any]]:
    """Measure; one row per peer."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pubmed26n0001.xml.gz"
        which = make_file(path)
        runs: dict[str, Callable[[], list[Any]]] = {"ours": lambda: list(read_pubmed(path, SourceReport()))}
        runs["lxml.iterparse, same fields"] = lambda: list(iterparse(path))
        try:
            from pubmed_parser import parse_medline_xml
        except ImportError as error:
            print(f"left out: pubmed_parser ({error})", file=sys.stderr)
        else:
            runs["pubmed_parser"] = lambda: list(
                parse_medline_xml(str(path), year_info_only=False, nlm_category=True, reference_list=False)
            )
        best, got = alternate(runs)
        assert got["ours"] == got["lxml.iterparse, same fields"]
    return [
        {
            "name": f"parsing vs {name}: {which}",
            "ours": round(RECORDS / best["ours"], 1),
            "peer": round(RECORDS / best[name], 1),
            "unit": "records/s",
            "ratio": round(best[name] / best["ours"], 2),
            "runs": RUNS,
        }
        for name in runs
        if name != "ours"
    ]


def make_file(path: Path) -> str:
    """Write RECORDS articles under PMIDs of their own; return what they are."""
    folder, which = (REAL, "real records") if REAL.is_dir() else (SAMPLE, "synthetic sample")
    found = [record for source in sorted(folder.glob("*.xml*")) for record in _RECORD.findall(content(source))]
    parts = [HEAD]
    for number in range(RECORDS):
        record = found[number % len(found)]
        parts += [_PMID.sub(rb"\g<1>%d" % (10_000_000 + number), record, count=1), b"\n"]
    path.write_bytes(gzip.compress(b"".join([*parts, b"</PubmedArticleSet>\n"]), 6))
    return f"{which}, {len(found)} repeated to {RECORDS:,}"


def content(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def iterparse(path: Path) -> Iterator[Document]:
    """Read our fields as one would with lxml alone."""
    with gzip.open(path) as stream:
        for _, element in etree.iterparse(stream, tag="PubmedArticle"):
            citation: Any = element.find("MedlineCitation")
            document = parse_citation(citation.findtext("PMID"), citation, element.find("PubmedData"))
            if document.sections or document.notice_of:
                yield document
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]


def alternate(runs: dict[str, Callable[[], Any]]) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the least seconds of each run, and what it gave."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    got: dict[str, Any] = {}
    for _ in range(RUNS):
        for name, run in runs.items():
            started = time.process_time()
            got[name] = run()
            seconds[name].append(time.process_time() - started)
    return {name: min(all_) for name, all_ in seconds.items()}, got


def show(row: dict[str, Any]) -> None:
    print(f"{row['name']:80} {row['ours']:>10,} {row['peer']:>10,} {row['unit']}  {row['ratio']:.2f}x")


if __name__ == "__main__":
    for measured in rows():
        show(measured)
