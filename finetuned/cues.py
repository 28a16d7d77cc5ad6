"""Words that say which way something went: their sense, their opposite, and other words for the same.

Rules, not a model; the verifier joins them to what its model reads.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Sense = Literal["up", "down", "better", "worse", "same", "not"]


class Cue(NamedTuple):
    """A stretch [start, end) of a text that says a direction."""

    start: int
    end: int
    sense: Sense


# One row per grammatical form: words for up, words for down. Any word can stand for another of its cell, and the
# first of the other cell is its opposite at the same place.
FORMS: dict[str, tuple[str, str]] = {
    "past": (
        "increased raised elevated enhanced augmented boosted heightened",
        "decreased reduced lowered diminished lessened attenuated",
    ),
    "base": (
        "increase raise elevate enhance augment boost heighten",
        "decrease reduce lower diminish lessen attenuate",
    ),
    "third": (
        "increases raises elevates enhances augments boosts",
        "decreases reduces lowers diminishes lessens attenuates",
    ),
    "gerund": (
        "increasing raising elevating enhancing augmenting boosting",
        "decreasing reducing lowering diminishing lessening attenuating",
    ),
    "comparative": ("higher greater larger", "lower smaller"),
    "amount": ("more", "fewer less"),
    "length": ("longer", "shorter"),
    "speed": ("faster quicker", "slower"),
    "strength": ("stronger", "weaker"),
    "moved": ("rose grew climbed", "fell declined dropped"),
    "moves": ("rises grows climbs", "falls declines drops"),
    "noun": ("increase rise elevation increment", "decrease reduction decline drop"),
    "nouns": ("increases rises elevations increments", "decreases reductions declines drops"),
    "lasted": ("prolonged lengthened", "shortened"),
    "lasts": ("prolongs lengthens", "shortens"),
    "prolong": ("prolong lengthen", "shorten"),
    "prolongation": ("prolongation", "shortening"),
    "most": ("highest greatest largest", "lowest smallest"),
    "regulated": ("upregulated", "downregulated"),
    "regulation": ("upregulation", "downregulation"),
    "promoted": ("promoted stimulated induced activated", "suppressed inhibited blocked prevented"),
    "promotes": ("promotes stimulates induces activates", "suppresses inhibits blocks prevents"),
    "promote": ("promote stimulate induce activate", "suppress inhibit block prevent"),
}
JUDGED: dict[str, tuple[str, str]] = {
    "past": ("improved ameliorated", "worsened impaired"),
    "base": ("improve ameliorate", "worsen impair"),
    "third": ("improves ameliorates", "worsens impairs"),
    "gerund": ("improving", "worsening"),
    "comparative": ("better", "worse poorer"),
    "rank": ("superior", "inferior"),
    "noun": ("improvement", "worsening deterioration impairment"),
    "nouns": ("improvements", "impairments"),
}
# More of these is worse: "improved" then means down.
BAD = re.compile(
    r"\b(?:pain|mortality|deaths?|risks?|symptoms?|adverse|complications?|bleed\w*|infections?|relapses?|recurrence\w*|"
    r"anxiety|depressi\w+|stress|fatigue|nausea|vomiting|disability|severity|incidence|blood pressure|hypertension|"
    r"cholesterol|ldl|hba1c|glucose|weight|bmi|obesity|inflammat\w+|crp|distress|burden|failure|errors?|falls|"
    r"hospitali[sz]ations?|length of stay|duration|time to|insomnia|exacerbations?|attacks?|seizures?|toxicity|"
    r"dyspn\w+|cough|itch\w*|pruritus|swelling|edema|oedema|stroke|infarction|fractures?|loss|deficits?|impairment|"
    r"dysfunction|resistance|viral load|tumou?r|progression|injury|lesions?|plaque|craving|smoking|drinking)\b",
    re.IGNORECASE,
)
_MORE_STEMS: dict[Sense, str] = {
    "up": r"exceed\w*|doubled|tripled|surpass\w*|accelerat\w*|gained|strengthen\w*|bigger|excess|rising|risen|grown|"
    r"stimulat\w+|amplif\w+|potentiat\w+|induc(?:e|ed|es|ing)|favou?r(?:s|ed)|positive(?:ly)?|upward|later",
    "down": r"halved|declin\w*|falling|fallen|curtail\w*|curb\w*|blunt\w*|minimi[sz]\w*|weaken\w*|slow(?:s|ed|ing)|"
    r"prevent\w*|suppress\w*|inhibit\w*|cut|earlier|protect\w*|negative(?:ly)?|inverse(?:ly)?|smallest|least|lesser",
    "better": r"superiority|benefi\w+|effective(?:ly)?|efficacious|efficacy|outperform\w*|reliev\w+|alleviat\w+|ameliorat\w+",
    "worse": r"inferiority|deteriorat\w*|impair\w*|aggravat\w*|exacerbat\w*|ineffective|wors\w*|harm(?:ful|s|ed)",
}
_ADVERB = (
    r"(?:(?:statistically|clinically|significantly|markedly|substantially|materially|appreciably|really|any|much)\s+)*"
)
_CHANGE = (
    r"(?:differ\w*|change[sd]?|changing|alter\w*|affect\w*|effect\w*|impact\w*|influenc\w*|vary|varied|increas\w*|"
    r"decreas\w*|reduc\w*|improv\w*|lower\w*|higher|greater|rais\w*|better|worse\w*|superior\w*|more|fewer|less|longer|"
    r"shorter|larger|smaller|benefi\w*|advantage\w*|associat\w*|correlat\w*|relat(?:ed|ion\w*)|prevent\w*|prolong\w*|"
    r"enhanc\w*|rise|rose|fall|predict\w*|inferior\w*|effective\w*|elevat\w*)"
)
_NO = r"(?:no|not|nor|neither|without|never|cannot|lack of|lacked|absence of|fail(?:s|ed|ing)? to|(?:did|do|does|was|were|is|are|has|have|had)n[o'’]t)"
# No difference, said as such; then a change denied; the words between are adverbs and "statistically significant".
_BETWEEN = r"(?:\s+(?:a|an|any|the|be|been|to|show|shown|have|had|produce|lead|result|find|found|seen|observed|in|did|there|was|were|statistical(?:ly)?|clinical(?:ly)?|significan(?:t|tly|ce)|marked(?:ly)?|substantial(?:ly)?|major|relevant|important|meaningful|evidence|of|for|overall|other|clear|additional|apparent|detectable|between[- ]group|group|treatment|intergroup|main|further|differential|material(?:ly)?|appreciabl[ey]|really|much)){0,6}?\s+"
NONE = re.compile(
    rf"\b{_NO}{_BETWEEN}(?P<what>{_CHANGE})\b"
    r"|\b(?P<alike>similar(?:ly)?|comparable|equivalent|identical|unchanged|unaffected|unaltered|non-?significant(?:ly)?|"
    r"insignificant(?:ly)?|the same|non-?inferior\w*|equal(?:ly)?|unrelated|as (?:effective|safe|well|good) as|"
    r"equally effective|stable|indistinguishable|about as \w+ as|on a par)\b"
    r"|\b(?:not|n[o'’]t|without)\s+(?:(?:be|been|being|reach(?:ing|ed)?|achiev(?:e|ed|ing)|attain(?:ed)?|statistically|"
    r"found to be|to be|statistical)\s+)*(?P<ns>significan\w+)\b",
    re.IGNORECASE,
)
_ALIKE = re.compile(
    r"differ|chang|alter|affect|effect(?!ive)|impact|influenc|vary|varied|associat|correlat|relat|predict"
)


def _table() -> tuple[dict[str, Sense], dict[str, str], dict[str, tuple[str, ...]]]:
    senses: dict[str, Sense] = {}
    opposites: dict[str, str] = {}
    synonyms: dict[str, tuple[str, ...]] = {}
    pairs: tuple[tuple[dict[str, tuple[str, str]], Sense, Sense], ...] = (
        (FORMS, "up", "down"),
        (JUDGED, "better", "worse"),
    )
    for forms, first, second in pairs:
        for cells in forms.values():
            words = [cell.split() for cell in cells]
            for own, other, sense in ((words[0], words[1], first), (words[1], words[0], second)):
                for number, word in enumerate(own):
                    senses.setdefault(word, sense)
                    opposites.setdefault(word, other[min(number, len(other) - 1)])
                    synonyms.setdefault(word, tuple(own))
    return senses, opposites, synonyms


SENSES, OPPOSITES, SYNONYMS = _table()
_WORDS = re.compile(
    rf"(?<![-\w])(?:(?P<word>{'|'.join(sorted(SENSES, key=len, reverse=True))})"
    + "".join(f"|(?P<{sense}>{stems})" for sense, stems in _MORE_STEMS.items())
    + r")(?![-\w])",
    re.IGNORECASE,
)
# "low" and "high" compare nothing; "more than 12 weeks", "less than 50 mg", "at least" are amounts.
_AMOUNT = re.compile(r"\s+than\s+(?:or equal to\s+)?(?:[<>≥≤]?\s*\d|one|two|three|half|a |an )", re.IGNORECASE)


def find_cues(text: str) -> list[Cue]:
    """Return the cues of a text in order: denials and likenesses first, other words outside of them."""
    cues = [Cue(m.start(), m.end(), _denial(m)) for m in NONE.finditer(text)]
    taken = [(c.start, c.end) for c in cues]
    for m in _WORDS.finditer(text):
        if any(start <= m.start() < end for start, end in taken) or _AMOUNT.match(text, m.end()):
            continue
        sense = SENSES[m["word"].lower()] if m["word"] else next(s for s in _MORE_STEMS if m[s])
        cues.append(Cue(m.start(), m.end(), sense))
    return sorted(cues)


def _denial(match: re.Match[str]) -> Sense:
    """A difference denied is "same"; an increase denied is "not": it may also have gone the other way."""
    what = match["what"]
    return "not" if what and not _ALIKE.match(what.lower()) else "same"


def flip_words(text: str) -> str:
    """Return the text with every up word turned into a down word and the other way round."""

    def turn(match: re.Match[str]) -> str:
        word = match[0]
        other = OPPOSITES.get(word.lower())
        if other is None or _AMOUNT.match(text, match.end()):
            return word
        return other.capitalize() if word[0].isupper() else other

    return _WORDS.sub(turn, text)


def can_flip(text: str) -> bool:
    """Tell whether flipping turns all that the text says: it has such words, and no others that it would leave."""
    words = [m[0].lower() for m in _WORDS.finditer(text)]
    return bool(words) and all(w in OPPOSITES for w in words)
