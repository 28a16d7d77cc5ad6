"""The figures of the verifier's card: held-out trials and abstracts, and SciFact's validation claims."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .adapters import load_shipped
from .neighbours import bundled_encoder
from .shipped_verifier import judged_claims
from .verifier import Verifier
from .verifier_calibration import CONTRADICTED, SUPPORTED, UNVERIFIABLE, Judged
from .verifier_data import read_corpus, required, trials
from .verifier_figures import figures

TRIAL_KINDS = ("true", "flipped", "unrelated")
SENTENCE_CLAIMS = 400


def measure(data: Path, folder: Path, *, limit: int | None = None) -> dict[str, list[tuple[str, Any]]]:
    """Return tables of figures by set of claims."""
    verifier, encode = Verifier(load_shipped(folder)), bundled_encoder()
    judged = judged_claims(data, trials(data), read_corpus(data, limit=limit), "test", seed=0)
    sets = {
        "Held-out trials, the marked stretch as evidence": [j for j in judged if j.kind in TRIAL_KINDS],
        "Held-out trials, the whole abstract as evidence": [j for j in judged if j.kind.endswith(", abstract")],
        "Sentences of held-out abstracts": [
            j for j in judged if j.kind not in TRIAL_KINDS and not j.kind.endswith(", abstract")
        ][:SENTENCE_CLAIMS],
        "SciFact validation, the whole abstract as evidence": list(scifact(data)),
    }
    return {title: _rows(figures(verifier, chosen, encode)) for title, chosen in sets.items() if chosen}


def _rows(found: dict[str, Any]) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in found.items():
        if not isinstance(value, dict):
            rows.append((name, f"{value:.3f}" if isinstance(value, float) else value))
            continue
        for key, inner in value.items():
            rows.append((f"{name}: {key}", f"{inner:.2f}" if isinstance(inner, float) else inner))
    return rows


def scifact(data: Path) -> Iterator[Judged]:
    """Yield SciFact's validation claims with a judged abstract, and those whose cited abstract says nothing.

    Evaluation only: its licence (CC BY-NC) forbids training for a package that anyone may use.
    """
    texts = {}
    with gzip.open(required(data, "tasks/scifact/corpus.csv.gz"), "rt", encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            texts[row["doc_id"]] = " ".join(_sentences(row["abstract"]))
    labels = {"SUPPORT": SUPPORTED, "CONTRADICT": CONTRADICTED}
    seen = set()
    with required(data, "tasks/scifact/claims_validation.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            document = row["evidence_doc_id"] or next(iter(re.findall(r"\d+", row["cited_doc_ids"])), "")
            label = labels.get(row["evidence_label"], UNVERIFIABLE)
            if document in texts and (row["id"], document) not in seen:
                seen.add((row["id"], document))
                yield Judged(row["claim"], texts[document], label, row["evidence_label"] or "no evidence", row["id"])


def _sentences(field: str) -> list[str]:
    """Read the abstract's field: a list of sentences, as JSON or in numpy's notation, or plain text."""
    try:
        read = json.loads(field)
        return [str(s) for s in read] if isinstance(read, list) else [field]
    except ValueError:
        quoted = re.findall(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"", field)
        return [a or b for a, b in quoted] if field.startswith("[") and quoted else [field]
