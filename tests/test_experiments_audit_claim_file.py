"""`experiment check-claims`: labels against a table written by hand, and every way a file can be wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from clinrag import app
from experiments.audit.checker import LABELS
from experiments.audit.claim_file import Claim, check_claims, claims_table, label, read_claims
from experiments.errors import DataFormatError
from rag.flags import Flag

EVIDENCE = "Quendorax lowered systolic blood pressure by 12.5 mmHg in 306 patients (P = 0.0004)."
SURE = {name: {other: float(name == other) for other in LABELS} for name in LABELS}


class Yes:
    """Says "supported" to all, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def scores(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        assert pairs, "a model need not take nothing"
        self.asked += pairs
        return np.tile(np.array([0.8, 0.1, 0.1], np.float32), (len(pairs), 1))


@pytest.mark.parametrize(
    ("claim", "expected", "flags"),
    [
        ("Quendorax lowered systolic blood pressure.", "supported", []),
        ("Quendorax lowered systolic blood pressure by 13 mmHg (P < .001).", "supported", ["number_derived"] * 2),
        ("Quendorax lowered systolic blood pressure by 15 mmHg.", "contradicted", ["number_altered"]),
        ("Quendorax raised systolic blood pressure by 12.5 mmHg.", "contradicted", ["direction_reversed"]),
        ("Quendorax was given for 6 weeks.", "unverifiable", ["number_absent"]),
        ('"Quendorax is a drug from the sea."', "unverifiable", ["quote_absent"]),
    ],
)
def test_rules_overrule_a_checker_that_says_yes(claim: str, expected: str, flags: list[str]) -> None:
    (checked,) = check_claims([Claim("1", claim, EVIDENCE)], Yes())
    assert (checked.label, [f.kind for f in checked.flags]) == (expected, flags)
    assert checked.scores == {"supported": 0.8, "contradicted": 0.1, "unverifiable": 0.1}


@pytest.mark.parametrize(
    ("likeliest", "kind", "expected"),
    [
        ("supported", "", "supported"),
        ("supported", "number_altered", "contradicted"),
        ("supported", "number_absent", "unverifiable"),
        ("supported", "number_derived", "supported"),
        ("unverifiable", "number_altered", "unverifiable"),
        ("unverifiable", "direction_reversed", "contradicted"),
        ("contradicted", "number_absent", "contradicted"),
    ],
)
def test_the_label_follows_the_stated_rules(likeliest: str, kind: str, expected: str) -> None:
    assert label(SURE[likeliest], [Flag(kind, 0, 1, "")] if kind else []) == expected


def test_without_evidence_nothing_is_asked_and_nothing_is_verifiable() -> None:
    checker = Yes()
    claims = [Claim("a", "Quendorax works.", " "), Claim("b", "Quendorax lowered blood pressure.", EVIDENCE)]
    assert [c.label for c in check_claims(claims, checker)] == ["unverifiable", "supported"]
    assert checker.asked == [claims[1][1:]]
    assert [c.label for c in check_claims(claims[:1], checker)] == ["unverifiable"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"id": "1", "claim": "x", "evidence": ""}\n{"id": "2", "claim": "x"}', 'line 2: "evidence" is missing'),
        ('{"id": "1", "claim": 3, "evidence": ""}', r'line 1: "claim" is 3; a text is needed'),
        ('{"id": "1", "claim": "  ", "evidence": ""}', 'line 1: "claim" is empty'),
        ('{"id": "1", "claim": ', "line 1: it is no JSON"),
        ("[1]", "line 1: it is no JSON object"),
        (
            '{"id": 1, "claim": "x", "evidence": ""}\n\n{"id": "1", "claim": "y", "evidence": ""}',
            "line 3: id '1' stands",
        ),
        ("\n \n", "file: it has no claim"),
    ],
)
def test_a_wrong_file_is_refused_with_the_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "claims.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataFormatError, match=message):
        read_claims(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataFormatError, match=r"none\.jsonl, file: cannot be read"):
        read_claims(tmp_path / "none.jsonl")


def test_the_command_prints_a_table_or_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "claims.jsonl"
    lines = [
        {"id": "one", "claim": "Quendorax lowered systolic blood pressure by 12.5 mmHg.", "evidence": EVIDENCE, "n": 1},
        {"id": "two", "claim": "Quendorax lowered systolic blood pressure by 15 mmHg.", "evidence": EVIDENCE},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    command = ["experiment", "check-claims", str(path), "--model", "lexical"]
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0
    assert "error: gives another number than the source: 15 mmHg where the source has 12.5 mmHg" in shown.output
    assert "2 claims: 1 supported, 1 contradicted, 0 unverifiable" in shown.output
    records = [json.loads(line) for line in CliRunner().invoke(app, [*command, "--json"]).stdout.splitlines()]
    assert [r["id"] for r in records] == ["one", "two"]
    assert [set(r) for r in records] == [{"id", "label", "scores", "flags"}] * 2
    (flag,) = records[1]["flags"]
    assert lines[1]["claim"][flag["start"] : flag["end"]] == "15 mmHg"
    assert flag["severity"] == "error"


def test_ids_of_any_length_fit_the_table() -> None:
    checked = check_claims([Claim("a-very-long-id", "Quendorax lowered pressure.", EVIDENCE)], Yes())
    assert claims_table(checked).splitlines()[1].split() == ["a-very-long-id", "supported", "0.80", "0.10", "0.10"]
