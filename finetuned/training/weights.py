"""Weights on disk: their hash, the pin that ties an adapter to its base, and merging with its error measured."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from finetuned.errors import TrainingError

from .checkpoints import write_json

PIN = "base.json"
_WEIGHTS = (".safetensors", ".bin")


def hash_weights(folder: Path) -> str:
    """Return the SHA-256 over a folder's weight files, names and contents; tokenizer and configuration not."""
    files = sorted(p for p in folder.iterdir() if p.suffix in _WEIGHTS and p.name != "training_args.bin")
    if not files:
        raise TrainingError(
            f"{folder}: no weights (.safetensors) in this folder; give one that save_pretrained() wrote"
        )
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            total.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()


def write_pin(adapter: Path, *, base: Path, name: str, sha256: str, within: Path) -> None:
    """Tie an adapter to its base: name, folder and hash; relative if the run holds the base, for it may be moved."""
    inside = within.resolve() in base.resolve().parents
    place = os.path.relpath(base.resolve(), adapter.resolve()) if inside else str(base.resolve())
    pin = {"base": name, "folder": place, "weights_sha256": sha256}
    write_json(adapter / PIN, pin)  # not in place: the file may be linked to the stage's own
    path = adapter / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = str(base.resolve())
    if _is_hub(name):  # PEFT finds it there by itself; a snapshot's folder is named by its commit
        config["base_model_name_or_path"], config["revision"] = name.partition("@")[0], base.name
    write_json(path, dict(sorted(config.items())))


def pinned_base(adapter: Path) -> Path | None:
    """Return the folder of the base that an adapter was trained on; None if only its configuration names it.

    Raises:
        TrainingError: the base is not there any more, or its weights are others: the adapter would do harm silently.
    """
    if not (adapter / PIN).is_file():
        return None
    pin = json.loads((adapter / PIN).read_text(encoding="utf-8"))
    folder = (adapter / str(pin["folder"])).resolve()
    if not folder.is_dir():
        if _is_hub(pin["base"]):
            return None  # on another machine: the configuration has the hub's name and commit
        raise TrainingError(
            f"{adapter}: the base model {pin['base']} is not at {folder} any more; put it back, or use merge: true"
        )
    found = hash_weights(folder)
    if found != pin["weights_sha256"]:
        raise TrainingError(
            f"{adapter} was trained on {pin['base']} with weights {pin['weights_sha256'][:12]}, but those in {folder} "
            f"are {found[:12]}: an adapter fits only its own base. Put that base back, or train again"
        )
    return folder


def _is_hub(name: str) -> bool:
    return not name.startswith("run:") and not Path(name).is_dir() and name.count("/") == 1


class MergeError(NamedTuple):
    """How far merging moved things. `weights`: largest |merged − exact| of all merged weights, exact in float64;
    `logits`: largest difference on held-out tokens between base with adapter and merged model."""

    weights: float
    logits: float
    tokens: int


def merge(tuned: Any, sequences: list[Any]) -> tuple[Any, MergeError]:
    """Merge an adapter into its base in float32 and measure the error.

    `tuned` is a PEFT model in float32 on the CPU; it becomes the merged model. Each layer is merged once more in
    float64, one at a time, so the bound covers every weight and memory holds one layer twice.
    """
    import torch
    from peft.tuners.tuners_utils import BaseTunerLayer

    before = _logits(tuned, sequences)
    worst = 0.0
    for module in tuned.modules():
        if isinstance(module, BaseTunerLayer):
            exact: Any = copy.deepcopy(module).double()
            exact.merge(safe_merge=False)
            module.merge(safe_merge=True)  # refuses NaN
            merged: Any = module.get_base_layer()
            difference = merged.weight.double() - exact.get_base_layer().weight
            worst = max(worst, float(difference.abs().max()))
    merged_model = tuned.unload()  # the layers, merged as they now are
    after = _logits(merged_model, sequences)
    apart = max((float((a - b).abs().max()) for a, b in zip(before, after, strict=True)), default=0.0)
    assert all(p.dtype == torch.float32 for p in merged_model.parameters())
    return merged_model, MergeError(worst, apart, sum(len(s.ids) for s in sequences))


def _logits(model: Any, sequences: list[Any]) -> list[Any]:
    import torch

    model.eval()
    with torch.inference_mode():
        return [model(input_ids=torch.from_numpy(s.ids).long()[None]).logits for s in sequences]
