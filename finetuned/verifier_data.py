"""Where the verifier's examples come from, and what is kept out of them.

Data folder: the layout of the project's data (see the model card): tasks/evidence_inference, pubmed/*.jsonl.gz, and
the tasks whose papers must not be trained on. Parts are drawn by PMID: all questions of a trial fall in one.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from .claims import DIRECTIONS, MASK, read_claim
from .cues import OPPOSITES, can_flip, find_cues, flip_words
from .errors import ShippedModelError
from .examples import Example, Finding, from_finding, from_statements, prepare, unanswered
from .marking import key_words
from .passages import sentences
from .statements import Statement, statements
from .wordings import FLIP, TRAINING

Part = Literal["train", "calibration", "test"]
LABELS_OF_TRIALS = {
    "significantly increased": "up",
    "significantly decreased": "down",
    "no significant difference": "same",
}
TRIALS, ABSTRACTS = (25, 40), (8, 16)  # percent below which a PMID is for testing, and for calibration


class Corpus(NamedTuple):
    """The abstracts that may be trained on: their sentences by PMID, and what these plainly state."""

    sentences: dict[str, list[str]]
    statements: list[Statement]


def part_of(pmid: str, shares: tuple[int, int]) -> Part:
    """Return the part a PMID belongs to, for ever."""
    number = int(hashlib.sha256(pmid.encode()).hexdigest(), 16) % 100
    return "test" if number < shares[0] else "calibration" if number < shares[1] else "train"


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a .jsonl or .jsonl.gz file."""
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
    with opened as stream:
        for line in stream:
            yield json.loads(line)


def required(data: Path, name: str) -> Path:
    """Return a file of the data folder, or raise an error that says what belongs there."""
    if not (data / name).exists():
        raise ShippedModelError(f"{data / name} is missing: --data names a folder laid out as the model card says")
    return data / name


def trials(data: Path) -> list[Finding]:
    """Read Evidence Inference's questions; one finding for each stretch that an annotator marked."""
    found: dict[tuple[str, str], Finding] = {}
    for name in ("abstract_questions.jsonl", "longdoc_questions.jsonl"):
        for row in read_jsonl(required(data, f"tasks/evidence_inference/{name}")):
            marked = [row["evidence"]] if isinstance(row["evidence"], str) else row["evidence"]
            for evidence in (" ".join(text.split()) for text in marked):
                if len(evidence) >= 15:
                    direction = LABELS_OF_TRIALS[row["label"]]
                    arms = (row["outcome"], row["intervention"], row["comparator"])
                    found.setdefault((row["qid"], evidence), Finding(row["pmid"], *arms, direction, evidence))
    return list(found.values())


def kept_out(data: Path) -> frozenset[str]:
    """Return the PMIDs whose abstracts nothing is made from: papers of any task that models are tested on."""
    known = {
        pmid
        for row in read_jsonl(required(data, "retrieval/evidence_inference_known_item.jsonl"))
        for pmid in row["gold_pmids"]
    }
    pubmedqa = json.loads(required(data, "tasks/pubmedqa/ori_pqal.json").read_text(encoding="utf-8"))
    mirage = json.loads(required(data, "tasks/mirage/benchmark.json").read_text(encoding="utf-8"))
    listed = [item.get("PMID") or [] for task in mirage.values() for item in task.values()]
    of_mirage = {str(pmid) for entry in listed for pmid in (entry if isinstance(entry, list) else [entry])}
    bioasq = {
        pmid
        for row in read_jsonl(required(data, "tasks/bioasq/questions_7b-11b.jsonl.gz"))
        for pmid in row["gold_pmids"]
    }
    return frozenset(known | set(pubmedqa) | of_mirage | bioasq)


def read_corpus(data: Path, *, limit: int | None = None) -> Corpus:
    """Read the abstracts that may be trained on, of which `limit` at most."""
    required(data, "pubmed")
    without = kept_out(data)
    corpus = Corpus({}, [])
    for path in sorted((data / "pubmed").glob("abstracts-*.jsonl.gz")):
        for row in read_jsonl(path):
            if row["pmid"] in without or not row.get("abstract"):
                continue
            if limit is not None and len(corpus.sentences) >= limit:
                return corpus
            pieces = sentences(row["abstract"])
            corpus.sentences[row["pmid"]] = pieces
            corpus.statements.extend(statements(row["pmid"], pieces))
    return corpus


