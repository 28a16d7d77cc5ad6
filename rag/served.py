"""Models behind a server: bounded, counted retries, and errors that say what to do, whoever's client talks to it."""

from __future__ import annotations

import email.utils
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from pydantic import PrivateAttr

from .errors import ModelError

T = TypeVar("T")
TRANSIENT = {408, 409, 425, 429, 500, 502, 503, 504, 529}  # worth another try
LONGEST_WAIT = 30.0  # seconds, also where the server asks for more


class Served(BaseChatModel):
    """A remote chat model, guarded. `retries` counts further tries after a first that failed for a passing reason.

    How many were needed is in each reply's `response_metadata["retries"]` and, over the model's life, in
    `retries_made`.
    """

    inner: BaseChatModel
    name_of_model: str
    where: str  # the server as errors name it
    advice: str  # what to do if it cannot be reached
    key: str = "its key's variable"  # where the key is taken from
    retries: int = 3
    wait: float = 1.0  # seconds before the first retry; doubled for each further one
    _made: int = PrivateAttr(default=0)
    _lock: Any = PrivateAttr(default_factory=threading.Lock)
    _models: Callable[[], Sequence[str]] | None = PrivateAttr(default=None)

    @property
    def model_name(self) -> str:
        return self.name_of_model

    @property
    def retries_made(self) -> int:
        return self._made

    @property
    def _llm_type(self) -> str:
        return "clinrag-served"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.name_of_model, **self.inner._identifying_params}

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools by the provider's own client, which formats them; calls are guarded, and not streamed."""
        return self._guarded(self.inner.bind_tools(tools, **kwargs))

    def with_structured_output(self, schema: Any, **kwargs: Any) -> Runnable[LanguageModelInput, Any]:
        """Ask for structured output by the provider's own client; calls are guarded, and not streamed."""
        return self._guarded(self.inner.with_structured_output(schema, **kwargs))

    def _guarded(self, chain: Runnable[LanguageModelInput, Any]) -> Runnable[LanguageModelInput, Any]:
        def call(messages: LanguageModelInput, config: RunnableConfig) -> Any:
            return self._persist(lambda: chain.invoke(messages, config))[0]

        return RunnableLambda(call)

    def _resolve_model_profile(self) -> Any:
        return self.inner.profile

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        result, retried = self._persist(lambda: self.inner._generate(messages, stop=stop, **kwargs))
        for generation in result.generations:
            generation.message.response_metadata["retries"] = retried
        if not result.generations:
            raise ModelError(f"{self.where} answered without a completion: {self.advice}")
        return result

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        def start() -> tuple[ChatGenerationChunk | None, Iterator[ChatGenerationChunk]]:
            if type(self.inner)._stream is BaseChatModel._stream:  # this client answers in one piece only
                whole = [g.message for g in self.inner._generate(messages, stop=stop, **kwargs).generations]
                pieces = [AIMessageChunk(**message.model_dump(exclude={"type"})) for message in whole]
                return next((ChatGenerationChunk(message=piece) for piece in pieces), None), iter(())
            chunks = iter(self.inner._stream(messages, stop=stop, **kwargs))
            return next(chunks, None), chunks

        # Tried again only before the first piece: what a reader has seen cannot be taken back.
        (first, rest), retried = self._persist(start)
        if first is None:
            raise ModelError(f"{self.where} ended the stream before it began: {self.advice}")
        first.message.response_metadata["retries"] = retried
        yield first
        try:
            yield from rest
        except Exception as error:
            raise self._explain(error, tries=1, broken=True) from error

    def _persist(self, call: Callable[[], T]) -> tuple[T, int]:
        """Return what a call gives and how many retries it took."""
        for tried in range(self.retries + 1):
            try:
                return call(), tried
            except (ModelError, OutputParserException):
                raise
            except Exception as error:  # each provider's client has its own
                if not is_transient(error) or tried == self.retries:
                    raise self._explain(error, tries=tried + 1) from error
                with self._lock:
                    self._made += 1
                time.sleep(min(LONGEST_WAIT, _asked_wait(error) or self.wait * 2**tried))
        raise AssertionError("the loop returns or raises")

    def _explain(self, error: Exception, *, tries: int, broken: bool = False) -> ModelError:
        status, text = status_of(error), _short(error)
        after = f" after {tries} tries" if tries > 1 else ""
        if status in (401, 403):
            return ModelError(f"{self.where} refuses the key ({status}: {text}): set {self.key} in the environment")
        if status == 404:
            return ModelError(f"{self.where} does not know the model or the address (404: {text}){self._offered()}")
        if status == 429:
            return ModelError(f"{self.where} is over its limit (429: {text}){after}: wait, or ask for less at a time")
        if status is not None and status < 500:
            advice = "if the prompt is too long for the model, give fewer passages (--k)"
            return ModelError(f"{self.where} refuses the request ({status}: {text}){after}: {advice}")
        if status is not None:
            return ModelError(f"{self.where} failed ({status}: {text}){after}: see its own log")
        if broken:
            return ModelError(f"{self.where} broke off while answering ({text}): ask again")
        if _named(error, "timeout"):
            return ModelError(f"{self.where} gave no answer in time{after} ({text}): allow more with ?timeout=SECONDS")
        if _named(error, "connect") or is_transient(error):
            return ModelError(f"{self.where} cannot be reached{after} ({text}): {self.advice}")
        return ModelError(f"{self.where} answered something that is no chat completion ({text}): {self.advice}")

    def _offered(self) -> str:
        names = list(self._models() if self._models else ())
        return f"; it offers {', '.join(names[:8])}" if names else f"; {self.advice}"


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status that an error of some provider's client carries."""
    for holder in (error, getattr(error, "response", None)):
        for name in ("status_code", "code", "status"):
            status = getattr(holder, name, None)
            if isinstance(status, int) and 400 <= status < 600:
                return status
    return None


def is_transient(error: Exception) -> bool:
    """Tell whether another try may help: a named HTTP status, a lost connection, a timeout."""
    status = status_of(error)
    return status in TRANSIENT if status is not None else _named(error, "timeout", "connect", "remoteprotocol")


def _named(error: BaseException | None, *words: str) -> bool:
    """Tell whether an error or one of its causes is of a class named so; clients share names, not classes."""
    while error is not None:
        if any(word in cls.__name__.lower() for cls in type(error).__mro__ for word in words):
            return True
        error = error.__cause__
    return False


def _asked_wait(error: Exception) -> float | None:
    """Return the seconds that a Retry-After header asks for: a number or a date."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    value = str(headers.get("retry-after", ""))
    if value.replace(".", "", 1).isdecimal():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _short(error: Exception, limit: int = 160) -> str:
    text = re.sub(r"^Error code: \d+ - ", "", " ".join(str(error).split())) or type(error).__name__
    return text if len(text) <= limit else text[: limit - 2] + " …"
