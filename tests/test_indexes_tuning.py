"""What recall is measured against: brute force, made again here in numpy from the shards' own files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import record

from indexes import Index, build
from indexes.dense import Dense
from indexes.encoders import HashingEncoder
from indexes.tuning import K, make_probe, recalls
from indexes.vectors import DenseIndex, Effort

Write = Callable[..., Path]
WORDS = "heart renal sepsis insulin cough trial cohort placebo fever bone skin liver lung brain sleep".split()


@pytest.fixture
def opened(tmp_path: Path, write_jsonl: Write) -> Index:
    """An index whose documents differ, and of which the titles say little."""
    rng = np.random.default_rng(5)
    texts = [" ".join(rng.choice(WORDS, 9)) + f" case{n}" for n in range(1, 61)]
    source = write_jsonl("a.jsonl", *(record(n, t, title=" ".join(t.split()[:3])) for n, t in enumerate(texts, 1)))
    build(tmp_path / "index", [source], encoder="hashing")
    return Index(tmp_path / "index")


def rows_of(index: Index) -> np.ndarray:
    stored = np.fromfile(next(index.directory.glob("shards/*/vectors.f16")), "<f2").reshape(-1, 256).astype(np.float64)
    return stored / np.linalg.norm(stored, axis=1, keepdims=True)  # in the order of the file, by rising PMID


@pytest.mark.parametrize("most", [7, 60, 500])
def test_titles_are_compared_with_all_documents_but_their_own(opened: Index, most: int) -> None:
    probe = make_probe(opened._dense, opened._store, HashingEncoder(), most=most)
    assert probe.own.tolist() == sorted(set(probe.own.tolist()))
    assert (len(probe.own), probe.own[0], probe.own[-1]) == (min(most, 60), 0, 59)
    titles = [opened.get(str(own + 1)).title for own in probe.own]  # type: ignore[union-attr]
    queries = HashingEncoder().encode(titles, "query")
    assert np.array_equal(probe.vectors, queries)
    assert probe.wanted.tolist() == [K] * len(probe.own)
    for own, query, worst in zip(probe.own, queries, probe.worst, strict=True):
        others = np.delete(rows_of(opened) @ query, own)
        assert worst == pytest.approx(np.sort(others)[-K], abs=1e-6)


def test_questions_are_compared_with_all_documents(opened: Index, tmp_path: Path) -> None:
    questions = [f"{a} {b}?" for a in WORDS[:5] for b in WORDS[5:9]]
    path = tmp_path / "q.jsonl"
    path.write_text("".join(json.dumps({"question": q}) + "\n" for q in questions))
    probe = make_probe(opened._dense, opened._store, HashingEncoder(), questions=path)
    assert probe.own.tolist() == [-1] * 20
    assert probe.wanted.tolist() == [K] * 20
    scores = HashingEncoder().encode(questions, "query") @ rows_of(opened).T
    assert np.allclose(probe.worst, np.sort(scores, axis=1)[:, -K], atol=1e-6)


def test_few_documents_leave_fewer_to_find(tmp_path: Path, write_jsonl: Write) -> None:
    build(tmp_path / "index", [write_jsonl("a.jsonl", *(record(n) for n in range(1, 5)))], encoder="hashing")
    with Index(tmp_path / "index") as index:
        probe = make_probe(index._dense, index._store, HashingEncoder())
        assert probe.wanted.tolist() == [3] * 4
        scores = probe.vectors @ rows_of(index).T
        assert np.allclose(probe.worst, [np.delete(s, own).min() for own, s in enumerate(scores)], atol=1e-6)


def test_recall_is_the_share_of_the_true_nearest_that_a_search_finds(opened: Index, tmp_path: Path) -> None:
    """One of three lists visited finds some of them only: which, is counted from the search's own results."""
    source = tmp_path / "a.jsonl"
    build(tmp_path / "lists", [source], encoder="hashing", dense=Dense("IVF3,Flat"))
    index = DenseIndex(tmp_path / "lists" / "generations" / "000001", effort=Effort(1, 0))
    probe = make_probe(index, opened._store, HashingEncoder())
    found = index.search(probe.vectors, K + 1)[1]
    shares = []
    for own, query, pmids in zip(probe.own, probe.vectors, found, strict=True):
        cosines = np.round(rows_of(opened) @ query, 5)
        others = np.delete(cosines, own)
        near = {n + 1 for n in range(60) if cosines[n] >= np.sort(others)[-K] and n != own}
        shares.append(min(len(near & set(pmids.tolist())), K) / K)
    assert recalls(index, probe) == pytest.approx(shares)
    assert 0.1 < np.mean(shares) < 0.9
