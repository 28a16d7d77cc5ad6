"""CLUE (Dada et al. 2024): MedNLI, MeQSum, ProblemSummary, MeDiSumQA, MeDiSumCode, in their official files.

LongHealth, the sixth, has its own file. Those built on MIMIC need a credentialed PhysioNet account.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiments.answers import normal_code
from experiments.errors import DataFormatError, MissingDataError
from experiments.records import Passage, Sample

from .files import expect, get, letter_of, letters, read_rows, read_table
from .task import Context, Kind, Task

CLUE = "https://github.com/TIO-IKIM/CLUE; https://arxiv.org/abs/2404.04067"
PHYSIONET = "https://physionet.org/{} (free, for credentialed users who completed the CITI training)"
ENTAILMENT = letters(["entailment", "neutral", "contradiction"])
ROUGE = ("rouge_1", "rouge_2", "rouge_l")


def read_mednli(path: Path) -> Iterator[Sample]:
    """Yield mli_test_v1.jsonl: {pairID, sentence1, sentence2, gold_label}."""
    for number, (place, row) in enumerate(read_rows(path)):
        first, second = (get(path, place, row, name, str) for name in ("sentence1", "sentence2"))
        yield Sample(
            id=str(row.get("pairID", number)),
            question=f"How does sentence 2 relate to sentence 1?\nSentence 1: {first}\nSentence 2: {second}",
            answer=letter_of(path, place, ENTAILMENT, get(path, place, row, "gold_label", str), "gold_label"),
            options=ENTAILMENT,
            cluster=first,  # three hypotheses are written about each premise
        )


def read_meqsum(path: Path) -> Iterator[Sample]:
    """Yield MeQSum: the official spreadsheet (File, CHQ, Summary), CSV, or {id, question, summary} lines."""
    lines = ".jsonl" in path.name
    names = ("id", "question", "summary") if lines else ("File", "CHQ", "Summary")
    for place, row in read_rows(path) if lines else _spreadsheet(path, names):
        key, inquiry, summary = (get(path, place, row, name, str) for name in names)
        yield Sample(
            id=key,
            question="Summarise this consumer's health inquiry as one short question.",
            answer=[summary],
            context=(Passage(key, inquiry),),
        )


def _spreadsheet(path: Path, names: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    if path.suffix != ".xlsx":
        yield from read_table(path, names)
        return
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise MissingDataError(
            f"reading {path} needs openpyxl (pip install openpyxl); or save it as CSV with {', '.join(names)}"
        ) from None
    rows = load_workbook(path, read_only=True).active.iter_rows(values_only=True)
    header = [str(cell) for cell in next(rows, ())]
    if missing := [name for name in names if name not in header]:
        raise DataFormatError(path, "line 1", f"no column {missing[0]!r} among {', '.join(header) or 'none'}")
    for number, cells in enumerate(rows, start=2):
        if any(cells):
            yield f"line {number}", {k: str(v) for k, v in zip(header, cells, strict=False) if v is not None}


def read_problems(path: Path) -> Iterator[Sample]:
    """Yield BioNLP2023-1A-Test.csv: Assessment, Summary, and the subjective sections where they are."""
    for place, row in read_table(path, ("Assessment", "Summary")):
        subjective = next((row[n] for n in ("Subjectives", "Subjective Sections", "S") if row.get(n)), "")
        summary = get(path, place, row, "Summary", str).rstrip("; ")
        yield Sample(
            id=row.get("File ID") or place.removeprefix("line "),
            question="List the diagnoses and problems that led to this patient's hospitalization.",
            answer=[summary.replace("; ", ";").replace(";", ", ")],
            context=(Passage("note", f"{subjective}\n\n{row['Assessment']}".strip()),),
        )


def read_medisumqa(path: Path) -> Iterator[Sample]:
    """Yield MeDiSumQA.json, a list or lines: {note_id, Question, Answer, discharge_summary}.

    The authors' generator writes `without_discharge_summary`: the letter without the part the answer is from.
    """
    counts: dict[str, int] = {}
    for place, row in read_rows(path):
        note = str(row.get("note_id", place))
        letter = "discharge_summary" if "discharge_summary" in row else "without_discharge_summary"
        counts[note] = counts.get(note, 0) + 1
        yield Sample(
            id=f"{note}/{counts[note]}",
            question=get(path, place, row, "Question", str),
            answer=[get(path, place, row, "Answer", str)],
            context=(Passage(note, get(path, place, row, letter, str)),),
            cluster=note,
        )


def read_medisumcode(path: Path) -> Iterator[Sample]:
    """Yield MeDiSumCode.json, a list or lines: {hadm_id, text, icd_codes: [{code, description}]}."""
    for place, row in read_rows(path):
        codes = [expect(path, place, code) for code in get(path, place, row, "icd_codes", list)]
        admission = str(row.get("hadm_id", place))
        yield Sample(
            id=admission,
            question="Which diagnoses does this discharge letter name, as ICD-10-CM codes?",
            answer=sorted({normal_code(get(path, place, code, "code", str)) for code in codes}),
            context=(Passage(admission, get(path, place, row, "text", str)),),
        )


MEDNLI = Task(
    name="mednli",
    title="MedNLI",
    kind=Kind.CHOICE,
    read=read_mednli,
    files=("mli_test_v1.jsonl",),
    folder="mednli",
    licence="PhysioNet Credentialed Health Data License 1.5.0",
    source=f"{CLUE}; https://aclanthology.org/D18-1187",
    credentialed=True,
    access=PHYSIONET.format("content/mednli/1.0.0/"),
    metrics=("macro_f1",),
)
MEQSUM = Task(
    name="meqsum",
    title="MeQSum",
    kind=Kind.TEXT,
    read=read_meqsum,
    files=("MeQSum_ACL2019_BenAbacha_Demner-Fushman.xlsx", "meqsum.jsonl"),
    folder="meqsum",
    licence="CC BY 4.0",
    source=f"{CLUE}; https://aclanthology.org/P19-1215",
    access="https://github.com/abachaa/MeQSum",
    context=Context.GIVEN,
    metrics=ROUGE,
)
PROBLEM_SUMMARY = Task(
    name="problem-summary",
    title="Problem list summarization (BioNLP 2023, 1A)",
    kind=Kind.TEXT,
    read=read_problems,
    files=("BioNLP2023-1A-Test.csv",),
    folder="problem_summary",
    licence="PhysioNet Credentialed Health Data License 1.5.0",
    source=f"{CLUE}; https://aclanthology.org/2023.bionlp-1.43",
    credentialed=True,
    access=PHYSIONET.format("content/bionlp-workshop-2023-task-1a/2.0.0/"),
    context=Context.GIVEN,
    metrics=ROUGE,
)
MEDISUMQA = Task(
    name="medisumqa",
    title="MeDiSumQA",
    kind=Kind.TEXT,
    read=read_medisumqa,
    files=("MeDiSumQA.json", "MeDiSumQA.jsonl"),
    folder="medisumqa",
    licence="PhysioNet Credentialed Health Data License 1.5.0",
    source=CLUE,
    credentialed=True,
    access=PHYSIONET.format("content/mimic-iv-note/2.2/") + " with the generator in " + CLUE,
    context=Context.GIVEN,
    metrics=ROUGE,
)
MEDISUMCODE = Task(
    name="medisumcode",
    title="MeDiSumCode",
    kind=Kind.CODES,
    read=read_medisumcode,
    files=("MeDiSumCode.json", "MeDiSumCode.jsonl"),
    folder="medisumcode",
    licence="PhysioNet Credentialed Health Data License 1.5.0",
    source=CLUE,
    credentialed=True,
    access=PHYSIONET.format("content/mimiciv/2.2/") + " with the generator in " + CLUE,
    context=Context.GIVEN,
    metrics=("code_f1", "code_f1_micro", "category_f1", "category_f1_micro", "valid_code_rate"),
)
