"""`manifest.json`: what an index is made of. Written last, so that what it names is whole."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from .encoders import EncoderInfo
from .errors import CorruptIndexError, NotAnIndexError
from .storage import seal, unseal, write_atomically

FORMAT = 2  # 1: FAISS with a map of PMIDs, notices inside the papers; still read, and rewritten by an update
NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class Source:
    """One source file and what became of it."""

    name: str
    sha256: str
    bytes: int
    shard: str
    records: int
    documents: int
    deletions: int
    skipped: dict[str, int]
    damage: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A generation of an index.

    `faiss` holds the factory, the metric, recall_at_10 with its interval, the number of queries behind it and where
    they come from, and how hard searches look (`nprobe`, `refine`). `changed` counts the PMIDs that updates have
    replaced or removed since all parts were last made from scratch.
    """

    generation: str
    created: str
    documents: int
    pmid_sha256: str
    encoder: EncoderInfo
    faiss: dict[str, Any]
    sources: tuple[Source, ...]
    retracted: int
    superseded: int
    deleted: int
    bytes: int
    files: dict[str, str]
    changed: int = 0
    format: int = FORMAT

    def write(self, directory: Path) -> None:
        """Switch the index to this generation: one atomic rename."""
        write_atomically(directory / NAME, seal(orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2)))


def pmid_sha256(pmids: NDArray[np.int64]) -> str:
    """Return the sha256 of the PMIDs in rising numerical order, one a line, as ASCII."""
    return hashlib.sha256("\n".join(map(str, np.sort(pmids).tolist())).encode("ascii")).hexdigest()


def read_manifest(directory: Path) -> Manifest:
    """Read the current generation's manifest.

    Raises:
        NotAnIndexError: there is none, or a newer version of clinrag wrote it.
        CorruptIndexError: it is damaged.
    """
    path = directory / NAME
    if not path.is_file():
        what = "no such folder" if not directory.is_dir() else f"the folder has no {NAME}"
        raise NotAnIndexError(f"{directory} is no index ({what}); make one: clinrag index build {directory} SOURCE...")
    try:
        record = unseal(path.read_bytes())
        version = record["format"]
    except (ValueError, KeyError) as error:
        raise CorruptIndexError(_damaged(path, directory)) from error
    if not isinstance(version, int) or version > FORMAT:
        raise NotAnIndexError(
            f"{directory} has index format {version}, this clinrag reads up to {FORMAT}: "
            "upgrade it (pip install -U clinrag), or build the index anew"
        )
    try:
        record["encoder"] = EncoderInfo(**record["encoder"])
        record["sources"] = tuple(Source(**s) for s in record["sources"])
        return Manifest(**record)
    except (KeyError, TypeError) as error:
        raise CorruptIndexError(_damaged(path, directory)) from error


def _damaged(path: Path, directory: Path) -> str:
    return f"{path} is damaged; the shards are kept, so this is quick: clinrag index build {directory} SOURCE..."
