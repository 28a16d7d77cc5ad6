"""HTTP as NLM wants it: named, paced, patient, and without ever showing a key."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import httpx

from .errors import NetworkError, StorageError

USER_AGENT = "clinrag/0.1 (index of PubMed abstracts)"
ATTEMPTS = 6
FIRST_WAIT = 1.0  # seconds; doubled with each attempt
LONGEST_WAIT = 600.0  # a server that asks for more is left alone
RETRY_STATUS = frozenset({429, 500, 502, 503, 504})
MAX_RESPONSE = 1 << 30  # bytes; PubMed's largest file has less than a tenth of it
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a transfer is: file `number` of `total`, `received` of `size` bytes (None if not known).

    `note` says why something is tried again, else it is empty.
    """

    name: str
    number: int
    total: int
    received: int = 0
    size: int | None = None
    note: str = ""


class TransientError(Exception):
    """What may go away by itself: worth another attempt, after `wait` seconds if the server said so."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class RangeError(Exception):
    """The server does not have the range that was asked for."""


class Session:
    """An open HTTP client which leaves `interval` seconds between requests and counts its `retries`.

    `secret` is blotted out of every message. It must be sent in the body of a request: addresses get logged.
    """

    def __init__(
        self,
        *,
        timeout: float,
        interval: float = 0.0,
        secret: str = "",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.retries = 0
        self._interval = interval
        self._secret = secret
        self._sleep = sleep
        self._next = 0.0
        self._client = httpx.Client(timeout=timeout, headers={"User-Agent": USER_AGENT})

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def retrying(self, what: str, action: Callable[[], T], note: Callable[[str], None]) -> T:
        """Return what `action` returns; try again, later and later, while it fails in a transient way."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return action()
            except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
                raise NetworkError(f"{what}: not an address ({error}). Begin it with https://") from None
            except (TransientError, httpx.RequestError) as error:
                reason = self._say(str(error) or type(error).__name__)
                wait = max(FIRST_WAIT * 2 ** (attempt - 1), getattr(error, "wait", 0.0))
                if wait > LONGEST_WAIT:
                    raise NetworkError(
                        f"{what}: {reason}, and the server asks to wait {wait:,.0f} s. "
                        "Run the same command again later; it goes on from there."
                    ) from None
            if attempt < ATTEMPTS:
                self.retries += 1
                note(f"{reason}; attempt {attempt + 1} of {ATTEMPTS} in {wait:.0f} s")
                self._sleep(wait)
        raise NetworkError(
            f"{what}: {ATTEMPTS} attempts failed, the last one with: {reason}. "
            "Check the connection and run the same command again; it goes on from there."
        )

    @contextmanager
    def stream(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        data: dict[str, str] | None = None,
    ) -> Iterator[httpx.Response]:
        """Open a response of status 200 or 206.

        Raises `TransientError` for a status that asks for patience, `RangeError` for 416, else
        `NetworkError`.
        """
        self._pace()
        follow = method == "GET"  # a POST may have a key in it, which is for one server only
        with self._client.stream(method, url, headers=headers, data=data, follow_redirects=follow) as response:
            status = f"HTTP {response.status_code} {response.reason_phrase}".strip()
            if response.status_code in RETRY_STATUS:
                raise TransientError(status, _retry_after(response.headers.get("Retry-After", "")))
            if response.status_code == 416:
                raise RangeError(status)
            if response.status_code not in (200, 206):
                raise NetworkError(self._say(f"{url}: the server answered {status}. {_detail(response)}"))
            yield response

    def text(self, method: str, url: str, *, data: dict[str, str] | None = None, limit: int = 1 << 24) -> str:
        """Return a whole response of at most `limit` bytes as text."""
        content = bytearray()
        with self.stream(method, url, data=data) as response:
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > limit:
                    raise NetworkError(f"{url}: more than {limit:,} bytes, where a short text was expected.")
        return content.decode("utf-8", "replace")

    def _pace(self) -> None:
        now = time.monotonic()
        if now < self._next:
            self._sleep(self._next - now)
        self._next = max(now, self._next) + self._interval

    def _say(self, text: str) -> str:
        return text.replace(self._secret, "***") if self._secret else text


def save(
    response: httpx.Response, write: Callable[[bytes], object], *, raw: bool, received: Callable[[int], None]
) -> int:
    """Write a response's body, as sent (`raw`) or decoded, and return its size; `received` gets it so far."""
    size = 0
    # Without a chunk size: with one, httpx holds back, and loses, what came before a broken connection.
    for chunk in response.iter_raw() if raw else response.iter_bytes():
        write(chunk)
        size += len(chunk)
        received(size)
        if size > MAX_RESPONSE:
            raise NetworkError(f"{response.url}: more than {MAX_RESPONSE:,} bytes; this is no PubMed file.")
    return size


@contextmanager
def storing(folder: Path) -> Iterator[None]:
    """Turn what goes wrong with the disk into a `StorageError`."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{error.filename or folder}: cannot be written ({error.strerror or error}). Make room or choose "
            "another folder, and run the same command again; it goes on from there."
        ) from error


def _retry_after(value: str) -> float:
    """Return the seconds of a Retry-After header, which has a number or a date."""
    if value.strip().isdigit():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _detail(response: httpx.Response) -> str:
    """Return the beginning of an error's text, where the reason usually stands."""
    for chunk in response.iter_bytes(300):
        return " ".join(chunk.decode("utf-8", "replace").split())
    return ""
