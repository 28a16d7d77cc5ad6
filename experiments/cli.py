"""`clinrag experiment …`. Imports nothing heavy: the commands import what they need when they run."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from .runner import Done

app = typer.Typer(
    no_args_is_help=True,
    help="Compare RAG and fine-tuned models on clinical tasks, and report it.",
    epilog="Example: clinrag experiment run experiments/configs/offline.yaml --index pubmed/ --out run/",
)


class Format(StrEnum):
    MIRAGE = "mirage"
    LM_EVAL = "lm-eval"
    INSPECT = "inspect"
    JSONL = "jsonl"


class Reading(StrEnum):
    STRICT = "strict"
    UNHEDGED = "unhedged"
    PUBLISHED = "published"


Run = Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder.", show_default=False)]
ReadingOption = Annotated[
    Reading, typer.Option(help="How outputs are read; published: as the benchmark's authors do (MIRAGE).")
]


@app.command(
    "run", epilog="Example: clinrag experiment run experiments/configs/offline.yaml --index pubmed/ --out run/"
)
def run_(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.yaml", help="What to compare.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="RUN", help="The run's folder; an unfinished one goes on.")],
    index: Annotated[Path | None, typer.Option(metavar="DIR", help="An index, instead of the file's own.")] = None,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the tasks' files lie, likewise.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Samples per task: a fixed draw.")] = None,
    max_calls: Annotated[int | None, typer.Option(min=0, help="Stop before more model calls than this.")] = None,
) -> None:
    """Run a head-to-head. Stopped or killed, the same command goes on; what changed, and only that, runs again."""
    from indexes.progress import Progress

    from .config import read_config
    from .runner import run_experiment

    read = read_config(config, index=index, data=data, limit=limit)
    try:
        with Progress() as progress:
            done = run_experiment(read, out, max_calls=max_calls, report=progress)
    except KeyboardInterrupt:
        print("interrupted: what was finished is kept, and the same command goes on from there", file=sys.stderr)
        raise typer.Exit(130) from None
    _say(done)


def _say(done: Done) -> None:
    for name in done.new:
        failed = f", {done.errors[name]:,} failed (the same command tries them again)" if done.errors[name] else ""
        print(f"{name}: {done.new[name]:,} answered, {done.kept[name]:,} were there already{failed}")
    _say_unfinished(done)
    print(f"next: clinrag experiment report {done.run}", file=sys.stderr)


def _say_unfinished(done: Done) -> None:
    from .errors import ModelCallError

    if done.left:
        print(f"{done.left:,} samples are left: --max-calls was reached after {done.calls:,} calls", file=sys.stderr)
    if done.stopped:
        reasons = "\n".join(f"  {name}: {reason}" for name, reason in done.stopped.items())
        raise ModelCallError(f"stopped early, the others are done:\n{reasons}")


@app.command(
    "import", epilog="Example: clinrag experiment import mirage preds/ --benchmark b.json --name gpt --out run/"
)
def import_(
    format: Annotated[Format, typer.Argument(help="What wrote the predictions.", show_default=False)],
    path: Annotated[Path, typer.Argument(metavar="PATH", help="File or folder of predictions.", show_default=False)],
    name: Annotated[str, typer.Option(help="What to call this contender.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="RUN", help="The run to add it to.", show_default=False)],
    benchmark: Annotated[Path | None, typer.Option(metavar="FILE", help="The task's data.")] = None,
    task: Annotated[str | None, typer.Option(help="The task, where the predictions do not say it.")] = None,
) -> None:
    """Add predictions made elsewhere to a run, scored by the same code. Two names in one run are compared."""
    from .imports import import_predictions

    done = import_predictions(format.value, path, benchmark=benchmark, name=name, out=out, task=task)
    for one, count in done.written.items():
        missing = f"; {done.missing[one]:,} samples have no prediction" if done.missing[one] else ""
        print(f"{one}: {count:,} predictions of {name} added{missing}")
    if done.known:
        print(f"{done.known:,} were there already")
    print(f"next: clinrag experiment report {out}", file=sys.stderr)


@app.command(epilog="Example: clinrag experiment report run/ --json")
def report(
    run: Run,
    reading: ReadingOption = Reading.STRICT,
    metric: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Also bertscore or umls_f1, of texts; can be repeated.")
    ] = None,
    codes: Annotated[
        Path | None, typer.Option(metavar="TABLE", help="ICD-10-CM codes that exist, for tasks of codes.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document and write nothing.")] = False,
) -> None:
    """Say what a run shows: a page to open, Markdown and JSON in the run's folder, the Markdown printed."""
    from .page import page
    from .report import build_report
    from .report_text import markdown

    built = build_report(run, reading=reading.value, metrics=metric or (), codes=codes)
    if as_json:
        print(json.dumps(built, ensure_ascii=False, allow_nan=False))
        return
    text = markdown(built)
    print(text)
    stem = run / ("report" if reading is Reading.STRICT else f"report-{reading.value}")
    stem.with_suffix(".md").write_text(text, encoding="utf-8")
    stem.with_suffix(".json").write_text(json.dumps(built, ensure_ascii=False), encoding="utf-8")
    stem.with_suffix(".html").write_text(page(run, built), encoding="utf-8")
    print(f"page: {stem.with_suffix('.html')}", file=sys.stderr)


