"""Fixtures that several test files share."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from indexes import Index, build

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "indexes" / "sample" / "pubmed"
SHARED = ROOT.parent / "shared" / "data"

os.environ["HF_HUB_OFFLINE"] = "1"  # a test that reaches for a hub must fail at once, not after a time-out


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real data; tests that need it are skipped where users have none."""
    if not SHARED.is_dir():
        pytest.skip(f"real data is not here ({SHARED}); it is not part of the repository")
    return SHARED


@pytest.fixture(scope="session")
def sample_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the synthetic sample with the model-free encoder. Read only."""
    directory = tmp_path_factory.mktemp("sample") / "index"
    build(directory, [SAMPLE], encoder="hashing")
    return directory


@pytest.fixture(scope="session")
def sample_index(sample_directory: Path) -> Index:
    return Index(sample_directory)


@pytest.fixture
def write_jsonl(tmp_path: Path) -> Callable[..., Path]:
    """Write records as a JSONL source and return its path."""

    def write(name: str, *records: dict[str, Any]) -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        return path

    return write


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A task of one's own with six questions, of `fake_runs`."""
    from fake_runs import QUESTIONS, write_task

    return write_task(tmp_path / "task.jsonl", QUESTIONS)


@pytest.fixture
def index(tmp_path: Path) -> Any:
    """An index that answers `task`'s questions; test files on other things have an `index` of their own."""
    from fake_runs import TEXTS, build_index

    return build_index(tmp_path / "index", TEXTS)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Torch on one thread, so that equal work gives equal bits."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def record(pmid: int, text: str = "", **fields: Any) -> dict[str, Any]:
    """A made-up source record."""
    return {"pmid": str(pmid), "title": f"Title {pmid}", "abstract": text or f"Abstract of paper {pmid}."} | fields
