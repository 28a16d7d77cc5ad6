"""What a task is: how its file is read, how answers are asked for and scored, where the data comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from experiments.records import Sample


class Kind(StrEnum):
    """What an answer is. In brackets the shape of `Sample.answer`."""

    CHOICE = "choice"  # an option's letter; yes/no/maybe and other labels are options too ["B"]
    NUMBER = "number"  # {"value", "low", "high"} (accepted range), or a date or duration as a string
    CODES = "codes"  # ICD-10-CM codes without dots ["E119", "I10"]
    ENTITIES = "entities"  # [type, name] pairs as distinct in the text [["Disease", "delirium"]]
    FACTOID = "factoid"  # accepted names of one thing ["XIa", "factor XIa"]; up to five candidates count
    LIST = "list"  # things, each a list of synonyms [["a", "alpha"], ["b"]]
    TEXT = "text"  # reference texts, the best of which counts ["The patient …"]


class Context(StrEnum):
    """Who reads `Sample.context`."""

    NONE = "none"  # there is none; an oracle-context arm takes the gold abstracts from the index
    ORACLE = "oracle"  # the oracle-context arm only
    GIVEN = "given"  # everyone: it is part of the question (a note, a dialogue, the article)


GRADED = (Kind.CODES, Kind.ENTITIES, Kind.LIST, Kind.TEXT)
PRIMARY = dict.fromkeys(Kind, "accuracy") | dict.fromkeys(GRADED[:3], "f1") | {Kind.TEXT: "rouge_l"}
INSTRUCTIONS = {
    Kind.CHOICE: "Answer with the letter of one option, or say that you cannot tell.",
    Kind.NUMBER: "Answer with one value and nothing else.",
    Kind.CODES: "Answer with the list of ICD-10-CM codes, separated by commas, and nothing else.",
    Kind.ENTITIES: "Answer with one line for each type: the type, a colon, and the names between semicolons.",
    Kind.FACTOID: "Answer with the name asked for, or up to five candidates, one a line, the best first.",
    Kind.LIST: "Answer with the list, one item a line, and nothing else.",
    Kind.TEXT: "Answer with the text asked for and nothing else.",
}


@dataclass(frozen=True, slots=True)
class Hub:
    """A data set on the Hugging Face hub. `revision` is a commit: a branch could change under a result."""

    id: str
    revision: str
    split: str
    convert: Callable[[dict[str, Any], int], Sample | None]  # row, its number → sample, None to pass over it
    config: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A set of samples with its way of asking and scoring.

    `read` turns one local file into samples; `files` are that file's official names, looked for in the
    folder given and in its subfolder `folder`. `version` changes whenever the same file gives other samples
    or scores. `metrics` are names in `experiments.metrics.METRICS` beside the five outcomes.
    """

    name: str
    title: str
    kind: Kind
    read: Callable[[Path], Iterable[Sample]]
    files: tuple[str, ...]
    licence: str
    source: str
    folder: str = ""
    version: str = "1"
    context: Context = Context.NONE
    instruction: str = ""
    metrics: tuple[str, ...] = ()
    entity_types: tuple[str, ...] = ()
    first_of_several: bool = False  # an answer such as "A/B" is read as its first letter
    published_reading: Callable[[str], str] | None = None
    credentialed: bool = False
    access: str = ""
    hub: Hub | None = None
    home: Path | None = None  # where the data lies if it comes with this package

    @property
    def graded(self) -> bool:
        """Whether samples are scored by degree: then the headline is the mean of `primary`, not accuracy."""
        return self.kind in GRADED

    @property
    def primary(self) -> str:
        """The score in `Record.scores` that contenders are compared on."""
        return PRIMARY[self.kind]

    @property
    def ask(self) -> str:
        """The line of a prompt that says which form the answer is to have."""
        return self.instruction or INSTRUCTIONS[self.kind]


def chance_level(samples: Sequence[Sample]) -> float | None:
    """Return the expected accuracy of guessing an option; None where there are no options."""
    if not samples or not all(sample.options for sample in samples):
        return None
    return sum(1 / len(sample.options or {}) for sample in samples) / len(samples)


def majority_baseline(samples: Sequence[Sample]) -> float | None:
    """Return the accuracy of always giving the most frequent answer; None where answers are not classes.

    That a sample cannot be answered (`answer` None) is a class too.
    """
    answers = [sample.answer for sample in samples]
    if not answers or not all(answer is None or isinstance(answer, str) for answer in answers):
        return None
    return Counter(answers).most_common(1)[0][1] / len(answers)
