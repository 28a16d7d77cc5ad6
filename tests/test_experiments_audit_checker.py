"""Checkers by name, and the word-overlap baseline against a table worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.audit.checker import LABELS, load_checker
from experiments.errors import ModelCallError


def test_lexical_scores_are_shares_of_the_claims_words() -> None:
    pairs = [
        # stems of the claim: quendorax, lower, blood, pressur
        ("Quendorax lowers blood pressure.", "We gave quendorax. Quendorax lowered blood pressure in adults."),
        ("Quendorax lowers blood pressure.", "Quendorax was given. Blood was drawn."),  # 1 of 4 either way
        ("Quendorax lowered blood pressure.", "Quendorax did not lower blood pressure."),  # an effect against none
        ("Quendorax lowers blood pressure.", ""),
        ("", "Quendorax lowers blood pressure."),
    ]
    expected = [[1, 0, 0], [0.25, 0, 0.75], [0, 1, 0], [0, 0, 1], [0, 0, 1]]
    scores = load_checker("lexical").scores(pairs)
    assert scores.dtype == np.float32
    assert np.allclose(scores, expected)
    assert len(LABELS) == scores.shape[1]


def test_no_pairs_give_no_rows() -> None:
    assert load_checker("lexical").scores([]).shape == (0, 3)


def test_an_unknown_checker_names_those_there_are() -> None:
    with pytest.raises(ModelCallError, match=r"no checker 'oracle:x'; there are: hf, lexical, verifier"):
        load_checker("oracle:x")
