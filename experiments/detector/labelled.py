"""Claims with evidence that somebody labelled, from local files; one line in `LABELLED` for each data set."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from experiments.errors import MissingDataError

SUPPORTED, CONTRADICTED, UNVERIFIABLE = "supported", "contradicted", "unverifiable"
UNSUPPORTED = "unsupported"  # contradicted or unverifiable: the data set does not say which


@dataclass(frozen=True, slots=True)
class Labelled:
    """One claim with evidence and what the evidence says to it. Claims of one `cluster` share their evidence."""

    id: str
    claim: str
    evidence: str
    label: str
    cluster: str


Abstracts = Callable[[str], str]  # PMID → title and abstract, "" where it is not known
Read = Callable[[Path, Abstracts], Iterable[Labelled]]


@dataclass(frozen=True, slots=True)
class DataSet:
    """Where labelled claims come from. `files`: official names, the first of which `read` is given."""

    title: str
    files: tuple[str, ...]
    folder: str
    read: str  # module:function
    says: str
    access: str


LABELLED = {
    "planted": DataSet(
        "Sentences of the bundled synthetic abstracts, as they stand, turned by rule, and beside another paper",
        (), "", "planted:read",
        "made by rule from invented papers: it says that a detector works, not how well it reads people's claims",
        "it comes with the package",
    ),
    "evidence-inference": DataSet(
        "Evidence Inference 2.0: outcomes of trials, worded as claims", ("abstract_questions.jsonl",),
        "evidence_inference", "published:read_evidence_inference",
        "doctors' labels; claims worded by a template: true, with another direction, and beside another trial",
        "https://evidence-inference.ebm-nlp.com/download/",
    ),
    "scifact": DataSet(
        "SciFact: claims by experts against abstracts",
        ("claims_validation.csv", "claims_dev.jsonl", "claims_train.csv", "claims_train.jsonl"),
        "scifact", "published:read_scifact",
        "experts' labels; evaluation only, CC BY-NC 2.0", "https://github.com/allenai/scifact",
    ),
    "k-qa": DataSet(
        "K-QA: physicians' statements against a model's answer", ("NLI_medical_annotator.csv",), "k_qa",
        "published:read_k_qa", "three annotators' majority; the evidence is a model's answer, not a paper",
        "https://github.com/Itaymanes/K-QA (dataset/)",
    ),
    "ragtruth": DataSet(
        "RAGTruth: sentences of models' answers against their sources", ("response.jsonl",), "ragtruth",
        "published:read_ragtruth", "annotators' spans; general texts; test split, answers of good quality",
        "https://github.com/ParticleMedia/RAGTruth (dataset/)",
    ),
    "medhallu": DataSet(
        "MedHallu: true and hallucinated answers to PubMedQA questions",
        ("medhallu.parquet", "medhallu.jsonl", "medhallu.csv"), "medhallu", "published:read_medhallu",
        "hallucinations written by a model; it does not say whether they are contradicted or only unsupported",
        "https://huggingface.co/datasets/UTAustin-AIHealth/MedHallu (save it as medhallu.parquet)",
    ),
}  # fmt: skip


def find_sets(data: Path | None) -> dict[str, Path]:
    """Return the data sets whose files lie in a folder or in their subfolders of it, and the bundled one.

    Raises:
        MissingDataError: the folder does not exist, or holds none of them.
    """
    if data is None:
        return {"planted": Path()}
    if not data.exists():
        raise MissingDataError(f"no folder {data}: --data is where labelled claims lie ({_known()})")
    found = {name: path for name, one in LABELLED.items() if (path := _file(data, one)) is not None}
    if not found:
        raise MissingDataError(f"{data} holds no labelled claims; known are {_known()}")
    return found


def read_set(name: str, path: Path, abstracts: Abstracts = lambda pmid: "") -> list[Labelled]:
    """Return the claims of a data set in the file's order."""
    from importlib import import_module

    module, function = LABELLED[name].read.split(":")
    read: Read = getattr(import_module(f".{module}", __package__), function)
    items = list(read(path, abstracts))
    if not items:
        raise MissingDataError(f"{path} holds no labelled claim of {name}")
    return items


def with_other_evidence(items: Sequence[Labelled]) -> list[Labelled]:
    """Return the claims, each beside the evidence of another cluster, always the same one; see `others`."""
    return [replace(item, evidence=other.evidence) for item, other in zip(items, others(items), strict=True)]


def others(items: Sequence[Labelled]) -> list[Labelled]:
    """Return for each item one of another cluster: the next that differs, half the ring of hashed ids away."""
    ring = sorted(items, key=lambda item: hashlib.sha256(item.id.encode()).digest())
    place = {item.id: number for number, item in enumerate(ring)}
    if len({item.cluster for item in items}) < 2:
        raise MissingDataError("all claims share one piece of evidence: there is no other to put beside them")
    found = []
    for item in items:
        start = place[item.id] + len(ring) // 2
        turn = (ring[(start + step) % len(ring)] for step in range(len(ring)))
        found.append(next(other for other in turn if other.cluster != item.cluster))
    return found


def _file(data: Path, one: DataSet) -> Path | None:
    places = [folder / name for name in one.files for folder in (data, data / one.folder)]
    return next((path for path in places if path.is_file()), None)


def _known() -> str:
    return "; ".join(f"{name}: {' or '.join(one.files)}, {one.access}" for name, one in LABELLED.items() if one.files)
