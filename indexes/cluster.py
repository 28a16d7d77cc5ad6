"""A Ray cluster to work on: the caller's, one at an address, or one that lives as long as a build."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from .errors import EngineError

SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
# For a cluster of our own. Without the first it listens on every network address of the machine (the name is Ray's:
# it is how Ray stays on the loopback on other systems). A token, because any user here could otherwise run code in it.
ALONE = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_worker_niceness": "0",  # 15 by default: beside other work a build would hardly go on
}


def require_ray(address: str | None) -> None:
    """Import Ray with its telemetry off.

    Raises:
        EngineError: it is not installed.
    """
    os.environ |= SETTINGS
    if address is None and "ray" not in sys.modules:  # it reads them when imported: a caller who has, has chosen
        for name, value in ALONE.items():
            os.environ.setdefault(name, value)
    try:
        import ray.data
    except ImportError as error:
        raise EngineError(
            f"the engine 'ray' needs Ray, which is not installed ({error}): pip install 'clinrag[ray]', "
            "or leave out --engine"
        ) from error
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False


def connected(address: str | None, workers: int | None) -> AbstractContextManager[None]:
    """Be in a cluster for a block: the caller's own if it has one, that at `address`, or a new one on this machine.

    Raises:
        EngineError: none answers at the address, or none could be started.
    """
    import ray

    if ray.is_initialized():
        return nullcontext()
    return _join(address) if address else _start(workers)


@contextmanager
def _join(address: str) -> Iterator[None]:
    import ray

    try:
        host, _, port = address.removeprefix("ray://").rpartition(":")
        if port.isdigit():
            socket.create_connection((host, int(port)), timeout=10).close()  # Ray itself would try for minutes
        with _hushed():
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:  # of many kinds, by what is wrong with it
        raise EngineError(
            f"no Ray cluster answers at {address!r} ({_first_line(error)}): start one (ray start --head) and give its "
            "HOST:PORT or auto, or leave out --address"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _start(workers: int | None) -> Iterator[None]:
    import ray

    # A socket's path may have 107 characters, so that a long TMPDIR would not do.
    folder = tempfile.mkdtemp(prefix="clinrag-ray-", dir="/tmp" if Path("/tmp").is_dir() else None)  # noqa: S108
    try:
        with _hushed():
            ray.init(
                "local",
                num_cpus=max(workers or 1, os.cpu_count() or 1),
                object_store_memory=100 << 20,  # bytes; only names of files travel
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                _temp_dir=folder,
            )
    except Exception as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise EngineError(
            f"Ray could not start on this machine ({_first_line(error)}): leave out --engine to embed without it"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep off the terminal what Ray's C++ part writes there whatever its log level; errors come as exceptions."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
