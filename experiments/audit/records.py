"""What the audit knows about one claim in one frame of evidence: the line everything else is counted from.

RUN/audit/judgements.jsonl      `Judgement`, append-only, keyed by content
RUN/audit/evidence.jsonl        {"id", "text"}: every text that a judgement names, once
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from experiments.errors import RecordsError
from experiments.lines import append_lines, mend, read_lines
from rag.flags import Flag


class Verdict(StrEnum):
    """What evidence says to a claim. Conflicting: one passage supports it and another contradicts it."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    CONFLICTING = "conflicting"
    UNVERIFIABLE = "unverifiable"


class Frame(StrEnum):
    """Which evidence a claim is held against.

    own: the passages this contender was shown (RAG only: faithfulness). pooled: the best of the index for the claim,
    all that any contender was shown or cited, and the gold texts: the same for every contender. gold: the gold answer.
    """

    OWN = "own"
    POOLED = "pooled"
    GOLD = "gold"


@dataclass(frozen=True, slots=True)
class Judgement:
    """One claim of one answer, held against one frame of evidence.

    `claim` counts the answer's claims from 0; `part` is "answer" or "reasoning" (what stands before the final answer).
    `evidence` are the ids of the texts that passed the relevance gate, most telling first; empty: nothing near was
    found, and the verdict is unverifiable. `scores` are the checker's probabilities: "supported" and "contradicted" the
    highest over the chunks, "unverifiable" the lowest. `chunk` is the most telling stretch of `evidence[0]`.
    `flags` are the findings of the exact checks (offsets within `text`), the same in every frame.
    """

    key: str
    task: str
    sample: str
    contender: str
    record: str
    claim: int
    text: str
    part: str
    frame: Frame
    checker: str
    verdict: Verdict
    scores: dict[str, float] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()
    chunk: str = ""
    flags: tuple[Flag, ...] = ()
    seed: int = 0


def judgement_from_dict(line: Mapping[str, Any]) -> Judgement:
    """Rebuild a judgement from its JSON form."""
    flags = tuple(Flag(**flag) for flag in line["flags"])
    known = {"frame": Frame(line["frame"]), "verdict": Verdict(line["verdict"]), "evidence": tuple(line["evidence"])}
    return Judgement(**{**line, **known, "flags": flags})


class Ledger:
    """An append-only file of JSON lines, each with the key of all that went into it and the slot it fills.

    A slot (such as one claim in one frame) is filled by the last line that names it. What is there under its key is not
    made again: `keep` fills the slot with it once more if something else has come between.
    """

    def __init__(self, path: Path, slot: tuple[str, ...]) -> None:
        mend(path)
        self.path, self._slot = path, slot
        self._lines: dict[str, dict[str, Any]] = {}
        self._filled: dict[tuple[Any, ...], str] = {}
        for _, line in read_lines(path):
            self._enter(line)

    def missing(self, key: str) -> bool:
        return key not in self._lines

    def keep(self, keys: Iterable[str]) -> None:
        """Make sure that these lines are what their slots hold."""
        again = [line for key in keys if self._filled[self._place(line := self._lines[key])] != key]
        if again:
            self.add(again)

    def add(self, lines: Iterable[Any]) -> None:
        """Append records or dicts, handing them to the system at once."""
        for line in append_lines(self.path, lines):
            self._enter(line)

    def _enter(self, line: dict[str, Any]) -> None:
        self._lines[line["key"]] = line
        self._filled[self._place(line)] = line["key"]

    def _place(self, line: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(line[name] for name in self._slot)


JUDGEMENT_SLOT = ("task", "sample", "contender", "seed", "claim", "frame")
ANSWER_SLOT = ("task", "sample", "contender", "seed")


def judgements_path(run: Path) -> Path:
    return run / "audit" / "judgements.jsonl"


def evidence_path(run: Path) -> Path:
    return run / "audit" / "evidence.jsonl"


def read_judgements(run: Path, checker: str | None = None) -> list[Judgement]:
    """Return a run's judgements, the last for each claim and frame; none if it was never audited.

    checker: only this one's.

    Raises:
        RecordsError: a line in the middle of the file is no judgement.
    """
    kept: dict[tuple[Any, ...], Judgement] = {}
    for place, line in read_lines(judgements_path(run)):
        try:
            if checker is None or line["checker"] == checker:
                kept[tuple(line[name] for name in JUDGEMENT_SLOT)] = judgement_from_dict(line)
        except (TypeError, KeyError, ValueError) as error:
            raise RecordsError(f"{judgements_path(run)}, line {place} is no judgement ({error}): remove it") from None
    return list(kept.values())


def read_slots(path: Path, slot: tuple[str, ...], **of: Any) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return what fills each slot of a ledger, of the lines with these fields, without touching the file."""
    lines = (line for _, line in read_lines(path) if of.items() <= line.items())
    return {tuple(line[name] for name in slot): line for line in lines}


def read_evidence(run: Path) -> dict[str, str]:
    """Return the texts that judgements name, by id."""
    return {line["id"]: line["text"] for _, line in read_lines(evidence_path(run))}
