"""Chat models by name, all of them LangChain's `BaseChatModel`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel

from .errors import ModelError
from .spec import Spec, read_spec

if TYPE_CHECKING:
    from .hf import LocalChat

KINDS = (
    "extractive, reader, hf:ORG/NAME@REVISION, hf:/folder, openai:MODEL@URL, pair:NAME/tuned or pair:NAME/general, "
    "run:DIR, scripted:FILE, or PROVIDER:MODEL of LangChain (its package installed, its key in the environment)"
)
LOCAL_OPTIONS = ("load", "max_new_tokens", "temperature", "seed", "thinking", "rows", "batching")
SERVER_OPTIONS = ("timeout", "retries", "temperature", "max_tokens")
OPTIONS: Mapping[str, tuple[str, ...]] = {"hf": LOCAL_OPTIONS, "pair": LOCAL_OPTIONS, "run": LOCAL_OPTIONS}
# Clients that take max_retries=0: with them retries are ours and counted; others keep their own, bounded too.
COUNTED_PROVIDERS = {"openai", "azure_openai", "anthropic", "groq"}


def load_llm(spec: str) -> BaseChatModel:
    """Load a chat model.

    - `extractive`: the best evidence sentences, verbatim; needs no download.
    - `reader`: the small fine-tuned reader and verifier that come with clinrag; says yes, no or maybe of passages.
    - `hf:ORG/NAME@REVISION`, `hf:/folder`: transformers on this machine. Options after a question mark:
      `load=4bit|float32|float16|bfloat16`, `max_new_tokens=512`, `temperature=0`, `seed=0`, `thinking=strip`,
      `rows=32` of a batch, `batching=continuous`; for example `hf:Qwen/Qwen3-8B?load=4bit&thinking=strip`.
    - `pair:NAME/tuned`, `pair:NAME/general`: a published pair's sides; `run:DIR`: one's own fine-tune. Same options;
      a pair that thinks has `max_new_tokens=2048`.
    - `openai:MODEL@URL`: vLLM, Ollama, llama.cpp, TGI, `transformers serve`; options `timeout=120`, `retries=3`,
      `temperature=0`, `max_tokens=512`.
    - `scripted:FILE` replays written outputs; anything else is LangChain's `init_chat_model`: `ollama:llama3.1`.

    Raises:
        ModelError: the name is unknown, its package is missing, or the model cannot be loaded.
    """
    known = dict(OPTIONS)
    if spec.startswith("openai:") and "@http" in spec:
        known["openai"] = SERVER_OPTIONS
    parsed = read_spec(spec, known)
    if parsed.text == "extractive":
        from .extractive import Extractive

        return Extractive()
    if parsed.text == "reader":
        from .reading import Reading

        return Reading()
    if parsed.kind == "scripted":
        from .scripted import Scripted

        return Scripted.from_file(Path(parsed.rest))
    if not parsed.rest:
        raise ModelError(f"unknown model {spec!r}: use {KINDS}")
    if parsed.kind in OPTIONS:
        return _load_local(parsed)
    if "openai" in known:
        from .openai_server import load_openai_server

        return load_openai_server(parsed)
    return _load_provider(parsed)


def _load_local(spec: Spec) -> LocalChat:
    from .hf import LocalChat
    from .hf_loading import PRECISIONS, Weights, load_tuned, load_weights
    from .hf_output import THINK
    from .pairs import load_pair

    precision = spec.choice("load", PRECISIONS)
    settings: dict[str, Any] = {
        "max_new_tokens": spec.integer("max_new_tokens", 512),
        "temperature": spec.decimal("temperature", 0.0),
        "seed": spec.integer("seed", 0, least=0),
        "batch_rows": spec.integer("rows", 32),
        "continuous": spec.choice("batching", ("padded", "continuous")) == "continuous",
    }
    if spec.choice("thinking", ("keep", "strip")) == "strip":
        settings["thinking"] = THINK
    if spec.kind == "pair":
        return load_pair(spec, precision, **settings)
    chosen = "" if precision == "auto" else f"+{precision}"  # another precision gives other answers
    if spec.kind == "run":
        folder = Path(spec.rest)
        loaded = load_tuned(folder, precision)
        return LocalChat.of(loaded, f"run:{folder.resolve().name}@{loaded.identity}{chosen}", **settings)
    source, _, revision = spec.rest.partition("@")
    path = Path(spec.rest)
    if path.is_absolute() or spec.rest.startswith("."):
        loaded = load_weights(Weights(str(path.resolve()), precision=precision))
        return LocalChat.of(loaded, f"hf:{path.resolve().name}@{loaded.identity}{chosen}", **settings)
    if source.count("/") > 1 or not source.strip("/"):
        raise ModelError(f"{spec.text!r} is neither hf:ORG/NAME@REVISION nor hf:/folder (from the root, or with ./)")
    loaded = load_weights(Weights(source, revision or None, precision=precision))
    return LocalChat.of(loaded, f"hf:{source}@{loaded.identity}{chosen}", **settings)


def _load_provider(spec: Spec) -> BaseChatModel:
    from langchain.chat_models import init_chat_model

    from .served import Served

    counted: dict[str, Any] = {"max_retries": 0} if spec.kind in COUNTED_PROVIDERS else {}
    try:
        model = init_chat_model(spec.rest, model_provider=spec.kind, **counted)
    except ImportError as error:
        raise ModelError(f"the model {spec.text!r} needs a package that is not installed: {error}") from error
    except Exception as error:  # providers raise what they like for a missing key or an unknown name
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"cannot load the model {spec.text!r}: {reason}. Use {KINDS}") from error
    assert isinstance(model, BaseChatModel)  # what init_chat_model gives for one fixed model
    return Served(
        inner=model,
        name_of_model=spec.text,
        where=f"the provider {spec.kind}",
        advice="see whether its service is up and the model's name and your key are right",
        retries=3 if counted else 0,
    )


def model_name(model: BaseChatModel) -> str:
    """Return what a record calls the model."""
    name = getattr(model, "model_name", None) or getattr(model, "model", None)
    return str(name or model._llm_type)
