"""What a reader must know beside an answer, in plain sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .answer import Conflict, Cut, Evidence, Quote, Sentence

_SAYS = {
    "retracted": "has been retracted",
    "concern": "carries an expression of concern",
    "corrected": "has been corrected",
}


def collect_caveats(
    evidence: Sequence[Evidence],
    sentences: Iterable[Sentence],
    *,
    withheld: Sequence[Evidence] = (),
    conflicts: Sequence[Conflict] = (),
    cut: Sequence[Cut] = (),
) -> tuple[str, ...]:
    """Return caveats, gravest first: status of cited papers, conflicts, instructions, what was left out."""
    cited = {p for s in sentences for p in s.citations}
    said = [_status(e) for e in evidence if e.pmid in cited and e.status in _SAYS]
    said += map(_conflict, conflicts)
    said += [
        f"PMID {e.pmid} contains text that gives instructions to its reader. "
        "It was shown to no model and is not evidence."
        for e in (*evidence, *withheld)
        if e.instructions
    ]
    shortened = [c.pmid for c in cut if c.kept]
    left = [c.pmid for c in cut if not c.kept]
    if shortened:
        said.append(f"Shortened to fit the model's context: PMID {', '.join(shortened)}.")
    if left:
        said.append(f"Found but not read, for want of room in the model's context: PMID {', '.join(left)}.")
    return tuple(said)


def quotes_for(warning: str, conflicts: Sequence[Conflict]) -> tuple[Quote, ...]:
    """Return the two sentences that belong below a warning of a conflict; none for another."""
    return next(((c.effect, c.no_effect) for c in conflicts if _conflict(c) == warning), ())


def _conflict(conflict: Conflict) -> str:
    return (
        f"The evidence conflicts: PMID {conflict.effect.pmid} reports an effect, PMID {conflict.no_effect.pmid} "
        "reports none. They may differ in population, dose or outcome; read both."
    )


def _status(evidence: Evidence) -> str:
    where = "; ".join(
        " ".join(part for part in (f"PMID {n.pmid}" if n.pmid else "", n.source) if part)
        for n in evidence.notices
        if n.status == evidence.status
    )
    return f"PMID {evidence.pmid} {_SAYS[evidence.status]}{f' ({where})' if where else ''}."
