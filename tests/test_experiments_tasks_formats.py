"""Each task's official file format, in small files written here."""

import json
from pathlib import Path
from typing import Any

import pytest

from experiments.errors import DataFormatError, MissingDataError
from experiments.records import Passage, Sample
from experiments.tasks import Context, get_task, load


def write_json(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def write_lines(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def only(name: str, path: Path) -> Sample:
    (sample,) = load(get_task(name), path)
    return sample


def test_mirage(tmp_path: Path) -> None:
    item = {"question": "Q?", "options": {"A": "yes", "B": "no"}, "answer": "B", "PMID": [12, 13]}
    path = write_json(tmp_path / "benchmark.json", {"bioasq": {"x1": item}, "mmlu": {}})
    assert only("mirage-bioasq", path) == Sample(
        "x1", "Q?", "B", {"A": "yes", "B": "no"}, gold_pmids=("12", "13"), cluster="x1"
    )
    write_json(path, {"bioasq": {"x1": {**item, "answer": "C"}}})
    with pytest.raises(DataFormatError, match=r"benchmark\.json, bioasq x1: field 'answer' is 'C'"):
        load(get_task("mirage-bioasq"), tmp_path)
    with pytest.raises(DataFormatError, match=r"field 'medqa' is missing \(there are bioasq\)"):
        load(get_task("mirage-medqa"), tmp_path)


def test_pubmedqa_test_split_and_context_without_conclusion(tmp_path: Path) -> None:
    row = {
        "QUESTION": "Q?",
        "CONTEXTS": ["One.", "Two."],
        "final_decision": "maybe",
        "LONG_ANSWER": "Perhaps.",
    }
    write_json(tmp_path / "ori_pqal.json", {"11": row, "12": row})
    write_json(tmp_path / "test_ground_truth.json", {"12": "maybe"})
    sample = only("pubmedqa", tmp_path)
    assert (sample.id, sample.answer, sample.gold_pmids) == ("12", "C", ("12",))
    assert sample.context == (Passage("12", "One.\nTwo."),)
    assert len(load(get_task("pubmedqa-all"), tmp_path)) == 2
    assert get_task("pubmedqa").context == Context.ORACLE
    assert get_task("pubmedqa-context").context == Context.GIVEN


def test_bioasq_in_both_formats(tmp_path: Path) -> None:
    official = {
        "id": "b1",
        "type": "factoid",
        "body": "Which?",
        "documents": ["http://www.ncbi.nlm.nih.gov/pubmed/77", "http://www.ncbi.nlm.nih.gov/pubmed/78"],
        "snippets": [{"document": "http://www.ncbi.nlm.nih.gov/pubmed/77", "text": f"S{i}."} for i in (1, 2, 1)],
        "exact_answer": [["XIa", "factor XIa"]],
        "ideal_answer": ["It is XIa."],
    }
    others = [
        {**official, "id": "b2", "type": "list", "exact_answer": [["a", "A1"], "b"]},
        {**official, "id": "b3", "type": "yesno", "exact_answer": "Yes"},
        {**official, "id": "b4", "type": "summary"},
    ]
    path = write_json(tmp_path / "training11b.json", {"questions": [official, *others]})
    sample = only("bioasq-factoid", path)
    assert sample.answer == ["XIa", "factor XIa"]
    assert sample.gold_pmids == ("77", "78")
    assert sample.context == (Passage("77", "S1.\nS2."),)
    assert only("bioasq-list", path).answer == [["a", "A1"], ["b"]]
    assert only("bioasq-yesno", path).answer == "A"
    assert only("bioasq-summary", path).answer == ["It is XIa."]
    line = {"id": "b1", "type": "factoid", "question": "Which?", "gold_pmids": ["77", "78"]}
    line |= {"snippets": [{"pmid": "77", "text": "S1.\nS2."}], "exact_answer": [["XIa", "factor XIa"]]}
    assert only("bioasq-factoid", write_lines(tmp_path / "b.jsonl", line)) == sample
    write_lines(tmp_path / "b.jsonl", {**line, "exact_answer": []})
    with pytest.raises(DataFormatError, match=r"b\.jsonl, line 1: field 'exact_answer'"):
        only("bioasq-factoid", tmp_path / "b.jsonl")


def test_evidence_inference_from_abstract_and_full_text(tmp_path: Path) -> None:
    row = {
        "qid": "e1",
        "pmid": "5",
        "pmcid": "PMC5",
        "outcome": " pain ",
        "intervention": "drug",
        "comparator": "placebo",
    }
    path = write_lines(tmp_path / "abstract_questions.jsonl", {**row, "label": "significantly decreased"})
    sample = only("evidence-inference", path)
    assert (sample.answer, sample.cluster, sample.gold_pmids) == ("B", "5", ("5",))
    assert sample.question == "In patients given drug compared with placebo, what happened to pain?"
    write_lines(tmp_path / "longdoc_questions.jsonl", {**row, "label": "no significant difference"})
    with pytest.raises(MissingDataError, match=r"longdoc_documents\.jsonl\.gz belongs beside"):
        load(get_task("evidence-inference-fulltext"), tmp_path)
    with pytest.raises(DataFormatError, match="line 1: field 'label' is 'better'"):
        only("evidence-inference", write_lines(tmp_path / "x.jsonl", {**row, "label": "better"}))


def longhealth(patients: int = 4) -> dict[str, Any]:
    """Return a benchmark in LongHealth's format: each patient has two texts and two questions."""
    return {
        f"patient_{p:02}": {
            "texts": {f"text_{t}": f"record {p} {t} " + "word " * 1500 for t in range(2)},
            "name": "N",
            "birthday": "1950-01-01",
            "diagnosis": "D",
            "questions": [
                {
                    "No": q,
                    "question": f"Question {p} {q}?",
                    **{f"answer_{c}": f"option {c} {p}" for c in "abcde"},
                    "correct": f"option {'abcde'[q]} {p}",
                    "answer_location": {"text_1": {"start": [0.1], "end": [0.2]}},
                }
                for q in range(2)
            ],
        }
        for p in range(patients)
    }


def test_longhealth_tasks_and_pairs(tmp_path: Path) -> None:
    path = write_json(tmp_path / "benchmark_v5.json", longhealth())
    one, two, three, pairs = (load(get_task(f"longhealth-{n}"), path) for n in ("1", "2", "3", "pairs"))
    assert [s.answer for s in one] == ["A", "B"] * 4
    assert len(one[0].options or {}) == 5
    assert {p.id for p in one[0].context} == {"patient_00/text_0", "patient_00/text_1"}
    for with_answer, without in zip(two, three, strict=True):
        own = with_answer.cluster
        assert with_answer.answer in "AB"
        assert without.answer == "F"
        assert (without.options or {})["F"] == "Question cannot be answered with provided documents"
        assert f"{own}/text_1" in {p.id for p in with_answer.context}
        assert not any(p.id.startswith(own) for p in without.context)
        assert all(p.id == f"{own}/text_1" or not p.id.startswith(own) for p in with_answer.context)
        assert sum(len(p.text.split()) for p in without.context) <= 6000
        assert with_answer.meta["pair"] == without.meta["pair"]
    assert {s.id for s in pairs} == {s.id for s in two} | {s.id for s in three}
    assert load(get_task("longhealth-2"), path) == two  # the draw of distractors is fixed
    broken = longhealth(1)
    broken["patient_00"]["questions"][1]["correct"] = "nothing of this"
    with pytest.raises(DataFormatError, match=r"patient_00, question 1: field 'correct' is 'nothing of this'"):
        load(get_task("longhealth-1"), write_json(path, broken))


def test_the_other_clue_tasks(tmp_path: Path) -> None:
    nli = {
        "sentence1": "He has fever.",
        "sentence2": "He is ill.",
        "gold_label": "entailment",
        "pairID": "p1",
    }
    sample = only("mednli", write_lines(tmp_path / "mli_test_v1.jsonl", nli))
    assert (sample.id, sample.answer, sample.cluster) == ("p1", "A", "He has fever.")

    (tmp_path / "meqsum.csv").write_text('File,CHQ,Summary\n1.txt,"I take, daily, a pill","What pill?"\n')
    sample = only("meqsum", tmp_path / "meqsum.csv")
    assert (sample.answer, sample.context) == (["What pill?"], (Passage("1.txt", "I take, daily, a pill"),))

    (tmp_path / "BioNLP2023-1A-Test.csv").write_text(
        'File ID,Assessment,Summary,Subjective Sections\n7,"62M with chest pain","NSTEMI; CHF;","He felt pain"\n'
    )
    sample = only("problem-summary", tmp_path)
    assert (sample.id, sample.answer) == ("7", ["NSTEMI, CHF"])
    assert sample.context[0].text == "He felt pain\n\n62M with chest pain"

    qa = {"note_id": "n1", "Question": "Why?", "Answer": "Because.", "without_discharge_summary": "Letter."}
    samples = load(get_task("medisumqa"), write_lines(tmp_path / "MeDiSumQA.json", qa, qa))
    assert [s.id for s in samples] == ["n1/1", "n1/2"]
    assert {s.cluster for s in samples} == {"n1"}

    codes = [{"code": "I25.10", "description": "x"}, {"code": "e119", "description": "y"}]
    sample = only(
        "medisumcode",
        write_json(tmp_path / "MeDiSumCode.json", [{"hadm_id": 3, "text": "Letter.", "icd_codes": codes}]),
    )
    assert (sample.id, sample.answer) == ("3", ["E119", "I2510"])


def test_case_challenges_as_jsonl_and_csv(tmp_path: Path) -> None:
    case = {"id": "c1", "vignette": "A man coughs.", "question": "What is it?", "answer": "Flu"}
    path = write_lines(tmp_path / "cases.jsonl", {**case, "options": ["Cold", "Flu"]})
    sample = only("case-challenges", path)
    assert (sample.question, sample.answer) == ("A man coughs.\n\nWhat is it?", "B")
    (tmp_path / "cases.csv").write_text(
        "id,vignette,question,answer,option_a,option_b,option_c\nc1,A man coughs.,What is it?,B,Cold,Flu,\n"
    )
    assert only("case-challenges", tmp_path / "cases.csv") == sample
    (tmp_path / "cases.csv").write_text("id,vignette,question,answer\n")
    with pytest.raises(DataFormatError, match=r"cases\.csv, line 1: no column 'option_a' among id, vignette"):
        only("case-challenges", tmp_path / "cases.csv")


PUBTATOR = (
    "11|t|Drug-induced delirium.\n11|a|Delirium after drugX.\n"
    "11\t13\t21\tdelirium\tDisease\tD003693\n"
    "11\t23\t31\tDelirium\tDisease\tD003693\n11\t38\t43\tdrugX\tChemical\tD1\n11\tCID\tD1\tD003693\n\n"
    "12|t|Nothing here.\n12|a|\n"
)


def test_pubtator(tmp_path: Path) -> None:
    path = tmp_path / "CDR_TestSet.PubTator.txt"
    path.write_text(PUBTATOR)
    first, second = load(get_task("bc5cdr"), path)
    assert first.answer == [["Chemical", "drugx"], ["Disease", "delirium"]]
    assert first.context == (Passage("11", "Drug-induced delirium.\nDelirium after drugX."),)
    assert (second.id, second.answer) == ("12", [])
    disease = path.read_text().replace("\tDisease\t", "\tSpecificDisease\t").replace("\tChemical\t", "\tModifier\t")
    path.write_text(disease)
    assert load(get_task("ncbi-disease"), path)[0].answer == [["Disease", "delirium"], ["Disease", "drugx"]]
    with pytest.raises(DataFormatError, match="line 3: type 'SpecificDisease' is not one of Chemical, Disease"):
        load(get_task("bc5cdr"), path)
    path.write_text(PUBTATOR.replace("12|t|Nothing here.", "12-Nothing here."))
    with pytest.raises(DataFormatError, match="line 8: neither"):
        load(get_task("bc5cdr"), path)


def test_codes_calculations_notes_and_patient_questions(tmp_path: Path) -> None:
    case = {"id": "s1", "text_en": "A case.", "icd10cm_diagnosis": ["k59.00", "N23", "n23"]}
    assert only("codiesp", write_lines(tmp_path / "dev_en.jsonl", case)).answer == ["K5900", "N23"]

    header = "Row Number,Calculator Name,Note ID,Patient Note,Question,Ground Truth Answer,Lower Limit,"
    header += "Upper Limit\n"
    (tmp_path / "test_data.csv").write_text(
        header + "1,X,n1,Note,How much?,-20,-19,-21\n2,X,n1,Note,When?,9/3/2014,9/3/2014,9/3/2014\n"
        "3,X,n2,Note,How old?,\"('4 weeks', '1 days')\",x,x\n"
    )
    samples = load(get_task("medcalc-bench"), tmp_path)
    assert [s.answer for s in samples] == [
        {"value": -20.0, "low": -21.0, "high": -19.0},
        "09/03/2014",
        "4 weeks 1 days",
    ]
    assert [s.cluster for s in samples] == ["n1", "n1", "n2"]
    (tmp_path / "test_data.csv").write_text(header + "1,X,n1,Note,How much?,many,1,2\n")
    with pytest.raises(DataFormatError, match=r"test_data\.csv, line 2: field 'Ground Truth Answer'"):
        load(get_task("medcalc-bench"), tmp_path)

    visit = {"src": "[doctor] hi", "tgt": "NOTE", "file": "D1"}
    assert only("aci-bench", write_json(tmp_path / "aci.json", {"data": [visit]})).answer == ["NOTE"]
    (tmp_path / "mts.csv").write_text("ID,section_header,section_text,dialogue\n0,ROS,No fever.,Doctor: Fever?\n")
    sample = only("mts-dialog", tmp_path / "mts.csv")
    assert (sample.id, sample.answer, sample.meta) == ("0", ["No fever."], {"section": "ROS"})

    row = {"Question": "Q?", "Free_form_answer": "A.", "Must_have": ["m"], "Nice_to_have": []}
    sample = only("k-qa", write_lines(tmp_path / "k.jsonl", row))
    assert (sample.answer, sample.meta["must_have"]) == (["A."], ["m"])
    with pytest.raises(DataFormatError, match=r"k\.jsonl, line 1: field 'Must_have' is str, not list"):
        only("k-qa", write_lines(tmp_path / "k.jsonl", {**row, "Must_have": "m"}))


def test_the_samples_own_questions(tmp_path: Path) -> None:
    rows = [
        {"qid": "q1", "type": "yesno", "question": "?", "answer": "no", "gold_pmids": ["1"]},
        {
            "qid": "q2",
            "type": "multiple_choice",
            "question": "?",
            "options": {"A": "x", "B": "y"},
            "answer": "B",
        },
        {
            "qid": "q3",
            "type": "unanswerable",
            "question": "?",
            "options": None,
            "answer": None,
            "gold_pmids": [],
        },
    ]
    samples = load(get_task("sample"), write_lines(tmp_path / "questions.jsonl", *rows))
    assert [s.answer for s in samples] == ["B", "B", None]
    assert samples[0].options == samples[2].options == {"A": "yes", "B": "no", "C": "maybe"}
    with pytest.raises(DataFormatError, match="line 1: field 'type' is 'essay'"):
        load(get_task("sample"), write_lines(tmp_path / "questions.jsonl", {**rows[0], "type": "essay"}))
