"""Find task items in training data, and write the training data without them.

The rules, strongest first. A rule that removes is meant never to fire on text merely on the same topic.

  pmid           the row and the item come from the same paper                                     remove
  exact          a text of the row equals the question; a short one must share its options too      remove
  contained      the whole question stands, word for word, in the row (likewise)                    remove
  coverage       half of the item's 8-grams stand in the row                                        remove
  near copy      signs of a copy, and half of the item's 3-grams (words were dropped or changed)    remove
  13-gram        13 words in a row are shared (Brown et al. 2020, arXiv:2005.14165)                 review
  coverage       a fifth of the item's 8-grams stand in the row                                     review
  near question  most words of the question stand in the row, in order and close together           review

Texts whose embeddings are close are listed by `neighbours.py` for a human; nothing is removed for them.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .corpora import TaskItem, TrainingRow, read_rows, read_task, training_rows
from .errors import TrainingDataError
from .overlap import (
    BREAK,
    Overlap,
    OverlapIndex,
    PhraseIndex,
    common_subsequence,
    longest_run,
    normalise,
    shared_ngrams,
    tokenise,
)

REVIEW, REMOVE = 0.20, 0.50  # share of the item's 8-grams
RUN = 13  # words in a row that chance does not give
SHORT = 13  # a question below this many words may be asked by anyone: its options must agree as well
TINY = 8  # below this there is not even one 8-gram
COMMON = 8  # an 8-gram of more different task texts than this is how questions are worded, not what they ask
NEAR_COPY_WORDS = 50  # below this, 3-grams of a common topic could reach half
NEAR_QUESTION = 0.70  # share of a question's words found in order
_SENTENCE_END = re.compile(r"[.?!:]\s+|\n")
_TRIVIAL = {"yes", "no", "maybe", "true", "false"}

Verdict = Literal["remove", "review"]
Rule = Literal["pmid", "exact", "contained", "coverage", "near copy", "13-gram", "near question"]
_ORDER: tuple[str, ...] = ("pmid", "exact", "contained", "coverage", "near copy", "13-gram", "near question")


@dataclass(frozen=True, slots=True)
class Finding:
    """One training row that holds, or may hold, one task item."""

    row: int
    row_id: str
    item_id: str
    rule: Rule
    verdict: Verdict
    coverage: float  # share of the item's 8-grams in the row, 0..1; of the question or the context, the higher
    run: int  # longest run of shared words
    excerpt: str  # that run, at most 30 words


@dataclass(frozen=True, slots=True)
class Comparison:
    """One training set against one task."""

    training: str
    task: str
    rows: int
    items: int
    findings: tuple[Finding, ...]

    def rows_with(self, verdict: Verdict) -> int:
        """Count the training rows with this verdict; one to be removed is not also counted for review."""
        return sum(v == verdict for v in _worst((f.row, f.verdict) for f in self.findings).values())

    def items_with(self, verdict: Verdict) -> int:
        """Count the task items with this verdict, likewise."""
        return sum(v == verdict for v in _worst((f.item_id, f.verdict) for f in self.findings).values())

    def by_rule(self) -> dict[str, int]:
        """Count the findings by rule and verdict."""
        counts = Counter(f"{f.rule} ({f.verdict})" for f in self.findings)
        return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


@dataclass(frozen=True, slots=True)
class Report:
    """All comparisons, and the time they took."""

    comparisons: tuple[Comparison, ...]
    seconds: float

    def rows(self, training: str, verdict: Verdict) -> set[int]:
        """Return the row numbers of one training set with this verdict in any task."""
        findings = (f for c in self.comparisons if c.training == training for f in c.findings)
        return {row for row, v in _worst((f.row, f.verdict) for f in findings).items() if v == verdict}


def _worst(pairs: Iterable[tuple[Any, Verdict]]) -> dict[Any, Verdict]:
    worst: dict[Any, Verdict] = {}
    for key, verdict in pairs:
        if verdict == "remove" or key not in worst:
            worst[key] = verdict
    return worst


class Screen:
    """The task items, indexed once, through which any number of training rows are passed."""

    def __init__(self, tasks: Mapping[str, Sequence[TaskItem]]) -> None:
        self.items = [(task, item) for task, items in tasks.items() for item in items]
        self._questions = [tokenise(item.question) for _, item in self.items]
        # Question and context are covered apart: a question is 5 % of the words of an item with an abstract.
        self._fields = [(number, tokens) for number, tokens in enumerate(self._questions)]
        self._fields += [
            (number, tokenise(item.context)) for number, (_, item) in enumerate(self.items) if item.context.strip()
        ]
        # A patient's records or an abstract may be the context of twenty items, in any order: still one text each.
        lines = {line for _, item in self.items for line in item.context.split("\n")}
        self._grams = OverlapIndex.build(
            (tokens for _, tokens in self._fields),
            n=8,
            common=COMMON,
            passages=[*self._questions, *map(tokenise, lines)],
        )
        self._trigrams = OverlapIndex.build(
            (tokens if len(tokens) > TINY // 2 else [] for tokens in self._questions), n=3, common=COMMON
        )
        self._short = PhraseIndex.build(tokens if len(tokens) < SHORT else [] for tokens in self._questions)
        different = set(map(tuple, self._questions))
        frequency = Counter(token for tokens in different for token in set(tokens))
        self._usual = {token for token, n in frequency.items() if n > max(5, len(different) // 100)}
        self._equal: dict[str, list[int]] = {}
        self._by_pmid: dict[str, list[int]] = {}
        for number, (_, item) in enumerate(self.items):
            self._equal.setdefault(" ".join(self._questions[number]), []).append(number)
            for pmid in item.pmids:
                self._by_pmid.setdefault(pmid, []).append(number)
        self._options = [_telling(item.options) for _, item in self.items]

    def check(self, row: TrainingRow) -> dict[int, Finding]:
        """Return the strongest finding for each task item that this row holds or may hold, by item number."""
        texts = [tokenise(text) for text in row.texts]
        tokens = [token for text in texts for token in (*text, BREAK)]
        options = [o for option in row.options for o in (*tokenise(option), BREAK)]
        found: dict[int, Finding] = {}

        def add(number: int, rule: Rule, verdict: Verdict, of: Sequence[str], coverage: float | None = None) -> None:
            start, run = longest_run(of, tokens, n=min(3, len(of)) or 1)
            finding = Finding(
                row.number,
                row.id,
                self.items[number][1].id,
                rule,
                verdict,
                round(shared_ngrams(of, tokens, n=8) if coverage is None else coverage, 4),
                run,
                " ".join(of[start : start + min(run, 30)]),
            )
            old = found.get(number)
            if old is None or _strength(finding) < _strength(old):
                found[number] = finding

        for pmid in row.pmids:
            for number in self._by_pmid.get(pmid, ()):
                add(number, "pmid", "remove", self._questions[number])
        for sentence in _sentences(row.texts):
            for number in self._equal.get(sentence, ()):
                if verdict := self._whole(number, tokens + options, equal=True):
                    add(number, "exact", verdict, self._questions[number])
        for number in self._short.contained(tokens):
            if number not in found and (verdict := self._whole(number, tokens + options, equal=False)):
                add(number, "contained", verdict, self._questions[number])
        for overlap in self._grams.coverage(tokens):
            number, of = self._fields[overlap.text]
            if found_rule := self._covered(overlap, of, tokens, number):
                rule, verdict = found_rule
                add(number, rule, verdict, of, overlap.share)
        for overlap in self._trigrams.coverage(tokens, at_least=REVIEW):
            of = self._questions[overlap.text]
            if overlap.text not in found and overlap.shared > 1 and self._near(overlap.text, tokens, overlap.positions):
                add(overlap.text, "near question", "review", of)
        return found

    def _whole(self, number: int, tokens: Sequence[str], *, equal: bool) -> Verdict | None:
        """Judge a question that stands whole in the row: is it this item, or only as short as many others?"""
        words, options = len(self._questions[number]), self._options[number]
        if words >= SHORT:
            return "remove"
        if options:
            joined = f" {' '.join(tokens)} "
            agree = sum(f" {option} " in joined for option in options) / len(options)
            return "remove" if agree >= 0.5 else "review" if words >= TINY else None
        return "remove" if equal or words >= TINY else "review" if words >= TINY // 2 else None

    def _covered(
        self, overlap: Overlap, of: Sequence[str], tokens: Sequence[str], number: int
    ) -> tuple[Rule, Verdict] | None:
        """Judge a field of an item that shares 8-grams with the row."""
        run = _longest_chain(overlap.positions) + 7  # in words, all of it worded as few other items are
        if overlap.share == 1 and len(of) >= SHORT and longest_run(of, tokens, n=8)[1] == len(of):
            return "contained" if of is self._questions[number] else "coverage", "remove"
        if overlap.share >= REMOVE and overlap.shared + 7 >= RUN:
            return "coverage", "remove"
        if overlap.share < REVIEW and run < RUN:
            return None
        if len(of) >= NEAR_COPY_WORDS and shared_ngrams(of, tokens, n=3) >= REMOVE:
            return "near copy", "remove"
        return ("13-gram" if run >= RUN else "coverage"), "review"

    def _near(self, number: int, tokens: Sequence[str], positions: Sequence[int]) -> bool:
        """Tell whether most words of the question, and of its rarer ones, stand in order and close together."""
        question = self._questions[number]
        width = len(question) * 3 // 2
        start = max(positions, key=lambda p: sum(p <= other < p + width for other in positions))
        window = tokens[max(0, start - len(question) // 2) : start + width]
        if common_subsequence(question, window) < NEAR_QUESTION * len(question):
            return False
        rare = [word for word in question if word not in self._usual]
        return bool(rare) and common_subsequence(rare, window) >= NEAR_QUESTION * len(rare)


def _sentences(texts: Sequence[str]) -> set[str]:
    """Return the texts, and each of their sentences and lines, normalised."""
    pieces = {normalise(piece) for text in texts for piece in (text, *_SENTENCE_END.split(text))}
    return pieces - {""}


def _longest_chain(positions: Sequence[int]) -> int:
    """Return the length of the longest row of consecutive positions."""
    best = length = 0
    previous = None
    for position in positions:
        length = length + 1 if previous is not None and position == previous + 1 else 1
        best, previous = max(best, length), position
    return best


def _strength(finding: Finding) -> tuple[bool, int]:
    return finding.verdict != "remove", _ORDER.index(finding.rule)


def _telling(options: Sequence[str]) -> tuple[str, ...]:
    """Keep the options that say something: yes / no / maybe are every such item's."""
    normal = tuple(o for o in (normalise(option) for option in options) if o)
    return () if set(normal) <= _TRIVIAL else normal


