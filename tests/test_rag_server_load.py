"""The server under 64 clients: everything is answered or told to come back, and SIGTERM loses nothing."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest
from conftest import ROOT
from rag_servers import QUESTION

CLIENTS = 64


async def ask_until(address: str, server: subprocess.Popen[bytes], duration: float) -> tuple[list[float], Counter[str]]:
    """Let all clients ask one question after the other; so long after the first answer send SIGTERM.

    Returns seconds and what came.
    """
    seconds: list[float] = []
    came: Counter[str] = Counter()
    told = [float("inf")]  # when SIGTERM was sent

    async def client(number: int) -> None:
        async with httpx.AsyncClient(base_url=address, timeout=60) as http:
            while time.monotonic() < told[0] + 30:
                started = time.monotonic()
                try:
                    reply = await http.post("/api/ask", json={"question": f"{QUESTION} ({number})"})
                except (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError) as error:
                    # After SIGTERM the door is shut. A request that was surely let in before must not end so.
                    came["refused at the end" if started > told[0] - 0.1 else f"lost: {type(error).__name__}"] += 1
                    return
                seconds.append(time.monotonic() - started)
                came[str(reply.status_code)] += 1
                if reply.status_code == 429:
                    await asyncio.sleep(float(reply.headers["retry-after"]))

    async def end_it() -> None:
        while not came["200"] and server.poll() is None:  # while models load, even letting in takes long
            await asyncio.sleep(0.1)
        await asyncio.sleep(duration)
        told[0] = time.monotonic()
        server.send_signal(signal.SIGTERM)

    await asyncio.gather(end_it(), *(client(number) for number in range(CLIENTS)))
    return seconds, came


def load(index: Path, log: Path, duration: float) -> tuple[list[float], Counter[str]]:
    command = [sys.executable, "clinrag.py", "serve", str(index), "--port", "0"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    # The log goes to a file: a pipe that nobody reads fills up, and then the server waits for the reader.
    with log.open("w") as stderr, subprocess.Popen(command, stderr=stderr, cwd=ROOT, env=environment) as server:
        try:
            while not (address := re.search(r"http://[\d.:]+", log.read_text())):
                assert server.poll() is None, log.read_text()
                time.sleep(0.05)
            # Nothing was asked yet: the first questions, all at once, load what answering needs.
            httpx.get(f"{address[0]}/healthz", timeout=60).raise_for_status()
            result = asyncio.run(ask_until(address[0], server, duration))
            assert server.wait(60) == 0
        finally:
            server.kill()
    return result


@pytest.mark.parametrize("duration", [3.0, pytest.param(120.0, marks=pytest.mark.slow)])
def test_sixty_four_clients_then_sigterm(
    sample_directory: Path, tmp_path: Path, duration: float, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds, came = load(sample_directory, tmp_path / "log", duration)
    assert set(came) <= {"200", "429", "503", "refused at the end"}
    assert came["200"] >= CLIENTS // 4
    slowest = sorted(seconds)[int(0.99 * (len(seconds) - 1))]
    with capsys.disabled():
        print(f"\n{CLIENTS} clients, {duration:g} s: {dict(came)}, slowest 1 % from {slowest:.2f} s ", end="")
