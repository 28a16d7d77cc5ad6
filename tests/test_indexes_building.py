from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, SAMPLE, record
from lxml import etree

from indexes import Index, build, update, verify
from indexes.encoders import HashingEncoder, Role, Vectors
from indexes.errors import BusyIndexError, CorruptIndexError, EncoderError, NotAnIndexError, SourceError, StorageError
from indexes.filters import Filter
from indexes.manifest import read_manifest
from indexes.storage import exclusive

Write = Callable[..., Path]


class Counting(HashingEncoder):
    """The fake, counting what it embeds."""

    def __init__(self) -> None:
        self.documents: list[str] = []

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        if role == "document":
            self.documents += texts
        return super().encode(texts, role)


def results(directory: Path) -> list[tuple[str, float]]:
    with Index(directory) as index:
        return [(h.pmid, h.score) for q in ("paper abstract", "zephyr") for h in index.search(q, 5)]


def test_sample_holds_what_an_independent_reading_of_its_xml_says(sample_directory: Path) -> None:
    wanted: dict[str, bool] = {}
    for path in sorted(SAMPLE.glob("*.xml")):
        tree = etree.parse(str(path))
        for article in tree.iterfind(".//PubmedArticle"):
            wanted[article.findtext(".//PMID") or ""] = article.find(".//AbstractText") is not None
        for deleted in tree.iterfind(".//DeleteCitation/PMID"):
            wanted.pop(deleted.text or "")
    with Index(sample_directory) as index:
        assert len(index) == sum(wanted.values())
        for pmid, has_abstract in wanted.items():
            assert (index.get(pmid) is not None) == has_abstract
        assert index.get("90001001").status == "retracted"  # type: ignore[union-attr]
        notice = index.get("90001018")
        assert notice is None or notice.status == "ok"
    assert verify(sample_directory) == []


def test_newest_version_wins_and_deletion_removes(tmp_path: Path, write_jsonl: Write) -> None:
    first = write_jsonl("a.jsonl", record(1, "old"), record(2), record(3, "second version", version=2))
    later = write_jsonl(
        "b.jsonl", record(1, "new"), record(3, "first version", version=1), record(2), record(2, "twice")
    )
    deletion = tmp_path / "c.xml"
    deletion.write_text("<PubmedArticleSet><DeleteCitation><PMID>2</PMID></DeleteCitation></PubmedArticleSet>")
    result = build(tmp_path / "index", [first, later, deletion], encoder="hashing")
    with Index(tmp_path / "index") as index:
        assert index.get("1").abstract == "new"  # type: ignore[union-attr]
        assert index.get("2") is None
        assert index.get("3").abstract == "second version"  # type: ignore[union-attr]
    assert (result.manifest.documents, result.manifest.deleted, result.manifest.superseded) == (2, 1, 4)


def test_notice_marks_a_paper_whose_own_record_is_older(tmp_path: Path, write_jsonl: Write) -> None:
    paper = write_jsonl("a.jsonl", record(7, "trial"))
    notice = tmp_path / "b.xml"
    notice.write_text(
        "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>8</PMID><Article><ArticleTitle>Retraction</ArticleTitle>"
        '</Article><CommentsCorrectionsList><CommentsCorrections RefType="RetractionOf"><RefSource>J</RefSource>'
        "<PMID>7</PMID></CommentsCorrections></CommentsCorrectionsList></MedlineCitation></PubmedArticle></PubmedArticleSet>"
    )
    build(tmp_path / "index", [paper, notice], encoder="hashing")
    with Index(tmp_path / "index") as index:
        document = index.get("7")
        assert document is not None
        assert (document.status, document.notices[0].pmid) == ("retracted", "8")
        assert index.search("trial", 5) == []  # dropped unless asked for
        assert len(index) == 1  # the notice has no abstract and is no document
    assert read_manifest(tmp_path / "index").retracted == 1


def test_same_sources_give_the_same_index(tmp_path: Path, sample_directory: Path) -> None:
    again = tmp_path / "again"
    build(again, [SAMPLE], encoder="hashing")
    assert read_manifest(again).pmid_sha256 == read_manifest(sample_directory).pmid_sha256
    assert results(again) == results(sample_directory)


