"""One call of a local model: its settings, its prompts as tokens, its outputs as replies."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from .errors import ModelError
from .hf_batching import Decoding, Output, Row
from .hf_loading import Loaded
from .hf_output import Reading

if TYPE_CHECKING:
    from .hf import LocalChat


class Call:
    """One call's settings: the model's own, and what the caller gave for this call."""

    def __init__(self, chat: LocalChat, settings: dict[str, Any]):
        self._chat, self._tokenizer = chat, chat.loaded.tokenizer
        given = {k: v for k, v in settings.items() if v is not None}
        stop = tuple(dict.fromkeys((*chat.stop, *given.pop("stop", ()))))
        self._new = int(given.pop("max_new_tokens", None) or given.pop("max_tokens", None) or chat.max_new_tokens)
        self._temperature = float(given.pop("temperature", chat.temperature))
        self._top_p, self._seed = float(given.pop("top_p", chat.top_p)), int(given.pop("seed", chat.seed))
        given.pop("stream", None)
        if given:
            raise ModelError(
                f"{chat.model_name} takes max_new_tokens, temperature, top_p, seed and stop, not {', '.join(given)}"
            )
        added = self._tokenizer.get_added_vocab()  # more than `all_special_tokens`: decoding drops the others too
        self._end_ids = _end_ids(chat.loaded) | {added[s] for s in stop if s in added}
        special = tuple(self._tokenizer.all_special_tokens) if chat.thinking else ()
        self._reading = Reading(stop, chat.thinking, special)

    def row(self, messages: Sequence[BaseMessage]) -> Row:
        """Return a prompt as tokens.

        Raises:
            ModelError: the prompt is empty, or leaves no room for an answer.
        """
        ids = self._chat.encode(messages)
        if not ids:
            raise ModelError(f"the prompt for {self._chat.model_name} is empty")
        context = self._chat.context_tokens
        room = self._new if context is None else min(self._new, context - len(ids))
        if room < 1:
            raise ModelError(
                f"the prompt has {len(ids)} tokens, and {self._chat.model_name} takes {context} with its answer: "
                "give fewer passages (--k), or take a model with a longer context"
            )
        return Row(ids, room)

    def decoding(self, on_token: Any = None) -> Decoding:
        return Decoding(
            end_ids=tuple(sorted(self._end_ids)),
            pad_id=self._tokenizer.pad_token_id,
            temperature=self._temperature,
            top_p=self._top_p,
            seed=self._seed,
            ends=self._ends if self._reading.stop else None,
            on_token=on_token,
        )

    def _ends(self, ids: list[int]) -> bool:
        # A token may be one byte, and the first tokens of a window may decode differently: hence the margin.
        longest = max(len(s.encode()) for s in self._reading.stop)
        return self._reading.cut(self._text(ids[-(longest + 4) :]))[1]

    def _text(self, ids: Sequence[int]) -> str:
        keep = self._reading.thinking is not None  # a thinking block may be marked by special tokens
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=not keep, clean_up_tokenization_spaces=False))

    def _opened(self, row: Row) -> str:
        """Return the start of a thinking block that the template itself has written at the prompt's end."""
        return "<think>" if self._reading.thinking and self._text(row.ids[-4:]).rstrip().endswith("<think>") else ""

    def result(self, row: Row, output: Output) -> ChatResult:
        thinking, answer = self._reading.split(self._opened(row) + self._text(output.ids))
        message = AIMessage(
            answer,
            additional_kwargs={"thinking": thinking} if thinking else {},
            usage_metadata=_usage(row, output),
            response_metadata=self._metadata(output),
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def chunks(self, row: Row, tokens: queue.Queue[int | Output | BaseException]) -> Iterator[ChatGenerationChunk]:
        """Yield an output as it grows; the pieces together are what `result` gives."""
        ids: list[int] = []
        sent, opened = "", self._opened(row)
        while isinstance(item := tokens.get(), int):
            ids.append(item)
            text = self._reading.safe(opened + self._text(ids))
            if len(text) > len(sent):
                yield ChatGenerationChunk(message=AIMessageChunk(content=text[len(sent) :]))
                sent = text
        if isinstance(item, BaseException):
            raise item
        thinking, answer = self._reading.split(opened + self._text(item.ids))
        last = AIMessageChunk(
            content=answer[len(sent) :],
            additional_kwargs={"thinking": thinking} if thinking else {},
            usage_metadata=_usage(row, item),
            response_metadata=self._metadata(item),
            chunk_position="last",
        )
        yield ChatGenerationChunk(message=last)

    def _metadata(self, output: Output) -> dict[str, Any]:
        return {
            "model_name": self._chat.model_name,
            "finish_reason": output.finish,
            "chat_template": self._chat.template.kind,
        }


def _end_ids(loaded: Loaded) -> set[int]:
    """Return the tokens that end an answer: the tokenizer's, and what the model's own settings add for chats."""
    ends = loaded.model.generation_config.eos_token_id
    listed = ends if isinstance(ends, list) else [ends]
    return {int(e) for e in (*listed, loaded.tokenizer.eos_token_id) if e is not None}


def _usage(row: Row, output: Output) -> UsageMetadata:
    read, written = len(row.ids), len(output.ids)
    return UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
