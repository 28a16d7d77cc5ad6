"""Which family a model is of: a judge must not judge its relatives."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Words in a model's name → its family. Fine-tuned models are of their base's family, which the pair registry knows.
FAMILIES = {
    "openai": r"\bgpt|\bo[134]\b|openai|chatgpt|davinci",
    "anthropic": r"claude|anthropic",
    "google": r"gemini|gemma|palm|\bgoogle",
    "llama": r"llama|vicuna|alpaca|meditron|med42|openbio|pmc-llama|medalpaca|clinicalcamel|asclepius",
    "qwen": r"qwen|qwq|huatuo",
    "mistral": r"mistral|mixtral|zephyr|biomistral|ministral",
    "deepseek": r"deepseek",
    "phi": r"\bphi-?\d",
    "yi": r"\byi-\d",
    "falcon": r"falcon",
    "glm": r"glm",
    "cohere": r"command-r|cohere|aya",
    "baichuan": r"baichuan",
    "smollm": r"smollm",
}


def families(name: str) -> frozenset[str]:
    """Return the families that a model's name or spec tells; none if it tells none.

    A pair's side is of the family of its repository and of what its weights were trained from. DeepSeek's distilled
    Llama is of both.
    """
    if name.startswith("pair:"):
        from finetuned import get_pair

        pair = get_pair(name.removeprefix("pair:").partition("/")[0])
        name = " ".join(filter(None, (pair.name, pair.tuned.repo, pair.derived_from, pair.counterpart.repo)))
    if "@http" in name:
        name = name.partition(":")[2]  # openai:MODEL@URL is how any server is asked, of whatever family
    return frozenset(family for family, words in FAMILIES.items() if re.search(words, name, re.IGNORECASE))


def relatives(judge: str, contenders: Mapping[str, Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    """Return the contenders of the judge's family, with what they share; a contender's own model is its relative."""
    own = families(judge)
    found = {}
    for contender, entry in contenders.items():
        model = str(entry.get("model", ""))
        shared = own & (families(model) | families(contender))
        if shared or (model and model == judge):
            found[contender] = shared or frozenset({model})
    return found
