"""`clinrag index …`. Imports nothing heavy: the commands import what they need when they run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from .errors import IndexesError
from .options import AsJson, Directory, Exclude, ModeOption, Since, Statuses, Types, Until, make_filter
from .pubmed_cli import download, fetch

if TYPE_CHECKING:
    from .building import BuildResult
    from .filters import Filter
    from .index import Hit
    from .manifest import Manifest
    from .mapping import Engine


app = typer.Typer(
    no_args_is_help=True,
    help="Build, update, inspect, search and measure an index of PubMed abstracts.",
    epilog="Example: clinrag index build pubmed/ baseline/",
)
app.command(epilog="Example: clinrag index download baseline/ --baseline --files 2")(download)
app.command(epilog='Example: clinrag index fetch statins/ --query "statins[mh] AND 2020:2025[dp]" --max 5000')(fetch)

Sources = Annotated[
    list[Path],
    typer.Argument(
        metavar="SOURCE...",
        help="PubMed .xml/.xml.gz, .jsonl/.jsonl.gz, or folders of them.",
        show_default=False,
    ),
]
EncoderName = Annotated[
    str | None,
    typer.Option("--encoder", metavar="NAME", help="all-MiniLM-L6-v2, medcpt, a folder, or ORG/NAME[@REV]."),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes to embed with; default: one per core.")]
EngineName = Annotated[
    Literal["local", "ray"], typer.Option("--engine", help="Embed in processes of this machine, or on Ray.")
]
Address = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="A running Ray cluster, or auto; default: one started on this machine."),
]


@app.command(epilog="Example: clinrag index build pubmed/ baseline/ extra.jsonl.gz")
def build(
    directory: Directory,
    sources: Sources,
    encoder: EncoderName = None,
    factory: Annotated[
        str | None,
        typer.Option(metavar="STRING", help="FAISS factory, such as SQfp16 or IVF4096,SQ8; default: by size."),
    ] = None,
    recall: Annotated[
        float, typer.Option(help="recall@10 to reach against brute force, where FAISS is approximate.")
    ] = 0.98,
    queries: Annotated[
        Path | None,
        typer.Option(metavar="FILE.jsonl", help='Real questions ({"question": …}) to tune with; default: titles.'),
    ] = None,
    workers: Workers = None,
    engine: EngineName = "local",
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Make an index of PubMed files. Stopped or killed, the same command goes on where it was."""
    from .building import build as run
    from .dense import Dense
    from .encoders import MINILM
    from .progress import Progress

    dense = Dense(factory, recall, queries)
    with Progress() as progress:
        result = run(
            directory,
            sources,
            encoder=encoder or MINILM,
            dense=dense,
            workers=workers,
            engine=_engine(engine, address),
            report=progress,
        )
    _report_build(directory, result, as_json)


