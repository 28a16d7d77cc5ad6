"""A run from recipe to usable model: forgetting shown, killed and resumed to the bit, adapters, several processes."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("trl", reason="needs clinrag[train]")
pytest.importorskip("peft", reason="needs clinrag[train]")

import torch
from training_runs import apart, small_recipe, train, train_and_die
from transformers import AutoModelForCausalLM, AutoTokenizer
from typer.testing import CliRunner

import clinrag
from finetuned.errors import TrainingError
from finetuned.training import run as run_module
from finetuned.training.checkpoints import changed, complete, is_complete, newest_checkpoint
from finetuned.training.examples import is_held_out
from rag import load_llm
from rag.errors import ModelError

ROOT = Path(__file__).parents[1]
pytestmark = [
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning"),  # PEFT's call
    pytest.mark.filterwarnings("ignore:.*use_return_dict.*:FutureWarning"),
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The shipped recipe, run by the command as its header says."""
    out = tmp_path_factory.mktemp("tiny") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        result = CliRunner().invoke(clinrag.app, ["train", "run", "finetuned/recipes/tiny.yaml", "--out", str(out)])
    assert result.exit_code == 0, result.output
    return out, result.stdout


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("small")
    raw = small_recipe(folder)
    return raw, folder / "run", train(raw, folder / "run")


def weights(folder: Path) -> str:
    return hashlib.sha256(b"".join(p.read_bytes() for p in sorted(folder.glob("*.safetensors")))).hexdigest()


def test_the_shipped_recipe_learns_in_three_stages_and_shows_what_it_forgot(tiny: tuple[Path, str]) -> None:
    out, stdout = tiny
    record = json.loads((out / "run.json").read_text())
    inject, instruct, adapt = record["stages"]
    for entry in record["stages"]:
        name = entry["stage"]
        assert entry["after"][name]["loss"] < entry["before"][name]["loss"] - 0.1, name
    # each stage begins where its parent ended
    assert instruct["before"] == inject["after"]
    assert adapt["before"] == instruct["after"]
    lost = adapt["after"]["inject"]["loss"] - min(s["after"]["inject"]["loss"] for s in record["stages"])
    assert f"forgotten\t{lost:+.3f}" in stdout
    card = (out / "README.md").read_text()
    assert "Decontamination was refused" in card
    assert f"{adapt['trained']:,} of {adapt['parameters']:,}" in card
    assert (out / "curve.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_what_a_run_reports_is_what_its_model_does(tiny: tuple[Path, str]) -> None:
    """The held-out loss in the record against transformers' own, one text at a time, from the exported files."""
    out, _ = tiny
    from finetuned.training.examples import read_stage
    from finetuned.training.prepare import prepare
    from finetuned.training.recipe import Recipe

    record = json.loads((out / "run.json").read_text())
    recipe = Recipe.model_validate(record["recipe"])
    model = AutoModelForCausalLM.from_pretrained(out / "model")
    tokenizer = AutoTokenizer.from_pretrained(out / "model")
    stage = recipe.stages[1].model_copy(update={"data": (ROOT / "indexes/sample/questions.jsonl",)})
    data = prepare(recipe, stage, read_stage(stage), set(), tokenizer)
    total = tokens = 0.0
    for ids, prompt in data.held_out:
        labels = torch.from_numpy(ids).long()[None]
        learnt = labels.clone()
        learnt[0, :prompt] = -100
        with torch.no_grad():
            loss = model(input_ids=labels, labels=learnt).loss
        total, tokens = total + float(loss) * (len(ids) - prompt), tokens + len(ids) - prompt
    assert record["stages"][-1]["after"]["instruct"]["tokens"] == tokens
    assert record["stages"][-1]["after"]["instruct"]["loss"] == pytest.approx(total / tokens, abs=1e-4)


def test_ask_takes_a_finished_run(tiny: tuple[Path, str], sample_directory: Path) -> None:
    out, _ = tiny
    command = ["ask", str(sample_directory), "Does cardrenidine prevent AF?", "--llm", f"run:{out}?max_new_tokens=8"]
    result = CliRunner().invoke(clinrag.app, [*command, "--json"])
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["model"].startswith("run:run@")
    assert answer["trace"]["model_calls"] > 0  # its context holds passages, so it was really asked


@pytest.mark.parametrize("method", ["full", pytest.param("lora", marks=pytest.mark.slow)])
def test_killed_in_every_stage_the_result_is_the_same_to_the_bit(method: str, tmp_path: Path) -> None:
    raw = small_recipe(tmp_path, method=method)
    kind = "model" if method == "full" else "adapter"
    whole = apart(train, raw, tmp_path / "unbroken")
    for stage, moment in (("inject", "whole"), ("instruct", "half"), ("adapt", "saved")):
        killed = apart(train_and_die, raw, tmp_path / "killed", stage, moment)
        killed.join(600)
        assert killed.exitcode == -signal.SIGKILL
        assert not (tmp_path / "killed" / "COMPLETE").exists()
        with pytest.raises(ModelError, match="holds no fine-tuned model"):
            load_llm(f"run:{tmp_path / 'killed'}")
    last = apart(train, raw, tmp_path / "killed")
    for process in (whole, last):
        process.join(600)
        assert process.exitcode == 0
    assert weights(tmp_path / "killed" / kind) == weights(tmp_path / "unbroken" / kind)
    one, other = (json.loads((tmp_path / run / "run.json").read_text()) for run in ("killed", "unbroken"))
    for a, b in zip(one["stages"], other["stages"], strict=True):
        assert a["losses"] == b["losses"]
        assert a["after"] == b["after"]


def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path) -> None:
    for number in (9, 10, 11):
        folder = tmp_path / f"checkpoint-{number}"
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"weights")
        complete(folder)
    (tmp_path / "checkpoint-11" / "model.safetensors").write_bytes(b"cut")
    assert newest_checkpoint(tmp_path, clean=True) == tmp_path / "checkpoint-10"
    assert not (tmp_path / "checkpoint-11").exists()


