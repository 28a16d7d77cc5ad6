"""Small runs of the head-to-head: a model that always answers A, six questions, an index that answers them."""

import json
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from pydantic import Field

from experiments.config import Config, parse_config
from experiments.runs import records_path
from indexes.building import build


class Fake(BaseChatModel):
    """Answer A; remember every question asked. Fails while `broken`."""

    asked: list[str] = Field(default_factory=list)
    broken: bool = False

    @property
    def _llm_type(self) -> str:
        return "fake"

    def batch(self, inputs: Any, config: Any = None, **kwargs: Any) -> list[Any]:
        if self.broken:
            raise ConnectionError("the server is down")
        self.asked += [messages[-1].content for messages in inputs]
        return [AIMessage("A") for _ in inputs]

    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError


def write_task(path: Path, questions: list[str]) -> Path:
    rows = [
        {"id": f"q{n}", "question": q, "answer": "no" if n % 3 else "yes", "gold_pmids": [str(100 + n)]}
        for n, q in enumerate(questions)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


WORDS = ["aspirin", "ibuprofen", "codeine", "insulin", "metformin", "warfarin"]
QUESTIONS = [f"Does {word} help in disease number {n}?" for n, word in enumerate(WORDS)]


def build_index(folder: Path, texts: list[str]) -> Path:
    source = folder.with_suffix(".jsonl")
    rows = [{"pmid": str(100 + n), "title": "", "abstract": text, "year": 2001 + n} for n, text in enumerate(texts)]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    build(folder, [source], encoder="hashing", workers=1)
    return folder


TEXTS = [f"We gave {word} to many people. {word.title()} helped in disease number {n}." for n, word in enumerate(WORDS)]


def config(task: Path, *contenders: dict[str, Any], **fields: Any) -> Config:
    listed = list(contenders) or [{"name": "one", "model": "fake:a"}]
    return parse_config({"tasks": [f"jsonl:{task}"], "contenders": listed, "batch": 2, **fields})


def lines(out: Path, name: str = "one") -> list[bytes]:
    return records_path(out, name).read_bytes().splitlines()
