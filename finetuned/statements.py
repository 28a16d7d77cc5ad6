"""Find sentences of abstracts whose wording says by itself which outcome went which way, in which arm.

"Bleeding was lower with LMWH than with UFH" → outcome bleeding, arms LMWH and UFH, down. From such a sentence claims can
be worded many ways, true and false, with no annotator: what a small model needs thousands of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .claims import find_comparator
from .cues import find_cues

ADVERB = r"(?:(?:statistically |clinically )?(?:significantly|markedly|substantially|much|slightly|also|consistently|generally|significant|marked) )*"
_BE = r"(?:was|were|is|are)"
_IN = r"(?:in|with|for|among|after|under|on|by|following)"
_HIGHER = r"(?P<cue>higher|lower|greater|smaller|larger|longer|shorter|better|worse|less|more|fewer|faster|slower|stronger|weaker|increased|decreased|reduced|elevated|improved)"
_VERB = (
    r"(?P<cue>increase[sd]?|decrease[sd]?|reduce[sd]?|lower(?:s|ed)|raise[sd]?|improve[sd]?|enhance[sd]?|prolong(?:s|ed)|"
    r"shorten(?:s|ed)|attenuate[sd]?|diminishe[sd]|worsen(?:s|ed)|elevate[sd]|suppresse[sd]|inhibit(?:s|ed)|prevent(?:s|ed)|"
    r"promote[sd]?|stimulate[sd]?|impair(?:s|ed)|boost(?:s|ed))"
)
_O, _A, _B = r"(?P<o>[^;:]{4,110}?)", r"(?P<a>[^;:,]{3,80}?)", r"(?P<b>[^;:,()]{3,70}?)"
_END = r"(?=\s*(?:[,;:(.]|$| and | but | while | whereas | at | during | over | for ))"
_COMPARED = r"(?:,? (?:as )?compared (?:with|to)|,? when compared (?:with|to)|,? versus|,? relative to|,? in comparison (?:with|to)| vs\.?)"
PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"^{_O} {_BE} {ADVERB}{_HIGHER} {_IN} (?:the )?{_A} than (?:{_IN} |that of |those of )?(?:the )?{_B}{_END}",
        rf"^{_O} {_BE} {ADVERB}{_HIGHER} {_IN} (?:the )?{_A}{_COMPARED} (?:{_IN} |that {_IN} |those {_IN} )?(?:the )?{_B}{_END}",
        rf"^{_A} {ADVERB}{_VERB} {_O}{_COMPARED} (?:the )?{_B}{_END}",
        rf"^{_A} (?:had|showed|experienced|reported|achieved|demonstrated|exhibited) (?:a |an )?{ADVERB}{_HIGHER} {_O} "
        rf"(?:than|{_COMPARED}) (?:did |{_IN} )?(?:the |those )?{_B}{_END}",
        rf"^(?:as )?compared (?:with|to) (?:the )?{_B}, {_A} {ADVERB}{_VERB} {_O}{_END}",
        rf"(?P<cue>no (?:statistically |clinically )?(?:significant )?(?:difference|differences|change) (?:was |were )?(?:found |observed |seen )?)"
        rf"(?:in|of|for|regarding) {_O} (?:was |were )?(?:found |observed |seen )?between (?:the )?{_A} and (?:the )?{_B}{_END}",
        rf"^{_O} (?P<cue>(?:did|was|were) not (?:significantly |statistically )?(?:differ|different|significantly different)"
        rf"(?: significantly)?|(?:was|were) (?:similar|comparable)) (?:between|in|for|with|among) (?:the )?{_A} and (?:in |with |the )*{_B}{_END}",
    )
)
# Without another arm: "aspirin reduced mortality".
PLAIN = re.compile(rf"^{_A} {ADVERB}{_VERB} {_O}(?=\s*[,;:(.]|$)", re.IGNORECASE)
_LEAD = re.compile(
    r"^(?:(?:[A-Z][A-Z &/]{3,40}: )|(?:in conclusion|moreover|however|furthermore|in addition|additionally|overall|finally|"
    r"therefore|thus|our results (?:show|suggest|indicate) that|(?:these|the) (?:results|findings|data) (?:show|suggest|"
    r"indicate|demonstrate)(?:ed)? that|we (?:found|conclude|conclude[d]?|observed|show|showed) that|this study (?:shows|showed|"
    r"suggests|demonstrates) that|it is concluded that|results showed that|also|similarly|interestingly|conversely|in contrast)"
    r",? )+",
    re.IGNORECASE,
)
_BROKEN = re.compile(
    r"(?:in|of|for|by|from|with|after|during|to|at|on|significantly|was|were|and|when|compared|under|only|both)\b|\d",
    re.I,
)
_BROKEN_ARM = re.compile(
    r"\b(?:was|were|is|are|an?|the|of|to|by|or|and|but|caused|produced|showed?|induced|had|has|have|can|may|distinct|"
    r"with|not|no|been|be|did|does|do|significant|in|from|on|that|leads?)$|\b(?:was|were|showed|produced|caused|had|based)\b",
    re.I,
)
_PRONOUN = re.compile(
    r"\b(?:we|it|they|this|these|there|which|that|who|our|both|neither|respectively|former|latter)\b", re.I
)


class Statement(NamedTuple):
    """`direction`: up, down or same of the outcome in arm a against arm b; b may be "" if only one arm is named."""

    pmid: str
    outcome: str
    a: str
    b: str
    direction: str
    sentence: str
    before: str  # the sentences around it, "" at the ends
    after: str


def read_statement(sentence: str) -> tuple[str, str, str, str] | None:
    """Return outcome, arm, other arm, direction; None where the sentence has no such plain form."""
    text = _LEAD.sub("", sentence)
    if len(text) > 400:
        return None
    for number, pattern in enumerate((*PATTERNS, PLAIN)):
        m = pattern.search(text)
        if m is None:
            continue
        parts = {name: _clean(m.groupdict().get(name) or "") for name in "oab"}
        if (
            not _sound(parts, plain=number == len(PATTERNS))
            or _BROKEN_ARM.search(parts["a"])
            or _BROKEN.match(parts["o"])
        ):
            return None
        direction = _direction(m["cue"], text[: m.start("cue")])
        return (parts["o"], parts["a"], parts["b"], direction) if direction else None
    return None


def _direction(cue: str, before: str) -> str:
    if re.match(r"no |did|was|were", cue, re.IGNORECASE):
        return "same"
    senses = [c.sense for c in find_cues(cue)]
    if not senses or re.search(
        r"\b(?:not|no|nor|neither|n[o'’]t|may|might|could|whether|if|to)\s+(?:\w+ly )?$", before
    ):
        return ""
    return senses[0] if senses[0] in ("up", "down") else ""


def _clean(text: str) -> str:
    return re.sub(
        r"^(?:the|a|an|and|but|although|while|that|patients|those|subjects) ", "", re.sub(r"\s*\([^)]*\)", "", text)
    ).strip(" ,")


def _sound(parts: dict[str, str], *, plain: bool) -> bool:
    named = [parts["o"], parts["a"]] + ([] if plain else [parts["b"]])
    return all(
        2 <= len(p) <= 100
        and len(p.split()) <= 12
        and any(c.isalpha() for c in p)
        and not _PRONOUN.search(p)
        and not any(c.sense in ("same", "not") for c in find_cues(p))
        for p in named
    ) and not find_comparator(parts["a"] + " ")


def statements(pmid: str, sentences: list[str]) -> Iterator[Statement]:
    """Yield what the sentences of one abstract plainly state."""
    for n, sentence in enumerate(sentences):
        if len(sentence) < 400 and (read := read_statement(sentence)):
            outcome, a, b, direction = read
            before = sentences[n - 1] if n else ""
            after = sentences[n + 1] if n + 1 < len(sentences) else ""
            yield Statement(pmid, outcome, a, b, direction, sentence, before, after)
