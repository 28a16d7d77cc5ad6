"""ICD-10-CM codes against a small table."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from rag.codes import check_codes, read_codes
from rag.errors import RagError

TABLE = frozenset({"E119", "J309", "S72001A", "U071"})


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("Diabetes (E11.9), COVID-19 (U07.1) and a fracture (S72.001A).", []),
        ("The category E11 is coded for diabetes.", []),  # a category of a code that exists
        ("Diabetes is E11.X7 here.", ["E11.X7"]),
        ("The ICD-10 code is J30.4.", ["J30.4"]),
        ("Codes: E119, E118.", ["E118"]),
        ("Vitamin B12, H1N1 and P53 were measured; A10.5% rose.", []),  # nothing here is called a code
    ],
)
def test_codes_are_looked_up(text: str, unknown: list[str]) -> None:
    assert [text[f.start : f.end] for f in check_codes(text, TABLE)] == unknown


def test_without_a_table_only_the_form_of_what_is_called_a_code_is_checked() -> None:
    assert check_codes("ICD-10 code J30.4", None) == []  # it may exist: there is no table to look in
    assert [f.why for f in check_codes("ICD-10 code U12.3", None)] == ["U12.3 has not the form of an ICD-10-CM code"]
    assert check_codes("Chapter U12.3 of the book", None) == []


def test_tables(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "t.tsv.gz", "wt") as file:
        file.write("code\tbillable\nA000\t1\nE11.9\t1\n")
    assert read_codes(tmp_path / "t.tsv.gz") == {"A000", "E119"}
    (tmp_path / "official.txt").write_text("E119    Type 2 diabetes\nU071    COVID-19\n", encoding="utf-8")
    official = read_codes(tmp_path / "official.txt")
    assert official == {"E119", "U071"}
    assert check_codes("COVID-19 (U07.1) by ICD-10.", official) == []
    (tmp_path / "bad.txt").write_text("nothing\n", encoding="utf-8")
    with pytest.raises(RagError, match="has no ICD-10-CM code in its first column"):
        read_codes(tmp_path / "bad.txt")
    with pytest.raises(RagError, match="cannot be read as a table of codes"):
        read_codes(tmp_path / "none.tsv")
