"""Which engine computes the vectors of a model on this machine: the quickest that agrees with torch in float32.

An engine is compared on texts of very different lengths, embedded in one padded batch by the one and each alone by
the other. The verdict is kept per machine, since the comparison loads torch and takes seconds.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from .bert import Bert, Runner, precisions
from .encoders import Encoder, EncoderInfo, Role, SentenceEncoder, Vectors, folder_revision, unit
from .storage import write_atomically

COSINE = 0.9999  # the least, over all probes; what bfloat16 really reaches is 0.99997
_WORDS = "the mean change in blood pressure did not differ between groups at 12 weeks (95% CI −3.1 to 0.4; P=0.13)"
PROBES = tuple(f"A trial of {n} words.\n" + " ".join((_WORDS.split() * 40)[:n]) for n in (1, 9, 60, 180, 330, 700))


class BertEncoder:
    """A sentence-transformers model whose BERT is run by OpenVINO; its vectors may be mixed with torch's."""

    def __init__(self, bert: Bert, *, name: str, precision: str, max_tokens: int | None = None):
        tokens = max_tokens or bert.max_tokens
        self._runner = Runner(bert, max_tokens=tokens, precision=precision)
        self.info = EncoderInfo(
            name=name,
            revision=folder_revision(bert.folder),
            dimension=bert.hidden,
            pooling=bert.pooling,
            max_tokens=tokens,
            precision=precision,
            backend=f"openvino {version('openvino')}",
        )

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        # A query is short, and stays in full precision.
        return unit(self._runner.run([t.strip() for t in texts], query=role == "query"))


def load_local(folder: Path, *, name: str, max_tokens: int | None = None) -> Encoder:
    """Load the sentence-transformers model in a folder, to be run by OpenVINO where that is there and agrees.

    Raises:
        EncoderError: the folder holds no model.
    """
    bert = None if has_gpu() or not _has_openvino() else Bert.find(folder)
    if bert is None:
        return SentenceEncoder(str(folder), name=name, max_tokens=max_tokens)
    for precision in precisions():
        encoder = BertEncoder(bert, name=name, precision=precision, max_tokens=max_tokens)
        cosine = _verdict(encoder, folder)
        if cosine >= COSINE:
            return encoder
        logging.getLogger(__name__).warning(
            f"OpenVINO in {precision} is not used for {name}: cosine {cosine:.5f} to float32, less than {COSINE}"
        )
    return SentenceEncoder(str(folder), name=name, max_tokens=max_tokens)


def _verdict(encoder: BertEncoder, folder: Path) -> float:
    """Return the cosine measured on this machine, now or earlier."""
    info = encoder.info
    machine = (platform.machine(), _processor(), version("openvino"), version("tokenizers"))
    key = hashlib.sha256(orjson.dumps([info.fingerprint, info.precision, PROBES, *machine])).hexdigest()[:16]
    path = _home() / "parity" / f"{key}.json"
    with suppress(OSError, orjson.JSONDecodeError, KeyError, TypeError):
        return float(orjson.loads(path.read_bytes())["cosine"])
    cosine = measure(encoder, SentenceEncoder(str(folder), name=info.name, max_tokens=info.max_tokens))
    with suppress(OSError):  # a home that cannot be written to costs seconds each time, no more
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, orjson.dumps({"cosine": cosine, "model": info.name, "precision": info.precision}))
    return cosine


def measure(encoder: Encoder, reference: Encoder) -> float:
    """Return the least cosine of documents in one padded batch to the reference's float32, each text alone."""
    alone = np.concatenate([reference.encode([text], "query") for text in PROBES])
    batch = encoder.encode(PROBES, "document")
    return float((batch * alone).sum(axis=1).min())


def has_gpu() -> bool:
    """Tell whether torch sees a CUDA device; torch is loaded only where the machine has a driver."""
    if not Path("/dev/nvidiactl").exists() and os.name != "nt":
        return False
    import torch

    return bool(torch.cuda.is_available())


def _has_openvino() -> bool:
    try:
        version("openvino")
    except PackageNotFoundError:
        return False
    return True


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line
    return platform.processor()


def _home() -> Path:
    from platformdirs import user_cache_path

    given: Any = os.environ.get("CLINRAG_HOME")
    return Path(given) if given else user_cache_path("clinrag", appauthor=False)
