"""What goes out, as pydantic models for the API's description; the responses themselves are plain dictionaries."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A record that may have more fields than are described."""

    model_config = ConfigDict(extra="allow")


class ErrorDetail(BaseModel):
    message: str
    type: str
    code: str
    param: str | None


class Error(BaseModel):
    error: ErrorDetail


class EvidenceRecord(Record):
    pmid: str
    title: str
    text: str
    year: int | None
    journal: str
    publication_types: list[str]
    status: str
    score: float
    match: float


class QuoteRecord(Record):
    """`text` is the evidence's text[start:end], in Unicode characters; −1 where it was not found."""

    pmid: str
    text: str
    start: int
    end: int


class FlagRecord(Record):
    """A finding about the sentence's text[start:end]; `words` say what `kind` means, `why` what was found."""

    kind: str
    severity: Literal["error", "warning", "note"]
    words: str
    start: int
    end: int
    why: str
    pmid: str


class ChecksRecord(Record):
    cited: bool
    citations_in_context: bool
    quotes_verbatim: bool
    numbers: bool
    not_retracted: bool
    direction: bool
    problems: list[str]
    flags: list[FlagRecord]
    passed: bool


class SentenceRecord(Record):
    text: str
    citations: list[str]
    quotes: list[QuoteRecord]
    checks: ChecksRecord


class AnswerRecord(Record):
    """What `clinrag ask --json` prints."""

    question: str
    query: str
    outcome: Literal["answered", "abstained"]
    sentences: list[SentenceRecord]
    struck: list[SentenceRecord]
    revised: list[SentenceRecord]
    conflicts: list[Any]
    warnings: list[str]
    evidence: list[EvidenceRecord]
    withheld: list[EvidenceRecord]
    reason: str
    model: str
    seconds: float
    notice: str


class HitRecord(Record):
    rank: int
    pmid: str
    title: str
    text: str
    year: int | None
    journal: str
    publication_types: list[str]
    status: str
    score: float
    match: float


class SearchResult(BaseModel):
    hits: list[HitRecord]


class Info(BaseModel):
    """What the server answers from."""

    model: str
    documents: int
    retracted: int
    encoder: str
    pmid_sha256: str
    publication_types: list[str]
    notice: str


class Health(BaseModel):
    status: Literal["ok"]
    documents: int


class ModelCard(BaseModel):
    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelList(BaseModel):
    object: Literal["list"]
    data: list[ModelCard]


class ChatMessage(BaseModel):
    role: Literal["assistant"]
    content: str
    refusal: str | None


class Choice(BaseModel):
    index: int
    message: ChatMessage
    finish_reason: Literal["stop"]
    logprobs: None


class ChatCompletion(BaseModel):
    """OpenAI's completion; `clinrag` is the whole record of the answer."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    clinrag: AnswerRecord
