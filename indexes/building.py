"""Build and update: map sources to shards, assemble the shards into a new generation, switch to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .assemble import assemble, is_whole
from .dense import QUESTIONS, Dense
from .encoders import ENCODERS, MINILM, Encoder, EncoderInfo, load_encoder
from .errors import CorruptIndexError, EncoderError, NotAnIndexError, StorageError
from .manifest import FORMAT, Manifest, read_manifest
from .mapping import Engine, Report, map_sources, silent
from .shards import Shard, find_shard, sound_shard
from .sources import find_sources
from .storage import disk_errors, exclusive, sha256_file


@dataclass(frozen=True, slots=True)
class BuildResult:
    """The new generation; how many vectors were computed now, how many had been made earlier."""

    manifest: Manifest
    embedded: int
    reused: int
    shards: tuple[Shard, ...]

    @property
    def damage(self) -> tuple[str, ...]:
        """One sentence per source that could be read only in part."""
        return tuple(s.meta["damage"] for s in self.shards if s.meta["damage"])


def build(
    directory: Path,
    sources: Sequence[Path],
    *,
    encoder: str | Encoder = MINILM,
    dense: Dense = Dense(),
    workers: int | None = None,
    engine: Engine | None = None,
    report: Report = silent,
) -> BuildResult:
    """Make the index of these sources; shards and vectors that earlier runs left in the folder are used again.

    engine: where files are parsed and embedded, if not in processes of this machine: `ray_mapping.on_ray(address)`.

    Raises:
        SourceError, EncoderError, BusyIndexError, StorageError, EngineError: their texts say what to do.
    """
    files = find_sources(sources)
    dense.check()
    with disk_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
    with disk_errors(directory), exclusive(directory):
        _drop_damaged(directory)
        shards = map_sources(directory, files, encoder=encoder, workers=workers, engine=engine, report=report)
        return _finish(directory, shards, shards, encoder, report, dense)


def update(
    directory: Path,
    sources: Sequence[Path],
    *,
    encoder: str | Encoder | None = None,
    workers: int | None = None,
    engine: Engine | None = None,
    report: Report = silent,
) -> BuildResult:
    """Apply later files to an existing index, in the order given; only texts that it has not seen are embedded.

    A file that the index holds already keeps its place: applying it again would bring back what later files changed.
    A damaged generation is made anew from its shards.

    Raises:
        NotAnIndexError: there is nothing to update.
        CorruptIndexError: the manifest, a shard, or the questions it was tuned with are damaged.
        SourceError, EncoderError, BusyIndexError, StorageError, EngineError: their texts say what to do.
    """
    read_manifest(directory)
    files = find_sources(sources)
    with disk_errors(directory), exclusive(directory):
        current = read_manifest(directory)
        loaded = open_encoder(current, directory, encoder)
        kept = [_held(directory, s.shard, s.name) for s in current.sources]
        name = loaded.info.source
        shards = map_sources(directory, files, encoder=loaded, name=name, workers=workers, engine=engine, report=report)
        held = {s.sha256 for s in current.sources}
        fresh = [s for s in shards if s.meta["sha256"] not in held]
        if not fresh and current.format == FORMAT and is_whole(directory, current):
            if loaded.info.name != current.encoder.name:  # its folder was moved
                current = replace(current, encoder=replace(current.encoder, name=loaded.info.name))
                current.write(directory)
            return BuildResult(current, 0, 0, tuple(kept))
        folder = directory / "generations" / current.generation
        _check_questions(folder / QUESTIONS, current, directory)
        dense = Dense.of(folder, current.faiss)
        return _finish(directory, [*kept, *fresh], fresh, loaded, report, dense, base=current)


def _check_questions(path: Path, manifest: Manifest, directory: Path) -> None:
    """Refuse to tune with other questions than the index was: nothing else of a damaged generation is handed on."""
    known = manifest.files.get(path.name)
    if known is not None and not (path.is_file() and sha256_file(path) == known):
        raise CorruptIndexError(
            f"{path} is damaged: give the questions again: clinrag index build {directory} SOURCE... "
            "--queries FILE.jsonl with all sources"
        )


def open_encoder(manifest: Manifest, directory: Path, encoder: str | Encoder | None = None) -> Encoder:
    """Load the encoder an index was built with, or check that the given one is the same.

    Raises:
        EncoderError: it is another one, the same name now stands for other weights, or its folder is gone.
    """
    want = manifest.encoder
    if encoder is None or encoder == want.name:
        if want.revision.startswith("sha256:") and want.name not in ENCODERS and not Path(want.name).is_dir():
            raise EncoderError(
                f"the encoder of {directory} was the folder {want.name}, which is not there: "
                "put it back, or tell the index where it is now, with a source that it holds already: "
                f"clinrag index update {directory} SOURCE --encoder FOLDER"
            )
        encoder = want.source
    elif isinstance(encoder, str) and encoder.partition("@")[0] != want.name and not Path(encoder).is_dir():
        raise EncoderError(_mismatch(directory, f"{want.name!r}", f"{encoder!r}", encoder))
    loaded = load_encoder(encoder) if isinstance(encoder, str) else encoder
    if loaded.info.fingerprint != want.fingerprint:
        raise EncoderError(_mismatch(directory, _words(want), _words(loaded.info), loaded.info.name))
    return loaded


def _words(info: EncoderInfo) -> str:
    return (
        f"{info.name!r} (revision {info.revision}, {info.dimension} dimensions, "
        f"{info.pooling}, {info.max_tokens} tokens)"
    )


def _mismatch(directory: Path, want: str, have: str, name: str) -> str:
    return (
        f"the index in {directory} was built with the encoder {want}, not {have}; vectors of two encoders cannot be "
        f"compared. Leave out --encoder, or build with the other one: "
        f"clinrag index build NEW_DIR SOURCE... --encoder {name}"
    )


def _finish(
    directory: Path,
    shards: Sequence[Shard],
    mapped: Sequence[Shard],
    encoder: str | Encoder,
    report: Report,
    dense: Dense,
    *,
    base: Manifest | None = None,
) -> BuildResult:
    loaded = load_encoder(encoder) if isinstance(encoder, str) else encoder
    manifest = assemble(directory, shards, encoder=loaded, report=report, dense=dense, base=base)
    new = [s for s in mapped if s.fresh]
    reused = sum(s.meta["reused"] for s in new)
    return BuildResult(manifest, sum(s.meta["vectors"] for s in new) - reused, reused, tuple(shards))


def _drop_damaged(directory: Path) -> None:
    """Remove the present index's damaged shards, so that no vector of theirs is taken over."""
    try:
        for source in read_manifest(directory).sources:
            sound_shard(directory / "shards", source.shard)
    except (NotAnIndexError, CorruptIndexError):
        pass  # nothing is taken over


def _held(directory: Path, key: str, source: str) -> Shard:
    found = find_shard(directory / "shards", key)
    if found is None:
        raise StorageError(
            f"the shard {key} of {source} is missing from {directory / 'shards'}; build again from all sources: "
            f"clinrag index build {directory} SOURCE..."
        )
    found.check()
    return found
