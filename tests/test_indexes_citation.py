"""The rules by which a PubMed record becomes a document, one by one, on records made for that."""

from __future__ import annotations

from pathlib import Path

import pytest
from pubmed_xml import HEAD, article, corrections, read, read_one

from indexes.document import Notice, Section, Status

# ---- text


def test_text_inside_markup_is_kept_and_white_space_is_one_blank(tmp_path: Path) -> None:
    math = (
        '<mml:math xmlns:mml="http://www.w3.org/1998/Math/MathML"><mml:msup><mml:mi>x</mml:mi>'
        "<mml:mn>2</mml:mn></mml:msup></mml:math>"
    )
    document = read_one(
        tmp_path,
        article(
            title="CO<sub>2</sub> and <i>E. <b>coli</b></i> K<sup>+</sup>\n   <u>in&#160;vitro</u>",
            abstract=f"<AbstractText>\n  P&#8201;&lt;&#8201;0.05 for <i>n</i>\t= 12;\n{math}"
            " &amp;lt; stays<!-- no --> so.<?pi no?> </AbstractText>",
        ),
    )
    assert document.title == "CO2 and E. coli K+ in vitro"
    assert document.sections == (Section("", "P < 0.05 for n = 12; x2 &lt; stays so."),)


def test_a_prefix_only_the_dtd_declares_is_no_damage(tmp_path: Path) -> None:
    first = article(1, title="a <mml:math><mml:mi>b</mml:mi></mml:math> c")
    records, report = read(tmp_path, f"{HEAD}<PubmedArticleSet>{first}{article(2)}</PubmedArticleSet>")
    assert [r.title for r in records] == ["a b c", "A title."]
    assert not report.damage


def test_named_entities_are_read_although_no_dtd_is(tmp_path: Path) -> None:
    document = read_one(tmp_path, article(title="&beta;-blocker &ge; 5 &unheard; x"))
    assert document.title == "β-blocker ≥ 5 &unheard; x"


def test_labels(tmp_path: Path) -> None:
    document = read_one(
        tmp_path,
        article(
            abstract='<AbstractText Label="BACKGROUND AND\n AIMS" NlmCategory="OBJECTIVE">a</AbstractText>'
            '<AbstractText NlmCategory="METHODS">b</AbstractText><AbstractText Label="EMPTY"> </AbstractText>'
            '<AbstractText Label="UNLABELLED" NlmCategory="UNASSIGNED">c</AbstractText>'
            '<AbstractText NlmCategory="UNASSIGNED">d</AbstractText>'
            '<AbstractText Label="Results:">e</AbstractText>'
            "<CopyrightInformation>not text</CopyrightInformation>"
        ),
    )
    assert [(s.label, s.text) for s in document.sections] == [
        ("BACKGROUND AND AIMS", "a"),
        ("METHODS", "b"),
        ("", "c"),
        ("", "d"),
        ("Results", "e"),
    ]


def test_other_abstracts_are_not_mixed_in(tmp_path: Path) -> None:
    spanish = '<OtherAbstract Type="Publisher" Language="spa"><AbstractText>uno</AbstractText></OtherAbstract>'
    english = (
        '<OtherAbstract Type="PIP"><AbstractText Label="A">one</AbstractText><AbstractText>two</AbstractText>'
        "</OtherAbstract>"
        '<OtherAbstract Type="AIDS" Language="eng"><AbstractText>three</AbstractText></OtherAbstract>'
    )
    assert read_one(tmp_path, article(after=spanish + english)).abstract == "Some text."
    assert read_one(tmp_path, article(abstract="", after=spanish + english)).abstract == "A: one\ntwo"
    only_spanish = article(abstract="", after=spanish)
    records, report = read(tmp_path, f"<PubmedArticleSet>{only_spanish}</PubmedArticleSet>")
    assert not records
    assert report.skipped == {"no abstract": 1}


def test_titles(tmp_path: Path) -> None:
    vernacular = "<VernacularTitle>Über <i>x</i></VernacularTitle>"
    document = read_one(tmp_path, article(title="[Not Available].", inside=vernacular))
    assert (document.title, document.vernacular_title) == ("", "Über x")


