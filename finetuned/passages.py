"""Cut evidence into sentences, and choose those worth reading for a claim or a question."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .cues import find_cues
from .marking import key_words

# The end mark, then space and a capital or a digit; not after "vs.", "e.g.", initials and the like.
_END = re.compile(
    r"(?<=[.!?])(?<!\bvs\.)(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bal\.)(?<!\b[A-Z]\.)(?<!\bapprox\.)\s+(?=[\"'(\[]*[A-Z0-9])|\n+"
)
LONG = 1500  # characters of a piece; one that never ends (a table) is cut there


def sentences(text: str) -> list[str]:
    """Return the sentences of a text in order; line breaks end one, too."""
    pieces = [p.strip() for p in _END.split(text)]
    return [p[n : n + LONG] for p in pieces if p for n in range(0, len(p), LONG)]


def choose(about: str, pieces: Sequence[str], count: int) -> list[int]:
    """Return the numbers of the best sentences for a claim or question, best first.

    Score: share of its words + .3 if the sentence says a direction + .2 × position (0 first, 1 last). Sentences that
    share no word are left out.
    """
    words = key_words(about)
    scored = []
    for n, piece in enumerate(pieces):
        shared = len(words & key_words(piece)) / max(1, len(words))
        if shared:
            scored.append((shared + 0.3 * bool(find_cues(piece)) + 0.2 * (n + 1) / len(pieces), n))
    return [n for _, n in sorted(scored, reverse=True)[:count]]
