"""`clinrag ask`, `chat` and `serve`. Imports nothing heavy: the commands import what they need when they run."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexes.options import AsJson, Directory, Exclude, ModeOption, Since, Statuses, Types, Until, make_filter

if TYPE_CHECKING:
    from indexes.filters import Filter, Mode

    from .answer import Answer, Evidence, Sentence
    from .assistant import Assistant


AsOf = Annotated[
    str | None, typer.Option(metavar="DATE", help="Answer from the literature as it stood then: YYYY[-MM[-DD]].")
]
Rerank = Annotated[
    str | None, typer.Option(metavar="NAME", help="Reorder with a cross-encoder: medcpt, a folder, or ORG/NAME[@REV].")
]
Rounds = Annotated[int, typer.Option(min=0, help="How often the model may ask for further searches first.")]
AllowPhi = Annotated[
    bool, typer.Option("--allow-phi", help="Send the question to a remote model even if it may identify a patient.")
]

Model = Annotated[
    str,
    typer.Option(
        metavar="SPEC",
        help="extractive, reader, hf:ORG/NAME, openai:MODEL@URL, pair:NAME/tuned, run:DIR, scripted:FILE, or "
        "PROVIDER:MODEL.",
    ),
]
Papers = Annotated[int, typer.Option(min=1, help="How many papers to read.")]


def ask(
    directory: Directory,
    question: Annotated[str, typer.Argument(help="A clinical question.", show_default=False)],
    llm: Model = "extractive",
    k: Papers = 10,
    mode: ModeOption = "hybrid",
    since: Since = None,
    until: Until = None,
    publication_type: Types = None,
    status: Statuses = None,
    exclude: Exclude = None,
    as_of: AsOf = None,
    rerank: Rerank = None,
    rounds: Rounds = 0,
    allow_phi: AllowPhi = False,
    as_json: AsJson = False,
) -> None:
    """Answer a question from an index; every sentence is cited, quoted and checked, or struck."""
    where = make_filter(since, until, publication_type, status, exclude)
    with open_assistant(
        directory, llm, k=k, mode=mode, where=where, as_of=as_of, rerank=rerank, rounds=rounds, allow_phi=allow_phi
    ) as assistant:
        answer = ask_or_confirm(assistant, question)
    if as_json:
        print(json.dumps(answer.to_dict(), ensure_ascii=False))
    else:
        print(answer_text(answer))


@contextmanager
def open_assistant(
    directory: Path,
    llm: str,
    *,
    k: int,
    mode: Mode,
    where: Filter | None = None,
    as_of: str | None,
    rerank: str | None,
    rounds: int,
    allow_phi: bool,
) -> Iterator[Assistant]:
    """Open an index and an assistant over it, as the command line's options say; close the index at the end."""
    from indexes.filters import Filter
    from indexes.index import Index

    from .assistant import Assistant
    from .reranking import load_reranker

    reranker = load_reranker(rerank) if rerank else None
    with Index(directory) as index:
        yield Assistant(
            index,
            llm,
            k=k,
            mode=mode,
            where=where or Filter(),
            as_of=as_of,
            reranker=reranker,
            rounds=rounds,
            allow_phi=allow_phi,
        )


def ask_or_confirm(assistant: Assistant, question: str) -> Answer:
    """Ask; where the question may identify a patient and would leave this machine, warn and ask whether to go on.

    Raises:
        PrivateQuestionError: the user declines, or there is no terminal to ask at.
    """
    from .privacy import PrivateQuestionError

    try:
        return assistant.ask(question)
    except PrivateQuestionError as error:
        if not sys.stdin.isatty():
            raise
        print(f"clinrag: {error}", file=sys.stderr)
        if not typer.confirm("Send it as it is?", err=True):
            raise typer.Exit(1) from None
    assistant.allow_phi = True
    return assistant.ask(question)


def chat(
    directory: Directory,
    llm: Model = "extractive",
    k: Papers = 10,
    mode: ModeOption = "hybrid",
    since: Since = None,
    until: Until = None,
    publication_type: Types = None,
    status: Statuses = None,
    exclude: Exclude = None,
    as_of: AsOf = None,
    rerank: Rerank = None,
    rounds: Rounds = 0,
    allow_phi: AllowPhi = False,
    history: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Remember questions here. Default: they are kept nowhere.")
    ] = None,
) -> None:
    """Ask in a conversation; /help lists its commands. Reads questions from a pipe too."""
    from .chat import chat as run

    where = make_filter(since, until, publication_type, status, exclude)
    with open_assistant(
        directory, llm, k=k, mode=mode, where=where, as_of=as_of, rerank=rerank, rounds=rounds, allow_phi=allow_phi
    ) as assistant:
        failed = run(assistant, history=history)
    if failed:
        raise typer.Exit(1)


