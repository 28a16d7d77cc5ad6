"""Answers made from real abstracts, with one error each that is known, and others without.

An answer is four sentences taken from three papers of the index on one subject and told with small changes that keep
the meaning (brackets left out, "percent" for "%", a lead-in), each cited, one of them a quotation.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count

from indexes.document import Document, Status
from indexes.index import Index
from rag.numbers import NOT_CLAIMS, Quantity, find_quantities
from rag.sentences import split_sentences

ANTONYMS = dict(
    pair.split()
    for pair in (
        "increased decreased|decreased increased|higher lower|lower higher|improved worsened|reduced increased|"
        "reduction increase|increase reduction|increases decreases|decreases increases|reduces increases|"
        "greater smaller|longer shorter|shorter longer|better worse|more less|superior inferior|fewer more|"
        "improves worsens|positively negatively|effective ineffective|decrease increase|improvement worsening"
    ).split("|")
)
_DIRECTION = re.compile(rf"\b(?:{'|'.join(ANTONYMS)})\b")
_NOT = re.compile(r"\b(did|was|were|is|are|does) not (?=\w)")
_NO = re.compile(r"\bno (significant|difference|effect|association|improvement)")
_BRACKETS = re.compile(r" \([^()]*\)")
LEADS = ("", "", "In this study, ", "The authors report that ", "Overall, ")
SENTENCES = 4


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence of an answer: `source` as the paper has it, `text` as told, and the paper it cites."""

    text: str
    source: str
    pmid: str
    quoted: bool = False

    @property
    def line(self) -> str:
        return (f'In the words of the paper, "{self.text}"' if self.quoted else self.text) + f" [{self.pmid}]"


@dataclass(frozen=True, slots=True)
class Planted:
    """An answer, the papers shown for it, and the error in its sentence `place`; `kind` is "" where there is none."""

    sentences: tuple[Told, ...]
    shown: tuple[Document, ...]
    kind: str = ""
    place: int = -1

    @property
    def text(self) -> str:
        return " ".join(s.line for s in self.sentences)


Planter = Callable[[Planted, Index, random.Random], Planted | None]


def plant(index: Index, *, each: int, seed: int) -> Iterator[Planted]:
    """Yield `each` answers without and `each` of every kind with an error, from the index's papers in a fixed draw."""
    for kind in ("", *PLANTERS):
        dice = random.Random(f"{seed} {kind}")  # noqa: S311
        made = 0
        for _ in range(50 * each):
            if made == each:
                break
            answer = tell(index, _any(index, dice), dice)
            planted = answer and (PLANTERS[kind](answer, index, dice) if kind else answer)
            if planted:
                made += 1
                yield replace(planted, kind=kind)


def tell(index: Index, pmid: str, dice: random.Random) -> Planted | None:
    """Return an answer from a paper and two near it, or None where they have too few plain sentences."""
    main = index.get(pmid)
    if main is None or not main.text.strip():
        return None
    near = [hit.document for hit in index.search(main.text[:300], 6, mode="lexical")]
    papers = [p for p in (main, *(p for p in near if p.pmid != pmid)) if p.status in {Status.OK, Status.CORRECTED}][:3]
    if len(papers) < 3:
        return None
    told: list[Told] = []
    for paper, number in zip(papers, (2, 1, 1), strict=True):
        usable = [s.text for s in split_sentences(paper.abstract) if _usable(s.text)]
        if len(usable) < number:
            return None
        told += [Told(_retold(text, dice), text, paper.pmid) for text in dice.sample(usable, number)]
    at = dice.randrange(SENTENCES)
    told[at] = replace(told[at], text=told[at].source, quoted=True)
    return Planted(tuple(told), tuple(papers))


def _any(index: Index, dice: random.Random) -> str:
    return str(index.pmids[dice.randrange(len(index))])


def _usable(sentence: str) -> bool:
    plain = not set('"“”[]') & set(sentence) and sentence[0].isupper() and sentence.endswith(".")
    return plain and 8 <= len(sentence.split()) <= 50


def _retold(sentence: str, dice: random.Random) -> str:
    if dice.random() < 0.3:
        sentence = _BRACKETS.sub("", sentence)
    if dice.random() < 0.3:
        sentence = re.sub(r"(?<=\d) ?%(?! ?C)", " percent", sentence)
    lead = dice.choice(LEADS)
    first = sentence.split()[0]
    plain = first[1:].islower() or len(first) == 1
    return lead + sentence[0].lower() + sentence[1:] if lead and plain else sentence


def _at(answer: Planted, place: int, sentence: Told) -> Planted:
    sentences = (*answer.sentences[:place], sentence, *answer.sentences[place + 1 :])
    return replace(answer, sentences=sentences, place=place)


