"""The reader of plain records against the reader of all XML, which is its oracle."""

from __future__ import annotations

import gzip
import html
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pubmed_xml import HEAD, article, corrections

from indexes import pubmed
from indexes.citation import NOTICES, NOTICES_OF
from indexes.document import Document
from indexes.errors import SourceError
from indexes.pubmed import read_pubmed
from indexes.report import SourceReport
from indexes.scan import UncertainError, scan

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "indexes" / "sample" / "pubmed"
SHARED = ROOT.parent / "shared" / "data" / "pubmed" / "xml"
PLAIN = (
    '<PubmedArticle><MedlineCitation Status="MEDLINE"><PMID Version="2">{pmid}</PMID><Article PubModel="Print">'
    '<Journal><JournalIssue CitedMedium="Print"><PubDate>{date}</PubDate></JournalIssue><Title>{journal}</Title>'
    "</Journal><ArticleTitle>{title}</ArticleTitle>{locations}"
    "<Abstract><AbstractText{label}>{text}</AbstractText></Abstract>"
    '<AuthorList CompleteYN="Y"><Author><LastName>{journal}</LastName></Author></AuthorList>'
    "<Language>eng</Language><PublicationTypeList><PublicationType>{kind}</PublicationType></PublicationTypeList>"
    "</Article><MedlineJournalInfo><MedlineTA>J</MedlineTA></MedlineJournalInfo>{lists}</MedlineCitation>"
    "<PubmedData><PublicationStatus>ppublish</PublicationStatus><ArticleIdList>{ids}</ArticleIdList></PubmedData>"
    "</PubmedArticle>\n"
)
MESH = (
    "<MeshHeadingList><MeshHeading><DescriptorName UI='1'>{}</DescriptorName><QualifierName>x</QualifierName>"
    "</MeshHeading></MeshHeadingList>"
)


def plain(pmid: int = 7, **fields: str) -> str:
    values = {
        "date": "<Year>2011</Year><Month>Feb</Month>", "journal": "J", "title": "T", "label": "", "text": "Some text.",
        "kind": "Journal Article", "lists": "", "locations": "", "ids": "",
    }  # fmt: skip
    return PLAIN.format(pmid=pmid, **(values | fields))


def both(path: Path) -> tuple[object, object]:
    """Return everything that is to be seen of a file by the two readers."""

    def outcome() -> object:
        report = SourceReport()
        try:
            return list(read_pubmed(path, report)), report
        except SourceError as error:
            return str(error), report

    quick = outcome()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pubmed, "scan", give_up)
        return quick, outcome()


def give_up(path: Path) -> object:
    raise UncertainError


def write(folder: Path, body: str | bytes, name: str = "s.xml") -> Path:
    path = folder / name
    content = body.encode() if isinstance(body, str) else body
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


def in_set(*records: str) -> str:
    return f"{HEAD}<PubmedArticleSet>\n{''.join(records)}</PubmedArticleSet>\n"


