"""What stands behind a model's name: other content is another contender, the same content elsewhere is the same one."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from fake_runs import QUESTIONS, config, write_task

from experiments.runner import run_experiment
from experiments.runs import run_records
from experiments.weights import weights_identity
from finetuned import registry


def test_a_changed_script_is_asked_again_and_its_answers_count(tmp_path: Path) -> None:
    task, script, out = write_task(tmp_path / "t.jsonl", QUESTIONS), tmp_path / "s.jsonl", tmp_path / "run"
    arm = config(task, {"name": "one", "model": f"scripted:{script}"})
    script.write_text('{"output": "A"}\n')
    assert run_experiment(arm, out).new == {"one": 6}
    assert run_experiment(arm, out).kept == {"one": 6}
    assert weights_identity(f"scripted:{script}") == [hashlib.sha256(script.read_bytes()).hexdigest()]
    script.write_text('{"output": "B"}\n')
    assert run_experiment(arm, out).new == {"one": 6}
    assert {record.answer for record in run_records(out)} == {"B"}


@pytest.mark.parametrize(("kind", "inside"), [("hf", "."), ("run", "."), ("run", "model")])
def test_other_weights_in_a_folder_are_another_model(tmp_path: Path, kind: str, inside: str) -> None:
    place = tmp_path / "m" / inside
    place.mkdir(parents=True)
    (place / "config.json").write_text("{}")
    (place / "model.safetensors").write_bytes(b"1")
    spec = f"{kind}:{tmp_path / 'm'}?load=float32"
    before = weights_identity(spec)
    (place / "model.safetensors").touch()
    assert before
    assert weights_identity(spec) == before
    (place / "model.safetensors").write_bytes(b"2")
    assert weights_identity(spec) != before


def test_an_adapters_base_counts_where_the_adapter_does_not_pin_it(tmp_path: Path) -> None:
    base, adapter = tmp_path / "base", tmp_path / "run" / "adapter"
    base.mkdir()
    adapter.mkdir(parents=True)
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(base)}))
    seen = [weights_identity(f"run:{tmp_path / 'run'}")]
    (base / "model.safetensors").write_bytes(b"other")
    seen.append(weights_identity(f"run:{tmp_path / 'run'}"))
    assert seen[0] != seen[1]


def test_another_entry_of_the_registry_is_another_model(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {side: weights_identity(f"pair:huatuogpt-o1-7b/{side}?load=4bit") for side in ("tuned", "general")}
    assert before["tuned"] != before["general"]
    pair = registry.PAIRS["huatuogpt-o1-7b"]
    changed = replace(pair, tuned=replace(pair.tuned, chat_template="none"))
    monkeypatch.setitem(registry.PAIRS, "huatuogpt-o1-7b", changed)
    assert weights_identity("pair:huatuogpt-o1-7b/tuned") != before["tuned"]
    assert weights_identity("pair:huatuogpt-o1-7b/general") == before["general"]


@pytest.mark.parametrize("spec", ["hf:a/b@1", "openai:m@http://x/v1", "run:/nowhere", "scripted:none", "pair:x/tuned"])
def test_what_is_elsewhere_or_not_there_has_its_name_only(spec: str) -> None:
    assert weights_identity(spec) == []
