"""A run's files: whole lines, each with its checksum, and what is said of one that changed."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from experiments.errors import RecordsError, RunStoppedError
from experiments.lines import append_lines, mend, read_document, read_lines, write_document
from experiments.records import Sample, fingerprint, write_samples
from experiments.runs import alone, read_run, run_samples, samples_path, save_run

ROWS = [{"key": str(n), "text": f"line {n}"} for n in range(3)]


def test_lines_come_back_and_a_torn_last_one_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lines.jsonl"
    assert append_lines(path, ROWS[:2]) == ROWS[:2]
    append_lines(path, ROWS[2:])
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"key": "3')
    assert [row for _, row in read_lines(path)] == ROWS
    assert mend(path) == len(b'{"key": "3')
    assert path.read_bytes() == whole
    assert list(read_lines(tmp_path / "none")) == []


def test_a_changed_byte_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    append_lines(path, ROWS)
    path.write_bytes(path.read_bytes().replace(b"line 1", b"line 7"))
    with pytest.raises(RecordsError, match=r"lines\.jsonl, line 2 is damaged .its checksum differs.: remove"):
        list(read_lines(path))


def test_a_changed_last_line_is_cut_by_the_writer(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    append_lines(path, ROWS)
    path.write_bytes(path.read_bytes().replace(b"line 2", b"line 7"))
    assert mend(path) > 0
    assert [row for _, row in read_lines(path)] == ROWS[:2]


def test_lines_without_a_checksum_are_taken_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in ROWS))
    assert [row for _, row in read_lines(path)] == ROWS


def test_a_changed_document_is_refused_with_its_remedy(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_document(path, {"margin": 0.05}, option=orjson.OPT_INDENT_2)
    assert read_document(path, "x") == {"margin": 0.05}
    path.write_bytes(path.read_bytes().replace(b"0.05", b"0.09"))
    with pytest.raises(RecordsError, match=r"a\.json is damaged \(its checksum differs\): run it again"):
        read_document(path, "run it again")


def test_a_run_notices_other_samples_and_a_changed_run_json(tmp_path: Path) -> None:
    samples = [Sample("1", "Does it help?", "A", {"A": "yes", "B": "no"}, meta={"year": 2020.5})]
    save_run(tmp_path, {"format": 1, "tasks": {"t": {"sha256": fingerprint(*samples)}}, "contenders": {}})
    path = samples_path(tmp_path, "t")
    write_samples(path, samples)
    assert run_samples(tmp_path) == {"t": {"1": samples[0]}}
    path.write_bytes(path.read_bytes().replace(b'"answer":"A"', b'"answer":"B"'))
    with pytest.raises(RecordsError, match=r"t\.jsonl is damaged.*experiment run"):
        run_samples(tmp_path)
    (tmp_path / "run.json").write_bytes((tmp_path / "run.json").read_bytes().replace(b'"t"', b'"u"'))
    with pytest.raises(RecordsError, match=r"run\.json is damaged.*delete it"):
        read_run(tmp_path)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with (
        alone(folder, "running into"),
        pytest.raises(RunStoppedError, match="another process is running into"),
        alone(folder, "running into"),
    ):
        pass
    with alone(folder, "running into"):
        pass
