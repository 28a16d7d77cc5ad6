"""`clinrag demo`: the whole story on the bundled synthetic sample. Build, ask, see what the checks do."""

from __future__ import annotations

import json
import os
import textwrap
from importlib.resources import as_file, files
from pathlib import Path

# One it can answer, one whose only direct evidence was retracted, one that nothing in the index answers.
QUESTIONS = (
    ("10-02", "A question that the index answers"),
    ("1-01", "A question whose best evidence is a retracted paper"),
    ("1-05", "A question that no paper answers"),
)


def home() -> Path:
    """Where artefacts go that nobody gave a place: $CLINRAG_HOME, or the platform's cache folder."""
    from platformdirs import user_cache_path

    given = os.environ.get("CLINRAG_HOME")
    return Path(given).expanduser() if given else user_cache_path("clinrag")


CONTENDERS = (
    {"name": "closed book (rules)", "model": "extractive", "strategy": "rules"},
    {"name": "RAG (rules)", "model": "extractive", "strategy": "rules", "retrieval": {"k": 5}},
    {"name": "gold abstracts given (rules)", "model": "extractive", "strategy": "rules", "retrieval": "oracle"},
)


def head_to_head(index: Path, run: Path) -> Path:
    """Compare arms of the embedded reader on the sample's questions; return the report's page."""
    from indexes.progress import Progress

    from .config import parse_config
    from .page import page
    from .report import build_report
    from .report_text import percent
    from .runner import run_experiment

    config = parse_config({"index": str(index), "tasks": ["sample"], "contenders": list(CONTENDERS)})
    with Progress() as progress:
        run_experiment(config, run, report=progress)
    report = build_report(run)
    rows = report["tasks"]["sample"]["contenders"]
    for name, row in rows.items():
        rest = f"{row['wrong']} wrong, {row['abstained']} abstained"
        print(f"   {name:<30} {percent(row['accuracy'], row['ci95'])} % correct of {row['n']}; {rest}")
    for sentence in report["verdict"]:
        print(textwrap.fill(sentence, 100, initial_indent="\n   ", subsequent_indent="   "))
    print(flush=True)
    file = run / "report.html"
    file.write_text(page(run, report), encoding="utf-8")
    return file


def demo() -> None:
    """Show the whole story on bundled synthetic papers, offline: build an index, ask it, look at the checks."""
    from indexes.building import build
    from indexes.index import Index
    from indexes.progress import Progress
    from rag.assistant import Assistant
    from rag.cli import answer_text

    directory = home() / "demo" / "index"
    sample = files("indexes.sample")
    print("clinrag's demonstration. All papers in it are synthetic, written for this purpose.\n", flush=True)
    with as_file(sample / "pubmed") as folder, Progress() as progress:
        manifest = build(directory, [folder], report=progress).manifest
    print(f"1. Built an index: {manifest.documents} abstracts ({manifest.retracted} retracted, left out by default)")
    print("   from a baseline and an update file in PubMed's XML, in")
    print(f"   {directory}\n")
    lines = (sample / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    questions = {q["qid"]: q["question"] for q in map(json.loads, lines)}
    with Index(directory) as index:
        assistant = Assistant(index)
        for number, (qid, title) in enumerate(QUESTIONS, 2):
            text = answer_text(assistant.ask(questions[qid]))
            print(f"{number}. {title}\n")
            print("\n".join(f"   {line}".rstrip() for line in text.splitlines()), "\n", flush=True)
    print(f"{len(QUESTIONS) + 2}. A head-to-head: reading what was found, against reading nothing\n", flush=True)
    page = head_to_head(directory, home() / "demo" / "run")
    print(f"   The whole report, with every question and answer: {page}\n")
    print(
        f"""Try next:
   clinrag experiment report {page.parent}
   clinrag ask {directory} "Does quorvacept help in rheumatoid arthritis?"
   clinrag index search {directory} "atrial fibrillation after surgery" --since 2015 --status all
   clinrag index build DIR FILE.xml.gz ...    your own PubMed files; `clinrag index fetch` gets some from NLM"""
    )
