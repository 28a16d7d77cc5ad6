"""One PubMed record, an XML element, as a `Document`.

Element names and rules: NLM's PubMed DTD (pubmed_190101 and later; the MedlineCitationSet DTDs before it) and
https://www.nlm.nih.gov/bsd/licensee/elements_descriptions.html.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html.entities import html5

from lxml import etree

from .document import RETRACTED_TYPE, STATUSES, Document, Notice, Section, Status
from .fields import clean, date_from_parts, date_from_words, parse_doi, parse_pmid

# RefType of CommentsCorrections → what it says about this paper …
NOTICES = {
    "RetractionIn": Status.RETRACTED,
    "RetractedandRepublishedIn": Status.RETRACTED,
    "ExpressionOfConcernIn": Status.CONCERN,
    "PartialRetractionIn": Status.CONCERN,
    "ErratumIn": Status.CORRECTED,
    "CorrectedandRepublishedIn": Status.CORRECTED,
}
# … and about the paper of which this record is the notice.
NOTICES_OF = {
    "RetractionOf": Status.RETRACTED,
    "ExpressionOfConcernFor": Status.CONCERN,
    "PartialRetractionOf": Status.CONCERN,
    "ErratumFor": Status.CORRECTED,
}
# NLM's words for "there is none": as a label or title they would be indexed, shown and quoted.
NO_LABEL = frozenset({"UNASSIGNED", "UNLABELLED", "UNLABELED"})
NO_TITLE = frozenset({"[not available]", "[not available].", "not available", "not available."})
_PUBLISHED = ("ppublish", "epublish", "aheadofprint")


def parse_citation(pmid: str, citation: etree._Element, pubmed_data: etree._Element | None = None) -> Document:
    """Return the document of a <MedlineCitation> and the <PubmedData> beside it."""
    article = citation.find("Article")
    types = _distinct(_text(e) for e in citation.iterfind("Article/PublicationTypeList/PublicationType"))
    notices = tuple(_notices(citation, NOTICES))
    title = _text(citation.find("Article/ArticleTitle"))
    version = str(citation.xpath("string(PMID/@Version)"))
    return Document(
        pmid=pmid,
        title="" if title.lower() in NO_TITLE else title,
        sections=_abstract(citation),
        journal=_first(
            citation,
            "Article/Journal/Title",
            "Article/Journal/ISOAbbreviation",
            "MedlineJournalInfo/MedlineTA",
        ),
        date=_date(citation, pubmed_data),
        mesh=_distinct(_text(e) for e in citation.iterfind("MeshHeadingList/MeshHeading/DescriptorName")),
        publication_types=types,
        doi=_doi(citation, pubmed_data),
        language=" ".join(_distinct(_text(e).lower() for e in citation.iterfind("Article/Language"))),
        vernacular_title="" if article is None else _text(article.find("VernacularTitle")),
        version=int(version) if version.isascii() and version.isdigit() and len(version) < 10 else 1,
        status=Status.RETRACTED if RETRACTED_TYPE in types else worst(notices),
        notices=notices,
        notice_of=tuple(n for n in _notices(citation, NOTICES_OF) if n.pmid),
    )


def worst(notices: Iterable[Notice]) -> Status:
    """Return the gravest that notices say about a paper."""
    return max((notice.status for notice in notices), key=STATUSES.index, default=Status.OK)


def _abstract(citation: etree._Element) -> tuple[Section, ...]:
    """Return the sections of <Abstract>.

    Only where there is none, those of the first English <OtherAbstract> (written by the publisher, or by a
    data provider such as PIP or KIE); abstracts in other languages and several versions are never mixed.
    """
    sections = _sections(citation.iterfind("Article/Abstract/AbstractText"))
    if sections:
        return sections
    for other in citation.iterfind("OtherAbstract"):
        if other.get("Language", "eng").lower() == "eng":  # the DTD's default
            sections = _sections(other.iterfind("AbstractText"))
            if sections:
                return sections
    return ()


def _sections(elements: Iterable[etree._Element]) -> tuple[Section, ...]:
    found = ((_label(element), _text(element)) for element in elements)
    return tuple(Section(label, text) for label, text in found if text)


def _label(element: etree._Element) -> str:
    for name in ("Label", "NlmCategory"):
        label = clean(element.get(name, "")).rstrip(": ")
        if label:
            return "" if label.upper() in NO_LABEL else label
    return ""


def _date(citation: etree._Element, pubmed_data: etree._Element | None) -> str:
    """Return the journal issue's date; else the electronic one; else that in PubMed's history."""
    places = [
        citation.find("Article/Journal/JournalIssue/PubDate"),
        *citation.iterfind("Article/ArticleDate"),
    ]
    if pubmed_data is not None:
        history = {e.get("PubStatus"): e for e in pubmed_data.iterfind("History/PubMedPubDate")}
        places += [history.get(status) for status in _PUBLISHED]
    for place in places:
        if place is not None:
            date = date_from_parts(*(place.findtext(part, "") for part in ("Year", "Month", "Day")))
            date = date or date_from_words(place.findtext("MedlineDate", ""))
            if date:
                return date
    return ""


def _doi(citation: etree._Element, pubmed_data: etree._Element | None) -> str:
    """Return this paper's DOI; below PubmedData, ReferenceList holds those of the papers it cites."""
    for element in citation.iterfind("Article/ELocationID[@EIdType='doi']"):
        doi = parse_doi(_text(element))
        if doi and element.get("ValidYN", "Y") == "Y":  # the DTD's default
            return doi
    found = [] if pubmed_data is None else pubmed_data.findall("ArticleIdList/ArticleId[@IdType='doi']")
    return next(filter(None, (parse_doi(_text(element)) for element in found)), "")


def _notices(citation: etree._Element, kinds: dict[str, Status]) -> Iterator[Notice]:
    for element in citation.iterfind("CommentsCorrectionsList/CommentsCorrections"):
        kind = element.get("RefType", "")
        if kind in kinds:
            yield _notice(element, kinds[kind])
    # Until 2009 the kind was an element: <CommentsCorrections><RetractionIn><RefSource/><PMID/>…
    for element in citation.iterfind("CommentsCorrections/*"):
        if element.tag in kinds:
            yield _notice(element, kinds[element.tag])


def _notice(element: etree._Element, status: Status) -> Notice:
    pmid = parse_pmid(element.findtext("PMID", "")) or ""
    return Notice(status, pmid, _text(element.find("RefSource")))


def _first(citation: etree._Element, *paths: str) -> str:
    return next(filter(None, (_text(citation.find(path)) for path in paths)), "")


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))


def _text(element: etree._Element | None) -> str:
    """Return all text within an element, also inside <i>, <sub>, <mml:math> …"""
    if element is None:
        return ""
    return clean("".join(_pieces(element)) if len(element) else element.text or "")


def _pieces(element: etree._Element) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        if isinstance(child, etree._Entity):  # not expanded by the parser, for safety
            yield html5.get(f"{child.name};", child.text)
        else:
            yield from _pieces(child)
        yield child.tail or ""
