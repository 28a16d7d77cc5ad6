"""Labelled claims with evidence to fit the verifier's logistic head on, and to test it: none is trained on."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from .cues import OPPOSITES, can_flip, find_cues
from .examples import Finding
from .marking import key_words
from .verifier_data import flip_one, negate
from .wordings import FLIP, Wordings, word

SUPPORTED, CONTRADICTED, UNVERIFIABLE = range(3)


class Judged(NamedTuple):
    """A claim with evidence and what a judge should say; `group` is the PMID, the unit of resampling."""

    claim: str
    evidence: str
    label: int
    kind: str
    group: str


def judged_findings(
    found: Sequence[Finding], wordings: Wordings, rng: random.Random, *, abstracts: Mapping[str, str] | None = None
) -> Iterator[Judged]:
    """Yield for each finding a true claim, its flipped twin, and the true one with another trial's evidence.

    With `abstracts` (PMID → text) the evidence is the whole abstract; findings that it does not hold are left out.
    """
    usable = [f for f in found if abstracts is None or f.evidence[:60] in abstracts.get(f.pmid, "")]
    for f in usable:
        evidence = abstracts[f.pmid] if abstracts is not None else f.evidence
        wrong = FLIP[f.direction] if f.direction != "same" else rng.choice(("up", "down"))
        swap = rng.random() < 0.25
        yield Judged(word(wordings, f.direction, f.arms, rng, swap=swap), evidence, SUPPORTED, "true", f.pmid)
        yield Judged(word(wordings, wrong, f.arms, rng, swap=swap), evidence, CONTRADICTED, "flipped", f.pmid)
        other = f
        while other.pmid == f.pmid:
            other = usable[rng.randrange(len(usable))]
        text = abstracts[other.pmid] if abstracts is not None else other.evidence
        yield Judged(word(wordings, f.direction, f.arms, rng, swap=swap), text, UNVERIFIABLE, "unrelated", f.pmid)


_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?=\s*(?:%|mg|g|kg|ml|mm|days?|weeks?|months?|years?|patients|cases|\)))")


def alter_number(sentence: str, rng: random.Random) -> str | None:
    """Change one number of a sentence; None if it has none that counts or measures something."""
    numbers = list(_NUMBER.finditer(sentence))
    if not numbers:
        return None
    m = rng.choice(numbers)
    value = float(m[0])
    changed = value * rng.choice((0.4, 0.6, 1.5, 2.0, 3.0)) + rng.choice((0, 1))
    decimals = len(m[0].partition(".")[2])
    text = f"{changed:.{decimals}f}"
    return None if text == m[0] else sentence[: m.start()] + text + sentence[m.end() :]


def judged_sentences(texts: Mapping[str, Sequence[str]], rng: random.Random, *, count: int) -> Iterator[Judged]:
    """Yield sentences of abstracts as claims: itself, one word turned, denied, a number altered, a foreign abstract.

    The evidence is the abstract's sentences around it, so that one must be found.
    """
    pool = [(pmid, n) for pmid in sorted(texts) for n in range(len(texts[pmid])) if 50 <= len(texts[pmid][n]) <= 300]
    rng.shuffle(pool)
    pmids = sorted(texts)
    for pmid, n in pool[:count]:
        text, evidence = texts[pmid][n], " ".join(texts[pmid][max(0, n - 3) : n + 4])
        made = [
            (alter_number(text, rng), "number altered"),
            (flip_one(text) if can_flip(text) and _turnable(text) else None, "one word turned"),
            (negate(text) if not find_cues(text) else None, "denied"),
        ]
        wrong = [(claim, kind) for claim, kind in made if claim]
        if not wrong:
            continue
        claim, kind = rng.choice(wrong)
        yield Judged(text, evidence, SUPPORTED, "itself", pmid)
        yield Judged(claim, evidence, CONTRADICTED, kind, pmid)
        other = rng.choice(pmids)
        if other != pmid and not len(key_words(text) & key_words(" ".join(texts[other]))) > 6:
            yield Judged(text, " ".join(texts[other][-7:]), UNVERIFIABLE, "foreign abstract", pmid)
        rest = [s for s in texts[pmid] if s != text]
        if len(rest) > 2 and rng.random() < 0.3:
            yield Judged(text, rng.choice(rest), UNVERIFIABLE, "another sentence", pmid)


def _turnable(text: str) -> bool:
    return any(text[c.start : c.end].lower() in OPPOSITES for c in find_cues(text))
