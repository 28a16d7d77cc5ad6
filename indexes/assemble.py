"""The assemble step: shards → a new generation, built aside and switched in by one rename of the manifest.

A generation is made from all shards, or grown out of the last one where an update changes little of it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from .columns import Columns, ColumnWriter
from .dense import Before, Dense, write_dense
from .document import Document
from .encoders import Encoder
from .errors import CorruptIndexError, NotAnIndexError, SourceError
from .lexical import grow_lexical, write_lexical
from .manifest import FORMAT, Manifest, Source, pmid_sha256, read_manifest
from .mapping import Report
from .origins import Origins
from .shards import Shard
from .storage import folder_bytes, sha256_file, sync_directory
from .store import Merged, Store, write_store

GROW_FROM = 50_000  # documents; below, making everything anew takes less than a minute
GROW_UP_TO = (
    0.1  # share of documents replaced, removed or added since all was made anew: dropped ones still count in BM25
)


def assemble(
    directory: Path,
    shards: Sequence[Shard],
    *,
    encoder: Encoder,
    report: Report,
    dense: Dense = Dense(),
    base: Manifest | None = None,
) -> Manifest:
    """Merge shards in order into a new generation, measure its recall, and switch the index to it.

    `base` is the generation of the first of these shards, if there is one to grow out of.

    Raises:
        SourceError: no shard has a document with an abstract.
    """
    generations = directory / "generations"
    generations.mkdir(exist_ok=True)
    for debris in generations.glob("*.partial"):
        shutil.rmtree(debris)
    before = _generation(directory)
    name = f"{max((int(p.name) for p in generations.iterdir() if p.name.isdecimal()), default=0) + 1:06d}"
    work = generations / f"{name}.partial"
    work.mkdir()
    if base is not None and not _worth_growing(directory, base, shards):
        base = None
    old = generations / base.generation if base else None
    try:
        report("merging", 0, 1)
        counts = _merge(work, shards, base, old)
        store = Store(work / "documents.sqlite", mapped=False)
        origins = Origins.read(store)
        if not len(origins):
            raise SourceError(_nothing_found(shards))
        retracted = _write_words(work, store, len(origins), counts, old, report)
        grown = Before(old, base.faiss, counts.changed) if base and old else None
        faiss = write_dense(work, origins.vectors(shards), store, encoder, dense=dense, before=grown, report=report)
        store.close()
        manifest = Manifest(
            generation=name,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            documents=len(origins),
            pmid_sha256=pmid_sha256(origins.pmids),
            encoder=encoder.info,
            faiss=faiss,
            sources=tuple(_source(s) for s in shards),
            retracted=retracted,
            superseded=counts.superseded + (base.superseded if base else 0),
            deleted=counts.deleted + (base.deleted if base else 0),
            bytes=folder_bytes(work) + sum(folder_bytes(s.path) for s in shards),
            files={str(p.relative_to(work)): sha256_file(p) for p in sorted(work.rglob("*")) if p.is_file()},
            changed=base.changed + len(counts.changed) if base else 0,
        )
        work.replace(generations / name)
        sync_directory(generations)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    manifest.write(directory)
    _prune(directory, manifest, {name, before})
    return manifest


def _generation(directory: Path) -> str:
    """Return the name of the generation that readers use, "" if there is none."""
    try:
        return read_manifest(directory).generation
    except (NotAnIndexError, CorruptIndexError):
        return ""


def _worth_growing(directory: Path, base: Manifest, shards: Sequence[Shard]) -> bool:
    """Tell whether little changes, and what there is to grow out of is whole: damage must not be handed on."""
    held = [s.shard for s in base.sources]
    if base.format < FORMAT or base.documents < GROW_FROM or held != [s.key for s in shards[: len(held)]]:
        return False
    new = sum(s.meta["records"] + s.meta["deletions"] for s in shards[len(held) :])
    if base.changed + new > GROW_UP_TO * base.documents:
        return False
    return is_whole(directory, base)


def is_whole(directory: Path, manifest: Manifest) -> bool:
    """Tell whether every file of a generation is as it was written."""
    folder = directory / "generations" / manifest.generation
    return all((folder / f).is_file() and sha256_file(folder / f) == digest for f, digest in manifest.files.items())


def _merge(work: Path, shards: Sequence[Shard], base: Manifest | None, old: Path | None) -> Merged:
    path = work / "documents.sqlite"
    if base is None or old is None:
        return write_store(path, shards)
    shutil.copyfile(old / path.name, path)
    return write_store(path, shards, first=len(base.sources))


def _write_words(work: Path, store: Store, total: int, counts: Merged, old: Path | None, report: Report) -> int:
    """Write BM25 and the columns for filters in one pass over the documents; return how many are retracted."""
    if old is None:
        columns = ColumnWriter(total)
        write_lexical(work / "lexical", columns.watch(_each(store, total, "BM25", report)))
        return columns.write(work)
    before = Columns(old)
    columns = ColumnWriter(len(counts.changed), types=before.names)
    found = (d for pmid in counts.changed.tolist() if (d := store.get(pmid)))
    grow_lexical(old / "lexical", work / "lexical", drop=counts.changed, documents=columns.watch(found))
    columns.keep(before, ~np.isin(before.pmids, counts.changed))
    return columns.write(work)


def _each(store: Store, total: int, stage: str, report: Report) -> Iterator[Document]:
    for n, document in enumerate(store):
        if n % 1000 == 0:
            report(stage, n, total)
        yield document
    report(stage, total, total)


def _source(shard: Shard) -> Source:
    meta = shard.meta
    return Source(
        name=meta["source"],
        sha256=meta["sha256"],
        bytes=meta["bytes"],
        shard=shard.key,
        records=meta["records"],
        documents=meta["documents"],
        deletions=meta["deletions"],
        skipped=meta["skipped"],
        damage=meta["damage"],
    )


def _nothing_found(shards: Sequence[Shard]) -> str:
    skipped: dict[str, int] = {}
    for shard in shards:
        for reason, count in shard.meta["skipped"].items():
            skipped[reason] = skipped.get(reason, 0) + count
    why = "; ".join(f"{count} × {reason}" for reason, count in skipped.items()) or "no records"
    return f"no document with an abstract in these sources ({why}): give PubMed .xml(.gz) or .jsonl(.gz) files"


def _prune(directory: Path, manifest: Manifest, generations: set[str]) -> None:
    """Delete what no reader needs: generations but this one and the one before, shards of other sources."""
    for old in (directory / "generations").iterdir():
        if old.name not in generations:
            shutil.rmtree(old, ignore_errors=True)
    keep = {s.shard for s in manifest.sources}
    for path in (directory / "shards").iterdir():
        if path.name not in keep:
            shutil.rmtree(path, ignore_errors=True)
