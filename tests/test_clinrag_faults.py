"""Every long command survives being killed, a full disk, and damage to what it wrote; or it refuses by name.

The default tests try each fault once on quick commands. All of it: FAULT_POINTS=20 pytest -m slow -rP this_file
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import faults
import pytest
from faults import STORIES, RefusedError, Story, clinrag, damaged
from faults_server import served
from filelock import FileLock

POINTS = int(os.environ.get("FAULT_POINTS", "0"))
ALWAYS = ("build",)  # in the default tests; the others and all points are slow
SLOW = ("ray build", "audit", "train")
SHARES = (0.0, 0.3, 0.6)  # of what a command writes: the disk is full after it


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    faults.start_server(everything=POINTS > 0)
    with served() as environment:
        faults.ENVIRONMENT.update(environment)
        yield


class Undisturbed:
    """The results of commands that nothing happened to, made once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: dict[str, tuple[Any, float]] = {}

    def prepared(self, story: Story) -> Path:
        """Return a folder with the story's inputs; it is to be copied, not used."""
        folder = self.folder / f"{story.name}-inputs"
        if not folder.exists():
            folder.mkdir()
            story.prepare(folder)
        return folder

    def finished(self, story: Story) -> tuple[Path, Any, float]:
        """Return a folder in which the command has run, its result, and how long it took, in seconds."""
        folder = self.folder / story.name
        if story.name not in self.known:
            shutil.copytree(self.prepared(story), folder, symlinks=True)
            run = clinrag(folder, *story.command)
            assert run.returncode == 0, run.stderr
            self.known[story.name] = story.result(folder), run.seconds
        return folder, *self.known[story.name]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return Undisturbed(tmp_path_factory.mktemp("undisturbed"))


def stories(*, quick: tuple[str, ...] = ALWAYS) -> list[Any]:
    return [pytest.param(s, id=s.name, marks=() if s.name in quick else pytest.mark.slow) for s in STORIES.values()]


@pytest.mark.parametrize("story", stories(quick=tuple(name for name in STORIES if name not in SLOW)))
def test_a_second_process_is_refused(story: Story, undisturbed: Undisturbed, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    shutil.copytree(undisturbed.prepared(story), folder, symlinks=True)
    lock = folder / story.out / story.lock
    lock.parent.mkdir(parents=True, exist_ok=True)
    before = contents(folder)
    with FileLock(lock, timeout=0):
        second = clinrag(folder, *story.command)
    assert second.returncode == 1
    assert "another process" in second.stderr, second.stderr
    assert contents(folder) == before


def contents(folder: Path) -> dict[str, bytes]:
    files = (p for p in folder.rglob("*") if p.is_file() and "lock" not in p.name)
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def kill_somewhere(story: Story, undisturbed: Undisturbed, folder: Path, share: float, how: signal.Signals) -> float:
    """Kill a command, and run it again to the undisturbed result; return after which share of its time it was killed.

    One that had ended already is begun anew, and killed earlier.
    """
    inputs = undisturbed.prepared(story)
    _, expected, seconds = undisturbed.finished(story)
    for _ in range(20):
        shutil.copytree(inputs, folder, symlinks=True)
        if clinrag(folder, *story.command, kill=(share * seconds, how)).returncode == -how:
            break
        shutil.rmtree(folder)
        share *= 0.9
    else:
        raise AssertionError(f"{story.name} always ended before it was killed")
    if story.name == "update":  # whoever reads meanwhile has the old index or the new one
        assert story.result(folder) in (story.result(inputs), expected)
    again = clinrag(folder, *story.command)
    assert again.returncode == 0, again.stderr
    assert story.result(folder) == expected
    assert not list((folder / story.out).rglob("*.partial"))
    return share


@pytest.mark.parametrize("story", stories())
def test_killed_once(story: Story, undisturbed: Undisturbed, tmp_path: Path) -> None:
    kill_somewhere(story, undisturbed, tmp_path / "here", 0.8, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=lambda s: s.name)
@pytest.mark.parametrize("story", STORIES.values(), ids=lambda s: s.name)
def test_killed_anywhere(story: Story, how: signal.Signals, undisturbed: Undisturbed, tmp_path: Path) -> None:
    places = random.Random(f"{story.name} {how}")
    points = POINTS or 2
    shares = [(point + places.random()) / points for point in range(points)]  # one in each part of its time
    hit = []
    for point, share in enumerate(shares):
        hit.append(kill_somewhere(story, undisturbed, tmp_path / str(point), share, how))
        shutil.rmtree(tmp_path / str(point))
    print(f"{story.name}: {len(hit)} {how.name}, after {min(hit):.0%} to {max(hit):.0%} of its time: same result")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own; its size is set by the test."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=500m", "none", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def resize(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(disk)], check=True, capture_output=True)


def assert_refused(run: faults.Ended, *words: str) -> None:
    """Assert that a command failed with a sentence that has one of these words."""
    assert run.returncode == 1, (run.stdout, run.stderr)
    assert "Traceback" not in run.stderr, run.stderr
    assert "This is a bug" not in run.stderr, run.stderr
    assert any(word in run.stderr.lower() for word in words), run.stderr


