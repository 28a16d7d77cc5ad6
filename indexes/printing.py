"""Text from elsewhere, made harmless for a terminal."""

from __future__ import annotations

import re

# All control characters but tab and line feed: an abstract or a model must not move the cursor or set the title.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Return a text of the same length without any power over the terminal."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
