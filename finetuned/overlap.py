"""Find text that two collections share: exact n-gram coverage, whole phrases, runs and subsequences.

Everything here is exact. An n-gram is packed into one integer of token ids, so there are neither hash collisions
nor the false positives of a Bloom filter: what is reported as shared is shared.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

BREAK = "\x00"  # between fields of one text: in no vocabulary, so no n-gram or phrase reaches across it
_BITS = 24  # per token id: 16 million distinct words
_TOKEN = re.compile(r"\d+(?:\.\d+)+|[^\W_]+|\x00")
# Soft hyphens, joiners and marks of direction stand inside words and are not seen; a zero-width space parts words.
_UNSEEN = re.compile(r"[\u00ad\u061c\u180e\u200c-\u200f\u202a-\u202e\u2060-\u206f]")


def tokenise(text: str) -> list[str]:
    """Split text into case-folded words and numbers; punctuation, accents' encoding and layout do not matter.

    Decimal numbers stay whole, so that "0.05" and "0.5" differ. HTML's entities are read as what they stand for.
    """
    text = _UNSEEN.sub("", html.unescape(text))
    return _TOKEN.findall(unicodedata.normalize("NFKC", text).casefold())


def normalise(text: str) -> str:
    """Return the tokens of a text joined by single spaces: equal strings here are equal texts."""
    return " ".join(tokenise(text))


class Overlap(NamedTuple):
    """What one query text shares with one indexed text."""

    text: int  # position of the indexed text
    shared: int  # distinct n-grams in common
    share: float  # of the indexed text's distinct n-grams (without the common ones), 0..1
    positions: tuple[int, ...]  # token positions in the query where shared n-grams start, ascending


@dataclass(frozen=True, slots=True)
class OverlapIndex:
    """Which indexed texts hold which n-grams; build it over the smaller side and stream the other through."""

    n: int
    sizes: tuple[int, ...]  # distinct n-grams of each indexed text that count
    _ids: Mapping[str, int]
    _grams: Mapping[int, tuple[int, ...]]

    @classmethod
    def build(
        cls,
        texts: Iterable[str | Sequence[str]],
        *,
        n: int = 8,
        common: int | None = None,
        passages: Iterable[Sequence[str]] = (),
    ) -> OverlapIndex:
        """Index texts (or token lists) by position.

        An n-gram found in more than `common` different texts is boilerplate ("which of the following is the most
        likely diagnosis") and counts neither for nor against; None keeps all. What stands in one of `passages`, parts
        that many texts may share whole, is counted over the different passages instead.
        """
        ids: dict[str, int] = {}
        postings: defaultdict[int, list[int]] = defaultdict(list)
        count = 0
        different: set[tuple[str, ...]] = set()
        for number, text in enumerate(texts):
            tokens = tokenise(text) if isinstance(text, str) else text
            different.add(tuple(tokens))
            for token in tokens:
                if token != BREAK:
                    ids.setdefault(token, len(ids) + 1)
            for gram in {gram for _, gram in _grams(tokens, ids, n)}:
                postings[gram].append(number)
            count = number + 1
        kept = {gram: tuple(where) for gram, where in postings.items()}
        if common is not None:
            in_texts, in_passages = (
                Counter(gram for part in parts for gram in {gram for _, gram in _grams(part, ids, n)})
                for parts in (different, set(map(tuple, passages)))
            )
            kept = {gram: where for gram, where in kept.items() if (in_passages[gram] or in_texts[gram]) <= common}
        sizes = Counter(number for where in kept.values() for number in where)
        return cls(n, tuple(sizes[number] for number in range(count)), ids, kept)

    def coverage(self, text: str | Sequence[str], *, at_least: float = 0.0) -> list[Overlap]:
        """Return the indexed texts that share n-grams with this one, the best covered first."""
        tokens = tokenise(text) if isinstance(text, str) else text
        hits: dict[int, dict[int, int]] = {}
        for position, gram in _grams(tokens, self._ids, self.n):
            for number in self._grams.get(gram, ()):
                hits.setdefault(number, {}).setdefault(gram, position)
        found = (
            Overlap(number, len(grams), len(grams) / self.sizes[number], tuple(sorted(grams.values())))
            for number, grams in hits.items()
        )
        return sorted((o for o in found if o.share >= at_least), key=lambda o: (-o.share, o.text))


def _grams(tokens: Sequence[str], ids: Mapping[str, int], n: int) -> Iterable[tuple[int, int]]:
    """Yield (start, packed n-gram) for every window of n known words; an unknown word cannot be shared."""
    mask = (1 << _BITS * n) - 1
    packed = run = 0
    known = ids.get
    for end, token in enumerate(tokens):
        number = known(token)
        if number is None:
            packed = run = 0
            continue
        packed = (packed << _BITS | number) & mask
        run += 1
        if run >= n:
            yield end - n + 1, packed


@dataclass(frozen=True, slots=True)
class PhraseIndex:
    """Whole phrases to look for in texts, each filed under its rarest word so that most are never compared."""

    _by_word: Mapping[str, tuple[tuple[int, str], ...]]

    @classmethod
    def build(cls, phrases: Iterable[Sequence[str]]) -> PhraseIndex:
        """Index token lists by position; empty ones are never found."""
        listed = list(phrases)
        frequency = Counter(token for phrase in listed for token in set(phrase))
        by_word: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
        for number, phrase in enumerate(listed):
            if phrase:
                rarest = min(phrase, key=lambda token: (frequency[token], token))
                by_word[rarest].append((number, f" {' '.join(phrase)} "))
        return cls({word: tuple(entries) for word, entries in by_word.items()})

    def contained(self, tokens: Sequence[str]) -> list[int]:
        """Return the positions of the phrases that occur, word for word, in this token list."""
        words = self._by_word.keys() & set(tokens)
        if not words:
            return []
        joined = f" {' '.join(tokens)} "
        return sorted(number for word in words for number, phrase in self._by_word[word] if phrase in joined)


def shared_ngrams(first: Sequence[str], second: Sequence[str], *, n: int) -> float:
    """Return the share of the first list's distinct n-grams that the second holds (0 if it has none)."""
    ours = {tuple(first[i : i + n]) for i in range(len(first) - n + 1)}
    theirs = {tuple(second[i : i + n]) for i in range(len(second) - n + 1)}
    return len(ours & theirs) / len(ours) if ours else 0.0


def longest_run(first: Sequence[str], second: Sequence[str], *, n: int) -> tuple[int, int]:
    """Return (start in the first list, length) of the longest run of at least n words in both, or (0, 0)."""
    where: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for start in range(len(second) - n + 1):
        where[tuple(second[start : start + n])].append(start)
    best = (0, 0)
    for start in range(len(first) - n + 1):
        if start + best[1] >= len(first):
            break  # what is left is shorter than the best
        for other in where.get(tuple(first[start : start + n]), ()):
            length = n
            while (
                start + length < len(first)
                and other + length < len(second)
                and first[start + length] == second[other + length]
            ):
                length += 1
            if length > best[1]:
                best = (start, length)
    return best


def common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """Return the length of the longest common subsequence of two token lists (bit-parallel; Hyyrö 2004)."""
    if not first:
        return 0
    places: defaultdict[str, int] = defaultdict(int)
    for position, token in enumerate(first):
        places[token] |= 1 << position
    everywhere = (1 << len(first)) - 1
    row = everywhere
    for token in second:
        if matched := row & places.get(token, 0):
            row = ((row + matched) | (row - matched)) & everywhere
    return len(first) - row.bit_count()