@pytest.mark.parametrize("story", stories())
def test_full_and_read_only_disk(story: Story, undisturbed: Undisturbed, small_disk: Path) -> None:
    """Out of space at several points, then read-only, then enough: the last run gives the undisturbed result."""
    finished, expected, _ = undisturbed.finished(story)
    inputs = undisturbed.prepared(story)
    folder = small_disk / "here"
    shutil.copytree(inputs, folder, symlinks=True)
    used, more = used_of(small_disk), size_of(finished) - size_of(inputs)
    for share in SHARES:
        resize(small_disk, f"size={max(used + int(share * more), 4096)}")  # 0 would be no limit
        assert_refused(clinrag(folder, *story.command), "full", "space")
    resize(small_disk, "size=500m,ro")
    assert_refused(clinrag(folder, *story.command), "read-only")
    resize(small_disk, "size=500m,rw")
    again = clinrag(folder, *story.command)
    assert again.returncode == 0, again.stderr
    assert story.result(folder) == expected
    print(f"{story.name}: full at {len(SHARES)} points, then read-only: refused; then same result")


def size_of(folder: Path) -> int:
    """Return what the files below a folder take, in whole pages as a tmpfs counts."""
    return sum(-(-p.stat().st_size // 4096) * 4096 for p in folder.rglob("*") if p.is_file() and not p.is_symlink())


def used_of(disk: Path) -> int:
    found = os.statvfs(disk)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


@pytest.mark.slow
@pytest.mark.parametrize("story", STORIES.values(), ids=lambda s: s.name)
def test_disk_that_another_fills_meanwhile(story: Story, undisturbed: Undisturbed, small_disk: Path) -> None:
    _, expected, seconds = undisturbed.finished(story)
    points, refused = POINTS // 4 or 2, 0
    for point in range(points):
        folder = small_disk / "here"
        shutil.copytree(undisturbed.prepared(story), folder, symlinks=True)
        resize(small_disk, f"size={used_of(small_disk) + (110 << 20)}")
        fills = threading.Timer((point + 0.5) / points * seconds, fill, [small_disk / "filler"])
        fills.start()
        run = clinrag(folder, *story.command)
        fills.cancel()
        fills.join()
        (small_disk / "filler").unlink(missing_ok=True)
        if run.returncode:  # else it had ended, or had nothing more to write
            assert_refused(run, "full", "space")
            refused += 1
        again = clinrag(folder, *story.command)
        assert again.returncode == 0, again.stderr
        assert story.result(folder) == expected
        shutil.rmtree(folder)
        resize(small_disk, "size=500m")
    print(f"{story.name}: disk filled by another at {points} points: {refused} refused; then same result")


def fill(path: Path) -> None:
    with suppress(OSError), path.open("wb", buffering=0) as stream:
        while True:
            stream.write(b"\0" * 65536)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["cut", "byte"])
@pytest.mark.parametrize("story", STORIES.values(), ids=lambda s: s.name)
def test_damaged_artefacts(story: Story, how: str, undisturbed: Undisturbed, tmp_path: Path) -> None:
    """Each file in the command's folder is damaged in turn; the command run again mends it, or names it and refuses."""
    finished, expected, _ = undisturbed.finished(story)
    places = random.Random(f"{story.name} {how}")
    times = 1 if how == "cut" else POINTS // 5 or 1
    count: Counter[str] = Counter()
    for base in (finished, undisturbed.prepared(story)):  # where the command ended, and where it goes on from
        files = [p.relative_to(base) for p in sorted((base / story.out).rglob("*")) if p.is_file()]
        for name in files:
            if not (base / name).stat().st_size or name.suffix in {".html", ".png"} or name.name == "README.md":
                continue
            for _ in range(times):
                outcome = run_damaged(story, base, tmp_path / "here", name, how, places, expected)
                count[outcome] += 1
                print(f"{story.name}, {name}, {how}: {outcome}")
    print(f"{story.name}, {how}: {dict(count)}")
    assert count


def run_damaged(
    story: Story, base: Path, folder: Path, name: Path, how: str, places: random.Random, expected: Any
) -> str:
    shutil.copytree(base, folder, symlinks=True)
    damaged(folder / name, how, places)
    again = clinrag(folder, *story.command)
    assert "Traceback" not in again.stderr, (name, again.stderr)
    assert "This is a bug" not in again.stderr, (name, again.stderr)
    said = again.stderr
    try:
        if again.returncode == 0:
            result = story.result(folder)
            if "have no record" in again.stdout:
                return "counted as missing"
            assert result == expected, name
            return "mended"
    except RefusedError as refused:
        said = str(refused)
    finally:
        shutil.rmtree(folder)
    assert again.returncode in (0, 1), (name, said)
    assert name.name in said or name.parent.name in said, (name, said)
    return "refused"
