"""The command line as a user meets it: what it prints, where, and with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, SAMPLE, record
from test_docs import matches

import clinrag


def run(*arguments: object, code: int = 0) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "clinrag.py"), *map(str, arguments)], capture_output=True, text=True, timeout=300
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == code, done.stderr
    return done.stdout, done.stderr


def commands(app: Any, *path: str) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [path]
    for name, command in getattr(app, "commands", {}).items():
        found += commands(command, *path, name)
    return found


ALL = commands(clinrag.typer.main.get_command(clinrag.app))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_help_has_an_example(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        clinrag.app([*path, "--help"])
    assert exit_.value.code == 0
    assert "clinrag " in capsys.readouterr().out.split("Usage:")[1].split("\n", 1)[1]


def test_build_info_search_ask_verify_evaluate(tmp_path: Path) -> None:
    index = tmp_path / "index"
    out, err = run("index", "build", index, SAMPLE, "--encoder", "hashing")
    assert "documents in" in out
    assert "no abstract" in err
    info = json.loads(run("index", "info", index, "--json")[0])
    assert next(iter(info)) == "format"
    assert {"documents", "pmid_sha256", "encoder", "faiss", "sources", "retracted", "bytes"} <= set(info)
    assert {"name", "dimension"} <= set(info["encoder"])
    assert {"factory", "metric", "recall_at_10"} <= set(info["faiss"])
    hits = json.loads(run("index", "search", index, "atrial fibrillation", "--k", 3, "--json")[0])
    assert [h["rank"] for h in hits] == [1, 2, 3]
    assert set(hits[0]) >= {"pmid", "title", "text", "year", "journal", "publication_types", "status", "score"}
    answer = json.loads(run("ask", index, "Do Brackley low-carbohydrate meals lower migraine days?", "--json")[0])
    assert answer["outcome"] == "answered"
    assert answer["index"]["pmid_sha256"] == info["pmid_sha256"]
    evidence = {e["pmid"]: e for e in answer["evidence"]}
    for sentence in answer["sentences"]:
        assert sentence["citations"]
        assert sentence["checks"]["passed"] is True
        for quote in sentence["quotes"]:
            assert evidence[quote["pmid"]]["text"][quote["start"] : quote["end"]] == quote["text"]
    assert "is sound" in run("index", "verify", index)[0]
    questions = ROOT / "indexes" / "sample" / "questions.jsonl"
    result = json.loads(run("index", "evaluate", index, "--queries", questions, "--mode", "lexical", "--json")[0])
    assert {"mode", "queries", "k", "recall@1", "recall@5", "recall@10", "mrr@10", "ndcg@10", "ms_per_query"} <= set(
        result
    )
    assert result["queries"] == 61
    (index / "generations" / "000001" / "types.json").write_text("[]")
    out, err = run("index", "verify", index, code=1)
    assert "types.json" in out


def test_update_and_filters(tmp_path: Path) -> None:
    index = tmp_path / "index"
    run("index", "build", index, SAMPLE / "synthetic26n0001.xml", "--encoder", "hashing")
    before = json.loads(run("index", "info", index, "--json")[0])
    run("index", "update", index, SAMPLE / "synthetic26n0002.xml")
    after = json.loads(run("index", "info", index, "--json")[0])
    assert (before["retracted"], after["retracted"]) == (0, 2)
    arguments = ("index", "search", index, "cardrenidine before cardiac surgery", "--json", "--k", 50)
    assert "90001001" not in {h["pmid"] for h in json.loads(run(*arguments)[0])}
    kept = {h["pmid"]: h for h in json.loads(run(*arguments, "--status", "all")[0])}
    assert (kept["90001001"]["status"], kept["90001001"]["notices"][0]["pmid"]) == ("retracted", "90001018")
    years = {h["year"] for h in json.loads(run(*arguments, "--since", 2010, "--until", 2012)[0])}
    assert years == {2010, 2011, 2012}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["index", "build", "{tmp}/x", "{tmp}/missing.xml"], 1, "missing.xml"),
        (["index", "build", "{tmp}/x", "{tmp}/empty.xml"], 1, "empty"),
        (["index", "build", "{tmp}/x", "{tmp}/page.xml"], 1, "page.xml"),
        (["index", "build", "{tmp}/x", "{tmp}/cut.xml.gz", "--encoder", "hashing"], 1, "byte"),
        (["index", "build", "{tmp}/x", "{tmp}/good.jsonl", "--encoder", "minilm"], 1, "unknown encoder"),
        (["index", "build", "{tmp}/x"], 2, "SOURCE"),
        (["index", "info", "{tmp}"], 1, "is no index"),
        (["index", "search", "{tmp}/nowhere", "x"], 1, "no such folder"),
        (["index", "search", "{index}", "x", "--encoder", "medcpt"], 1, "clinrag index build"),
        (["index", "search", "{index}", " "], 1, "the query is empty"),
        (["index", "search", "{index}", "x", "--k", "0"], 2, "--k"),
        (["index", "search", "{index}", "x", "--exclude", "abc"], 2, "1 to 9 digits"),
        (["index", "search", "{index}", "x", "--since", "2020", "--until", "2010"], 2, "later than"),
        (["index", "evaluate", "{index}", "--queries", "{tmp}/good.jsonl"], 1, "gold_pmids"),
        (["ask", "{index}", ""], 1, "the question is empty"),
        (["ask", "{index}", "x", "--llm", "magic"], 1, "unknown model 'magic'"),
        (["ask", "{index}", "x", "--llm", "scripted:{tmp}/none.jsonl"], 1, "cannot read the script"),
    ],
)
def test_errors_are_one_clear_message(
    tmp_path: Path, sample_directory: Path, arguments: list[str], code: int, words: str
) -> None:
    import gzip

    (tmp_path / "empty.xml").touch()
    (tmp_path / "page.xml").write_text("<html><body>not found</body></html>")
    (tmp_path / "good.jsonl").write_text(json.dumps(record(1)) + "\n")
    packed = gzip.compress((SAMPLE / "synthetic26n0001.xml").read_bytes())
    (tmp_path / "cut.xml.gz").write_bytes(packed[: len(packed) // 2])
    _, err = run(*(a.format(tmp=tmp_path, index=sample_directory) for a in arguments), code=code)
    assert words in err


def test_damaged_source_is_built_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = (SAMPLE / "synthetic26n0001.xml").read_text(encoding="utf-8")
    (tmp_path / "cut.xml").write_text(whole[: len(whole) // 2], encoding="utf-8")
    _, err = run("index", "build", tmp_path / "index", tmp_path / "cut.xml", "--encoder", "hashing", code=1)
    assert "cut.xml" in err
    assert json.loads(run("index", "info", tmp_path / "index", "--json")[0])["documents"] > 50


def test_demo_tells_the_whole_story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINRAG_HOME", str(tmp_path))
    out, _ = run("demo")
    for words in (
        "synthetic",
        "[90010017]",
        "Left out because retracted",
        "No answer",
        "not medical advice",
        "Try next",
        "gold abstracts given (rules) is better than closed book (rules)",
    ):
        assert words in " ".join(out.split())
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.partition("What it shows")[2].split("```")[1].strip("\n")
    assert matches(f"…\n{shown}\n", out), "README.md shows another output"
    assert (tmp_path / "demo" / "run" / "report.html").is_file()
    assert (tmp_path / "demo" / "index" / "manifest.json").is_file()
