"""The conversation: through a pipe, at a real pseudo-terminal, and command by command."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from rag_servers import MIXED, PMID, QUESTION, TRUE_QUOTE, Broken, Gated, sample_index, scripted
from rich.console import Console

from indexes import Filter, Index
from rag import Assistant, RagError
from rag.answer import Conflict, Quote
from rag.chat import Chat
from rag.filter_words import filter_text, read_filter
from rag.terminal import show_rest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def index() -> Iterator[Index]:
    with Index(sample_index()) as index:
        yield index


def talk(index: Index, *lines: str, llm: BaseChatModel | str = "extractive") -> tuple[str, Chat]:
    """Return what a conversation prints, errors included, without colours."""
    shown = StringIO()
    console = Console(file=shown, width=100, highlight=False)
    session = Chat(Assistant(index, llm), console=console, errors=console)
    session.run(iter(lines))
    return shown.getvalue(), session


def test_answer_is_the_assistants_with_numbered_sources(index: Index) -> None:
    shown, session = talk(index, QUESTION)
    record = Assistant(index).ask(QUESTION)
    timeless = {"seconds": 0, "trace": None}
    assert {**session.answers[0].to_dict(), **timeless} == {**record.to_dict(), **timeless}
    words = " ".join(shown.split())
    place = {e.pmid: n for n, e in enumerate(record.evidence, 1)}
    for sentence in record.sentences:
        assert f"{sentence.text} [{place[sentence.citations[0]]}]" in words
    assert "2015, Randomized Controlled Trial, Pragmatic Clinical Trial (" in words
    assert "[RETRACTED]" in words  # of what was withheld
    assert "not medical advice" in words


def test_notes_and_conflicts_are_printed_with_their_sources(index: Index) -> None:
    answer = Assistant(index).ask(QUESTION)
    first, second = (Quote(e.pmid, e.text[:30], 0, 30) for e in answer.evidence[1:3])
    shown = StringIO()
    changed = replace(answer, query="Asked fully?", warnings=("Mind this.",), conflicts=(Conflict(first, second),))
    show_rest(Console(file=shown, width=100), changed)
    assert f"Note: Mind this.\n  [2] “{first.text}”\n  [3] “{second.text}”\n" in shown.getvalue()
    assert "Understood as: Asked fully?" in shown.getvalue()


def test_follow_up_uses_the_conversation_until_a_new_one(index: Index) -> None:
    _, session = talk(index, QUESTION, "What about its dose?", "/new", "What about its dose?")
    assert [a.query for a in session.answers] == [QUESTION, f"{QUESTION} What about its dose?", "What about its dose?"]


@pytest.mark.parametrize("yes", [True, False])
def test_private_question_is_sent_only_when_confirmed(index: Index, *, yes: bool) -> None:
    gate = threading.Event()
    gate.set()
    model = Gated(gate=gate)
    shown = Console(file=StringIO(), width=100)
    session = Chat(Assistant(index, model), console=shown, errors=shown, confirm=lambda _: yes)
    session.run(iter(["Patient John Miller, born 03.04.1956: is cardrenidine safe?"]))
    assert len(model.calls) == yes
    assert session.assistant.allow_phi is False


def test_struck_sentences_say_why(index: Index) -> None:
    shown, _ = talk(index, QUESTION, llm=scripted(MIXED))
    assert shown.count("Struck: ") == 4
    assert "Struck: It was seen in 44% of patients.\n  because: 44% does not stand in a cited abstract\n" in shown


def test_open_shows_the_abstract_and_highlights_the_quotation(index: Index) -> None:
    shown = StringIO()
    console = Console(file=shown, width=4000, highlight=False, force_terminal=True, color_system="standard")
    session = Chat(Assistant(index, scripted(MIXED)), console=console, errors=console)
    session.run(iter([QUESTION, "/open 1"]))
    assert f"\x1b[30;43m{TRUE_QUOTE}\x1b[0m" in shown.getvalue()
    assert f"https://pubmed.ncbi.nlm.nih.gov/{PMID}/" in shown.getvalue()


def test_sources_lists_all_evidence_in_its_order(index: Index) -> None:
    shown, session = talk(index, QUESTION, "/sources")
    listed = re.findall(r"PMID\s+(\d+)", shown.partition("struck; extractive")[2])
    assert listed == [e.pmid for e in session.answers[0].evidence]


def test_filter_is_used_shown_and_taken_off(index: Index) -> None:
    line = '/filter since=2014 type="Randomized Controlled Trial" exclude=90001003'
    shown, session = talk(index, line, QUESTION, "/filter", "/filter off")
    where = Filter(2014, None, ("Randomized Controlled Trial",), exclude=frozenset({"90001003"}))
    assert [e.pmid for e in session.answers[0].evidence] == [
        e.pmid for e in Assistant(index, where=where).ask(QUESTION).evidence
    ]
    assert shown.count("Filter: since 2014; Randomized Controlled Trial; without 90001003") == 2
    assert shown.endswith("Filter: none (retracted papers are left out)\n")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("since=x", "year"),
        ("colour=red", "colour"),
        ("status=good", "concern"),
        ("since=2009 until=2008", "later"),
        ('"', "quot"),
    ],
)
def test_filter_that_cannot_be_read_is_explained(text: str, word: str) -> None:
    with pytest.raises(RagError, match=word):
        read_filter(text)
    assert filter_text(read_filter("status=all")) == "status ok, corrected, concern, retracted"


def test_errors_leave_the_conversation_going(index: Index) -> None:
    shown, session = talk(index, "/open 1", "/sorces", "/model nonsense", "/save x.doc", QUESTION, "/open 99")
    assert session.failed == 5
    assert len(session.answers) == 1
    for said in ("nothing was asked yet", "did you mean /sources?", "unknown model 'nonsense'", "from 1 to 10"):
        assert said in shown
    shown, session = talk(index, QUESTION, "/help", llm=Broken())
    assert "unexpected KeyError" in shown
    assert "/history" in shown


def test_model_changes_and_the_filter_stays(index: Index, tmp_path: Path) -> None:
    script = tmp_path / "s.jsonl"
    script.write_text('{"output": "ABSTAIN: as written"}\n')
    shown, session = talk(index, "/filter since=2015", QUESTION, f"/model scripted:{script}", QUESTION, "/history")
    assert [a.reason for a in session.answers] == ["", "as written"]
    assert all(e.year is not None and e.year >= 2015 for a in session.answers for e in a.evidence)
    assert "1. " + QUESTION + "  (answered)" in shown
    assert "2. " + QUESTION + "  (abstained)" in shown


def test_save_writes_every_format_and_overwrites_nothing(index: Index, tmp_path: Path) -> None:
    names = [tmp_path / f"talk{suffix}" for suffix in (".md", ".jsonl", ".bib", ".ris")]
    _, session = talk(index, QUESTION, QUESTION, *(f"/save {n}" for n in names), f"/save {names[0]}")
    assert session.failed == 1
    text = {n.suffix: n.read_bytes().decode() for n in names}
    assert text[".md"].count(f"**{QUESTION.replace('?', '')}") == 2
    assert [json.loads(line) for line in text[".jsonl"].splitlines()] == [
        json.loads(json.dumps(a.to_dict())) for a in session.answers
    ]
    assert text[".bib"].count("@article{") == text[".ris"].count("TY  - JOUR\r\n") == 1


def test_texts_cannot_command_the_terminal(index: Index) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J[bold red]x[/] \x9b31m\r"
    shown, _ = talk(index, QUESTION, llm=scripted(f"{evil} [{PMID}]"))
    assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", shown) == []
    assert "[bold red]x[/]" in shown


class Interrupted(BaseChatModel):
    @property
    def _llm_type(self) -> str:
        return "interrupted"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **_: Any) -> Any:
        raise KeyboardInterrupt


def test_ctrl_c_stops_the_answer_and_not_the_conversation(index: Index) -> None:
    shown, session = talk(index, QUESTION, "/help", llm=Interrupted())
    assert "Stopped." in shown
    assert "/history" in shown
    assert session.answers == []
    assert session.failed == 0


def test_piped_questions_are_answered_and_failure_is_the_exit_code() -> None:
    command = [sys.executable, str(ROOT / "clinrag.py"), "chat", str(sample_index())]
    lines = f"{QUESTION}\n\n/open 77\n"
    done = subprocess.run(command, input=lines, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 1
    assert "cardrenidine did not lower the recurrence" in done.stdout
    assert "\x1b" not in done.stdout
    assert "from 1 to 10" in done.stderr
    assert "> " not in done.stdout


TYPED = """
import sys, time
from pathlib import Path
from rag.scripted import Scripted
from indexes import Index
from rag import Assistant
from rag.chat import chat

