"""A recipe that cannot be run as written is refused before anything is trained, with field, value and what is allowed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("trl", reason="needs clinrag[train]")
pytest.importorskip("peft", reason="needs clinrag[train]")

import torch
from training_runs import small_recipe, train
from typer.testing import CliRunner

from finetuned.cli import train_app
from finetuned.errors import FinetunedError, RecipeError, TrainingDataError
from finetuned.training.models import find_targets, resolve_device
from finetuned.training.recipe import METHODS, Recipe, parse_recipe, read_recipe

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"learning_rte": 1}, r"unknown field learning_rte \(value 1\); did you mean learning_rate\? allowed: stages, base"),
        ({"method": "qlra"}, r"field method: 'qlra' is not allowed; allowed: 'full', 'lora', 'qlora' or 'dora'"),
        ({"batch": 0}, r"field batch: 0 is not allowed; allowed: input should be greater than or equal to 1"),
        ({"held_out": 1.5}, r"field held_out: 1\.5 is not allowed; allowed: input should be less than 1"),
        ({"architecture": None}, r"base, architecture: neither given, so stage inject has no parent"),
        ({"base": "a/b"}, r"base, architecture: both given"),
        ({"architecture": {"hiden": 3}}, r"unknown field architecture\.hiden \(value 3\); did you mean hidden\?"),
        ({"decontaminate": True}, r"tasks: empty.* or refuse it with decontaminate: false"),
        ({"tasks": ["no.jsonl"], "decontaminate": True}, r"tasks: 'no\.jsonl' is not there"),
        ({"stages": []}, r"field stages: \[\] is not allowed"),
        ({"stages": [{"stage": "inject", "data": ["gone.jsonl"]}]}, r"stages\[0\]\.data: 'gone\.jsonl' is not there"),
        ({"stages": [{"stage": "tune", "data": ["x"]}]}, r"field stages\[0\]\.stage: 'tune' .*'inject', 'instruct' or 'adapt'"),
        ({"stages": [{"stage": "inject"}]}, r"field stages\[0\]\.data is missing"),
        ({"stages": [{"stage": "adapt", "data": ["x"]}]}, r"adapt has no parent: an architecture has random weights"),
    ],
)  # fmt: skip
def test_bad_fields(change: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=says):
        parse_recipe(small_recipe(tmp_path) | change)


def test_stages_have_an_order_and_words_are_quoted(tmp_path: Path) -> None:
    raw = small_recipe(tmp_path)
    with pytest.raises(
        RecipeError, match=r"stages: adapt, inject; each at most once, in the order inject, instruct, adapt"
    ):
        parse_recipe(raw | {"stages": [raw["stages"][2], raw["stages"][0]]})
    raw["stages"][2]["choices"] = [True]
    with pytest.raises(
        RecipeError, match=r"field stages\[2\]\.choices\[0\]: True is not a text; allowed: a quoted one"
    ):
        parse_recipe(raw)


def test_what_is_not_here(tmp_path: Path) -> None:
    recipe = parse_recipe(small_recipe(tmp_path))
    if not torch.cuda.is_available():
        with pytest.raises(
            RecipeError, match="field device: 'cuda', but PyTorch sees no NVIDIA GPU here; allowed: auto, cpu"
        ):
            resolve_device(recipe.model_copy(update={"device": "cuda"}))
    with pytest.raises(
        RecipeError, match="field method: 'qlora' .* needs an NVIDIA GPU.* allowed here: full, lora, dora"
    ):
        resolve_device(recipe.model_copy(update={"method": "qlora"}))
    with pytest.raises(RecipeError, match="field precision: 'bfloat16' is for a GPU"):
        resolve_device(recipe.model_copy(update={"precision": "bfloat16"}))
    with pytest.raises(
        RecipeError, match="field targets: 'query' is no linear module.*; allowed: down_proj, gate_proj, k_proj"
    ):
        train(small_recipe(tmp_path, method="lora", targets=["query"]), tmp_path / "run")
    with pytest.raises(RecipeError, match=r"field base: 'run:.*' has no finished model to be a parent"):
        train(small_recipe(tmp_path, architecture=None, base=f"run:{tmp_path}"), tmp_path / "other")
    with pytest.raises(RecipeError, match="field batch: 4 cannot be divided by 1 processes × accumulate 3"):
        train(small_recipe(tmp_path, accumulate=3), tmp_path / "third")


def test_targets_are_all_linear_modules_but_the_output_layer() -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    model = LlamaForCausalLM(LlamaConfig(vocab_size=64, hidden_size=8, intermediate_size=8, num_hidden_layers=1))
    assert find_targets(model, ()) == ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]
    assert find_targets(model, ("v_proj", "q_proj")) == ["q_proj", "v_proj"]


def test_data_of_which_nothing_is_left(tmp_path: Path) -> None:
    raw = small_recipe(tmp_path)
    raw["stages"][1]["answer"] = "{nothing}"
    with pytest.raises(
        TrainingDataError, match="stage instruct: of 48 rows none is left to train on: .* 48 lack a field"
    ):
        train(raw, tmp_path / "run")
    raw["stages"][1] = {"stage": "instruct", "data": [str(ROOT / "indexes" / "sample" / "pubmed")]}
    with pytest.raises(RecipeError, match="is PubMed XML, which has no questions and answers"):
        train(raw, tmp_path / "run")


def test_the_command_says_it_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(small_recipe(tmp_path) | {"rnk": 2}))
    result = CliRunner().invoke(train_app, ["run", str(tmp_path / "recipe.yaml")])
    assert isinstance(result.exception, FinetunedError)
    assert "unknown field rnk (value 2); did you mean rank?" in str(result.exception)
    (tmp_path / "recipe.yaml").write_text("stages: [")
    with pytest.raises(RecipeError, match="is not YAML"):
        read_recipe(tmp_path / "recipe.yaml")


def test_every_field_is_explained() -> None:
    readme = (ROOT / "finetuned" / "README.md").read_text(encoding="utf-8")
    missing = [name for name in Recipe.model_fields if f"`{name}`" not in readme]
    assert not missing


@pytest.mark.parametrize("path", sorted((ROOT / "finetuned" / "recipes").glob("*.yaml")), ids=lambda p: p.stem)
def test_shipped_recipes_are_valid(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    recipe = read_recipe(path)
    assert recipe.method in METHODS
    assert json.loads(recipe.model_dump_json())["stages"]
