"""Retrieval options: as of a day, reranked, filtered; LangChain's own view of it; nothing pickled."""

from __future__ import annotations

import ast
import json
import pickle
import re
import shutil
from pathlib import Path

import pytest

from indexes import Index, build
from indexes.document import Document, Notice, Status
from indexes.filters import Filter
from rag import Assistant, PubMedRetriever, RagError
from rag.as_of import as_it_was, last_day
from rag.reranking import load_reranker

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("date", "day"),
    [
        ("2014", "2014-12-31"),
        ("2014-02", "2014-02-28"),
        ("2016-02", "2016-02-29"),
        ("2014-04", "2014-04-30"),
        ("2014-03-05", "2014-03-05"),
    ],
)
def test_the_last_day_a_date_can_mean(date, day):
    assert last_day(date) == day


@pytest.mark.parametrize("date", ["", "14", "2014-13", "2014-02-30", "March 2014", "2014-3-5", "0000"])
def test_no_date_is_an_error_with_the_rule(date):
    with pytest.raises(RagError, match="YYYY-MM-DD"):
        last_day(date)


def test_a_paper_as_it_was():
    notices = (Notice(Status.CONCERN, "", "J. 2015 Jan 3;1:2"), Notice(Status.RETRACTED, "9", "J. 2018;4:5"))
    paper = Document("1", date="2012-05", publication_types=("Retracted Publication",), status=Status.RETRACTED)
    marked = Document(
        "1", date="2012-05", publication_types=("Retracted Publication",), notices=notices, status=Status.RETRACTED
    )
    dates = {"": "2015-01-03", "9": "2018"}

    def then(document, day):
        return as_it_was(document, day, lambda n: dates[n.pmid])

    assert then(marked, "2012-05-30") is None  # it may have appeared on the 31st
    assert [then(marked, day).status for day in ("2012-05-31", "2015-01-03", "2018-06-01", "2018-12-31")] == [
        "ok",
        "concern",
        "concern",
        "retracted",
    ]
    assert then(marked, "2013-01-01").publication_types == ()
    assert then(marked, "2018-12-31") == marked
    assert then(paper, "2013-01-01").status == "retracted"  # no notice says since when
    assert as_it_was(marked, "2013-01-01", lambda n: "").status == "retracted"  # nor here


@pytest.fixture(scope="module")
def dated(tmp_path_factory):
    """60 papers on one subject, one a month from 2015; every fifth retracted by a notice two years later."""
    folder = tmp_path_factory.mktemp("dated")
    lines = []
    for n in range(60):
        date = f"{2015 + n // 12}-{n % 12 + 1:02}-15"
        paper = {"pmid": str(1000 + n), "title": "Vexil in fever", "abstract": f"Vexil lowered fever in trial {n}."}
        lines.append(paper | {"date": date, "year": int(date[:4])})
    (folder / "papers.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    notes = "".join(
        f"<PubmedArticle><MedlineCitation><PMID Version='1'>{2000 + n}</PMID><Article><Journal><JournalIssue><PubDate>"
        f"<Year>{2017 + n // 12}</Year><Month>{n % 12 + 1:02}</Month><Day>20</Day></PubDate></JournalIssue>"
        "<Title>J</Title></Journal><ArticleTitle>Retraction: vexil in fever</ArticleTitle><Abstract>"
        "<AbstractText>It is void.</AbstractText></Abstract>"
        "<PublicationTypeList><PublicationType>Retraction of Publication</PublicationType>"
        "</PublicationTypeList></Article><CommentsCorrectionsList><CommentsCorrections RefType='RetractionOf'>"
        f"<RefSource>J. 2015</RefSource><PMID Version='1'>{1000 + n}</PMID></CommentsCorrections>"
        "</CommentsCorrectionsList></MedlineCitation></PubmedArticle>"
        for n in range(0, 60, 5)
    )
    (folder / "notes.xml").write_text(f"<PubmedArticleSet>{notes}</PubmedArticleSet>", "utf-8")
    build(folder / "index", [folder / "papers.jsonl", folder / "notes.xml"], encoder="hashing")
    return Index(folder / "index")


def month(n):
    return f"{2015 + n // 12}-{n % 12 + 1:02}-15"


@pytest.mark.parametrize("day", ["2015-01-14", "2015-01-15", "2016-06-30", "2017-01-20", "2018-03-01", "2019-12-31"])
def test_as_of_a_day_gives_what_was_known(dated, day):
    """Against a loop over the papers' own dates; more are asked for than there are."""
    late = {1000 + n for n in range(0, 60, 5) if f"{2017 + n // 12}-{n % 12 + 1:02}-20" <= day}
    known = {str(1000 + n) for n in range(60) if month(n) <= day and 1000 + n not in late}
    found = PubMedRetriever(index=dated, k=200, as_of=day).invoke("vexil fever")
    assert {p.metadata["pmid"] for p in found if int(p.metadata["pmid"]) < 2000} == known
    assert all(p.metadata["status"] == "ok" for p in found)
    assert all(p.metadata["date"] <= day for p in found)


def test_as_of_asks_on_until_k_are_found(dated):
    found = PubMedRetriever(index=dated, k=12, as_of="2016-01-01").invoke("vexil fever trial 59 58 57")
    assert len(found) == 12
    both = PubMedRetriever(index=dated, k=5, as_of="2017-06", where=Filter(since=2017)).invoke("vexil fever")
    assert {p.metadata["year"] for p in both} == {2017}
    assert len(both) == 5


