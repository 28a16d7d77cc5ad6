"""Notice that two papers on the question report differently: one an effect, one none.

The rule takes one sentence a paper: the quoted one where the answer quotes the paper, else the one that answers the
question best. It calls it "effect", "no effect" or neither by its words alone. Two papers conflict if their sentences
report differently, both have at least two of the question's words, the shorter one's content words stand in the
other to two fifths, the answer cites one of the papers and the other matches the question nearly as well as the best.
That says nothing of why (population, dose, outcome, chance), nor which is right; and no conflict found does not mean
that there is none. Rates: README of this package.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from .aligning import content_words
from .answer import Conflict, Evidence, Quote, Sentence
from .extractive import rank_sentences
from .sentences import split_sentences

Finding = Literal["effect", "no effect", ""]
PARTNER = 0.6  # share of the best match that a paper the answer does not cite needs
SHARED = 2  # content words of the question that both sentences must have
ALIKE = 0.4  # share of the shorter sentence's content words that the other must have: else they speak of two things

_CHANGE = (
    r"(?:reduc\w*|lower\w*|decreas\w*|improv\w*|increas\w*|prevent\w*|delay\w*|shorten\w*|prolong\w*|affect\w*|benefit\w*|"
    r"alter\w*|chang\w*|influenc\w*|enhanc\w*|slow\w*|protect\w*|help\w*|keep|kept|differ\w*|effect\w*|advantage\w*|"
    r"superior\w*|better|worse\w*|great\w*|high\w*|few\w*|associat\w*|effective|efficacious|gain\w*|impact\w*|relat\w*)"
)
_NO_EFFECT = re.compile(
    rf"\b(?:no|not|nor|neither|without|cannot|lack of|fail(?:s|ed|ing)? to|absence of|never)\b"
    rf"(?:\s+[\w-]+){{0,5}}?\s+{_CHANGE}\b|"
    rf"\b(?:did|does|do|was|were|is|are|has|have|could|would)(?:n't| not)\b(?:\s+[\w-]+){{0,4}}?\s+{_CHANGE}\b|"
    r"\b(?:similar|comparable|equivalent|identical|unchanged|unaffected|ineffective|non-?significant|insignificant|"
    r"the same|as (?:effective|safe|good|well) as|non-?inferior\w*|no better|no more)\b|"
    r"\b(?:not|without) (?:reach(?:ing)? )?(?:statistical(?:ly)? )?significan\w+",
    re.IGNORECASE,
)
_EFFECT = re.compile(
    r"\b(?:significant(?:ly)?|markedly|substantially|clearly|effective(?:ly)?|superior|better|fewer|greater|higher|lower|"
    r"less|more|longer|shorter|worse|improve[sd]?|improving|reduce[sd]?|reducing|lowered|lowers|decreased?s?|increased?s?|"
    r"prevent(?:s|ed)|delay(?:s|ed)|halved|doubled|benefit(?:s|ed)?|protects?|protected|prolong(?:s|ed)|shorten(?:s|ed)|"
    r"reduction|improvement|increase|decrease|kept|maintained|slow(?:s|ed)|enhance[sd]?)\b",
    re.IGNORECASE,
)
_LARGE_P = re.compile(
    r"\bp(?:[ -]?values?)?\s*(?:=|:|>)\s*(?:0?\.(?:0[6-9]|[1-9])\d*|0?\.05\d+|ns)\b|\bp\s*>\s*0?\.05", re.I
)
_SMALL_P = re.compile(r"\bp(?:[ -]?values?)?\s*(?:=|:|<|≤)\s*0?\.0[0-4]", re.I)
# Plans, aims and open questions report nothing yet.
_OPEN = re.compile(
    r"\b(?:to (?:determine|assess|evaluate|investigate|examine|test|compare|study|find out)|aim(?:s|ed)?|hypothes\w+|"
    r"whether|will be|is planned|remains? (?:unclear|unknown|uncertain)|inconclusive|neither establish|insufficient|"
    r"further (?:studies|research|trials)|disagree|conflicting)\b|\?",
    re.IGNORECASE,
)


def finding(sentence: str) -> Finding:
    """Return whether a sentence reports an effect, none, or (by these words) neither or both."""
    if _OPEN.search(sentence):
        return ""
    if _LARGE_P.search(sentence):
        return "" if _SMALL_P.search(sentence) else "no effect"
    none = _NO_EFFECT.search(sentence)
    rest = _NO_EFFECT.sub(" ", sentence)
    some = _EFFECT.search(rest)
    if none and some:
        return ""  # "reduced pain but not disability": which of them was asked about, words alone do not say
    return "no effect" if none else "effect" if some else ""


def find_conflicts(
    question: str, evidence: Sequence[Evidence], sentences: Sequence[Sentence], *, limit: int = 3
) -> tuple[Conflict, ...]:
    """Return pairs of papers that report differently, one of them cited at least; retracted papers do not count."""
    quoted = {q.pmid: q for s in reversed(sentences) for q in reversed(s.quotes)}
    if not quoted:
        return ()
    sound = [e for e in evidence if e.status != "retracted"]
    best = max((e.match for e in sound), default=0.0)
    used = [e for e in sound if e.pmid in quoted or e.match >= PARTNER * best]
    asked = content_words(question)
    said = [
        (says, kind, asked & content_words(says.text))
        for e in used
        if (says := _says(question, e, quoted.get(e.pmid))) and (kind := finding(says.text))
    ]
    pairs = [
        Conflict(yes, no)
        for yes, kind, its in said
        for no, other, others in said
        if kind == "effect"
        and other == "no effect"
        and (yes.pmid in quoted or no.pmid in quoted)
        and len(its & others) >= SHARED
        and _alike(yes.text, no.text) >= ALIKE
    ]
    return tuple(pairs[:limit])


def _alike(one: str, other: str) -> float:
    its, others = content_words(one), content_words(other)
    return len(its & others) / max(1, min(len(its), len(others)))


def _says(question: str, paper: Evidence, quoted: Quote | None) -> Quote | None:
    if quoted is not None:  # the whole sentence: a quotation may end before "but not …"
        whole = next((s for s in split_sentences(paper.quotable_text) if s.start <= quoted.start < s.end), None)
    else:
        whole = next(iter(rank_sentences(question, paper.quotable_text)), None)
    return Quote(paper.pmid, paper.text[whole.start : whole.end], whole.start, whole.end) if whole else None
