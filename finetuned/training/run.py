"""A training run, start to end: prepare, then stage by stage train, hand on, measure; then write what came of it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from finetuned.errors import TrainingError

from .card import write_card
from .checkpoints import (
    COMPLETE,
    changed,
    check_fingerprint,
    check_space,
    complete,
    disk_errors,
    tokenizer_sha256,
    versions,
    write_json,
)
from .curve import draw_curve
from .examples import read_stage
from .measuring import measure
from .models import Start, find_start, load_model, load_tokenizer, resolve_device, uses_bfloat16
from .prepare import LISTED, StageData, decontaminate_rows, prepare
from .recipe import Recipe
from .weights import hash_weights, merge, write_pin


@dataclass(frozen=True, slots=True)
class _Parent:
    """What a stage starts from. `sha256` covers base and adapter."""

    base: Path
    adapter: Path | None
    sha256: str


def run(recipe: Recipe, out: Path) -> dict[str, Any]:
    """Train as the recipe says, into `out`; return the run's record (run.json). Killed, the same call goes on exactly.

    Raises:
        RecipeError: the recipe asks for what is not here.
        TrainingDataError: data that cannot be read, or of which nothing is left.
        TrainingError: no space, or `out` holds another run.
    """
    from accelerate import PartialState
    from filelock import FileLock, Timeout

    device = resolve_device(recipe)
    _quiet()
    state = _join_processes(device)
    out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / ".lock", timeout=0)
    try:
        if state.is_main_process:
            lock.acquire()
    except Timeout:
        raise TrainingError(f"{out}: another process is training into it; wait, or give another --out") from None
    try:
        with disk_errors(out):
            with PartialState().main_process_first():  # the first writes a random base, the others find it
                start, sets, contamination = _prepare(recipe, out, main=state.is_main_process)
            if state.is_main_process:
                write_json(out / "decontamination.json", contamination)
                check_space(out, **_sizes(recipe, start, device))
            record = _train(recipe, out, start, sets, device)
            if state.is_main_process:
                _export(recipe, out, start, sets, record, contamination)
            state.wait_for_everyone()
            return record
    finally:
        lock.release()


def _quiet() -> None:
    """Keep libraries' own bars away, ours says more; and PEFT's use of a name that transformers will drop."""
    import warnings

    import datasets
    from transformers.utils.logging import disable_progress_bar

    datasets.disable_progress_bars()
    disable_progress_bar()
    warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)


def _join_processes(device: str) -> Any:
    """Join the processes that torchrun or accelerate started.

    Raises:
        TrainingError: they did not find each other: every one would train alone, and overwrite the others' work.
    """
    from accelerate import PartialState

    state = PartialState(cpu=device == "cpu")
    expected = int(os.environ.get("WORLD_SIZE", "1"))
    if state.num_processes != expected:
        raise TrainingError(
            f"{expected} processes were started, but {state.num_processes} found each other; see README"
        )
    return state


def _prepare(recipe: Recipe, out: Path, *, main: bool) -> tuple[Start, list[StageData], dict[str, Any]]:
    """Read everything before anything is trained: bad data is to be found now, not after hours."""
    rows = [read_stage(stage) for stage in recipe.stages]
    leave_out, contamination = decontaminate_rows(recipe, rows)
    texts = [row.content["text"] for row in rows[0]] if recipe.architecture is not None else []
    start = find_start(recipe, out, texts)
    tokenizer = load_tokenizer(start.folder)
    sets = [
        prepare(recipe, stage, of_stage, out_of, tokenizer)
        for stage, of_stage, out_of in zip(recipe.stages, rows, leave_out, strict=True)
    ]
    if main:
        for data in sets:
            _say_accounts(data)
    return start, sets, contamination


def _say_accounts(data: StageData) -> None:
    a = data.accounts
    losses = {
        "in a task": a.contaminated,
        "incomplete": a.incomplete,
        "prompt too long": a.prompt_too_long,
        "answer cut": a.answer_cut,
        "held out and cut": a.held_out_cut,
        "held out and unscored": a.unscored,
        "text split": a.text_split,
    }
    noted = ", ".join(f"{n} {what}" for what, n in losses.items() if n) or "all whole"
    print(
        f"{data.stage.stage}: {a.rows:,} rows: {a.train_rows:,} to train on ({a.train_tokens:,} tokens, "
        f"{a.loss_tokens:,} learnt), {a.held_out_rows:,} held out; {noted}",
        file=sys.stderr,
    )


def _sizes(recipe: Recipe, start: Start, device: str) -> dict[str, Any]:
    """Count parameters without loading a weight."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(start.folder))
    total = sum(p.numel() for p in model.parameters())
    full = recipe.method == "full"
    linear = [m for m in model.modules() if isinstance(m, torch.nn.Linear)]
    adapter = sum(recipe.rank * (m.in_features + m.out_features) + m.out_features for m in linear)
    return {"all_weights": total, "trained": total if full else adapter, "full": full or recipe.merge}