@app.command("check-claims", epilog="Example: clinrag experiment check-claims claims.jsonl --json > checked.jsonl")
def check_claims_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.jsonl", help='Lines of {"id", "claim", "evidence"}.', show_default=False)
    ],
    model: Annotated[str, typer.Option(metavar="NAME", help="The checker: verifier, lexical …")] = "verifier",
    codes: Annotated[
        Path | None, typer.Option(metavar="TABLE", help="ICD-10-CM codes that exist, one a line; none is shipped.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    """Say of each claim whether its evidence supports it, contradicts it, or neither, and what rules find wrong."""
    from .audit.checker import load_checker
    from .audit.claim_file import check_claims, claims_table, read_claims

    claims = read_claims(file)
    table = None
    if codes is not None:
        from rag.codes import read_codes

        table = read_codes(codes)
    checked = check_claims(claims, load_checker(model), codes=table)
    if as_json:
        for one in checked:
            print(json.dumps(one.to_dict(), ensure_ascii=False, allow_nan=False))
        return
    print(claims_table(checked))


@app.command(epilog="Example: clinrag experiment planted pubmed/ --each 300")
def planted(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="An index to draw from.", show_default=False)],
    each: Annotated[int, typer.Option(min=1, help="Answers with each kind of error, and without.")] = 100,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="A checker, beside the rules.")] = None,
    seed: Annotated[int, typer.Option(help="Which answers are drawn.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    """Plant known errors in answers made from an index, and say how many the checks find, with false alarms."""
    from indexes.index import Index

    from .audit.checker import load_checker
    from .audit.planting import plant
    from .audit.trial import trial_table, trial_text, try_checks
    from .errors import MissingDataError

    checker = None if model is None else load_checker(model)
    with Index(directory) as index:
        outcomes = try_checks(plant(index, each=each, seed=seed), index, checker=checker)
    if not outcomes:
        raise MissingDataError(f"{directory} has no paper with sentences enough to make an answer; take a larger index")
    rows = trial_table(outcomes, checker=model is not None)
    print("\n".join(json.dumps(row) for row in rows) if as_json else trial_text(rows))


@app.command(epilog="Example: clinrag experiment stress experiments/configs/offline.yaml --index pubmed/ --out stress/")
def stress(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.yaml", help="As for run.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to; unfinished tests go on.", show_default=False)],
    index: Annotated[Path | None, typer.Option(metavar="DIR", help="An index, instead of the file's own.")] = None,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the tasks' files lie, likewise.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Questions per task: a fixed draw.")] = None,
    max_calls: Annotated[int | None, typer.Option(min=0, help="Stop before more model calls than this.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, and write nothing else.")] = False,
) -> None:
    """Change what contenders read in one way each (noise, contradiction, retraction, planted orders …), and see."""
    from indexes.progress import Progress

    from .config import read_config
    from .stress.running import run_stress
    from .stress.table import markdown, stress_rows, to_dict

    read = read_config(config, index=index, data=data, limit=limit)
    with Progress() as progress:
        done = run_stress(read, out, max_calls=max_calls, report=progress)
    rows = stress_rows(out)
    found, text = to_dict(out, rows), markdown(out, rows)
    if as_json:
        print(json.dumps(found, ensure_ascii=False, allow_nan=False))
    else:
        print(text)
        (out / "stress.md").write_text(text, encoding="utf-8")
        (out / "stress.json").write_text(json.dumps(found, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    for part in done.values():
        _say_unfinished(part)


@app.command(epilog="Example: clinrag experiment detector --data tasks/ --index pubmed/ --json")
def detector(
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Labelled claims; left out: synthetic ones.")] = None,
    index: Annotated[Path | None, typer.Option(metavar="DIR", help="Whole abstracts, for Evidence Inference.")] = None,
    model: Annotated[str, typer.Option(metavar="NAME", help="The checker: verifier, lexical …")] = "verifier",
    only: Annotated[list[str] | None, typer.Option(metavar="SET", help="Only this data set; can be repeated.")] = None,
    run: Annotated[Path | None, typer.Option(metavar="RUN", help="An audited run whose rates are corrected.")] = None,
    by: Annotated[str | None, typer.Option(metavar="SET", help="Correct by this data set, not by the first.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say how well claims are checked: sensitivity, specificity and AUROC on claims that people labelled."""
    from indexes.progress import Progress

    from .detector.command import detector_card
    from .detector.text import markdown

    with Progress() as progress:
        card = detector_card(data, index=index, model=model, only=only, run=run, by=by, report=progress)
    print(json.dumps(card, ensure_ascii=False, allow_nan=False) if as_json else markdown(card))


@app.command(
    epilog="Example: clinrag experiment review run/ --out sheets/, and later: … review run/ --read A.csv B.csv"
)
def review(
    run: Run,
    sheets: Annotated[list[Path] | None, typer.Argument(metavar="CSV", help="With --read: filled sheets.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where to put the sheets for the readers.")] = None,
    n: Annotated[int, typer.Option(min=1, help="Claims to be read.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw and the order.")] = 0,
    read: Annotated[bool, typer.Option("--read", help="Read one or two filled sheets back.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --read: print one JSON document.")] = False,
) -> None:
    """Have an audit's claims read by two people, blinded: write the sheets, later read them back."""
    from .errors import ConfigError
    from .review.command import markdown, read_review, write_review

    if read:
        found = read_review(run, sheets or [])
        print(json.dumps(found, ensure_ascii=False, allow_nan=False) if as_json else markdown(found))
        return
    if out is None or sheets:
        raise ConfigError("give --out DIR to write the sheets, or --read A.csv B.csv to read them back")
    for file in write_review(run, out, n=n, seed=seed):
        print(file)
    print(f"next, when both are filled: clinrag experiment review {run} --read A.csv B.csv", file=sys.stderr)


@app.command(epilog="Example: clinrag experiment export run/ --out logs/ && inspect view --log-dir logs/")
def export(
    run: Run,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where to put the logs.", show_default=False)],
    reading: ReadingOption = Reading.STRICT,
) -> None:
    """Write a run as Inspect logs, which Inspect's viewer opens."""
    from .exports import export_inspect

    for file in export_inspect(run, out, reading=reading.value):
        print(file)


@app.command(epilog="Example: clinrag experiment audit run/ --index pubmed/")
def audit(
    run: Run,
    index: Annotated[Path | None, typer.Option(metavar="DIR", help="Where evidence is looked for.")] = None,
    evidence: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Papers that the index lacks: {pmid, title?, abstract} a line.")
    ] = None,
    checker: Annotated[
        str, typer.Option(metavar="NAME", help="verifier, lexical, hf:ORG/NAME or hf:/folder; none: exact checks only.")
    ] = "verifier",
    judge: Annotated[str | None, typer.Option(metavar="SPEC", help="A chat model for a second opinion.")] = None,
    codes: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A table of the ICD-10-CM codes that exist.")
    ] = None,
    task: Annotated[list[str] | None, typer.Option(help="Only this task of the run; may be repeated.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Samples per task: a fixed draw.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Judge what each answer of a run claims, and say what is invented. Stopped, the same command goes on."""
    from indexes.progress import Progress

    from .audit.audit import Settings, audit_run
    from .audit.section import audit_markdown
    from .audit.summary import audit_report

    settings = Settings(index, evidence, codes, checker, judge, tuple(task or ()), limit)
    try:
        with Progress() as progress:
            done = audit_run(run, settings, report=progress)
    except KeyboardInterrupt:
        print("interrupted: what was judged is kept, and the same command goes on from there", file=sys.stderr)
        raise typer.Exit(130) from None
    print(f"{done.done.new:,} judgements made, {done.done.kept:,} were there already", file=sys.stderr)
    if done.judge and done.judge.failed:
        print(f"the judge failed on {done.judge.failed:,} answers: {done.judge.reason}", file=sys.stderr)
    built = audit_report(run)
    assert built is not None  # audit_run has just written it
    print(json.dumps(built, ensure_ascii=False, allow_nan=False) if as_json else "\n".join(audit_markdown(built)))
    print(f"next: clinrag experiment report {run}", file=sys.stderr)
