"""CodiEsp (Miranda-Escalada et al. 2020): clinical cases, translated by machine, with ICD-10-CM codes.

Lines `{id, text_en, icd10cm_diagnosis: […]}`, made from the corpus's text_files_en and its D annotations.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from experiments.answers import normal_code
from experiments.records import Passage, Sample

from .files import get, read_rows
from .task import Context, Kind, Task


def read(path: Path) -> Iterator[Sample]:
    """Yield the cases."""
    for place, row in read_rows(path):
        key = get(path, place, row, "id", str)
        codes = get(path, place, row, "icd10cm_diagnosis", list)
        yield Sample(
            id=key,
            question="Which diagnoses does this case report name, as ICD-10-CM codes?",
            answer=sorted({normal_code(str(code)) for code in codes}),
            context=(Passage(key, get(path, place, row, "text_en", str)),),
        )


CODIESP = Task(
    name="codiesp",
    title="CodiEsp-D (development set, English)",
    kind=Kind.CODES,
    read=read,
    files=("dev_en.jsonl",),
    folder="codiesp",
    licence="CC BY 4.0",
    source="https://temu.bsc.es/codiesp; https://ceur-ws.org/Vol-2696/paper_263.pdf",
    access="https://zenodo.org/records/3837305",
    context=Context.GIVEN,
    metrics=("code_f1", "code_f1_micro", "category_f1", "category_f1_micro", "valid_code_rate"),
)
