"""The dense index: every factory, filter and update against brute force in numpy."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray
from statsmodels.stats.proportion import proportion_confint

from indexes import IndexesError
from indexes.factories import choose_factory, drop_and_renumber, gpus, make_empty, train, training_rows
from indexes.tuning import Probe, recalls, settle, wilson
from indexes.vectors import DenseIndex, Effort, Slice, write_rows

N, DIMENSION = 6000, 32
FACTORIES = [
    "Flat",
    "SQfp16",
    "SQ8",
    "IVF64,SQ8",
    "IVF64,Flat",
    "IVF64_HNSW32,SQ8",
    "IVF64,PQ8x4fs",
    "IVF64_HNSW32,PQ8x4fs",
    "IVF64,RaBitQ",
    "IVF64_HNSW32,RaBitQfs",
]
Rows = NDArray[np.float32]


def normalised(rows: NDArray[np.floating]) -> Rows:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def data() -> tuple[Rows, Rows]:
    """Documents around 40 centres, as float16 keeps them, and queries between them."""
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(40, DIMENSION))
    rows = normalised(centres[rng.integers(0, 40, N)] + rng.normal(size=(N, DIMENSION)))
    queries = normalised(centres[rng.integers(0, 40, 60)] + 1.5 * rng.normal(size=(60, DIMENSION)))
    return normalised(rows.astype(np.float16).astype(np.float64)), queries


def write(folder: Path, rows: Rows, factory: str) -> Path:
    folder.mkdir()
    np.save(folder / "pmids.npy", np.arange(len(rows)) * 7 + 100)
    write_rows(folder / "vectors.f16", [rows.astype(np.float16)])
    index = make_empty(factory, rows.shape[1])
    if not index.is_trained:
        train(index, rows[training_rows(index, len(rows))])
    index.add(rows)
    faiss.write_index(index, str(folder / "vectors.faiss"))
    return folder


def brute_force(rows: Rows, queries: Rows, k: int, mask: NDArray[np.bool_] | None = None) -> tuple[Rows, NDArray]:
    scores = queries @ rows.T
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, order, 1), order * 7 + 100


def overlap(found: NDArray, truth: NDArray) -> float:
    return float(np.mean([len(set(f) & set(t)) / len(t) for f, t in zip(found.tolist(), truth.tolist(), strict=True)]))


@pytest.mark.parametrize("factory", FACTORIES)
def test_every_factory_equals_brute_force_at_full_effort(factory: str, tmp_path: Path, data: tuple[Rows, Rows]) -> None:
    rows, queries = data
    index = DenseIndex(write(tmp_path / "g", rows, factory), effort=Effort(64, 1500))
    scores, pmids = index.search(queries, 10)
    best, truth = brute_force(rows, queries, 10)
    assert overlap(pmids, truth) >= 0.99
    same = pmids == truth
    assert np.allclose(scores[same], best[same], atol=2e-6), "scores are cosines whatever the codes are"
    assert np.array_equal(index.held(), np.arange(N) * 7 + 100)
    assert np.allclose(index.vectors(pmids[0]), rows[(pmids[0] - 100) // 7], atol=1e-6)


@pytest.mark.parametrize("factory", ["Flat", "SQfp16", "IVF64,PQ8x4fs", "IVF64_HNSW32,SQ8"])
@pytest.mark.parametrize("share", [0.05, 0.001, 0.5])
@pytest.mark.parametrize("together", [False, True])
def test_filters_always_give_k_and_the_right_ones(
    factory: str, share: float, together: bool, tmp_path: Path, data: tuple[Rows, Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the admitted documents lie far from the query, and few lists are visited without a filter."""
    monkeypatch.setattr("indexes.vectors.SLICE", 20)
    rows, queries = data
    index = DenseIndex(write(tmp_path / "g", rows, factory), effort=Effort(8, 200))
    mask = np.zeros(N, dtype=bool)
    count = round(share * N)
    if together:  # the documents nearest to one point: the worst case for lists
        mask[np.argsort(-(rows @ rows[0]))[:count]] = True
    else:
        mask[np.random.default_rng(1).choice(N, count, replace=False)] = True
    _, pmids = index.search(queries, 10, among=Slice.of(mask))
    k = min(10, count)
    assert (pmids[:, :k] >= 0).all()
    assert mask[(pmids[:, :k] - 100) // 7].all()
    assert (pmids[:, k:] == -1).all()
    recall = overlap(pmids[:, :k], brute_force(rows, queries, k, mask)[1])
    if share < 0.5:
        assert recall == 1.0 if count <= 20 else recall >= 0.99
    else:
        assert recall >= overlap(index.search(queries, 10)[1], brute_force(rows, queries, 10)[1]) - 0.02


def test_a_small_slice_is_exact_and_an_empty_one_gives_nothing(tmp_path: Path, data: tuple[Rows, Rows]) -> None:
    rows, queries = data
    index = DenseIndex(write(tmp_path / "g", rows, "IVF64,PQ8x4fs"), effort=Effort(1, 0))
    mask = np.random.default_rng(2).random(N) < 0.05
    scores, pmids = index.search(queries, 10, among=Slice.of(mask))
    best, truth = brute_force(rows, queries, 10, mask)
    assert np.array_equal(pmids, truth)
    assert np.allclose(scores, best, atol=1e-6)
    assert (index.search(queries, 10, among=Slice.of(np.zeros(N, bool)))[1] == -1).all()


def probe(rows: Rows, queries: Rows) -> Probe:
    worst = brute_force(rows, queries, 10)[0][:, -1]
    return Probe(queries, np.full(len(queries), -1), np.full(len(queries), 10), worst)


def test_effort_is_tuned_to_the_target_and_not_beyond(tmp_path: Path, data: tuple[Rows, Rows]) -> None:
    rows, _ = data
    rng = np.random.default_rng(5)
    queries = normalised(rows[rng.integers(0, N, 400)] + 0.5 * rng.normal(size=(400, DIMENSION)))
    index = DenseIndex(write(tmp_path / "g", rows, "IVF64,PQ8x4fs"))
    chosen = [settle(index, probe(rows, queries), target=target) for target in (0.7, 0.9, 0.98)]
    for record, target in zip(chosen, (0.7, 0.9, 0.98), strict=True):
        assert record["recall_at_10"] > target - 0.02
        assert record["recall_queries"] == 200, "the other half chose the effort"
        index.effort = Effort(record["nprobe"], record["refine"])
        measured = overlap(index.search(queries[1::2], 10)[1], brute_force(rows, queries[1::2], 10)[1])
        assert record["recall_at_10"] == pytest.approx(measured, abs=0.01)  # its search is one deeper
    work = [record["nprobe"] * N / 64 * 12 + record["refine"] * 64 * 8 for record in chosen]
    assert work[0] < work[1] < work[2]
    assert chosen[0]["nprobe"] < 32


def test_recall_sees_a_bad_index(tmp_path: Path, data: tuple[Rows, Rows]) -> None:
    """Vectors are exchanged for noise behind FAISS's back: the measured recall must be nearly nothing."""
    rows, queries = data
    folder = write(tmp_path / "g", rows, "Flat")
    assert recalls(DenseIndex(folder), probe(rows, queries)).mean() == 1.0
    noise = make_empty("Flat", DIMENSION)
    noise.add(normalised(np.random.default_rng(9).normal(size=rows.shape)))
    faiss.write_index(noise, str(folder / "vectors.faiss"))
    assert recalls(DenseIndex(folder), probe(rows, queries)).mean() < 0.05


def test_own_document_is_left_out_of_its_results(tmp_path: Path, data: tuple[Rows, Rows]) -> None:
    rows, _ = data
    own = np.arange(0, N, 100)
    scores = rows[own] @ rows.T
    scores[np.arange(len(own)), own] = -np.inf
    worst = -np.sort(-scores, axis=1)[:, 9]
    index = DenseIndex(write(tmp_path / "g", rows, "Flat"))
    shares = recalls(index, Probe(rows[own], own, np.full(len(own), 10), worst))
    assert shares.tolist() == [1.0] * len(own)


@pytest.mark.parametrize("factory", [f for f in FACTORIES if f.startswith("IVF")])
def test_remove_and_add_by_id(factory: str, tmp_path: Path, data: tuple[Rows, Rows]) -> None:
    """A third goes, the rest gets new numbers, others come between: the same as an index of the result."""
    rows, queries = data
    folder = write(tmp_path / "g", rows, factory)
    stays = np.arange(N) % 3 > 0
    kept = rows[stays]
    place = np.sort(np.random.default_rng(4).choice(5000, len(kept), replace=False))
    new_ids = np.full(N, -1)
    new_ids[stays] = place
    result = normalised(np.random.default_rng(6).normal(size=(5000, DIMENSION)).astype(np.float16).astype(np.float64))
    result[place] = kept
    index = faiss.read_index(str(folder / "vectors.faiss"))
    drop_and_renumber(index, new_ids)
    added = np.setdiff1d(np.arange(5000), place)
    index.add_with_ids(result[added], added)
    faiss.write_index(index, str(folder / "vectors.faiss"))
    np.save(folder / "pmids.npy", np.arange(5000) * 7 + 100)
    write_rows(folder / "vectors.f16", [result.astype(np.float16)])
    grown = DenseIndex(folder, effort=Effort(64, 1500))
    assert np.array_equal(grown.held(), np.arange(5000) * 7 + 100)
    assert overlap(grown.search(queries, 10)[1], brute_force(result, queries, 10)[1]) >= 0.98


@pytest.mark.parametrize(
    ("documents", "factory"),
    [
        (1, "Flat"),
        (4_999, "Flat"),
        (5_000, "SQfp16"),
        (500_000, "IVF2048,PQ96x4fs"),  # 4·√500,000 = 2,828; log2 = 11.47
        (1_000_000, "IVF4096,PQ96x4fs"),
        (38_000_000, "IVF32768_HNSW32,PQ96x4fs"),  # 4·√38,000,000 = 24,658; log2 = 14.6
    ],
)
def test_factory_by_size(documents: int, factory: str) -> None:
    assert choose_factory(documents, 384) == factory
    assert make_empty(factory, 384).d == 384


@pytest.mark.parametrize("factory", ["nonsense", "IVF0,Flat", "IDMap2,Flat", "PCA16,Flat", "IVF16,Flat,Refine(Flat)"])
def test_unusable_factories_are_named(factory: str) -> None:
    with pytest.raises(IndexesError, match="IVF"):
        make_empty(factory, 32)


def test_more_lists_than_documents() -> None:
    with pytest.raises(IndexesError, match="64 lists, there are 10 documents"):
        train(make_empty("IVF64,SQ8", 8), np.eye(10, 8, dtype=np.float32))


@pytest.mark.parametrize(("factory", "codes"), [("IVF8,PQ4x4fs", 16), ("IVF4,PQ4", 256)])
def test_more_codes_than_documents(factory: str, codes: int) -> None:
    with pytest.raises(IndexesError, match=rf"on 10 documents: .*\(10\).*\({codes}\); give a smaller one"):
        train(make_empty(factory, 8), np.eye(10, 8, dtype=np.float32))


@pytest.mark.parametrize(("share", "n"), [(1.0, 200), (0.98, 500), (0.5, 10), (0.0, 3)])
def test_interval_is_wilsons(share: float, n: int) -> None:
    assert wilson(share, n) == pytest.approx(proportion_confint(share * n, n, method="wilson"), abs=1e-4)


def test_index_on_a_gpu_equals_the_one_on_the_cpu(tmp_path: Path, data: tuple[Rows, Rows]) -> None:
    if not gpus():
        pytest.skip("this FAISS was built without GPUs, or the machine has none")
    rows, queries = data
    folder = write(tmp_path / "g", rows, "IVF64,SQ8")
    on_cpu, on_gpu = (DenseIndex(folder, effort=Effort(64, 100), gpu=gpu) for gpu in (False, True))
    mask = np.random.default_rng(2).random(N) < 0.99
    for among in (None, Slice.of(mask)):
        assert overlap(on_gpu.search(queries, 10, among=among)[1], on_cpu.search(queries, 10, among=among)[1]) >= 0.99
