"""`clinrag models …` and `clinrag train …`. Imports nothing heavy: the commands import what they need."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .terminal import AsJson, print_json, print_table
from .training.cli import compare, run

if TYPE_CHECKING:
    from .decontaminate import Report
    from .neighbours import Neighbour
    from .pair import Model, Pair

models_app = typer.Typer(
    no_args_is_help=True,
    help="Published biomedical models, each with its general counterpart.",
    epilog="Example: clinrag models list --ungated",
)
train_app = typer.Typer(
    no_args_is_help=True,
    help="Train models of one's own, and keep test questions out of them.",
    epilog="Example: clinrag train decontaminate train.jsonl --task benchmark.json",
)

_SHOWN = 20  # findings and neighbours in the readable report; --json has all


@models_app.command("list", epilog="Example: clinrag models list --default")
def list_models(
    ungated: Annotated[bool, typer.Option("--ungated", help="Only pairs known to download without a form.")] = False,
    default: Annotated[bool, typer.Option("--default", help="Only those to start with: open and small.")] = False,
    fits: Annotated[
        float | None, typer.Option("--fits", metavar="GB", help="Only pairs whose sides fit this GPU.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the pairs. A question mark is a fact for which no source was found."""
    from .registry import pair_json, select_pairs

    pairs = select_pairs(ungated=ungated, default=default, fits_gb=fits)
    if as_json:
        print_json([pair_json(pair) for pair in pairs])
        return
    rows = [_row(pair) for pair in pairs]
    print_table(("name", "tuned model", "general counterpart", "billions", "GPU GB", "access", "adaptation"), rows)
    print(
        f"{len(pairs)} pairs; * = to start with; `clinrag models show NAME` gives the facts and sources",
        file=sys.stderr,
    )


def _row(pair: Pair) -> tuple[str, ...]:
    tuned, general = pair.tuned, pair.counterpart
    return (
        pair.name + (" *" if pair.default else ""),
        tuned.repo or "no public weights",
        general.repo or "no public weights",
        "?" if tuned.parameters is None else f"{tuned.parameters:g}",
        "?" if tuned.memory_gb is None else str(tuned.memory_gb),
        "-" if tuned.repo is None else f"{_access(tuned)}/{_access(general)}",
        "+".join(pair.adaptation),
    )


def _access(model: Model) -> str:
    return {True: "gated", False: "open", None: "?"}[model.gated]


@models_app.command(epilog="Example: clinrag models show huatuogpt-o1-7b")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A pair's name, or the repository of its tuned model.")],
    as_json: AsJson = False,
) -> None:
    """Show all that is known of a pair, and from where."""
    from .registry import access_hint, get_pair, pair_json

    pair = get_pair(name)
    document = pair_json(pair)
    if as_json:
        print_json(document)
        return
    print(pair.name + ("  (to start with)" if pair.default else ""))
    for title, side, model in (("tuned", "tuned", pair.tuned), ("counterpart", "general", pair.counterpart)):
        spec = f"  pair:{pair.name}/{side}" if model.repo else "  no public weights"
        print(f"\n{title}{spec}")
        for key, fact in document[title].items():
            if isinstance(fact, dict):
                _fact(key, fact)
            else:
                print(f"  {key:<16} {'?' if fact is None else fact}")
        if model.repo and model.gated is not False:
            print(f"  {access_hint(model)}")
    print("\nadaptation")
    _fact("derived_from", document["derived_from"])
    _fact("method", document["adaptation"])
    for key, fact in document["trained_on"].items():
        _fact(key, fact)
    for quirk in pair.quirks:
        print(f"  note: {quirk}")
    for address in document["quirks_sources"]:
        print(f"  notes from: {address}")


def _fact(key: str, fact: dict[str, Any]) -> None:
    value = fact["value"]
    shown = "?" if value is None else ", ".join(value) if isinstance(value, list) else str(value)
    print(f"  {key:<16} {shown:<44} {fact['source'] or 'no source found'}".rstrip())


train_app.command(epilog="Example: clinrag train run finetuned/recipes/tiny.yaml --out runs/tiny")(run)
train_app.command(epilog="Example: clinrag train compare finetuned/recipes/tiny.yaml --out runs/compared")(compare)


