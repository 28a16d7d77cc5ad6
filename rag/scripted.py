"""A chat model that says what a file tells it: for tests, demonstrations, and replaying another system's outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import SimpleChatModel
from langchain_core.messages import BaseMessage

from .errors import ModelError

RULE = 'one JSON object a line: {"output": "…", "match": "words of the prompt this answers, or leave it out"}'


class Scripted(SimpleChatModel):
    """Answer each prompt with the first line whose `match` occurs in it; lines without `match` fit any prompt."""

    lines: list[dict[str, str]]
    name_of_script: str = "scripted"

    @classmethod
    def from_file(cls, path: Path) -> Scripted:
        try:
            raw = path.read_bytes().splitlines()
        except OSError as error:
            raise ModelError(f"cannot read the script {path}: {error.strerror}; expected {RULE}") from error
        lines = []
        for number, line in enumerate(raw, 1):
            try:
                record = orjson.loads(line)
                lines.append({"output": str(record["output"]), "match": str(record.get("match", ""))})
            except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
                raise ModelError(f"{path}:{number}: {error}; expected {RULE}") from error
        return cls(lines=lines, name_of_script=f"scripted:{path.name}")

    @property
    def model_name(self) -> str:
        return self.name_of_script

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _call(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> str:
        prompt = "\n".join(str(m.content) for m in messages)
        for line in self.lines:
            if line["match"] in prompt:
                return line["output"]
        raise ModelError(f'{self.name_of_script} has no line that matches this prompt; add one without "match"')
