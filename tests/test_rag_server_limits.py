"""Who is let in, how much at once, what is logged, and how the server ends."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from rag_servers import QUESTION, Broken, Gated, read_events, running, sample_index

from rag import RagError
from rag.server import Access, Limits

KEY = "k" * 24
BODY = {"question": QUESTION}


def test_beyond_this_machine_a_key_is_required() -> None:
    for host in ("0.0.0.0", "::", "192.168.1.7", "example.org"):  # noqa: S104 - refused
        with pytest.raises(RagError, match="CLINRAG_API_KEY"):
            Access(host)
        Access(host, key=KEY)
    for host in ("127.0.0.1", "::1", "localhost", "127.8.8.8"):
        Access(host)
    with pytest.raises(RagError, match="16"):
        Access(key="short")
    assert KEY not in repr(Access(key=KEY))


def test_key_opens_the_api_and_nothing_else_does() -> None:
    with running(access=Access(key=KEY)) as address, httpx.Client(base_url=address) as client:
        for path in ("/api/info", "/v1/models", "/metrics", "/docs", "/api/nothing"):
            for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {KEY}"}):
                refused = client.get(path, headers=headers)
                assert refused.status_code == 401
                assert refused.headers["www-authenticate"] == "Bearer"
        assert client.post("/api/ask", json=BODY).status_code == 401
        assert client.post("/api/ask", json=BODY, headers={"authorization": f"Bearer {KEY}"}).status_code == 200
        for path in ("/", "/healthz", "/openapi.json"):
            assert client.get(path).status_code == 200


def test_foreign_host_names_and_origins_are_refused() -> None:
    access = Access(names=("assistant.test",))
    with running(access=access) as address, httpx.Client(base_url=address) as client:
        port = urlsplit(address).port
        for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "assistant.test", "ASSISTANT.test:80"):
            assert client.get("/healthz", headers={"host": host}).status_code == 200
        for host in (f"evil.example:{port}", "localhost.evil.example", "127.0.0.1.nip.io", "localhost@evil.example"):
            assert client.get("/healthz", headers={"host": host}).status_code == 421
        own = client.post("/api/ask", json=BODY, headers={"origin": address})
        assert own.status_code == 200
        for origin in ("https://evil.example", "null", "http://127.0.0.1:1", "http://[x"):
            assert client.post("/api/ask", json=BODY, headers={"origin": origin}).status_code == 403
        plain = client.post("/api/ask", content=json.dumps(BODY), headers={"content-type": "text/plain"})
        assert plain.status_code == 422  # what a form of another page could send


def test_every_response_forbids_what_the_page_does_not_need() -> None:
    with running() as address, httpx.Client(base_url=address) as client:
        for path in ("/", "/healthz", "/nowhere", "/static/page.js", "/openapi.json"):
            headers = client.get(path).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"


def test_long_requests_are_refused_declared_or_not() -> None:
    with running(limits=Limits(body_bytes=1000)) as address, httpx.Client(base_url=address) as client:
        headers = {"content-type": "application/json"}
        assert client.post("/api/ask", content=b"x" * 1001, headers=headers).status_code == 413
        undeclared = client.post("/api/ask", content=iter([b"x" * 600, b"x" * 600]), headers=headers)
        assert undeclared.status_code == 413
        assert client.post("/api/ask", json=BODY).status_code == 200


def test_slow_request_is_ended() -> None:
    with running(limits=Limits(body_seconds=0.3)) as address:
        place = urlsplit(address)
        with socket.create_connection((place.hostname, place.port), timeout=10) as client:
            client.sendall(
                f"POST /api/ask HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: application/json\r\n"
                "Content-Length: 100\r\n\r\n{".encode()
            )
            assert client.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_slow_answer_is_ended_and_keeps_its_place_until_it_is() -> None:
    gate = threading.Event()
    limits = Limits(concurrency=1, waiting=0, answer_seconds=0.3)
    with running(Gated(gate=gate), limits=limits) as address, httpx.Client(base_url=address, timeout=10) as client:
        try:
            late = client.post("/api/ask", json=BODY)
            assert (late.status_code, late.json()["error"]["code"]) == (504, "too_slow")
            assert client.post("/api/ask", json=BODY).status_code == 429  # its thread still works
        finally:
            gate.set()
        wait_for(lambda: client.post("/api/ask", json=BODY).status_code == 200)
        gate.clear()
        try:
            streamed = read_events(client.post("/api/ask", json={**BODY, "stream": True}))
            assert streamed[-1][0] == "error"
            assert streamed[-1][1]["error"]["code"] == "too_slow"
        finally:
            gate.set()


def test_one_more_than_may_wait_is_told_to_come_back() -> None:
    gate = threading.Event()
    limits = Limits(concurrency=1, waiting=2)

    async def scene(address: str) -> None:
        async with httpx.AsyncClient(base_url=address, timeout=20) as client:
            waiting = [asyncio.create_task(client.post("/api/ask", json=BODY)) for _ in range(3)]
            try:
                while "clinrag_inside 3.0" not in (await client.get("/metrics")).text:
                    await asyncio.sleep(0.01)
                for body in (BODY, {**BODY, "stream": True}):
                    refused = await client.post("/api/ask", json=body)
                    assert refused.status_code == 429
                    assert refused.headers["retry-after"] == "1"
                assert (await client.get("/healthz")).status_code == 200
            finally:
                gate.set()
            assert [r.status_code for r in await asyncio.gather(*waiting)] == [200] * 3

    with running(Gated(gate=gate), limits=limits) as address:
        asyncio.run(asyncio.wait_for(scene(address), 20))


def test_client_that_leaves_a_stream_frees_its_place() -> None:
    gate = threading.Event()
    model = Gated(gate=gate)
    limits = Limits(concurrency=1, waiting=1)
    with running(model, limits=limits) as address, httpx.Client(base_url=address, timeout=10) as client:
        for _ in range(2):  # the first is worked on, the second waits; both leave
            with client.stream("POST", "/v1/chat/completions", json=chat_body()) as response:
                lines = response.iter_lines()  # kept: the response is closed with it
                assert next(lines).startswith("data: ")
                wait_for(lambda: len(model.calls) == 1)
        wait_for(lambda: "clinrag_inside 1.0" in client.get("/metrics").text)  # the waiting one is gone at once
        gate.set()
        wait_for(lambda: "clinrag_inside 0.0" in client.get("/metrics").text)
        assert len(model.calls) == 1


def chat_body() -> dict[str, object]:
    return {"model": "clinrag", "messages": [{"role": "user", "content": QUESTION}], "stream": True}


def wait_for(condition: object, seconds: float = 10) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


PRIVATE = "Zyxomab against quillfeather disease, a private question"


@pytest.mark.parametrize("told", [False, True])
def test_questions_are_logged_only_if_told(caplog: pytest.LogCaptureFixture, *, told: bool) -> None:
    caplog.set_level(logging.DEBUG)
    with running(Broken(), log_questions=told) as address, httpx.Client(base_url=address) as client:
        assert client.post("/api/ask", json={"question": PRIVATE}).status_code == 500
        client.post("/api/ask", json={"question": PRIVATE, "stream": True})
        client.post("/api/ask", json={"question": PRIVATE, "extra": PRIVATE})
        client.post("/api/search", json={"query": PRIVATE})
        client.get(f"/{PRIVATE}", params={"q": PRIVATE})
        metrics = client.get("/metrics").text
    ours = "\n".join(r.getMessage() + str(r.exc_info or "") for r in caplog.records if "httpx" not in r.name)
    assert "POST /api/ask 500" in ours
    assert "unexpected KeyError" in ours
    assert ("quillfeather" in ours) == told
    assert "quillfeather" not in metrics


def test_32_clients_lose_no_request_and_get_their_own_answers() -> None:
    """Null: under load some request fails, or gets another one's evidence."""
    terms = ["cardrenidine", "placebo", "stroke", "children", "surgery", "retracted", "women", "trial"]
    each, clients = 6, 32

    async def one(client: httpx.AsyncClient, number: int) -> list[tuple[str, list[str]]]:
        got = []
        for turn in range(each):
            term = terms[(number + turn) % len(terms)]
            if turn % 2:
                response = await client.post("/api/search", json={"query": term, "k": 5})
                found = [h["pmid"] for h in response.json()["hits"]]
            else:
                response = await client.post("/api/ask", json={"question": term})
                found = [e["pmid"] for e in response.json()["evidence"]][:5]
            assert response.status_code == 200, response.text
            got.append((term, found))
        return got

    async def everyone(address: str) -> list[list[tuple[str, list[str]]]]:
        async with httpx.AsyncClient(base_url=address, timeout=20, limits=httpx.Limits(max_connections=32)) as client:
            alone = {t: (await one_search(client, t)) for t in terms}
            results = await asyncio.gather(*(one(client, n) for n in range(clients)))
            assert all(found == alone[term] for result in results for term, found in result)
            return results

    async def one_search(client: httpx.AsyncClient, term: str) -> list[str]:
        hits = (await client.post("/api/search", json={"query": term, "k": 5})).json()["hits"]
        return [h["pmid"] for h in hits]

    with running() as address:
        results = asyncio.run(asyncio.wait_for(everyone(address), 20))
    assert sum(map(len, results)) == each * clients