def _train(recipe: Recipe, out: Path, start: Start, sets: Sequence[StageData], device: str) -> dict[str, Any]:
    """Run the stages, each from its parent's saved weights: what a resumed run reads is what an unbroken one read."""
    from accelerate import PartialState

    state, half = PartialState(), uses_bfloat16(recipe, device)
    tokenizer = load_tokenizer(start.folder)
    record: dict[str, Any] = {
        "recipe": recipe.model_dump(mode="json"),
        "base": {"name": start.name, "weights_sha256": start.sha256},
        "device": device,
        "processes": state.num_processes,
        "versions": versions(),
        "stages": [],
    }
    parent = _Parent(start.folder, None, start.sha256)
    kind = "model" if recipe.method == "full" else "adapter"
    for number, data in enumerate(sets, 1):
        folder = out / "stages" / f"{number}-{data.stage.stage}"
        mark = {
            "recipe": recipe.of(data.stage),
            "parent_weights": parent.sha256,
            "data": data.sha256,
            "tokenizer": tokenizer_sha256(tokenizer),
            "versions": versions(),
            "device": device,
            "processes": state.num_processes,
        }
        if state.is_main_process:
            check_fingerprint(folder, mark)
        state.wait_for_everyone()
        if state.is_main_process:
            _check_stage(folder)
        state.wait_for_everyone()
        if not (folder / COMPLETE).is_file():
            _train_one(recipe, data, parent, folder, tokenizer, start=start, sets=sets, mark=mark, out=out, half=half)
        if state.is_main_process:  # here, since a kill may have come before it
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        entry = _measured(recipe, data, folder, parent, sets=sets, device=device, half=half)
        found = entry["weights_sha256"]
        record["stages"].append(entry)
        whole = hashlib.sha256(f"{start.sha256} {found}".encode()).hexdigest()
        full = recipe.method == "full"
        parent = _Parent(folder / kind, None, found) if full else replace(parent, adapter=folder / kind, sha256=whole)
    return record


def _check_stage(folder: Path) -> None:
    """Refuse to go on from a finished stage of which a file is not as it was written."""
    if (folder / COMPLETE).is_file() and (files := changed(folder)):
        raise TrainingError(
            f"{files[0]} is damaged (not as it was when the stage ended): delete {folder} and run the same command "
            "again; that stage and those after it are trained again, and come out the same"
        )


def _train_one(
    recipe: Recipe,
    data: StageData,
    parent: _Parent,
    folder: Path,
    tokenizer: Any,
    *,
    start: Start,
    sets: Sequence[StageData],
    mark: dict[str, Any],
    out: Path,
    half: bool,
) -> None:
    """Train one stage, measure it on the held-out sets of all stages, and mark it as whole."""
    from accelerate import PartialState

    from .stage import train_stage

    state = PartialState()
    model = load_model(recipe, parent.base, parent.adapter, mark["device"])
    before = _measure(model.to(mark["device"]), sets, half=half)
    target = folder / ("model" if recipe.method == "full" else "adapter")
    trained = train_stage(
        recipe, data, model, tokenizer, folder=folder / "checkpoints", target=target, device=mark["device"]
    )
    after = _measure(trained.model, sets, half=half)
    if state.is_main_process:
        if recipe.method != "full":
            write_pin(target, base=start.folder, name=start.name, sha256=start.sha256, within=out)
        entry = {
            "stage": data.stage.stage,
            "fingerprint": hashlib.sha256(json.dumps(mark, sort_keys=True).encode()).hexdigest(),
            "weights_sha256": hash_weights(target),
            "accounts": _accounts(data),
            "measured_on": {s.stage.stage: s.held_out_sha256 for s in sets},
            "before": before,
            "after": after,
            **{name: value for name, value in trained._asdict().items() if name != "model"},
        }
        write_json(folder / "stage.json", entry)
        complete(folder)
    state.wait_for_everyone()


