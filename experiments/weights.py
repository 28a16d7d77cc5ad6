"""What stands behind a model's name: with other weights, or another script, a contender is asked again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def weights_identity(spec: str) -> list[Any]:
    """Return hashes of the files that a local model answers from, and a registry entry's facts.

    Empty for what is served elsewhere or lies on the hub: there a name is all there is, so pin hf:ORG/NAME@REVISION.
    What is not there counts as nothing; loading says so.
    """
    kind, _, rest = spec.partition(":")
    place = Path(rest.partition("?")[0])
    if spec in ("extractive", "reader"):
        from finetuned.adapters import shipped_sha256

        return [shipped_sha256(name) for name in ("verifier", "reader")]
    if kind == "scripted":
        return [hashlib.sha256(Path(rest).read_bytes()).hexdigest()] if Path(rest).is_file() else []
    if kind == "pair":
        return _registered(rest.partition("?")[0])
    if kind == "hf" and (place.is_absolute() or rest.startswith(".")):
        return _folder(place)
    if kind == "run":
        for folder in (place, place / "model", place / "adapter"):
            if (folder / "adapter_config.json").is_file():
                return _folder(folder) + _base(folder)
            if (folder / "config.json").is_file():
                return _folder(folder)
    return []


def _folder(folder: Path) -> list[str]:
    from rag.hf_loading import hash_folder

    return [hash_folder(folder)] if folder.is_dir() else []


def _base(adapter: Path) -> list[str]:
    """Return the hash of an adapter's base where it lies in a folder that the adapter's own files do not pin."""
    try:
        base = json.loads((adapter / "adapter_config.json").read_bytes())["base_model_name_or_path"]
    except (ValueError, KeyError, TypeError):
        return []
    return [] if (adapter / "base.json").is_file() else _folder(Path(str(base)))


def _registered(name: str) -> list[Any]:
    from finetuned.errors import FinetunedError
    from finetuned.registry import get_pair, side_of

    pair, _, side = name.rpartition("/")
    try:
        model = side_of(get_pair(pair), "tuned" if side == "tuned" else "general")
    except FinetunedError:
        return []
    return [model.repo, model.chat_template, model.system_role, list(model.stop), model.thinking, model.dtype]
