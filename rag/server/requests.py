"""What comes in, as pydantic models: they check requests and are the API's description."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic.config import JsonDict

from indexes.document import Status
from indexes.filters import SOUND, Filter, find_faults
from rag.prompt import Turn


def _whole(value: Any) -> Any:
    """Take 3.0 for 3, which is the same number in JSON, but neither "3" nor true."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Question = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4000, pattern=r"\S"),
    Field(description="A clinical question; one that is blank is refused.", examples=["Does aspirin prevent stroke?"]),
]
Pmid = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}$")]
Year = Annotated[int, Field(ge=1, le=9999, strict=True), BeforeValidator(_whole)]
Count = Annotated[int, Field(ge=1, le=200, strict=True), BeforeValidator(_whole)]
TypeName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Mode = Literal["hybrid", "dense", "lexical", "rrf"]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Where(Strict):
    """Conditions that must all hold; retracted papers are left out unless `statuses` names them."""

    since: Year | None = Field(None, description="This year or later.")
    until: Year | None = Field(None, description="This year or earlier.")
    publication_types: list[TypeName] = Field([], max_length=50, description="Any of these, in any case.")
    statuses: list[Status] = Field(list(SOUND), min_length=1, max_length=20)
    exclude: list[Pmid] = Field([], max_length=1000, description="PMIDs to leave out.")

    @model_validator(mode="after")
    def _can_be_met(self) -> Where:
        if faults := find_faults(self.filter()):
            raise ValueError("; ".join(faults))
        return self

    def filter(self) -> Filter:
        return Filter(
            self.since, self.until, tuple(self.publication_types), tuple(self.statuses), frozenset(self.exclude)
        )


class Exchange(Strict):
    """An earlier question of the conversation and what was answered."""

    question: str = Field(max_length=4000)
    answer: str = Field("", max_length=20_000)


AllowPhi = Annotated[
    bool,
    Field(strict=True, description="Send the question to a remote model even if it may identify a patient."),
]


class AskRequest(Strict):
    question: Question
    where: Where | None = None
    history: list[Exchange] = Field([], max_length=20, description="The conversation so far, oldest first.")
    allow_phi: AllowPhi = False
    stream: bool = Field(False, description="Send server-sent events: found, sentence…, answer, or error.", strict=True)


class SearchRequest(Strict):
    query: Question
    k: Count = 10
    mode: Mode | None = Field(None, description="The server's own, if not given.")
    where: Where | None = None


class TextPart(BaseModel):
    type: Literal["text"]
    text: str


class Message(BaseModel):
    """A message of a chat. The last one of the user that has text is answered; those before it are its context."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[TextPart] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


# What `_has_question` asks for, as far as JSON Schema can say it. To Python's `strip` U+001C to U+001F and U+0085 are
# space; to the regular expressions of JSON Schema they are not.
_TEXT = r"[^\s\u001c-\u001f\u0085]"
_ASKS: JsonDict = {
    "type": "object",
    "required": ["role", "content"],
    "properties": {
        "role": {"const": "user"},
        "content": {
            "anyOf": [
                {"type": "string", "pattern": _TEXT},
                {
                    "type": "array",
                    "contains": {"type": "object", "properties": {"text": {"pattern": _TEXT}}, "required": ["text"]},
                },
            ]
        },
    },
}


class ChatRequest(BaseModel):
    """OpenAI's request. Sampling parameters are accepted and without effect: the server's model has its own.

    `where` is an addition: with OpenAI's client, `extra_body={"where": {"since": 2015}}`.
    """

    model: str = Field(examples=["clinrag"])
    messages: list[Message] = Field(min_length=1, json_schema_extra={"contains": _ASKS})
    stream: bool = Field(False, strict=True)
    n: Literal[1] | None = Field(None, description="One answer.")
    tools: list[Any] | None = Field(None, max_length=0, description="None: this model calls no tools.")
    where: Where | None = None
    allow_phi: AllowPhi = False

    @model_validator(mode="after")
    def _has_question(self) -> ChatRequest:
        if not self.question:
            raise ValueError("messages: none of the user has text in it")
        if len(self.question) > 4000:
            raise ValueError("messages: the question has more than 4000 characters")
        return self

    @property
    def question(self) -> str:
        last = self._last()
        return "" if last is None else self.messages[last].text

    @property
    def history(self) -> list[Turn]:
        """What was asked before, each with the answers that followed it."""
        turns: list[Turn] = []
        for message in self.messages[: self._last()]:
            if message.role == "user" and message.text.strip():
                turns.append(Turn(message.text))
            elif message.role == "assistant" and turns:
                turns[-1] = Turn(turns[-1].question, f"{turns[-1].answer} {message.text}".strip())
        return turns

    def _last(self) -> int | None:
        asked = [n for n, m in enumerate(self.messages) if m.role == "user" and m.text.strip()]
        return asked[-1] if asked else None
