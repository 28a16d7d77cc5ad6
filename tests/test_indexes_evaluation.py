from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from indexes import Index, build, evaluate
from indexes.errors import SourceError
from indexes.evaluation import ndcg_at, recall_at, reciprocal_rank
from indexes.questions import Question, read_questions


def test_metrics_against_scikit_learn_and_by_hand() -> None:
    """nDCG against scikit-learn on rankings of 40 documents, the others against their definition on sets."""
    from sklearn.metrics import ndcg_score

    rng = random.Random(0)
    documents = [str(n) for n in range(40)]
    for _ in range(50):
        ranked = rng.sample(documents, 40)
        gold = frozenset(rng.sample(documents, rng.randint(1, 15)))
        truth = np.array([[d in gold for d in ranked]], dtype=float)
        scores = np.array([[-n for n in range(40)]], dtype=float)
        assert ndcg_at(ranked, gold) == pytest.approx(ndcg_score(truth, scores, k=10))
        for k in (1, 5, 10):
            assert recall_at(ranked, gold, k=k) == pytest.approx(truth[0, :k].sum() / len(gold))
        first = int(np.argmax(truth[0])) + 1
        assert reciprocal_rank(ranked, gold) == (pytest.approx(1 / first) if first <= 10 else 0)
    assert (ndcg_at([], frozenset({"1"})), reciprocal_rank([], frozenset({"1"}))) == (0, 0)


def test_evaluation_is_the_mean_over_questions(sample_index: Index) -> None:
    questions = [
        Question("a", "Brackley low-carbohydrate meals migraine", frozenset({"90010017", "1"})),
        Question("b", "zephralimast asthma", frozenset({"90006001"})),
    ]
    result = evaluate(sample_index, questions, mode="lexical", k=3)
    ranked = [[h.pmid for h in sample_index.search(q.question, 10, mode="lexical")] for q in questions]
    golds = [q.gold_pmids for q in questions]
    for k in (1, 3, 5, 10):
        assert result.recall[k] == pytest.approx(
            np.mean([recall_at(r, g, k=k) for r, g in zip(ranked, golds, strict=True)])
        )
    assert result.ndcg == pytest.approx(np.mean([ndcg_at(r, g) for r, g in zip(ranked, golds, strict=True)]))
    assert (result.queries, result.missing_gold) == (2, 1)
    assert result.ms_per_query > 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no question"),
        ('{"qid": "1", "question": "x", "gold_pmids": []}', "holds no question"),
        ('{"qid": "1", "question": "x", "gold_pmids": ["1"]}\n{"qid": "2"}', r"q\.jsonl:2"),
        ("not json", r"q\.jsonl:1"),
        ("[1]", r"q\.jsonl:1"),
        ('{"qid": "1", "question": " ", "gold_pmids": ["1"]}', r"q\.jsonl:1: it has no question"),
        ('{"question": "x", "gold_pmids": ["1"]}', r"q\.jsonl:1: it has no qid"),
        *(
            (f'{{"qid": "1", "question": "x", "gold_pmids": {gold}}}', r"q\.jsonl:1: gold_pmids is no list of PMIDs")
            for gold in ('"12345"', "12345", "null", '["x"]', "[true]", "[1.5]", '["0"]', '["1234567890"]')
        ),
    ],
)
def test_bad_question_files(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(text)
    with pytest.raises(SourceError, match=words):
        read_questions(path)
    with pytest.raises(SourceError, match="cannot read"):
        read_questions(tmp_path / "none")


def test_gold_pmids_are_read_as_pubmed_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text('{"qid": 7, "question": " x ", "gold_pmids": ["0000001", 2]}\n')
    assert read_questions(path) == [Question("7", "x", frozenset({"1", "2"}))]


def test_bm25_on_real_abstracts(shared: Path, tmp_path: Path) -> None:
    """One sixth of the real corpus: every record is a document, and its questions find their paper."""
    source = shared / "pubmed" / "abstracts-05.jsonl.gz"
    result = build(tmp_path / "index", [source], encoder="hashing")
    assert sum(result.manifest.sources[0].skipped.values()) == 0
    with Index(tmp_path / "index") as index:
        wanted = [
            q
            for q in read_questions(shared / "retrieval" / "evidence_inference_known_item.jsonl")
            if all(index.get(p) for p in q.gold_pmids)
        ]
        assert len(wanted) > 300
        scores = evaluate(index, wanted[:300], mode="lexical")
    assert scores.recall[1] > 0.9  # measured: see the README of indexes; fewer papers make it easier than there
    assert scores.recall[10] > 0.97


@pytest.mark.slow
def test_hybrid_is_at_least_as_good_as_its_parts(shared: Path, tmp_path: Path) -> None:
    """The whole real corpus with the embedded encoder; about half an hour on two cores."""
    result = build(tmp_path / "index", sorted((shared / "pubmed").glob("abstracts-*.jsonl.gz")))
    assert result.manifest.documents == 35_188
    questions = read_questions(shared / "retrieval" / "evidence_inference_known_item.jsonl")
    with Index(tmp_path / "index") as index:
        hybrid, lexical, dense = (evaluate(index, questions, mode=m) for m in ("hybrid", "lexical", "dense"))
    for part in (lexical, dense):
        assert hybrid.recall[1] >= part.recall[1]
        assert hybrid.recall[10] >= part.recall[10]
        assert hybrid.mrr >= part.mrr
    print(json.dumps([r.to_dict() for r in (hybrid, lexical, dense)]))
