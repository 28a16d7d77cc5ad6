"""Updates of large indexes, which are grown rather than made anew; earlier formats; wishes for the dense part."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
from conftest import record
from typer.testing import CliRunner

from clinrag import app
from indexes import Filter, Index, build, update, verify
from indexes.columns import Columns
from indexes.dense import Dense
from indexes.document import STATUSES, to_dict
from indexes.errors import IndexesError, SourceError
from indexes.manifest import read_manifest
from indexes.storage import sha256_file
from indexes.store import Store

Write = Callable[..., Path]
WORDS = "heart renal sepsis insulin cough trial cohort placebo fever bone skin liver lung brain sleep".split()
ALL = Filter(statuses=STATUSES)


def text(n: int, extra: str = "") -> str:
    return " ".join(WORDS[(n * k) % len(WORDS)] for k in (1, 2, 3, 5, 7)) + f" case{n} {extra}"


@pytest.fixture(autouse=True)
def grow_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexes.assemble.GROW_FROM", 100)


@pytest.fixture
def first(write_jsonl: Write) -> Path:
    types = (["Review"], ["Randomized Controlled Trial", "Review"], [])
    return write_jsonl(
        "a.jsonl",
        *(record(n, text(n), year=1990 + n % 30, publication_types=types[n % 3]) for n in range(10, 1210, 2)),
    )


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """A revision, additions between and behind the others, a deletion, and a notice without an abstract."""
    articles = "".join(
        f"<PubmedArticle><MedlineCitation><PMID>{pmid}</PMID><Article><ArticleTitle>Title {pmid}</ArticleTitle>"
        f"<Abstract><AbstractText>{text(pmid, 'zephyr')}</AbstractText></Abstract><PublicationTypeList>"
        f"<PublicationType>{kind}</PublicationType></PublicationTypeList></Article></MedlineCitation></PubmedArticle>"
        for pmid, kind in ((20, "Review"), (21, "Case Reports"), (5, "Review"), (2000, "Letter"))
    )
    path = tmp_path / "b.xml"
    path.write_text(f"<PubmedArticleSet>{articles}{notice(3000, 30)}{deletion(40)}</PubmedArticleSet>")
    return path


def notice(pmid: int, about: int) -> str:
    return (
        f"<PubmedArticle><MedlineCitation><PMID>{pmid}</PMID><Article><ArticleTitle>Retraction</ArticleTitle></Article>"
        f'<CommentsCorrectionsList><CommentsCorrections RefType="RetractionOf"><RefSource>J</RefSource><PMID>{about}'
        "</PMID></CommentsCorrections></CommentsCorrectionsList></MedlineCitation></PubmedArticle>"
    )


def deletion(pmid: int) -> str:
    return f"<DeleteCitation><PMID>{pmid}</PMID></DeleteCitation>"


def same(grown: Path, whole: Path) -> None:
    """Compare everything but BM25 scores, in which a grown index still counts what it dropped."""
    names = [d / "generations" / read_manifest(d).generation for d in (grown, whole)]
    stores = [list(Store(n / "documents.sqlite")) for n in names]
    assert stores[0] == stores[1]
    for attribute in ("pmids", "years", "statuses"):
        assert np.array_equal(*(getattr(Columns(n), attribute) for n in names))
    assert (names[0] / "vectors.f16").read_bytes() == (names[1] / "vectors.f16").read_bytes()
    manifests = [read_manifest(d) for d in (grown, whole)]
    for attribute in ("documents", "pmid_sha256", "retracted", "superseded", "deleted"):
        assert getattr(manifests[0], attribute) == getattr(manifests[1], attribute), attribute
    with Index(grown) as a, Index(whole) as b:
        for where in (ALL, Filter(), Filter(publication_types=("Review",)), Filter(since=2000, until=2010)):
            for query in ("insulin trial", "zephyr", "case100 brain"):
                answers = [[h.pmid for h in index.search(query, 700, where=where, mode="dense")] for index in (a, b)]
                assert answers[0] == answers[1]
                words = [{h.pmid for h in index.search(query, 700, where=where, mode="lexical")} for index in (a, b)]
                assert words[0] == words[1]
    assert verify(grown) == []


@pytest.mark.parametrize("factory", [None, "IVF8,SQ8", "IVF8,PQ16x4fs"])
def test_a_grown_index_equals_one_made_from_everything(
    factory: str | None, tmp_path: Path, first: Path, second: Path
) -> None:
    dense = Dense(factory)
    build(tmp_path / "grown", [first], encoder="hashing", dense=dense)
    segments = {p.stat().st_ino for p in (tmp_path / "grown").rglob("*.pos")}
    update(tmp_path / "grown", [second])
    manifest = read_manifest(tmp_path / "grown")
    assert manifest.changed == 7  # 5, 20, 21, 40, 2000, the notice 3000, and 30 that it is about
    assert segments & {p.stat().st_ino for p in (tmp_path / "grown" / "generations" / "000002").rglob("*.pos")}
    if factory:
        assert manifest.faiss["trained_documents"] == 600, "not trained again"
        assert manifest.faiss["asked_factory"] == factory
    build(tmp_path / "whole", [first, second], encoder="hashing", dense=dense)
    same(tmp_path / "grown", tmp_path / "whole")
    with Index(tmp_path / "grown") as index:
        assert index.get("30").status == "retracted"  # type: ignore[union-attr]
        assert index.get("40") is None
        assert index.get("3000") is None


def test_a_notice_withdrawn_later_no_longer_marks_the_paper(tmp_path: Path, first: Path, second: Path) -> None:
    build(tmp_path / "grown", [first], encoder="hashing")
    update(tmp_path / "grown", [second])
    third = tmp_path / "c.xml"
    third.write_text(f"<PubmedArticleSet>{notice(3001, 32)}{deletion(3000)}</PubmedArticleSet>")
    update(tmp_path / "grown", [third])
    with Index(tmp_path / "grown") as index:
        assert [index.get(p).status for p in ("30", "32")] == ["ok", "retracted"]  # type: ignore[union-attr]
    build(tmp_path / "whole", [first, second, third], encoder="hashing")
    same(tmp_path / "grown", tmp_path / "whole")


def test_large_updates_and_damaged_indexes_are_made_anew(tmp_path: Path, first: Path, write_jsonl: Write) -> None:
    directory = tmp_path / "index"
    build(directory, [first], encoder="hashing")
    update(directory, [write_jsonl("few.jsonl", record(20, text(20, "first")))])
    assert read_manifest(directory).changed == 1
    (directory / "generations" / "000002" / "years.npy").write_bytes(b"rubbish")
    update(directory, [write_jsonl("more.jsonl", record(22, text(22)))])
    assert read_manifest(directory).changed == 0
    update(directory, [write_jsonl("many.jsonl", *(record(n, text(n)) for n in range(3000, 3100)))])
    assert read_manifest(directory).changed == 0
    assert verify(directory) == []


def test_lists_are_trained_again_when_they_no_longer_fit(
    tmp_path: Path, first: Path, write_jsonl: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexes.assemble.GROW_UP_TO", 10.0)
    directory = tmp_path / "index"
    build(directory, [first], encoder="hashing", dense=Dense("IVF8,SQ8"))
    update(directory, [write_jsonl("b.jsonl", *(record(n, text(n)) for n in range(3000, 3500)))])
    assert read_manifest(directory).faiss["trained_documents"] == 600
    update(directory, [write_jsonl("c.jsonl", *(record(n, text(n)) for n in range(4000, 4200)))])
    assert read_manifest(directory).faiss["trained_documents"] == 1300
    assert verify(directory) == []


def make_format_1(directory: Path) -> None:
    """Rewrite a generation as earlier versions wrote it."""
    folder = directory / "generations" / "000001"
    index = faiss.index_factory(256, "IDMap2,Flat", faiss.METRIC_INNER_PRODUCT)
    rows = np.fromfile(folder / "vectors.f16", "<f2").reshape(-1, 256).astype(np.float32)
    index.add_with_ids(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.load(folder / "pmids.npy"))
    faiss.write_index(index, str(folder / "vectors.faiss"))
    (folder / "vectors.f16").unlink()
    store = Store(folder / "documents.sqlite")
    with sqlite3.connect(folder / "documents.sqlite") as db:
        for document in store:
            if document.notices:
                db.execute(
                    "UPDATE documents SET body = ? WHERE pmid = ?", (json.dumps(to_dict(document)), document.pmid)
                )
        db.execute("DELETE FROM documents WHERE row < 0")
        db.execute("DROP TABLE notices")
    db.close()
    store.close()
    manifest = json.loads((directory / "manifest.json").read_text())
    keep = ("metric", "recall_at_10", "recall_queries")
    manifest |= {"format": 1, "faiss": {"factory": "IDMap2,Flat"} | {key: manifest["faiss"][key] for key in keep}}
    del manifest["changed"], manifest["sum"]
    manifest["files"] = {str(p.relative_to(folder)): sha256_file(p) for p in folder.rglob("*") if p.is_file()}
    (directory / "manifest.json").write_text(json.dumps(manifest))


def results(directory: Path) -> list[Any]:
    with Index(directory) as index:
        return [
            (h.pmid, round(h.score, 5), h.document)
            for mode in ("dense", "hybrid", "lexical")
            for where in (ALL, Filter(since=2000))
            for h in index.search("insulin trial zephyr", 20, where=where, mode=mode)  # type: ignore[arg-type]
        ]


def test_an_index_of_format_1_opens_and_an_update_renews_it(tmp_path: Path, first: Path, second: Path) -> None:
    build(tmp_path / "new", [first, second], encoder="hashing")
    shutil.copytree(tmp_path / "new", tmp_path / "old")
    make_format_1(tmp_path / "old")
    assert results(tmp_path / "old") == results(tmp_path / "new")
    assert CliRunner().invoke(app, ["index", "info", str(tmp_path / "old")]).exit_code == 0
    third = tmp_path / "c.xml"
    third.write_text(f"<PubmedArticleSet>{deletion(3000)}</PubmedArticleSet>")
    update(tmp_path / "old", [third])
    update(tmp_path / "new", [third])
    assert read_manifest(tmp_path / "old").format == 2
    assert verify(tmp_path / "old") == []
    with Index(tmp_path / "old") as old:
        assert old.get("30").status == "ok"  # type: ignore[union-attr]


def test_an_update_without_news_renews_format_1_too(tmp_path: Path, first: Path) -> None:
    build(tmp_path / "old", [first], encoder="hashing")
    make_format_1(tmp_path / "old")
    assert verify(tmp_path / "old") == []
    run = CliRunner().invoke(app, ["index", "update", str(tmp_path / "old"), str(first)])
    assert run.exit_code == 0, run.output
    assert read_manifest(tmp_path / "old").format == 2
    assert verify(tmp_path / "old") == []


@pytest.fixture
def questions(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "questions.json"
    path.write_text("".join(json.dumps({"question": text(n)}) + "\n" for n in range(0, 300, 3)))
    yield path
    path.unlink(missing_ok=True)


def test_given_questions_tune_and_measure_and_are_kept_for_updates(
    tmp_path: Path, first: Path, second: Path, questions: Path
) -> None:
    directory = tmp_path / "index"
    build(directory, [first], encoder="hashing", dense=Dense("IVF8,SQ8", 0.9, questions))
    questions.unlink()
    for _ in range(2):
        faiss_record = read_manifest(directory).faiss
        assert faiss_record["recall_queries"] == 50
        assert faiss_record["recall_queries_from"] == "questions given with --queries"
        assert faiss_record["recall_target"] == 0.9
        assert faiss_record["nprobe"] >= 1
        low, high = faiss_record["recall_interval"]
        assert low < faiss_record["recall_at_10"] <= high
        update(directory, [second])


def test_wishes_that_cannot_be_met_are_named_before_any_work(tmp_path: Path, first: Path) -> None:
    for dense, said in (
        (Dense("nonsense"), "FAISS cannot make 'nonsense'"),
        (Dense(target=1.5), "between 0 and 1"),
        (Dense(questions=tmp_path / "none.jsonl"), "cannot read"),
    ):
        with pytest.raises(IndexesError, match=said):
            build(tmp_path / "index", [first], encoder="hashing", dense=dense)
    assert not (tmp_path / "index").exists()
    empty = tmp_path / "empty.jsonl"
    empty.write_text('{"question": " "}\n')
    with pytest.raises(SourceError, match="no question"):
        build(tmp_path / "index", [first], encoder="hashing", dense=Dense(questions=empty))


def test_command_line(tmp_path: Path, first: Path) -> None:
    directory = str(tmp_path / "index")
    arguments = ["index", "build", directory, str(first), "--encoder", "hashing", "--factory"]
    run = CliRunner().invoke(app, [*arguments, "IVF8,SQ8", "--recall", "0.95"])
    assert run.exit_code == 0, run.output
    shown = CliRunner().invoke(app, ["index", "info", directory]).output
    assert "IVF8,SQ8" in shown
    assert "lists visited" in shown
    assert "titles of its documents" in shown
