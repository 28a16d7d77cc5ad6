"""`clinrag chat`: questions and commands in a loop, at a terminal or through a pipe."""

from __future__ import annotations

import difflib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from indexes.errors import IndexesError

from .answer import Answer, Evidence
from .assistant import Assistant
from .citing import bibtex, markdown, papers, ris
from .errors import RagError
from .events import Checked, Event, Found, Withdrawn, answer
from .filter_words import filter_text, read_filter
from .llm import load_llm, model_name
from .privacy import PrivateQuestionError
from .prompt import Turn
from .terminal import plain, show_paper, show_rest, show_sentence, show_sources

GREETING = "Ask a clinical question, or /help. Ctrl-C stops an answer, Ctrl-D leaves."
FORMATS = ".md (the conversation), .jsonl (its records), .bib or .ris (the papers cited)"


class Chat:
    """A conversation with an assistant. `failed` counts the lines that led to an error."""

    def __init__(
        self,
        assistant: Assistant,
        *,
        console: Console,
        errors: Console,
        confirm: Callable[[str], bool] | None = None,
    ):
        self.assistant, self.console, self.errors = assistant, console, errors
        self.confirm = confirm  # asked before a question that may identify a patient leaves this machine
        self.where = assistant.retriever.where
        self.answers: list[Answer] = []
        self.begun = 0  # how many answers belong to earlier conversations
        self.failed = 0

    def run(self, lines: Iterator[str]) -> None:
        """Work through lines until they end or one says /quit."""
        for line in lines:
            if line.strip().lower() in {"/quit", "/exit"}:
                return
            if line.strip():
                self._take(line.strip())

    def _take(self, line: str) -> None:
        try:
            if line.startswith("/"):
                self._command(line)
            else:
                self._ask_or_confirm(line)
        except KeyboardInterrupt:
            self.errors.print("\nStopped.")
        except (RagError, IndexesError, OSError) as error:
            self._complain(str(error))
        except Exception as error:  # of whatever stands behind the model: the conversation goes on
            if os.environ.get("CLINRAG_DEBUG"):
                raise
            self._complain(f"unexpected {type(error).__name__}: {error}")

    def _complain(self, message: str) -> None:
        self.failed += 1
        self.errors.print(plain(message, "red"))

    def _ask_or_confirm(self, question: str) -> None:
        try:
            self._ask(question)
        except PrivateQuestionError as error:
            if self.confirm is None:
                raise
            self.errors.print(plain(str(error), "yellow"))
            if self.confirm("Send it as it is?"):
                self.assistant.allow_phi = True
                try:
                    self._ask(question)
                finally:
                    self.assistant.allow_phi = False

    def _ask(self, question: str) -> None:
        turns = [Turn(a.question, a.text) for a in self.answers[self.begun :]]
        evidence: tuple[Evidence, ...] = ()
        with self.errors.status("Searching …") as status:  # shows nothing unless it is a terminal

            def emit(event: Event) -> None:
                nonlocal evidence
                if isinstance(event, Found):
                    evidence = event.evidence
                    status.update(f"Reading {len(evidence)} papers …")
                elif isinstance(event, Checked):
                    status.stop()
                    show_sentence(self.console, event.sentence, evidence)
                elif isinstance(event, Withdrawn):
                    self.console.print(plain(f"Withdrawn: {event.sentence.text}", "red"))

            result = answer(self.assistant, question, where=self.where, history=turns, emit=emit)
        show_rest(self.console, result)
        self.console.print()
        self.answers.append(result)

    def _command(self, line: str) -> None:
        name, _, rest = line[1:].partition(" ")
        if name not in COMMANDS:
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            raise RagError(f"unknown command /{name}" + (f": did you mean /{near[0]}?" if near else "; see /help"))
        COMMANDS[name][0](self, rest.strip())

    def _last(self) -> Answer:
        if not self.answers:
            raise RagError("nothing was asked yet: type a question first")
        return self.answers[-1]

    def help(self, _: str) -> None:
        table = Table.grid(padding=(0, 2))
        for name, (_run, arguments, about) in COMMANDS.items():
            table.add_row(Text(f"/{name} {arguments}", style="cyan", no_wrap=True), Text(about))
        table.add_row(Text("/quit", style="cyan"), "leave; so does Ctrl-D")
        self.console.print(table)

    def sources(self, _: str) -> None:
        show_sources(self.console, self._last().evidence, self._last())

    def open(self, rest: str) -> None:
        found = self._last().evidence
        if not (rest.isdecimal() and 1 <= int(rest) <= len(found)):
            raise RagError(f"/open {rest or 'N'}: give a number from 1 to {len(found)}, as /sources shows them")
        show_paper(self.console, found[int(rest) - 1], self._last())

    def filter(self, rest: str) -> None:
        own = self.assistant.retriever.where  # the command line's
        if rest:
            self.where = own if rest == "off" else read_filter(rest, own)
        self.console.print(plain(f"Filter: {filter_text(self.where)}"))

    def model(self, rest: str) -> None:
        if rest:
            old = self.assistant
            new = Assistant(old.retriever.index, load_llm(rest), rounds=old.rounds, allow_phi=old.allow_phi)
            new.retriever = old.retriever
            self.assistant = new
        self.console.print(plain(f"Model: {model_name(self.assistant.llm)}"))

    def save(self, rest: str) -> None:
        self._last()
        path = Path(rest)
        if path.suffix not in {".md", ".jsonl", ".bib", ".ris"}:
            raise RagError(f"/save {rest or 'FILE'}: the name must end in {FORMATS}")
        try:
            with path.open("x", encoding="utf-8", newline="") as stream:
                stream.write(self._saved(path.suffix))
        except FileExistsError:
            raise RagError(f"/save {rest}: the file exists, and nothing is written over; give another name") from None
        self.console.print(plain(f"Saved: {path}"))

    def _saved(self, suffix: str) -> str:
        if suffix == ".md":
            return "\n---\n\n".join(markdown(a) for a in self.answers)
        if suffix == ".jsonl":
            return "".join(json.dumps(a.to_dict(), ensure_ascii=False) + "\n" for a in self.answers)
        pmids = dict.fromkeys(e.pmid for a in self.answers for e in papers(a))
        index = self.assistant.retriever.index
        documents = [d for p in pmids if (d := index.get(p))]
        return bibtex(documents) if suffix == ".bib" else ris(documents)

    def new(self, _: str) -> None:
        self.begun = len(self.answers)
        self.console.print("What is asked now is not taken for a follow-up question.")

    def history(self, _: str) -> None:
        for number, one in enumerate(self.answers, 1):
            self.console.print(plain(f"{number:>3}. {one.question}  ({one.outcome})"))