def test_a_folder_marked_as_whole_knows_every_file_below_it(tmp_path: Path) -> None:
    for name in ("stage.json", "model/config.json", "checkpoints/checkpoint-1/a"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert not is_complete(tmp_path)
    complete(tmp_path)
    shutil.rmtree(tmp_path / "checkpoints")
    assert is_complete(tmp_path)
    (tmp_path / "model" / "config.json").write_text("model/config.jsoN")
    (tmp_path / "stage.json").unlink()
    assert changed(tmp_path) == [tmp_path / "model" / "config.json", tmp_path / "stage.json"]
    (tmp_path / "COMPLETE").write_text("[]")
    assert changed(tmp_path) == [tmp_path / "COMPLETE"]


def test_a_run_is_not_continued_with_something_else(small: tuple[dict[str, Any], Path, dict[str, Any]]) -> None:
    raw, out, record = small
    assert train(raw, out)["stages"] == record["stages"]  # nothing to do: read, not run again
    with pytest.raises(TrainingError, match=r"recipe\.learning_rate: 0\.01 then, 0\.02 now"):
        train({**raw, "learning_rate": 0.02}, out)
    data = Path(raw["stages"][2]["data"][0])
    kept = data.read_text()
    try:
        data.write_text(kept.replace('"yes"', '"no"', 1))
        with pytest.raises(
            TrainingError, match=r"2-instruct was begun with something else.*\n  data: |3-adapt.*\n  data"
        ):
            train(raw, out)
    finally:
        data.write_text(kept)
    with pytest.raises(TrainingError, match=r"(?s)base was begun with something else.*architecture.layers: 1 then, 2"):
        train({**raw, "architecture": raw["architecture"] | {"layers": 2}}, out)


def test_what_is_measured_is_measured_again_where_it_changed_and_nothing_is_trained(
    small: tuple[dict[str, Any], Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, out, record = small
    copy, data = shutil.copytree(out, tmp_path / "run"), Path(raw["stages"][2]["data"][0])
    monkeypatch.setattr(run_module, "_train_one", None)  # would be called to train
    kept = [json.loads(line) for line in data.read_text().splitlines()]
    flipped = [
        row | {"answer": {"yes": "no", "no": "yes"}[row["answer"]]} if is_held_out(row, share=0.2, seed=0) else row
        for row in kept
    ]
    assert flipped != kept
    before, now = record["stages"][2]["after"]["adapt"], tmp_path / "flipped.jsonl"
    now.write_text("".join(json.dumps(row) + "\n" for row in flipped))
    changed_data = [*raw["stages"][:2], raw["stages"][2] | {"data": [str(now)]}]
    after = train({**raw, "stages": changed_data}, copy)["stages"][2]["after"]["adapt"]
    assert after["questions"] == before["questions"] > 0
    assert after["accuracy"] == pytest.approx(1 - before["accuracy"])  # of two choices the likelier one is the same
    assert is_complete(copy / "stages" / "3-adapt")
    three = [*raw["stages"][:2], raw["stages"][2] | {"choices": ["perhaps", "yes", "no"]}]
    train({**raw, "stages": three}, copy)
    again = train(raw, copy)["stages"]
    for entry, first in zip(again, record["stages"], strict=True):
        assert entry["measured_on"] == first["measured_on"]
        for when in ("before", "after"):
            assert [m["accuracy"] for m in entry[when].values()] == [m["accuracy"] for m in first[when].values()]
            losses = [[m["loss"] for m in e[when].values()] for e in (entry, first)]
            assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_a_stage_whose_weights_were_changed_is_no_parent(
    small: tuple[dict[str, Any], Path, Any], tmp_path: Path
) -> None:
    raw, out, _ = small
    copy = shutil.copytree(out, tmp_path / "run")
    file = copy / "stages" / "1-inject" / "model" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(TrainingError, match=r"model\.safetensors is damaged.*delete .*1-inject"):
        train(raw, copy)


@pytest.mark.parametrize("method", ["lora", "dora"])
def test_an_adapter_and_its_merged_model_answer_alike(method: str, tmp_path: Path) -> None:
    raw = small_recipe(tmp_path, method=method, merge=True)
    record = train(raw, tmp_path / "run")
    assert record["merge"]["weights"] < 1e-6
    assert record["merge"]["logits"] < 1e-4
    run = tmp_path / "run"
    merged = load_llm(f"run:{run}").loaded.model  # type: ignore[attr-defined]
    (run / "model").rename(run / "set-aside")
    moved = run.rename(tmp_path / "moved")  # the base is part of the run, which may be moved
    adapted = load_llm(f"run:{moved}").loaded.model  # type: ignore[attr-defined]
    ids = torch.arange(5, 40)[None]
    with torch.inference_mode():
        torch.testing.assert_close(merged(ids).logits, adapted(ids).logits, rtol=0, atol=1e-4)
        base = AutoModelForCausalLM.from_pretrained(moved / "base")(ids).logits
        assert float((base - adapted(ids).logits).abs().max()) > 1e-2  # it did learn something
    trained = record["stages"][-1]["trained"]
    rank, layer = 4, [(32, 32), (32, 16), (32, 16), (32, 32), (32, 48), (32, 48), (48, 32)]  # q k v o gate up down
    assert trained == sum(rank * (a + b) + (b if method == "dora" else 0) for a, b in layer)
    file = moved / "base" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(ModelError, match="an adapter fits only its own base"):
        load_llm(f"run:{moved}")


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    """torchrun's environment for two gloo processes; the batch is the recipe's, not each process's."""
    raw = small_recipe(tmp_path, packing=False, seed=28)  # 36 rows: every batch is full, see README
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    ranks = [
        apart(train, raw, tmp_path / "two", environment={**environment, "RANK": str(n), "LOCAL_RANK": str(n)})
        for n in range(2)
    ]
    alone = apart(train, raw, tmp_path / "one")
    for process in (*ranks, alone):
        process.join(600)
        assert process.exitcode == 0
    two, one = (json.loads((tmp_path / n / "run.json").read_text()) for n in ("two", "one"))
    assert (two["processes"], one["processes"]) == (2, 1)
    for a, b in zip(two["stages"], one["stages"], strict=True):
        np.testing.assert_allclose(np.array(a["losses"]), np.array(b["losses"]), rtol=1e-4)
        assert a["after"]["adapt"]["loss"] == pytest.approx(b["after"]["adapt"]["loss"], rel=1e-4)


def test_processes_that_do_not_find_each_other_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate import PartialState

    PartialState(cpu=True)  # as in a launch that was not meant for CPUs: every process believes it is alone
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(TrainingError, match="2 processes were started, but 1 found each other"):
        run_module._join_processes("cpu")


def test_a_full_disk_is_found_before_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=1 << 20))
    with pytest.raises(TrainingError, match=r"field out: .* has 0\.00 GB free, and this run needs up to 0\.07 GB"):
        train(small_recipe(tmp_path), tmp_path / "run")


@pytest.mark.slow  # a fresh process for each method
def test_compare_trains_the_same_recipe_in_each_way(tmp_path: Path) -> None:
    import yaml

    raw = small_recipe(tmp_path)
    raw["stages"] = raw["stages"][:1]
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(raw))
    command = ["train", "compare", str(tmp_path / "recipe.yaml"), "--out", str(tmp_path / "compared"), "--json"]
    result = CliRunner().invoke(clinrag.app, command)
    assert result.exit_code == 0, result.output
    table = json.loads(result.stdout)
    rows = {row["method"]: row for row in table["rows"]}
    if not torch.cuda.is_available():
        assert list(rows) == ["full", "lora", "dora"]
        assert "GPU" in table["left_out"]["qlora"]
    assert rows["full"]["trained_parameters"] == rows["full"]["parameters"]
    assert rows["lora"]["trained_parameters"] < rows["dora"]["trained_parameters"] < rows["full"]["trained_parameters"]
    for method, row in rows.items():
        record = json.loads((tmp_path / "compared" / method / "run.json").read_text())
        assert row["held_out"] == record["stages"][-1]["after"]
        assert row["peak_memory"] > 50e6  # an interpreter with PyTorch at the least
        states = [record["stages"][0]["before"], *(stage["after"] for stage in record["stages"])]
        assert row["losses"] == [{name: of["loss"] for name, of in state.items()} for state in states]
    assert (tmp_path / "compared" / "comparison.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("method", ["full", "lora", "dora", "qlora"])
def test_on_a_gpu(method: str, tmp_path: Path) -> None:
    if method == "qlora":
        pytest.importorskip("bitsandbytes", reason="qlora needs bitsandbytes")
    record = train(small_recipe(tmp_path, method=method, device="cuda"), tmp_path / "run")
    assert record["stages"][0]["after"]["inject"]["loss"] < record["stages"][0]["before"]["inject"]["loss"]
