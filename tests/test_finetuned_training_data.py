"""What goes into training: the texts of the index, no held-out paper, no test question, every row counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("trl", reason="needs clinrag[train]")

import torch
from tiny_model import make_tokenizer
from training_runs import QUESTIONS, TRIALS, small_recipe
from transformers import LlamaConfig, LlamaForCausalLM
from trl import pack_dataset
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from finetuned.errors import TrainingDataError
from finetuned.training.abstracts import read_texts
from finetuned.training.examples import Row, is_held_out, make_example, read_stage
from finetuned.training.measuring import log_likelihoods, measure, wilson
from finetuned.training.prepare import Encoded, Question, StageData, decontaminate_rows, prepare
from finetuned.training.recipe import Recipe, Stage, parse_recipe
from indexes import Index

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "indexes" / "sample"


def test_abstracts_are_those_of_the_index(sample_index: Index) -> None:
    """Two readers of PubMed XML, one result: newest versions, no deleted nor retracted paper, the same text."""
    read = {row["pmid"]: row["text"] for _, _, row in read_texts((SAMPLE / "pubmed",))}
    kept = {}
    for n in range(90_000_000, 90_020_000):
        document = sample_index.get(str(n))
        if document is not None and document.status != "retracted" and document.abstract:
            kept[document.pmid] = document.text
    assert len(kept) > 200
    assert read == kept


def test_json_lines_give_text_however_they_hold_it(tmp_path: Path) -> None:
    rows = [
        {"pmid": 1, "title": "T.", "abstract": "A."},
        {"pmid": "2", "sections": [{"label": "METHODS", "text": "M."}, {"label": "", "text": "R."}]},
        {"text": "Only text."},
        {"pmid": "4", "title": ""},
        {"pmid": "5", "sections": [{"label": None, "text": "N."}]},
    ]
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    assert [row["text"] for _, _, row in read_texts((path,))] == ["T.\nA.", "METHODS: M.\nR.", "Only text.", "N."]
    for bad in ('{"sections": ["a"]}', '{"sections": {"label": "A"}}'):
        path.write_text(bad)
        with pytest.raises(TrainingDataError, match=r"x\.jsonl, row 0: `sections` must be a list of \{label, text\}"):
            read_texts((path,))
    path.write_text("[[1]]")
    with pytest.raises(TrainingDataError, match=r"x\.jsonl, row 0: list found"):
        read_texts((path,))
    (tmp_path / "bad.xml").write_text("<PubmedArticleSet><PubmedArticle>")
    with pytest.raises(TrainingDataError, match="cannot be read as PubMed XML"):
        read_texts((tmp_path / "bad.xml",))
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainingDataError, match="no data file in this folder"):
        read_texts((tmp_path / "empty",))


def test_no_training_row_of_any_stage_names_a_held_out_paper(tmp_path: Path) -> None:
    recipe = parse_recipe(small_recipe(tmp_path))
    sides: dict[str, set[bool]] = {}
    for stage in recipe.stages:
        for row in read_stage(stage):
            sides.setdefault(row.content["pmid"], set()).add(is_held_out(row.content, share=0.2, seed=0))
    assert all(len(side) == 1 for side in sides.values())
    assert 0 < sum(True in side for side in sides.values()) < len(sides) / 2
    drawn = [is_held_out({"pmid": str(n)}, share=0.2, seed=7) for n in range(20_000)]
    assert np.mean(drawn) == pytest.approx(0.2, abs=0.01)
    one, two = (next(n for n, d in enumerate(drawn) if d is side) for side in (True, False))
    for row in (
        {"gold_pmids": [str(two), str(one)]},
        {"pmid": str(two), "gold_pmids": [str(one)]},
        {"question": "q", "context": [{"PMID": one}], "pmid": float(two)},
    ):
        assert is_held_out(row, share=0.2, seed=7)
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps({k: one, "text": k}) + "\n" for k in ("pubmed_id", "pubid", "PMID")))
    assert [row["pmid"] for _, _, row in read_texts((path,))] == [str(one)]
    path.write_text(json.dumps({"text": "a review", "pmids": [two, one]}))
    ((_, _, row),) = read_texts((path,))
    assert is_held_out(row, share=0.2, seed=7)


def test_templates_take_what_a_row_has() -> None:
    def filled(content: dict[str, Any], prompt: str = "{question}", answer: str = "{answer}") -> Any:
        stage = Stage(stage="adapt", data=(Path("x"),), prompt=prompt, answer=answer)
        return make_example(Row(Path("x"), 0, content), stage)

    form, options = "{question}\n\n{options?}\n\nAnswer:", {"A": "60 mg", "B": "120 mg"}
    example = filled({"question": "Which?", "options": options, "answer": "B"}, form)
    assert example.messages == ({"role": "user", "content": "Which?\n\nA. 60 mg\nB. 120 mg\n\nAnswer:"},)
    assert (example.answer, example.choices) == ("B", ("A", "B"))
    without = filled({"question": "Does it?", "options": None, "answer": "yes"}, form)
    assert without.messages[0]["content"] == "Does it?\n\nAnswer:"
    assert filled({"question": "Does it?", "answer": None}) is None
    assert filled({"a": {"b": "deep"}, "c": 1}, "{a.b}", "{c}").messages[0]["content"] == "deep"
    assert filled({"x": "text", "c": 1}, "{x.__class__}", "{c}") is None  # fields of rows, not of Python's objects
    talk = [{"role": "system", "content": "S"}, {"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]
    example = filled({"messages": talk})
    assert ([m["role"] for m in example.messages], example.answer) == (["system", "user"], "A")
    with pytest.raises(TrainingDataError, match="`messages` must be a list"):
        filled({"messages": ["hello"]})


def test_the_loss_is_on_answers_only_and_every_row_is_accounted_for(tmp_path: Path) -> None:
    tokenizer = make_tokenizer()
    long = [{"id": "p", "question": "why " * 200, "answer": "no"}, {"id": "a", "question": "Q", "answer": "so " * 200}]
    rows = [*QUESTIONS, *long, {"id": "n", "question": "Unanswered?", "answer": None}]
    path = tmp_path / "q.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    recipe = parse_recipe(small_recipe(tmp_path, held_out=0.1))
    stage = Stage(stage="adapt", data=(path,), choices=("yes", "no"))
    data = prepare(recipe, stage, read_stage(stage), set(), tokenizer)
    a = data.accounts
    assert (a.rows, a.incomplete, a.prompt_too_long, a.answer_cut) == (51, 1, 1, 1)
    assert a.places == {"incomplete": ["q.jsonl:50"], "prompt_too_long": ["q.jsonl:48"], "answer_cut": ["q.jsonl:49"]}
    assert a.rows == a.incomplete + a.prompt_too_long + a.train_rows + a.held_out_rows
    learnt = {tokenizer.decode(e.ids[e.prompt :]) for e in data.train if len(e.ids) < 96}
    assert learnt == {"yes<|im_end|>", "no<|im_end|>"}
    for encoded in data.train:
        shown = tokenizer.decode(encoded.ids[: encoded.prompt])
        assert shown.startswith("<|im_start|>user\n")
        assert shown.endswith("<|im_end|>\n<|im_start|>assistant\n")
    assert a.loss_tokens == sum(len(e.ids) - e.prompt for e in data.train)


def test_what_of_the_held_out_rows_is_not_measured_is_listed(tmp_path: Path) -> None:
    options = {"answer": "yes", "options": {"yes": "it does", "no " * 99: "it does not"}}
    path = tmp_path / "q.jsonl"
    path.write_text("".join(json.dumps(row | options) + "\n" for row in QUESTIONS))
    stage = Stage(stage="adapt", data=(path,))
    data = prepare(parse_recipe(small_recipe(tmp_path)), stage, read_stage(stage), set(), make_tokenizer())
    held_out = sum(is_held_out(row, share=0.2, seed=0) for row in QUESTIONS)
    assert (data.accounts.unscored, len(data.questions)) == (held_out, 0) != (0, 0)
    path.write_text("".join(json.dumps(row | {"answer": "so " * 200}) + "\n" for row in QUESTIONS))
    data = prepare(parse_recipe(small_recipe(tmp_path)), stage, read_stage(stage), set(), make_tokenizer())
    assert data.accounts.held_out_cut == data.accounts.held_out_rows == len(data.accounts.places["held_out_cut"])


def test_what_stands_in_a_task_is_left_out_and_written_down(tmp_path: Path) -> None:
    planted = [
        {"id": "leak", "question": TRIALS[3]["abstract"], "answer": "yes"},  # verbatim in a training text
        {"id": "paper", "question": "Another question on it?", "pmid": TRIALS[5]["pmid"]},  # the same paper
        {"id": "clean", "question": "Is zanubrutinib more active than chlorambucil in older adults with lymphoma?"},
    ]
    (tmp_path / "task.jsonl").write_text("".join(json.dumps(r) + "\n" for r in planted))
    raw = small_recipe(tmp_path, tasks=[str(tmp_path / "task.jsonl")], decontaminate=True)
    raw["stages"] = raw["stages"][:1]
    recipe = parse_recipe(raw)
    rows = [read_stage(stage) for stage in recipe.stages]
    (leave_out,), record = decontaminate_rows(recipe, rows)
    found = {row.content["pmid"] for row in rows[0] if (row.file, row.number) in leave_out}
    assert {TRIALS[3]["pmid"], TRIALS[5]["pmid"]} <= found
    assert record["comparisons"][0]["rows_to_remove"] == len(found)
    assert record["refused"] is False
    data = prepare(recipe, recipe.stages[0], rows[0], leave_out, make_tokenizer())
    assert data.accounts.contaminated == len(found)
    assert data.accounts.train_rows + data.accounts.held_out_rows == len(TRIALS) - len(found)
    refused = Recipe.model_validate(raw | {"decontaminate": False})
    assert decontaminate_rows(refused, rows) == ([set()], {"refused": True, "tasks": [str(tmp_path / "task.jsonl")]})


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    return LlamaForCausalLM(LlamaConfig(vocab_size=700, initializer_range=0.3, **shape)).eval()  # type: ignore[arg-type]


def test_packed_documents_do_not_see_each_other_and_none_is_cut(model: Any) -> None:
    """trl's packing as training uses it, against each document (or part of one) by itself."""
    from datasets import Dataset

    generator = np.random.default_rng(0)
    documents = [generator.integers(4, 700, size=n).tolist() for n in (30, 50, 17, 90, 41)]
    dataset = Dataset.from_dict({"input_ids": documents, "labels": documents})
    packed = pack_dataset(dataset, 64, "bfd_split")
    assert sum(len(ids) for ids in packed["input_ids"]) == sum(map(len, documents))
    rows = list(packed)
    batch = DataCollatorForLanguageModeling(pad_token_id=3, padding_free=True)(rows)
    keys = ("input_ids", "position_ids")
    with torch.no_grad():
        together = model(**{k: batch[k] for k in keys}, use_cache=False).logits[0]
    at = 0
    for row in rows:
        for length in row["seq_lengths"]:
            ids = batch["input_ids"][:, at : at + length]
            with torch.no_grad():
                alone = model(ids).logits[0]
            torch.testing.assert_close(together[at : at + length], alone, rtol=1e-4, atol=1e-4)
            at += length