COMMANDS: dict[str, tuple[Callable[[Chat, str], None], str, str]] = {
    "sources": (Chat.sources, "", "all papers read for the last answer"),
    "open": (Chat.open, "N", "a source's abstract, its quoted words highlighted"),
    "filter": (
        Chat.filter,
        "[NAME=VALUE … | off]",
        "since=2015 until=2020 type='Meta-Analysis' status=all exclude=PMID",
    ),
    "model": (
        Chat.model,
        "[SPEC]",
        "show or change the model; clinrag chat --help has the forms of SPEC",
    ),
    "save": (Chat.save, "FILE", FORMATS),
    "new": (Chat.new, "", "a new conversation: the next question is no follow-up"),
    "history": (Chat.history, "", "the questions so far"),
    "help": (Chat.help, "", "this list"),
}


def chat(assistant: Assistant, *, history: Path | None = None) -> int:
    """Talk until the input ends; return how many lines failed. Questions are kept only where `history` says."""
    width = None if sys.stdout.isatty() else 100  # as `clinrag ask` lays its answers out
    console, errors = Console(highlight=False, width=width), Console(stderr=True, highlight=False)
    with errors.status("Loading …"):
        assistant.retriever.invoke("warm up")  # so that the first answer does not wait for the encoder
    session = Chat(assistant, console=console, errors=errors)
    if sys.stdin.isatty():
        session.confirm = lambda text: typer.confirm(text, err=True)
        manifest = assistant.retriever.index.manifest
        errors.print(f"{manifest.documents:,} abstracts, model {model_name(assistant.llm)}. {GREETING}")
        session.run(_typed(history, errors))
        return 0  # whoever typed has seen what failed
    session.run(iter(sys.stdin))
    return session.failed


def _typed(history: Path | None, errors: Console) -> Iterator[str]:
    """Yield lines that are typed, with editing, history and completion of commands."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.history import FileHistory, InMemoryHistory

    words = WordCompleter([f"/{name}" for name in (*COMMANDS, "quit")], sentence=True)
    session: PromptSession[str] = PromptSession(
        history=FileHistory(str(history)) if history else InMemoryHistory(),
        completer=words,
        complete_while_typing=False,
    )
    while True:
        try:
            yield session.prompt("> ")
        except KeyboardInterrupt:
            errors.print("Ctrl-D or /quit leaves.", style="dim")
        except EOFError:
            return