def test_journal_falls_back_to_its_abbreviations(tmp_path: Path) -> None:
    iso = "<ISOAbbreviation>J Samp</ISOAbbreviation>"
    assert read_one(tmp_path, article(journal=f"<Title>Journal</Title>{iso}")).journal == "Journal"
    assert read_one(tmp_path, article(journal=iso)).journal == "J Samp"
    ta = "<MedlineJournalInfo><MedlineTA>J Sa</MedlineTA></MedlineJournalInfo>"
    assert read_one(tmp_path, article(journal="", after=ta)).journal == "J Sa"


def test_lists_languages_and_versions(tmp_path: Path) -> None:
    mesh = "".join(
        f"<MeshHeading><DescriptorName>{d}</DescriptorName><QualifierName>q</QualifierName></MeshHeading>"
        for d in ("Humans", "Aspirin", "Humans")
    )
    types = "<PublicationType>Journal Article</PublicationType><PublicationType>Review</PublicationType>"
    languages = "<Language>ger</Language><Language>ENG</Language>"
    content = article(
        inside=f"{languages}<PublicationTypeList>{types}</PublicationTypeList>",
        after=f"<MeshHeadingList>{mesh}</MeshHeadingList>",
    )
    document = read_one(tmp_path, content.replace('Version="1"', 'Version="3"'))
    assert document.mesh == ("Humans", "Aspirin")
    assert document.publication_types == ("Journal Article", "Review")
    assert document.language == "ger eng"
    assert document.version == 3
    assert read_one(tmp_path, content.replace(' Version="1"', "")).version == 1
    for version in ("9" * 10, "9" * 20, "-1", "²"):  # no database holds the second
        assert read_one(tmp_path, content.replace('Version="1"', f'Version="{version}"')).version == 1


# ---- dates; their words are in test_indexes_fields


@pytest.mark.parametrize(
    ("issue", "inside", "data", "want"),
    [
        ("<PubDate><Year>2014</Year><Month>03</Month><Day>5</Day></PubDate>", "", "", "2014-03-05"),
        ("<PubDate><Year>2014</Year><Season>Spring</Season></PubDate>", "", "", "2014"),
        ("<PubDate><MedlineDate>1998 Dec-1999 Jan</MedlineDate></PubDate>", "", "", "1998-12"),
        ("<PubDate><Year>2014</Year></PubDate>", "<ArticleDate><Year>2013</Year></ArticleDate>", "", "2014"),
        (
            "<PubDate><MedlineDate>in press</MedlineDate></PubDate>",
            "<ArticleDate><Year>2013</Year><Month>2</Month><Day>30</Day></ArticleDate>",
            "",
            "2013-02",
        ),
        (
            "",
            "",
            '<History><PubMedPubDate PubStatus="entrez"><Year>2020</Year></PubMedPubDate>'
            '<PubMedPubDate PubStatus="epublish"><Year>2001</Year><Month>7</Month></PubMedPubDate></History>',
            "2001-07",
        ),
        (
            "",
            "",
            '<History><PubMedPubDate PubStatus="entrez"><Year>2020</Year></PubMedPubDate></History>',
            "",
        ),
    ],
)
def test_dates(tmp_path: Path, issue: str, inside: str, data: str, want: str) -> None:
    assert read_one(tmp_path, article(issue=issue, inside=inside, data=data)).date == want


# ---- identifiers


def test_ids_of_cited_papers_are_not_taken_for_the_papers_own(tmp_path: Path) -> None:
    cited = (
        '<ReferenceList><Reference><ArticleIdList><ArticleId IdType="pubmed">999</ArticleId>'
        '<ArticleId IdType="doi">10.1/cited</ArticleId></ArticleIdList></Reference></ReferenceList>'
    )
    own = '<ArticleIdList><ArticleId IdType="doi">https://doi.org/10.1/Own</ArticleId></ArticleIdList>'
    document = read_one(tmp_path, article(data=cited))
    assert (document.pmid, document.doi) == ("101", "")
    assert read_one(tmp_path, article(data=cited + own)).doi == "10.1/Own"