def test_log_likelihoods_do_not_depend_on_the_batch(model: Any) -> None:
    generator = np.random.default_rng(1)
    sequences = [
        Encoded(generator.integers(4, 700, size=int(n)).astype(np.int32), int(n) // 3)
        for n in generator.integers(9, 60, 12)
    ]
    together = log_likelihoods(model, sequences, half=False)
    for encoded, value in zip(sequences, together, strict=True):
        with torch.no_grad():
            logp = model(torch.from_numpy(encoded.ids).long()[None]).logits[0].log_softmax(-1)
        by_hand = sum(float(logp[t - 1, encoded.ids[t]]) for t in range(encoded.prompt, len(encoded.ids)))
        assert value == pytest.approx(by_hand, abs=1e-3)
    best = int(np.argmax(together[:3]))
    questions = [Question(tuple(sequences[:3]), best), Question(tuple(sequences[:3]), (best + 1) % 3)]
    stage = Stage(stage="adapt", data=(Path("x"),))
    result = measure(model, StageData(stage, held_out=sequences, questions=questions), half=False)
    assert result["accuracy"] == 0.5
    assert result["loss"] == pytest.approx(-sum(together) / sum(e.learnt for e in sequences))
    from statsmodels.stats.proportion import proportion_confint

    assert wilson(7, 15) == pytest.approx(proportion_confint(7, 15, method="wilson"))
