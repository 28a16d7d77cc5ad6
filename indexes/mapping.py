"""The map step over many files: those without a shard are parsed and embedded, in processes where that helps."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .encoders import Encoder, load_encoder
from .errors import CorruptIndexError, NotAnIndexError, SourceError, StorageError
from .manifest import Manifest, read_manifest
from .parity import has_gpu
from .shards import Progress, Shard, find_shard, make_shard, shard_key, sound_shard
from .storage import sha256_file
from .store import Store

POOL_FROM = 4 << 20  # bytes of sources; below, loading the model in every worker takes longer than embedding

Report = Callable[[str, int, int], None]
"""Called with (stage, done, expected total); the total is an estimate while files are still being read."""


def silent(stage: str, done: int, total: int) -> None:
    """Report nothing."""


@dataclass(frozen=True, slots=True)
class MapJob:
    """Files with their sha256 that have no shard yet, and what a worker needs to make one."""

    directory: Path
    files: dict[Path, str]
    encoder: str
    fingerprint: str
    workers: int | None
    report: Report


Engine = Callable[[MapJob], None]
"""Makes a job's shards elsewhere than in processes of this machine; `ray_mapping.on_ray` returns one."""


def map_sources(
    directory: Path,
    files: Sequence[Path],
    *,
    encoder: str | Encoder,
    name: str | None = None,
    workers: int | None = None,
    engine: Engine | None = None,
    report: Report = silent,
) -> list[Shard]:
    """Return one shard per distinct file content, in the order of the files (of equal files, the last).

    `name` is what worker processes load the encoder by; without one, and on a GPU, all runs in this process.
    """
    loaded = load_encoder(encoder) if isinstance(encoder, str) else encoder
    name = encoder if isinstance(encoder, str) else name
    shards = directory / "shards"
    shards.mkdir(exist_ok=True)
    _remove_debris(shards)
    digests = {path: _digest(path) for path in files}
    keys = {path: shard_key(digest, loaded.info.fingerprint) for path, digest in digests.items()}
    pending = list({keys[p]: p for p in files if sound_shard(shards, keys[p]) is None}.values())
    tally = Tally(report, {str(p): p.stat().st_size for p in pending})
    count = min(workers or os.cpu_count() or 1, len(pending))
    worth_it = sum(tally.sizes.values()) > POOL_FROM or workers
    if engine is not None:
        if pending:
            files_left = {path.resolve(): digests[path] for path in pending}
            known = name or loaded.info.name
            known = str(Path(known).resolve()) if Path(known).is_dir() else known
            engine(MapJob(directory.resolve(), files_left, known, loaded.info.fingerprint, workers, report))
    elif name is not None and count > 1 and worth_it and not has_gpu():
        _map_in_pool(directory, pending, digests, name, count, tally)
    else:
        reuse = EarlierVectors.open(directory, loaded)
        for path in pending:
            make_shard(path, shards, sha256=digests[path], encoder=loaded, progress=tally.of(str(path)), reuse=reuse)
    fresh = {keys[p] for p in pending}
    order = list(dict.fromkeys(reversed([keys[p] for p in files])))[::-1]
    found = [find_shard(shards, key) for key in order]
    return [Shard(s.path, s.meta, fresh=s.key in fresh) for s in found if s is not None]


def _digest(path: Path) -> str:
    try:
        return sha256_file(path)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror or error}); mend that, or leave it out") from error


@dataclass
class Tally:
    """Adds up what the files report and extrapolates the total from bytes read so far."""

    report: Report
    sizes: dict[str, int]
    parsed: dict[str, int] = field(default_factory=dict)
    done: int = 0

    def add(self, path: str, event: str, count: int) -> None:
        if event == "parsed":
            self.parsed[path] = count
        else:
            self.done += count
        known = sum(self.parsed.values())
        read = sum(self.sizes[p] for p in self.parsed) or 1
        total = round(known * sum(self.sizes.values()) / read)
        self.report("embedding", self.done, max(total, self.done))

    def of(self, path: str) -> Progress:
        return lambda event, count: self.add(path, event, count)


