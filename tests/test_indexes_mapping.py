"""Worker processes: what they report, how they fail, and whom an error ends."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, record

from indexes import build
from indexes.errors import EncoderError, SourceError
from indexes.mapping import Tally, _map_in_pool, silent

Write = Callable[..., Path]


def test_progress_that_cannot_be_shown_ends_a_build_and_does_not_hang_it(tmp_path: Path) -> None:
    """Unread, the events of these files would fill the pipe of 64 KB, before which the workers would wait for ever."""
    sources = tmp_path / ("x" * 200) / ("y" * 200)
    sources.mkdir(parents=True)
    for n in range(1, 121):
        (sources / f"{n}.jsonl").write_text(json.dumps(record(n)))
    script = (
        "import sys; from pathlib import Path\n"
        "from indexes import build\n"
        "def report(*event): raise BrokenPipeError('nobody reads')\n"
        "if __name__ == '__main__':\n"
        "    folder = Path(sys.argv[1])\n"
        "    build(folder / 'index', [folder], encoder='hashing', workers=2, report=report)\n"
    )
    path = tmp_path / "script.py"
    path.write_text(script)
    command = [sys.executable, str(path), str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=90)
    assert run.returncode == 1
    assert run.stderr.rstrip().endswith("BrokenPipeError: nobody reads")


def test_an_error_ends_the_workers_and_no_other_process_of_the_caller(tmp_path: Path, write_jsonl: Write) -> None:
    other = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
    other.start()
    bad = tmp_path / "bad.jsonl"
    bad.write_text("no json\n")
    try:
        with pytest.raises(SourceError, match=r"bad\.jsonl"):
            build(tmp_path / "index", [write_jsonl("a.jsonl", record(1)), bad], encoder="hashing", workers=2)
        time.sleep(0.2)
        assert other.is_alive()
        assert multiprocessing.active_children() == [other]
    finally:
        other.terminate()
        other.join()


def test_an_encoder_that_workers_cannot_load_is_named(tmp_path: Path, write_jsonl: Write) -> None:
    sources = [write_jsonl(f"{n}.jsonl", record(n)) for n in (1, 2)]
    (tmp_path / "shards").mkdir()
    tally = Tally(silent, {str(p): p.stat().st_size for p in sources})
    with pytest.raises(EncoderError, match="unknown encoder 'nonsense'"):
        _map_in_pool(tmp_path, sources, dict.fromkeys(sources, "0" * 64), "nonsense", 2, tally)
