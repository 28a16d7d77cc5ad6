"""What the reader learns from: PubMedQA's training half, questions made of statements, and titles that ask or state.

A question is read like a claim: "Does A reduce O?" asserts "down" and its direction is masked, so the answer yes means
that the evidence fills the gap that way. A fifth thing evidence can say is that matters are unclear: "maybe".
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from .claims import DIRECTIONS, read_claim
from .corpora import TaskItem, TrainingRow
from .cues import FORMS, can_flip
from .decontaminate import Screen
from .evidence_rules import read_evidence
from .examples import Example, denial, flip_evidence, from_statements, prepare, weaken
from .passages import choose, sentences
from .statements import statements
from .verifier_data import ABSTRACTS, kept_out, part_of, read_jsonl, required
from .wordings import FLIP, Wordings, word

READINGS = (*DIRECTIONS, "unclear")
SENTENCES = 5  # of the evidence, those that fit the question best, in their order
QUESTIONS = Wordings(
    directed=(
        "Does {a} {base} {o} compared with {b}?",
        "Is {o} {comparative} with {a} than with {b}?",
        "Is {a} associated with {comparative} {o} than {b}?",
        "Compared with {b}, does {a} {base} {o}?",
        "Did {a} lead to {comparative} {o} than {b}?",
    ),
    alike=("Does {a} affect {o} compared with {b}?", "Does {o} differ between {a} and {b}?"),
    alone=(
        "Does {a} {base} {o}?",
        "Is {a} associated with {comparative} {o}?",
        "Is {o} {past} by {a}?",
        "Can {a} {base} {o}?",
    ),
    unchanged=("Does {a} affect {o}?", "Does {a} have an effect on {o}?"),
)
_HEDGE = re.compile(
    r"\b(?:unclear|inconclusive|further (?:stud|research|investigat|trial|work)\w*|more (?:stud|research)\w*|conflicting|"
    r"insufficient|remains? (?:to be|controversial|unknown|uncertain)|equivocal|may or may not|limited evidence|"
    r"cannot be (?:determined|concluded|excluded)|should be (?:confirmed|interpreted with caution)|in some|only in)\b",
    re.IGNORECASE,
)
# Titles that state: a finite verb, not "inhibitors" or "the effect of".
_STATES = re.compile(
    rf"\b(?:{'|'.join(' '.join(' '.join(FORMS[f]) for f in ('third', 'promotes', 'lasts')).split())}|improves|worsens|impairs|"
    r"does not|do not|did not|is not|are not|has no|have no|is (?:\w+ly )?(?:higher|lower|increased|reduced))\b"
)
_LINKS = re.compile(r"\b(?:is|are|has|have|can|predicts?|causes|mediates?|regulates?|correlates?|depends?)\b")
_DECIDED = {"yes": "asserted", "no": "same", "maybe": "unclear"}


class Asked(NamedTuple):
    """A question with evidence and the answer: yes, no, maybe, can't tell."""

    id: str
    question: str
    evidence: str
    answer: str


class Paper(NamedTuple):
    """A paper that may be learnt from."""

    pmid: str
    title: str
    sentences: list[str]


def reading_text(question: str, evidence: str) -> str:
    """Return what of the evidence is read for a question: its best sentences, in order; "" if none has to do with it."""
    pieces = sentences(evidence)
    return " ".join(pieces[n] for n in sorted(choose(question, pieces, SENTENCES)))


def pubmedqa(data: Path) -> tuple[list[Asked], list[Asked]]:
    """Return PubMedQA's training half and its 500 test items, with their contexts (which lack the conclusion)."""
    rows = json.loads(required(data, "tasks/pubmedqa/ori_pqal.json").read_text(encoding="utf-8"))
    test = json.loads(required(data, "tasks/pubmedqa/test_ground_truth.json").read_text(encoding="utf-8"))
    asked = {
        pmid: Asked(pmid, row["QUESTION"], " ".join(row["CONTEXTS"]), row["final_decision"])
        for pmid, row in rows.items()
    }
    return [a for pmid, a in asked.items() if pmid not in test], [asked[pmid] for pmid in test]


def conclusions(data: Path) -> dict[str, str]:
    """Return the conclusions that PubMedQA keeps apart, by PMID: used to make easier copies of training items."""
    rows = json.loads(required(data, "tasks/pubmedqa/ori_pqal.json").read_text(encoding="utf-8"))
    return {pmid: row["LONG_ANSWER"] for pmid, row in rows.items()}


