"""The map step under Ray Data: the same function, one actor a processor or GPU, one task a source file.

The index and the sources lie on storage that all nodes mount at the same paths; a file's name travels there, and
whether it is done comes back. A worker that dies is started again with its file; as a shard appears by one rename,
under a name that is its content's, nothing is lost and nothing is there twice.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from . import errors
from .cluster import connected, require_ray
from .encoders import load_encoder
from .errors import EngineError, IndexesError
from .mapping import EarlierVectors, Engine, MapJob
from .shards import find_shard, make_shard, shard_key
from .storage import disk_errors, sha256_file

RETRIES = 2  # a file whose worker died is tried so many times more
PATIENCE = 90.0  # seconds until a finished shard must be visible here: NFS keeps an old listing for up to 60
AGAIN = "Finished files are kept: run the same command again"
STAGE = "files"


def on_ray(address: str | None = None) -> Engine:
    """Return the engine that maps files on a Ray cluster: that at `address`, or one started here for each build.

    Raises:
        EngineError: Ray is not installed. The engine raises it where no cluster answers or a file's worker always dies.
    """
    require_ray(address)

    def run(job: MapJob) -> None:
        # Ray prints there that a worker died; standard output is for results.
        with redirect_stdout(sys.stderr), connected(address, job.workers):
            _map(job)

    return run


class FileMapper:
    """A Ray actor: one loaded encoder, one file at a time."""

    def __init__(self, directory: str, encoder: str, fingerprint: str):
        self._directory, self._fingerprint = Path(directory), fingerprint
        self._trouble: IndexesError | None = None
        try:
            self._encoder = load_encoder(encoder)
            self._reuse = EarlierVectors.open(self._directory, self._encoder)
        except IndexesError as error:  # told with the first file: of an actor that does not start Ray says little
            self._trouble = error

    def __call__(self, row: dict[str, str]) -> dict[str, str]:
        """Make one file's shard. An error comes back as data, since it is the user's to read, not Ray's to retry."""
        try:
            with disk_errors(self._directory):
                self._make(Path(row["path"]), row["sha256"])
        except IndexesError as error:
            return row | {"kind": type(error).__name__, "error": str(error)}
        except Exception as error:
            said = f"{row['path']}: unexpected {type(error).__name__} on {os.uname().nodename}: {error}"
            return row | {"kind": EngineError.__name__, "error": said}
        return row | {"kind": "", "error": ""}

    def _make(self, path: Path, sha256: str) -> None:
        if self._trouble is not None:
            raise self._trouble
        node, shards = os.uname().nodename, self._directory / "shards"
        key = shard_key(sha256, self._fingerprint)
        if key != shard_key(sha256, self._encoder.info.fingerprint):
            raise EngineError(
                f"the node {node} has other weights for the encoder {self._encoder.info.name!r} "
                f"(revision {self._encoder.info.revision}): install the same version there"
            )
        if not path.is_file() or sha256_file(path) != sha256:
            raise EngineError(
                f"{path} is not there, or not the same file, on the node {node}: sources and index must lie on "
                "storage that all nodes mount at the same paths"
            )
        # Ray would start a dead worker again with its file for ever. Each one left its half-made shard behind.
        deaths = len(list(shards.glob(f"{key}.*.partial")))
        if deaths > RETRIES:
            raise EngineError(
                f"{path}: the worker process died {deaths} times on this file (out of memory, or killed). {AGAIN}, "
                "with fewer --workers if memory is short, or without this file"
            )
        make_shard(path, shards, sha256=sha256, encoder=self._encoder, progress=_unheard, reuse=self._reuse)


def _map(job: MapJob) -> None:
    import ray.data
    from ray.exceptions import RayError

    todo = sorted(job.files.items(), key=lambda item: -item[0].stat().st_size)
    rows = [{"path": str(path), "sha256": digest} for path, digest in todo]
    results = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
        FileMapper,
        fn_constructor_args=(str(job.directory), job.encoder, job.fingerprint),
        **_resources(job),
    )
    done = 0
    job.report(STAGE, done, len(rows))
    try:
        for row in results.iter_rows():
            if row["kind"]:
                raise getattr(errors, row["kind"], EngineError)(row["error"])
            _see(job.directory / "shards", shard_key(row["sha256"], job.fingerprint), row["path"])
            done += 1
            job.report(STAGE, done, len(rows))
    except RayError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise EngineError(f"Ray gave up with {len(rows) - done} of {len(rows)} files not done: {lines[-1]}") from error


def _resources(job: MapJob) -> dict[str, Any]:
    """One actor a GPU where the cluster has any, else one a processor; with fewer actors, each has more processors."""
    import ray
    from ray.data import ActorPoolStrategy

    cpus, gpus = (int(ray.cluster_resources().get(kind, 0)) for kind in ("CPU", "GPU"))
    actors = max(1, min(job.workers or gpus or cpus, len(job.files)))
    widest = max(int(node["Resources"].get("CPU", 0)) for node in ray.nodes())
    return {
        "compute": ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=1),  # no file waits for a busy actor
        "num_cpus": 1 if gpus else max(1, min(cpus // actors, widest)),
        "num_gpus": min(1.0, gpus / actors),
    }


def _see(shards: Path, key: str, source: str) -> None:
    """Wait until a shard made elsewhere is visible here."""
    until = time.monotonic() + PATIENCE
    while find_shard(shards, key) is None:
        if time.monotonic() > until:
            raise EngineError(
                f"the shard of {source} was made, but did not appear in {shards} within {PATIENCE:.0f} s: "
                "the index must lie on storage that all nodes mount at the same path"
            )
        time.sleep(0.2)


def _unheard(event: str, count: int) -> None:
    """Progress within a file stays on its node; here files are counted."""
