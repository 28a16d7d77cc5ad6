"""`clinrag train run` and `clinrag train compare`. Imports nothing heavy: the commands import what they need."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from finetuned.terminal import AsJson, print_json, print_table

Recipe = Annotated[Path, typer.Argument(metavar="RECIPE.yaml", help="What to train, on what, and how.")]
Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Where the run goes; else the recipe's out, else $CLINRAG_HOME/runs/."),
]


def run(recipe: Recipe, out: Out = None, as_json: AsJson = False) -> None:
    """Train a model in stages; stopped at any moment, the same command goes on exactly where it was."""
    _check_installed()
    from .card import matrix
    from .recipe import read_recipe
    from .run import run as train

    read = read_recipe(recipe, out=out)
    folder = read.out or _home() / "runs" / recipe.stem
    record = train(read, folder)
    if not _first():
        return
    if as_json:
        print_json({"out": str(folder), **record})
        return
    head, *rows = matrix(record)
    print_table(head, rows)
    print(f"\nmodel card and loss curve: {folder}/README.md, {folder}/curve.png\nuse it: --llm run:{folder}")


def compare(recipe: Recipe, out: Out = None, as_json: AsJson = False) -> None:
    """Train the same recipe in full and with LoRA, DoRA and (on a GPU) QLoRA, and set the results side by side."""
    _check_installed()
    from .comparing import compare as train_all
    from .comparing import table_rows
    from .recipe import read_recipe

    read = read_recipe(recipe, out=out)
    folder = read.out or _home() / "runs" / f"{recipe.stem}-compared"
    table = train_all(read, folder)
    if as_json:
        print_json({"out": str(folder), **table})
        return
    head, *rows = table_rows(table)
    print_table(head, rows)
    for method, reason in table["left_out"].items():
        print(f"{method} left out: {reason}")
    print(
        f"\npicture and figures: {folder}/comparison.png, {folder}/comparison.json\neach run: {folder}/METHOD/README.md"
    )


def _check_installed() -> None:
    """Raise TrainingError if the packages for training are missing."""
    import importlib.util

    from finetuned.errors import TrainingError

    missing = [n for n in ("trl", "peft", "accelerate", "matplotlib") if importlib.util.find_spec(n) is None]
    if missing:
        raise TrainingError(f"training needs {', '.join(missing)}: pip install 'clinrag[train]'")


def _home() -> Path:
    import os

    from platformdirs import user_cache_path

    given = os.environ.get("CLINRAG_HOME")
    return Path(given).expanduser() if given else user_cache_path("clinrag")


def _first() -> bool:
    """Tell whether this is the process that speaks, of those that torchrun started."""
    import os

    return os.environ.get("RANK", "0") == "0"
