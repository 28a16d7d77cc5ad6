"""BERT encoders run by OpenVINO, straight from the weights' file: torch is not needed, nor a converter.

The graph is written here, and not exported: a legacy ONNX export of this very model differs by 0.078 once its input is
padded. `parity` holds it against sentence-transformers on each machine before it is used.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

BATCH_TOKENS = 4096  # of a batch, padding included: more is no faster, and takes more memory
_MEAN, _CLS = ("pooling_mode_mean_tokens",), ("pooling_mode_cls_token",)
_MODULES = ("Transformer", "Pooling", "Normalize")


@dataclass(frozen=True, slots=True)
class Bert:
    """What the folder of a sentence-transformers model says about a BERT in it."""

    folder: Path
    layers: int
    heads: int
    hidden: int
    epsilon: float
    pooling: str
    max_tokens: int

    @staticmethod
    def find(folder: Path) -> Bert | None:
        """Read a folder; None if what it holds is anything but a plain BERT with mean or CLS pooling."""
        try:
            modules = [m["type"].rpartition(".")[2] for m in _json(folder / "modules.json")]
            config = _json(folder / "config.json")
            pooling = _json(folder / "1_Pooling" / "config.json")
            prompts = _json(folder / "config_sentence_transformers.json").get("prompts") or {}
            tokens = _json(folder / "sentence_bert_config.json").get("max_seq_length")  # by older versions
            tokens = tokens or _json(folder / "tokenizer_config.json").get("model_max_length")
        except (OSError, ValueError, KeyError, TypeError):
            return None
        older = [name for name, on in pooling.items() if on is True and name.startswith("pooling_mode_")]
        mode = pooling.get("pooling_mode") or {_MEAN: "mean", _CLS: "cls"}.get(tuple(older))
        plain = (
            (folder / "model.safetensors").is_file()
            and (folder / "tokenizer.json").is_file()
            and tuple(modules) in (_MODULES, _MODULES[:2])
            and config.get("model_type") == "bert"
            and config.get("hidden_act") == "gelu"
            and config.get("position_embedding_type", "absolute") == "absolute"
            and not any(prompts.values())
        )
        if not plain or mode not in ("mean", "cls"):
            return None
        return Bert(
            folder,
            config["num_hidden_layers"],
            config["num_attention_heads"],
            config["hidden_size"],
            config["layer_norm_eps"],
            mode,
            min(tokens or 512, config["max_position_embeddings"]),
        )


class Runner:
    """A BERT compiled for this processor: documents in `precision`, queries in float32. Threads take turns."""

    def __init__(self, bert: Bert, *, max_tokens: int, precision: str):
        from tokenizers import Tokenizer

        self._bert = bert
        self._precision = precision
        self._tokenizer = Tokenizer.from_file(str(bert.folder / "tokenizer.json"))
        self._tokenizer.no_padding()  # MiniLM's file asks for 128 tokens, whatever the text
        self._tokenizer.enable_truncation(max_tokens)
        self._turn = Lock()  # a request has one output, which the next inference overwrites

    @cached_property
    def _documents(self) -> Any:
        return compile_bert(self._bert, self._precision)

    @cached_property
    def _queries(self) -> Any:
        return self._documents if self._precision == "float32" else compile_bert(self._bert, "float32")

    def run(self, texts: Sequence[str], *, query: bool) -> NDArray[np.float32]:
        """Return one pooled row per text, not normalised."""
        tokens = [np.array(e.ids, dtype=np.int32) for e in self._tokenizer.encode_batch(list(texts))]
        rows = np.empty((len(tokens), self._bert.hidden), dtype=np.float32)
        for batch in batches([len(t) for t in tokens]):
            ids = np.zeros((len(batch), len(tokens[batch[0]])), dtype=np.int32)
            mask = np.zeros(ids.shape, dtype=np.float32)
            for row, i in enumerate(batch):
                ids[row, : len(tokens[i])] = tokens[i]
                mask[row, : len(tokens[i])] = 1
            with self._turn:
                request = self._queries if query else self._documents
                rows[batch] = request.infer([ids, mask], share_inputs=True)[0]
        return rows


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the positions of texts, the longest first, in batches of BATCH_TOKENS with their padding."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    while order:
        size = max(1, BATCH_TOKENS // max(lengths[order[0]], 1))
        yield order[:size]
        order = order[size:]


def _openvino() -> Any:
    """Import OpenVINO without its usage reports, which it sends to an analytics service as it is imported."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] # None: it cannot be imported
    import openvino

    return openvino