def test_second_build_embeds_nothing_and_a_changed_file_only_what_changed(tmp_path: Path, write_jsonl: Write) -> None:
    encoder = Counting()
    directory = tmp_path / "index"
    write_jsonl("a.jsonl", *(record(n) for n in range(1, 30)))
    assert build(directory, [tmp_path / "a.jsonl"], encoder=encoder).embedded == 29
    assert build(directory, [tmp_path / "a.jsonl"], encoder=encoder).embedded == 0
    write_jsonl("a.jsonl", *(record(n) for n in range(2, 30)), record(30, "new"), record(1, "changed"))
    result = build(directory, [tmp_path / "a.jsonl"], encoder=encoder)
    assert (result.embedded, result.reused) == (2, 28)
    assert encoder.documents[29:] == ["Title 30\nnew", "Title 1\nchanged"]
    fresh = tmp_path / "fresh"
    build(fresh, [tmp_path / "a.jsonl"], encoder="hashing")
    assert results(fresh) == results(directory)


def test_update_equals_a_build_from_everything(tmp_path: Path, write_jsonl: Write) -> None:
    first = write_jsonl("a.jsonl", *(record(n) for n in range(1, 20)))
    second = write_jsonl("b.jsonl", record(3, "revised zephyr"), record(40, "added"), record(5))
    build(tmp_path / "whole", [first, second], encoder="hashing")
    encoder = Counting()
    build(tmp_path / "grown", [first], encoder=encoder)
    result = update(tmp_path / "grown", [second], encoder=encoder)
    assert (result.embedded, result.reused) == (2, 1)
    assert results(tmp_path / "grown") == results(tmp_path / "whole")
    again = update(tmp_path / "grown", [first, second], encoder=encoder)
    assert again.manifest.generation == result.manifest.generation, "a file that is in the index is not applied again"
    with Index(tmp_path / "grown") as index:
        assert index.get("3").abstract == "revised zephyr"  # type: ignore[union-attr]


def test_reader_keeps_its_generation_through_updates(tmp_path: Path, write_jsonl: Write) -> None:
    directory = tmp_path / "index"
    build(directory, [write_jsonl("a.jsonl", record(1))], encoder="hashing")
    with Index(directory) as old:
        for n in range(2, 6):
            update(directory, [write_jsonl(f"{n}.jsonl", record(n))])
            assert [h.pmid for h in old.search("paper", 9)] == ["1"]
    assert len(Index(directory)) == 5
    assert len(list((directory / "generations").iterdir())) == 2


def test_two_builds_into_one_folder(tmp_path: Path, write_jsonl: Write) -> None:
    directory = tmp_path / "index"
    directory.mkdir()
    with exclusive(directory), pytest.raises(BusyIndexError, match="another process"):
        build(directory, [write_jsonl("a.jsonl", record(1))], encoder="hashing")


def test_full_disk_leaves_the_old_generation(
    tmp_path: Path, write_jsonl: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "index"
    build(directory, [write_jsonl("a.jsonl", record(1))], encoder="hashing")
    before = results(directory)

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    for target in ("indexes.shards._write_vectors", "indexes.assemble.write_store", "indexes.assemble.write_lexical"):
        with monkeypatch.context() as patch:
            patch.setattr(target, full)
            with pytest.raises(StorageError, match="the disk is full"):
                update(directory, [write_jsonl("b.jsonl", record(2))])
        assert results(directory) == before
        assert verify(directory) == []
    assert not list(directory.rglob("*.partial"))
    assert update(directory, [tmp_path / "b.jsonl"]).manifest.documents == 2


def test_truncated_and_broken_sources_keep_what_came_before(tmp_path: Path, write_jsonl: Write) -> None:
    whole = (SAMPLE / "synthetic26n0001.xml").read_bytes()
    cut = whole.index(b"<PubmedArticle>", len(whole) // 2) + 30
    broken = tmp_path / "broken.xml"
    broken.write_bytes(whole[:cut] + b"<<&" + whole[cut:])
    result = build(tmp_path / "index", [broken], encoder="hashing")
    before = etree.fromstring(whole[: cut - 30] + b"</PubmedArticleSet>", None)
    assert result.manifest.documents == len(before.xpath("PubmedArticle[.//AbstractText]"))  # type: ignore[arg-type]
    assert "broken.xml" in result.damage[0]
    assert any(word.strip(",.").replace(",", "").isdigit() for word in result.damage[0].split())


def test_sources_without_a_usable_document(tmp_path: Path) -> None:
    source = tmp_path / "a.xml"
    source.write_text(
        "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>8</PMID><Article><ArticleTitle>Only a title"
        "</ArticleTitle></Article></MedlineCitation></PubmedArticle></PubmedArticleSet>"
    )
    with pytest.raises(SourceError, match="no document with an abstract"):
        build(tmp_path / "index", [source], encoder="hashing")
    assert not (tmp_path / "index" / "manifest.json").exists()


def test_wrong_encoder_names_both_and_the_command(sample_directory: Path) -> None:
    with pytest.raises(EncoderError, match=r"'hashing'.*'medcpt'.*clinrag index build"):
        Index(sample_directory, encoder="medcpt")

    class Other(HashingEncoder):
        info = HashingEncoder.info.__class__("hashing", "2", 256, "sum", 0)

    with pytest.raises(EncoderError, match=r"revision 1.*revision 2"):
        Index(sample_directory, encoder=Other())


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda m: m | {"format": 99}, NotAnIndexError, "format 99"),
        (lambda m: {"format": 1}, CorruptIndexError, "damaged"),
        (lambda m: [], CorruptIndexError, "damaged"),
        (None, NotAnIndexError, "is no index"),
    ],
)
def test_folders_that_are_no_index(
    tmp_path: Path,
    sample_directory: Path,
    change: Callable[[object], object] | None,
    error: type[Exception],
    words: str,
) -> None:
    if change:
        manifest = json.loads((sample_directory / "manifest.json").read_text())
        del manifest["sum"]
        (tmp_path / "manifest.json").write_text(json.dumps(change(manifest)))
    with pytest.raises(error, match=words):
        Index(tmp_path)


