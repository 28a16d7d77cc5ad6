"""Published checkers by their configurations, with tiny random models: the same numbers as transformers' own calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tiny_model import make_tokenizer
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    T5Config,
    T5ForConditionalGeneration,
    T5ForTokenClassification,
)

from experiments.audit.checker import load_checker
from experiments.audit.hf_checker import HHEM_PROMPT, SUMMARY, columns
from experiments.errors import ModelCallError

PAIRS = [
    ("Quorvacept lowers pain.", "Quorvacept lowered pain in 40 of 90 adults."),
    ("Quorvacept harms the liver.", "It did not. " * 30),
    ("Bread is baked from flour and water.", "Bread is baked."),
]


def tokenizer() -> Any:
    made = make_tokenizer()
    made.add_special_tokens({"sep_token": "<|im_end|>"})
    made.model_input_names = ["input_ids", "attention_mask"]
    return made


def save(folder: Path, model: Any) -> Path:
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def bert(kind: Any, **fields: Any) -> Any:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer()),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=300,
        initializer_range=0.5,
        **fields,
    )
    return kind(config).eval()


def t5(kind: Any, **fields: Any) -> Any:
    torch.manual_seed(0)
    made = tokenizer()
    shape = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2}
    ids = {"pad_token_id": made.pad_token_id, "eos_token_id": made.eos_token_id, "decoder_start_token_id": 0}
    return kind(T5Config(vocab_size=len(made), **shape, **ids, **fields)).eval()


def plainly(model: Any, *texts: str) -> torch.Tensor:
    """One example by itself, as the model's own documentation calls it."""
    with torch.inference_mode():
        return model(**tokenizer()(*texts, return_tensors="pt")).logits  # type: ignore[no-any-return]


def test_an_nli_cross_encoder_by_its_labels(tmp_path: Path) -> None:
    labels = {0: "contradiction", 1: "ENTAILMENT", 2: "neutral"}
    model = bert(BertForSequenceClassification, num_labels=3, id2label=labels)
    scores = load_checker(f"hf:{save(tmp_path / 'nli', model)}").scores(PAIRS)
    expected = [plainly(model, evidence, claim).softmax(-1)[0][[1, 0, 2]].numpy() for claim, evidence in PAIRS]
    assert scores.dtype == np.float32
    assert np.allclose(scores, expected, atol=1e-5)
    assert np.allclose(scores.sum(1), 1, atol=1e-5)


def test_a_checker_of_two_labels_knows_no_contradiction(tmp_path: Path) -> None:
    labels = {0: "entailment", 1: "not_entailment"}
    model = bert(BertForSequenceClassification, num_labels=2, id2label=labels)
    scores = load_checker(f"hf:{save(tmp_path / 'two', model)}").scores(PAIRS)
    assert np.allclose(scores[:, 0], [plainly(model, e, c).softmax(-1)[0, 0] for c, e in PAIRS], atol=1e-5)
    assert (scores[:, 1] == 0).all()


def test_minicheck_joins_evidence_and_claim(tmp_path: Path) -> None:
    model = bert(BertForSequenceClassification, num_labels=2)
    scores = load_checker(f"hf:{save(tmp_path / 'MiniCheck-tiny', model)}").scores(PAIRS)
    mark = tokenizer().eos_token
    assert np.allclose(scores[:, 0], [plainly(model, f"{e}{mark}{c}").softmax(-1)[0, 1] for c, e in PAIRS], atol=1e-5)


def test_minicheck_t5_reads_one_against_zero(tmp_path: Path) -> None:
    model = t5(T5ForConditionalGeneration)
    scores = load_checker(f"hf:{save(tmp_path / 'MiniCheck-T5', model)}").scores(PAIRS)
    made, expected = tokenizer(), []
    for claim, evidence in PAIRS:
        encoded = made(f"predict: {evidence}{made.eos_token}{claim}", return_tensors="pt")
        with torch.inference_mode():
            logits = model(**encoded, decoder_input_ids=torch.tensor([[0]])).logits[0, 0]
        expected.append(float(logits[[3, 209]].softmax(-1)[1]))
    assert np.allclose(scores[:, 0], expected, atol=1e-5)


def test_hhem_one_is_a_single_logit(tmp_path: Path) -> None:
    model = bert(BertForSequenceClassification, num_labels=1)
    scores = load_checker(f"hf:{save(tmp_path / 'hhem', model)}").scores(PAIRS)
    assert np.allclose(scores[:, 0], [plainly(model, e, c).sigmoid()[0, 0] for c, e in PAIRS], atol=1e-5)


def test_hhem_two_is_read_at_its_first_token(tmp_path: Path) -> None:
    model = t5(T5ForTokenClassification, num_labels=2)
    foundation, folder = save(tmp_path / "foundation", model), tmp_path / "checker"
    folder.mkdir()
    save_file({f"t5.{key}": value.clone() for key, value in model.state_dict().items()}, folder / "model.safetensors")
    config = {"model_type": "HHEMv2Config", "foundation": str(foundation), "architectures": ["HHEMv2Model"]}
    (folder / "config.json").write_text(json.dumps(config))
    scores = load_checker(f"hf:{folder}").scores(PAIRS)
    texts = [HHEM_PROMPT.format(text1=evidence, text2=claim) for claim, evidence in PAIRS]
    assert np.allclose(scores[:, 0], [plainly(model, text)[0, 0].softmax(-1)[1] for text in texts], atol=1e-5)


