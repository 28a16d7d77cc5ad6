"""What the exact checks can find in a text, under one name each, for the assistant and the audit alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Severity = Literal["error", "warning", "note"]


class Kind(NamedTuple):
    """`words` is what a reader is told; an error is something invented or altered, a warning is to be looked at."""

    severity: Severity
    words: str


FLAGS = {
    "citation_malformed": Kind("error", "not a PMID"),
    "citation_unresolved": Kind("error", "no such PMID in the index"),
    "citation_not_shown": Kind("error", "cites a paper that was not shown"),
    "citation_misattributed": Kind("error", "names another paper than the one cited"),
    "citation_missing": Kind("warning", "cites nothing"),
    "citation_after_as_of": Kind("error", "cites a paper later than the as-of date"),
    "source_retracted": Kind("error", "rests on a retracted paper without saying so"),
    "source_retracted_warned": Kind("note", "names a retracted paper as retracted"),
    "source_concern": Kind("warning", "rests on a paper with an expression of concern"),
    "quote_absent": Kind("error", "quotes what is not there"),
    "quote_altered": Kind("error", "quotes inexactly"),
    "number_absent": Kind("error", "gives a number that the source does not have"),
    "number_altered": Kind("error", "gives another number than the source"),
    "number_derived": Kind("note", "gives a number that follows from the source's"),
    "code_unknown": Kind("error", "gives a code that does not exist"),
    "direction_reversed": Kind("error", "says the opposite direction of its source"),
}


@dataclass(frozen=True, slots=True)
class Flag:
    """One finding: its kind in `FLAGS`, the stretch [start, end) of the text it concerns, and why in words."""

    kind: str
    start: int
    end: int
    why: str
    pmid: str = ""

    @property
    def severity(self) -> Severity:
        """How much it weighs."""
        return FLAGS[self.kind].severity