def precisions() -> tuple[str, ...]:
    """Return what this processor multiplies in hardware, the quickest first."""
    return (
        ("bfloat16", "float32")
        if "BF16" in _openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        else ("float32",)
    )


def compile_bert(bert: Bert, precision: str) -> Any:
    """Return an OpenVINO request that takes ids and mask, [n, tokens] each, and gives [n, hidden]."""
    settings = {
        "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
        "INFERENCE_NUM_THREADS": _threads(),
        "NUM_STREAMS": 1,
    }
    return _openvino().Core().compile_model(_graph(bert), "CPU", settings).create_infer_request()


def _graph(bert: Bert) -> Any:
    from safetensors.numpy import load_file

    ov = _openvino()
    op = ov.opset13
    weights = {
        name.removeprefix("bert."): array for name, array in load_file(bert.folder / "model.safetensors").items()
    }

    def weight(name: str) -> Any:
        return op.constant(weights[name].astype(np.float32, copy=False))

    def linear(x: Any, name: str) -> Any:
        product = op.matmul(x, weight(f"{name}.weight"), False, True)
        return op.add(product, weight(f"{name}.bias"))

    def norm(x: Any, name: str) -> Any:
        x = op.mvn(x, np.array([-1]), True, bert.epsilon, "inside_sqrt")
        return op.add(op.multiply(x, weight(f"{name}.weight")), weight(f"{name}.bias"))

    def heads(x: Any) -> Any:  # [n, tokens, hidden] → [n, heads, tokens, hidden / heads]
        x = op.reshape(x, np.array([0, 0, bert.heads, bert.hidden // bert.heads]), True)
        return op.transpose(x, np.array([0, 2, 1, 3]))

    ids = op.parameter([-1, -1], np.int32, "ids")
    mask = op.parameter([-1, -1], np.float32, "mask")
    length = op.gather(op.shape_of(ids), np.array(1), np.array(0))
    places = op.range(np.array(0), length, np.array(1), "i64")
    x = op.gather(weight("embeddings.word_embeddings.weight"), ids, np.array(0))
    x = op.add(x, op.gather(weight("embeddings.position_embeddings.weight"), places, np.array(0)))
    x = op.add(x, op.constant(weights["embeddings.token_type_embeddings.weight"][0]))
    x = norm(x, "embeddings.LayerNorm")
    hidden_from_all = op.multiply(  # [n, 1, 1, tokens]: 0 for a token, −10,000 for padding
        op.subtract(op.unsqueeze(mask, np.array([1, 2])), np.float32(1)), np.float32(10_000)
    )
    for n in range(bert.layers):
        at = f"encoder.layer.{n}."
        q, k, v = (heads(linear(x, f"{at}attention.self.{part}")) for part in ("query", "key", "value"))
        seen = op.transpose(op.scaled_dot_product_attention(q, k, v, hidden_from_all), np.array([0, 2, 1, 3]))
        seen = op.reshape(seen, np.array([0, 0, bert.hidden]), True)
        x = norm(op.add(linear(seen, f"{at}attention.output.dense"), x), f"{at}attention.output.LayerNorm")
        inner = op.gelu(linear(x, f"{at}intermediate.dense"), "erf")
        x = norm(op.add(linear(inner, f"{at}output.dense"), x), f"{at}output.LayerNorm")
    if bert.pooling == "cls":
        pooled = op.gather(x, np.array(0), np.array(1))
    else:
        weighed = op.reduce_sum(op.multiply(x, op.unsqueeze(mask, np.array([2]))), np.array([1]))
        pooled = op.divide(weighed, op.reduce_sum(mask, np.array([1]), keep_dims=True))
    return ov.Model([op.result(pooled)], [ids, mask])


def _threads() -> int:
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, int(os.environ.get("OMP_NUM_THREADS") or allowed))


def _json(path: Path) -> Any:
    return orjson.loads(path.read_bytes())
