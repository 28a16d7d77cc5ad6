"""Tasks: small files written here in each official format, and the counts of the real ones where they are."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from experiments.errors import DataFormatError, MissingDataError, UnknownTaskError
from experiments.records import Passage, Sample
from experiments.scoring import score_output
from experiments.tasks import (
    TASKS,
    Context,
    Task,
    chance_level,
    get_task,
    load,
    majority_baseline,
)
from rag.codes import read_codes

SHARED = Path(__file__).parents[1].parent / "shared" / "data" / "tasks"
real = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data/tasks")


def write_lines(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


# ---- every task


@pytest.mark.parametrize("name", TASKS)
def test_every_task_is_complete(name: str) -> None:
    task = get_task(name)
    assert task.name == name
    assert task.licence
    assert task.source
    assert task.access
    assert task.files
    assert task.ask
    assert not task.credentialed or "physionet.org" in task.access
    if task.hub:
        assert len(task.hub.revision) == 40
        int(task.hub.revision, 16)  # a commit, not a branch


def test_an_unknown_task_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(UnknownTaskError, match=r"no task 'pubmed-qa': nearest are .*pubmedqa"):
        get_task("pubmed-qa")


def test_credentialed_data_that_is_missing_says_where_it_is_to_be_had(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"mli_test_v1\.jsonl .*Needs credentialed access: .*physionet"):
        load(get_task("mednli"), tmp_path)
    with pytest.raises(MissingDataError, match=r"mednli needs a path: mli_test_v1\.jsonl\. Needs credentialed"):
        load(get_task("mednli"))


def test_a_limit_draws_without_regard_to_order_and_larger_limits_contain_smaller(tmp_path: Path) -> None:
    rows = [{"id": f"q{i}", "question": "?", "answer": "yes" if i < 50 else "no"} for i in range(100)]
    task = get_task(f"jsonl:{write_lines(tmp_path / 'own.jsonl', *rows)}")
    ten, forty = load(task, limit=10), load(task, limit=40)
    assert {s.id for s in ten} < {s.id for s in forty}
    assert [s.id for s in forty] == [r["id"] for r in rows if r["id"] in {s.id for s in forty}]
    assert 10 <= sum(s.answer == "A" for s in forty) <= 30  # the file is sorted by answer, the draw is not
    assert load(task, limit=1000) == load(task)


def test_a_repeated_sample_is_read_once_and_two_of_one_id_are_an_error(tmp_path: Path) -> None:
    row = {"id": "1", "question": "?", "answer": "yes"}
    assert len(load(get_task(f"jsonl:{write_lines(tmp_path / 'own.jsonl', row, row)}"))) == 1
    with pytest.raises(DataFormatError, match=r"own\.jsonl, id 1: occurs twice with different content"):
        load(get_task(f"jsonl:{write_lines(tmp_path / 'own.jsonl', row, {**row, 'answer': 'no'})}"))


def test_baselines_by_hand() -> None:
    samples = [Sample(str(i), "?", a, {"A": "x", "B": "y"}) for i, a in enumerate(["A", "B", "B", None])]
    assert majority_baseline(samples) == 0.5
    assert chance_level(samples) == 0.5
    three = Sample("9", "?", "A", {"A": "x", "B": "y", "C": "z"})
    assert chance_level([samples[0], three]) == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert majority_baseline([Sample("1", "?", ["text"])]) is None
    assert chance_level([Sample("1", "?", ["text"])]) is None


# ---- a user's own task


def own(tmp_path: Path, *rows: Any) -> tuple[Task, list[Sample]]:
    task = get_task(f"jsonl:{write_lines(tmp_path / 'own.jsonl', *rows)}")
    return task, load(task)


def test_own_tasks_of_every_kind(tmp_path: Path) -> None:
    ask = {"id": "1", "question": "?"}
    task, (sample,) = own(tmp_path, {**ask, "options": ["x", "y"], "answer": "y", "context": "Read me."})
    assert (task.kind, sample.answer, task.context) == ("choice", "B", Context.GIVEN)
    assert sample.context == (Passage("context", "Read me."),)
    task, samples = own(
        tmp_path,
        {**ask, "answer": "Yes"},
        {**ask, "id": 2, "answer": "maybe"},
        {**ask, "id": "3", "answer": None},
    )
    assert [s.answer for s in samples] == ["A", "C", None]
    assert samples[1].id == "2"
    task, (sample,) = own(tmp_path, {**ask, "answer": -20, "tolerance": 0.1})
    assert (task.kind, sample.answer) == ("number", {"value": -20, "low": -22.0, "high": -18.0})
    task, (sample,) = own(tmp_path, {**ask, "answer": ["a", ["b", "beta"]]})
    assert (task.kind, sample.answer) == ("list", [["a"], ["b", "beta"]])
    task, (sample,) = own(tmp_path, {**ask, "answer": "A whole sentence.", "gold_pmids": [5]})
    assert (task.kind, sample.answer, sample.gold_pmids) == ("text", ["A whole sentence."], ("5",))


def test_own_tasks_that_are_wrong_name_line_and_field(tmp_path: Path) -> None:
    ask = {"id": "1", "question": "?"}
    with pytest.raises(DataFormatError, match=r"own\.jsonl, line 2: field 'answer' makes this a text question"):
        own(tmp_path, {**ask, "answer": "yes"}, {**ask, "answer": "Because it is."})
    with pytest.raises(DataFormatError, match="line 1: field 'answer' is missing"):
        own(tmp_path, ask)
    with pytest.raises(DataFormatError, match="line 1: field 'question' is missing"):
        own(tmp_path, {"id": "1", "answer": "yes"})
    with pytest.raises(DataFormatError, match="line 1: field 'answer' is 'z', which is none"):
        own(tmp_path, {**ask, "options": ["x", "y"], "answer": "z"})
    (tmp_path / "bad.jsonl").write_text('{"id": "1", "question": "?", "answer": "yes"}\n{"id": \n')
    with pytest.raises(DataFormatError, match=r"bad\.jsonl, line 2: not JSON"):
        get_task(f"jsonl:{tmp_path / 'bad.jsonl'}")
    with pytest.raises(MissingDataError, match=r"no file at .*none\.jsonl"):
        get_task(f"jsonl:{tmp_path / 'none.jsonl'}")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"gold_pmids": "90010017"}, "field 'gold_pmids' is '90010017'; a list of PMIDs is expected"),
        ({"gold_pmids": 90010017}, "field 'gold_pmids' is 90010017; a list"),
        ({"gold_pmids": [None]}, "field 'gold_pmids' is [None]; a list"),
        ({"context": 3}, "field 'context' is int, not a text or a list of texts"),
        ({"context": ["a"]}, "an object is expected, not str"),
        ({"options": {"1": "x", "2": "y"}}, "field 'options' has the keys '1', '2'; give a letter each"),
        ({"options": {"a": "x", "A": "y"}}, "field 'options' has the keys 'a', 'A'"),
        ({"options": [str(n) for n in range(27)]}, "field 'options' must hold two to 26 texts"),
        ({"answer": 3, "tolerance": "5%"}, "field 'tolerance' is '5%'; a share"),
    ],
)
def test_fields_of_the_wrong_kind_are_named(tmp_path: Path, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(DataFormatError, match=r"own\.jsonl, line 1: " + re.escape(said)):
        own(tmp_path, {"id": "1", "question": "?", "answer": "yes"} | fields)


def test_no_gold_papers_may_be_null_and_letters_may_be_small(tmp_path: Path) -> None:
    row = {"id": "1", "question": "?", "options": {"a": "Aspirin", "b": "Codeine"}, "answer": "b", "gold_pmids": None}
    task, (sample,) = own(tmp_path, row)
    assert (sample.gold_pmids, sample.options, sample.answer) == ((), {"A": "Aspirin", "B": "Codeine"}, "B")
    assert [score_output(task, sample, said).outcome for said in ("b", "B", "a")] == ["correct", "correct", "wrong"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "latin.jsonl",
            '{"id": "1", "question": "Fièvre?", "answer": "yes"}'.encode("latin-1"),
            "file: is no UTF-8",
        ),
        ("plain.jsonl.gz", b'{"id": "1"}', "file: cannot be read (Not a gzipped file"),
        ("torn.jsonl.gz", gzip.compress(b'{"id": "1"}' * 50)[:-12], "file: cannot be read (Compressed file ended"),
        ("folder.jsonl", None, "file: cannot be read (Is a directory)"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_so(tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    path = tmp_path / name
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(DataFormatError, match=re.escape(f"{path}, {said}")):
        get_task(f"jsonl:{path}")


# ---- the hub, without the network


def test_the_hub_is_asked_for_a_pinned_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    asked: list[Any] = []
    rows = [
        {"pubid": 5, "question": "Q?", "context": {"contexts": ["One.", "Two."]}, "final_decision": "no"},
        {"pubid": 6, "question": "Q?", "context": {"contexts": ["One."]}, "final_decision": "yes"},
    ]

    def load_dataset(name: str, config: str | None, *, split: str, revision: str) -> list[dict[str, Any]]:
        asked.append((name, config, split, revision))
        return rows

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    samples = load(get_task("pubmedqa-all"))
    assert asked == [("qiaojin/PubMedQA", "pqa_labeled", "train", "9001f2853fb87cab8d220904e0de81ac6973b318")]
    assert [(s.id, s.answer, s.context[0].text) for s in samples] == [
        ("5", "B", "One.\nTwo."),
        ("6", "A", "One."),
    ]
    rows[:] = [
        {"subject": "anatomy", "question": "Q?", "choices": ["a", "b", "c", "d"], "answer": 2},
        {"subject": "astronomy", "question": "Q?", "choices": ["a", "b", "c", "d"], "answer": 0},
    ]
    (sample,) = load(get_task("mirage-mmlu"))
    assert (sample.id, sample.answer) == ("anatomy-row0", "C")
    rows[:] = [
        {
            "id": "u1",
            "question": "Q?",
            "opa": "a",
            "opb": "b",
            "opc": "c",
            "opd": "d",
            "cop": 3,
            "subject_name": "S",
        }
    ]
    (sample,) = load(get_task("mirage-medmcqa"))
    assert (sample.id, sample.answer, sample.options) == ("u1", "D", {"A": "a", "B": "b", "C": "c", "D": "d"})
    rows[:] = [{"question": "Q?", "options": {"A": "a", "B": "b", "C": "c", "D": "d"}, "answer_idx": "B"}]
    (sample,) = load(get_task("mirage-medqa"))
    assert (sample.id, sample.answer) == ("0000", "B")


# ---- the synthetic sample


def test_the_samples_questions_are_read_with_gold_abstracts_and_abstentions() -> None:
    path = get_task("sample").home
    rows = [json.loads(line) for line in (path / "questions.jsonl").read_text("utf-8").splitlines()] if path else []
    samples = load(get_task("sample"))
    assert [s.id for s in samples] == [row["qid"] for row in rows]
    texts = [
        (s.options or {}).get(s.answer or "") if row["type"] == "yesno" else s.answer
        for s, row in zip(samples, rows, strict=True)
    ]
    assert texts == [row["answer"] for row in rows]
    assert any(s.answer is None for s in samples)


# ---- the real files

COUNTS = {  # from the data's README, except where it gives sums
    "mirage-mmlu": 1089,
    "mirage-medqa": 1273,
    "mirage-medmcqa": 4183,
    "mirage-pubmedqa": 500,
    "mirage-bioasq": 618,
    "pubmedqa": 500,
    "pubmedqa-all": 1000,
    "evidence-inference": 564,
    "evidence-inference-fulltext": 627,
    "meqsum": 1000,
    "medcalc-bench": 1047,
    "k-qa": 201,
}
CHANCE = {"pubmedqa": 1 / 3, "mirage-medmcqa": 1 / 4, "mirage-bioasq": 1 / 2, "evidence-inference": 1 / 3}
FILES = {
    ("aci-bench", 207): "aci_bench/*.json",
    ("mts-dialog", 1701): "mts_dialog/*.csv",
    ("codiesp", 750): "codiesp/*_en.jsonl",
    ("bc5cdr", 1500): "ner/BC5CDR*",
    ("ncbi-disease", 792): "ner/NCBI*",  # 793 documents, one of them twice
}


@real
@pytest.mark.parametrize(("name", "count"), COUNTS.items())
def test_the_real_files_hold_what_their_readme_counts(name: str, count: int) -> None:
    task = get_task(name)
    samples = load(task, SHARED)
    assert len(samples) == count
    if name in CHANCE:
        assert chance_level(samples) == pytest.approx(CHANCE[name])


@real
@pytest.mark.parametrize(("name", "count", "pattern"), [(*key, pattern) for key, pattern in FILES.items()])
def test_all_parts_of_the_real_files_are_read(name: str, count: int, pattern: str) -> None:
    assert sum(len(load(get_task(name), path)) for path in SHARED.glob(pattern)) == count


@real
def test_facts_about_the_real_files() -> None:
    assert sum(len(load(get_task(f"bioasq-{t}"), SHARED)) for t in ("yesno", "factoid", "list", "summary")) == 2310
    assert majority_baseline(load(get_task("pubmedqa-all"), SHARED)) == 0.552
    assert len({s.cluster for s in load(get_task("evidence-inference-fulltext"), SHARED)}) == 206
    assert len(read_codes(SHARED / "codiesp" / "icd10cm_2021.tsv.gz")) == 95358
