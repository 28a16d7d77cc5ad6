"""One stage: trl's trainer, told everything that matters, with checkpoints that a kill at any moment cannot spoil."""

from __future__ import annotations

import contextlib
import resource
import sys
import time
from dataclasses import fields
from math import gcd
from pathlib import Path
from typing import Any, NamedTuple

from transformers import PrinterCallback, TrainerCallback
from trl import SFTConfig, SFTTrainer

from finetuned.errors import RecipeError, TrainingError

from .checkpoints import complete, newest_checkpoint
from .models import uses_bfloat16
from .prepare import StageData
from .progress import Progress
from .recipe import Recipe

# transformers renamed it within version 5, and warns at the old name
_NAMES = {f.name for f in fields(SFTConfig)}
_CHECKPOINTING = "activation_checkpointing" if "activation_checkpointing" in _NAMES else "gradient_checkpointing"


class Trained(NamedTuple):
    """A stage's model in memory, and how training went. `losses`: (step, loss per token) as trained on."""

    model: Any
    losses: list[tuple[int, float]]
    steps: int
    parameters: int
    trained: int
    seconds: float  # of this process: what a killed one had spent is not in it
    tokens_per_second: float
    peak_memory: int  # bytes: of the GPU, or of this process


class _Callback(TrainerCallback):  # type: ignore[misc]
    """Mark each checkpoint as whole once every process has written its part; show progress."""

    def __init__(self, progress: Progress, stage: str) -> None:
        self.progress, self.stage = progress, stage

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        from accelerate import PartialState

        PartialState().wait_for_everyone()
        if state.is_world_process_zero:
            complete(Path(args.output_dir) / f"checkpoint-{state.global_step}")
        PartialState().wait_for_everyone()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.progress(self.stage, state.global_step, state.max_steps)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        self.progress.loss = (logs or {}).get("loss", self.progress.loss)


def train_stage(
    recipe: Recipe, data: StageData, model: Any, tokenizer: Any, *, folder: Path, target: Path, device: str
) -> Trained:
    """Train a loaded model on a stage's data and save it to `target`.

    It goes on from the newest whole checkpoint in `folder` if there is one. All processes call this together.

    Raises:
        RecipeError: the batch cannot be divided among the processes.
    """
    import torch
    from accelerate import PartialState
    from datasets import Dataset

    state = PartialState()
    dataset = Dataset.from_dict({"input_ids": [e.ids for e in data.train], "labels": [_labels(e) for e in data.train]})
    packing = recipe.packing and data.stage.stage == "inject"
    started = time.perf_counter()
    torch.cuda.reset_peak_memory_stats() if device == "cuda" else _reset_peak()
    with Progress() as progress:
        trainer = SFTTrainer(
            model=model,
            args=_config(recipe, data, folder, device, packing, state.num_processes),
            train_dataset=dataset,
            processing_class=tokenizer,
            callbacks=[_Callback(progress, data.stage.stage)],
        )
        trainer.remove_callback(PrinterCallback)  # it prints to stdout, which is for results
        _nothing_lost(trainer.train_dataset, data)
        steps = -(-len(trainer.train_dataset) // recipe.batch) * (data.stage.epochs or recipe.epochs)
        trainer.args.logging_steps = 1 if steps <= 2000 else gcd(recipe.checkpoint_every, 10)
        checkpoint = newest_checkpoint(folder, clean=state.is_main_process)
        state.wait_for_everyone()
        first = 0 if checkpoint is None else int(checkpoint.name.rpartition("-")[2])
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        trainer.save_model(str(target))  # all processes: sharded weights are gathered
        if state.is_main_process:
            (target / "training_args.bin").unlink(missing_ok=True)  # a pickle, and not the model's
        state.wait_for_everyone()
    seconds = time.perf_counter() - started
    done = (trainer.state.global_step - first) / max(1, trainer.state.global_step)
    tokens = data.accounts.train_tokens * (data.stage.epochs or recipe.epochs) * done
    parameters = [(p.numel(), p.requires_grad) for p in trainer.model.parameters()]
    sharded = trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled
    return Trained(
        trainer.model_wrapped if sharded else trainer.model,
        [(log["step"], log["loss"]) for log in trainer.state.log_history if "loss" in log],
        trainer.state.global_step,
        sum(n for n, _ in parameters),
        sum(n for n, learns in parameters if learns),
        seconds,
        tokens / seconds,
        torch.cuda.max_memory_allocated() if device == "cuda" else peak_memory(),
    )


def _labels(encoded: Any) -> Any:
    labels = encoded.ids.copy()
    labels[: encoded.prompt] = -100
    return labels


def _nothing_lost(dataset: Any, data: StageData) -> None:
    """Hold trl to our accounts: it drops and cuts rows without a word."""
    arrived = sum(len(ids) for ids in dataset["input_ids"])
    if arrived != data.accounts.train_tokens:
        raise TrainingError(f"{data.accounts.train_tokens} tokens were prepared, {arrived} arrived: a bug; report it")


def _config(recipe: Recipe, data: StageData, folder: Path, device: str, packing: bool, processes: int) -> SFTConfig:
    part, rest = divmod(recipe.batch, processes * recipe.accumulate)
    if rest:
        raise RecipeError(
            f"field batch: {recipe.batch} cannot be divided by {processes} processes × accumulate {recipe.accumulate}; "
            "allowed: a multiple of both together"
        )
    settings = recipe.of(data.stage)
    half = uses_bfloat16(recipe, device)
    return SFTConfig(
        output_dir=str(folder),
        per_device_train_batch_size=part,
        gradient_accumulation_steps=recipe.accumulate,
        num_train_epochs=settings["epochs"],
        learning_rate=settings["learning_rate"],
        lr_scheduler_type=recipe.schedule,
        warmup_steps=recipe.warmup,  # below 1: a share of the steps
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.clip,
        max_length=settings["max_length"],
        packing=packing,
        packing_strategy="bfd_split",  # "bfd" cuts long texts off, "wrapped" lets documents see each other
        use_cpu=device == "cpu",
        bf16=half,  # trl's default is True, also where nothing computes in it
        **{_CHECKPOINTING: recipe.gradient_checkpointing},  # trl's default is True
        seed=recipe.seed,
        data_seed=recipe.seed,
        save_strategy="steps",
        save_steps=recipe.checkpoint_every,
        save_total_limit=2,  # one to fall back on while the next is written
        ddp_find_unused_parameters=False,
        dataloader_pin_memory=device == "cuda",
        report_to="none",
        disable_tqdm=True,
        log_level="error",
    )


def _reset_peak() -> None:
    """Begin to measure this process's memory anew, where Linux lets one."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory() -> int:
    """Return the most memory this process has held, in bytes.

    From /proc where there is one: getrusage's figure begins with what the parent process held.
    """
    with contextlib.suppress(OSError):
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
