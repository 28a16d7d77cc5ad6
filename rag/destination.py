"""Where a question put to a model goes: another machine, or nowhere."""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import urlsplit

from langchain_core.language_models import BaseChatModel

_ADDRESSES = (
    "openai_api_base",
    "base_url",
    "api_base",
    "azure_endpoint",
    "endpoint_url",
    "endpoint",
    "inference_server_url",
)
# Models that run in this process: ours and LangChain's fakes by module, others by what they call themselves.
_OURS = ("rag.extractive", "rag.reading", "rag.scripted", "rag.hf", "langchain_core.")
_LOCAL = ("huggingface-pipeline", "huggingface_pipeline", "llamacpp", "llama-cpp", "mlx", "gpt4all")


def destination(llm: BaseChatModel) -> str:
    """Return where a question put to this model goes, "" if it stays on this machine.

    A model with an address is where the address is; without one, our own and LangChain's in-process models stay, a
    model of Ollama is where OLLAMA_HOST says, and anything else is taken to be remote. LangSmith's tracing, switched
    on in the environment, sends every prompt away whatever the model is.
    """
    if any(os.environ.get(name, "").lower() == "true" for name in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2")):
        return "LangSmith (LANGSMITH_TRACING is set)"
    llm = client_of(llm)
    kind = type(llm)
    address = next((str(v) for name in _ADDRESSES if (v := getattr(llm, name, None))), "")
    if not address and "ollama" in kind.__module__:
        address = os.environ.get("OLLAMA_HOST", "127.0.0.1")
    if address:
        host = urlsplit(address if "//" in address else f"//{address}").hostname or address
        return "" if _is_here(host) else host
    here = kind.__module__.startswith(_OURS) or llm._llm_type.lower() in _LOCAL
    return "" if here else f"the provider of {kind.__name__}"


def client_of(llm: BaseChatModel) -> BaseChatModel:
    """Return the provider's own client where ours is a guard around it (`served.Served`)."""
    inner = getattr(llm, "inner", None)
    return client_of(inner) if isinstance(inner, BaseChatModel) else llm


def _is_here(host: str) -> bool:
    if host in ("localhost", "0.0.0.0") or host.endswith(".localhost"):  # noqa: S104 - compared, not bound
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
