"""The model a run starts from, and what of it is trained: all weights, or LoRA, QLoRA, DoRA."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetuned.errors import RecipeError, TrainingError

from .checkpoints import check_fingerprint, complete, is_complete
from .recipe import Architecture, Recipe
from .weights import hash_weights

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# For a base model that comes without a template: no new tokens, so nothing to be learnt from scratch.
PLAIN = (
    "{% for m in messages %}{{ {'system': '', 'user': 'Question: ', 'assistant': 'Answer: '}[m['role']] }}"
    "{{ m['content'] }}{% if m['role'] == 'assistant' %}{{ eos_token }}{% endif %}\n\n{% endfor %}"
    "{% if add_generation_prompt %}Answer: {% endif %}"
)


@dataclass(frozen=True, slots=True)
class Start:
    """Where a run starts: a folder with weights and tokenizer; `name` is what a reader knows it by."""

    folder: Path
    name: str
    sha256: str


def resolve_device(recipe: Recipe) -> str:
    """Return cpu or cuda.

    Raises:
        RecipeError: the recipe asks for what is not here.
    """
    import torch

    here = torch.cuda.is_available()
    if recipe.device == "cuda" and not here:
        raise RecipeError("field device: 'cuda', but PyTorch sees no NVIDIA GPU here; allowed: auto, cpu")
    device = "cuda" if here and recipe.device != "cpu" else "cpu"
    if recipe.method == "qlora":
        if device != "cuda":
            raise RecipeError(
                "field method: 'qlora' keeps the base in 4 bits, which needs an NVIDIA GPU, and PyTorch sees none or "
                "device is cpu; allowed here: full, lora, dora"
            )
        if importlib.util.find_spec("bitsandbytes") is None:
            raise RecipeError(
                "field method: 'qlora' needs bitsandbytes: pip install bitsandbytes; or: full, lora, dora"
            )
    if recipe.precision == "bfloat16" and device == "cpu":
        raise RecipeError("field precision: 'bfloat16' is for a GPU; allowed on a CPU: auto, float32")
    if recipe.attention == "flash_attention_2" and device == "cpu":
        raise RecipeError("field attention: 'flash_attention_2' is for a GPU; allowed on a CPU: sdpa, eager")
    return device


def uses_bfloat16(recipe: Recipe, device: str) -> bool:
    """Tell whether to compute in bfloat16; asked for on a GPU that has it not, float32 would be a silent change."""
    import torch

    able = device == "cuda" and torch.cuda.is_bf16_supported()
    if recipe.precision == "bfloat16" and not able:
        raise RecipeError("field precision: 'bfloat16', which this GPU does not compute in; allowed: auto, float32")
    return able and recipe.precision != "float32"


def find_start(recipe: Recipe, out: Path, texts: list[str]) -> Start:
    """Return the base model's folder; from an architecture, write one with random weights to `out`/base first.

    Raises:
        TrainingError: the base in `out` was made from another architecture, seed, length or other texts.
    """
    if recipe.architecture is not None:
        folder, length = out / "base", _longest(recipe)
        if not is_complete(folder):  # made from the recipe and its data alone, so that a damaged one is no loss
            shutil.rmtree(folder, ignore_errors=True)
        mark = {"architecture": recipe.architecture.model_dump(), "seed": recipe.seed, "length": length}
        check_fingerprint(folder, mark | {"texts": hashlib.sha256(json.dumps(texts).encode()).hexdigest()})
        if not is_complete(folder):
            _write_random(recipe.architecture, texts, folder, seed=recipe.seed, length=length)
        return Start(folder, "random weights", hash_weights(folder))
    assert recipe.base is not None  # the recipe has one of both
    if recipe.base.startswith("run:"):
        folder = Path(recipe.base[4:]) / "model"
        if not (folder / "config.json").is_file():
            raise RecipeError(
                f"field base: {recipe.base!r} has no finished model to be a parent ({folder} is not there); run it to "
                "its end, an adapter with merge: true"
            )
    elif Path(recipe.base).is_dir():
        folder = Path(recipe.base)
        if not (folder / "config.json").is_file():
            raise RecipeError(f"field base: {recipe.base!r} is a folder without config.json; allowed: one that has it")
    else:
        folder = _download(recipe.base)
    return Start(folder, recipe.base, hash_weights(folder))


def _download(base: str) -> Path:
    from huggingface_hub import snapshot_download

    repo, _, revision = base.partition("@")
    patterns = ["*.json", "*.safetensors", "*.model", "*.jinja", "*.txt"]
    try:
        return Path(snapshot_download(repo, revision=revision or None, allow_patterns=patterns))
    except Exception as error:  # the hub's client raises many kinds; a wrong name, no network and a gate among them
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise RecipeError(
            f"field base: {base!r} is neither a folder here nor to be had from the hub ({reason}); allowed: "
            "ORG/NAME@REVISION, a folder, run:DIR"
        ) from error


def _longest(recipe: Recipe) -> int:
    return max([recipe.max_length, *(stage.max_length or 0 for stage in recipe.stages), 4096])  # room for passages


def _write_random(shape: Architecture, texts: list[str], folder: Path, *, seed: int, length: int) -> None:
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    if shape.hidden % shape.heads or shape.heads % shape.key_value_heads:
        raise RecipeError(
            f"field architecture: hidden {shape.hidden} must be a multiple of heads {shape.heads}, and heads of "
            f"key_value_heads {shape.key_value_heads}"
        )
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>"]
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=shape.vocabulary, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token=special[2], pad_token=special[3], chat_template=CHATML, model_max_length=length
    )
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        max_position_embeddings=length,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    complete(folder)


def load_tokenizer(folder: Path) -> Any:
    """Load a tokenizer that can end, pad and render a conversation.

    Raises:
        TrainingError: it has no token that ends a text.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    if tokenizer.eos_token_id is None:
        raise TrainingError(f"{folder}: the tokenizer has no eos_token, so a model could never learn to stop; set one")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.chat_template = tokenizer.chat_template or PLAIN
    return tokenizer


