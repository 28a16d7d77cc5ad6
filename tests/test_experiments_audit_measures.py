"""Verdicts, ALCE, BioGen, K-QA, SelfCheck-NLI, semantic entropy against tables worked out by hand."""

from __future__ import annotations

import math

import pytest

from experiments.audit.citations import Cited, Statement, label, precise, precision, rates, read_statement, recall
from experiments.audit.evidence import Chunk
from experiments.audit.judging import judge
from experiments.audit.records import Verdict
from experiments.audit.sampling import entropy, selfcheck, semantic_clusters
from experiments.audit.statements import completeness, contradictions

S, C, U = (0.9, 0.05, 0.05), (0.05, 0.9, 0.05), (0.1, 0.1, 0.8)
CLAIM = "quorvacept lowers pain"


def chunks(*texts: str) -> list[Chunk]:
    return [Chunk(text, text, frozenset(), frozenset()) for text in texts]


@pytest.mark.parametrize(
    ("rows", "verdict", "first"),
    [
        ([U, S], Verdict.SUPPORTED, "1"),
        ([U, C], Verdict.CONTRADICTED, "1"),
        ([S, U, C], Verdict.CONFLICTING, "2"),  # a contradiction is what a reader must see first
        ([U, U], Verdict.UNVERIFIABLE, "0"),
        ([], Verdict.UNVERIFIABLE, ""),
        ([(0.49, 0.49, 0.02)], Verdict.UNVERIFIABLE, "0"),
    ],
)
def test_one_verdict_from_all_chunks(rows: list[tuple[float, float, float]], verdict: Verdict, first: str) -> None:
    held = chunks(*map(str, range(len(rows))))
    found = judge(CLAIM, held, {(CLAIM, chunk.text): row for chunk, row in zip(held, rows, strict=True)})
    assert found.verdict == verdict
    assert (found.chunks[0].id if found.chunks else "") == first
    if rows:
        assert found.scores == pytest.approx(
            {
                "supported": max(r[0] for r in rows),
                "contradicted": max(r[1] for r in rows),
                "unverifiable": min(r[2] for r in rows),
            }
        )


def test_labels_of_a_citation_as_in_biogen() -> None:
    assert label(None) == Cited.UNRESOLVED
    assert label([]) == Cited.NOT_RELEVANT
    assert label([U]) == Cited.NEUTRAL
    assert label([U, S]) == Cited.SUPPORTS
    assert label([C, U]) == Cited.CONTRADICTS


def test_alce_by_hand() -> None:
    """Four statements: a good and a needless citation; two good ones; an invented one beside a good one; none.

    | statement | citations | recalled | precise |
    | 1 | a supports, b does not and is not needed | yes | a |
    | 2 | c supports, d supports | yes | c, d |
    | 3 | e supports, x does not exist | yes | e |
    | 4 | none | no | |
    Recall 3/4; precision 4/6 (ALCE itself would not count x).
    """
    never = {"joint": lambda pmids: 0.0}
    statements = [
        read_statement({"a": [S], "b": [U]}, **never),
        read_statement({"c": [S], "d": [S]}, **never),
        read_statement({"e": [S], "x": None}, **never),
        read_statement({}, **never),
    ]
    assert recall(statements) == 3 / 4
    assert [[p for p in s.cited if precise(s, p)] for s in statements] == [["a"], ["c", "d"], ["e"], []]
    assert precision(statements) == 4 / 6
    assert rates(statements) == pytest.approx(
        {
            "supports": 4 / 6,
            "contradicts": 0,
            "neutral": 1 / 6,
            "not relevant": 0,
            "unresolved": 1 / 6,
            "coverage": 3 / 4,
        }
    )


def test_citations_that_support_only_together_are_both_precise() -> None:
    asked: list[tuple[str, ...]] = []

    def joint(pmids: object) -> float:
        asked.append(tuple(pmids))  # type: ignore[arg-type]
        return 0.8 if len(asked[-1]) == 2 else 0.1

    found = read_statement({"a": [U], "b": [U]}, joint)
    assert found.together
    assert precision([found]) == 1.0
    assert asked[0] == ("a", "b")


def test_a_needless_citation_beside_two_that_are_needed_is_not_precise() -> None:
    """ALCE: c supports nothing alone, and a and b support the statement without it."""
    found = read_statement({"a": [U], "b": [U], "c": [U]}, lambda pmids: 0.9 if {"a", "b"} <= set(pmids) else 0.0)
    assert [precise(found, pmid) for pmid in "abc"] == [True, True, False]


def test_fabricated_citations_alone() -> None:
    found = read_statement({"x": None, "y": None}, lambda pmids: 1.0)
    assert (found.together, precision([found]), recall([found])) == (False, 0.0, 0.0)


def test_without_citations_or_statements_nothing_is_perfect() -> None:
    assert recall([]) is None
    assert precision([Statement({}, False, {})]) is None
    assert rates([Statement({}, False, {})]) is None


def test_k_qa_by_hand() -> None:
    """Must: entailed, not, contradicted → 1/3. Contradictions: one must-have and one nice-to-have."""
    verdicts = {"must": ["supported", "unverifiable", "contradicted"], "nice": ["contradicted", "supported"]}
    assert completeness(verdicts) == 1 / 3
    assert contradictions(verdicts) == 2
    assert completeness({"must": [], "nice": ["supported"]}) is None


def test_selfcheck_is_the_mean_of_contradiction_among_the_two() -> None:
    scores = {(CLAIM, "x"): (0.6, 0.2, 0.2), (CLAIM, "y"): (0.1, 0.4, 0.5), (CLAIM, "z"): (0.0, 0.0, 1.0)}
    assert selfcheck(CLAIM, ["x", "y", "z"], scores) == pytest.approx((0.2 / 0.8 + 0.4 / 0.5 + 0.5) / 3)
    assert selfcheck(CLAIM, [], scores) is None


def test_semantic_entropy_by_hand() -> None:
    clusters = semantic_clusters(["a", "A", "b", "a"], lambda x, y: x.lower() == y.lower())
    assert clusters == [0, 0, 1, 0]
    assert entropy(clusters) == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))
    assert entropy([0, 0, 0]) == 0
    assert entropy([0, 1, 2]) == pytest.approx(math.log(3))
    assert entropy([0]) is None


@pytest.mark.parametrize(
    ("chunk", "counts"),
    [
        ("Quorvacept did not lower pain in adults.", True),
        ("Quorvacept raised pain in adults.", True),
        ("Quorvacept was given to adults with pain twice a day.", False),
        ("Bread did not lower the weight of most mice.", False),
    ],
)
def test_a_contradiction_that_must_be_confirmed(chunk: str, counts: bool) -> None:
    """A checker that reads directions only is believed where the rules see an opposite finding on the same thing."""
    claim, held = "Quorvacept lowered pain in adults.", chunks(chunk)
    scores = {(claim, chunk): C}
    assert judge(claim, held, scores).verdict == Verdict.CONTRADICTED
    assert judge(claim, held, scores, confirm=True).verdict == (
        Verdict.CONTRADICTED if counts else Verdict.UNVERIFIABLE
    )
