"""NLM's two servers in one, small and slow: PubMed's files with their MD5, and E-utilities that find one query."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from conftest import SAMPLE

PIECE, PAUSE = 4096, 0.004  # bytes sent at a time, and seconds between: a kill finds half a file
FOUND = 1200  # records of the query, fetched 500 at a time


def record(pmid: int) -> str:
    abstract = f"<Abstract><AbstractText>Text of {pmid}.</AbstractText></Abstract>"
    return (
        f'<PubmedArticle><MedlineCitation><PMID Version="1">{pmid}</PMID><Article>'
        f"<ArticleTitle>T</ArticleTitle>{abstract}</Article></MedlineCitation></PubmedArticle>\n"
    )


FILES = {
    f"pubmed26n{number:04d}.xml.gz": gzip.compress(path.read_bytes(), mtime=0)
    for number, path in enumerate(sorted(SAMPLE.glob("*.xml")), 1)
}


class Server(BaseHTTPRequestHandler):
    """Answers both; a range is honoured, so that a half file is gone on with."""

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        if not name:
            return self._send("".join(f'<a href="{file}">{file}</a>' for file in FILES).encode())
        file = name.removesuffix(".md5")
        if name != file:
            return self._send(f"MD5({file})= {hashlib.md5(FILES[file], usedforsecurity=False).hexdigest()}\n".encode())
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        return self._send(FILES[file], start)

    def do_POST(self) -> None:
        data = {k: v[0] for k, v in parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()).items()}
        if self.path.endswith("esearch.fcgi"):
            found = {"count": str(FOUND), "webenv": "W", "querykey": "1", "idlist": []}
            return self._send(json.dumps({"esearchresult": found}).encode())
        first, count = int(data["retstart"]), int(data["retmax"])
        records = "".join(record(pmid) for pmid in range(first + 1, first + count + 1))
        return self._send(f"<?xml version='1.0'?>\n<PubmedArticleSet>{records}</PubmedArticleSet>".encode())

    def _send(self, body: bytes, start: int = 0) -> None:
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        try:
            for place in range(start, len(body), PIECE):
                self.wfile.write(body[place : place + PIECE])
                time.sleep(PAUSE)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the one who asked was killed

    def log_message(self, *args: object) -> None: ...


@contextmanager
def served() -> Iterator[dict[str, str]]:
    """Serve in a thread; yield the environment in which clinrag asks here."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    yield {"CLINRAG_PUBMED_URL": url, "CLINRAG_EUTILS_URL": url, "NO_PROXY": "127.0.0.1", "NCBI_API_KEY": ""}
    server.shutdown()
    thread.join()
    server.server_close()
