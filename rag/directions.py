"""Does a claim say the opposite direction of its source: increase against decrease, a difference against none?

Only where a sentence of the source has the claim's own words in the claim's order and no other sentence of the
source speaks for the claim. Silence means nothing: what is said in other words, or reversed by exchanging two names,
is not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Literal, NamedTuple

from .aligning import Alignment, Change, Passage, align, content_words, passages, stem, tokens
from .conflicts import finding

Direction = Literal["up", "down", "none", ""]
_UP = (
    "increase increases increased increasing higher greater more elevated raised longer larger rise rose gain improve "
)
_UP += "improves improved improvement better superior upregulated enhanced enhances accelerated"
_DOWN = "decrease decreases decreased decreasing lower lowered lowers fewer less reduce reduces reduced reducing "
_DOWN += "reduction shorter smaller decline declined diminished fell drop dropped worse worsened inferior downregulated"
_NOT = "no not nor without neither never cannot failed fails lack absence"
# Words that turn a sentence round where one stands instead of the other, beside those of up and down.
_PAIRS = (
    "positive negative|positively negatively|similar different|effective ineffective|safe unsafe|significant "
    "nonsignificant|beneficial harmful|inhibits activates|inhibited activated|promotes inhibits|promoted inhibited|"
    "activation inhibition|responsive unresponsive|sensitive resistant|likely unlikely|protective harmful|"
    "associated unassociated|with without|prevents causes|prevented caused|present absent"
)
COPIED = 0.75  # likeness from which exchanged words are compared one by one
SPEAKS = 0.8  # share of the claim's content words, those of direction aside, that a sentence in other words must have
ENOUGH = 4  # … and so many at least
SHORT = 3  # tokens of a change: more is another clause, not a word exchanged


class Reversal(NamedTuple):
    """Where in the claim [start, end) the opposite is said, and the source's sentence."""

    start: int
    end: int
    source: str


def find_reversal(claim: str, sources: Sequence[str]) -> Reversal | None:
    """Return where a claim says the opposite of its sources, or None where these rules see nothing."""
    best = align(claim, sources)
    if best is None:
        return None
    if best.likeness >= COPIED:
        return _turned(claim, best)
    return _reworded(claim, sources)


def _turned(claim: str, best: Alignment) -> Reversal | None:
    turns = [change for change in best.changes if change.held and (_antonyms(change) != _negation(change))]
    if len(turns) % 2 == 0:  # twice turned is not turned: "not increased" → "decreased"
        return None
    after = [token for change in turns for token in change.after]
    start, end = (after[0].start, after[-1].end) if after else (0, len(claim))
    return Reversal(start, end, best.passage.span.text)


def _antonyms(change: Change) -> bool:
    before, after = ({t.stem for t in side} for side in (change.before, change.after))
    if max(len(before), len(after)) > SHORT:
        return False
    up, down, _, pairs = _vocabulary()
    turned = bool((before & up and after & down) or (before & down and after & up))
    return turned or any(b != a and frozenset((b, a)) in pairs for b in before for a in after)


def _negation(change: Change) -> bool:
    if max(len(change.before), len(change.after)) > SHORT:
        return False
    no = _vocabulary()[2]
    return bool({t.stem for t in change.before} & no) != bool({t.stem for t in change.after} & no)


def _reworded(claim: str, sources: Sequence[str]) -> Reversal | None:
    own = direction(claim)
    subject = content_words(claim) - _turning()
    if not own or len(subject) < ENOUGH:
        return None
    near = [p for source in sources for p in passages(source) if len(subject & p.words) >= len(subject) / 2]
    if any(direction(p.span.text) == own for p in near):
        return None
    for passage in near:
        other = direction(passage.span.text)
        if other and len(subject & passage.words) >= SPEAKS * len(subject) and _same_order(claim, passage, subject):
            return Reversal(0, len(claim), passage.span.text)
    return None


def direction(sentence: str) -> Direction:
    """Return which way a sentence's finding points; "" where its words point nowhere or both ways."""
    kind = finding(sentence)
    if kind == "no effect":
        return "none"
    up, down, no, _ = _vocabulary()
    stems = {t.stem for t in tokens(sentence)}
    if kind == "" or stems & no or bool(stems & up) == bool(stems & down):
        return ""
    return "up" if stems & up else "down"


def _same_order(claim: str, passage: Passage, subject: frozenset[str]) -> bool:
    """Return whether the shared words follow each other alike: "A above B" and "B below A" say the same."""
    ours, theirs = (list(dict.fromkeys(t.stem for t in tokens(s))) for s in (claim, passage.span.text))
    shared = [theirs.index(word) for word in ours if word in subject and word in theirs]
    pairs = [(a, b) for i, a in enumerate(shared) for b in shared[i + 1 :]]
    return sum(a > b for a, b in pairs) <= 0.2 * len(pairs)


@cache
def _vocabulary() -> tuple[frozenset[str], frozenset[str], frozenset[str], frozenset[frozenset[str]]]:
    up, down, no = (frozenset(map(stem, words.split())) for words in (_UP, _DOWN, _NOT))
    return up, down, no, frozenset(frozenset(map(stem, pair.split())) for pair in _PAIRS.split("|"))


@cache
def _turning() -> frozenset[str]:
    up, down, no, pairs = _vocabulary()
    plain = "significantly significant difference differences differ effect effects compared associated association"
    return up | down | no | frozenset().union(*pairs) | frozenset(map(stem, plain.split()))
