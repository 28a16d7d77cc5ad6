"""Checkers: does the evidence support a claim, contradict it, or neither? One method, `scores`.

A new kind is one function that takes what follows "KIND:" in its name, and one line in `CHECKERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from experiments.errors import ModelCallError
from rag.aligning import content_words
from rag.conflicts import finding
from rag.sentences import split_sentences

LABELS = ("supported", "contradicted", "unverifiable")
DEFAULT_CHECKER = "verifier"


class Checker(Protocol):
    """What judges claims. `scores` takes (claim, evidence) pairs and returns one row each, float32 [n, 3].

    Columns as `LABELS`, probabilities that sum to 1. The evidence may be a whole abstract, or empty.
    """

    def scores(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]: ...


class Lexical:
    """A baseline that reads nothing: the share of the claim's words in the best sentence of the evidence.

    That share goes to "contradicted" where one of the two reports an effect and the other none.
    """

    def scores(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        return np.array([_overlap(claim, evidence) for claim, evidence in pairs], dtype=np.float32).reshape(-1, 3)


@lru_cache(maxsize=10_000)  # the claims of an answer are held against the same texts
def _sentences(evidence: str) -> tuple[tuple[str, frozenset[str]], ...]:
    return tuple((span.text, frozenset(content_words(span.text))) for span in split_sentences(evidence))


def _overlap(claim: str, evidence: str) -> tuple[float, float, float]:
    words = content_words(claim)
    shares = [(len(words & theirs) / len(words), text) for text, theirs in _sentences(evidence) if words]
    share, best = max(shares, default=(0.0, ""))
    if {finding(claim), finding(best)} == {"effect", "no effect"}:
        return 0.0, share, 1 - share
    return share, 0.0, 1 - share


def _verifier(rest: str) -> Checker:
    verifier: Checker = import_module("finetuned.verifier").load_verifier()
    return verifier


def _hf(rest: str) -> Checker:
    from .hf_checker import load_hf_checker

    return load_hf_checker(rest)


CHECKERS: dict[str, Callable[[str], Checker]] = {
    "verifier": _verifier,  # the one shipped with clinrag
    "lexical": lambda rest: Lexical(),
    "hf": _hf,  # a published checkpoint: hf:ORG/NAME@REVISION, hf:/folder
}


def checker_name(spec: str, checker: Checker) -> str:
    """Return what judgements call a checker: with the hash of its weights, so that other weights judge anew."""
    if spec == DEFAULT_CHECKER:
        from finetuned.adapters import shipped_folder
        from rag.hf_loading import hash_folder

        return f"{spec}@{hash_folder(shipped_folder('verifier'))}"
    return str(getattr(checker, "name", spec))


def load_checker(spec: str = DEFAULT_CHECKER) -> Checker:
    """Return a checker by name, "KIND" or "KIND:WHAT".

    Raises:
        ModelCallError: there is no such kind.
    """
    kind, _, rest = spec.partition(":")
    if kind not in CHECKERS:
        raise ModelCallError(f"no checker {spec!r}; there are: {', '.join(sorted(CHECKERS))}")
    return CHECKERS[kind](rest)
