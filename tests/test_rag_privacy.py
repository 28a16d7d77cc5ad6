"""Personal health information: noticed before it leaves the machine. Rates on questions written by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from langchain_core.language_models import FakeListChatModel
from test_rag_drafting import Speaking
from typer.testing import CliRunner

from clinrag import app
from rag import Assistant
from rag.cli import ask_or_confirm
from rag.destination import destination
from rag.extractive import Extractive
from rag.privacy import PrivateQuestionError, find_identifiers
from rag.served import Served

ITEMS = [
    json.loads(line) for line in (Path(__file__).parent / "data" / "identifiers.jsonl").read_text("utf-8").splitlines()
]
PRIVATE = "Mr John Smith, DOB 12/03/1956, MRN 00482913, tel. (555) 234-5678, js@example.org: statin or not?"


def test_rates_on_our_own_questions():
    """38 questions with 40 identifiers, 60 without; written with the rules in mind, so a lower bound of nothing."""
    sought = found = alarms = quiet = 0
    for item in ITEMS:
        what = [i.text for i in find_identifiers(item["text"])]
        sought += len(item["identifying"])
        found += sum(any(w in t or t in w for t in what) for w in item["identifying"])
        quiet += not item["identifying"]
        alarms += bool(what) and not item["identifying"]
    assert (sought, quiet) == (40, 60)
    assert found >= 37
    assert alarms <= 1


def test_kinds_and_places():
    found = find_identifiers(PRIVATE)
    assert [i.kind for i in found] == ["name", "date of birth", "record number", "telephone number", "e-mail"]
    assert all(PRIVATE[i.start : i.end] == i.text for i in found)


def test_real_questions_raise_few_alarms(shared):
    """Questions without patients' identifiers: of 5,904 about trials none, of 1,000 titles two."""
    for name, most in (("evidence_inference_known_item", 0), ("pubmedqa_known_item", 2)):
        lines = (shared / "retrieval" / f"{name}.jsonl").read_text("utf-8").splitlines()
        alarms = [q for line in lines if find_identifiers(q := json.loads(line)["question"])]
        assert len(alarms) <= most, alarms


class Elsewhere(Speaking):
    base_url: str = "https://llm.example.com/v1"


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ("https://llm.example.com/v1", "llm.example.com"),
        ("http://192.168.1.20:8000/v1", "192.168.1.20"),
        ("http://127.0.0.1:8000/v1", ""),
        ("http://localhost:11434", ""),
        ("http://[::1]:8000/v1", ""),
        ("gpu.cluster:8000", "gpu.cluster"),
    ],
)
def test_where_a_question_goes(address, where):
    assert destination(Elsewhere(outputs=[""], prompts=[], base_url=address)) == where


def test_a_guard_goes_where_its_client_goes(sample_index):
    far = Elsewhere(outputs=["ABSTAIN: nothing"], prompts=[])
    near = far.model_copy(update={"base_url": "http://127.0.0.1:1/v1"})
    guards = [Served(inner=m, name_of_model="m", where="the server", advice="start it") for m in (far, near)]
    assert [destination(g) for g in guards] == ["llm.example.com", ""]
    with pytest.raises(PrivateQuestionError):
        Assistant(sample_index, guards[0]).ask(PRIVATE)


def test_models_without_an_address(monkeypatch):
    assert destination(Extractive()) == ""
    assert destination(FakeListChatModel(responses=["x"])) == ""
    assert destination(Speaking(outputs=[""], prompts=[])) == "the provider of Speaking"  # unknown: taken as remote
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    assert "LangSmith" in destination(Extractive())


def test_nothing_is_sent_until_allowed(sample_index):
    model = Elsewhere(outputs=["ABSTAIN: nothing"], prompts=[])
    with pytest.raises(PrivateQuestionError, match=r"llm\.example\.com.*--allow-phi") as caught:
        Assistant(sample_index, model).ask(PRIVATE)
    assert len(caught.value.found) == 5
    with pytest.raises(PrivateQuestionError):
        Assistant(sample_index, model).ask("And a statin?", history=[(PRIVATE, "")])
    assert model.prompts == []
    assert Assistant(sample_index, model, allow_phi=True).ask(PRIVATE).outcome == "abstained"
    assert len(model.prompts) == 1
    assert Assistant(sample_index).ask(PRIVATE).outcome == "abstained"  # the extractive model is here
    assert Assistant(sample_index, model).ask("Do statins help in CKD?").outcome == "abstained"


def test_the_command_warns_and_goes_on_only_if_told(sample_directory, monkeypatch):
    model = Elsewhere(outputs=["ABSTAIN: nothing"], prompts=[])
    monkeypatch.setattr("rag.assistant.load_llm", lambda spec: model)
    command = ["ask", str(sample_directory), PRIVATE, "--llm", "elsewhere"]
    refused = CliRunner().invoke(app, command)
    assert isinstance(refused.exception, PrivateQuestionError)  # no terminal to ask at: an error that names the option
    assert model.prompts == []
    allowed = CliRunner().invoke(app, [*command, "--allow-phi"])
    assert allowed.exit_code == 0, allowed.output
    assert "No answer. nothing" in allowed.output


@pytest.mark.parametrize("agrees", [True, False])
def test_at_a_terminal_the_user_decides(sample_index, monkeypatch, capsys, agrees):
    model = Elsewhere(outputs=["ABSTAIN: nothing"], prompts=[])
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda self: True})())
    monkeypatch.setattr("typer.confirm", lambda *_, **__: agrees)
    if agrees:
        assert ask_or_confirm(Assistant(sample_index, model), PRIVATE).outcome == "abstained"
    else:
        with pytest.raises(typer.Exit):
            ask_or_confirm(Assistant(sample_index, model), PRIVATE)
    assert len(model.prompts) == agrees
    assert "John Smith" in capsys.readouterr().err


def test_a_title_is_no_reference_number() -> None:
    """ "Mrs" ends like the "rs" of a variant's number, which is public."""
    assert [i.text for i in find_identifiers("Can Mrs Quillfeather take aspirin? rs12345678 is a variant.")] == [
        "Quillfeather"
    ]
