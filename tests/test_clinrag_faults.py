"""Every long command survives being killed, a full disk, and damage to what it wrote; or it refuses by name."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faults import STORIES, Story, clinrag, damaged, killed

POINTS = int(os.environ.get("FAULT_POINTS", "20"))
ALWAYS = ("build", "run")  # in the default tests, at one point each; the others and all points are slow


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
            started = time.monotonic()
            run = clinrag(folder, *story.command)
            seconds = time.monotonic() - started
            assert run.returncode == 0, run.stderr
            self.known[story.name] = story.result(folder), seconds
        return folder, *self.known[story.name]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return Undisturbed(tmp_path_factory.mktemp("undisturbed"))


def stories(*, quick: tuple[str, ...] = ALWAYS) -> list[Any]:
    return [pytest.param(s, id=s.name, marks=() if s.name in quick else pytest.mark.slow) for s in STORIES.values()]


def kill_somewhere(story: Story, undisturbed: Undisturbed, folder: Path, share: float, how: signal.Signals) -> None:
    _, expected, seconds = undisturbed.finished(story)
    shutil.copytree(undisturbed.prepared(story), folder, symlinks=True)
    killed(folder, story, share * seconds, how)
    again = clinrag(folder, *story.command)
    assert again.returncode == 0, again.stderr
    assert story.result(folder) == expected
    assert not list((folder / story.out).rglob("*.partial"))


@pytest.mark.parametrize("story", stories())
def test_killed_once(story: Story, undisturbed: Undisturbed, tmp_path: Path) -> None:
    kill_somewhere(story, undisturbed, tmp_path / "here", 0.8, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=lambda s: s.name)
@pytest.mark.parametrize("story", STORIES.values(), ids=lambda s: s.name)
def test_killed_anywhere(story: Story, how: signal.Signals, undisturbed: Undisturbed, tmp_path: Path) -> None:
    places = random.Random(f"{story.name} {how}")
    for point in range(POINTS):
        kill_somewhere(story, undisturbed, tmp_path / str(point), places.uniform(0.05, 1.0), how)
        shutil.rmtree(tmp_path / str(point))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own; its size is set by the test."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def resize(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(disk)], check=True, capture_output=True)


@pytest.mark.parametrize("story", stories())
def test_full_and_read_only_disk(story: Story, undisturbed: Undisturbed, small_disk: Path) -> None:
    """Out of space at several points, then read-only, then enough: the last run gives the undisturbed result."""
    finished, expected, _ = undisturbed.finished(story)
    inputs = undisturbed.prepared(story)
    resize(small_disk, "size=500m")
    shutil.copytree(inputs, small_disk / "here", symlinks=True)
    folder = small_disk / "here"
    used = size_of(small_disk)
    more = max(size_of(finished) - size_of(inputs), 4096)
    for share in (0.0, 0.3, 0.6):
        resize(small_disk, f"size={used + int(share * more) + 4096}")
        full = clinrag(folder, *story.command)
        assert full.returncode == 1, (share, full.stdout, full.stderr)
        assert "Traceback" not in full.stderr
        assert "unexpected" not in full.stderr, full.stderr
        assert "full" in full.stderr or "space" in full.stderr, full.stderr
    resize(small_disk, "size=500m,ro")
    refused = clinrag(folder, *story.command)
    assert refused.returncode == 1
    assert "unexpected" not in refused.stderr, refused.stderr
    assert "read-only" in refused.stderr.lower(), refused.stderr
    resize(small_disk, "size=500m,rw")
    again = clinrag(folder, *story.command)
    assert again.returncode == 0, again.stderr
    assert story.result(folder) == expected


def size_of(folder: Path) -> int:
    """Return what the files below a folder take, in whole pages as a tmpfs counts."""
    return sum(-(-p.stat().st_size // 4096) * 4096 + 4096 for p in folder.rglob("*") if not p.is_symlink())


@pytest.mark.parametrize("how", ["cut", "byte"])
@pytest.mark.parametrize("story", stories(quick=()))
def test_damaged_artefacts(story: Story, how: str, undisturbed: Undisturbed, tmp_path: Path) -> None:
    """Each file the command wrote is damaged in turn; the command run again mends it, or names it and refuses."""
    finished, expected, _ = undisturbed.finished(story)
    places = random.Random(f"{story.name} {how}")
    before = {p.relative_to(undisturbed.prepared(story)) for p in undisturbed.prepared(story).rglob("*")}
    written = [p.relative_to(finished) for p in sorted((finished / story.out).rglob("*")) if p.is_file()]
    survived = []
    for name in written:
        if name in before or not (finished / name).stat().st_size or name.suffix in {".md", ".html", ".png"}:
            continue
        folder = tmp_path / "here"
        shutil.copytree(finished, folder, symlinks=True)
        damaged(folder / name, how, places)
        again = clinrag(folder, *story.command)
        assert "Traceback" not in again.stderr, (name, again.stderr)
        assert "This is a bug" not in again.stderr, (name, again.stderr)
        if again.returncode == 0:
            assert story.result(folder) == expected, name
            survived.append(f"{name}: mended")
        else:
            assert again.returncode == 1, (name, again.stderr)
            assert name.name in again.stderr or name.parent.name in again.stderr, (name, again.stderr)
            survived.append(f"{name}: refused")
        shutil.rmtree(folder)
    assert survived
    print("\n".join(survived))
