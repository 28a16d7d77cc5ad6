"""`pair:NAME/tuned|general`: both sides of a published pair, each in the format that its registry entry gives."""

from __future__ import annotations

from .errors import ModelError
from .hf import LocalChat
from .hf_loading import Precision, Weights, load_weights
from .spec import Spec

THINKING_TOKENS = 2048  # thinking and answer: what HuatuoGPT-o1's authors allow; 512 cut it off while it thinks


def load_pair(spec: Spec, precision: Precision, **settings: object) -> LocalChat:
    """Load one side of a pair with its template, stop strings, system role, thinking block and precision.

    Raises:
        ModelError: no such pair, its weights were never published, or the hub refuses them.
    """
    from finetuned.errors import FinetunedError
    from finetuned.registry import access_hint, get_pair, side_of

    name, _, side = spec.rest.rpartition("/")
    if side not in ("tuned", "general"):
        raise ModelError(f"{spec.text!r} is not pair:NAME/tuned or pair:NAME/general; see `clinrag models list`")
    try:
        entry = side_of(get_pair(name), "tuned" if side == "tuned" else "general")
    except FinetunedError as error:
        raise ModelError(str(error)) from error
    assert entry.repo is not None  # else side_of raises
    chosen = "" if precision == "auto" else f"+{precision}"
    if precision == "auto" and _on_gpu():
        precision = entry.dtype
    loaded = load_weights(Weights(entry.repo, precision=precision, access=access_hint(entry)))
    if entry.thinking and "max_new_tokens" not in spec.options:
        settings["max_new_tokens"] = THINKING_TOKENS
    settings = {"stop": entry.stop, "thinking": entry.thinking, **settings}
    return LocalChat.of(
        loaded,
        f"pair:{name.lower()}/{side}@{loaded.identity}{chosen}",
        template=entry.chat_template,
        system_role=entry.system_role,
        **settings,
    )


def _on_gpu() -> bool:
    import torch

    return torch.cuda.is_available()