def _accounts(data: StageData) -> dict[str, Any]:
    return asdict(data.accounts) | {"places": {what: rows[:LISTED] for what, rows in data.accounts.places.items()}}


def _measure(model: Any, sets: Sequence[StageData], *, half: bool) -> dict[str, dict[str, Any]]:
    return {s.stage.stage: measure(model, s, half=half) for s in sets}


def _measured(
    recipe: Recipe,
    data: StageData,
    folder: Path,
    parent: _Parent,
    *,
    sets: Sequence[StageData],
    device: str,
    half: bool,
) -> dict[str, Any]:
    """Return a finished stage's record, measured again if held-out rows, choices or gold answers changed since."""
    from accelerate import PartialState

    entry: dict[str, Any] = json.loads((folder / "stage.json").read_text(encoding="utf-8"))
    now = {s.stage.stage: s.held_out_sha256 for s in sets}
    if entry.get("measured_on") == now:
        return entry
    print(f"{folder.name}: held-out rows or choices are not those it was measured on: measuring again", file=sys.stderr)
    own, adapter = (folder / "model", None) if recipe.method == "full" else (parent.base, folder / "adapter")
    for when, base, tuned in (("before", parent.base, parent.adapter), ("after", own, adapter)):
        entry[when] = _measure(load_model(recipe, base, tuned, device).to(device), sets, half=half)
    entry |= {"measured_on": now, "accounts": _accounts(data)}
    state = PartialState()
    if state.is_main_process:
        write_json(folder / "stage.json", entry)
        complete(folder)
    state.wait_for_everyone()
    return entry


def _export(
    recipe: Recipe,
    out: Path,
    start: Start,
    sets: Sequence[StageData],
    record: dict[str, Any],
    contamination: dict[str, Any],
) -> None:
    """Write the finished model where `run:DIR` finds it, its card and its loss curve; COMPLETE is last."""
    kind = "model" if recipe.method == "full" else "adapter"
    last = out / "stages" / f"{len(sets)}-{sets[-1].stage.stage}" / kind
    _link(last, out / kind)
    record["merge"] = None
    if kind == "adapter":
        write_pin(out / kind, base=start.folder, name=start.name, sha256=start.sha256, within=out)
        if recipe.merge:
            record["merge"] = _merge(recipe, start, out, sets)
    record["decontamination"] = {
        "refused": contamination["refused"],
        "tasks": contamination["tasks"],
        "rows_removed": sum(s.accounts.contaminated for s in sets),
        "rows_to_review": sum(c["rows_to_review"] for c in contamination.get("comparisons", [])),
    }
    write_json(out / "run.json", record)
    draw_curve(record, out / "curve.png")
    write_card(record, out / "README.md", folder=out)
    complete(out)


def _link(source: Path, target: Path) -> None:
    """Make `target` a copy of `source` that takes no space where the disk can do so."""
    shutil.rmtree(target, ignore_errors=True)

    def link(path: str, to: str) -> None:
        try:
            os.link(path, to)
        except OSError:  # another disk, or one without links
            shutil.copy2(path, to)

    shutil.copytree(source, target, copy_function=link)


def _merge(recipe: Recipe, start: Start, out: Path, sets: Sequence[StageData]) -> dict[str, Any]:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(start.folder, dtype=torch.float32)
    tuned = PeftModel.from_pretrained(base, str(out / "adapter"))
    merged, error = merge(tuned, [e for data in sets for e in data.held_out[:4]])
    shutil.rmtree(out / "model", ignore_errors=True)
    merged.save_pretrained(out / "model")
    load_tokenizer(start.folder).save_pretrained(out / "model")
    print(
        f"merged in float32: no weight is off by more than {error.weights:.2g} (exact in float64), no logit of "
        f"{error.tokens} held-out tokens by more than {error.logits:.2g}",
        file=sys.stderr,
    )
    return error._asdict()