def test_doi_of_the_record_itself_comes_first_if_valid(tmp_path: Path) -> None:
    own = '<ArticleIdList><ArticleId IdType="doi">10.1/list</ArticleId></ArticleIdList>'
    wrong = '<ELocationID EIdType="doi" ValidYN="N">10.1/wrong</ELocationID>'
    pii = '<ELocationID EIdType="pii" ValidYN="Y">S1</ELocationID>'
    right = '<ELocationID EIdType="doi" ValidYN="Y">doi: 10.1/right</ELocationID>'
    assert read_one(tmp_path, article(inside=wrong + pii + right, data=own)).doi == "10.1/right"
    assert read_one(tmp_path, article(inside=wrong + pii, data=own)).doi == "10.1/list"


@pytest.mark.parametrize(
    ("raw", "want"),
    [
        ("7", "7"),
        (" 000123\n", "123"),
        ("999999999", "999999999"),
        ("0", None),
        ("1234567890", None),
        ("-1", None),
    ],
)
def test_pmids(tmp_path: Path, raw: str, want: str | None) -> None:
    records, report = read(tmp_path, f"<PubmedArticleSet>{article(raw)}{article(2)}</PubmedArticleSet>")
    assert [r.pmid for r in records] == [pmid for pmid in (want, "2") if pmid]
    assert report.skipped == ({} if want else {"PMID is not a number of 1 to 9 digits": 1})


# ---- notices


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("RetractionIn", Status.RETRACTED),
        ("RetractedandRepublishedIn", Status.RETRACTED),
        ("ExpressionOfConcernIn", Status.CONCERN),
        ("PartialRetractionIn", Status.CONCERN),
        ("ErratumIn", Status.CORRECTED),
        ("CorrectedandRepublishedIn", Status.CORRECTED),
        ("UpdateIn", Status.OK),
        ("CommentIn", Status.OK),
        ("Cites", Status.OK),
    ],
)
def test_status_by_a_notice(tmp_path: Path, kind: str, status: Status) -> None:
    document = read_one(tmp_path, article(after=corrections((kind, "55", "J X. 2020;1:2"))))
    assert document.status is status
    assert document.notices == ((Notice(status, "55", "J X. 2020;1:2"),) if status is not Status.OK else ())
    assert document.notice_of == ()


def test_the_gravest_notice_wins_and_all_are_kept(tmp_path: Path) -> None:
    after = corrections(("ErratumIn", "1", "a"), ("RetractionIn", "", "b"), ("ExpressionOfConcernIn", "3", "c"))
    document = read_one(tmp_path, article(after=after))
    assert document.status is Status.RETRACTED
    assert [(n.status, n.pmid, n.source) for n in document.notices] == [
        (Status.CORRECTED, "1", "a"),
        (Status.RETRACTED, "", "b"),
        (Status.CONCERN, "3", "c"),
    ]


def test_a_retracted_publication_without_notice_is_retracted(tmp_path: Path) -> None:
    types = "<PublicationTypeList><PublicationType>Retracted Publication</PublicationType></PublicationTypeList>"
    document = read_one(tmp_path, article(inside=types))
    assert (document.status, document.notices) == (Status.RETRACTED, ())


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("RetractionOf", Status.RETRACTED),
        ("ExpressionOfConcernFor", Status.CONCERN),
        ("PartialRetractionOf", Status.CONCERN),
        ("ErratumFor", Status.CORRECTED),
    ],
)
def test_a_notice_marks_its_target_and_not_itself(tmp_path: Path, kind: str, status: Status) -> None:
    types = "<PublicationType>Retraction of Publication</PublicationType>"
    document = read_one(
        tmp_path,
        article(
            abstract="",
            inside=f"<PublicationTypeList>{types}</PublicationTypeList>",
            after=corrections((kind, "0077", "J"), (kind, "", "not in PubMed")),
        ),
    )
    assert document.status is Status.OK
    assert document.notices == ()
    assert document.notice_of == (Notice(status, "77", "J"),)
    assert document.sections == ()


def test_notices_of_dtds_before_2010(tmp_path: Path) -> None:
    old = (
        "<CommentsCorrections><RetractionIn><RefSource>J 1999</RefSource><PMID>12</PMID></RetractionIn>"
        "<CommentOn><RefSource>K</RefSource><PMID>13</PMID></CommentOn></CommentsCorrections>"
    )
    assert read_one(tmp_path, article(after=old)).notices == (Notice(Status.RETRACTED, "12", "J 1999"),)
