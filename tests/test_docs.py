"""What the documentation shows is run: commands with their output, and Python.

In a ```console block a line "$ …" is run by bash in a folder that has the repository's `indexes`, `experiments` and
`finetuned`, and what follows is its standard output; … stands for any text, alone on a line for any lines. Blocks of
a page are run in order in one folder. ```python blocks are run too. Links to files must exist.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*sorted(ROOT.glob("*.md")), *DOCS, *sorted(ROOT.glob("*/README.md"))]
_BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
PRELUDE = f'clinrag() {{ "{sys.executable}" "{ROOT / "clinrag.py"}" "$@"; }}\nset -eo pipefail\n'


def commands(block: str) -> list[tuple[str, str]]:
    """Split a console block into commands and the output shown for each; "> " continues a command."""
    steps: list[tuple[str, str]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], ""))
        elif line.startswith("> ") and not steps[-1][1]:
            steps[-1] = (f"{steps[-1][0]}\n{line[2:]}", "")
        else:
            steps[-1] = (steps[-1][0], steps[-1][1] + line.rstrip() + "\n")
    return steps


def matches(shown: str, got: str) -> bool:
    lines = [
        "(?:.*\n)*?" if line.strip() == "…" else ".*".join(map(re.escape, line.split("…"))) + "\n"
        for line in shown.splitlines()
    ]
    plain = "".join(line.rstrip() + "\n" for line in got.splitlines())
    return re.fullmatch("".join(lines) + "\n*", plain) is not None


def test_the_comparison_can_fail() -> None:
    assert matches("a … c\n…\nend\n", "a b c\nx\ny\nend\n")
    assert not matches("a … c\n", "a b d\n")
    assert not matches("a\n", "a\nb\n")
    assert commands("$ one\n> two\nout\n$ three\n") == [("one\ntwo", "out\n"), ("three", "")]


@pytest.mark.parametrize("page", DOCS, ids=lambda p: p.stem)
def test_what_a_page_shows_happens(page: Path, tmp_path: Path) -> None:
    for package in ("indexes", "experiments", "finetuned"):
        (tmp_path / package).symlink_to(ROOT / package)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "CLINRAG_HOME": str(tmp_path / "home")}
    for kind, block in _BLOCK.findall(page.read_text(encoding="utf-8")):
        steps = [("python", "")] if kind == "python" else commands(block)
        for command, shown in steps:
            call = [sys.executable, "-c", block] if kind == "python" else ["bash", "-c", PRELUDE + command]
            done = subprocess.run(call, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
            assert kind == "python" or matches(shown, done.stdout), (
                f"{command}\n--- shown\n{shown}\n--- got\n{done.stdout}"
            )


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_to_files_exist(page: Path) -> None:
    for target in _LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page}: {target}"
