"""The registry is consistent, says where it knows things from, and is shown as a user needs it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from jinja2 import Environment
from typer.testing import CliRunner

from finetuned import PAIRS, Model, Pair, get_pair, pair_json, select_pairs
from finetuned.cli import models_app
from finetuned.errors import UnavailableModelError, UnknownPairError
from finetuned.pair import NO_TEMPLATE, TOKENIZER_TEMPLATE, TRAINING_SETS, UNSOURCED, Adaptation, source_of
from finetuned.registry import access_hint, side_of
from rag.hf_output import Reading

REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
MODELS = [
    (f"{p.name}/{side}", m) for p in PAIRS.values() for side, m in (("tuned", p.tuned), ("general", p.counterpart))
]
FACTS = (
    "repo",
    "parameters",
    "context",
    "licence",
    "gated",
    "cutoff",
    "chat_template",
    "system_role",
    "stop",
    "thinking",
)
# The systems that the registry promises to cover, by a part of their repository's name.
PROMISED = (
    "OpenBioLLM-8B",
    "OpenBioLLM-70B",
    "med42-70b",
    "Llama3-Med42-8B",
    "Llama3-Med42-70B",
    "meditron-7b",
    "meditron-70b",
    "Meditron3-8B",
    "BioMistral-7B",
    "BioMistral-7B-DARE",
    "internistai/",
    "ClinicalCamel",
    "PMC_LLaMA",
    "medalpaca",
    "Asclepius",
    "BioMedGPT-LM",
    "JSL-MedLlama",
    "UltraMedical",
    "HuatuoGPT-o1",
    "Aloe",
    "Apollo2",
    "MediPhi",
    "medgemma",
    "m1-7B",
    "MMed-Llama",
)


def test_registry_covers_the_field() -> None:
    repos = [p.tuned.repo or "" for p in PAIRS.values()]
    assert len(PAIRS) >= 35
    assert [name for name in PROMISED if not any(name.lower() in repo.lower() for repo in repos)] == []
    assert all(name == pair.name == name.lower() for name, pair in PAIRS.items())


def test_repositories_are_wellformed_distinct_and_not_compared_with_themselves() -> None:
    tuned = [p.tuned.repo for p in PAIRS.values() if p.tuned.repo]
    assert len(tuned) == len({repo.lower() for repo in tuned})
    assert [m.repo for _, m in MODELS if m.repo and not REPO.fullmatch(m.repo)] == []
    assert [p.derived_from for p in PAIRS.values() if p.derived_from and not REPO.fullmatch(p.derived_from)] == []
    assert [p.name for p in PAIRS.values() if p.tuned.repo and p.tuned.repo == p.counterpart.repo] == []
    assert not {m.repo for p in PAIRS.values() for m in [p.counterpart]} & set(tuned) - {None}


def check_sources(label: str, record: Model | Pair, values: dict[str, Any], allowed: set[str]) -> None:
    named = [field for names in record.sources.values() for field in names.split()]
    assert set(named) <= allowed, (label, set(named) - allowed)
    for address in record.sources:
        assert address == UNSOURCED or re.fullmatch(r"https?://[^\s]+\.[^\s]+", address), (label, address)
    for field, value in values.items():
        has = value is not None and value != () and value != ""
        assert (field in named) == has, f"{label}: {field} = {value!r}, but named in the sources: {field in named}"


@pytest.mark.parametrize(("label", "model"), MODELS)
def test_every_fact_of_a_model_has_a_source_and_every_source_a_fact(label: str, model: Model) -> None:
    check_sources(label, model, {name: getattr(model, name) for name in FACTS}, set(FACTS))


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_every_fact_of_a_pair_has_a_source_and_every_source_a_fact(pair: Pair) -> None:
    flags = {name: pair.trained_on.get(name) for name in TRAINING_SETS}  # type: ignore[call-overload]
    values = {"derived_from": pair.derived_from, "adaptation": pair.adaptation, "quirks": pair.quirks, **flags}
    check_sources(pair.name, pair, values, set(values))
    assert pair.adaptation
    assert set(pair.adaptation) <= set(get_args(Adaptation))
    assert set(pair.trained_on) <= set(TRAINING_SETS)


@pytest.mark.parametrize(("label", "model"), MODELS)
def test_values_are_of_their_kind(label: str, model: Model) -> None:
    assert model.cutoff is None or re.fullmatch(r"20[12]\d-(0[1-9]|1[0-2])", model.cutoff), label
    assert model.context is None or 1024 <= model.context <= 1_000_000, label
    assert model.parameters is None or 0.1 < model.parameters < 1000, label
    if model.parameters is not None:  # two bytes a weight, and a fifth more, rounded up
        assert model.dtype in ("bfloat16", "float16")
        assert model.memory_gb is not None
        assert 0 <= model.memory_gb - model.parameters * 2.4 < 1, label


@pytest.mark.parametrize(("label", "model"), MODELS)
def test_chat_templates_render_every_turn_in_order(label: str, model: Model) -> None:
    if model.chat_template in (None, NO_TEMPLATE, TOKENIZER_TEMPLATE):
        return
    turns = [{"role": "user", "content": "FIRST"}, {"role": "assistant", "content": "SECOND"}]
    turns.append({"role": "user", "content": "THIRD"})
    text = Environment(autoescape=False).from_string(model.chat_template or "").render(messages=turns)  # noqa: S701
    assert [text.count(word) for word in ("FIRST", "SECOND", "THIRD")] == [1, 1, 1], label
    assert text.index("FIRST") < text.index("SECOND") < text.index("THIRD"), label
    assert "ssistant" in text[text.index("THIRD") :] or "Response" in text[text.index("THIRD") :], label


@pytest.mark.parametrize(
    ("name", "output", "answer"),
    [
        (
            "huatuogpt-o1-8b",
            "## Thinking\n\nLet me see. B?\n\n## Final Response\n\nThe answer is C.",
            "The answer is C.",
        ),
        ("huatuogpt-o1-8b", "## Thinking\n\nLet me see, it could be B", ""),
        ("huatuogpt-o1-8b", "The answer is C.", "The answer is C."),
        ("medreason-8b", "## Thinking\n\nWell.\n\n## Final Answer\n\nD", "D"),
        ("m1-7b-23k", "<|im_start|>think\nWait.\n<|im_start|>answer\nAnswer: B", "Answer: B"),
        ("m1-7b-23k", "think\nWait, or perhaps", ""),
        ("medgemma-27b", "<unused94>thought\nHm.\nA?<unused95>No: E", "No: E"),
        ("medgemma-27b", "No: E", "No: E"),
        ("mediphi", "## Thinking\nkept", "## Thinking\nkept"),
    ],
)
def test_thinking_blocks_are_stripped_and_nothing_else(name: str, output: str, answer: str) -> None:
    assert Reading(thinking=PAIRS[name].tuned.thinking).split(output)[1] == answer


def test_a_pair_tuned_on_instructions_but_compared_with_a_base_model_says_why() -> None:
    odd = [
        p
        for p in PAIRS.values()
        if p.counterpart.chat_template == NO_TEMPLATE and set(p.adaptation) - {"cpt", "merge"} and p.tuned.repo
    ]
    assert {p.name for p in odd} >= {"meditron3-8b", "meditron3-70b", "meditron3-gemma2-9b", "meditron3-qwen2.5-7b"}
    assert [p.name for p in odd if not any("base model" in quirk for quirk in p.quirks)] == []


def test_antglm_med_is_a_recipe_only() -> None:
    pair = get_pair("antglm-med")
    assert pair.tuned.repo is None
    assert not pair.ungated
    with pytest.raises(UnavailableModelError, match=r"never published.*train"):
        side_of(pair, "tuned")


def test_defaults_are_open_on_both_sides_with_a_source_and_three_fit_24_gb() -> None:
    defaults = select_pairs(default=True)
    for pair in defaults:
        for model in (pair.tuned, pair.counterpart):
            assert model.gated is False
            assert source_of(model, "gated") not in (None, UNSOURCED)
    assert len([p for p in select_pairs(default=True, fits_gb=24) if p.ungated]) >= 3
    assert {p.name for p in defaults} <= {p.name for p in select_pairs(ungated=True)}
    assert [p.name for p in select_pairs(fits_gb=4)] == ["apollo2-0.5b", "apollo2-1.5b"]


def test_derived_from_and_counterpart_are_kept_apart() -> None:
    pair = get_pair("aaditya/Llama3-OpenBioLLM-8B")  # a repository id will do
    assert pair.derived_from == "meta-llama/Meta-Llama-3-8B"
    assert pair.counterpart.repo == "meta-llama/Meta-Llama-3-8B-Instruct"


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UnknownPairError, match=r"'openbiolm-8b'; did you mean openbiollm-8b.*clinrag models list"):
        get_pair("openbiolm-8b")
    with pytest.raises(UnknownPairError, match="no pair is named ''"):
        get_pair("")


def test_a_gated_model_says_what_to_accept_where() -> None:
    hint = access_hint(PAIRS["medgemma-27b"].tuned)
    assert "https://huggingface.co/google/medgemma-27b-text-it" in hint
    assert "accept" in hint


def test_list_and_show_give_json_and_plain_text() -> None:
    listed = json.loads(CliRunner().invoke(models_app, ["list", "--json"]).stdout)
    assert [entry["name"] for entry in listed] == list(PAIRS)
    shown = json.loads(CliRunner().invoke(models_app, ["show", "HuatuoGPT-o1-7B", "--json"]).stdout)
    assert shown == json.loads(json.dumps(pair_json(PAIRS["huatuogpt-o1-7b"])))
    assert shown["derived_from"] == {"value": None, "source": None}
    assert shown["tuned"]["licence"]["source"].startswith("https://")
    plain = CliRunner().invoke(models_app, ["list", "--default"]).stdout.splitlines()
    assert len(plain) == 1 + len(select_pairs(default=True))
    assert {line.count("\t") for line in plain} == {6}
    text = CliRunner().invoke(models_app, ["show", "med42-70b"]).stdout
    assert "accept its terms" in text
    result = CliRunner().invoke(models_app, ["show", "nothing-like-it"])
    assert isinstance(result.exception, UnknownPairError)


def test_the_command_line_is_light_at_import() -> None:
    heavy = ("torch", "numpy", "faiss", "pandas", "rich.table")
    code = f"import sys, finetuned.cli; print([m for m in {heavy} if m in sys.modules])"
    root = Path(__file__).parents[1]
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert run.stdout.strip() == "[]"