def serve(
    directory: Directory,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 8000,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Beyond this machine CLINRAG_API_KEY must be set.")
    ] = "127.0.0.1",
    llm: Model = "extractive",
    k: Papers = 10,
    mode: ModeOption = "hybrid",
    as_of: AsOf = None,
    rerank: Rerank = None,
    rounds: Rounds = 0,
    allow_phi: AllowPhi = False,
    concurrency: Annotated[int, typer.Option(min=1, help="Answers worked on at once.")] = 4,
    waiting: Annotated[int, typer.Option(min=0, help="Requests that may wait for a turn; one more gets 429.")] = 64,
    timeout: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="An answer that takes longer is 504.")] = 120,
    allow_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Also answer to this Host name; may be repeated.")
    ] = None,
    log_questions: Annotated[bool, typer.Option("--log-questions", help="Log questions. They may be private.")] = False,
) -> None:
    """Serve a page, a JSON API and OpenAI's chat completions, on this machine unless told otherwise."""
    import os

    from .server import Access, Limits
    from .server import serve as run
    from .server.limits import KEY_VARIABLE

    access = Access(host, tuple(allow_host or ()), os.environ.get(KEY_VARIABLE, ""))
    limits = Limits(concurrency=concurrency, waiting=waiting, answer_seconds=timeout)
    with open_assistant(
        directory, llm, k=k, mode=mode, as_of=as_of, rerank=rerank, rounds=rounds, allow_phi=allow_phi
    ) as assistant:
        run(assistant, port=port, access=access, limits=limits, log_questions=log_questions)


def answer_text(answer: Answer, *, nearest: int = 3) -> str:
    """Lay an answer out for a terminal."""
    from .answer import DISCLAIMER

    lines = [answer.question, ""]
    if answer.outcome == "abstained":
        lines += _wrap(f"No answer. {answer.reason}")
        if answer.evidence:
            lines += ["", "Nearest evidence:", *(_source(e) for e in answer.evidence[:nearest])]
    else:
        for sentence in answer.sentences:
            lines += _wrap(sentence.text + "".join(f" [{p}]" for p in sentence.citations))
            lines += [f"  {line}" for note in sentence.checks.notes for line in _wrap(note)]
        cited = {p for s in answer.sentences for p in s.citations}
        lines += ["", "Sources:", *(_source(e) for e in answer.evidence if e.pmid in cited)]
        quotes = sum(len(s.quotes) for s in answer.sentences)
        lines += [
            "",
            f"Checked: {len(answer.sentences)} sentences, {quotes} quotations verbatim in the cited abstracts"
            + (f"; {len(answer.struck)} struck" if answer.struck else "")
            + (f"; {answer.counts['mended']} passed at the second attempt" if answer.counts["mended"] else "")
            + ".",
        ]
    for warning in answer.warnings:
        lines += ["", *_wrap(f"Note: {warning}")]
    for conflict in answer.conflicts:
        lines += _wrap(f"  [{conflict.effect.pmid}] {conflict.effect.text}")
        lines += _wrap(f"  [{conflict.no_effect.pmid}] {conflict.no_effect.text}")
    lines += [line for sentence in answer.struck for line in _struck(sentence)]
    if answer.withheld:
        lines += ["", "Left out because retracted:", *(_source(e) for e in answer.withheld)]
    return "\n".join([*lines, "", f"{answer.model}, {answer.seconds:.1f} s. {DISCLAIMER}"])


def _struck(sentence: Sentence) -> list[str]:
    return ["", *_wrap(f"Struck: {sentence.text}"), f"  because: {'; '.join(sentence.checks.problems)}"]


def _source(evidence: Evidence) -> str:
    kinds = [t for t in evidence.publication_types if t != "Journal Article"]
    design = [evidence.level] if evidence.level not in ("", "unclassified") else kinds
    facts = ", ".join(str(part) for part in (evidence.journal, evidence.year, *design) if part)
    flag = "" if evidence.status == "ok" else f" [{evidence.status.upper()}]"
    return (
        textwrap.shorten(f"  [{evidence.pmid}] {evidence.title or '(no title)'}", 100, placeholder=" …")
        + flag
        + f"\n      {facts}"
    )


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(text, 100)
