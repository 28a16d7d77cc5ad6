"""The notebook runs from top to bottom, and shows what the same run's records say."""

from __future__ import annotations

import os
import re
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT
from nbclient import NotebookClient

from experiments.records import read_records

NOTEBOOK = ROOT / "docs" / "head-to-head.ipynb"


@pytest.fixture(scope="module")
def run_here(tmp_path_factory: pytest.TempPathFactory) -> tuple[nbformat.NotebookNode, Path]:
    """Run it in a kernel of its own; return it with its outputs, and the folder in which it made its own."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    client.execute(env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(folder), "JUPYTER_PLATFORM_DIRS": "1"})
    return notebook, folder


def outputs(notebook: nbformat.NotebookNode, kind: str) -> str:
    found = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(str(o.get("text", "") if kind == "text" else o.get("data", {}).get(kind, "")) for o in found)


def test_what_it_shows_is_what_the_records_say(run_here: tuple[nbformat.NotebookNode, Path]) -> None:
    notebook, folder = run_here
    (run,) = folder.glob("clinrag-*/run")
    table = outputs(notebook, "text/html")
    files = sorted((run / "records").glob("**/*.jsonl"))
    assert len(files) == 5
    for file in files:
        records = list(read_records(file))
        correct = sum(record.outcome == "correct" for record in records)
        name = records[0].contender
        assert re.search(rf"<th>{re.escape(name)}</th>\s*<td>{len(records)}</td>\s*<td>{correct}</td>", table), name
    assert len(re.findall(r"<circle[^>]*class=.point", outputs(notebook, "image/svg+xml"))) == 3
    assert "258 documents, 2 retracted" in outputs(notebook, "text")
    assert "No answer." in outputs(notebook, "text")


def test_it_is_stored_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert all(cell.outputs == [] and cell.execution_count is None for cell in notebook.cells if "outputs" in cell)
