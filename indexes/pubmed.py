"""PubMed XML files, read record by record: baseline, update files, efetch output, single records."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple, cast

from lxml import etree

from .citation import parse_citation
from .document import Deletion, Document
from .errors import SourceError
from .fields import clean, parse_pmid
from .report import BAD_PMID, BOOK, NO_ABSTRACT, NO_PMID, SourceReport, unusable
from .scan import UncertainError, scan
from .streams import DamagedError, describe, read_chunks

ROOTS = frozenset(
    {"PubmedArticleSet", "MedlineCitationSet", "PubmedArticle", "MedlineCitation", "DeleteCitation"}
    | {"PubmedBookArticleSet", "PubmedBookArticle"}
)
RECORDS = ("PubmedArticle", "MedlineCitation", "PubmedBookArticle", "DeleteCitation")
MAX_RECORD = 1 << 25  # bytes of XML; the longest real records, with thousands of authors, have a few million
_CONTINUATION = bytes(range(0x80, 0xC0))  # all but the first byte of a UTF-8 character


def read_pubmed(path: Path, report: SourceReport) -> Iterator[Document | Deletion]:
    """Yield the citations and deletions of a PubMed XML file in its order, and count in `report`.

    Memory is bounded by one record. Damage ends the reading: the records before it are kept, and
    `report.damage` says where it is. Raises `SourceError` if the file is not PubMed XML, or nothing of it
    can be read.
    """
    try:
        for number, record in enumerate(_records(path), 1):
            if isinstance(record, Document):
                yield from _use(record, (path, number), report)
            else:
                yield from _read(record, (path, number), report)
    except DamagedError as damage:
        report.damage = describe(path, damage, report)
        if not report.records + report.deletions:
            raise SourceError(report.damage) from damage
    if not report.records + report.deletions:
        raise SourceError(f"{path}: no PubMed record in it. Leave it out, or get it again.")


def _records(path: Path) -> Iterator[Document | etree._Element]:
    """Yield plain records as documents and others as elements, each of those valid until the next."""
    done = 0
    try:
        for record in scan(path):
            for found in [record] if isinstance(record, Document) else _odd(record):
                done += 1
                yield found
    except UncertainError:
        yield from islice(_elements(path), done, None)


def _odd(record: bytes) -> Iterator[etree._Element]:
    parser = _parser("end", RECORDS)
    _feed(parser, record)
    yield from _finished(parser)
    _close(parser)


def _elements(path: Path) -> Iterator[etree._Element]:
    """Yield the records of a file, each valid until the next; raise `DamagedError` behind the last one."""
    parser = _parser("end", RECORDS)
    size, known = 0, False
    since_record = 0  # bytes, so that endless other elements end as an error and not in memory
    for chunk in read_chunks(path):
        if not size:
            known = _root_found(path, chunk)
        error = _feed(parser, chunk)
        size += len(chunk)
        since_record += len(chunk)
        for element in _finished(parser):
            since_record = 0
            yield element
        if error:
            raise DamagedError(_offset(path, error), f"broken XML: {error.message}")
        if since_record > MAX_RECORD:
            raise DamagedError(size, f"a record of more than {MAX_RECORD:,} bytes")
    error = _close(parser)
    yield from _finished(parser)
    if error and not known:
        raise _not_pubmed(path, f"it is not XML ({error.message})")
    if error:
        raise DamagedError(_offset(path, error), f"broken XML: {error.message}")


Place = tuple[Path, int]  # file and number of a record; written out only where a problem is listed


def _where(place: Place) -> str:
    return f"{place[0]}: record {place[1]}"


def _read(element: etree._Element, place: Place, report: SourceReport) -> Iterator[Document | Deletion]:
    """Yield what one record says, at most one document."""
    if element.tag == "DeleteCitation":
        for deleted in element.iterfind("PMID"):
            pmid = parse_pmid(deleted.text or "")
            if pmid is None:
                report.note(BAD_PMID, f"{_where(place)} (deletion of {deleted.text!r})")
            else:
                report.deletions += 1
                yield Deletion(pmid)
        return
    if element.tag == "PubmedBookArticle":
        report.skip(BOOK)
        return
    citation = element if element.tag == "MedlineCitation" else element.find("MedlineCitation")
    raw = "" if citation is None else clean(citation.findtext("PMID", ""))
    pmid = parse_pmid(raw)
    if citation is None or pmid is None:
        report.skip(BAD_PMID if raw else NO_PMID, f"{_where(place)} (PMID {raw!r})" if raw else _where(place))
        return
    yield from _use(parse_citation(pmid, citation, element.find("PubmedData")), place, report)


def _use(document: Document, place: Place, report: SourceReport) -> Iterator[Document]:
    reason = unusable(document)
    if not reason:
        report.use()
        yield document
    elif reason == NO_ABSTRACT:
        report.skip(reason)  # two in five of PubMed's records: listing them would hide what is really wrong
    else:
        report.skip(reason, f"{_where(place)} (PMID {document.pmid})")


def _finished(parser: etree.XMLPullParser) -> Iterator[etree._Element]:
    """Yield the records parsed since the last call, and free each one after use.

    A record is emptied, and everything before it removed; the element itself stays until the next one ends,
    since libxml2 may still be writing the text that follows it.
    """
    for element in _events(parser):
        parent = element.getparent()
        if element.tag == "MedlineCitation" and parent is not None and parent.tag == "PubmedArticle":
            continue  # read with its PubmedArticle
        yield element
        del element[:]
        while parent is not None and element.getprevious() is not None:
            del parent[0]


def _events(parser: etree.XMLPullParser) -> Iterator[etree._Element]:
    for _, element in parser.read_events():
        yield cast("etree._Element", element)  # what "start" and "end" events come with


def _parser(event: Literal["start", "end"], tags: tuple[str, ...] | None = None) -> etree.XMLPullParser:
    """Return a parser that reads no DTD nor other file, expands no entity, and keeps libxml2's size limits.

    `collect_ids=False` must not be set for speed: with it, libxml2 does load the DTD.
    """
    return etree.XMLPullParser(
        (event,),
        tag=tags,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
    )


class _Error(NamedTuple):
    line: int
    column: int
    message: str


def _feed(parser: etree.XMLPullParser, chunk: bytes) -> _Error | None:
    """Parse a chunk; return the error that ended the parsing, if any.

    The log is asked, because lxml does not raise for each of them (an unknown entity ends the parsing
    silently), and raises at the end for some that end nothing (a prefix `mml:` that only the DTD declares).
    """
    raised = None
    try:
        parser.feed(chunk)
    except etree.XMLSyntaxError as error:  # a further chunk would be taken for a new document
        raised = _Error(error.lineno or 0, error.offset or 0, error.msg)
    return _fatal(parser) or raised


def _close(parser: etree.XMLPullParser) -> _Error | None:
    with suppress(etree.XMLSyntaxError):
        parser.close()
    return _fatal(parser)


def _fatal(parser: etree.XMLPullParser) -> _Error | None:
    for entry in parser.feed_error_log.filter_from_fatals():
        return _Error(entry.line, entry.column, clean(entry.message))
    return None


def _root_found(path: Path, head: bytes) -> bool:
    """Return whether `head` reaches the root element; raise `SourceError` if that is not PubMed's."""
    parser = _parser("start")
    error = _feed(parser, head)
    root = next((element.tag for element in _events(parser)), None)
    if root is None and error:
        raise _not_pubmed(path, f"it is not XML ({error.message})")
    if root is not None and root not in ROOTS:
        raise _not_pubmed(path, f"its root element is <{root}>")
    return root is not None


