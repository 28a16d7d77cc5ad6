"""Make the verifier's training examples: a masked claim, marked evidence, and what the evidence says for the gap.

Every kind of example is made in pairs or more that differ in little: the same evidence with its direction turned, its
significance taken away, its arms changed round in the claim, or another outcome or arm put in.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from .claims import DIRECTIONS, Claim, read_claim
from .cues import can_flip, flip_words
from .marking import key_words, mark, swap_numbers
from .statements import Statement
from .wordings import FLIP, Wordings, word


class Example(NamedTuple):
    """`claim` is masked, `evidence` marked; `label` counts in `DIRECTIONS`; `kind` says how it was made."""

    claim: str
    evidence: str
    label: int
    kind: str


class Finding(NamedTuple):
    """A labelled question of a trial, or a statement: `direction` is that of outcome in a against b."""

    pmid: str
    outcome: str
    a: str
    b: str
    direction: str
    evidence: str

    @property
    def arms(self) -> tuple[str, str, str]:
        return self.outcome, self.a, self.b


def prepare(claim: str, evidence: str) -> tuple[str, str]:
    """Return the masked claim and the marked evidence, as the model reads them in training and in use."""
    read = read_claim(claim)
    return read.masked, mark_for(read, evidence)


def mark_for(claim: Claim, evidence: str) -> str:
    """Mark evidence for a claim: the same words may name the other arm of one and not of another."""
    rest = claim.masked.removesuffix(claim.comparator)
    return mark(evidence, claim.comparator, rest)


def flip_evidence(evidence: str) -> str:
    """Turn what the evidence reports: its words and its pairs of numbers."""
    return swap_numbers(flip_words(evidence))


_SIGNIFICANT = re.compile(r"\b(?:statistically |highly )?significant(?:ly)? ", re.IGNORECASE)
_SMALL_P = re.compile(r"\s*[(,;\[]?\s*\bp\s*[=<≤]\s*0?\.\d+\s*[)\]]?", re.IGNORECASE)
_TAILS = (
    ", but the difference was not statistically significant (P = 0.{n}).",
    ", but this did not reach statistical significance.",
    " (p = 0.{n}, not significant).",
    "; these differences were not significant.",
    " (P = 0.{n}).",
    " (p > 0.05).",
    ", although not significantly.",
)


def weaken(sentence: str, rng: random.Random) -> str:
    """Turn a reported difference into one that chance explains."""
    text = _SMALL_P.sub("", _SIGNIFICANT.sub("", sentence)).rstrip(" .;,")
    return text + rng.choice(_TAILS).format(n=rng.randint(11, 94))


def denial(finding: Finding, rng: random.Random) -> str:
    """Write a sentence that finds no difference in what a finding is about."""
    forms = (
        "There was no significant difference in {o} between {a} and {b} (P = 0.{n}).",
        "{o} did not differ between {a} and {b}.",
        "{o} was similar in the {a} and {b} groups (p = 0.{n}).",
        "No differences in {o} were observed between the groups.",
        "{a} did not significantly affect {o} compared with {b}.",
    )
    alone = ("{a} had no effect on {o}.", "{a} did not change {o}.", "No change in {o} was seen with {a} (p = 0.{n}).")
    o, a, b = finding.arms
    return rng.choice(forms if b else alone).format(o=o, a=a, b=b, n=rng.randint(11, 94))


def from_finding(finding: Finding, wordings: Wordings, rng: random.Random, *, kind: str) -> Iterator[Example]:
    """Make examples of one finding: as it stands, turned, weakened; the claim with either arm first."""

    def example(evidence: str, direction: str, how: str) -> Example:
        swap = bool(finding.b) and rng.random() < 0.35
        worded = rng.choice(("up", "down", "same"))  # the gap is masked: the wording's own direction does not matter
        claim, marked = prepare(word(wordings, worded, finding.arms, rng, swap=swap), evidence)
        return Example(claim, marked, DIRECTIONS.index(FLIP[direction] if swap else direction), f"{kind}:{how}")

    yield example(finding.evidence, finding.direction, "as it stands")
    if can_flip(finding.evidence) and finding.direction != "same":
        yield example(flip_evidence(finding.evidence), FLIP[finding.direction], "turned")
    if finding.direction != "same" and rng.random() < 0.4:
        yield example(weaken(finding.evidence, rng), "same", "weakened")
    if finding.direction != "same" and rng.random() < 0.25:
        yield example(denial(finding, rng), "same", "denied")


def unanswered(
    findings: Sequence[Finding], others: Sequence[str], wordings: Wordings, rng: random.Random
) -> Iterator[Example]:
    """Make examples whose evidence says nothing about the claim, from easy to hard.

    `others` are per finding: a sentence of the same abstract that does not name the outcome, or "".
    """
    by_word: dict[str, list[int]] = {}
    for n, finding in enumerate(findings):
        for key in key_words(finding.outcome):
            by_word.setdefault(key, []).append(n)
    nothing = DIRECTIONS.index("nothing")
    for n, finding in enumerate(findings):
        other = findings[rng.randrange(len(findings))]
        roll = rng.random()
        arms, evidence, how = finding.arms, other.evidence, "another paper"
        if roll < 0.25 and others[n]:
            evidence, how = others[n], "another sentence"
        elif roll < 0.5 and not _overlap(finding.outcome, other.outcome):
            arms, evidence, how = (other.outcome, finding.a, finding.b), finding.evidence, "another outcome"
        elif roll < 0.8:
            near = [m for key in key_words(finding.outcome) for m in by_word[key][:200]]
            other = findings[rng.choice(near)] if near else other
            if not (_overlap(finding.a, other.evidence) or other.pmid == finding.pmid):
                evidence, how = other.evidence, "same outcome, other arms"
            elif other.pmid == finding.pmid:
                continue
        if other.pmid == finding.pmid and how == "another paper":
            continue
        claim, marked = prepare(word(wordings, rng.choice(("up", "down", "same")), arms, rng), evidence)
        yield Example(claim, marked, nothing, f"nothing:{how}")


def _overlap(first: str, second: str) -> bool:
    return bool(key_words(first) & key_words(second))


def with_context(evidence: str, before: str, after: str, rng: random.Random) -> str:
    """Put a sentence before or after the evidence in a third of cases: it rarely stands alone."""
    roll = rng.random()
    if roll < 0.15 and before:
        return f"{before} {evidence}"
    return f"{evidence} {after}" if roll < 0.3 and after else evidence


def from_statements(found: Iterable[Statement], rng: random.Random) -> list[Finding]:
    """Turn statements into findings, some with a neighbouring sentence."""
    return [
        Finding(s.pmid, s.outcome, s.a, s.b, s.direction, with_context(s.sentence, s.before, s.after, rng))
        for s in found
    ]
