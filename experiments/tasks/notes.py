"""Notes from doctor–patient dialogues: ACI-Bench (Yim et al. 2023), MTS-Dialog (Ben Abacha et al. 2023)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from experiments.records import Passage, Sample

from .files import expect, get, read_json, read_table
from .task import Context, Kind, Task


def read_aci(path: Path) -> Iterator[Sample]:
    """Yield {"data": [{src, tgt, file}]}: a whole visit and its full note."""
    items = get(path, "top level", expect(path, "top level", read_json(path)), "data", list)
    for number, item in enumerate(items):
        place = f"item {number}"
        row = expect(path, place, item)
        key = get(path, place, row, "file", str)
        yield Sample(
            id=key,
            question="Write the clinical note of this visit, with its usual sections.",
            answer=[get(path, place, row, "tgt", str)],
            context=(Passage(key, get(path, place, row, "src", str)),),
        )


def read_mts(path: Path) -> Iterator[Sample]:
    """Yield a CSV of ID, section_header, section_text, dialogue: a short dialogue and one section."""
    for _, row in read_table(path, ("ID", "section_header", "section_text", "dialogue")):
        yield Sample(
            id=row["ID"],
            question=f"Write the section {row['section_header']} of the clinical note of this visit.",
            answer=[row["section_text"]],
            context=(Passage(row["ID"], row["dialogue"]),),
            meta={"section": row["section_header"]},
        )


ACI_BENCH = Task(
    name="aci-bench",
    title="ACI-Bench, test set 1",
    kind=Kind.TEXT,
    read=read_aci,
    files=("clinicalnlp_taskB_test1.json",),
    folder="aci_bench",
    licence="CC BY 4.0",
    source="https://github.com/wyim/aci-bench; https://doi.org/10.1038/s41597-023-02487-3",
    access="https://github.com/wyim/aci-bench",
    context=Context.GIVEN,
    metrics=("rouge_1", "rouge_2", "rouge_l"),
)
MTS_DIALOG = Task(
    name="mts-dialog",
    title="MTS-Dialog, test set 1",
    kind=Kind.TEXT,
    read=read_mts,
    files=("MTS-Dialog-TestSet-1-MEDIQA-Chat-2023.csv",),
    folder="mts_dialog",
    licence="CC BY 4.0",
    source="https://github.com/abachaa/MTS-Dialog; https://aclanthology.org/2023.eacl-main.168",
    access="https://github.com/abachaa/MTS-Dialog",
    context=Context.GIVEN,
    metrics=("rouge_1", "rouge_2", "rouge_l"),
)
