"""What a build and an update do about damaged shards and generations: made anew, or refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import record

from indexes import Index, build, update, verify
from indexes.errors import CorruptIndexError, SourceError, StorageError

Write = Callable[..., Path]


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-9], lambda b: b.replace(b'"records":', b'"recordz":'), lambda b: b"[]"]
)
def test_a_damaged_shard_json_is_named_with_the_command_that_mends_it(
    tmp_path: Path, write_jsonl: Write, damage: Callable[[bytes], bytes]
) -> None:
    one, two = (write_jsonl(f"{n}.jsonl", record(n)) for n in (1, 2))
    build(tmp_path / "index", [one], encoder="hashing")
    path = next((tmp_path / "index" / "shards").glob("*/shard.json"))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CorruptIndexError, match=r"shard\.json is damaged .*clinrag index build .*index SOURCE"):
        update(tmp_path / "index", [two])
    assert [str(path) in problem for problem in verify(tmp_path / "index")] == [True]
    build(tmp_path / "index", [one, two], encoder="hashing")
    assert verify(tmp_path / "index") == []


def test_an_update_without_news_mends_a_damaged_generation(tmp_path: Path, write_jsonl: Write) -> None:
    source = write_jsonl("a.jsonl", *(record(n) for n in range(1, 9)))
    made = build(tmp_path / "index", [source], encoder="hashing").manifest
    assert update(tmp_path / "index", [source]).manifest.generation == made.generation == "000001"
    (tmp_path / "index" / "generations" / made.generation / "vectors.faiss").write_bytes(b"")
    mended = update(tmp_path / "index", [source]).manifest
    assert (mended.generation, mended.pmid_sha256) == ("000002", made.pmid_sha256)
    assert verify(tmp_path / "index") == []


def test_a_build_takes_no_vector_from_a_damaged_shard(tmp_path: Path, write_jsonl: Write) -> None:
    """The old source is not given any more, but its text is: its vector is made anew, not taken from the shard."""
    build(tmp_path / "index", [write_jsonl("old.jsonl", record(1))], encoder="hashing")
    path = next((tmp_path / "index" / "shards").glob("*/vectors.f16"))
    path.write_bytes(bytes(path.stat().st_size))
    result = build(tmp_path / "index", [write_jsonl("new.jsonl", record(1), record(2))], encoder="hashing")
    assert (result.embedded, result.reused) == (2, 0)


@pytest.mark.parametrize(
    ("name", "content"),
    [("years.npy", b""), ("types.json", b"5"), ("types.json", b"[5]"), ("documents.sqlite", b""), ("pmids.npy", b"")],
)
def test_a_part_that_cannot_be_read_is_named_with_the_command_that_lists_damage(
    tmp_path: Path, write_jsonl: Write, name: str, content: bytes
) -> None:
    build(tmp_path / "index", [write_jsonl("a.jsonl", record(1))], encoder="hashing")
    (tmp_path / "index" / "generations" / "000001" / name).write_bytes(content)
    with pytest.raises(CorruptIndexError, match=r"000001 cannot be opened \(.+clinrag index verify"):
        Index(tmp_path / "index")
    assert [name in problem for problem in verify(tmp_path / "index")] == [True]


@pytest.mark.parametrize("name", ["x#1", "q?m", "x%41", "a b&c", "ü"])
def test_an_index_may_have_any_name(tmp_path: Path, write_jsonl: Write, name: str) -> None:
    source = write_jsonl("a.jsonl", record(1))
    build(tmp_path / name / "ix", [source], encoder="hashing")
    with Index(tmp_path / name / "ix") as index:
        assert [hit.pmid for hit in index.search("paper", 5)] == ["1"]
    assert verify(tmp_path / name / "ix") == []


def test_an_index_can_be_read_where_nothing_can_be_written(tmp_path: Path, write_jsonl: Write) -> None:
    """tantivy wants to write its lock file even to read; a folder in its place stands for a read-only disk."""
    build(tmp_path / "index", [write_jsonl("a.jsonl", record(1, "trial"), record(2))], encoder="hashing")
    lock = tmp_path / "index" / "generations" / "000001" / "lexical" / ".tantivy-meta.lock"
    lock.unlink()
    lock.mkdir()
    with Index(tmp_path / "index") as index:
        for mode in ("lexical", "hybrid"):
            assert index.search("trial", 5, mode=mode)[0].pmid == "1"  # type: ignore[arg-type]
        assert index._lexical.pmids().tolist() == [1, 2]
    (tmp_path / "index" / "generations" / "000001" / "lexical" / "meta.json").write_bytes(b"")
    with pytest.raises(CorruptIndexError, match="cannot be opened"):
        Index(tmp_path / "index")


def test_an_update_deletes_only_what_nobody_reads(tmp_path: Path, write_jsonl: Write) -> None:
    """A crash after the last rename leaves a whole generation behind that no manifest has ever named."""
    build(tmp_path / "index", [write_jsonl("a.jsonl", record(1))], encoder="hashing")
    generations = tmp_path / "index" / "generations"
    (generations / "000002").mkdir()
    (generations / ".DS_Store").write_bytes(b"x")
    assert update(tmp_path / "index", [write_jsonl("b.jsonl", record(2))]).manifest.generation == "000003"
    assert {path.name for path in generations.iterdir() if path.is_dir()} == {"000001", "000003"}
    assert build(tmp_path / "index", [tmp_path / "a.jsonl"], encoder="hashing").manifest.generation == "000004"
    assert {path.name for path in generations.iterdir() if path.is_dir()} == {"000003", "000004"}


def test_a_file_in_the_place_of_the_index_is_named(tmp_path: Path, write_jsonl: Write) -> None:
    source = write_jsonl("a.jsonl", record(1))
    with pytest.raises(StorageError, match=r"cannot write in .*a\.jsonl: a file has that name"):
        build(source, [source], encoder="hashing")
    with pytest.raises(StorageError, match=r"cannot write in .*a\.jsonl/x: a part of that path is a file"):
        build(source / "x", [source], encoder="hashing")


def test_a_source_that_cannot_be_read_is_named_not_the_index(
    tmp_path: Path, write_jsonl: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_jsonl("a.jsonl", record(1))

    def locked(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("indexes.mapping.sha256_file", locked)
    with pytest.raises(SourceError, match=r"a\.jsonl: cannot be read \(Permission denied\)"):
        build(tmp_path / "index", [source], encoder="hashing")


def test_a_newer_parser_does_not_bring_back_old_records(
    tmp_path: Path, write_jsonl: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = write_jsonl("old.jsonl", record(1, "old"))
    build(tmp_path / "index", [old], encoder="hashing")
    made = update(tmp_path / "index", [write_jsonl("new.jsonl", record(1, "new"))]).manifest
    monkeypatch.setattr("indexes.shards.PARSER", 999)
    assert update(tmp_path / "index", [old]).manifest.generation == made.generation
    with Index(tmp_path / "index") as index:
        assert index.get("1").abstract == "new"  # type: ignore[union-attr]
