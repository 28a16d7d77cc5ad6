"""What every request passes first: host, origin, key, size, time; and what every response carries."""

from __future__ import annotations

import asyncio
import logging
import time
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .counters import Counters
from .limits import KEY_VARIABLE, Access, Limits
from .problems import Problem, unexpected
from .streams import log_unexpected

log = logging.getLogger("clinrag.server")

# The page, its files, the API's description and the health check say nothing that needs a key.
OPEN = frozenset({"/", "/healthz", "/openapi.json"})
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


def _same_host(origin: str, host: str) -> bool:
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:  # "http://[x" is no address
        return False


class Guard:
    """An ASGI application around another. Logs method, route, status and time, never a path, query or body."""

    def __init__(self, app: ASGIApp, *, access: Access, limits: Limits, counters: Counters):
        self.app, self.access, self.limits, self.counters = app, access, limits, counters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def respond(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        try:
            self._admit(scope)
            await self.app(scope, await self._with_body(scope, receive), respond)
        except Problem as problem:
            await problem.response()(scope, receive, respond)
        except Exception as error:
            log_unexpected(error)
            if not status:
                await unexpected(error).response()(scope, receive, respond)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "other")
            method = scope["method"] if scope["method"] in METHODS else "other"
            self.counters.request(route, method, status, seconds)
            log.info("%s %s %d %.0f ms", method, route, status, seconds * 1000)

    def _admit(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self.access.knows_host(host):
            raise Problem(
                421, "unknown_host", "this server does not answer to the name in the Host header; --allow-host adds it"
            )
        origin = headers.get("origin")
        if origin is not None and not _same_host(origin, host):
            raise Problem(403, "cross_origin", "requests from other web pages are refused")
        path = scope["path"]
        if path in OPEN or path.startswith("/static/") or self.access.knows_key(headers.get("authorization", "")):
            return
        raise Problem(
            401,
            "no_key",
            f"send the key that the server has in {KEY_VARIABLE}: Authorization: Bearer KEY",
            headers={"WWW-Authenticate": "Bearer"},
        )

    async def _with_body(self, scope: Scope, receive: Receive) -> Receive:
        """Read the whole body within its limits, and give back a `receive` that has it."""
        if scope["method"] in {"GET", "HEAD"}:
            return receive
        most, seconds = self.limits.body_bytes, self.limits.body_seconds
        too_long = Problem(
            413, "too_long", f"the request has more than {most:,} bytes", headers={"Connection": "close"}
        )
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdecimal() and int(declared) > most:
            raise too_long
        body = b""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    message = await receive()
                    body += message.get("body", b"")
                    if len(body) > most:
                        raise too_long
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            raise Problem(
                408, "too_slow", f"the request took more than {seconds:g} s to arrive", headers={"Connection": "close"}
            ) from None
        whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        return replay