SLOW_SERVER = """
import sys, time
from pathlib import Path
from rag.scripted import Scripted
from indexes import Index
from rag import Assistant
from rag.server import Access, Limits, serve

class Slow(Scripted):
    def _generate(self, *args, **kwargs):
        print("generating", file=sys.stderr, flush=True)
        time.sleep(1)
        return super()._generate(*args, **kwargs)

with Index(Path(sys.argv[1])) as index:
    slow = Slow(lines=[{"output": "ABSTAIN: slow", "match": ""}])
    serve(Assistant(index, slow), port=0, access=Access(), limits=Limits(), log_questions=False)
"""


def test_sigterm_finishes_requests_in_flight() -> None:
    root = Path(__file__).parents[1]
    command = [sys.executable, "-c", SLOW_SERVER, str(sample_index())]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=root, env=environment) as server:
        assert server.stderr is not None
        try:
            address = re.search(r"http://[\d.:]+", next(iter(server.stderr)))
            assert address
            answers: list[httpx.Response] = []
            asking = threading.Thread(
                target=lambda: answers.append(httpx.post(f"{address[0]}/api/ask", json=BODY, timeout=10))
            )
            asking.start()
            assert "generating" in next(iter(server.stderr))
            server.send_signal(signal.SIGTERM)
            asking.join(10)
            assert server.wait(10) == 0
        finally:
            server.kill()
    assert [a.json()["reason"] for a in answers] == ["slow"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(address[0])