class EarlierVectors:
    """Looks up vectors of the folder's current generation, so that an unchanged text is not embedded again."""

    def __init__(self, directory: Path, manifest: Manifest):
        self._store = Store(directory / "generations" / manifest.generation / "documents.sqlite")
        found = [find_shard(directory / "shards", s.shard) for s in manifest.sources]
        self._vectors = [s.vectors() if s else None for s in found]

    @staticmethod
    def open(directory: Path, encoder: Encoder) -> EarlierVectors | None:
        try:
            manifest = read_manifest(directory)
            if manifest.encoder.fingerprint == encoder.info.fingerprint:
                return EarlierVectors(directory, manifest)
        except (NotAnIndexError, CorruptIndexError, sqlite3.Error):
            return None  # nothing to reuse; a build makes the index anew in any case
        return None

    def __call__(self, pmid: str, text_hash: bytes) -> NDArray[np.float16] | None:
        try:
            origin = self._store.origin(int(pmid))
        except sqlite3.Error:  # a damaged generation: nothing to reuse, and the new one does not need it
            return None
        if origin is None or origin[2] != text_hash:
            return None
        rows = self._vectors[origin[0]]
        return None if rows is None else rows[origin[1]]


_STATE: dict[str, Any] = {}  # one worker process: its encoder and where it reports


def _map_in_pool(
    directory: Path, pending: Sequence[Path], digests: dict[Path, str], name: str, workers: int, tally: Tally
) -> None:
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    events = context.SimpleQueue()
    unheard: list[BaseException] = []

    def listen() -> None:
        while (event := events.get()) is not None:
            try:
                tally.add(*event)
            except BaseException as error:  # go on: before a full pipe, workers would wait for ever
                unheard.append(error)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    cores = context.SimpleQueue()
    for share in _shares(workers):
        cores.put(share)
    setup = (str(directory), name, cores, events)
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=setup)
    try:
        largest_first = sorted(pending, key=lambda p: -p.stat().st_size)
        futures = [pool.submit(_work, str(path), digests[path]) for path in largest_first]
        for future in as_completed(futures):
            future.result()
            if unheard:
                raise unheard[0]
    except BaseException as error:
        for process in list((pool._processes or {}).values()):  # public from Python 3.14: terminate_workers
            process.terminate()  # an error or Ctrl-C does not wait for files half done
        if isinstance(error, BrokenProcessPool):
            raise StorageError(
                "a worker process died (out of memory, or killed). Finished files are kept: run the same command "
                "again, with --workers 1 if memory is short"
            ) from error
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        events.put(None)
        listener.join(timeout=5)
    if unheard:
        raise unheard[0]


def _shares(workers: int) -> list[list[int]]:
    """Divide the cores that this process may use among the workers; with more workers than cores, they share."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    return [cores[i::workers] or [cores[i % len(cores)]] for i in range(workers)]


def _start_worker(directory: str, name: str, cores: Any, events: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_die_with_parent, daemon=True).start()
    from tqdm import tqdm

    tqdm.set_lock(threading.RLock())  # its default is a named semaphore, which a killed worker leaves behind
    mine = cores.get()
    os.environ["OMP_NUM_THREADS"] = str(len(mine))  # torch reads it when it is first imported
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, mine)  # a core that changes hands loses its caches
    try:
        encoder = load_encoder(name)
        _STATE.update(directory=Path(directory), encoder=encoder, events=events)
        _STATE["reuse"] = EarlierVectors.open(Path(directory), encoder)
    except Exception as error:  # raised here, it would reach the user as a dead process
        _STATE["error"] = error


def _die_with_parent() -> None:
    """Leave no orphan behind when the parent is killed: it would go on writing beside the next run."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(path: str, sha256: str) -> None:
    if "error" in _STATE:
        raise _STATE["error"]
    events = _STATE["events"]
    make_shard(
        Path(path),
        _STATE["directory"] / "shards",
        sha256=sha256,
        encoder=_STATE["encoder"],
        progress=lambda event, count: events.put((path, event, count)),
        reuse=_STATE["reuse"],
    )


def _remove_debris(shards: Path) -> None:
    """Delete what a killed run left half-made; the writer lock is held, so nobody is working on it."""
    for path in shards.glob("*.partial"):
        shutil.rmtree(path, ignore_errors=True)