def test_verify_lists_damage(tmp_path: Path, write_jsonl: Write) -> None:
    directory = tmp_path / "index"
    build(directory, [write_jsonl("a.jsonl", *(record(n) for n in range(1, 9)))], encoder="hashing")
    generation = directory / "generations" / read_manifest(directory).generation
    store = generation / "documents.sqlite"
    data = bytearray(store.read_bytes())
    data[-100] ^= 1
    store.write_bytes(data)
    (generation / "types.json").unlink()
    shard = next((directory / "shards").iterdir())
    (shard / "vectors.f16").write_bytes(b"")
    problems = "\n".join(verify(directory))
    for name in ("documents.sqlite", "types.json", "vectors.f16"):
        assert name in problems


def test_verify_sees_parts_that_disagree(tmp_path: Path, write_jsonl: Write) -> None:
    """Every file is as its checksum says, but they are not of one index."""
    for name, count in (("a", 5), ("b", 6)):
        build(tmp_path / name, [write_jsonl(f"{name}.jsonl", *(record(n) for n in range(1, count)))], encoder="hashing")
    folders = [tmp_path / n / "generations" / "000001" for n in ("a", "b")]
    (folders[1] / "vectors.faiss").write_bytes((folders[0] / "vectors.faiss").read_bytes())
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_text())
    manifest["files"]["vectors.faiss"] = json.loads((tmp_path / "a" / "manifest.json").read_text())["files"][
        "vectors.faiss"
    ]
    del manifest["sum"]
    (tmp_path / "b" / "manifest.json").write_text(json.dumps(manifest))
    assert verify(tmp_path / "b") == [
        f"FAISS cannot be read: {folders[1] / 'vectors.faiss'} holds 4 vectors, there are 5 PMIDs"
    ]