def papers(data: Path, test: Sequence[Asked], *, limit: int | None = None) -> list[Paper]:
    """Read the abstracts of no task, and of these only what decontamination finds clean of the test items."""
    without = kept_out(data)
    screen = Screen({"pubmedqa": [TaskItem(a.id, a.question, (), a.evidence, frozenset([a.id])) for a in test]})
    kept: list[Paper] = []
    for path in sorted((data / "pubmed").glob("abstracts-*.jsonl.gz")):
        for n, row in enumerate(read_jsonl(path)):
            title = (row.get("title") or "").strip(" [].")
            if row["pmid"] in without or part_of(row["pmid"], ABSTRACTS) != "train" or not row.get("abstract"):
                continue
            texts = (title, row["abstract"]) if title else (row["abstract"],)
            found = screen.check(TrainingRow(n, row["pmid"], texts, (), frozenset([row["pmid"]])))
            if any(f.verdict == "remove" for f in found.values()):
                continue
            kept.append(Paper(row["pmid"], title, sentences(row["abstract"])))
            if limit is not None and len(kept) >= limit:
                return kept
    return kept


def asked_example(question: str, evidence: str, answer: str, kind: str) -> Example:
    """Turn a question with a known answer into an example; "no" counts as "makes no difference"."""
    reading = _DECIDED.get(answer, "nothing")
    if reading == "asserted":
        asserts = read_claim(question).asserts
        reading = next(iter(asserts)) if len(asserts) == 1 else "up"
    elif reading == "same" and read_claim(question).asserts == {"same"}:
        reading = "up"
    claim, marked = prepare(question, reading_text(question, evidence))
    return Example(claim, marked, READINGS.index(reading), kind)


def training_questions(
    train: Sequence[Asked], ends: dict[str, str], pool: Sequence[Paper], rng: random.Random, *, turns: int = 4
) -> list[Example]:
    """Make the reader's examples, in random order; `ends` are the conclusions of the training items."""
    examples: list[Example] = []
    for turn in range(turns):
        for a in train:
            evidence = f"{a.evidence} {ends[a.id]}" if turn % 2 else a.evidence
            examples.append(asked_example(a.question, evidence, a.answer, "pubmedqa"))
    for a in train:
        other = rng.choice(train)
        if other.id != a.id and reading_text(a.question, other.evidence):
            examples.append(asked_example(a.question, other.evidence, "can't tell", "pubmedqa: other paper"))
    examples += _of_statements(pool, rng)
    examples += _of_titles(pool, rng)
    rng.shuffle(examples)
    return examples


def _of_statements(pool: Sequence[Paper], rng: random.Random) -> Iterator[Example]:
    stated = [s for p in pool for s in statements(p.pmid, p.sentences)]
    found = from_statements(stated, rng)
    for f in found:
        if not f.b and rng.random() < 0.6:
            continue
        roll, evidence, direction = rng.random(), f.evidence, f.direction
        if roll < 0.35 and can_flip(evidence):
            evidence, direction = flip_evidence(evidence), FLIP[direction]
        elif roll < 0.5:
            evidence, direction = (weaken(evidence, rng) if f.direction != "same" else denial(f, rng)), "same"
        elif roll < 0.6:
            evidence, direction = rng.choice(found).evidence, "nothing"
        question = word(QUESTIONS, rng.choice(("up", "down", "up", "down", "same")), f.arms, rng)
        claim, marked = prepare(question, evidence)
        yield Example(claim, marked, READINGS.index(direction), "statement")


def _of_titles(pool: Sequence[Paper], rng: random.Random) -> Iterator[Example]:
    """Titles that ask: read by rules from the conclusion. Titles that state: what they state is what was found."""
    for p in pool:
        if len(p.sentences) < 3 or not 30 <= len(p.title) <= 200:
            continue
        body, last = " ".join(p.sentences[:-1]), p.sentences[-1]
        shown = body if rng.random() < 0.5 else f"{body} {last}"
        read = read_claim(p.title)
        if p.title.endswith("?"):
            ruled = read_evidence(read, last)
            reading = "unclear" if _HEDGE.search(last) else ruled if ruled != "nothing" else "up"
        elif read.found and len(read.asserts) == 1 and _STATES.search(p.title):
            (reading,) = read.asserts
        elif not read.found and _LINKS.search(p.title):
            reading = "up"
        else:
            continue
        text = reading_text(p.title, shown)
        if can_flip(text) and reading in FLIP and rng.random() < 0.3:
            text, reading = flip_evidence(text), FLIP[reading]
        claim, marked = prepare(p.title, text)
        yield Example(claim, marked, READINGS.index(reading), "title")
