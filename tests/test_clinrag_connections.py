"""No command speaks to anyone but those it is asked to speak to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, SAMPLE

GUARD = """
import socket, sys
log = open(sys.argv[1], "a", buffering=1)
def watch(event, args):
    if event == "socket.connect" and args[0].family != socket.AF_UNIX:
        log.write(f"connect {args[1]}\\n")
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        log.write(f"{event} {args[0]}\\n")
sys.addaudithook(watch)
sys.argv = sys.argv[2:]
import clinrag
clinrag.main()
"""
TEMPTED = {
    "LANGSMITH_TRACING": "true",
    "LANGCHAIN_TRACING_V2": "true",
    "LANGSMITH_API_KEY": "not-a-key",
    "LANGCHAIN_API_KEY": "not-a-key",
    "HF_HUB_OFFLINE": "0",
    "CI": "",  # some libraries are quiet where tests run
}


def guarded(log: Path, *arguments: object, code: int = 0) -> list[str]:
    """Run a command where every connection and name look-up of Python's is written down; return those."""
    done = subprocess.run(
        [sys.executable, "-c", GUARD, str(log), "clinrag", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **TEMPTED},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == code, done.stderr
    return log.read_text().splitlines() if log.exists() else []


def test_the_guard_sees_a_connection(tmp_path: Path) -> None:
    seen = guarded(tmp_path / "log", "ask", tmp_path, "question?", "--llm", "openai:m@http://localhost:9/v1", code=1)
    assert seen == []  # the index is looked at first, and there is none
    target = tmp_path / "out"
    os.environ["CLINRAG_PUBMED_URL"] = "http://localhost:9/"
    try:
        seen = guarded(tmp_path / "log", "index", "download", target, "--updates", "--files", 1, code=1)
    finally:
        del os.environ["CLINRAG_PUBMED_URL"]
    assert any("localhost" in line for line in seen)
    assert any("9)" in line for line in seen)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quiet")
    assert guarded(folder / "log", "index", "build", folder / "index", SAMPLE / "synthetic26n0002.xml") == []
    return folder / "index"


@pytest.mark.parametrize(
    "command",
    [
        "ask {index} {question} --json",
        "index search {index} {question}",
        "index update {index} {sample}/synthetic26n0001.xml",
        "experiment run {config} --index {index} --limit 2 --out {out}/run",
    ],
)
def test_commands_open_no_connection_even_where_tracing_is_switched_on(
    command: str, index: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "tasks: [sample]\ncontenders:\n  - model: baseline:majority\n"
        "  - {name: rag, model: extractive, retrieval: {k: 3}}\n"
    )
    words = {
        "index": index,
        "question": "Do Brackley meals lower migraine days?",
        "sample": SAMPLE,
        "config": config,
        "out": tmp_path,
    }
    assert guarded(tmp_path / "log", *(part.format(**words) for part in command.split())) == []
