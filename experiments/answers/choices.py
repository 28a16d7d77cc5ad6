"""Option letters and labels (yes/no/maybe, entailment, …), read strictly.

Read are, the most explicit first: a JSON field (`{"answer_choice": "A"}`), a box, "final answer: …", "the
answer is (B)", and an output whose first or last line is a letter, a letter and its text, or an option's
text. What comes first in this order counts, even if reasoning before it says otherwise. Not guessed:
several letters ("A/B"), letters that contradict each other, a letter with another option's text, a letter
that was not offered, the first letter of a name ("C. difficile", "D-dimer"), "none of the above" where that is no
option. With `first_of_several` an answer that
hedges in one place ("A/B") is read as its first letter, as MIRAGE's authors do; without, it is unparsed.
"""

from __future__ import annotations

import re

from .declared import declarations, without_thought
from .parsed import ABSTAINED, EMPTY, Parsed, unparsed
from .refusals import text_cannot_tell, value_cannot_tell

_PREFIX = re.compile(
    r"^(?:(?:option|choice|answer|letter)\s+(?=\(?[A-Z]\b)|(?:most likely|probably|likely|definitely|:)\s*)",
    re.IGNORECASE,
)
_SEVERAL = re.compile(
    r"^\(?([A-Z])\)?((?:\s*(?:/|,|;|&|\+|\band\b|\bor\b|\bvs\b)+\s*(?:or |and )?\(?[A-Z]\)?(?![\w']))+)"
)
_LETTER_TEXT = re.compile(r"^[(\[]?([A-Z])[)\]]?(\s*(?:[.:)\]\-–—=,]|\*\*)\s*)(\S.*)$", re.DOTALL)
_LETTER = re.compile(r"^[(\[]?([A-Za-z])[)\]]?[.:]?$")
_LETTER_PROSE = re.compile(
    r"^(?:\(([A-Z])\)|([A-Z])(?=[,;:)]|\.?$|\.?\s+(?:because|since|as|which|is|due|for|based|-|–|\()))"
)
_JOINS_A_NAME = re.compile(r"[.\-–]\s*|\s+[.\-–]")  # after a letter: "C. difficile", "D-dimer"
_STARTS_A_TEXT = re.compile(r"[^a-z]|(?:the|an?|it|this|because|since|as|due)\b")


def parse_choice(output: str, options: dict[str, str], *, first_of_several: bool = False) -> Parsed:
    """Read one of `options`' letters from an output.

    Returns:
        A letter as value, or an abstention, or unparsed with the reason.
    """
    text = without_thought(output)
    if not text:
        return EMPTY
    for values in declarations(text):
        if found := _agree(values, options, first_of_several):
            return found
    lines = [line for line in text.splitlines() if line.strip()]
    named = [letters for part in (text, lines[0], lines[-1]) if (letters := read_value(part, options))]
    if named:  # lines between them cannot answer, but they can contradict: a list of all options is no answer
        named += [listed[0] for line in lines[1:-1] if (listed := _letter_text(line, options))]
        return _one(named, options, first_of_several)
    return ABSTAINED if text_cannot_tell(text) else unparsed("no option is named as the answer")


def _agree(values: list[str], options: dict[str, str], first_of_several: bool) -> Parsed | None:
    """Return what one group of declarations says together; None if it says nothing about the options."""
    named = [letters for value in values if (letters := read_value(value, options, declared=True))]
    if named:
        return _one(named, options, first_of_several)
    if any(value_cannot_tell(value) for value in values):
        return ABSTAINED
    if any(value.strip() for value in values) and all(len(value.split()) <= 12 for value in values):
        return unparsed("the answer given is not one of the options")
    return None


def _one(named: list[str], options: dict[str, str], first_of_several: bool) -> Parsed:
    if first_of_several:
        named = [letters[0] for letters in named]
    if len(set("".join(named))) > 1:
        return unparsed("several options")
    letter = named[0]
    return Parsed(letter) if letter in options else unparsed(f"option {letter} was not offered")


def read_value(value: str, options: dict[str, str], *, declared: bool = False) -> str:
    """Return the letters that a short text names, in its order ("" none, "AB" several)."""
    value = _PREFIX.sub("", value.strip(" \t\n\"'*_`$"))
    exact = [letter for letter, text in options.items() if plain(text) == plain(value)]
    if len(exact) == 1 and plain(value):
        return exact[0]
    if found := _LETTER.match(value):
        return found[1].upper()
    if (found := _SEVERAL.match(value)) and found[1] in options:  # "N/A" is none of them
        return "".join(dict.fromkeys([found[1], *re.findall(r"\b[A-Z]\b", found[2])]))
    if listed := _letter_text(value, options):
        letter, text = listed
        others = [other for other, option in options.items() if plain(option) == plain(text)]
        return letter if not others or letter in others else "".join((letter, *others))
    if declared and (found := _LETTER_PROSE.match(value)):
        return found[1] or found[2]
    return _starts_with(value, options)


def _letter_text(value: str, options: dict[str, str]) -> tuple[str, str] | None:
    """Return a letter and the text behind it; None where the letter is the first of a name.

    Behind a full stop or hyphen the text must be the option's own, or begin as no name goes on.
    """
    found = _LETTER_TEXT.match(value)
    if found is None:
        return None
    letter, between, text = found[1], found[2], found[3]
    own, said = plain(options.get(letter, "")), plain(text)
    matches = bool(own and said) and (said.startswith(own) or own.startswith(said))
    apart = between[-1].isspace() and _STARTS_A_TEXT.match(text)
    return None if _JOINS_A_NAME.fullmatch(between) and not (matches or apart) else (letter, text)


def _starts_with(value: str, options: dict[str, str]) -> str:
    """Return the option whose text the value begins with and then ends a clause ("Yes, because …")."""
    lowered = " ".join(value.casefold().split())
    begins = [
        (len(text), letter)
        for letter, option in options.items()
        if (text := " ".join(option.casefold().split()).rstrip(" ."))
        and lowered.startswith(text)
        and re.match(r"\W*$|\s*[.,;:!*\")\n–—-]|\s+(?:because|since|as|based)\b", lowered[len(text) :])
    ]
    return max(begins)[1] if begins else ""


def plain(text: str) -> str:
    """Return a text without case, spaces at the ends and closing punctuation, for comparison."""
    return " ".join(text.casefold().split()).strip(" .;,\"'*_`")
