"""Oracle: a pass of its own for every prompt and choice, without cache, padding, prefix or batch; lm-evaluation-harness
where it is installed."""

from __future__ import annotations

import logging
import random

import pytest
import torch
from langchain_core.messages import HumanMessage, SystemMessage
from tiny_model import CHATML, make_model

from rag.errors import ModelError
from rag.llm import load_llm
from rag.loglikelihood import choice_logprobs, choice_logprobs_many

WORDS = "aspirin lowers the risk of stroke in adults with atrial fibrillation and no bleeding was seen".split()

CLOSE = {"abs": 1e-5, "rel": 1.2e-7}  # float32 itself cannot tell more beyond 80 nats


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("model"), initializer_range=0.02)


@pytest.fixture(scope="module")
def chat(folder):
    return load_llm(f"hf:{folder}")


@torch.inference_mode()
def slow(chat, prompt, choices):
    """Encode prompt + choice, cut where the prompt's own tokens end, add up the log-softmax in double precision."""
    tokenizer, model = chat.loaded.tokenizer, chat.loaded.model
    values = []
    for choice in choices:
        body = prompt.rstrip()
        context = tokenizer.encode(body) or [tokenizer.bos_token_id]
        tail = (tokenizer.encode(prompt + choice) if body else [*context, *tokenizer.encode(prompt + choice)])[
            len(context) :
        ]
        logits = model(torch.tensor([context + tail]), use_cache=False).logits[0].double()
        logs = torch.log_softmax(logits, dim=-1)
        values.append(sum(logs[len(context) + n - 1, t].item() for n, t in enumerate(tail)))
    return values


def requests(count, *, preamble="", seed=0):
    draw = random.Random(seed)

    def words(most):
        return " ".join(draw.choices(WORDS, k=draw.randint(1, most)))

    return [
        (
            preamble + words(40) + draw.choice(["", " ", "\nAnswer:"]),
            [f" {words(6)}" for _ in range(draw.randint(1, 5))],
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("preamble", ["", "Answer each question from the passages. " * 4])
def test_equals_slow_passes(chat, preamble):
    asked = requests(12, preamble=preamble)
    found = choice_logprobs_many(chat, asked)
    for (prompt, choices), values in zip(asked, found, strict=True):
        assert values == pytest.approx(slow(chat, prompt, choices), **CLOSE)


def test_one_prompt_equals_many(chat):
    asked = requests(6, preamble="Passages follow. " * 9, seed=2)
    together = choice_logprobs_many(chat, asked)
    assert together == [pytest.approx(choice_logprobs(chat, p, c), **CLOSE) for p, c in asked]


def test_small_batches_equal_large_ones(chat):
    asked = requests(9, seed=3)
    small = chat.model_copy(update={"batch_rows": 2})
    assert choice_logprobs_many(small, asked) == [pytest.approx(v, **CLOSE) for v in choice_logprobs_many(chat, asked)]


def test_letters_take_one_pass(chat, monkeypatch):
    model, calls = chat.loaded.model, []
    forward = model.forward
    monkeypatch.setattr(model, "forward", lambda *a, **k: calls.append(1) or forward(*a, **k))
    choice_logprobs(chat, "Does aspirin help? Answer:", ["A", "B", "C"])
    assert len(calls) == 1


def test_empty_prompt_starts_with_the_first_token(chat):
    assert choice_logprobs(chat, "", ["yes", "no"]) == pytest.approx(slow(chat, "", ["yes", "no"]), **CLOSE)


def test_messages_go_through_the_template(chat):
    messages = [SystemMessage("Answer yes or no."), HumanMessage("Does it help?")]
    text = (
        "<|im_start|>system\nAnswer yes or no.<|im_end|>\n<|im_start|>user\nDoes it help?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert choice_logprobs(chat, messages, ["yes", "no"]) == choice_logprobs(chat, text, ["yes", "no"])
    assert CHATML in chat.loaded.tokenizer.chat_template


def test_recurrent_state_is_not_reused(chat, monkeypatch):
    asked = requests(3, seed=4)
    expected = choice_logprobs_many(chat, asked)
    monkeypatch.setattr("rag.loglikelihood.reusable_cache", lambda model: False)
    assert choice_logprobs_many(chat, asked) == [pytest.approx(v, **CLOSE) for v in expected]


@pytest.mark.parametrize(
    ("prompt", "choices", "says"),
    [
        ("Is it so?", ["yes", ""], "has no tokens"),
        ("Is it so?", [], "has no tokens"),
        ("word " * 1100, ["yes"], "shorten the prompt"),
    ],
)
def test_what_cannot_be_scored(chat, prompt, choices, says):
    with pytest.raises(ModelError, match=says):
        choice_logprobs(chat, prompt, choices)


def test_equals_lm_evaluation_harness(folder, chat, caplog):
    """Run on demand: pip install lm-eval beside this."""
    harness = pytest.importorskip("lm_eval.models.huggingface", reason="lm-eval is not installed", exc_type=ImportError)
    from lm_eval.api.instance import Instance

    caplog.set_level(logging.ERROR)
    peer = harness.HFLM(pretrained=str(folder), device="cpu", dtype="float32", batch_size=4)
    asked = requests(12, preamble="Answer from the passages. ", seed=7) + requests(4, seed=8)
    instances = [
        Instance("loglikelihood", {}, (prompt, choice), n) for n, (prompt, cs) in enumerate(asked) for choice in cs
    ]
    theirs = [value for value, _ in peer.loglikelihood(instances, disable_tqdm=True)]
    ours = [value for values in choice_logprobs_many(chat, asked) for value in values]
    # It adds up in float32, which rounds to 8e-6 beyond 64 nats; see the rounding of ours above.
    assert ours == pytest.approx(theirs, abs=1e-5, rel=2.4e-7)
