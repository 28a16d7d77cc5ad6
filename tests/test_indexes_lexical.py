from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from indexes.document import Document, Section, Status
from indexes.filters import Filter
from indexes.fusion import bm25_unit, convex, reciprocal_rank
from indexes.lexical import PHRASE_BOOST, LexicalIndex, analyser, write_lexical

TEXTS = [
    "Statins lower cholesterol in adults.",
    "A trial of statins and of statin intolerance: statins again.",
    "Cholesterol was measured in children with asthma, and asthma was common.",
    "Naïve T cells in sepsis.",
    "Nothing of interest.",
]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> LexicalIndex:
    folder = tmp_path_factory.mktemp("lexical") / "bm25"
    documents = (
        Document(
            str(10 + n),
            sections=(Section("", text),),
            date=str(2000 + n) if n else "",
            publication_types=("Review",) if n % 2 else ("Journal Article", "Case Reports"),
            status=Status.RETRACTED if n == 2 else Status.OK,
        )
        for n, text in enumerate(TEXTS)
    )
    write_lexical(folder, documents)
    return LexicalIndex(folder)


def bm25(words: list[str], number: int) -> float:
    """BM25 written out, as an oracle: k1 = 1.2, b = 0.75, idf = ln(1 + (N − n + ½) / (n + ½))."""
    counts = [Counter(analyser().analyze(t)) for t in TEXTS]
    lengths = [sum(c.values()) for c in counts]
    total = 0.0
    for word in words:
        n = sum(word in c for c in counts)
        idf = math.log(1 + (len(TEXTS) - n + 0.5) / (n + 0.5))
        tf = counts[number][word]
        total += idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * lengths[number] / (sum(lengths) / len(TEXTS))))
    return total


def test_scores_are_bm25(index: LexicalIndex) -> None:
    scores, pmids = index.search("asthma", 5)
    assert pmids.tolist() == [12]
    assert scores[0] == pytest.approx(bm25(["asthma"], 2), rel=0.02)  # tantivy stores lengths coarsely
    scores, pmids = index.search("statins?", 5)
    expected = {10 + n: bm25(["statin"], n) for n in (0, 1)}
    assert dict(zip(pmids.tolist(), scores.tolist(), strict=True)) == pytest.approx(expected, rel=0.02)


def test_words_of_form_count_only_alone_and_repetition_not_at_all(index: LexicalIndex) -> None:
    assert index.terms("What is the effect of statins?") == ["effect", "statin"]
    assert index.terms("what is it") == ["what", "is", "it"]
    once, twice = index.search("statins", 5)[0], index.search("statins statins STATIN", 5)[0]
    assert once.tolist() == twice.tolist()


def test_neighbours_found_together_add_a_little(index: LexicalIndex) -> None:
    together, apart = index.search("statin intolerance", 1)[0][0], index.search("again intolerance", 1)[0][0]
    words = bm25(["statin", "intoler"], 1)
    assert words < together < words * (1 + 4 * PHRASE_BOOST)
    assert apart == pytest.approx(bm25(["again", "intoler"], 1), rel=0.02)  # not in this order


def test_accents_are_folded(index: LexicalIndex) -> None:
    assert index.search("naive", 5)[1].tolist() == [13]


@pytest.mark.parametrize("query", ['"', "AND OR NOT", "title:x^9 (", "∅", "\x00", "a" * 100_000, "[1 TO 2]"])
def test_no_query_is_syntax(index: LexicalIndex, query: str) -> None:
    index.search(query, 5)


@pytest.mark.parametrize(
    ("where", "admitted"),
    [
        (Filter(), {10, 11, 13, 14}),
        (Filter(statuses=tuple(Status)), {10, 11, 12, 13, 14}),
        (Filter(since=2003), {13, 14}),
        (Filter(until=2001), {11}),  # a paper of unknown year fails both bounds
        (Filter(publication_types=("review",)), {11, 13}),
        (Filter(publication_types=("CASE REPORTS", "review"), exclude=frozenset({"11"})), {10, 13, 14}),
        (Filter(publication_types=("Nonsense",)), set()),
    ],
)
def test_filters(index: LexicalIndex, where: Filter, admitted: set[int]) -> None:
    words = "statins cholesterol sepsis interest"
    scores, pmids = index.search(words, 9, where=where)
    assert set(pmids.tolist()) == admitted
    unfiltered = dict(zip(*reversed([a.tolist() for a in index.search(words, 9)]), strict=True))
    assert all(unfiltered[p] == pytest.approx(s) for s, p in zip(scores, pmids, strict=True)), "a filter adds no score"


def test_scoring_given_documents(index: LexicalIndex) -> None:
    scores, pmids = index.search("cholesterol statins", 9, among=np.array([12, 14]))
    assert pmids.tolist() == [12]
    assert scores[0] == pytest.approx(bm25(["cholesterol"], 2), rel=0.02)


def test_coverage_by_hand(index: LexicalIndex) -> None:
    def idf(n: int) -> float:
        return math.log(1 + (5 - n + 0.5) / (n + 0.5))

    statin, lower, zebra = idf(2), idf(1), idf(0)
    texts = ["Statins, statins and statins.", "A zebra lowered its head.", "Which does why?", ""]
    found = index.coverage("Which statins lower zebras, and why does it?", texts)
    total = statin + lower + zebra
    assert found == pytest.approx([statin / total, (lower + zebra) / total, 0, 0])
    assert index.coverage("Why does it?", ["Why does it? It does."]) == [0]


def test_words_of_form_are_dropped_as_they_are_stemmed(index: LexicalIndex) -> None:
    assert index.terms("Why does aspirin help?") == ["aspirin", "help"]


def test_convex_sum_by_hand() -> None:
    bm = np.array([0, 10], np.float32)
    cosine = np.array([0.5, 0.2], np.float32)
    unit = 2.2 * math.log(1 + 100.5 / 1.5)
    assert bm25_unit(100) == pytest.approx(unit)
    assert convex(bm, cosine, documents=100, weight=0.6).tolist() == pytest.approx([0.3, 0.12 + 0.4 * 10 / unit])
    with pytest.raises(ValueError, match="0 to 1"):
        convex(bm, cosine, documents=100, weight=1.5)


def test_reciprocal_rank_by_hand() -> None:
    fused = reciprocal_rank(np.array([3, 0, 5], np.float32), np.array([0.1, 0.9, 0.5], np.float32))
    assert fused.tolist() == pytest.approx([1 / 62 + 1 / 63, 1 / 61, 1 / 61 + 1 / 62])


def test_equal_documents_are_ordered_by_pmid(tmp_path: Path) -> None:
    documents = (Document(str(n), sections=(Section("", "the same words"),)) for n in range(1, 50))
    write_lexical(tmp_path / "bm25", documents)
    assert LexicalIndex(tmp_path / "bm25").search("same words", 49)[1].tolist() == list(range(1, 50))