@app.command(epilog="Example: clinrag index update pubmed/ updatefiles/")
def update(
    directory: Directory,
    sources: Sources,
    encoder: EncoderName = None,
    workers: Workers = None,
    engine: EngineName = "local",
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Apply later files: new papers, revisions, retractions, deletions. Unchanged texts are not embedded again."""
    from .building import update as run
    from .progress import Progress

    with Progress() as progress:
        result = run(
            directory, sources, encoder=encoder, workers=workers, engine=_engine(engine, address), report=progress
        )
    _report_build(directory, result, as_json)


@app.command(epilog="Example: clinrag index info pubmed/ --json")
def info(directory: Directory, as_json: AsJson = False) -> None:
    """Show what an index holds and how it was made."""
    from .manifest import read_manifest

    manifest = read_manifest(directory)
    if as_json:
        _print_json(_manifest_json(manifest))
        return
    encoder, faiss = manifest.encoder, manifest.faiss
    lines = {
        "documents": f"{manifest.documents:,} ({manifest.retracted:,} retracted)",
        "PMID hash": manifest.pmid_sha256,
        "encoder": f"{encoder.name}, {encoder.dimension} dimensions, {encoder.pooling} pooling, "
        f"{encoder.max_tokens} tokens",
        "FAISS": f"{faiss['factory']}, {faiss['metric']}{_effort(faiss)}",
        "recall@10": f"{_recall(faiss)} against brute force, {faiss['recall_queries']} queries: "
        f"{faiss.get('recall_queries_from', 'titles')}",
        "size": f"{manifest.bytes / 1e6:,.1f} MB",
        "created": f"{manifest.created}, generation {manifest.generation}",
        "merged": f"{manifest.superseded:,} records superseded by a newer version, {manifest.deleted:,} deleted",
        "sources": f"{len(manifest.sources):,}",
    }
    for name, value in lines.items():
        print(f"{name:<10} {value}")
    for source in manifest.sources[:20]:
        skipped = "".join(f"; {count:,} × {reason}" for reason, count in source.skipped.items())
        print(f"  {source.name}: {source.records:,} records{skipped}{'; DAMAGED' if source.damage else ''}")
    if len(manifest.sources) > 20:
        print(f"  … and {len(manifest.sources) - 20:,} more (--json lists all)")


@app.command(epilog="Example: clinrag index verify pubmed/")
def verify(directory: Directory) -> None:
    """Re-check every checksum, and that documents, BM25 and FAISS hold the same PMIDs. Exit 1 if not."""
    from .progress import Progress
    from .verification import verify as run

    with Progress() as progress:
        problems = run(directory, report=progress)
    for problem in problems:
        print(problem)
    if problems:
        raise IndexesError(
            f"{len(problems)} problem(s); make the index anew from its sources: "
            f"clinrag index build {directory} SOURCE..."
        )
    print(f"{directory} is sound")


@app.command(epilog='Example: clinrag index search pubmed/ "statins in heart failure" --since 2015 --status all')
def search(
    directory: Directory,
    query: Annotated[str, typer.Argument(help="A question or words.", show_default=False)],
    k: Annotated[int, typer.Option(min=1, help="How many documents.")] = 10,
    mode: ModeOption = "hybrid",
    since: Since = None,
    until: Until = None,
    publication_type: Types = None,
    status: Statuses = None,
    exclude: Exclude = None,
    encoder: EncoderName = None,
    as_json: AsJson = False,
) -> None:
    """Find documents. Filters hold before ranking: ten asked for are ten returned, if ten are admitted."""
    from .index import Index

    where = make_filter(since, until, publication_type, status, exclude)
    with Index(directory, encoder=encoder) as index:
        _warn_of_unknown_types(index.publication_types, where)
        hits = index.search(query, k, where=where, mode=mode)
    if as_json:
        _print_json([hit.to_dict() for hit in hits])
        return
    for hit in hits:
        print(_hit_text(hit))
    if not hits:
        print("nothing found: use other words, or fewer filters")


@app.command(epilog="Example: clinrag index evaluate pubmed/ --queries questions.jsonl --mode hybrid")
def evaluate(
    directory: Directory,
    queries: Annotated[Path, typer.Option(metavar="FILE.jsonl", help="Lines of {qid, question, gold_pmids}.")],
    mode: ModeOption = "hybrid",
    k: Annotated[int, typer.Option(min=1, help="Also report recall at this depth.")] = 10,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first questions.")] = None,
    encoder: EncoderName = None,
    as_json: AsJson = False,
) -> None:
    """Measure recall, MRR and nDCG on questions whose PMIDs are known."""
    from .evaluation import evaluate as run
    from .index import Index
    from .progress import Progress
    from .questions import read_questions

    questions = read_questions(queries)[:limit]
    with Index(directory, encoder=encoder) as index, Progress() as progress:
        result = run(
            index, questions, mode=mode, k=k, progress=lambda done, total: progress("searching", done, total)
        ).to_dict()
    if as_json:
        _print_json(result)
        return
    for name, value in result.items():
        print(f"{name:<14} {value:.4f}" if isinstance(value, float) else f"{name:<14} {value}")


@app.command(epilog="Example: clinrag index plan --documents 38000000 --source baseline/pubmed26n0001.xml.gz")
def plan(
    documents: Annotated[int, typer.Option(min=1, help="How many the index shall have; PubMed has 38000000.")],
    source: Annotated[list[Path] | None, typer.Option(help="What to measure on; default: the bundled sample.")] = None,
    encoder: EncoderName = None,
    as_json: AsJson = False,
) -> None:
    """Measure this machine for half a minute, and say what an index of that size costs: hours, bytes, memory."""
    from importlib.resources import files

    from .encoders import MINILM
    from .planning import as_text
    from .planning import plan as run
    from .progress import Progress
    from .rates import measure_rates

    sources = source or [Path(str(files("indexes.sample") / "pubmed"))]
    with Progress() as progress:
        planned = run(documents, measure_rates(sources, encoder=encoder or MINILM, report=progress))
    if as_json:
        _print_json(planned.to_dict())
    else:
        print(as_text(planned))


def _engine(name: str, address: str | None) -> Engine | None:
    if name == "ray":
        from .ray_mapping import on_ray

        return on_ray(address)
    if address is not None:
        raise typer.BadParameter(f"{address} is a Ray cluster: add --engine ray", param_hint="--address")
    return None


def _hit_text(hit: Hit) -> str:
    document = hit.document
    status = "" if document.status == "ok" else f"  [{document.status.upper()}]"
    facts = ", ".join(str(part) for part in (document.journal, document.year) if part)
    excerpt = document.abstract.replace("\n", " ")
    excerpt = excerpt if len(excerpt) <= 240 else excerpt[:240].rsplit(" ", 1)[0] + " …"
    title = document.title or "(no title)"
    return (
        f"{hit.rank:>3}. {title}{status}\n     PMID {document.pmid}  {facts}  score {hit.score:.3f}\n     {excerpt}\n"
    )


def _manifest_json(manifest: Manifest) -> dict[str, Any]:
    from dataclasses import asdict

    record = asdict(manifest)
    return {key: record[key] for key in ("format", *[k for k in record if k != "format"])}


def _recall(faiss: dict[str, Any]) -> str:
    interval = faiss.get("recall_interval")  # format 1 has none
    return f"{faiss['recall_at_10']:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")


def _effort(faiss: dict[str, Any]) -> str:
    if not faiss.get("nprobe"):
        return ""
    return f", {faiss['nprobe']} lists visited, {faiss['refine'] + 10} candidates compared exactly"


def _report_build(directory: Path, result: BuildResult, as_json: bool) -> None:
    manifest = result.manifest
    problems = [(s, p) for s in result.shards for p in s.meta["problems"]]
    if as_json:
        done = {"embedded": result.embedded, "reused": result.reused, "problems": [p for _, p in problems]}
        _print_json(_manifest_json(manifest) | done)
    else:
        print(f"{manifest.documents:,} documents in {directory} ({manifest.retracted:,} retracted)")
        print(f"embedded {result.embedded:,}, reused {result.reused:,}; ", end="")
        print(f"{manifest.superseded:,} superseded by a newer version, {manifest.deleted:,} deleted")
        print(f"recall@10 against brute force {_recall(manifest.faiss)}; {manifest.bytes / 1e6:,.1f} MB")
    target = manifest.faiss["recall_target"]
    if manifest.faiss["recall_at_10"] < target:
        print(f"clinrag: recall@10 is below the {target} asked for; another --factory may reach it", file=sys.stderr)
    skipped: dict[str, int] = {}
    for source in manifest.sources:
        for reason, count in source.skipped.items():
            skipped[reason] = skipped.get(reason, 0) + count
    for reason, count in skipped.items():
        print(f"skipped {count:,}: {reason}", file=sys.stderr)
    for _, problem in problems[:20]:
        print(f"  {problem['where']}: {problem['reason']}", file=sys.stderr)
    if len(problems) > 20:
        print(f"  … and {len(problems) - 20:,} more (--json lists them)", file=sys.stderr)
    if result.damage:
        raise IndexesError("the index is built, but not from all that was given:\n" + "\n".join(result.damage))


def _warn_of_unknown_types(known: list[str], where: Filter) -> None:
    import difflib

    for name in where.publication_types:
        if name.lower() not in known:
            near = difflib.get_close_matches(name.lower(), known, n=3)
            hint = f"; did you mean {', '.join(map(repr, near))}?" if near else ""
            print(f"clinrag: no paper in this index has the publication type {name!r}{hint}", file=sys.stderr)


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False))
