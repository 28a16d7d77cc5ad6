"""Long commands, and what is done to them: killed, out of disk, their files cut or changed.

A `Story` is one command with its inputs, its result as a user sees it, and the folder it writes. After any fault the
command run again must give the result of an undisturbed run, or refuse with an error that names the damaged file.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conftest import ROOT, SAMPLE

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


@dataclass(frozen=True)
class Story:
    """`prepare` makes the inputs in a folder; `command` are the arguments; `result` reads what came out of it."""

    name: str
    out: str
    prepare: Callable[[Path], None]
    command: tuple[str, ...]
    result: Callable[[Path], Any]


def clinrag(folder: Path, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in a folder."""
    command = [sys.executable, str(ROOT / "clinrag.py"), *arguments]
    return subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=timeout)


def done(folder: Path, *arguments: str) -> str:
    run = clinrag(folder, *arguments)
    assert run.returncode == 0, run.stderr
    return run.stdout


def killed(folder: Path, story: Story, after: float, signal_: signal.Signals) -> bool:
    """Start the command, end it after so many seconds; return whether it was still running."""
    command = [sys.executable, str(ROOT / "clinrag.py"), *story.command]
    with subprocess.Popen(
        command, cwd=folder, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        time.sleep(after)
        running = process.poll() is None
        process.send_signal(signal_)
        process.wait(60)
    return running


def damaged(path: Path, how: str, places: random.Random) -> None:
    """Cut a file in half, or change one byte of it."""
    content = bytearray(path.read_bytes())
    if how == "cut":
        del content[len(content) // 2 :]
    else:
        content[places.randrange(len(content))] ^= 1 << places.randrange(8)
    path.unlink()  # not written in place: a hard link elsewhere stays as it was
    path.write_bytes(bytes(content))


def _sources(folder: Path) -> None:
    shutil.copytree(SAMPLE, folder / "papers")


def _searches(folder: Path) -> Any:
    info = json.loads(done(folder, "index", "info", "index", "--json"))
    hits = json.loads(done(folder, "index", "search", "index", "migraine prevention", "--json"))
    verified = clinrag(folder, "index", "verify", "index")
    assert verified.returncode == 0, verified.stdout
    return info["documents"], info["pmid_sha256"], [(h["pmid"], round(h["score"], 5), h["text"]) for h in hits]


def _built(folder: Path) -> None:
    _sources(folder)
    done(folder, "index", "build", "index", "papers/synthetic26n0001.xml", "--encoder", "hashing")


def _config(folder: Path) -> None:
    _sources(folder)
    done(folder, "index", "build", "index", "papers", "--encoder", "hashing")
    (folder / "config.yaml").write_text(
        "tasks: [sample]\nbatch: 4\ncontenders:\n  - {name: rag, model: extractive, retrieval: {k: 3}}\n"
        "  - {name: other, model: extractive, retrieval: {k: 3, mode: lexical}}\n"
    )


def _report(folder: Path) -> Any:
    report = json.loads(done(folder, "experiment", "report", "run", "--json"))
    kept = {}
    for name, one in report["tasks"]["sample"]["contenders"].items():
        kept[name] = {k: v for k, v in one.items() if "second" not in k}
    return kept, report["tasks"]["sample"]["comparisons"]


def _answered(folder: Path) -> None:
    _config(folder)
    done(folder, "experiment", "run", "config.yaml", "--index", "index", "--out", "run")


def _audited(folder: Path) -> Any:
    found = json.loads(done(folder, "experiment", "audit", "run", "--index", "index", "--checker", "lexical", "--json"))
    return json.loads(json.dumps(found), object_hook=lambda d: {k: v for k, v in d.items() if "second" not in k})


def _trained(folder: Path) -> Any:
    import hashlib

    weights = sorted((folder / "model").rglob("*.safetensors"))
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in weights}


def _recipe(folder: Path) -> None:
    for package in ("indexes", "finetuned"):
        (folder / package).symlink_to(ROOT / package)


STORIES = {
    story.name: story
    for story in (
        Story("build", "index", _sources, ("index", "build", "index", "papers", "--encoder", "hashing"), _searches),
        Story("update", "index", _built, ("index", "update", "index", "papers/synthetic26n0002.xml"), _searches),
        Story("run", "run", _config, ("experiment", "run", "config.yaml", "--index", "index", "--out", "run"), _report),
        Story(
            "audit",
            "run",
            _answered,
            ("experiment", "audit", "run", "--index", "index", "--checker", "lexical"),
            _audited,
        ),
        Story("train", "model", _recipe, ("train", "run", "finetuned/recipes/tiny.yaml", "--out", "model"), _trained),
    )
}
