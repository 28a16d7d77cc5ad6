"""What the audit knows about one claim in one frame of evidence: the line everything else is counted from.

RUN/audit/judgements.jsonl      `Judgement`, append-only, keyed by content
RUN/audit/evidence.jsonl        {"id", "text"}: every text that a judgement names, once
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from experiments.errors import RecordsError
from experiments.records import mend
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


def judgements_path(run: Path) -> Path:
    return run / "audit" / "judgements.jsonl"


def evidence_path(run: Path) -> Path:
    return run / "audit" / "evidence.jsonl"


def read_judgements(run: Path) -> list[Judgement]:
    """Return a run's stored judgements, the last of each key; none if it was never audited.

    Raises:
        RecordsError: a line in the middle of the file is no judgement.
    """
    kept: dict[str, Judgement] = {}
    for place, line in read_lines(judgements_path(run)):
        try:
            one = judgement_from_dict(line)
        except (TypeError, KeyError, ValueError) as error:
            raise RecordsError(f"{judgements_path(run)}, line {place} is no judgement ({error}): remove it") from None
        kept[one.key] = one
    return list(kept.values())


def read_evidence(run: Path) -> dict[str, str]:
    """Return the texts that judgements name, by id."""
    return {line["id"]: line["text"] for _, line in read_lines(evidence_path(run))}


def read_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the whole lines of a file with their numbers, passing over a torn last one."""
    with path.open("rb") if path.exists() else _nothing() as stream:
        for number, line in enumerate(stream, 1):
            if line.endswith(b"\n") and line.strip():
                try:
                    yield number, orjson.loads(line)
                except orjson.JSONDecodeError as error:
                    raise RecordsError(f"{path}, line {number} is damaged ({error}): remove that line") from None


def append_lines(path: Path, lines: Iterable[Any]) -> None:
    """Append records or dicts as JSON lines; a torn last line of a killed process is cut first."""
    mend(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as stream:
        stream.write(b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines))


def _nothing() -> BinaryIO:
    from io import BytesIO

    return BytesIO()