def _not_pubmed(path: Path, why: str) -> SourceError:
    return SourceError(
        f"{path}: not PubMed XML: {why}, where PubMed has <PubmedArticleSet>. "
        "`clinrag index download OUT` and `clinrag index fetch OUT --query …` get PubMed's own files."
    )


def _offset(path: Path, error: _Error) -> int:
    """Return the byte of an error's line and column, which libxml2 counts in characters.

    Read again for that, since an error may be found only long after its place.
    """
    offset, lines, characters = 0, max(error.line - 1, 0), max(error.column - 1, 0)
    for chunk in read_chunks(path):
        start = 0
        newlines = chunk.count(b"\n")
        if newlines >= lines:
            for _ in range(lines):
                start = chunk.find(b"\n", start) + 1
            lines = 0
            for position in _characters(chunk, start, characters):
                return offset + position
            characters -= len(chunk[start:].translate(None, _CONTINUATION))
        else:
            lines -= newlines
        offset += len(chunk)
    return offset


def _characters(chunk: bytes, start: int, skip: int) -> Iterator[int]:
    """Yield the positions of the characters of UTF-8 from `start` on, without the first `skip`."""
    if len(chunk) - start > skip:
        first = (i for i in range(start, len(chunk)) if chunk[i] & 0xC0 != 0x80)
        yield from islice(first, skip, None)
