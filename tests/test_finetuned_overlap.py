"""Overlap functions against brute force and hand-made cases."""

from __future__ import annotations

import random

import pytest

from finetuned.overlap import (
    BREAK,
    OverlapIndex,
    PhraseIndex,
    common_subsequence,
    longest_run,
    normalise,
    shared_ngrams,
    tokenise,
)

WORDS = ("aspirin", "warfarin", "stroke", "risk", "the", "of", "in", "patients", "trial", "dose", "0.5", "mg")


def texts(seed: int, count: int, longest: int) -> list[list[str]]:
    rng = random.Random(seed)
    return [[rng.choice(WORDS) for _ in range(rng.randrange(longest))] for _ in range(count)]


def test_normalisation_ignores_case_punctuation_layout_and_encoding_but_not_numbers() -> None:
    assert normalise("  Is\tASPIRIN — “better”?\n") == "is aspirin better"
    assert normalise("ﬁbrosis cafe\u0301") == normalise("Fibrosis caf\u00e9")
    assert tokenise("p<0.05, IL-6 (n = 1,200)") == ["p", "0.05", "il", "6", "n", "1", "200"]
    assert normalise("0.05") != normalise("0.5")
    assert normalise("which&nbsp;en\u00adzyme is\u200bit, a&lt;b?") == "which enzyme is it a b"


@pytest.mark.parametrize("n", [1, 3, 8])
@pytest.mark.parametrize("common", [None, 2])
def test_coverage_equals_brute_force_over_sets(n: int, common: int | None) -> None:
    indexed, queries = texts(1, 40, 30), texts(2, 40, 60)
    sets = [{tuple(t[i : i + n]) for i in range(len(t) - n + 1)} for t in indexed]
    indexed += indexed[:5] * 3  # the same text again is no other text
    counts = {gram: sum(gram in s for s in set(map(frozenset, sets))) for s in sets for gram in s}
    sets += sets[:5] * 3
    kept = [{g for g in s if common is None or counts[g] <= common} for s in sets]
    index = OverlapIndex.build(indexed, n=n, common=common)
    assert list(index.sizes) == [len(s) for s in kept]
    for query in queries:
        grams = {tuple(query[i : i + n]) for i in range(len(query) - n + 1)}
        expected = {i: len(s & grams) for i, s in enumerate(kept) if s & grams}
        found = index.coverage(query)
        assert {o.text: o.shared for o in found} == expected
        assert all(o.share == pytest.approx(o.shared / len(kept[o.text])) for o in found)
        assert [o.share for o in found] == sorted((o.share for o in found), reverse=True)
        for o in found:
            assert all(tuple(query[p : p + n]) in kept[o.text] for p in o.positions)


def test_no_ngram_reaches_across_a_break_or_an_unknown_word() -> None:
    index = OverlapIndex.build(["a b c d"], n=4)
    assert index.coverage("x a b c d y")[0].share == 1
    assert index.coverage(["a", "b", BREAK, "c", "d"]) == []
    assert index.coverage("a b zebra c d") == []
    assert index.coverage("") == []
    assert OverlapIndex.build([], n=4).coverage("a b c d") == []


def test_at_least_leaves_out_the_less_covered() -> None:
    index = OverlapIndex.build(["a b c d e f", "c d e x y z"], n=2)
    assert [o.text for o in index.coverage("a b c d e", at_least=0.5)] == [0]


def test_phrases_are_found_exactly_where_brute_force_finds_them() -> None:
    phrases, queries = texts(3, 60, 5), texts(4, 60, 40)
    index = PhraseIndex.build(phrases)
    for query in queries:
        expected = [
            i
            for i, p in enumerate(phrases)
            if p and any(query[s : s + len(p)] == p for s in range(len(query) - len(p) + 1))
        ]
        assert index.contained(query) == expected


def test_longest_run_equals_dynamic_programming() -> None:
    for first, second in zip(texts(5, 60, 25), texts(6, 60, 25), strict=True):
        best, table = 0, [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
        for i, a in enumerate(first):
            for j, b in enumerate(second):
                table[i + 1][j + 1] = table[i][j] + 1 if a == b else 0
                best = max(best, table[i + 1][j + 1])
        start, length = longest_run(first, second, n=2)
        assert length == (best if best >= 2 else 0)
        assert " ".join(first[start : start + length]) in " ".join(second)


def test_common_subsequence_equals_dynamic_programming() -> None:
    for first, second in zip(texts(7, 80, 25), texts(8, 80, 40), strict=True):
        table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
        for i, a in enumerate(first):
            for j, b in enumerate(second):
                table[i + 1][j + 1] = table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
        assert common_subsequence(first, second) == table[-1][-1]


def test_shared_ngrams_is_a_share_of_the_first() -> None:
    assert shared_ngrams(list("abcd"), list("bcdef"), n=2) == pytest.approx(2 / 3)
    assert shared_ngrams(["a"], ["a"], n=2) == 0