def training_examples(found: Sequence[Finding], corpus: Corpus, seed: int) -> list[Example]:
    """Make the examples of the training parts, in random order."""
    rng = random.Random(seed)
    mine = [f for f in found if part_of(f.pmid, TRIALS) == "train"]
    stated = [s for s in corpus.statements if part_of(s.pmid, ABSTRACTS) == "train"]
    examples: list[Example] = []
    for _ in range(2):
        for finding in from_statements(stated, rng):
            if finding.b or rng.random() < 0.5:
                examples += from_finding(finding, TRAINING, rng, kind="stated")
    of_statements = from_statements(stated, rng)
    examples += unanswered(of_statements, _elsewhere(of_statements, corpus.sentences, rng), TRAINING, rng)
    marked: dict[str, list[str]] = {}
    for finding in mine:
        marked.setdefault(finding.pmid, []).append(finding.evidence)
    for turn in range(6):
        for finding in mine:
            examples += from_finding(finding, TRAINING, rng, kind="trial")
        if turn % 2:
            examples += unanswered(mine, _elsewhere(mine, marked, rng), TRAINING, rng)
    train = {p: s for p, s in corpus.sentences.items() if part_of(p, ABSTRACTS) == "train"}
    examples += sentence_examples(train, rng, count=3500)
    rng.shuffle(examples)
    return examples


def _elsewhere(found: Sequence[Finding], texts: Mapping[str, Sequence[str]], rng: random.Random) -> list[str]:
    """Return for each finding a text of the same paper that does not name its outcome, or ""."""
    chosen = []
    for finding in found:
        words = key_words(finding.outcome)
        fit = [t for t in texts.get(finding.pmid, ()) if not words & key_words(t)]
        chosen.append(rng.choice(fit) if fit else "")
    return chosen


_LINK = re.compile(r"\b(was|were|is|are|has|have|can|may|could|should)\b(?! not)\s", re.IGNORECASE)


def negate(sentence: str) -> str | None:
    """Deny what a sentence says by putting "not" after its first linking verb; None if it has none."""
    link = _LINK.search(sentence)
    return f"{sentence[: link.end()]}not {sentence[link.end() :]}" if link else None


def sentence_examples(texts: Mapping[str, Sequence[str]], rng: random.Random, *, count: int) -> Iterator[Example]:
    """Make examples whose claim is a sentence of an abstract itself, against it, its one-word twin, or its denial."""
    pool = [(pmid, n) for pmid in sorted(texts) for n in range(len(texts[pmid]))]
    rng.shuffle(pool)
    made = 0
    for pmid, n in pool:
        text = texts[pmid][n]
        if not 50 <= len(text) <= 300 or made >= count:
            continue
        read = read_claim(text)
        neighbour = texts[pmid][n - 1] if n else ""
        if read.found and len(read.asserts) == 1 and can_flip(text):
            (direction,) = read.asserts
            flipped = flip_one(text)
            if direction == "same" or flipped is None:
                continue
            turned = rng.random() < 0.5
            evidence, label = (flipped, FLIP[direction]) if turned else (text, direction)
            kind = "sentence:one word turned" if turned else "sentence:itself"
        elif not find_cues(text) and (denied := negate(text)):
            turned = rng.random() < 0.5
            evidence, label = (denied, "same") if turned else (text, "up")
            kind = "sentence:denied" if turned else "sentence:itself, no cue"
            if rng.random() < 0.3 and not turned:
                text, evidence, label = denied, denied, "up"
        else:
            continue
        if neighbour and rng.random() < 0.1:
            evidence, label, kind = neighbour, "nothing", "sentence:its neighbour"
        made += 1
        claim, marked = prepare(text, evidence)
        yield Example(claim, marked, DIRECTIONS.index(label), kind)


def flip_one(sentence: str) -> str | None:
    """Turn only the word that `read_claim` takes for the claim's direction; None if it has no opposite."""
    masked = read_claim(sentence).masked
    before = masked.split(MASK)[0].strip()
    cue = next((c for c in find_cues(sentence) if c.start >= len(before) - 1), None)
    if cue is None or sentence[cue.start : cue.end].lower() not in OPPOSITES:
        return None
    return sentence[: cue.start] + flip_words(sentence[cue.start : cue.end]) + sentence[cue.end :]
