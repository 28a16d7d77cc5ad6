"""An index of a million documents: dense search against flat FAISS, opening, memory, filters.

CLINRAG_BENCH_DOCUMENTS sets another size. CLINRAG_BENCH_VECTORS names a folder with `vectors.npy` [n, d] and
`queries.npy` [m, d] of a real encoder; without it both are made up of clusters, which are easier to search. Texts are
made up in either case: 60 words, as frequent as in English (Zipf).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from indexes.assemble import assemble
from indexes.dense import Dense
from indexes.document import Document, Section, to_dict
from indexes.encoders import EncoderInfo, Role, Vectors, unit
from indexes.index import Index
from indexes.mapping import silent
from indexes.shards import Shard
from indexes.vectors import DenseIndex, Slice

DIMENSION, PER_SHARD, SEARCHES, MIB = 384, 50_000, 200, 1 << 20


class Numbered:
    """An encoder for the made-up questions "question 17", whose vector is the 17th query."""

    info = EncoderInfo("numbered", "1", DIMENSION, "none", 512)

    def __init__(self, folder: Path):
        self._queries = unit(np.load(folder / "queries.npy"))

    def encode(self, texts: list[str], role: Role) -> Vectors:
        return self._queries[[int(text.split()[-1]) for text in texts]]


def rows() -> Iterator[dict[str, Any]]:
    documents = int(os.environ.get("CLINRAG_BENCH_DOCUMENTS", "1_000_000"))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        kind = write_vectors(folder, documents)
        write_shards(folder / "index", np.load(folder / "vectors.npy", mmap_mode="r"))
        name = f"{documents:,} documents, {kind} vectors"
        built = in_process(folder, "build")
        yield row(f"assembling: peak memory; {name}", built["peak"], 2048, "MiB, target", 1, lower=True)
        opened = [in_process(folder, "open") for _ in range(5)]
        yield row(f"opening; {name}", min(o["ms"] for o in opened), 100, "ms, target", 5, lower=True)
        resident = max(o["resident"] for o in opened)
        yield row(f"resident after ten hybrid searches; {name}", resident, 300, "MiB, target", 5, lower=True)
        with Index(folder / "index", encoder=Numbered(folder)) as index:
            yield from searches(index._dense, unit(np.load(folder / "queries.npy")), name)


def searches(index: DenseIndex, queries: Vectors, name: str) -> Iterator[dict[str, Any]]:
    """Compare with flat FAISS, one query at a time on one thread, in turns, and with brute force over slices."""
    import faiss

    faiss.omp_set_num_threads(1)
    flat = faiss.IndexFlatIP(DIMENSION)
    for _, block in index.blocks():
        flat.add(block)
    probe = queries[1 :: max(1, len(queries) // SEARCHES)][:SEARCHES]
    ours, peer, found, truth = [], [], [], []
    for query in probe:
        ours.append(timed(lambda q=query: found.append(index.nearest(q[None], 10)[1][0])))
        if len(peer) < 40:
            peer.append(timed(lambda q=query: truth.append(flat.search(q[None], 10)[1][0])))
    recall = overlap(found[: len(truth)], truth)
    unit_name = f"ms a query (median), recall@10 {recall:.3f}"
    yield row(f"dense search; {name}", float(np.median(ours)), float(np.median(peer)), unit_name, 40, lower=True)
    rng = np.random.default_rng(1)
    for share in (0.05, 0.001):
        mask = rng.random(len(index)) < share
        scores = np.where(mask, flat_scores(index, probe[:40]), -np.inf)
        right = np.argpartition(-scores, 10, axis=1)[:, :10]
        among = Slice.of(mask)
        got = [index.nearest(q[None], 10, among=among)[1][0] for q in probe[:40]]
        assert all((g >= 0).all() and mask[g].all() for g in got)
        yield row(f"filter admits {share:.1%}; {name}", overlap(got, right), 0.99, "recall@10, target", 40)


def flat_scores(index: DenseIndex, queries: Vectors) -> NDArray[np.float32]:
    return np.concatenate([queries @ block.T for _, block in index.blocks()], axis=1)


def overlap(found: Any, truth: Any) -> float:
    return float(np.mean([len(set(map(int, f)) & set(map(int, t))) / 10 for f, t in zip(found, truth, strict=True)]))


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


def row(name: str, ours: float, peer: float, unit: str, runs: int, *, lower: bool = False) -> dict[str, Any]:
    ratio = peer / ours if lower else ours / peer
    return {"name": name, "ours": ours, "peer": peer, "unit": unit, "ratio": ratio, "runs": runs}


def write_vectors(folder: Path, documents: int) -> str:
    """Write `vectors.npy` (float16) and `queries.npy`; return what kind they are."""
    if given := os.environ.get("CLINRAG_BENCH_VECTORS"):
        vectors = np.load(Path(given) / "vectors.npy", mmap_mode="r")[:documents]
        np.save(folder / "vectors.npy", np.asarray(vectors, np.float16))
        np.save(folder / "queries.npy", np.load(Path(given) / "queries.npy"))
        return "given"
    rng = np.random.default_rng(0)
    topics = rng.normal(size=(max(20, documents // 400), DIMENSION)).astype(np.float32)

    def near(count: int, spread: float) -> NDArray[np.float32]:
        return topics[rng.integers(0, len(topics), count)] + spread * rng.normal(size=(count, DIMENSION)).astype("f4")

    vectors = np.lib.format.open_memmap(
        folder / "vectors.npy", mode="w+", dtype=np.float16, shape=(documents, DIMENSION)
    )
    for start in range(0, documents, PER_SHARD):
        vectors[start : start + PER_SHARD] = unit(near(min(PER_SHARD, documents - start), 0.8))
    vectors.flush()
    np.save(folder / "queries.npy", unit(near(1000, 1.2)))
    return "clustered"


def write_shards(directory: Path, vectors: NDArray[np.float16]) -> None:
    """Write what the map step would have, without embedding."""
    rng = np.random.default_rng(2)
    for start in range(0, len(vectors), PER_SHARD):
        block = vectors[start : start + PER_SHARD]
        path = directory / "shards" / f"{start:032d}"
        path.mkdir(parents=True)
        words = np.minimum(rng.zipf(1.2, size=(len(block), 60)), 200_000)
        with (path / "documents.ndjson").open("wb") as stream:
            for n, line in enumerate(words.tolist(), start):
                text = Section("", " ".join(f"w{word}" for word in line))
                document = Document(pmid=str(3 * n + 1), title=f"Paper {n}", sections=(text,), date=str(1980 + n % 45))
                stream.write(orjson.dumps(to_dict(document)) + b"\n")
        np.ascontiguousarray(block, "<f2").tofile(path / "vectors.f16")
        counts = {"records": len(block), "documents": len(block), "vectors": len(block), "deletions": 0, "reused": 0}
        about = {"source": f"{start}.xml", "sha256": "", "bytes": 0, "dimension": DIMENSION, "files": {}}
        meta = counts | about | {"skipped": {}, "problems": [], "damage": ""}
        (path / "shard.json").write_bytes(orjson.dumps(meta))
    lines = (json.dumps({"question": f"question {n}"}) + "\n" for n in range(1000))
    (directory.parent / "questions.jsonl").write_text("".join(lines))


def in_process(folder: Path, step: str) -> dict[str, float]:
    """Run a step in a process of its own, so that its memory is its own."""
    command = [sys.executable, __file__, step, str(folder)]
    ran = subprocess.run(command, capture_output=True, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    return json.loads(ran.stdout)


def build_step(folder: Path) -> dict[str, float]:
    import resource

    paths = sorted((folder / "index" / "shards").iterdir())
    shards = [Shard(path, orjson.loads((path / "shard.json").read_bytes())) for path in paths]
    dense = Dense(questions=folder / "questions.jsonl")
    assemble(folder / "index", shards, encoder=Numbered(folder), report=silent, dense=dense)
    return {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def open_step(folder: Path) -> dict[str, float]:
    encoder = Numbered(folder)
    started = time.perf_counter()
    index = Index(folder / "index", encoder=encoder)
    ms = 1000 * (time.perf_counter() - started)
    for n in range(10):
        index.search(f"w{n + 50} w{3 * n + 900} question {n}", 10)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {"ms": ms, "resident": pages * os.sysconf("SC_PAGE_SIZE") / MIB}


if __name__ == "__main__":
    if len(sys.argv) == 3:
        steps = {"build": build_step, "open": open_step}
        print(json.dumps(steps[sys.argv[1]](Path(sys.argv[2]))))
    else:
        for measured in rows():
            print(json.dumps(measured))