def compare(training: str, rows: Iterable[TrainingRow], screen: Screen) -> list[Comparison]:
    """Pass the rows of one training set through the screen; one comparison per task, in the tasks' order."""
    findings: dict[str, list[Finding]] = {}
    items = Counter(task for task, _ in screen.items)
    count = 0
    for row in rows:
        count += 1
        for number, finding in screen.check(row).items():
            findings.setdefault(screen.items[number][0], []).append(finding)
    return [
        Comparison(
            training,
            task,
            count,
            items[task],
            tuple(sorted(findings.get(task, ()), key=lambda f: (*_strength(f), f.row))),
        )
        for task in items
    ]


def read_tasks(paths: Sequence[Path]) -> dict[str, list[TaskItem]]:
    """Read the tasks of several files; a task name may occur once."""
    read: dict[str, list[TaskItem]] = {}
    for path in paths:
        for name, items in read_task(path).items():
            if name in read:
                raise TrainingDataError(f"{path}: the task name {name!r} is given twice; rename one of the files")
            read[name] = items
    return read


def decontaminate(training: Sequence[Path], tasks: Sequence[Path]) -> Report:
    """Compare every training file with every task of the task files."""
    start = time.perf_counter()
    screen = Screen(read_tasks(tasks))
    comparisons: list[Comparison] = []
    for path in training:
        comparisons += compare(str(path), training_rows(read_rows(path), path), screen)
    return Report(tuple(comparisons), time.perf_counter() - start)