def test_as_of_with_a_grave_status_reads_only_papers_that_have_it_now(dated, monkeypatch):
    """Every fifth paper was retracted in 2017 to 2021; as of 2018 only those up to then."""
    asked = []
    search = type(dated).search

    def counting(self, query, k, **options):
        found = search(self, query, k, **options)
        asked.append(len(found))
        return found

    monkeypatch.setattr(type(dated), "search", counting)
    where = Filter(statuses=(Status.RETRACTED,))
    found = PubMedRetriever(index=dated, k=10, as_of="2018", where=where).search("vexil fever", 10)
    assert {h.pmid for h in found} == {str(1000 + n) for n in range(0, 24, 5)}
    assert max(asked) <= 12  # as many as were ever retracted, not the whole index


def test_a_filter_that_can_admit_nothing_says_so(sample_index):
    answer = Assistant(sample_index, as_of="2015", where=Filter(since=2018)).ask("Does gestavorin work?")
    assert answer.warnings == ("Since 2018 is later than until 2015: no paper is both.",)
    assert PubMedRetriever(index=sample_index, where=Filter(until=2015)).faults() == []


def test_an_answer_as_of_then_cites_what_was_retracted_later(dated):
    then = Assistant(dated, k=60, as_of="2016").ask("Did vexil lower fever in trial 5?")
    now = Assistant(dated, k=60).ask("Did vexil lower fever in trial 5?")
    assert "1005" in {e.pmid for e in then.evidence}
    assert then.withheld == ()
    assert "1005" in {e.pmid for e in now.withheld}
    assert "1005" not in {e.pmid for e in now.evidence}


class ByLength:
    """A reranker with a rule that a test can follow: the shorter the text, the better."""

    name = "by length"

    def score(self, question, texts):
        return [-float(len(t)) for t in texts]


def test_reranking_reorders_the_candidates_and_then_takes_k(sample_index):
    query = "gestavorin pre-eclampsia"
    hits = sample_index.search(query, 50)
    expected = sorted(hits, key=lambda h: len(h.document.text))[:7]
    found = PubMedRetriever(index=sample_index, k=7, reranker=ByLength()).invoke(query)
    assert [p.metadata["pmid"] for p in found] == [h.pmid for h in expected]
    assert [p.metadata["rerank_score"] for p in found] == [-len(h.document.text) for h in expected]
    answer = Assistant(sample_index, k=7, reranker=ByLength()).ask(query)
    assert [e.pmid for e in answer.evidence] == [h.pmid for h in expected]


def test_a_cross_encoder_s_scores_are_its_logits(tmp_path, sample_index):
    """A tiny BERT with random weights, saved as a folder, against a plain forward pass of transformers."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    torch.manual_seed(0)
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *"abcdefghijklmnopqrstuvwxyz",
        "vexil",
        "fever",
        "does",
        "help",
    ]
    words += [f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz"]
    (tmp_path / "vocab.txt").write_text("\n".join(words), "utf-8")
    tokenizer = BertTokenizerFast(vocab_file=str(tmp_path / "vocab.txt"), vocab=str(tmp_path / "vocab.txt"))
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        num_labels=1,
    )
    model = BertForSequenceClassification(config).eval()
    folder = tmp_path / "reranker"
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    texts = ["vexil help fever", "does fever", "help help vexil fever does"]
    reranker = load_reranker(str(folder))
    with torch.inference_mode():
        expected = [float(model(**tokenizer("does vexil help", text, return_tensors="pt")).logits) for text in texts]
    assert len(set(expected)) == 3
    assert reranker.score("does vexil help", texts) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", ["no/such-model", "medcpt"])
def test_a_missing_reranker_names_the_choices(name):
    with pytest.raises(RagError, match="medcpt, a folder"):
        load_reranker(name)


def test_a_directory_will_do_for_an_index(sample_directory, sample_index):
    question = "Does gestavorin prevent pre-eclampsia?"
    found = PubMedRetriever(index=sample_directory, k=3).invoke(question)
    assert [p.metadata["pmid"] for p in found] == [h.pmid for h in sample_index.search(question, 3)]
    assert Assistant(str(sample_directory)).ask(question).evidence == Assistant(sample_index).ask(question).evidence


def test_the_readme_s_example_runs(sample_directory, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(sample_directory, "pubmed")
    text = (ROOT / "rag" / "README.md").read_text("utf-8")
    blocks = [b for b in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "PubMedRetriever" in b]
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})  # noqa: S102
    assert "900" in capsys.readouterr().out


def test_as_a_runnable(sample_index):
    questions = ["Does gestavorin prevent pre-eclampsia?", "Does quendorax lower blood pressure?"]
    assistant = Assistant(sample_index)
    single = [assistant.invoke(q) for q in questions]
    assert [a.evidence for a in assistant.batch(questions)] == [a.evidence for a in single]
    assert (assistant | (lambda a: a.text)).invoke(questions[0]) == single[0].text


def test_nothing_is_pickled(sample_index, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("something was pickled")

    for name in ("dump", "dumps", "load", "loads", "Pickler", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    with Index(sample_index.directory) as index:
        Assistant(index).ask("Does gestavorin prevent pre-eclampsia?")
    for path in sorted((ROOT / "rag").glob("*.py")) + sorted((ROOT / "indexes").glob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        names = {a.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        names |= {(n.module or "").split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        assert not names & {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}, path
        calls = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
        assert not calls & {"eval", "exec"}, path
