"""The recipe of a training run: one flat YAML file, read strictly. Every field stands here with its default."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from finetuned.errors import RecipeError

METHODS = ("full", "lora", "qlora", "dora")
ORDER = ("inject", "instruct", "adapt")
Positive = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Architecture(_Strict):
    """A Llama with random weights, where there is no base model: for tests, and to measure speed."""

    hidden: Positive = 64
    feed_forward: Positive = 128
    layers: Positive = 2
    heads: Positive = 4
    key_value_heads: Positive = 2
    vocabulary: Annotated[int, Field(ge=300)] = 700  # byte-level BPE, trained on the first stage's data


class Stage(_Strict):
    """One stage. Fields left out are the recipe's.

    `prompt` and `answer` are templates over a row's fields: {question} must be there, {options?} may be missing, a
    dot reaches inwards ({instances.input}). A row with `messages` needs neither. inject takes whole texts instead.
    """

    stage: Literal["inject", "instruct", "adapt"]
    data: Annotated[tuple[Path, ...], Field(min_length=1)]
    prompt: str = "{question}"
    answer: str = "{answer}"
    choices: tuple[str, ...] = ()  # answers to choose from when scored; a row's own options go before them
    epochs: Rate | None = None
    learning_rate: Rate | None = None
    max_length: Positive | None = None


class Recipe(_Strict):
    """A whole run. Paths count from the folder the command is given in."""

    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    # where it starts: ORG/NAME@REVISION, a folder, or run:DIR; or an architecture with random weights
    base: str | None = None
    architecture: Architecture | None = None
    out: Path | None = None
    # what is trained
    method: Literal["full", "lora", "qlora", "dora"] = "full"
    rank: Positive = 16
    alpha: Positive = 32
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    targets: tuple[str, ...] = ()  # names of linear modules; left out: all but the output layer
    merge: bool = False  # write the merged model beside the adapter
    # how
    seed: Annotated[int, Field(ge=0)] = 0
    epochs: Rate = 1.0
    batch: Positive = 8  # sequences per step over all devices; with packing a sequence is max_length full
    accumulate: Positive = 1  # of which so many parts are computed one after another
    learning_rate: Rate = 2e-5
    adapter_learning_rate: Rate | None = None  # for lora, qlora, dora; left out: learning_rate
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = "cosine"
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.03  # share of a stage's steps
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip: Rate = 1.0  # largest norm of the gradient
    max_length: Positive = 1024
    packing: bool = True  # in inject; documents in one sequence do not see each other
    checkpoint_every: Positive = 100  # steps
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.1  # share of papers (of rows, where no PMID is given)
    # on what
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"  # auto: bfloat16 on a GPU that has it
    attention: Literal["sdpa", "eager", "flash_attention_2"] = "sdpa"
    gradient_checkpointing: bool = False  # less memory, a fifth slower
    # what must not be in the training data
    tasks: tuple[Path, ...] = ()
    decontaminate: bool = True  # false refuses it; the run and its card say so

    @model_validator(mode="after")
    def _together(self) -> Self:
        names = [stage.stage for stage in self.stages]
        if names != sorted(set(names), key=ORDER.index):
            raise ValueError(f"stages: {', '.join(names)}; each at most once, in the order {', '.join(ORDER)}")
        if (self.base is None) == (self.architecture is None):
            given = "neither" if self.base is None else "both"
            raise ValueError(
                f"base, architecture: {given} given, so stage {names[0]} has no parent; give one: base: "
                "ORG/NAME@REVISION, a folder or run:DIR, or architecture: {} for a small model with random weights"
            )
        if self.architecture is not None and names[0] != "inject":
            raise ValueError(
                f"stages: {names[0]} has no parent: an architecture has random weights, which need inject first; "
                "add that stage, or give a base"
            )
        if self.decontaminate and not self.tasks:
            raise ValueError(
                "tasks: empty, so nothing can be kept out of the training data; name the task files "
                "(as for `clinrag train decontaminate`), or refuse it with decontaminate: false; the card will say so"
            )
        return self

    def of(self, stage: Stage) -> dict[str, Any]:
        """Return what decides a stage's result, but for its data and parent: the fingerprint's first part."""
        general = self.model_dump(
            mode="json", exclude={"stages", "out", "merge", "tasks", "decontaminate", "base", "architecture"}
        )
        own = stage.model_dump(mode="json", exclude={"data", "choices"}, exclude_none=True)
        if self.method != "full" and self.adapter_learning_rate and stage.learning_rate is None:
            general["learning_rate"] = self.adapter_learning_rate
        return general | own


def read_recipe(path: Path, **overrides: Any) -> Recipe:
    """Read and check a recipe; `overrides` that are not None go before the file's fields.

    Raises:
        RecipeError: what is wrong, with the field, its value and what is allowed.
    """
    import yaml

    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise RecipeError(f"cannot read the recipe {path}: {reason}") from None
    except yaml.YAMLError as error:
        raise RecipeError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise RecipeError(
            f"{path} holds {type(raw).__name__}: a mapping with stages is expected; see finetuned/recipes"
        )
    return parse_recipe(raw | {k: v for k, v in overrides.items() if v is not None}, where=str(path))


def parse_recipe(raw: dict[str, Any], *, where: str = "the recipe") -> Recipe:
    """Check a recipe given as a plain mapping."""
    try:
        recipe = Recipe.model_validate(raw)
    except ValidationError as error:
        raise RecipeError("\n".join(f"{where}: {_explain(dict(e))}" for e in error.errors())) from None
    for number, stage in enumerate(recipe.stages):
        _files(stage.data, f"{where}: stages[{number}].data")
    _files(recipe.tasks, f"{where}: tasks")
    return recipe


def _files(paths: tuple[Path, ...], field: str) -> None:
    for path in paths:
        if not path.exists():
            raise RecipeError(
                f"{field}: {str(path)!r} is not there; paths count from the folder the command is given in "
                f"({Path.cwd()})"
            )


def _explain(error: dict[str, Any]) -> str:
    """Put one of pydantic's errors in words: field, value, what is allowed."""
    place, value, context = error["loc"], error["input"], error.get("ctx", {})
    field = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in place).lstrip(".")
    if error["type"] == "extra_forbidden":
        known = list((Stage if "stages" in place else Architecture if len(place) > 1 else Recipe).model_fields)
        near = difflib.get_close_matches(str(place[-1]), known, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        return f"unknown field {field} (value {value!r}); {hint}allowed: {', '.join(known)}"
    if error["type"] == "missing":
        return f"field {field} is missing"
    if error["type"] == "value_error":
        return str(context["error"])
    if error["type"] == "string_type" and isinstance(value, bool):
        return f"field {field}: {value} is not a text; allowed: a quoted one, since YAML reads a bare yes or no as that"
    allowed = context.get("expected") or error["msg"][0].lower() + error["msg"][1:]
    return f"field {field}: {value!r} is not allowed; allowed: {allowed}"
