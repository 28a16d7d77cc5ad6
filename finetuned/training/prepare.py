"""From rows to token sequences: decontaminated, divided, encoded, every row and token accounted for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from finetuned.cleaning import report_json
from finetuned.corpora import training_rows
from finetuned.decontaminate import Report, Screen, compare, read_tasks
from finetuned.errors import TrainingDataError

from .examples import Accounts, Example, Row, is_held_out, make_example
from .recipe import Recipe, Stage

LISTED = 50  # rows listed per heading in run.json


class Encoded(NamedTuple):
    """A token sequence; the first `prompt` tokens are read, not learnt."""

    ids: NDArray[np.int32]
    prompt: int = 0

    @property
    def learnt(self) -> int:
        """Tokens that count in the loss; the very first token of a sequence has nothing before it."""
        return len(self.ids) - max(self.prompt, 1)


class Question(NamedTuple):
    """A held-out question whose answer is one of several: the prompt with each, and which is right."""

    options: tuple[Encoded, ...]
    right: int


@dataclass(slots=True)
class StageData:
    """What one stage trains on and is measured with."""

    stage: Stage
    train: list[Encoded] = field(default_factory=list)
    held_out: list[Encoded] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    accounts: Accounts = field(default_factory=Accounts)

    @property
    def sha256(self) -> str:
        """Hash the training tokens in their order."""
        return _hash(self.train)

    @property
    def held_out_sha256(self) -> str:
        """Hash what the model is measured with: texts, questions, their choices and which is right."""
        answers = "".join(f" {_hash(question.options)} {question.right}" for question in self.questions)
        return hashlib.sha256(f"{_hash(self.held_out)}{answers}".encode()).hexdigest()


def _hash(sequences: Sequence[Encoded]) -> str:
    total = hashlib.sha256()
    for ids, prompt in sequences:
        total.update(np.array([len(ids), prompt], dtype=np.int64).tobytes() + ids.tobytes())
    return total.hexdigest()


def decontaminate_rows(recipe: Recipe, rows: Sequence[list[Row]]) -> tuple[list[set[tuple[Path, int]]], dict[str, Any]]:
    """Compare every stage's rows with the recipe's tasks; return what each stage must leave out, and the record."""
    if not recipe.decontaminate:
        return [set() for _ in rows], {"refused": True, "tasks": [str(p) for p in recipe.tasks]}
    screen, comparisons, leave_out = Screen(read_tasks(recipe.tasks)), [], []
    for of_stage in rows:
        out: set[tuple[Path, int]] = set()
        for file in dict.fromkeys(row.file for row in of_stage):
            of_file = [row for row in of_stage if row.file == file]
            found = compare(str(file), training_rows([row.content for row in of_file], file), screen)
            removed = Report(tuple(found), 0.0).rows(str(file), "remove")
            out |= {(file, of_file[number].number) for number in removed}
            comparisons += found
        leave_out.append(out)
    return leave_out, {
        "refused": False,
        "tasks": [str(p) for p in recipe.tasks],
        **report_json(Report(tuple(comparisons), 0.0)),
    }


def prepare(
    recipe: Recipe, stage: Stage, rows: Sequence[Row], leave_out: set[tuple[Path, int]], tokenizer: Any
) -> StageData:
    """Encode one stage's rows.

    Raises:
        TrainingDataError: nothing is left to train on, or nothing is held out.
    """
    data, accounts = StageData(stage), Accounts(rows=len(rows))
    data.accounts = accounts
    length = stage.max_length or recipe.max_length
    for row in rows:
        if (row.file, row.number) in leave_out:
            accounts.note("contaminated", row.place)
            continue
        example = make_example(row, stage)
        if example is None:
            accounts.note("incomplete", row.place)
            continue
        encoded = _encode(example, tokenizer)
        if encoded.prompt >= length:
            accounts.note("prompt_too_long", row.place)
        elif is_held_out(row.content, share=recipe.held_out, seed=recipe.seed):
            data.held_out.append(Encoded(encoded.ids[:length], encoded.prompt))
            if len(encoded.ids) > length:
                accounts.note("held_out_cut", row.place)
            if example.choices:
                if question := _question(example, tokenizer, length):
                    data.questions.append(question)
                else:
                    accounts.note("unscored", row.place)
        else:
            data.train.append(_fit(encoded, length, row.place, accounts, split=recipe.packing and not encoded.prompt))
    accounts.train_rows, accounts.held_out_rows = len(data.train), len(data.held_out)
    accounts.train_tokens = sum(len(e.ids) for e in data.train)
    accounts.loss_tokens = sum(e.learnt for e in data.train)
    accounts.held_out_tokens = sum(e.learnt for e in data.held_out)
    _check(data, recipe)
    return data


def _check(data: StageData, recipe: Recipe) -> None:
    a, where = data.accounts, f"stage {data.stage.stage}"
    if not data.train:
        raise TrainingDataError(
            f"{where}: of {a.rows} rows none is left to train on: {a.contaminated} stand in a task, {a.incomplete} "
            f"lack a field of the templates prompt and answer, {a.prompt_too_long} have a prompt over max_length, "
            f"{a.held_out_rows} are held out"
        )
    if not data.held_out:
        raise TrainingDataError(
            f"{where}: held_out {recipe.held_out} of {a.rows} rows is not one; raise it, or another seed may draw one"
        )


def _fit(encoded: Encoded, length: int, place: str, accounts: Accounts, *, split: bool) -> Encoded:
    """Cut a sequence to `length`, and say so; with `split`, packing cuts it into parts and keeps all of them."""
    if len(encoded.ids) <= length:
        return encoded
    accounts.note("answer_cut" if encoded.prompt else "text_split", place)
    if split:
        return encoded
    accounts.cut_tokens += len(encoded.ids) - length
    return Encoded(encoded.ids[:length], encoded.prompt)


def _encode(example: Example, tokenizer: Any) -> Encoded:
    """Encode prompt and answer apart: the loss begins with the answer's first token, wherever tokens could merge."""
    if example.text:
        ids = tokenizer(example.text, verbose=False)["input_ids"]
        return Encoded(np.array([*ids, tokenizer.eos_token_id], dtype=np.int32))
    prompt = encode_prompt(example, tokenizer)
    return Encoded(np.array([*prompt, *_answer(example.answer, tokenizer)], dtype=np.int32), len(prompt))


def encode_prompt(example: Example, tokenizer: Any) -> list[int]:
    """Return the tokens after which the model is to answer: what `run:DIR` will be given, too."""
    text = tokenizer.apply_chat_template(list(example.messages), tokenize=False, add_generation_prompt=True)
    return list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def _answer(answer: str, tokenizer: Any) -> list[int]:
    return [*tokenizer(answer, add_special_tokens=False, verbose=False)["input_ids"], tokenizer.eos_token_id]


def _question(example: Example, tokenizer: Any, length: int) -> Question | None:
    prompt = encode_prompt(example, tokenizer)
    options = tuple(
        Encoded(np.array([*prompt, *_answer(choice, tokenizer)], dtype=np.int32), len(prompt))
        for choice in example.choices
    )
    fits = all(len(option.ids) <= length for option in options)
    return Question(options, example.choices.index(example.answer)) if fits else None
