"""Readers that search while updates switch generations: none fails, none sees two generations at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, record

from indexes import Index, build, update

READER = """
import sys
from pathlib import Path
from indexes import Index
directory, wanted, every = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
epochs, done = set(), 0
while done < wanted:
    with Index(directory) as index:
        for n in range(every):
            hits = index.search("zephyr paper", 5, mode=("hybrid", "dense", "lexical")[n % 3])
            seen = {hit.document.abstract.split()[-1] for hit in hits} | {index.get("7").abstract.split()[-1]}
            assert len(hits) == 5, len(hits)
            assert len(seen) == 1, f"two generations at once: {seen}"
            epochs |= seen
            done += 1
print(done, len(epochs))
"""


def epoch(path: Path, number: int, papers: int) -> Path:
    lines = (json.dumps(record(n, f"zephyr paper {n} of epoch {number}", version=number + 1)) for n in range(1, papers))
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def read_while_updating(folder: Path, *, searches: int, readers: int, updates: int) -> tuple[int, int]:
    """Return the searches done and the largest number of generations that one reader saw."""
    directory = folder / "index"
    build(directory, [epoch(folder / "0.jsonl", 0, 60)], encoder="hashing")
    command = [sys.executable, "-c", READER, str(directory), str(searches // readers), "10"]
    running = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(readers)
    ]
    number = 0
    while any(process.poll() is None for process in running) or number < updates:
        number += 1
        update(directory, [epoch(folder / f"{number}.jsonl", number, 60)], encoder="hashing")
    done = most = 0
    for process in running:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        count, seen = map(int, out.split())
        done, most = done + count, max(most, seen)
    with Index(directory) as index:
        assert index.get("7").abstract.endswith(f"epoch {number}")  # type: ignore[union-attr]
    return done, most


def test_readers_never_fail_or_mix_generations(tmp_path: Path) -> None:
    done, seen = read_while_updating(tmp_path, searches=600, readers=2, updates=3)
    assert done >= 600
    assert seen > 1  # else nothing was switched under them


@pytest.mark.slow
def test_ten_thousand_searches_while_generations_switch(tmp_path: Path) -> None:
    done, seen = read_while_updating(tmp_path, searches=10_000, readers=3, updates=10)
    assert done >= 10_000
    assert seen > 3