@pytest.mark.parametrize("delay", [0.05, 0.3, 0.8, 1.5])
def test_kill_9_then_the_same_command(tmp_path: Path, delay: float) -> None:
    """A slow encoder gives the kill something to hit; the second run must not redo finished shards."""
    for part in range(6):
        lines = (json.dumps(record(part * 100 + n, f"text {n} zephyr")) for n in range(1, 40))
        (tmp_path / f"{part}.jsonl").write_text("\n".join(lines))
    script = (
        "import sys, time; from pathlib import Path\n"
        "from indexes import build; from indexes.encoders import HashingEncoder\n"
        "class Slow(HashingEncoder):\n"
        "    def encode(self, texts, role):\n"
        "        time.sleep(0.15 if role == 'document' else 0)\n"
        "        return super().encode(texts, role)\n"
        "print('started', flush=True)\n"
        "print(build(Path(sys.argv[1]) / 'index', [Path(sys.argv[1])], encoder=Slow()).embedded)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
    shards = tmp_path / "index" / "shards"
    finished = len(list(shards.glob("*/shard.json"))) if shards.is_dir() else 0
    built = (tmp_path / "index" / "manifest.json").is_file()
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    embedded = int(run.stdout.split()[-1])
    assert embedded == (0 if built else 39 * (6 - finished))
    assert verify(tmp_path / "index") == []
    build(tmp_path / "undisturbed", sorted(tmp_path.glob("*.jsonl")), encoder="hashing")
    assert results(tmp_path / "index") == results(tmp_path / "undisturbed")
    assert not list((tmp_path / "index").rglob("*.partial"))


@pytest.mark.parametrize("delay", [0.1, 0.5, 0.9])
def test_kill_9_during_update_leaves_the_old_generation_answering(
    tmp_path: Path, write_jsonl: Write, delay: float
) -> None:
    directory = tmp_path / "index"
    first = write_jsonl("a.jsonl", *(record(n) for n in range(1, 40)))
    later = [write_jsonl(f"b{p}.jsonl", *(record(p * 50 + n, "zephyr") for n in range(1, 40))) for p in range(1, 5)]
    build(directory, [first], encoder="hashing")
    before = results(directory)
    script = (
        "import sys, time; from pathlib import Path\n"
        "from indexes import update; from indexes.encoders import HashingEncoder\n"
        "class Slow(HashingEncoder):\n"
        "    def encode(self, texts, role):\n"
        "        time.sleep(0.2)\n"
        "        return super().encode(texts, role)\n"
        "print('started', flush=True)\n"
        "update(Path(sys.argv[1]), [Path(p) for p in sys.argv[2:]], encoder=Slow())\n"
    )
    command = [sys.executable, "-c", script, str(directory), *map(str, later)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
    if read_manifest(directory).generation == "000001":
        assert results(directory) == before
    assert verify(directory) == []
    update(directory, later)
    build(tmp_path / "whole", [first, *later], encoder="hashing")
    assert results(directory) == results(tmp_path / "whole")


def test_worker_processes_give_the_same_index(tmp_path: Path, write_jsonl: Write) -> None:
    sources = [write_jsonl(f"{p}.jsonl", *(record(p * 50 + n) for n in range(1, 20))) for p in range(3)]
    build(tmp_path / "one", sources, encoder="hashing")
    said: list[tuple[str, int, int]] = []
    build(tmp_path / "pool", sources, encoder="hashing", workers=2, report=lambda *event: said.append(event))
    assert results(tmp_path / "one") == results(tmp_path / "pool")
    assert [event for event in said if event[0] == "embedding"][-1][1:] == (57, 57)


def test_error_in_a_worker_process_reaches_the_user(tmp_path: Path, write_jsonl: Write) -> None:
    good = write_jsonl("good.jsonl", record(1))
    bad = tmp_path / "bad.jsonl"
    bad.write_text("no json\n")
    with pytest.raises(SourceError, match=r"bad\.jsonl"):
        build(tmp_path / "index", [good, bad], encoder="hashing", workers=2)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission(tmp_path: Path, write_jsonl: Write) -> None:
    source = write_jsonl("a.jsonl", record(1))
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(StorageError, match="permission denied"):
        build(locked / "index", [source], encoder="hashing")


def test_recall_in_the_manifest_is_measured(sample_directory: Path) -> None:
    faiss = read_manifest(sample_directory).faiss
    assert faiss["recall_at_10"] == 1.0  # a flat index
    assert faiss["recall_queries"] == 200


def test_filters_hold_in_every_mode(sample_index: Index) -> None:
    where = Filter(
        since=2015, until=2020, publication_types=("randomized controlled trial",), exclude=frozenset({"90001002"})
    )
    documents = [d for pmid in sample_index._columns.pmids.tolist() if (d := sample_index.get(str(pmid)))]
    admitted = {
        d.pmid
        for d in documents
        if d.year
        and 2015 <= d.year <= 2020
        and "Randomized Controlled Trial" in d.publication_types
        and d.status != "retracted"
        and d.pmid != "90001002"
    }
    assert 10 < len(admitted) < len(documents) / 2
    for mode in ("hybrid", "dense", "rrf"):
        found = {h.pmid for h in sample_index.search("placebo trial", len(documents), where=where, mode=mode)}  # type: ignore[arg-type]
        assert found == admitted
    words = {h.pmid for h in sample_index.search("placebo trial", len(documents), where=where, mode="lexical")}
    assert words == {
        d.pmid for d in documents if d.pmid in admitted and any(w in d.text.lower() for w in ("placebo", "trial"))
    }


def test_dense_search_equals_brute_force(sample_index: Index) -> None:
    pmids = sample_index._dense.pmids
    vectors = sample_index._dense.vectors(pmids)
    mask = sample_index._columns.mask(Filter())
    assert mask is not None
    query = sample_index.encoder.encode(["heart failure walking distance"], "query")[0]
    scores = np.where(mask, vectors @ query, -np.inf)
    best = np.lexsort((pmids, -scores))[:10]
    hits = sample_index.search("heart failure walking distance", 10, mode="dense")
    assert [h.pmid for h in hits] == [str(p) for p in pmids[best]]
    assert np.allclose([h.score for h in hits], scores[best], atol=1e-6)
