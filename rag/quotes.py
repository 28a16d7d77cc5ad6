"""Find a quotation in a text, forgiving only what typing changes: Unicode forms, dashes, quotes, white space."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_SAME = str.maketrans(
    dict.fromkeys("‐‑‒–—―−﹣－", "-")
    | dict.fromkeys("‘’‚‛′`´", "'")
    | dict.fromkeys("“”„‟″«»", '"')
    | {"·": ".", "∙": "."}
)
_ELLIPSIS = re.compile(r"\s*(?:\[\s*(?:\.\.\.|…)\s*\]|\.\.\.|…)\s*")

# A place within a word or a number: "in|effective", "non-|significant", "2|5 mg", "1|2.5", "12|.5", "12.5|%".
_WITHIN = re.compile(
    r"(?<=[^\W_])(?=[-']?[^\W_])|(?<=[^\W_][-'])(?=[^\W_])|(?<=\d[.,])(?=\d)|(?<=\d)(?=[.,]\d| ?%)|(?<=-)(?=\d)"
)

_RUN = re.compile(r"([!-~]+)|.", re.DOTALL)


@lru_cache(maxsize=256)  # one answer's checks read the same few abstracts again and again
def normalise(text: str) -> tuple[str, tuple[int, ...]]:
    """Return the text in comparable form and, for each of its characters, the position it came from.

    NFKC (Unicode Annex 15), one kind of dash, apostrophe and quotation mark, a middle dot as a decimal
    point, runs of white space as one blank, soft hyphens dropped. Letters keep their case.
    """
    pieces: list[str] = []
    origins: list[int] = []
    blank = True  # the last character is white space, or there is none yet: none is put after it
    for run in _RUN.finditer(text.translate(_SAME)):
        start, end = run.span()
        if run[1]:  # most characters of most texts
            pieces.append(run[1])
            origins.extend(range(start, end))
            blank = False
            continue
        for part in "" if run[0] == "\u00ad" else unicodedata.normalize("NFKC", run[0]).translate(_SAME):
            if not part.isspace():
                pieces.append(part)
                origins.append(start)
                blank = False
            elif not blank:
                pieces.append(" ")
                origins.append(start)
                blank = True
    return "".join(pieces), tuple(origins)


def find_part(part: str, text: str, *, start: int = 0) -> int:
    """Return where a normalised part stands, in whole words and numbers, in a text's comparable form, or -1.

    An em dash parts words, though it is compared as a hyphen.
    """
    plain, origins = normalise(text)

    def cut(at: int) -> bool:
        return bool(_WITHIN.match(plain, at)) and not any(text[o] in "—―" for o in origins[max(0, at - 1) : at + 1])

    at = plain.find(part, start)
    while at >= 0 and (cut(at) or cut(at + len(part))):
        at = plain.find(part, at + 1)
    return at


def find_quote(quote: str, text: str) -> tuple[int, int] | None:
    """Return where a quotation stands in a text as [start, end), or None.

    It begins and ends with whole words and numbers. An ellipsis joins parts that must follow each other. A quotation
    with no letter or digit is none.
    """
    wanted = [normalise(part)[0].strip() for part in _ELLIPSIS.split(quote.strip().strip('"“”'))]
    wanted = [part for part in wanted if any(c.isalnum() for c in part)]
    if not wanted:
        return None
    _, origins = normalise(text)
    start = position = -1
    for part in wanted:
        at = find_part(part, text, start=max(position, 0))
        if at < 0:
            return None
        start = at if start < 0 else start
        position = at + len(part)
    return origins[start], origins[position - 1] + 1