def load_model(recipe: Recipe, base: Path, adapter: Path | None, device: str) -> Any:
    """Load the model to be trained: all of it, or the base with a new adapter or the parent stage's.

    Trained weights are float32 (autocast computes in bfloat16); a frozen base is kept in bfloat16 on a GPU, or 4 bits.
    """
    import torch
    from transformers import AutoModelForCausalLM

    half = uses_bfloat16(recipe, device)
    frozen = torch.bfloat16 if half and recipe.method != "full" else torch.float32
    keywords: dict[str, Any] = {"dtype": frozen, "attn_implementation": recipe.attention}
    if recipe.method == "qlora":
        from transformers import BitsAndBytesConfig

        keywords["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=frozen,
        )
        keywords["device_map"] = {"": torch.cuda.current_device()}
    torch.manual_seed(recipe.seed)
    model = AutoModelForCausalLM.from_pretrained(base, **keywords)
    if recipe.method == "full":
        return model
    from peft import LoraConfig, PeftModel, get_peft_model

    if adapter is not None:
        return PeftModel.from_pretrained(model, str(adapter), is_trainable=True)
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        use_dora=recipe.method == "dora",
        target_modules=find_targets(model, recipe.targets),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def find_targets(model: Any, wanted: tuple[str, ...]) -> list[str]:
    """Return the names of the linear modules to adapt; all but the output layer where none are named.

    Raises:
        RecipeError: a name that is not there; the message lists those that are.
    """
    head = model.get_output_embeddings()
    linear = {n.rsplit(".", 1)[-1] for n, m in model.named_modules() if _is_linear(m) and m is not head}
    for name in wanted:
        if name not in linear:
            raise RecipeError(
                f"field targets: {name!r} is no linear module of this model; allowed: {', '.join(sorted(linear))}"
            )
    return sorted(wanted or linear)


def _is_linear(module: Any) -> bool:
    import torch

    return isinstance(module, torch.nn.Linear)  # bitsandbytes' 4-bit layers are subclasses