FILES = sorted(SAMPLE.glob("*.xml*")) + sorted(SHARED.glob("*.xml*"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_files_are_read_alike(path: Path) -> None:
    quick, slow = both(path)
    assert quick == slow


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data/pubmed/xml")
def test_nearly_all_of_the_baseline_is_plain() -> None:
    found = [record for path in sorted(SHARED.glob("sample_pubmed21n*")) for record in scan(path)]
    assert len(found) == 319
    assert sum(isinstance(record, Document) for record in found) > 300


TEXT = st.text(st.sampled_from("aβ’ \n\t\u00a0\u2009\u3000\u0085&<>\"'.;#x1"), max_size=12).map(html.escape)
RICH = st.lists(
    st.one_of(TEXT, st.sampled_from(["<i>a</i>", "<sub>2</sub>", "<b><i> x</i></b>", "<u/>", "&#945;"]))
).map("".join)
DATES = st.sampled_from(
    [
        "<Year>2001</Year>",
        "<Year>1999</Year><Season>Fall</Season>",
        "<MedlineDate>1998 Dec-1999 Jan</MedlineDate>",
        "<Year>x</Year>",
        "<Year>2004</Year><Month>Feb</Month><Day>31</Day>",
        "<Month>Feb</Month>",
        "",
    ]
)
LABELS = st.sampled_from(
    ["", ' Label="METHODS: "', ' Label="UNLABELLED"', ' NlmCategory="RESULTS"', " Label='single'", ' Label="a &amp; b"']
)
LISTS = st.sampled_from(
    [
        "",
        MESH.format("Humans"),
        MESH.format("a &lt; b"),
        MESH.replace("'", '"').format(""),
        "<Unknown>x</Unknown>",
        corrections(("CommentIn", "5", "J")),
        corrections(("RetractionIn", "5", "J")),
        corrections(("ErratumIn", "", "J  x"), ("RetractionOf", "6", "<i>K</i> &amp; L"), ("CommentOn", "8", "M")),
        corrections(("ErratumFor", "", "J"), ("ExpressionOfConcernIn", "0", "&#945;")),
        corrections(("ErratumIn", "5", "J")).replace("</Comm", "<Note>n</Note></Comm", 1),
        corrections(("ErratumIn", "5", "J")).replace("<RefSource>", "<Other>x</Other><RefSource>"),
        corrections(("ErratumIn", "x", "J")).replace('"ErratumIn"', "'ErratumIn'"),
        "<CommentsCorrections><RetractionIn><RefSource>J</RefSource></RetractionIn></CommentsCorrections>",
        "<OtherID>1</OtherID>",
        "<KeywordList><Keyword>k</Keyword></KeywordList>",
        "<MeshHeadingList><Foo><MeshHeading/></Foo></MeshHeadingList>",
        "<OtherAbstract Language='eng'><AbstractText>Other.</AbstractText></OtherAbstract>",
        MESH.format("Dogs") * 2,
    ]
)
IDS = st.sampled_from(
    [
        "",
        '<ArticleId IdType="doi">10.1/x</ArticleId>',
        '<ArticleId IdType="pubmed">7</ArticleId>',
        "<ArticleId>1</ArticleId>",
    ]
)
LOCATIONS = st.sampled_from(
    [
        "",
        '<ELocationID EIdType="doi" ValidYN="Y">doi: 10.1/y&lt;</ELocationID>',
        '<ELocationID EIdType="doi" ValidYN="N">10.1/z</ELocationID>',
        '<ELocationID EIdType="pii">1</ELocationID>',
    ]
)
BETWEEN = st.sampled_from(
    [
        *("", "\n  ", "<!-- note -->", "stray text", "<?pi x?>", "<![CDATA[x]]>", "<Other/>", article(99)),
        "<DeleteCitation><PMID>5</PMID><PMID>x</PMID></DeleteCitation>",
        "<PubmedBookArticle><BookDocument/></PubmedBookArticle>",
    ]
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fields=st.fixed_dictionaries(
        {"title": RICH, "text": RICH, "journal": TEXT, "kind": st.sampled_from(["Review", "Retracted Publication", ""])}
        | {"date": DATES, "label": LABELS, "lists": LISTS, "ids": IDS, "locations": LOCATIONS}
    ),
    between=BETWEEN,
)
def test_generated_records_are_read_alike(tmp_path: Path, fields: dict[str, str], between: str) -> None:
    quick, slow = both(write(tmp_path, in_set(plain(1, **fields), between, plain(2))))
    assert quick == slow


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.floats(0, 1), piece=st.sampled_from([b"", b"<", b">", b"&", b"\x01", b"\xff", b"</AuthorList>", b"<i>"])
)
def test_damaged_files_are_read_alike(tmp_path: Path, place: float, piece: bytes) -> None:
    whole = in_set(*(plain(i, lists=MESH.format("Humans").replace("'", '"')) for i in range(1, 4))).encode()
    at = int(place * len(whole))
    for content in (whole[:at] + piece + whole[at:], whole[:at] + piece + whole[at + 5 :], whole[:at]):
        quick, slow = both(write(tmp_path, content))
        assert quick == slow


@pytest.mark.parametrize("cut", [0.0, 0.3, 0.7, 0.999])
def test_a_damaged_gzip_is_read_alike(tmp_path: Path, cut: float) -> None:
    path = write(tmp_path, in_set(*(plain(i, text=f"{i * 7919 % 9973} words " * 9) for i in range(1, 900))), "s.xml.gz")
    good = path.read_bytes()
    at = max(10, int(len(good) * cut))
    for content in (good[:at], good[:at] + b"\xff\x00\xff" + good[at + 3 :], good[:-8] + b"\0" * 8, good + b"rest"):
        path.write_bytes(content)
        quick, slow = both(path)
        assert quick == slow
        assert isinstance(quick, tuple)


@pytest.mark.parametrize(
    "trick",
    [
        "<AuthorList><X><AuthorList></AuthorList></X><Language>xxx</Language></AuthorList>",
        "<AuthorList><!-- </AuthorList> --></AuthorList>",
        "<AuthorList><![CDATA[</AuthorList>]]></AuthorList>",
        "<AuthorList a='>'><Author/></AuthorList>",
        "<AuthorList/>",
    ],
)
def test_what_could_mislead_a_scan_does_not(tmp_path: Path, trick: str) -> None:
    author = re.compile("<AuthorList.*</AuthorList>")
    quick, slow = both(write(tmp_path, in_set(author.sub(lambda _: trick, plain(1)), plain(2))))
    assert quick == slow
    records, report = quick  # type: ignore[misc]
    assert [(r.pmid, r.language) for r in records] == [("1", "eng"), ("2", "eng")]
    assert not report.damage


def test_notices_are_read_by_the_scan(tmp_path: Path) -> None:
    kinds = (*NOTICES, *NOTICES_OF, "CommentIn")
    path = write(tmp_path, in_set(*(plain(n, lists=corrections((kind, "9", "J"))) for n, kind in enumerate(kinds, 1))))
    assert all(isinstance(record, Document) for record in scan(path))
    quick, slow = both(path)
    assert quick == slow


def test_documents_come_from_the_scan_and_odd_records_as_they_stand(tmp_path: Path) -> None:
    odd = article(3, title="<math>x</math>")
    found = list(scan(write(tmp_path, in_set(plain(1), odd, plain(2)))))
    assert [r.pmid if isinstance(r, Document) else r for r in found] == ["1", odd.strip().encode(), "2"]
