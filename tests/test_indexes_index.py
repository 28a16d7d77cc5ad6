"""The hybrid ranking against one that computes every score."""

from __future__ import annotations

import json

import numpy as np
import pytest
from conftest import record

from indexes import Index, build
from indexes import index as module
from indexes.filters import Filter
from indexes.fusion import convex, reciprocal_rank
from indexes.index import Mode


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    rng = np.random.default_rng(5)
    folder = tmp_path_factory.mktemp("index")
    words = rng.zipf(1.3, size=(400, 30)).clip(max=400)
    lines = (
        json.dumps(record(7 * n + 1, " ".join(f"w{w}" for w in row), year=2000 + n % 9)) for n, row in enumerate(words)
    )
    (folder / "papers.jsonl").write_text("\n".join(lines))
    build(folder / "index", [folder / "papers.jsonl"], encoder="hashing")
    return Index(folder / "index")


@pytest.mark.parametrize("mode", ["hybrid", "rrf"])
@pytest.mark.parametrize("where", [Filter(), Filter(since=2005)])
@pytest.mark.parametrize("k", [1, 5])
def test_fused_scores_are_those_of_all_candidates(
    index: Index, mode: Mode, where: Filter, k: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CANDIDATES", 20)
    rng = np.random.default_rng(k)
    for _ in range(25):
        query = " ".join(f"w{w}" for w in rng.zipf(1.3, size=6).clip(max=400))
        all_words = dict(zip(*reversed([a.tolist() for a in index.rank(query, 400, mode="lexical")]), strict=True))
        by_words = index.rank(query, 20, where=where, mode="lexical")[1]
        by_meaning = index.rank(query, 20, where=where, mode="dense")[1]
        pmids = np.array(sorted({*by_words.tolist(), *by_meaning.tolist()}))
        bm25 = np.array([all_words.get(p, 0.0) for p in pmids.tolist()], np.float32)
        cosine = index._dense.vectors(pmids) @ index.encoder.encode([query], "query")[0]
        fused = reciprocal_rank(bm25, cosine) if mode == "rrf" else convex(bm25, cosine, documents=len(index))
        best = np.argsort(-fused, kind="stable")[:k]

        scores, found = index.rank(query, k, where=where, mode=mode)
        assert found.tolist() == pmids[best].tolist()
        assert scores == pytest.approx(fused[best], abs=1e-6)
        hits = index.search(query, k, where=where, mode=mode)
        assert [h.match for h in hits] == pytest.approx(index._lexical.coverage(query, [h.document.text for h in hits]))
        assert [h.match for h in hits] == pytest.approx(index.match(query, found).tolist(), rel=1e-5)