@train_app.command(epilog="Example: clinrag train decontaminate train.jsonl --task benchmark.json --out clean.jsonl")
def decontaminate(
    training: Annotated[list[Path], typer.Argument(metavar="TRAIN...", help="Training files: .json or .jsonl (.gz).")],
    task: Annotated[
        list[Path],
        typer.Option(
            "--task",
            metavar="FILE",
            help="JSON lines of {id, question, options?, context?, pmid?}, MIRAGE's benchmark.json, or PubMedQA's "
            "ori_pqal.json; may be repeated.",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="CLEAN", help="Write the cleaned file here (a folder for several files).")
    ] = None,
    remove_reviewed: Annotated[
        bool, typer.Option("--remove-reviewed", help="Leave out the rows to be reviewed as well.")
    ] = False,
    neighbours: Annotated[
        bool, typer.Option("--neighbours", help="List texts of close meaning too (slower); none is removed for it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Find test questions in training data; write the data without them on request, never in place."""
    from .cleaning import clean_paths, report_json, write_clean
    from .decontaminate import decontaminate as run

    targets = clean_paths(training, out) if out else []  # before the work, not after it
    report = run(training, task)
    near = _neighbours(training, task) if neighbours else None
    written = {}
    for source, target in zip(training, targets, strict=False):
        without = report.rows(str(source), "remove")
        if remove_reviewed:
            without |= report.rows(str(source), "review")
        written[str(target)] = {"rows": write_clean(source, target, without=without), "left_out": len(without)}
    if as_json:
        print_json({**report_json(report, near), "written": written})
        return
    _report(report, near)
    for name, counts in written.items():
        print(f"wrote {name}: {counts['rows']} rows, {counts['left_out']} left out")


@train_app.command(epilog="Example: clinrag train shipped verifier --data ../shared/data --out verifier/")
def shipped(
    name: Annotated[str, typer.Argument(metavar="NAME", help="verifier or reader.")],
    data: Annotated[Path, typer.Option(metavar="DIR", help="The data, laid out as the model's card says.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where adapter, head, calibration and card are written.")],
    start: Annotated[
        Path | None, typer.Option(metavar="DIR", help="reader: the verifier to go on from (default: the shipped one).")
    ] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", help="Read N abstracts only: a trial run.")] = None,
) -> None:
    """Make a model that comes with the package again: data, training, calibration, figures, card."""
    from .shipped_models import make_shipped

    make_shipped(name, data, out, start=start, limit=limit, say=lambda line: print(line, file=sys.stderr, flush=True))
    print(f"wrote {out}; its figures: {out / 'README.md'}")


def _neighbours(training: list[Path], tasks: list[Path]) -> dict[str, tuple[Neighbour, ...]]:
    from .corpora import read_rows, training_rows
    from .decontaminate import read_tasks
    from .neighbours import bundled_encoder, near_neighbours

    items, encode = read_tasks(tasks), bundled_encoder()
    return {str(path): near_neighbours(training_rows(read_rows(path), path), items, encode) for path in training}


def _report(report: Report, near: dict[str, tuple[Neighbour, ...]] | None) -> None:
    rows = [
        (
            Path(c.training).name,
            c.task,
            str(c.rows),
            str(c.items),
            str(c.rows_with("remove")),
            str(c.rows_with("review")),
            str(c.items_with("remove")),
            ", ".join(f"{rule}: {n}" for rule, n in c.by_rule().items()),
        )
        for c in report.comparisons
    ]
    print_table(("training set", "task", "rows", "items", "remove", "review", "items leaked", "by rule"), rows)
    findings = [(c, f) for c in report.comparisons for f in c.findings]
    findings.sort(key=lambda pair: pair[1].verdict != "remove")
    for c, f in findings[:_SHOWN]:
        where = f"row {f.row} of {Path(c.training).name} | {c.task} {f.item_id}"
        print(f"{f.verdict}: {where} | {f.rule}, 8-grams {f.coverage:.0%}")
        print(f'    "{f.excerpt}"')
    if len(findings) > _SHOWN:
        print(f"... and {len(findings) - _SHOWN} more; --json has all")
    for name, found in (near or {}).items():
        print(f"texts of close meaning in {Path(name).name}: {len(found)} (to be read; none is removed for it)")
        for n in found[:_SHOWN]:
            print(f"  {n.cosine:.2f}  row {n.row} | {n.task} {n.item_id}\n    {n.text!r}\n    {n.question!r}")
    print(f"compared in {report.seconds:.1f} s", file=sys.stderr)
