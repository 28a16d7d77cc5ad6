"""What a build and an update do about damaged shards and generations: made anew, or refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import record

from indexes import build, update, verify
from indexes.errors import CorruptIndexError

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
