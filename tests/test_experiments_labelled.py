"""Labelled claims in the formats in which they are published, each read from a small file written here."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from experiments.detector.labelled import (
    CONTRADICTED,
    SUPPORTED,
    UNSUPPORTED,
    UNVERIFIABLE,
    Labelled,
    find_sets,
    others,
    read_set,
)
from experiments.errors import DataFormatError, MissingDataError


def lines(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def table(path: Path, head: list[str], *rows: list[str]) -> Path:
    with gzip.open(path, "wt") if path.suffix == ".gz" else path.open("w") as stream:
        csv.writer(stream).writerows([head, *rows])
    return path


def labels(items: list[Labelled]) -> dict[str, str]:
    return {item.id: item.label for item in items}


SEEN, UNSEEN = "500", ("509", "511")  # PMIDs that the shipped checker's split trains on, and tests on


def question(n: int, label: str, **fields: Any) -> dict[str, Any]:
    return {
        "qid": f"e{n}", "pmid": UNSEEN[n - 1], "label": label, "outcome": f"pain {n}", "intervention": f"drug {n}",
        "comparator": "placebo", "evidence": f"Marked words {n}.",
    } | fields  # fmt: skip


def test_evidence_inference_becomes_true_turned_and_misplaced_claims(tmp_path: Path) -> None:
    rows = [question(1, "significantly increased"), question(2, "no significant difference")]
    rows.append(question(1, "significantly increased", qid="e3", pmid=SEEN))
    path = lines(tmp_path / "abstract_questions.jsonl", *rows)
    items = {item.id: item for item in read_set("evidence-inference", path)}
    assert items["e1:true"].claim == "Pain 1 was significantly higher with drug 1 than with placebo."
    assert items["e2:true"].claim == "Pain 2 did not differ significantly between drug 2 and placebo."
    assert items["e1:turned"].claim != items["e1:true"].claim
    assert {i.label for k, i in items.items() if k.endswith("turned")} == {CONTRADICTED}
    assert (items["e1:elsewhere"].claim, items["e1:elsewhere"].evidence) == (items["e1:true"].claim, "Marked words 2.")
    assert items["e1:true"].cluster == UNSEEN[0]
    assert len(items) == 6  # nothing of a trial that was trained on
    whole = read_set("evidence-inference", path, lambda pmid: f"Abstract of {pmid}." if pmid == UNSEEN[0] else "")
    assert {item.evidence for item in whole if item.id in ("e1:true", "e2:true")} == {
        f"Abstract of {UNSEEN[0]}.",
        "Marked words 2.",
    }
    bad = lines(tmp_path / "bad.jsonl", question(1, "rose"))
    with pytest.raises(DataFormatError, match="line 1: field 'label' is 'rose'"):
        read_set("evidence-inference", bad)


CLAIMS = ["id", "claim", "evidence_doc_id", "evidence_label", "evidence_sentences", "cited_doc_ids"]


def test_scifact_is_read_as_published_and_as_csv(tmp_path: Path) -> None:
    printed = "['It rose\\'s fast.'\n \"The patient's pain fell.\" 'By 3%.']"
    table(tmp_path / "corpus.csv.gz", ["doc_id", "title", "abstract", "structured"],
          ["7", "A title", printed, "False"], ["8", "B", "['b']", "False"])  # fmt: skip
    path = table(
        tmp_path / "claims_validation.csv", CLAIMS,
        ["1", "It rises.", "7", "SUPPORT", "[0]", "[7]"], ["1", "It rises.", "7", "SUPPORT", "[1 2]", "[7]"],
        ["2", "It falls.", "8", "CONTRADICT", "[0]", "[8]"], ["3", "Else.", "", "", "[]", "[7 8]"],
    )  # fmt: skip
    items = read_set("scifact", path)
    expected = {"1:7": SUPPORTED, "2:8": CONTRADICTED, "3:7": UNVERIFIABLE, "3:8": UNVERIFIABLE}
    assert labels(items) == expected
    assert items[0].evidence == "A title\nIt rose's fast. The patient's pain fell. By 3%."
    official = tmp_path / "official"
    official.mkdir()
    lines(official / "corpus.jsonl", {"doc_id": 7, "title": "A title", "abstract": ["One.", "Two."]},
          {"doc_id": 8, "title": "B", "abstract": ["b"]})  # fmt: skip
    claims = lines(
        official / "claims_dev.jsonl",
        {
            "id": 1,
            "claim": "It rises.",
            "evidence": {"7": [{"sentences": [0], "label": "SUPPORT"}]},
            "cited_doc_ids": [7],
        },
        {"id": 2, "claim": "x", "evidence": {"8": [{"sentences": [0], "label": "CONTRADICT"}]}, "cited_doc_ids": [8]},
        {"id": 3, "claim": "Else.", "evidence": {}, "cited_doc_ids": [7, 8]},
    )
    assert labels(read_set("scifact", claims)) == expected
    assert read_set("scifact", claims)[0].evidence == "A title\nOne. Two."
    (official / "corpus.jsonl").unlink()
    with pytest.raises(MissingDataError, match="belongs beside claims_dev"):
        read_set("scifact", claims)


def test_k_qa_takes_the_majority_and_names_a_strange_label(tmp_path: Path) -> None:
    head = ["", "Question", "llm_x", "answer", "claim", "category_x", "majority_label", "label_0", "label_1", "label_2"]
    given = [("Entailment", SUPPORTED), ("Contradiction", CONTRADICTED), ("Neutral", UNVERIFIABLE)]
    rows = [
        [str(n), "Q?", "gpt", "The answer.", f"Claim {n}.", "Must_have", k, k, k, k] for n, (k, _) in enumerate(given)
    ]
    items = read_set("k-qa", table(tmp_path / "NLI_medical_annotator.csv", head, *rows))
    assert [item.label for item in items] == [label for _, label in given]
    assert {(item.evidence, item.cluster) for item in items} == {("The answer.", "Q?")}
    bad = table(tmp_path / "bad.csv", head, ["0", "Q?", "gpt", "A", "C", "Must_have", "Yes", "", "", ""])
    with pytest.raises(DataFormatError, match="line 2: majority_label is 'Yes'"):
        read_set("k-qa", bad)


def test_ragtruth_sentences_take_the_label_of_their_spans(tmp_path: Path) -> None:
    response = "Beets are red. They weigh ten tons. Cook them well. They come from Mars."

    def span(words: str, kind: str) -> dict[str, Any]:
        start = response.index(words)
        return {"start": start, "end": start + len(words), "text": words, "label_type": kind, "meta": ""}

    row = {
        "id": "1", "source_id": "s", "model": "m", "temperature": 0.7, "split": "test", "quality": "good",
        "response": response,
        "labels": [span("ten tons", "Evident Conflict"), span("from Mars", "Subtle Baseless Info")],
    }  # fmt: skip
    path = lines(
        tmp_path / "response.jsonl", row, row | {"id": "2", "split": "train"},
        row | {"id": "3", "quality": "truncated"},
        row | {"id": "4", "source_id": "t", "labels": []}, row | {"id": "5", "source_id": "u", "labels": []},
    )  # fmt: skip
    lines(
        tmp_path / "source_info.jsonl",
        {"source_id": "s", "task_type": "QA", "source_info": {"question": "q", "passages": "passage 1: Beets."}},
        {"source_id": "t", "task_type": "Summary", "source_info": "A text."},
        {"source_id": "u", "task_type": "Data2txt", "source_info": {"name": "Café"}},
    )
    items = read_set("ragtruth", path)
    assert [labels(items)[f"1:{n}"] for n in (1, 2, 3, 4)] == [SUPPORTED, CONTRADICTED, SUPPORTED, UNVERIFIABLE]
    assert len(items) == 12
    assert {i.cluster: i.evidence for i in items} == {"s": "passage 1: Beets.", "t": "A text.", "u": '{"name": "Café"}'}
    strange = lines(tmp_path / "response.jsonl", row | {"labels": [span("ten tons", "Odd")]})
    with pytest.raises(DataFormatError, match="label_type 'Odd'"):
        read_set("ragtruth", strange)


@pytest.mark.parametrize("ending", ["parquet", "jsonl", "csv"])
def test_medhallu_gives_a_true_and_a_hallucinated_answer(tmp_path: Path, ending: str) -> None:
    row = {
        "Question": "Does it help?", "Knowledge": ["One.", "Two."], "Ground Truth": "Yes.", "Difficulty Level": "easy",
        "Hallucinated Answer": "It cures all.", "Category of Hallucination": "Misinterpretation",
    }  # fmt: skip
    path = tmp_path / f"medhallu.{ending}"
    if ending == "parquet":
        pyarrow.parquet.write_table(pa.Table.from_pylist([row]), path)
    elif ending == "jsonl":
        lines(path, row)
    else:
        table(path, list(row), [str(v) if k != "Knowledge" else "One. Two." for k, v in row.items()])
    true, false = read_set("medhallu", path)
    assert (true.claim, true.label, true.evidence) == ("Yes.", SUPPORTED, "One. Two.")
    assert (false.claim, false.label, false.cluster) == ("It cures all.", UNSUPPORTED, "Does it help?")


def test_data_sets_are_found_by_their_official_names(tmp_path: Path) -> None:
    (tmp_path / "k_qa").mkdir()
    (tmp_path / "k_qa" / "NLI_medical_annotator.csv").write_text("x")
    (tmp_path / "response.jsonl").write_text("x")
    assert set(find_sets(tmp_path)) == {"k-qa", "ragtruth"}
    assert set(find_sets(None)) == {"planted"}
    (empty := tmp_path / "empty").mkdir()
    with pytest.raises(MissingDataError, match="holds no labelled claims; known are evidence-inference"):
        find_sets(empty)
    with pytest.raises(MissingDataError, match="no folder"):
        find_sets(tmp_path / "nowhere")


def test_evidence_from_elsewhere_is_never_ones_own() -> None:
    items = [Labelled(str(n), f"c{n}", f"e{n // 3}", SUPPORTED, str(n // 3)) for n in range(30)]
    found = others(items)
    assert all(a.cluster != b.cluster for a, b in zip(items, found, strict=True))
    assert [b.id for b in others(items[::-1])][::-1] == [b.id for b in found]
    with pytest.raises(MissingDataError, match="share one piece of evidence"):
        others(items[:3])


def test_real_files_have_their_known_counts(shared: Path) -> None:
    found = {name: read_set(name, path) for name, path in find_sets(shared / "tasks").items()}
    assert {name: len(items) for name, items in found.items()} == {"evidence-inference": 363, "scifact": 322}
    counted = [sum(i.label == label for i in found["scifact"]) for label in (SUPPORTED, CONTRADICTED, UNVERIFIABLE)]
    assert sum(counted) == 322
    assert sum(i.label == CONTRADICTED for i in found["evidence-inference"]) == 121
    assert all(len(i.evidence) > 100 and "['" not in i.evidence[:200] for i in found["scifact"])
