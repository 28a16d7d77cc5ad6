"""The sentence of a source that says most nearly what a claim says, and word for word where the two differ."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from functools import cache, lru_cache
from typing import Any, NamedTuple

from indexes.lexical import STOP_WORDS, analyser

from .quotes import normalise
from .sentences import Span, split_sentences

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|\.\d+|[^\W\d_]+|[<>=≤≥±%]")

_JOINED = re.compile(r"(?<=[a-z0-9)%\]])[.](?=[A-Z][a-z])")


class Token(NamedTuple):
    """A word's stem or a number's digits, and where it stands in its text."""

    stem: str
    start: int
    end: int


class Passage(NamedTuple):
    """A sentence of a source, with the stems of its content words."""

    span: Span
    words: frozenset[str]


class Change(NamedTuple):
    """Tokens of the source's sentence that the claim has others for; `held` if both neighbours are the same."""

    before: tuple[Token, ...]
    after: tuple[Token, ...]
    held: bool


class Alignment(NamedTuple):
    """`share` of the claim's content words stand in `passage`, `likeness` of all its tokens, in the same order.

    `shared` counts those content words, `run` the tokens of the longest stretch that both have.
    """

    passage: Passage
    share: float
    shared: int
    likeness: float
    run: int
    changes: tuple[Change, ...]


@lru_cache(maxsize=256)
def passages(text: str) -> tuple[Passage, ...]:
    """Return the sentences of a source, its title among them; those joined without a space are parted too."""
    parted = _JOINED.sub("\n", text)  # as long as before
    return tuple(Passage(span, content_words(span.text)) for span in split_sentences(parted))


@lru_cache(maxsize=4096)
def content_words(text: str) -> frozenset[str]:
    """Return the stems of the words that carry a text's subject."""
    text = text.encode("utf-8", "replace").decode()  # a model's JSON may hold half a surrogate pair
    return frozenset(w for w in _analyser().analyze(text) if w not in STOP_WORDS and len(w) > 1)


@lru_cache(maxsize=1024)
def tokens(text: str) -> tuple[Token, ...]:
    """Return words, as stems in lower case, numbers and signs of comparison, in order."""
    plain, origins = normalise(text)
    return tuple(
        Token(stem(m[0]) if m[0].isalpha() else m[0].replace(",", ""), origins[m.start()], origins[m.end() - 1] + 1)
        for m in _TOKEN.finditer(plain)
    )


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """Return a word's stem, as the search has it."""
    return next(iter(_analyser().analyze(word)), word.lower())


def align(claim: str, sources: Sequence[str]) -> Alignment | None:
    """Return the sentence of the sources nearest to a claim, or None where none shares a content word."""
    return _align(claim, tuple(sources))


@lru_cache(maxsize=256)  # numbers and directions ask alike
def _align(claim: str, sources: tuple[str, ...]) -> Alignment | None:
    words = {w for w in content_words(claim) if not w.isdigit()}  # an altered number must not hide its sentence
    if not words:
        return None
    ranked = sorted(
        ((len(words & p.words), p) for source in sources for p in passages(source)),
        key=lambda pair: (-pair[0], len(pair[1].words)),
    )
    compared = [_compare(claim, shared, len(words), p) for shared, p in ranked[:3] if shared]
    return max(compared, key=lambda a: (round(a.likeness, 2), a.share), default=None)  # then the shortest


def _compare(claim: str, shared: int, of: int, passage: Passage) -> Alignment:
    old, new = tokens(passage.span.text), tokens(claim)
    matcher = SequenceMatcher(None, [t.stem for t in old], [t.stem for t in new], autojunk=False)
    blocks = [block.size for block in matcher.get_matching_blocks()]
    changes = tuple(_changes(matcher, old, new))
    return Alignment(passage, shared / of, shared, sum(blocks) / len(new), max(blocks), changes)


def _changes(matcher: SequenceMatcher[str], old: Sequence[Token], new: Sequence[Token]) -> Iterator[Change]:
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind != "equal":
            # Both neighbours are the same, or it is a sentence's edge: else the place is not the same.
            left = i == 0 or k == 0 or old[i - 1].stem == new[k - 1].stem
            right = j == len(old) or m == len(new) or old[j].stem == new[m].stem
            yield Change(tuple(old[i:j]), tuple(new[k:m]), left and right)


@cache
def _analyser() -> Any:
    return analyser()
