"""Throughput of local models against what others would use.

The model has SmolLM2-135M's shape and random weights; every answer is run to its full length, in the same precision,
on the same threads.
"""

from __future__ import annotations

import functools
import logging
import os
import random
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from langchain_core.messages import HumanMessage, SystemMessage
from measuring import alternate, more, skipped
from tiny_model import make_model

from rag.hf import LocalChat
from rag.hf_batching import shared_prefix
from rag.llm import load_llm
from rag.loglikelihood import choice_logprobs_many
from rag.prompt import INSTRUCTIONS

# https://huggingface.co/HuggingFaceTB/SmolLM2-135M/blob/main/config.json
SMOLLM2_135M = {
    "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9,
    "num_key_value_heads": 3, "vocab_size": 49_152, "tie_word_embeddings": True, "rope_theta": 100_000,
    "initializer_range": 0.04, "max_position_embeddings": 2048,
}  # fmt: skip
WORDS = "aspirin lowers the risk of stroke in adults with atrial fibrillation and no bleeding was seen".split()
PROMPTS, NEW = 16, 24  # prompts, and tokens of an answer
BATCH = 8  # rows of a batch, ours and the peers'


def rows(runs: int = 2) -> Iterator[dict[str, Any]]:
    """Yield tokens and choices a second."""
    torch.set_num_threads(os.cpu_count() or 1)
    warnings.simplefilter("ignore")
    logging.getLogger("transformers").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        chat = load_llm(f"hf:{make_model(Path(folder), **SMOLLM2_135M)}?rows={BATCH}")
        assert isinstance(chat, LocalChat)
        chat.max_new_tokens = NEW
        chat.loaded.model.generation_config.eos_token_id = None  # every answer to its full length
        chat.loaded.tokenizer.eos_token = None
        yield from generation(chat, runs)
        yield from choices(chat, Path(folder), runs)


def generation(chat: LocalChat, runs: int) -> Iterator[dict[str, Any]]:
    """Compare generated tokens a second on the assistant's instructions followed by texts of different lengths."""
    from transformers import pipeline

    draw = random.Random(0)
    prompts = [
        [SystemMessage(INSTRUCTIONS), HumanMessage(" ".join(draw.choices(WORDS, k=draw.randint(10, 150))))]
        for _ in range(PROMPTS)
    ]
    texts = [chat.template.render(p).text for p in prompts]
    encoded = [chat.encode(p) for p in prompts]
    lengths = sorted(map(len, encoded))
    what = f"{PROMPTS} prompts of {lengths[0]} to {lengths[-1]} tokens, {shared_prefix(encoded)} of them shared"
    model, tokenizer = chat.loaded.model, chat.loaded.tokenizer
    tokenizer.padding_side = "left"
    settings = {"max_new_tokens": NEW, "do_sample": False, "return_full_text": False}
    pipe = pipeline("text-generation", model=model, tokenizer=tokenizer, add_special_tokens=False)
    sides: dict[str, Callable[[], Any]] = {
        "ours": lambda: chat.batch(prompts),
        "transformers' pipeline, batched": lambda: pipe(texts, batch_size=BATCH, **settings),
    }
    langchain_name = "LangChain's HuggingFacePipeline, loop"
    try:
        from langchain_huggingface import HuggingFacePipeline

        # Settings given to its constructor are not used by invoke(): it would write the pipeline's 256 tokens.
        langchain = HuggingFacePipeline(pipeline=pipe).bind(pipeline_kwargs=settings)
        sides[langchain_name] = lambda: [langchain.invoke(text) for text in texts]
    except ImportError as error:
        yield skipped(f"generation against {langchain_name}", error)
    tokens = PROMPTS * NEW
    best = alternate({name: functools.partial(checked, model, run, tokens) for name, run in sides.items()}, runs)
    for name in sides.keys() - {"ours"}:
        yield more(f"generation, {what}, against {name}", tokens / best["ours"], tokens / best[name], "tokens/s", runs)


def checked(model: Any, run: Callable[[], Any], tokens: int) -> None:
    """Run, and see that as many tokens were written as are counted."""
    generate, written = type(model).generate, 0

    def counting(self: Any, *args: Any, **keywords: Any) -> Any:
        nonlocal written
        result = generate(self, *args, **keywords)
        sequences = getattr(result, "sequences", result)
        written += sequences.shape[0] * (sequences.shape[1] - keywords["input_ids"].shape[1])
        return result

    type(model).generate = counting
    try:
        run()
    finally:
        type(model).generate = generate
    assert written == tokens, f"{written} tokens were written instead of {tokens}"


def choices(chat: LocalChat, folder: Path, runs: int) -> Iterator[dict[str, Any]]:
    """Compare scored choices a second: questions with four choices of a word or two, and shared instructions."""
    name = "log-likelihoods of choices against lm-evaluation-harness"
    try:
        from lm_eval.api.instance import Instance
        from lm_eval.models.huggingface import HFLM
    except ImportError as error:
        yield skipped(name, error)
        return
    draw = random.Random(1)
    asked = [
        (
            f"{INSTRUCTIONS}\n{' '.join(draw.choices(WORDS, k=draw.randint(10, 60)))}\nAnswer:",
            [" " + " ".join(draw.choices(WORDS, k=draw.randint(1, 2))) for _ in range(4)],
        )
        for _ in range(PROMPTS)
    ]
    pairs = [(prompt, choice) for prompt, choices in asked for choice in choices]
    peer = HFLM(pretrained=str(folder), device="cpu", dtype="float32", batch_size=BATCH)
    instances = [Instance("loglikelihood", {}, pair, n) for n, pair in enumerate(pairs)]
    kept: dict[str, list[float]] = {}

    def ours() -> None:
        kept["ours"] = [value for values in choice_logprobs_many(chat, asked) for value in values]

    def theirs() -> None:
        kept["theirs"] = [value for value, _ in peer.loglikelihood(instances, disable_tqdm=True)]

    best = alternate({"ours": ours, "theirs": theirs}, runs)
    difference = max(abs(a - b) for a, b in zip(kept["ours"], kept["theirs"], strict=True))
    print(f"  largest difference of {len(pairs)} log-likelihoods: {difference:.2g}", file=sys.stderr)
    yield more(name, len(pairs) / best["ours"], len(pairs) / best["theirs"], "choices/s", runs)
