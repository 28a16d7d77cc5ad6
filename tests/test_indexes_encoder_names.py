"""What an encoder is called in a manifest: it must load the same weights later, from anywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import record

from indexes import Index, build, load_encoder, update
from indexes.encoders import EncoderInfo, HashingEncoder, folder_revision
from indexes.errors import EncoderError
from indexes.manifest import read_manifest
from indexes.mapping import MapJob
from indexes.shards import make_shard

Write = Callable[..., Path]


class Hub(HashingEncoder):
    """A model of a hub whose branch `main` moves on."""

    main = "commit1"

    def __init__(self, source: str, *, name: str, revision: str | None = None, max_tokens: int | None = None):
        self.info = EncoderInfo(name, revision or self.main, 256, "mean", 512)


class Local(HashingEncoder):
    def __init__(self, folder: Path, name: str, max_tokens: int | None = None):
        self.info = EncoderInfo(name, folder_revision(folder), 256, "mean", 512)


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexes.encoders.SentenceEncoder", Hub)
    monkeypatch.setattr("indexes.encoders._load_local", Local)


def engine(job: MapJob) -> None:
    """Loads the encoder by its name, as worker processes do."""
    encoder = load_encoder(job.encoder)
    assert encoder.info.fingerprint == job.fingerprint
    for path, sha256 in job.files.items():
        make_shard(path, job.directory / "shards", sha256=sha256, encoder=encoder, progress=lambda event, count: None)


@pytest.mark.parametrize("asked", ["org/model@abc123", "org/model"])
def test_a_model_of_a_hub_is_loaded_as_it_was_when_the_index_was_built(
    tmp_path: Path, write_jsonl: Write, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    build(tmp_path / "index", [write_jsonl("a.jsonl", record(1))], encoder=asked)
    monkeypatch.setattr(Hub, "main", "commit2")
    for given in (None, "org/model", "org/model@" + read_manifest(tmp_path / "index").encoder.revision):
        with Index(tmp_path / "index", encoder=given) as index:
            assert index.search("paper", 1)[0].pmid == "1"
    assert update(tmp_path / "index", [write_jsonl("b.jsonl", record(2))], engine=engine).embedded == 1
    for other in ("org/model@commit2", "org/other", "medcpt"):
        with pytest.raises(EncoderError, match=r"was built with the encoder 'org/model'"):
            Index(tmp_path / "index", encoder=other)


def test_a_model_in_a_folder_is_found_from_everywhere_and_may_be_moved(
    tmp_path: Path, write_jsonl: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models" / "one").mkdir(parents=True)
    (tmp_path / "models" / "one" / "config.json").write_text("{}")
    first, second = write_jsonl("a.jsonl", record(1)), write_jsonl("b.jsonl", record(2))
    directory = tmp_path / "index"
    monkeypatch.chdir(tmp_path)
    build(directory, [first], encoder="models/one")
    monkeypatch.chdir("/")
    assert Index(directory).search("paper", 1)[0].pmid == "1"
    (tmp_path / "models" / "one").rename(tmp_path / "models" / "two")
    with pytest.raises(EncoderError, match=r"models/one, which is not there.* --encoder FOLDER"):
        Index(directory).search("paper", 1)
    monkeypatch.chdir(tmp_path)
    assert Index(directory, encoder="models/two").search("paper", 1)[0].pmid == "1"
    update(directory, [second], encoder="models/two", engine=engine)
    monkeypatch.chdir("/")
    assert Index(directory).search("paper", 1)[0].pmid == "1"
    (tmp_path / "models" / "two").rename(tmp_path / "models" / "three")
    made = read_manifest(directory)
    update(directory, [second], encoder=str(tmp_path / "models" / "three"))  # no news but the folder
    assert read_manifest(directory).generation == made.generation
    assert Index(directory).search("paper", 1)[0].pmid == "1"
    (tmp_path / "models" / "three" / "config.json").write_text("other")
    with pytest.raises(EncoderError, match=r"was built with the encoder .*models/three"):
        Index(directory).search("paper", 1)


def test_a_relative_name_of_an_older_index_is_no_model_of_a_hub(tmp_path: Path, write_jsonl: Write) -> None:
    (tmp_path / "one").mkdir()
    encoder = Local(tmp_path / "one", "models/one")
    build(tmp_path / "index", [write_jsonl("a.jsonl", record(1))], encoder=encoder)
    with pytest.raises(EncoderError, match=r"was the folder models/one, which is not there"):
        Index(tmp_path / "index").search("paper", 1)
