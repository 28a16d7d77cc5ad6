"""The `clinrag` command: mounts the packages' own commands and turns errors into exit codes."""

from __future__ import annotations

import io
import os
import sys
from typing import NoReturn

import typer

from experiments.cli import app as experiment_app
from experiments.demo import demo
from experiments.errors import ExperimentsError
from finetuned.cli import models_app, train_app
from finetuned.errors import FinetunedError
from indexes.cli import app as index_app
from indexes.errors import DISK, IndexesError
from rag.cli import ask, chat, serve
from rag.errors import RagError

# Libraries that would report on their own: off for every command. Questions are the user's, and may name a patient.
TELEMETRY_OFF = {
    "LANGSMITH_TRACING": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
app = typer.Typer(
    name="clinrag",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Answer clinical questions from PubMed with citations that are checked, and compare that fairly "
    "with fine-tuned medical models. Research software, not medical advice.",
    epilog="Start here: [bold]clinrag demo[/bold]",
)
app.command(epilog="Example: clinrag demo")(demo)
app.add_typer(index_app, name="index")
app.add_typer(models_app, name="models")
app.add_typer(train_app, name="train")
app.add_typer(experiment_app, name="experiment")
app.command(epilog='Example: clinrag ask pubmed/ "Does aspirin prevent stroke?" --json')(ask)
app.command(epilog="Example: clinrag chat pubmed/ --since 2015")(chat)
app.command(epilog="Example: clinrag serve pubmed/ --port 8000")(serve)


def main() -> None:
    """Run the command line: exit 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")  # abstracts hold more than any locale does
    os.environ.update(TELEMETRY_OFF)  # before any command imports the libraries
    try:
        app()
    except (ExperimentsError, FinetunedError, IndexesError, RagError) as error:
        _fail(str(error))
    except KeyboardInterrupt:
        _fail("interrupted; what was finished is kept, and the same command goes on from there", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `| head` closed it: not an error
        sys.exit(0)
    except OSError as error:
        if error.errno not in DISK:
            _unexpected(error)
        place = f"{error.filename}: " if error.filename else ""
        _fail(f"{place}{DISK[error.errno]}. What was finished is kept: mend that and run the same command again")
    except Exception as error:
        _unexpected(error)


def _unexpected(error: Exception) -> NoReturn:
    if os.environ.get("CLINRAG_DEBUG"):
        raise error
    _fail(f"unexpected {type(error).__name__}: {error}\nThis is a bug; CLINRAG_DEBUG=1 shows where it happened.")


def _fail(message: str, code: int = 1) -> NoReturn:
    print(f"clinrag: {message}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
