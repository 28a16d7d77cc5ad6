"""Wordings by which a sentence is no claim, or only introduces one. Rules for English, read case-insensitively."""

from __future__ import annotations

import re

_I = re.IGNORECASE
FINAL = re.compile(r"^.{0,60}?\b(?:final answer|answer|conclusion)\b\s*(?:is|:)", _I)
QUOTE_LINE = re.compile(r'^>\s*(?:PMID:?\s*)?(\d+)\s*:\s*"?(.*?)"?\s*$')
LIST_MARK = re.compile(r"^\s*(?:[-*•]\s+|\(?\d{1,2}[.)]\s+|[A-H][.)]\s+(?=\S+\s+\S+\s+\S+\s+\S+))+")
EMPTY = re.compile(r"[\[(][\s,;]*[\])]")  # what is left of brackets whose citations were taken out

_PAPER = r"(?:documents?|passages?|sources?|abstracts?|snippets?|references?)"
_POSITION = rf"(?:the\s+)?{_PAPER}\s*\[?\d+\]?"
_POSITIONS = rf"{_POSITION}(?:(?:,| and|, and)\s+(?:{_POSITION}|\[\d+\]))*"
_SAYS = (
    r"(?:states?|stated|mentions?|mentioned|suggests?|reports?|reported|shows?|showed|indicates?|supports?|found|finds|"
    r"notes?|noted|concludes?|concluded|confirms?|demonstrates?|highlights?|describes?|explains?|implies|reveals?)"
)
_TEXTS = r"(?:documents?|information|evidence|abstracts?|findings?|factors|context|passages?)"
# "Document [2] states that", "Based on the provided documents,": what follows is the claim
SOURCE = re.compile(
    rf"^(?:(?:according to|as stated in|based on|in|from)\s+{_POSITIONS},\s+|"
    rf"{_POSITIONS}\s+(?:\([^)]*\)\s+)?(?:titled '[^']*'\s+)?(?:also |further |additionally )?{_SAYS}\s+"
    rf"(?:this (?:finding )?by \w+ing )?that\s+|{_POSITIONS}\s[^.,]{{0,60}}?,? stating that\s+|"
    rf"(?:based on|according to|from|considering|given) (?:\w+ ){{0,6}}?{_TEXTS}"
    r"(?: (?:in|from|provided) [^,]{0,40})?,\s+)",
    _I,
)
OPENING = re.compile(
    r"^(?:(?:therefore|thus|hence|however|additionally|furthermore|moreover|also|first(?:ly)?|second(?:ly)?|third(?:ly)?|"
    r"finally|lastly|overall|in conclusion|in summary|in addition|as a result|consequently|conversely|similarly|yes|no|"
    r"on the other hand)\s*,\s*|step \d+\s*:\s*|"
    r"(?:it is (?:clear|evident|important to note|worth noting|stated|mentioned|reasonable to (?:conclude|infer))|"
    r"it (?:can|may) be (?:concluded|inferred|said)|(?:we|one) (?:can|may) (?:conclude|infer|see)|"
    r"this (?:means|implies)) that\s+)",
    _I,
)
CHOOSES = re.compile(
    r"\b(?:final|correct|best|most appropriate|appropriate|likely)?\s*(?:answer|option|choice)s?\b[^.]{0,40}?"
    r"(?:\bis\b|\bare\b|\bwould be\b|:)\s*\W?(?:[A-H]\b|yes\b|no\b|maybe\b|not\b|true\b|false\b)|"
    r"^(?:option|choice|answer)\b|\boption \(?[A-H]\)?\b|^\W*[A-H]\W*$|"
    r"\b(?:choose|select|pick)(?:ing)? (?:the|option|an)\b|the answer (?:is|to)\b",
    _I,
)
_LOOK = (
    r"(?:consider|look|examine|determine|analy[sz]e|review|understand|assess|evaluate|identify|compare|explore|search|"
    r"find|refer|use|know|think|discuss|focus|check|choose|take|start|begin|make an informed)"
)
PLANS = re.compile(
    r"\b(?:we|i|let us|let's|one) (?:first |then |also |now |next )?(?:need|can|could|should|must|will|would|have|'ll)"
    rf"(?: to)? (?:first |then |also )?{_LOOK}\b|\blet(?:'s| us)\b|"
    r"^to (?:answer|determine|address|assess|evaluate|analy[sz]e)\b[^.]{0,400}?"
    r"\b(?:we|i|it is (?:necessary|important)|one)\b|\bstep[ -]by[ -]step\b|^(?:some )?factors to consider\b|"
    rf"\b(?:this|the) question (?:asks|is about|seeks)\b|^the (?:\w+ )?step is to {_LOOK}\b",
    _I,
)
ADVISES = re.compile(r"^(?:please|consult|see|talk to|speak with|ask|contact|call|seek)\b|\bnot medical advice\b", _I)
# what the passages are about or lack says nothing about the world
ABOUT = re.compile(
    rf"\b(?:no|none of the|(?:provided|relevant|given|other|these|the)) (?:\w+ ){{0,2}}?{_TEXTS}\b[^.]{{0,80}}"
    rf"\b(?:not|no|none|neither|without) (?:\w+ )?(?:mention|provide|address|contain|discuss|state|specif|include)\w*|"
    rf"^{_POSITIONS}\s+(?:also )?(?:discuss(?:es)?|provides?|is about|talks?|focus(?:es)?|compares?|examines?|reviews?|"
    r"investigates?|emphasi[sz]es?|address(?:es)?|explores?|evaluates?|highlights? (?!that))|"
    rf"^(?:no|none of the) (?:\w+ ){{0,2}}?(?:documents?|information|passages?)",
    _I,
)
