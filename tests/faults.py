"""Long commands, and what is done to them: killed, out of disk, their files cut or changed.

A `Story` is one command with its inputs, its result as a user sees it, and the folder it writes. After any fault the
command run again must give the result of an undisturbed run, or refuse with an error that names the damaged file.

A command is run in a process forked from a server that has imported the packages: the seconds it takes are its own
work, so that a kill at a random point of them comes where it reads and writes, and not where Python starts.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from conftest import ROOT, SAMPLE

from indexes import Index
from indexes.verification import verify

IMPORTED = ["clinrag", "indexes.building", "indexes.index", "experiments.runner", "experiments.report", "httpx"]
IMPORTED_LATE = ["experiments.audit.audit", "finetuned.training.run", "finetuned.training.stage"]  # seconds more
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}


@dataclass(frozen=True)
class Story:
    """`prepare` makes the inputs in a folder; `command` are the arguments; `result` reads what came out of it.

    `lock`: what a process that runs the command holds, in `out`.
    """

    name: str
    out: str
    prepare: Callable[[Path], None]
    command: tuple[str, ...]
    result: Callable[[Path], Any]
    lock: str = ".lock"


class Ended(NamedTuple):
    """How a command ended, what it said, after how many seconds, and whether it was still running when killed."""

    returncode: int
    stdout: str
    stderr: str
    seconds: float
    killed: bool = False


def start_server(*, everything: bool) -> None:
    """Start what commands are forked from; `everything`: with the imports of training, which take seconds."""
    os.environ |= ENVIRONMENT
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["faults", *IMPORTED, *(IMPORTED_LATE if everything else [])])


def _command(folder: str, log: str, environment: dict[str, str], arguments: tuple[str, ...]) -> None:
    os.chdir(folder)
    os.environ |= environment
    for number, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(f"{log}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
    sys.argv = ["clinrag", *arguments]
    import clinrag

    clinrag.main()


def clinrag(folder: Path, *arguments: str, kill: tuple[float, signal.Signals] | None = None) -> Ended:
    """Run a command in a folder, to its end or until it is killed after so many seconds."""
    with tempfile.TemporaryDirectory() as log:
        context = multiprocessing.get_context("forkserver")
        process = context.Process(target=_command, args=(str(folder), log, dict(ENVIRONMENT), arguments))
        process.start()
        started = time.monotonic()
        process.join(kill[0] if kill else 600)
        running = process.is_alive()
        if kill and running:
            os.kill(process.pid or 0, kill[1])
            process.join(60)
        assert process.exitcode is not None, f"{arguments} did not end"
        said = [(p.read_text() if (p := Path(log) / name).exists() else "") for name in ("stdout", "stderr")]
        return Ended(process.exitcode, *said, time.monotonic() - started, bool(kill) and running)


class RefusedError(AssertionError):
    """A command that was to give a result failed with this message."""


def done(folder: Path, *arguments: str) -> str:
    run = clinrag(folder, *arguments)
    if run.returncode:
        raise RefusedError(run.stderr)
    return run.stdout


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
    assert verify(folder / "index") == []
    with Index(folder / "index") as index:
        hits = [(h.pmid, round(h.score, 5), h.document.text) for h in index.search("migraine prevention")]
        made = index.manifest
    sources = sorted((s.name, s.records, s.documents, s.deletions, tuple(s.skipped.items())) for s in made.sources)
    return made.documents, made.pmid_sha256, made.retracted, made.faiss["recall_at_10"], sources, hits


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


def _without_times(text: str) -> Any:
    return json.loads(
        text, object_hook=lambda d: {k: v for k, v in d.items() if "second" not in k and k not in ("created", "run")}
    )


def _report(folder: Path) -> Any:
    return _without_times(done(folder, "experiment", "report", "run", "--json"))


def _answered(folder: Path) -> None:
    _config(folder)
    done(folder, "experiment", "run", "config.yaml", "--index", "index", "--out", "run")


AUDIT = ("experiment", "audit", "run", "--index", "index", "--checker", "lexical")


def _audited(folder: Path) -> Any:
    return _without_times(done(folder, *AUDIT, "--json")), _report(folder)


def _trained(folder: Path) -> Any:
    """Hash every file of every model of the run, and read what the run says it measured."""
    out = folder / "tuned"
    kept = [p for p in sorted(out.rglob("*")) if p.is_file() and p.parent.name in ("base", "model")]
    record = _without_times((out / "run.json").read_text())
    measured = [{k: v for k, v in stage.items() if k not in ("peak_memory",)} for stage in record["stages"]]
    return {str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in kept}, measured


RECIPE = """
architecture: {hidden: 16, feed_forward: 32, layers: 1, heads: 2, key_value_heads: 1, vocabulary: 400}
method: full
learning_rate: 0.004
batch: 4
max_length: 128
checkpoint_every: 10
held_out: 0.15
decontaminate: false
stages:
  - {stage: inject, data: [papers], epochs: 1}
  - stage: adapt
    data: [questions.jsonl]
    prompt: "Question: {question}\\n\\n{options?}\\n\\nAnswer with one word or letter."
    answer: "{answer}"
    choices: ["yes", "no", "maybe"]
    epochs: 2
"""


def _recipe(folder: Path) -> None:
    _sources(folder)
    shutil.copy(SAMPLE.parent / "questions.jsonl", folder)
    (folder / "recipe.yaml").write_text(RECIPE)


def _nothing(_: Path) -> None: ...


def _brought(folder: Path) -> Any:
    """Return the contents of the files brought, unpacked: what a gzip's header says of time and system is no result."""
    return {p.name: gzip.decompress(p.read_bytes()) for p in sorted((folder / "out").glob("[!.]*.gz"))}


BUILD = ("index", "build", "index", "papers", "--encoder", "hashing")
STORIES = {
    story.name: story
    for story in (
        Story("build", "index", _sources, BUILD, _searches),
        Story("update", "index", _built, ("index", "update", "index", "papers/synthetic26n0002.xml"), _searches),
        Story("ray build", "index", _sources, (*BUILD, "--engine", "ray", "--workers", "1"), _searches),
        Story("download", "out", _nothing, ("index", "download", "out"), _brought, lock=".download.lock"),
        Story(
            "fetch",
            "out",
            _nothing,
            ("index", "fetch", "out", "--query", "anything", "--max", "1200"),
            _brought,
            lock=".download.lock",
        ),
        Story("run", "run", _config, ("experiment", "run", "config.yaml", "--index", "index", "--out", "run"), _report),
        Story("audit", "run", _answered, AUDIT, _audited, lock="audit/.lock"),
        Story("train", "tuned", _recipe, ("train", "run", "recipe.yaml", "--out", "tuned"), _trained),
    )
}
