"""The pictures in docs/: the architecture is what the imports say, and each picture is small and shown somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from architecture import PICTURE, draw, read_imports
from conftest import ROOT
from lxml import etree
from test_architecture import ALLOWED, LATE

PICTURES = sorted((ROOT / "docs" / "pictures").iterdir())


def test_architecture_is_that_of_the_imports() -> None:
    assert PICTURE.read_text(encoding="utf-8") == draw(read_imports()), "an import has changed: run `make pictures`"


def test_arrows_drawn_are_those_allowed() -> None:
    """Independent of the drawing: the arrows that the design allows, with those inside functions dashed."""
    found = read_imports()
    drawn = {(source, target) for source, imports in found.items() for target in imports.names}
    assert drawn == {(source, target) for source, targets in ALLOWED.items() for target in targets} | LATE
    assert not {(s, t) for s, t in LATE if t in found[s].always}
    lines = etree.fromstring(PICTURE.read_bytes()).iterfind(".//{*}line")
    dashed = [line.get("stroke-dasharray") is not None for line in lines]
    assert len(dashed) == len(drawn)
    assert sum(dashed) == sum(target not in found[source].always for source, target in drawn)


def test_an_import_at_the_top_is_told_from_one_in_a_function(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["faiss-cpu>=1", "numpy"]\n')
    for package in ("experiments", "rag", "finetuned", "indexes"):
        (tmp_path / package / "part").mkdir(parents=True)
    (tmp_path / "rag" / "a.py").write_text("import faiss, os\nfrom indexes import A, B\nfrom .b import C\n")
    (tmp_path / "rag" / "part" / "b.py").write_text("from indexes.x import A\ndef f():\n    from finetuned import D\n")
    rag = read_imports(tmp_path)["rag"]
    assert (rag.always, rag.folders, rag.libraries) == ({"indexes"}, {"part"}, {"faiss-cpu"})
    assert rag.names == {"indexes": {"A": 2, "B": 1}, "finetuned": {"D": 1}}


@pytest.mark.parametrize("picture", PICTURES, ids=lambda p: p.name)
def test_picture_is_small_and_shown(picture: Path) -> None:
    assert picture.suffix in {".png", ".svg"}
    assert picture.stat().st_size < 150_000
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
    shown = "".join(page.read_text(encoding="utf-8") for page in pages)
    assert re.search(rf"!\[[^\]]{{10,}}\]\((docs/)?pictures/{re.escape(picture.name)}\)", shown), "with words for it"