def test_hhem_two_with_other_weights_is_refused(tmp_path: Path) -> None:
    foundation, folder = save(tmp_path / "foundation", t5(T5ForTokenClassification, num_labels=2)), tmp_path / "checker"
    folder.mkdir()
    save_file({"something": torch.zeros(1)}, folder / "model.safetensors")
    config = {"model_type": "HHEMv2Config", "foundation": str(foundation)}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelCallError, match="not HHEM 2's form"):
        load_checker(f"hf:{folder}")


def test_lettucedetect_counts_the_worst_token_of_the_claim(tmp_path: Path) -> None:
    model = bert(BertForTokenClassification, num_labels=2)
    scores = load_checker(f"hf:{save(tmp_path / 'lettuce', model)}").scores(PAIRS)
    expected = []
    for claim, evidence in PAIRS:
        encoded = tokenizer()(SUMMARY.format(text=evidence), claim, return_tensors="pt")
        chances = plainly(model, SUMMARY.format(text=evidence), claim).softmax(-1)[0, :, 1]
        expected.append(1 - max(float(chances[n]) for n, part in enumerate(encoded.sequence_ids(0)) if part == 1))
    assert np.allclose(scores[:, 0], expected, atol=1e-5)


def test_no_evidence_settles_nothing(tmp_path: Path) -> None:
    labels = {0: "contradiction", 1: "entailment", 2: "neutral"}
    model = bert(BertForSequenceClassification, num_labels=3, id2label=labels)
    checker = load_checker(f"hf:{save(tmp_path / 'nli', model)}")
    assert checker.scores([("Quorvacept lowers pain.", " ")]).tolist() == [[0, 0, 1]]
    assert checker.scores([]).shape == (0, 3)


def test_a_long_abstract_is_read_in_windows_and_the_most_decided_counts(tmp_path: Path) -> None:
    labels = {0: "contradiction", 1: "entailment", 2: "neutral"}
    checker = load_checker(
        f"hf:{save(tmp_path / 'nli', bert(BertForSequenceClassification, num_labels=3, id2label=labels))}"
    )
    sentences = [f"Sentence {n} says that bread number {n} is baked from flour and cold water here." for n in range(25)]
    windows = [" ".join(sentences[n : n + 5]) for n in range(0, 24, 4)]
    claim = "Bread is baked."
    each = checker.scores([(claim, window) for window in windows])
    assert np.allclose(checker.scores([(claim, " ".join(sentences))])[0], each[each[:, 2].argmin()], atol=1e-5)


def test_evidence_of_many_tokens_is_read_in_parts_so_that_the_claim_is_never_cut_off(tmp_path: Path) -> None:
    """MiniCheck and HHEM have the claim last: 250 words full of numbers filled all the room, and any claim was one."""
    model = bert(BertForSequenceClassification, num_labels=2)
    checker = load_checker(f"hf:{save(tmp_path / 'MiniCheck-tiny', model)}")
    evidence = " ".join(f"{n}.{n * 7919 % 100003}%" for n in range(240))
    scored: list[tuple[str, str]] = []
    own = checker._score  # type: ignore[attr-defined]
    checker._score = lambda pairs: scored.extend(pairs) or own(pairs)  # type: ignore[attr-defined]
    claims = [claim for claim, _ in PAIRS]
    scores = checker.scores([(claim, evidence) for claim in claims])
    mark = tokenizer().eos_token
    for row, claim in zip(scores, claims, strict=True):
        parts = [part for about, part in scored if about == claim]
        assert all(len(tokenizer()(f"{part}{mark}{claim}")["input_ids"]) <= 298 for part in parts)
        assert {word for part in parts for word in part.split()} == set(evidence.split())
        best = max(float(plainly(model, f"{part}{mark}{claim}").softmax(-1)[0, 1]) for part in parts)
        assert row[0] == pytest.approx(best, abs=1e-5)
    assert len(set(scores[:, 0].tolist())) == 3


def test_unknown_labels_are_an_error_and_never_guessed(tmp_path: Path) -> None:
    model = bert(BertForSequenceClassification, num_labels=3)
    with pytest.raises(ModelCallError, match=r"LABEL_0, LABEL_1, LABEL_2.*id2label"):
        load_checker(f"hf:{save(tmp_path / 'anything', model)}")
    with pytest.raises(ModelCallError, match="says supported"):
        columns({0: "neutral", 1: "contradiction"}, "x")
    assert columns({0: "SUPPORTS", 1: "REFUTES", 2: "NOT ENOUGH INFO".replace(" ", "_")}, "x") == [0, 1, 2]
    with pytest.raises(ModelCallError, match="more than one"):
        columns({0: "supported", 1: "entailment"}, "x")


@pytest.mark.parametrize(
    ("no", "yes"),
    [
        ("inconsistent", "consistent"),
        ("not_supported", "supported"),
        ("UNTRUE", "TRUE"),
        ("NON_ENTAILMENT", "ENTAILMENT"),
        ("not entailed", "entailed"),
        ("unsupported", "supported"),
    ],
)
def test_a_denied_label_does_not_support(no: str, yes: str) -> None:
    assert columns({0: no, 1: yes}, "x") == [2, 0]


def test_what_is_no_classifier_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelCallError, match="is no classifier"):
        load_checker(f"hf:{save(tmp_path / 'writer', t5(T5ForConditionalGeneration))}")
    with pytest.raises(ModelCallError, match="cannot load the checker"):
        load_checker(f"hf:{tmp_path / 'nowhere'}")