def _rewrite(
    answer: Planted, dice: random.Random, change: Callable[[str], str | None], *, quoted: bool = False
) -> Planted | None:
    places = [n for n, s in enumerate(answer.sentences) if s.quoted == quoted]
    for place in dice.sample(places, len(places)):
        old = answer.sentences[place]
        new = change(old.text)
        if new and new != old.text:
            return _at(answer, place, replace(old, text=new))
    return None


def alter_number(answer: Planted, index: Index, dice: random.Random) -> Planted | None:
    """Put another value of the same precision for a number, one that stands nowhere in the papers shown."""
    text = "\n".join(p.text for p in answer.shown)
    known = {q.value for q in find_quantities(text, words=True)}

    def change(sentence: str) -> str | None:
        able = [q for q in find_quantities(sentence) if q.kind not in NOT_CLAIMS | {"year"} and q.value > 0]
        if not able:
            return None
        chosen = dice.choice(able)
        digits = re.match(r"[\d,]*\.?\d+", chosen.text)
        if digits is None:
            return None
        for _ in range(50):
            other = chosen.value * (100 + dice.choice((-60, -40, -25, 25, 40, 70, 120))) / 100
            written = f"{other:.{chosen.decimals}f}"
            value = find_quantities(written)[0].value if float(written) else 0
            if value and value not in known and _possible(chosen, float(value)):
                start = chosen.start
                return sentence[:start] + written + sentence[start + len(digits[0]) :]
        return None

    return _rewrite(answer, dice, change)


def _possible(quantity: Quantity, value: float) -> bool:
    """Return whether the value is an error: P < .05 for P < .001 would be true; 130 % is no share."""
    if quantity.kind == "p":
        return value < float(quantity.value) if quantity.relation == "<" else 0 < value < 1
    return value <= 100 if quantity.kind == "%" else not quantity.relation


def flip_direction(answer: Planted, index: Index, dice: random.Random) -> Planted | None:
    """Exchange the one word of direction of a sentence for its opposite, or leave its negation out."""

    def change(sentence: str) -> str | None:
        words = _DIRECTION.findall(sentence)
        if len(words) == 1 and not _NOT.search(sentence) and not _NO.search(sentence):
            return _DIRECTION.sub(lambda m: ANTONYMS[m[0]], sentence)
        if not words and _NOT.search(sentence):
            return _NOT.sub(r"\1 ", sentence, count=1)
        return None

    return _rewrite(answer, dice, change)


def invent_pmid(answer: Planted, index: Index, dice: random.Random) -> Planted | None:
    """Cite a PMID that is in no record of the index."""
    place = dice.randrange(SENTENCES)
    pmid = next(p for _ in count() if index.get(p := str(dice.randrange(30_000_000, 99_999_999))) is None)
    return _at(answer, place, replace(answer.sentences[place], pmid=pmid))


def swap_pmid(answer: Planted, index: Index, dice: random.Random) -> Planted | None:
    """Cite another of the papers shown than the one that the sentence was taken from."""
    place = dice.randrange(SENTENCES)
    old = answer.sentences[place]
    other = [p.pmid for p in answer.shown if p.pmid != old.pmid and old.source not in p.text]
    return _at(answer, place, replace(old, pmid=dice.choice(other))) if other else None


def misquote(answer: Planted, index: Index, dice: random.Random) -> Planted | None:
    """Exchange one word of the quotation for another word of the same paper."""

    def change(quote: str) -> str | None:
        words = quote.split()
        places = [n for n, w in enumerate(words) if len(w) > 4 and w.isalpha() and n]
        others = sorted({w for p in answer.shown for w in p.text.split() if len(w) > 4 and w.isalpha()} - set(words))
        if not places or not others:
            return None
        words[dice.choice(places)] = dice.choice(others)
        return " ".join(words)

    return _rewrite(answer, dice, change, quoted=True)


def retract_source(answer: Planted, index: Index, dice: random.Random) -> Planted | None:
    """Mark a cited paper as retracted, of which the answer says nothing."""
    place = dice.randrange(SENTENCES)
    pmid = answer.sentences[place].pmid
    shown = tuple(replace(p, status=Status.RETRACTED) if p.pmid == pmid else p for p in answer.shown)
    return replace(answer, shown=shown, place=place)


def add_unsupported(answer: Planted, index: Index, dice: random.Random) -> Planted | None:
    """Add a sentence of a paper on something else under a citation of the first paper."""
    other = index.get(_any(index, dice))
    usable = [s.text for s in split_sentences(other.abstract) if _usable(s.text)] if other else []
    if other is None or not usable or other.pmid in {p.pmid for p in answer.shown}:
        return None
    text = dice.choice(usable)
    added = Told(text, text, answer.shown[0].pmid)
    return replace(answer, sentences=(*answer.sentences, added), place=SENTENCES)


PLANTERS: dict[str, Planter] = {
    "altered number": alter_number,
    "flipped direction": flip_direction,
    "invented PMID": invent_pmid,
    "swapped PMID": swap_pmid,
    "misquote": misquote,
    "retracted source": retract_source,
    "unsupported addition": add_unsupported,
}
