"""PubMed's own files: the yearly baseline and the daily update files, from NLM's server or a mirror of it."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from .errors import BusyIndexError, NetworkError
from .storage import locked
from .web import Progress, RangeError, Session, TransientError, save, storing

BASE_URL = "https://ftp.ncbi.nlm.nih.gov/pubmed/"
BASE_URL_VARIABLE = "CLINRAG_PUBMED_URL"
FOLDERS = {"baseline": "baseline/", "updates": "updatefiles/"}
_LINK = re.compile(r'href="(pubmed\d\dn\d{4,6}\.xml\.gz)"')
_MD5 = re.compile(r"\b[0-9a-fA-F]{32}\b")


@dataclass(frozen=True, slots=True)
class Downloaded:
    """The files asked for, in the order in which they are to be indexed; `new` of them came now."""

    files: tuple[Path, ...]
    new: int
    bytes: int
    retries: int


def download(
    out: Path,
    kind: Literal["baseline", "updates"],
    *,
    files: int | None = None,
    base_url: str | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    timeout: float = 60.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Downloaded:
    """Bring PubMed files into the folder `out`, each checked against its MD5.

    With `files`, only that many of the newest: they have the newest papers. A file that is there already is
    left as it is, a half one is continued, so that the same command can be run until it succeeds.
    `base_url` (default: $CLINRAG_PUBMED_URL, else NLM) holds `baseline/` and `updatefiles/`. Raises
    `NetworkError`, `StorageError`, and `BusyIndexError` if another download into the same folder is running.
    """
    base = (base_url or os.environ.get(BASE_URL_VARIABLE) or BASE_URL).rstrip("/") + "/"
    folder = base + FOLDERS[kind]
    with storing(out), only_one(out), Session(timeout=timeout, sleep=sleep) as session:
        names = _listing(session, folder, progress)[-files if files else 0 :]
        wanted = [(number, name) for number, name in enumerate(names, 1) if not _is_there(out / name)]
        size = 0
        for number, name in wanted:
            start = Progress(name, number, len(names))
            size += _bring(session, folder + name, out / name, start, progress)
        return Downloaded(tuple(out / name for name in names), len(wanted), size, session.retries)


@contextmanager
def only_one(out: Path) -> Iterator[None]:
    """Create the folder, and keep a second process out of it."""
    out.mkdir(parents=True, exist_ok=True)
    busy = BusyIndexError(f"{out}: another process is downloading into it. Wait for it, or stop it.")
    with locked(out / ".download.lock", busy):
        yield


def _listing(session: Session, folder: str, progress: Callable[[Progress], None]) -> list[str]:
    page = session.retrying(
        folder,
        lambda: session.text("GET", folder),
        lambda note: progress(Progress("list of files", 0, 0, note=note)),
    )
    names = sorted(set(_LINK.findall(page)), key=lambda name: (name[6:8], int(name[9:-7])))
    if not names:
        raise NetworkError(
            f"{folder}: no PubMed files (pubmed26n0001.xml.gz …) are listed there. "
            f"Check the address; ${BASE_URL_VARIABLE} sets another mirror than {BASE_URL}"
        )
    return names


def _bring(session: Session, url: str, target: Path, start: Progress, progress: Callable[[Progress], None]) -> int:
    """Bring one file, and return the bytes received; the MD5 kept beside it says that it was checked."""

    def note(text: str) -> None:
        progress(replace(start, note=text))

    md5 = session.retrying(url, lambda: _expected_md5(session, url), note)
    size = 0
    if not (target.exists() and _md5(target) == md5):
        size = session.retrying(url, lambda: _receive(session, url, target, md5, start, progress), note)
    _checked(target).write_text(f"MD5({target.name})= {md5}\n", encoding="utf-8")
    return size


def _receive(
    session: Session, url: str, target: Path, md5: str, start: Progress, progress: Callable[[Progress], None]
) -> int:
    """Go on with a half file, or begin it; return the bytes received.

    What was received stays in a .part file, unless it proves wrong.
    """
    part = target.with_name(target.name + ".part")
    have = part.stat().st_size if part.exists() else 0
    came = 0
    if not (have and _md5(part) == md5):
        came = _transfer(session, url, part, have, start, progress)
        if _md5(part) != md5:
            part.unlink()
            raise TransientError(f"{came:,} bytes came, but their MD5 is not {md5}")
    part.replace(target)
    return came


def _transfer(
    session: Session, url: str, part: Path, have: int, start: Progress, progress: Callable[[Progress], None]
) -> int:
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with session.stream("GET", url, headers=headers) as response:
            resumed = response.status_code == 206
            if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                raise RangeError
            before = have if resumed else 0
            length = response.headers.get("Content-Length", "")
            size = before + int(length) if length.isdigit() else None
            with part.open("ab" if resumed else "wb") as file:
                return save(
                    response,
                    file.write,
                    raw=True,
                    received=lambda count: progress(replace(start, received=before + count, size=size)),
                )
    except RangeError:
        part.unlink()
        raise TransientError("the server could not go on where the file ends, so it is begun again") from None


def _expected_md5(session: Session, url: str) -> str:
    text = session.text("GET", url + ".md5")
    found = _MD5.search(text)
    if not found:
        raise TransientError(f"no MD5 in {url}.md5")
    return found[0].lower()


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _is_there(target: Path) -> bool:
    """Tell whether a file is there as it came: the disk may have changed it since."""
    try:
        found = _MD5.search(_checked(target).read_text(encoding="ascii"))
        return found is not None and _md5(target) == found[0].lower()
    except (FileNotFoundError, UnicodeDecodeError):
        return False


def _checked(target: Path) -> Path:
    return target.with_name(target.name + ".md5")
