"""Load a shipped adapter: MiniLM, the LoRA merged into its weights in fp32, the head, and the calibration.

peft is only needed to train: merging is W + (alpha / r)·B·A, which a test compares with peft's own.
"""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .errors import ShippedModelError
from .pair_model import PairModel, load_minilm

FILES = ("adapter_model.safetensors", "head.safetensors", "calibration.json")
LOADING = Lock()  # of threads that first import from transformers at once, some find it half imported
_PREFIX = "base_model.model."


class Shipped(NamedTuple):
    """A model ready to read pairs, its tokenizer, and what `calibration.json` says."""

    model: PairModel
    tokenizer: Any
    calibration: dict[str, Any]


def shipped_folder(name: str) -> Path:
    """Return the folder of a model that comes with the package."""
    return Path(str(files("finetuned") / "shipped" / name))


def shipped_sha256(name: str) -> dict[str, str]:
    """Return the sha256 of each file that decides what a shipped model says."""
    folder = shipped_folder(name)
    return {file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in FILES}


def load_shipped(folder: Path) -> Shipped:
    """Load adapter, head and calibration from a folder.

    Raises:
        ShippedModelError: a file is missing or does not fit the embedded MiniLM.
    """
    from safetensors.torch import load_file

    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        adapter = load_file(folder / "adapter_model.safetensors")
        head = {name: value.float() for name, value in load_file(folder / "head.safetensors").items()}
        calibration = json.loads((folder / "calibration.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ShippedModelError(
            f"cannot load the model in {folder}: {error}. Reinstall clinrag, or make the model again: "
            f"clinrag train shipped {folder.name} --data DIR --out {folder}"
        ) from error
    encoder, tokenizer = load_minilm()
    model = PairModel(encoder, head[max(name for name in head if name.endswith("bias"))].shape[0])
    merge_lora(encoder, adapter, config)
    model.head.load_state_dict(head)
    return Shipped(model.eval(), tokenizer, calibration)


def merge_lora(encoder: nn.Module, adapter: dict[str, Tensor], config: dict[str, Any]) -> None:
    """Add a LoRA adapter, as peft saves it, to the encoder's weights in place."""
    scale = config["lora_alpha"] / config["r"]
    modules = dict(encoder.named_modules())
    with torch.no_grad():
        for name, down in adapter.items():
            place, _, part = name.removeprefix(_PREFIX).rpartition(".lora_A.")
            if part == "weight":
                up = adapter[name.replace(".lora_A.", ".lora_B.")]
                weight = modules[place].weight
                assert isinstance(weight, Tensor)
                weight += scale * (up.float() @ down.float())
            elif "trainable_tokens" in name:
                table = modules[name.removeprefix(_PREFIX).split(".token_adapter")[0]].weight
                assert isinstance(table, Tensor)
                (rows,) = config["trainable_token_indices"].values()
                table[rows] = adapter[name].float()
