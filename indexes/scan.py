"""PubMed's plain records, read from their bytes; everything else is left to `pubmed`, which has the whole of XML.

Why that is certain and no guess: libxml2 has checked before that the bytes are well-formed, and `_document` covers
a record from its first byte to its last. Where it skips an element, it goes on behind the first
end tag of that name. Were that the end of an element within, the outer end tag would be left over, and no
pattern takes an end tag that it has not opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from lxml import etree

from .citation import NO_LABEL, NO_TITLE, NOTICES, NOTICES_OF, worst
from .document import RETRACTED_TYPE, Document, Notice, Section, Status
from .fields import clean, date_from_parts, date_from_words, parse_doi, parse_pmid
from .grammar import (
    ABSTRACT_TEXT,
    ARTICLE_DATE,
    ARTICLE_ID,
    ARTICLE_IDS,
    ATTRIBUTE,
    CHILD,
    CORRECTION,
    DESCRIPTOR,
    E_LOCATION,
    END,
    HEAD,
    INLINE,
    LANGUAGE,
    LANGUAGES,
    NOTICE,
    PROLOG,
    PUBLICATION_TYPE,
    PUBMED_DATA,
    TYPES,
)
from .streams import DamagedError, read_chunks

LONGEST = 1 << 22  # bytes held while looking for the end of a record
_END = b"</PubmedArticle>"
_ROOT_END = re.compile(rb"\s*</PubmedArticleSet>\s*")
_OTHERS = re.compile(rb"<(PubmedArticle|DeleteCitation|PubmedBookArticle)[\s>]")
_HARMLESS = re.compile(rb"<\?[^<>]*\?>|<!--[^<>]*-->")
_SPACES = re.compile(rb"\s*")
_ENTITIES = {"lt": "<", "gt": ">", "quot": '"', "apos": "'", "amp": "&"}  # & last: what it makes is not read again
_REFERENCES = (*(f"{name};".encode() for name in _ENTITIES), b"#")
_NOTICES = {kind.encode() for kind in (*NOTICES, *NOTICES_OF)}
# Elements below MedlineCitation and PubmedData, and whether they are read.
_CITATION = {
    name.encode(): name in {"CommentsCorrectionsList", "MeshHeadingList"}
    for name in "MedlineJournalInfo ChemicalList SupplMeshList CitationSubset CommentsCorrectionsList GeneSymbolList "
    "MeshHeadingList NumberOfReferences PersonalNameSubjectList OtherID OtherAbstract KeywordList CoiStatement "
    "SpaceFlightMission InvestigatorList GeneralNote".split()
}
_DATA = {
    name.encode(): name == "ArticleIdList"
    for name in "History PublicationStatus ArticleIdList ObjectList ReferenceList".split()
}
_ASCII = bytes(range(128))
# All that `str.split` takes for white space, in UTF-8, but for the single blank and what XML does not allow.
_WIDE_SPACES = (
    *(b"\xe2\x80" + bytes([last]) for last in (*range(0x80, 0x8B), 0xA8, 0xA9, 0xAF)),
    *(b"\xc2\x85", b"\xc2\xa0", b"\xe1\x9a\x80", b"\xe2\x81\x9f", b"\xe3\x80\x80"),
)


class UncertainError(Exception):
    """The file is damaged, or not as NLM writes it: from here on, the XML reader has to say what it holds."""


class _Odd(Exception):  # noqa: N818 - no error: a record that is for the XML reader
    pass


class _Nothing:
    """Makes lxml check a file without building its tree."""

    def close(self) -> None: ...


def scan(path: Path) -> Iterator[Document | bytes]:
    """Yield the records of a file in their order: plain ones as documents, others as they stand.

    Raises:
        UncertainError: the rest has to be read as XML. What was yielded before is sound.
        SourceError: the file cannot be read.
    """
    buffer, begun = b"", False
    for verified in _verified(path):
        buffer += verified
        if not begun:
            prolog = PROLOG.match(buffer)
            if prolog is None:
                raise UncertainError
            buffer, begun = buffer[prolog.end() :], True
        whole = buffer.rfind(_END) + len(_END)
        if whole >= len(_END):
            _check_marks(buffer, whole)
            yield from _records(buffer, whole)
            buffer = buffer[whole:]
        if len(buffer) > LONGEST:
            raise UncertainError
    end = buffer.rfind(b"</PubmedArticleSet>")
    if end < 0 or not _ROOT_END.fullmatch(buffer, end):
        raise UncertainError
    _check_marks(buffer, end)
    yield from _records(buffer, end)


def _verified(path: Path) -> Iterator[bytes]:
    """Yield the chunks of a file that are well-formed, each after the next one was found to be so too.

    The delay is because libxml2 may look at the last bytes of a chunk only when more come.
    """
    parser = etree.XMLParser(
        target=_Nothing(),  # type: ignore[arg-type] # lxml calls only what is there
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        recover=False,
    )
    before = b""
    try:
        for chunk in read_chunks(path):
            parser.feed(chunk)
            if before:
                yield before
            before = chunk
        parser.close()
    except (etree.XMLSyntaxError, DamagedError) as error:
        raise UncertainError from error
    yield before


def _check_marks(buffer: bytes, end: int) -> None:
    """Refuse CDATA, comments and instructions that could hide a tag, and entities that XML itself does not define."""
    # One character at a time is found ten times as fast as two.
    for place in (*_places(buffer, b"!", end), *_places(buffer, b"?", end)):
        if buffer.startswith(b"<", place - 1) and not _HARMLESS.match(buffer, place - 1, end):
            raise UncertainError
    if not all(buffer.startswith(_REFERENCES, place + 1) for place in _places(buffer, b"&", end)):
        raise UncertainError


def _places(buffer: bytes, mark: bytes, end: int) -> Iterator[int]:
    place = buffer.find(mark, 0, end)
    while place >= 0:
        yield place
        place = buffer.find(mark, place + 1, end)


def _records(buffer: bytes, end: int) -> Iterator[Document | bytes]:
    position = 0
    while True:
        start = position
        try:
            document, position = _document(buffer, start, end)
            yield document
            continue
        except _Odd:
            start = _SPACES.match(buffer, start, end).end()  # type: ignore[union-attr] # it matches nothing, too
        if start == end:
            return
        other = _OTHERS.match(buffer, start, end)
        if other is None:
            raise UncertainError
        tag = b"</" + other[1] + b">"
        position = buffer.find(tag, start, end) + len(tag)
        if position < len(tag) or buffer.find(b"<" + other[1] + b">", other.end(), position) >= 0:
            raise UncertainError
        yield buffer[start:position]


def _document(buffer: bytes, start: int, end: int) -> tuple[Document, int]:
    """Return the document of a plain record and where it ends.

    The rules are those of `citation`; tests hold the two against each other.
    """
    head = HEAD.match(buffer, start, end)
    if head is None:
        raise _Odd
    version, pmid, issue_date, journal, title, locations, abstract = head.groups()
    languages = _match(LANGUAGES, buffer, _behind(buffer, head.end(), b"AuthorList"))
    position = _behind(buffer, _behind(buffer, languages.end(), b"DataBankList"), b"GrantList")
    rest = _match(TYPES, buffer, position)
    types, vernacular, dates = rest.groups()
    citation, position = _children(buffer, rest.end(), _CITATION)
    data, position = _children(buffer, _match(PUBMED_DATA, buffer, position).end(), _DATA)
    finish = _match(END, buffer, position).end()
    notices, notice_of = _notices(citation.get(b"CommentsCorrectionsList", b""))
    sections = _sections(abstract) if abstract else ()
    if not sections and buffer.find(b"<OtherAbstract", rest.end(), position) >= 0:
        raise _Odd
    heading = _text(title)
    kinds = _types(types)
    document = Document(
        pmid=pmid.decode(),
        title="" if heading.lower() in NO_TITLE else heading,
        sections=sections,
        journal=_journal(journal),
        date=_date(issue_date, dates),
        mesh=_mesh(citation.get(b"MeshHeadingList", b"")),
        publication_types=kinds,
        doi=_doi(locations, data.get(b"ArticleIdList", b"")),
        language=_languages(languages[1]),
        vernacular_title=_text(vernacular) if vernacular else "",
        version=int(version),
        status=Status.RETRACTED if RETRACTED_TYPE in kinds else worst(notices),
        notices=notices,
        notice_of=notice_of,
    )
    return document, finish


def _match(pattern: re.Pattern[bytes], buffer: bytes, position: int) -> re.Match[bytes]:
    match = pattern.match(buffer, position)
    if match is None:
        raise _Odd
    return match


def _behind(buffer: bytes, position: int, name: bytes) -> int:
    """Return the place behind an element that may stand at `position`; white space before it does not matter."""
    child = CHILD.match(buffer, position)
    return position if child is None or child[1] != name else _close(buffer, child)


def _close(buffer: bytes, opened: re.Match[bytes]) -> int:
    tag = b"</" + opened[1] + b">"
    close = buffer.find(tag, opened.end())
    if close < 0:
        raise _Odd
    return close + len(tag)


def _children(buffer: bytes, position: int, known: dict[bytes, bool]) -> tuple[dict[bytes, bytes], int]:
    """Return the content of those elements from `position` on that are to be read, and where they end."""
    content: dict[bytes, bytes] = {}
    while child := CHILD.match(buffer, position):
        name = child[1]
        position = _close(buffer, child)
        if known.get(name, True):  # to be read, or unknown
            if name in content or name not in known:
                raise _Odd
            content[name] = buffer[child.end() : position - len(name) - 3]
    return content, position


def _text(raw: bytes) -> str:
    """Return the text of an element that holds no other but INLINE ones, with white space as `clean` leaves it."""
    if b"<" in raw:
        raw = INLINE.sub(b"", raw)
        if b"<" in raw:
            raise _Odd
    text = raw.decode()
    if "&" in text:
        if "&#" in text:
            raise _Odd
        for name, character in _ENTITIES.items():
            text = text.replace(f"&{name};", character)
    if b"\n" in raw or b"  " in raw or b"\t" in raw or b"\r" in raw or raw[:1] == b" " or raw[-1:] == b" ":
        return clean(text)
    if not raw.isascii():
        wide = raw.translate(None, _ASCII)  # a fiftieth of the text: it is looked at 17 times
        if any(space in wide for space in _WIDE_SPACES):
            return clean(text)
    return text


_name = lru_cache(1 << 16)(_text)  # of the few that come again and again: journals, MeSH headings


def _sections(abstract: bytes) -> tuple[Section, ...]:
    found = [(_label(attributes), _text(raw)) for attributes, raw in ABSTRACT_TEXT.findall(abstract)]
    return tuple([Section(label, text) for label, text in found if text])


@lru_cache(1 << 12)
def _label(attributes: bytes) -> str:
    given = dict(ATTRIBUTE.findall(attributes))
    for name in (b"Label", b"NlmCategory"):
        label = _text(given.get(name, b"")).rstrip(": ")
        if label:
            return "" if label.upper() in NO_LABEL else label
    return ""


def _journal(raw: bytes) -> str:
    journal = _name(raw)
    if not journal:
        raise _Odd  # it has two further places
    return journal


def _date(issue: bytes, others: bytes) -> str:
    date = _date_of(issue)
    for match in ARTICLE_DATE.finditer(others) if not date else ():
        date = date or _date_of(match[1])
    if not date:
        raise _Odd  # PubMed's history may have one
    return date


@lru_cache(1 << 14)
def _date_of(raw: bytes) -> str:
    parts = {name.decode(): _text(value) for name, value in re.findall(rb"<(\w+)>([^<]*)</", raw)}
    date = date_from_parts(*(parts.get(part, "") for part in ("Year", "Month", "Day")))
    return date or date_from_words(parts.get("MedlineDate", ""))


@lru_cache(1 << 12)
def _types(raw: bytes) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, map(_text, PUBLICATION_TYPE.findall(raw)))))


@lru_cache(1 << 10)
def _languages(raw: bytes) -> str:
    return " ".join(dict.fromkeys(filter(None, (_text(value).lower() for value in LANGUAGE.findall(raw)))))


def _mesh(raw: bytes) -> tuple[str, ...]:
    if not raw:
        return ()
    names = DESCRIPTOR.findall(raw)
    if raw.count(b"<") != 4 * len(names) + 2 * raw.count(b"<QualifierName"):
        raise _Odd  # something else is in it
    return tuple(dict.fromkeys(filter(None, map(_name, names))))


def _doi(locations: bytes, ids: bytes) -> str:
    for kind, valid, value in E_LOCATION.findall(locations):
        if kind == b"doi" and valid == b"Y" and (doi := parse_doi(_text(value))):
            return doi
    if not ARTICLE_IDS.fullmatch(ids):
        raise _Odd
    for kind, value in ARTICLE_ID.findall(ids):
        if kind == b"doi" and (doi := parse_doi(_text(value))):
            return doi
    return ""


def _notices(corrections: bytes) -> tuple[tuple[Notice, ...], tuple[Notice, ...]]:
    """Return what notices say about this paper, and what this one says about other papers."""
    kinds = CORRECTION.findall(corrections)
    if len(kinds) != corrections.count(b"<CommentsCorrections"):
        raise _Odd
    if _NOTICES.isdisjoint(kinds):
        return (), ()
    found = [(kind.decode(), *rest) for kind, *rest in NOTICE.findall(corrections)]
    if len(found) != len(kinds):
        raise _Odd
    about, of = (
        [
            Notice(known[kind], parse_pmid(_text(pmid)) or "", _text(source))
            for kind, source, pmid in found
            if kind in known
        ]
        for known in (NOTICES, NOTICES_OF)
    )
    return tuple(about), tuple([notice for notice in of if notice.pmid])
