"""`clinrag index download` and `fetch`: PubMed's own files and queries, from NLM."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from .progress import Progress
    from .web import Progress as Transfer


def download(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder for the files.", show_default=False)],
    updates: Annotated[
        bool, typer.Option("--updates/--baseline", help="Daily update files, or the yearly baseline.")
    ] = False,
    files: Annotated[int | None, typer.Option(min=1, help="Only the newest N files.")] = None,
) -> None:
    """Download PubMed from NLM: md5 checked, resumed where it stopped. CLINRAG_PUBMED_URL names a mirror."""
    from .download import download as run
    from .progress import Progress

    with Progress() as progress:
        done = run(
            out, "updates" if updates else "baseline", files=files, progress=lambda p: _report_transfer(progress, p)
        )
    print(f"{len(done.files):,} files in {out}, {done.new:,} of them new ({done.bytes / 1e6:,.1f} MB)")
    print(f"next: clinrag index {'update' if updates else 'build'} DIR {out}")


def fetch(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder for the files.", show_default=False)],
    query: Annotated[str, typer.Option(help="A PubMed query, as on its web page.")],
    maximum: Annotated[int, typer.Option("--max", min=1, help="At most so many records, newest first.")],
) -> None:
    """Fetch what a PubMed query finds, by E-utilities. NCBI_API_KEY in the environment allows a higher rate."""
    from .fetch import fetch as run
    from .progress import Progress

    with Progress() as progress:
        done = run(out, query, maximum=maximum, progress=lambda p: _report_transfer(progress, p))
    print(f"{done.records:,} records of {done.found:,} found, in {len(done.files):,} files in {out}")
    if done.missing:
        print(f"{done.missing:,} that the search counted did not come", file=sys.stderr)
    print(f"next: clinrag index build DIR {out}")


def _report_transfer(progress: Progress, now: Transfer) -> None:
    if now.note:
        print(f"{now.name}: {now.note}", file=sys.stderr)
    progress("files", now.number, now.total)
