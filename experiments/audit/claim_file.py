"""Claims against evidence, from a file: exact rules and a checker model, and one label from both.

The label is the checker's likeliest one, with these exceptions, in this order:
1. no evidence → unverifiable, and the checker is not asked;
2. the rules find the direction reversed → contradicted;
3. "supported", but the rules find a number altered → contradicted;
4. "supported", but a number or a quotation of the claim is not in the evidence → unverifiable.
`scores` stay the checker's own, so that they may name another label than the rules do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson

from experiments.errors import DataFormatError
from rag.findings import check_claim
from rag.flags import FLAGS, Flag

from .checker import LABELS, Checker

SUPPORTED, CONTRADICTED, UNVERIFIABLE = LABELS
BATCH = 256
_MISSING = {"number_absent", "quote_absent", "quote_altered"}


class Claim(NamedTuple):
    """A line of the file; the evidence may be a whole abstract, or empty."""

    id: str
    claim: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found out about a claim: scores as the checker gave them, by label."""

    id: str
    label: str
    scores: dict[str, float]
    flags: tuple[Flag, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON contract of `check-claims --json`."""
        flags = [{**asdict(f), "severity": f.severity, "words": FLAGS[f.kind].words} for f in self.flags]
        return {"id": self.id, "label": self.label, "scores": self.scores, "flags": flags}


def read_claims(path: Path) -> list[Claim]:
    """Return the claims of a file in order.

    Raises:
        DataFormatError: a line is no JSON object, lacks a field or has a wrong one; an id stands twice; there is none.
    """
    claims: list[Claim] = []
    seen: dict[str, int] = {}
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataFormatError(path, "file", f"cannot be read ({error.strerror})") from None
    for number, line in enumerate(content.splitlines(), 1):
        if line.strip():
            claim = _claim(path, f"line {number}", line)
            if claim.id in seen:
                raise DataFormatError(path, f"line {number}", f"id {claim.id!r} stands in line {seen[claim.id]} too")
            seen[claim.id] = number
            claims.append(claim)
    if not claims:
        raise DataFormatError(path, "file", 'it has no claim; give lines of {"id": …, "claim": …, "evidence": …}')
    return claims


def _claim(path: Path, place: str, line: bytes) -> Claim:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise DataFormatError(path, place, f"it is no JSON ({error})") from None
    if not isinstance(record, dict):
        raise DataFormatError(path, place, 'it is no JSON object; give {"id": …, "claim": …, "evidence": …}')
    for name in Claim._fields:
        if name not in record:
            raise DataFormatError(path, place, f'"{name}" is missing')
        if not isinstance(record[name], str) and not (name == "id" and isinstance(record[name], int)):
            raise DataFormatError(path, place, f'"{name}" is {record[name]!r}; a text is needed')
    if not record["claim"].strip():
        raise DataFormatError(path, place, '"claim" is empty')
    return Claim(str(record["id"]), record["claim"], record["evidence"])


def check_claims(claims: Sequence[Claim], checker: Checker, *, codes: frozenset[str] | None = None) -> list[Checked]:
    """Return what rules and checker find, in the claims' order."""
    checked = []
    for start in range(0, len(claims), BATCH):
        batch = claims[start : start + BATCH]
        asked = [c for c in batch if c.evidence.strip()]
        scored = checker.scores([(c.claim, c.evidence) for c in asked]) if asked else ()
        rows = dict(zip((c.id for c in asked), scored, strict=True))
        for claim in batch:
            row = rows.get(claim.id, np.array([0, 0, 1], np.float32))
            flags = tuple(check_claim(claim.claim, [claim.evidence], codes=codes))
            scores = {label: round(float(score), 4) for label, score in zip(LABELS, row, strict=True)}
            checked.append(Checked(claim.id, label(scores, flags), scores, flags))
    return checked


def label(scores: dict[str, float], flags: Sequence[Flag]) -> str:
    """Combine the checker's scores and the rules' flags, as this module's head says."""
    found = {flag.kind for flag in flags}
    likeliest = max(LABELS, key=lambda name: scores[name])
    if "direction_reversed" in found:
        return CONTRADICTED
    if likeliest == SUPPORTED and "number_altered" in found:
        return CONTRADICTED
    if likeliest == SUPPORTED and found & _MISSING:
        return UNVERIFIABLE
    return likeliest


def claims_table(checked: Sequence[Checked]) -> str:
    """Lay the results out for a terminal: one line a claim, its findings below it, and the counts."""
    width = max(2, *(len(one.id) for one in checked))
    lines = [f"{'id':<{width}}  {'label':<12}  {'  '.join(f'{name:>12}' for name in LABELS)}"]
    for one in checked:
        scores = "  ".join(f"{one.scores[name]:>12.2f}" for name in LABELS)
        lines.append(f"{one.id:<{width}}  {one.label:<12}  {scores}")
        lines += [f"{'':<{width}}  {flag.severity}: {FLAGS[flag.kind].words}: {flag.why}" for flag in one.flags]
    counts = (f"{sum(one.label == name for one in checked):,} {name}" for name in LABELS)
    return "\n".join([*lines, "", f"{len(checked):,} claims: {', '.join(counts)}"])
