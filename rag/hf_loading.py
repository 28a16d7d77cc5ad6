"""Weights and tokenizer of a local model, from a folder or the Hugging Face hub, on the device there is."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from .errors import ModelError

Precision = Literal["auto", "4bit", "float32", "float16", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = ("auto", "4bit", "float32", "float16", "bfloat16")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Weights:
    """What to load. `adapter` is a PEFT folder that is merged into the weights."""

    source: str  # hub id, or a folder's path
    revision: str | None = None
    precision: Precision = "auto"
    adapter: Path | None = None
    access: str = ""  # what to do where the hub refuses a download

    @property
    def folder(self) -> Path | None:
        path = Path(self.source)
        return path if path.is_absolute() or self.source.startswith(".") else None


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that is ready to run. `identity` pins it: the hub's commit, or a hash of the folder's files."""

    model: Any
    tokenizer: Any
    identity: str


def load_weights(weights: Weights) -> Loaded:
    """Load model and tokenizer.

    On a GPU the precision that the weights are kept in; on a CPU float32, where half precision is slow and makes a
    batch differ from single runs. Code from a model's repository is never run.

    Raises:
        ModelError: not there, gated, not a causal language model, or a package is missing.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = weights.folder
    if folder is not None and not (folder / "config.json").is_file():
        raise ModelError(f"{folder} holds no model: no config.json there. Give the folder that save_pretrained() wrote")
    device, keywords = _placement(weights.precision)
    with _explained(weights):
        tokenizer = AutoTokenizer.from_pretrained(weights.source, revision=weights.revision)
        model: Any = AutoModelForCausalLM.from_pretrained(weights.source, revision=weights.revision, **keywords)
        if weights.adapter is not None:
            model = _merge(model, weights.adapter, keep=weights.precision == "4bit")
            if (weights.adapter / "tokenizer_config.json").is_file():
                tokenizer = AutoTokenizer.from_pretrained(weights.adapter)
    if "device_map" not in keywords:
        model = model.to(device)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(0)
    commit = getattr(model.config, "_commit_hash", None)
    identity = hash_folder(folder) if folder is not None else str(commit or weights.revision or "unknown")[:12]
    if weights.adapter is not None:
        identity = f"{identity}+{hash_folder(weights.adapter)}"
    log.info("loaded %s as %s on %s", weights.source, model.dtype, model.device)
    return Loaded(model.eval(), tokenizer, identity)


def load_tuned(folder: Path, precision: Precision) -> Loaded:
    """Load one's own fine-tune: full weights, or a PEFT adapter with its base model.

    Raises:
        ModelError: neither is there, or it cannot be loaded.
    """
    for place in (folder, folder / "model", folder / "adapter"):
        if (place / "adapter_config.json").is_file():
            return load_weights(replace(_base_of(place), precision=precision))
        if (place / "config.json").is_file():
            return load_weights(Weights(str(place.resolve()), precision=precision))
    raise ModelError(
        f"{folder} holds no fine-tuned model: neither config.json nor adapter_config.json is in it or in its folders "
        "model/ and adapter/. `clinrag train run RECIPE.yaml` writes one"
    )


def _base_of(adapter: Path) -> Weights:
    import orjson

    from finetuned.errors import FinetunedError
    from finetuned.training.weights import pinned_base

    try:
        config = orjson.loads((adapter / "adapter_config.json").read_bytes())
        base, revision = str(config["base_model_name_or_path"]), config.get("revision")
    except (orjson.JSONDecodeError, KeyError, AttributeError) as error:
        raise ModelError(
            f"{adapter / 'adapter_config.json'} names no base model ({error}); save the adapter again"
        ) from error
    try:
        pinned = pinned_base(adapter)  # trained here: the base's weights must be the very ones
    except FinetunedError as error:
        raise ModelError(str(error)) from error
    if pinned is not None:
        return Weights(str(pinned), adapter=adapter.resolve())
    return Weights(str(Path(base).resolve()) if Path(base).is_dir() else base, revision, adapter=adapter.resolve())


def _placement(precision: Precision) -> tuple[str, dict[str, Any]]:
    """Return the device, and what `from_pretrained` must be told."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if precision == "4bit":
        return device, {"quantization_config": _four_bit(), "device_map": "auto"}
    if precision == "auto":
        return device, {"dtype": torch.float32 if device == "cpu" else "auto"}
    return device, {"dtype": getattr(torch, precision)}


def _four_bit() -> Any:
    import importlib.util

    import torch
    from transformers import BitsAndBytesConfig

    missing = [name for name in ("bitsandbytes", "accelerate") if importlib.util.find_spec(name) is None]
    if missing:
        raise ModelError(f"4-bit loading needs {' and '.join(missing)}: pip install {' '.join(missing)}")
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)


def _merge(model: Any, adapter: Path, *, keep: bool) -> Any:
    try:
        from peft import PeftModel
    except ImportError as error:
        raise ModelError(f"the adapter {adapter} needs PEFT: pip install 'clinrag[train]'") from error
    tuned = PeftModel.from_pretrained(model, str(adapter))
    return tuned if keep else tuned.merge_and_unload()  # merging into 4-bit weights would round the adapter away


@contextlib.contextmanager
def _explained(weights: Weights) -> Iterator[None]:
    """Turn what a loader raises into an error that says what to do."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    name = weights.source if weights.revision is None else f"{weights.source}@{weights.revision}"
    page = f"https://huggingface.co/{weights.source}"
    try:
        yield
    except ModelError:
        raise
    except Exception as error:  # loaders raise OSError, ValueError, ImportError, and errors of their file formats
        causes = list(_chain(error))
        text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if any(isinstance(e, GatedRepoError) for e in causes):
            advice = weights.access or f"accept its terms at {page}, then run `hf auth login`"
            raise ModelError(f"{name} is gated: {advice}") from error
        if any(isinstance(e, RevisionNotFoundError) for e in causes):
            raise ModelError(f"{weights.source} has no revision {weights.revision!r}: see {page}/commits") from error
        if any(isinstance(e, RepositoryNotFoundError) for e in causes):
            advice = weights.access or f"see whether {page} exists; if it is private, run `hf auth login`"
            raise ModelError(f"{name} is not on the hub, or not open to you: {advice}") from error
        if weights.folder is None and isinstance(error, OSError):
            advice = f"where the hub is reachable run `hf download {weights.source}`. {weights.access}".strip()
            raise ModelError(f"cannot load {name}: {text}; {advice}") from error
        raise ModelError(f"cannot load {name}: {text}") from error


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def hash_folder(folder: Path) -> str:
    """Return the first 12 hexadecimal digits of the SHA-256 over a model folder's files: names and contents.

    Whole files, not samples of them: two fine-tunes of one model may differ in a few weights only.
    """
    total = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in {".json", ".safetensors", ".bin", ".model", ".jinja", ".txt"} and path.is_file():
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            total.update(f"{path.name} {digest}\n".encode())
    return total.hexdigest()[:12]
