"""Oracles: a greedy loop without cache, padding or batch; brute force over the definitions."""

from __future__ import annotations

import functools
import random

import pytest
import torch
import transformers
from tiny_model import make_model
from transformers import AutoModelForCausalLM, MistralConfig, MistralForCausalLM

from rag.hf_batching import (
    Decoding,
    Output,
    Row,
    generate_rows,
    pad_left,
    plan_batches,
    prefill,
    reusable_cache,
    shared_prefix,
)
from rag.hf_memory import bytes_per_token, generate_continuously

GREEDY = Decoding(end_ids=(2,), pad_id=3)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = make_model(tmp_path_factory.mktemp("model"))
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def rows_of(lengths, *, new=24, prefix=(), seed=0):
    draw = random.Random(seed)
    return [Row([*prefix, *(draw.randrange(4, 700) for _ in range(n))], new) for n in lengths]


@torch.inference_mode()
def slow(model, row: Row, ends=(2,)) -> Output:
    """Write greedily, running the whole text anew for every token."""
    ids = list(row.ids)
    for _ in range(row.new):
        token = int(model(torch.tensor([ids]), use_cache=False).logits[0, -1].argmax())
        if token in ends:
            return Output(ids[len(row.ids) :], "stop")
        ids.append(token)
    return Output(ids[len(row.ids) :], "length")


def test_batch_equals_slow_loop(model):
    rows = rows_of([3, 40, 1, 17, 17, 90])
    assert generate_rows(model, rows, GREEDY, tokens=10_000, most=4) == [slow(model, r) for r in rows]


def test_common_beginning_equals_slow_loop(model):
    rows = rows_of([3, 40, 1, 17], prefix=rows_of([60], seed=5)[0].ids)
    assert shared_prefix([r.ids for r in rows]) == 60
    assert generate_rows(model, rows, GREEDY, tokens=10_000, most=3) == [slow(model, r) for r in rows]


def test_rows_leave_the_batch_when_they_end(model):
    rows = rows_of([5, 9, 30, 12, 7], new=80)
    free = [slow(model, r, ends=()).ids for r in rows]
    # Tokens that some row writes early and others late or never, so that rows end in different segments.
    ends = (free[0][3], free[1][40], free[2][70])
    decoding = Decoding(end_ids=ends, pad_id=3)
    expected = [slow(model, r, ends) for r in rows]
    assert len({len(e.ids) // 32 for e in expected}) > 1
    assert generate_rows(model, rows, decoding, tokens=10_000, most=8) == expected


def test_sliding_windows_run_without_reuse():
    torch.manual_seed(1)
    config = MistralConfig(
        vocab_size=700, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, sliding_window=8, initializer_range=0.5, max_position_embeddings=256,
    )  # fmt: skip
    model = MistralForCausalLM(config).eval()
    rows = rows_of([3, 30, 12], new=40, prefix=range(100, 120))
    assert not reusable_cache(model)
    assert generate_rows(model, rows, GREEDY, tokens=10_000, most=8) == [slow(model, r) for r in rows]


def test_padding_does_not_change_logits(model):
    rows = [r.ids for r in rows_of([3, 50, 20], prefix=range(200, 220))]
    ids, mask = pad_left(rows, 3, prefix=20)
    cache = prefill(model, rows[0][:20])
    cache.batch_repeat_interleave(3)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    with torch.inference_mode():
        padded = model(ids[:, 20:], attention_mask=mask, position_ids=positions[:, 20:], past_key_values=cache).logits
        for n, row in enumerate(rows):
            alone = model(torch.tensor([row])).logits[0, -1]
            torch.testing.assert_close(padded[n, -1], alone, rtol=1e-5, atol=1e-4)


def test_plan_keeps_every_row_once_and_the_limits():
    draw = random.Random(3)
    for _ in range(200):
        rows = [Row([0] * draw.randint(1, 50), draw.choice([8, 8, 8, 3])) for _ in range(draw.randint(0, 30))]
        tokens, most = draw.randint(20, 400), draw.randint(1, 9)
        batches = plan_batches(rows, tokens=tokens, most=most)
        assert sorted(n for b in batches for n in b) == list(range(len(rows)))
        for batch in batches:
            longest = max(len(rows[n].ids) for n in batch)
            assert len(batch) == 1 or len(batch) * (longest + rows[batch[0]].new) <= tokens
            assert len(batch) <= most
            assert len({rows[n].new for n in batch}) == 1


def test_shared_prefix_equals_brute_force():
    draw = random.Random(4)
    for _ in range(300):
        rows = [[draw.randint(0, 1) for _ in range(draw.randint(1, 6))] for _ in range(draw.randint(1, 4))]
        shortest = min(len(r) for r in rows)
        brute = max(n for n in range(shortest) if all(r[:n] == rows[0][:n] for r in rows))
        assert shared_prefix(rows) == brute
    assert shared_prefix([]) == 0


def test_breaking_off_stops_at_once(model):
    seen: list[int] = []
    decoding = Decoding(end_ids=(), pad_id=3, on_token=lambda t: seen.append(t) or len(seen) < 5)
    output = generate_rows(model, rows_of([6], new=100), decoding, tokens=1, most=1)[0]
    assert output.ids == seen
    assert len(seen) == 5


def test_sampling_is_repeatable_and_differs_by_seed(model):
    def draw(seed):
        sampled = Decoding(end_ids=(2,), pad_id=3, temperature=1.5, seed=seed)
        return generate_rows(model, rows_of([6, 8]), sampled, tokens=10_000, most=8)

    assert draw(1) == draw(1) != draw(2)


def test_bytes_per_token_equal_the_cache(model):
    cache = prefill(model, list(range(4, 24)))
    held = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
    assert bytes_per_token(model) == held // 20


def test_half_the_batch_after_running_out_of_memory(model, monkeypatch):
    rows, whole = rows_of([3, 5, 7, 9]), model.generate

    def scarce(*, input_ids, **keywords):
        if len(input_ids) > 2:
            raise torch.OutOfMemoryError("no room")
        return whole(input_ids=input_ids, **keywords)

    monkeypatch.setattr(model, "generate", scarce)
    outputs = generate_rows(model, rows, GREEDY, tokens=10_000, most=8)
    assert outputs == [slow(model, r) for r in rows]


def test_one_row_without_memory_is_an_error(model, monkeypatch):
    def full(**keywords):
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(model, "generate", full)
    with pytest.raises(torch.OutOfMemoryError):
        generate_rows(model, rows_of([3]), GREEDY, tokens=10_000, most=8)


@pytest.mark.slow
def test_continuous_batching_equals_slow_loop(model, monkeypatch):
    small = functools.partial(transformers.ContinuousBatchingConfig, num_blocks=32, max_batch_tokens=256)
    monkeypatch.setattr("transformers.ContinuousBatchingConfig", small)  # by default it fills the machine's memory
    rows = rows_of([3, 40, 17])
    assert generate_continuously(model, rows, GREEDY) == [slow(model, r) for r in rows]
    assert generate_continuously(model, [], GREEDY) == []