class SlowAtFirst(Scripted):
    calls: int = 0
    def _generate(self, *args, **kwargs):
        self.calls += 1
        if self.calls == 1:
            time.sleep(30)
        return super()._generate(*args, **kwargs)

with Index(Path(sys.argv[1])) as index:
    model = SlowAtFirst(lines=[{"output": "ABSTAIN: done", "match": ""}])
    sys.exit(chat(Assistant(index, model)))
"""


PROMPT = "\x1b[?2004h"  # bracketed paste is switched on: a line can be typed


def test_at_a_terminal_ctrl_c_arrow_up_and_ctrl_d() -> None:
    terminal, inside = pty.openpty()

    def as_terminal() -> None:
        os.login_tty(inside)  # so that a typed Ctrl-C is a signal
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a job in the background ignores it, and its children too

    process = subprocess.Popen(
        [sys.executable, "-c", TYPED, str(sample_index())],
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm", "PYTHONPATH": str(ROOT), "COLUMNS": "100", "LINES": "40"},
        preexec_fn=as_terminal,
    )
    os.close(inside)
    seen = ""

    def until(words: str, *, press: bytes = b"") -> None:
        nonlocal seen
        deadline = time.monotonic() + 90
        pressed = 0.0
        while words not in seen:
            # A key pressed while the line editor hands the terminal back can be lost: press it again, as one would.
            if press and time.monotonic() - pressed > 3:
                pressed = time.monotonic()
                os.write(terminal, press)
            ready, _, _ = select.select([terminal], [], [], 0.2)
            if ready:
                seen += os.read(terminal, 65536).decode(errors="replace")
                if "\x1b[6n" in seen:  # it asks where the cursor is
                    os.write(terminal, b"\x1b[1;1R")
                    seen = seen.replace("\x1b[6n", "")
            assert time.monotonic() < deadline, seen
        seen = seen.partition(words)[2]

    try:
        until(PROMPT)
        os.write(terminal, QUESTION.encode() + b"\r")
        until("Reading 10 papers")
        until("Stopped.", press=b"\x03")
        until(PROMPT)
        os.write(terminal, b"\x1b[A\r")  # the same again
        until("No answer. ")
        until(PROMPT)
        os.write(terminal, b"\x04")
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
