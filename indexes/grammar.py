"""What a plain PubMed record looks like, as patterns over its bytes, in the order of NLM's DTD (since 2019).

Repetitions are possessive, so that a record that does not fit is found out in one pass. `scan` says why a match is
certain.
"""

from __future__ import annotations

import re

_FLAGS = re.DOTALL | re.VERBOSE
_INLINE = r"</?(?:i|b|u|sub|sup)>"
_RICH = rf"[^<]*+(?:{_INLINE}[^<]*+)*+"  # text with nothing but these in it
_ATTRIBUTES = r"(?:\ [^<>]*+)?+(?<!/)"

_DATE = (
    r"\s*+(?:<Year>[^<]*+</Year>\s*+(?:<Month>[^<]*+</Month>\s*+(?:<Day>[^<]*+</Day>\s*+)?+)?+"
    r"(?:<Season>[^<]*+</Season>\s*+)?+|<MedlineDate>[^<]*+</MedlineDate>\s*+)"
)
_ABSTRACT_TEXT = rf'<AbstractText((?:\ \w++="[^"<>&]*+")*+)>({_RICH})</AbstractText>\s*+'
_E_LOCATION = r'<ELocationID\ EIdType="(\w++)"\ ValidYN="(\w++)">([^<]*+)</ELocationID>\s*+'
_LANGUAGE = r"<Language>([^<]*+)</Language>\s*+"
_PUBLICATION_TYPE = r'<PublicationType(?:\ UI="[^"<>]*+")?+>([^<]*+)</PublicationType>\s*+'
_ARTICLE_DATE = rf'<ArticleDate(?:\ DateType="[^"<>]*+")?+>({_DATE})</ArticleDate>\s*+'
_ARTICLE_ID = r'<ArticleId\ IdType="(\w++)">([^<]*+)</ArticleId>\s*+'


def _one(name: str) -> str:
    return rf"(?:<{name}{_ATTRIBUTES}>[^<]*+</{name}>\s*+)?+"


def _dated(name: str) -> str:
    return rf"(?:<{name}>{_DATE}</{name}>\s*+)?+"


def _many(pattern: str, times: str = "*") -> str:
    """Match a repeated pattern without its groups."""
    return "(?:" + re.sub(r"(?<!\\)\((?!\?)", "(?:", pattern) + f"){times}+"


def _compile(pattern: str) -> re.Pattern[bytes]:
    return re.compile(pattern.encode(), _FLAGS)


PROLOG = re.compile(
    rb"""
    (?:\xef\xbb\xbf)?(?:<\?xml\ version="1.0"(?:\ encoding="(?:utf-8|UTF-8)")?\s*\?>)?\s*
    (?:<!DOCTYPE\ PubmedArticleSet\ (?:PUBLIC\ "[^"<>]*"|SYSTEM)\s+"[^"<>]*"\s*>)?\s*<PubmedArticleSet>
    """,
    _FLAGS,
)
# A record from its start to where the authors stand …
HEAD = _compile(
    rf"""
    \s*+<PubmedArticle>\s*+<MedlineCitation{_ATTRIBUTES}>\s*+
    <PMID\ Version="(\d{{1,9}})">([1-9]\d{{0,8}})</PMID>\s*+
    {_dated("DateCreated")} {_dated("DateCompleted")} {_dated("DateRevised")}
    <Article{_ATTRIBUTES}>\s*+
    <Journal>\s*+ {_one("ISSN")}
    <JournalIssue{_ATTRIBUTES}>\s*+ {_one("Volume")} {_one("Issue")}
    <PubDate>({_DATE})</PubDate>\s*+</JournalIssue>\s*+
    <Title>([^<]*+)</Title>\s*+ {_one("ISOAbbreviation")} </Journal>\s*+
    <ArticleTitle>({_RICH})</ArticleTitle>\s*+
    (?:<Pagination>\s*+ {_one("StartPage")} {_one("EndPage")} {_one("MedlinePgn")} </Pagination>\s*+)?+
    ({_many(_E_LOCATION)})
    (?:<Abstract>\s*+({_many(_ABSTRACT_TEXT, "+")}) {_one("CopyrightInformation")} </Abstract>\s*+)?+
    """
)
# … what follows them, up to the grants …
LANGUAGES = _compile(rf"\s*+({_many(_LANGUAGE, '+')})")
# … and the rest of its Article.
TYPES = _compile(
    rf"""
    \s*+<PublicationTypeList>\s*+({_many(_PUBLICATION_TYPE)})</PublicationTypeList>\s*+
    (?:<VernacularTitle>({_RICH})</VernacularTitle>\s*+)?+
    ({_many(_ARTICLE_DATE)})
    </Article>
    """
)
CHILD = re.compile(rb"\s*+<(\w++)(?: [^<>]*+)?+(?<!/)>")
PUBMED_DATA = re.compile(rb"\s*+</MedlineCitation>\s*+<PubmedData>")
END = re.compile(rb"\s*+</PubmedData>\s*+</PubmedArticle>")

INLINE = re.compile(_INLINE.encode())
ABSTRACT_TEXT = _compile(_ABSTRACT_TEXT)
E_LOCATION = _compile(_E_LOCATION)
PUBLICATION_TYPE = _compile(_PUBLICATION_TYPE)
ARTICLE_DATE = _compile(_ARTICLE_DATE)
ARTICLE_IDS = _compile(rf"\s*+{_many(_ARTICLE_ID)}")
ARTICLE_ID = _compile(_ARTICLE_ID)
LANGUAGE = _compile(_LANGUAGE)
DESCRIPTOR = re.compile(
    rb"<MeshHeading>\s*+<DescriptorName[^<>]*+(?<!/)>([^<]*+)</DescriptorName>\s*+"
    rb"(?:<QualifierName[^<>]*+(?<!/)>[^<]*+</QualifierName>\s*+)*+</MeshHeading>"
)
CORRECTION = re.compile(rb'<CommentsCorrections RefType="(\w+)">')
NOTICE = _compile(
    rf"""
    <CommentsCorrections\ RefType="(\w++)">\s*+ (?:<RefSource>({_RICH})</RefSource>\s*+)?+
    (?:<PMID\ Version="\d++">([^<]*+)</PMID>\s*+)?+ {_one("Note")} </CommentsCorrections>
    """
)
ATTRIBUTE = re.compile(rb'(\w+)="([^"]*)"')
