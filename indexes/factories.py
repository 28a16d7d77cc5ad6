"""Which FAISS index for how many documents, how it is trained, and how it takes a change."""

from __future__ import annotations

import math
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from .encoders import Vectors
from .errors import IndexesError

SQ_FROM = 5_000  # documents: half the memory of Flat and a third of the time, the same results once re-scored
IVF_FROM = 500_000
HNSW_FROM = 5_000_000  # beyond some 8,192 lists, comparing the query with every centroid costs as much as the scan
PER_LIST = 40  # training vectors a list: FAISS asks for 39
MOST_TRAINING = 400_000  # 600 MB of float32 at 384 dimensions: training must not need more memory than the rest
ITERATIONS = 10


def choose_factory(documents: int, dimension: int) -> str:
    """Return the FAISS factory string for an index of this size; the README has what each was chosen by."""
    if documents < SQ_FROM:
        return "Flat"
    if documents < IVF_FROM:
        return "SQfp16"
    coarse = "_HNSW32" if documents >= HNSW_FROM else ""
    codes = f"PQ{dimension // 4}x4fs" if dimension % 4 == 0 else "SQ8"
    return f"IVF{2 ** round(math.log2(4 * math.sqrt(documents)))}{coarse},{codes}"


def make_empty(factory: str, dimension: int) -> Any:
    """Return an untrained index with inner product.

    Raises:
        IndexesError: FAISS does not know the string, or it is none that keeps plain vectors and positions.
    """
    try:
        index = faiss.index_factory(dimension, factory, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise IndexesError(
            f"FAISS cannot make {factory!r} of {dimension} dimensions; give a factory string such as "
            "Flat, SQfp16, IVF4096,SQ8 or IVF4096,PQ96x4fs (or leave out --factory)"
        ) from error
    if (ivf := lists_of(index)) and ivf.nlist < 1:
        raise IndexesError(f"--factory {factory!r} asks for {ivf.nlist} lists: give at least 1, as in IVF4096,SQ8")
    if type(index) not in (faiss.IndexFlat, faiss.IndexFlatIP, faiss.IndexScalarQuantizer) and not ivf:
        raise IndexesError(
            f"--factory {factory!r} makes a FAISS {type(index).__name__}; usable are Flat, SQ… and IVF… "
            "without IDMap, PreTransform or Refine: candidates are re-scored from the vectors in any case"
        )
    return index


def lists_of(index: Any) -> Any:
    """Return the index itself if it is divided into lists (IVF), else None."""
    return index if isinstance(index, faiss.IndexIVF) else None


def training_rows(factory_index: Any, documents: int, *, seed: int = 0) -> NDArray[np.int64]:
    """Choose the rows to train on, rising: all where that is few, else a sample."""
    ivf = lists_of(factory_index)
    wanted = min(documents, MOST_TRAINING, PER_LIST * ivf.nlist if ivf else 16_384)
    return np.sort(np.random.default_rng(seed).choice(documents, wanted, replace=False))


def train(index: Any, sample: Vectors) -> None:
    """Train in place, k-means on unit spheres; on GPUs where FAISS was built for them.

    Raises:
        IndexesError: there are too few documents for the lists or codes that the factory asks for.
    """
    ivf = lists_of(index)
    if ivf:
        if ivf.nlist > len(sample):
            raise IndexesError(
                f"the factory asks for {ivf.nlist} lists, there are {len(sample)} documents to train them on; "
                "give a smaller one, or leave out --factory"
            )
        ivf.cp.niter, ivf.cp.spherical, ivf.cp.min_points_per_centroid = ITERATIONS, True, 1
        ivf.cp.max_points_per_centroid = len(sample)  # the sample is drawn already
        if gpus():
            on_cpu = faiss.IndexFlatIP(ivf.d)
            on_gpu = faiss.index_cpu_to_all_gpus(on_cpu)
            ivf.clustering_index = on_gpu  # used by train only; both must live as long
    try:
        index.train(sample)
    except RuntimeError as error:
        reason = str(error).rpartition("failed: ")[2].strip()
        raise IndexesError(
            f"FAISS cannot train the factory on {len(sample)} documents: {reason}; give a smaller one, "
            "or leave out --factory"
        ) from error
    if ivf:
        ivf.clustering_index = None


def gpus() -> int:
    """Return how many GPUs this FAISS can use; the CPU build has no such function."""
    return int(faiss.get_num_gpus()) if hasattr(faiss, "StandardGpuResources") else 0


def drop_and_renumber(index: Any, new_ids: NDArray[np.int64]) -> None:
    """Remove the vectors whose entry of `new_ids`, [ntotal], is −1, and give the others these ids.

    Only the lists' ids are written, so that the work grows with the index but its codes stay where they are.
    """
    ivf = lists_of(index)
    bits = np.packbits(new_ids < 0, bitorder="little")
    index.remove_ids(faiss.IDSelectorBitmap(bits))
    for number in range(ivf.nlist):
        size = ivf.invlists.list_size(number)
        if size:
            ids = faiss.rev_swig_ptr(ivf.invlists.get_ids(number), size)
            ids[:] = new_ids[ids]
