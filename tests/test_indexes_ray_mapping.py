"""Ray gives what the local engine gives, also when its workers are killed. Skipped where Ray is not installed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import gettempdir

import pytest
from conftest import ROOT, SAMPLE, record

from indexes import Index, build, update
from indexes.errors import EngineError, SourceError
from indexes.manifest import read_manifest
from indexes.mapping import Engine

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's settings warn of one another, and it leaves sockets open
Write = Callable[..., Path]
NAMES = "documents.ndjson", "vectors.f16"


def skip_without_ray() -> None:
    if find_spec("ray") is None:  # not importorskip: what Ray reads when imported is set by our code
        pytest.skip("Ray is not installed: pip install 'clinrag[ray]'")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """One cluster for all tests, as a caller has it who started Ray; what the command starts itself is tested apart."""
    skip_without_ray()
    from indexes.cluster import connected
    from indexes.ray_mapping import on_ray

    os.environ["PYTHONPATH"] = str(ROOT)
    started = on_ray()
    with connected(None, 2):
        yield started
    del os.environ["PYTHONPATH"]


def shards(directory: Path) -> dict[str, tuple[bytes, ...]]:
    return {p.name: tuple((p / name).read_bytes() for name in NAMES) for p in (directory / "shards").iterdir()}


def results(directory: Path) -> list[tuple[str, float]]:
    with Index(directory) as index:
        return [(h.pmid, h.score) for q in ("cardrenidine trial", "migraine") for h in index.search(q, 10)]


def assert_same(one: Path, other: Path) -> None:
    assert shards(one) == shards(other)
    assert read_manifest(one).pmid_sha256 == read_manifest(other).pmid_sha256
    assert results(one) == results(other)


def test_build_and_update_equal_the_local_engine(tmp_path: Path, write_jsonl: Write, engine: Engine) -> None:
    extra = write_jsonl("a.jsonl", *(record(n) for n in range(1, 40)))
    later = write_jsonl("b.jsonl", record(3, "revised zephyr"), record(50))
    for name, one in (("local", None), ("ray", engine)):
        first = build(tmp_path / name, [SAMPLE, extra], encoder="hashing", engine=one)
        again = update(tmp_path / name, [later], engine=one)
        assert (first.embedded > 39, again.embedded) == (True, 2)
    assert_same(tmp_path / "local", tmp_path / "ray")
    stages: list[tuple[str, int, int]] = []
    same = update(tmp_path / "ray", [later], engine=engine, report=lambda *event: stages.append(event))
    assert (same.embedded, stages) == (0, [])  # nothing to do: no cluster is asked


class Killer(threading.Thread):
    """Kills, at most so many times, the worker that makes a shard; its folder's name tells the process."""

    def __init__(self, directory: Path, times: int):
        super().__init__(daemon=True)
        self.folder, self.times, self.killed = directory / "shards", times, list[str]()
        self.done = threading.Event()

    def run(self) -> None:
        while len(self.killed) < self.times and not self.done.is_set():
            for path in self.folder.glob("*.partial"):
                if path.name not in self.killed and (path / "vectors.f16").exists() and len(self.killed) < self.times:
                    os.kill(int(path.name.split(".")[1]), signal.SIGKILL)
                    self.killed.append(path.name)
            time.sleep(0.005)


def long_record(number: int) -> dict[str, object]:
    return record(number, " ".join(f"word{number * k % 977}" for k in range(150)))


def test_a_killed_worker_loses_and_doubles_nothing(
    tmp_path: Path, write_jsonl: Write, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [write_jsonl(f"{k}.jsonl", *(long_record(1000 * k + n) for n in range(1, 801))) for k in range(3)]
    build(tmp_path / "local", files, encoder="hashing")
    killer = Killer(tmp_path / "ray", times=2)
    killer.start()
    result = build(tmp_path / "ray", files, encoder="hashing", engine=engine)
    killer.done.set()
    assert len(killer.killed) == 2
    assert capsys.readouterr().out == ""  # what Ray says of it is no result
    assert (result.embedded, result.manifest.superseded) == (2400, 0)
    assert_same(tmp_path / "local", tmp_path / "ray")


def test_a_file_that_always_kills_its_worker_is_named(tmp_path: Path, write_jsonl: Write, engine: Engine) -> None:
    bad = write_jsonl("bad.jsonl", *(long_record(n) for n in range(1, 801)))
    killer = Killer(tmp_path / "index", times=99)
    killer.start()
    with pytest.raises(EngineError, match=r"bad\.jsonl: the worker process died 3 times .* run the same command again"):
        build(tmp_path / "index", [bad], encoder="hashing", engine=engine)
    killer.done.set()
    killer.join()
    assert len(killer.killed) == 3
    assert build(tmp_path / "index", [bad], encoder="hashing", engine=engine).manifest.documents == 800


def test_errors_reach_the_user_as_they_are(tmp_path: Path, write_jsonl: Write, engine: Engine) -> None:
    broken = tmp_path / "broken.xml"
    broken.write_text("<html>an error page</html>")
    with pytest.raises(SourceError) as local:
        build(tmp_path / "local", [broken], encoder="hashing")
    with pytest.raises(SourceError) as remote:
        build(tmp_path / "ray", [broken], encoder="hashing", engine=engine)
    assert str(remote.value) == str(local.value)


def test_its_own_cluster_listens_on_the_loopback_only(engine: Engine) -> None:
    import ray

    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    assert host == "127.0.0.1"
    socket.create_connection((host, int(port)), timeout=5).close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only asks which address would be used
        except OSError:
            pytest.skip("this machine has no address but the loopback")
        outside = probe.getsockname()[0]
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((outside, int(port)), timeout=5)
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert os.environ["RAY_AUTH_MODE"] == "token"


@pytest.mark.slow
def test_the_command_starts_and_ends_a_cluster(tmp_path: Path, write_jsonl: Write) -> None:
    skip_without_ray()
    before = set(Path(gettempdir()).glob("clinrag-ray-*"))
    source = write_jsonl("a.jsonl", *(record(n) for n in range(1, 40)))
    build(tmp_path / "local", [source], encoder="hashing")
    command = ["index", "build", tmp_path / "ray", source, "--encoder", "hashing", "--engine", "ray"]
    run = subprocess.run([sys.executable, "clinrag.py", *command], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0
    assert all(line.startswith("files: ") for line in run.stderr.splitlines()), run.stderr  # Ray says nothing
    assert run.stdout.startswith("39 documents in ")
    assert_same(tmp_path / "local", tmp_path / "ray")
    assert set(Path(gettempdir()).glob("clinrag-ray-*")) <= before


def test_without_ray_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from indexes.ray_mapping import on_ray

    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "ray.data", None)
    with pytest.raises(EngineError, match=r"pip install 'clinrag\[ray\]'"):
        on_ray()


def test_an_address_where_no_cluster_answers(tmp_path: Path, write_jsonl: Write) -> None:
    skip_without_ray()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    script = (
        "import sys; from pathlib import Path; from indexes.cluster import _join, require_ray\n"
        "require_ray(sys.argv[1])\nwith _join(sys.argv[1]): pass"
    )
    run = subprocess.run([sys.executable, "-c", script, address], cwd=ROOT, capture_output=True, text=True)
    assert f"no Ray cluster answers at {address!r}" in run.stderr.splitlines()[-1]
    wrong = [sys.executable, "clinrag.py", "index", "build", tmp_path / "i", write_jsonl("a.jsonl", record(1))]
    run = subprocess.run([*wrong, "--address", address], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 2
    assert "--engine" in run.stderr
