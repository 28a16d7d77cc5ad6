"""Run the server until it is told to stop; requests in flight are finished first."""

from __future__ import annotations

import logging
import signal
import socket
import sys
from threading import Thread
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from rag.assistant import Assistant
from rag.errors import RagError
from rag.extractive import Extractive
from rag.reading import Reading

from .app import create_app
from .limits import Access, Limits


def serve(assistant: Assistant, *, port: int, access: Access, limits: Limits, log_questions: bool) -> None:
    """Serve until SIGTERM or Ctrl-C; a second Ctrl-C does not wait for requests in flight."""
    listener = _listen(access.host, port)
    assistant.retriever.invoke("warm up")  # loads the encoder now: two first requests must not both do it
    if isinstance(assistant.llm, Extractive | Reading):  # others are loaded already
        Thread(target=assistant.llm.load, daemon=True).start()  # beside the first requests, which wait for it
    app = create_app(assistant, access=access, limits=limits, log_questions=log_questions)
    _log_to_stderr()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _asked_to_stop)  # uvicorn raises the signal again after it has finished
    with listener:
        uvicorn.Server(_config(app, limits)).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    """Take the address, or say why not before anything is loaded; requests that come early wait."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        raise RagError(f"cannot listen on {host}, port {port}: {error.strerror}; --port 0 takes a free one") from error
    place = f"[{host}]" if ":" in host else host
    print(f"http://{place}:{listener.getsockname()[1]}/ (Ctrl-C stops)", file=sys.stderr, flush=True)
    return listener


def _config(app: ASGIApp, limits: Limits) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        access_log=False,  # it would hold addresses as they were asked for; the guard logs routes
        log_config=None,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=int(limits.answer_seconds) + 5,
        h11_max_incomplete_event_size=16 * 1024,
    )


def _asked_to_stop(_number: int, _frame: FrameType | None) -> None:
    return None


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    for name, level in (("clinrag.server", logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
