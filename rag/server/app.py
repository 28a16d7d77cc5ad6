"""The routes. Everything a request must pass first is in `guard`, everything that takes time in `service`."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from rag.answer import DISCLAIMER, Answer
from rag.assistant import Assistant
from rag.llm import model_name
from rag.prompt import Turn

from . import completions
from .counters import CONTENT_TYPE, Counters
from .guard import Guard
from .limits import Access, Limits
from .problems import Problem, unexpected
from .records import AnswerRecord, ChatCompletion, Error, Health, Info, ModelCard, ModelList, SearchResult
from .requests import AskRequest, ChatRequest, SearchRequest
from .service import Job, Service
from .streams import page_event, stream

log = logging.getLogger("clinrag.server")
STATIC = Path(__file__).parent / "static"

_WORDS = {
    400: "The request cannot be read",
    401: "The key is missing or wrong",
    403: "The request comes from another web page",
    404: "There is no such model",
    408: "The request took too long to arrive",
    413: "The request is too long",
    421: "The Host header names another server",
    422: "A field is missing or wrong",
    429: "Too many requests at once; Retry-After says when to ask again",
    500: "A bug",
    502: "The chat model failed",
    504: "The answer took too long",
}
_EVENT = {"type": "object", "properties": {"event": {"type": "string"}, "data": {"type": "string"}}}
_EVENTS = {"text/event-stream": {"schema": _EVENT}}


def _said(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {s: {"model": Error, "description": _WORDS[s]} for s in statuses}


_READING = _said(401, 403, 421)
_ASKING = _said(400, 401, 403, 408, 413, 421, 422, 429, 500, 502, 504)


def create_app(
    assistant: Assistant,
    *,
    access: Access | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    log_questions: bool = False,
) -> ASGIApp:
    """Return the ASGI application; the caller closes the index after it has ended."""
    counters = Counters()
    service = Service(assistant, limits=limits, counters=counters)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(
        title="clinrag",
        version=_version(),
        description=f"Answers from PubMed whose citations are checked. {DISCLAIMER}",
        lifespan=lifespan,
        docs_url=None,  # they would load scripts from elsewhere
        redoc_url=None,
    )
    _add_problems(app)
    _add_own(app, service, log_questions=log_questions)
    _add_openai(app, service, log_questions=log_questions)
    _add_status(app, service)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return Guard(app, access=access or Access(), limits=limits, counters=counters)


def _add_own(app: FastAPI, service: Service, *, log_questions: bool) -> None:
    index = service.assistant.retriever.index

    @app.post(
        "/api/ask",
        response_model=AnswerRecord,
        responses={200: {"model": AnswerRecord, "content": _EVENTS}, **_ASKING},
    )
    async def ask(body: AskRequest) -> Response:
        """Answer a question; every sentence is cited, quoted and checked, or struck."""
        history = [Turn(e.question, e.answer) for e in body.history]
        job = _ask(service, body, history, log_questions=log_questions)
        if body.stream:
            return stream(page_event(step, index) async for step in service.steps(job))
        return JSONResponse((await service.result(job)).to_dict())

    @app.post("/api/search", response_model=SearchResult, responses=_ASKING)
    async def search(body: SearchRequest) -> Response:
        """Search what `/api/ask` reads from. A POST, so that no question stands in an address or in a proxy's log."""
        own = service.assistant.retriever
        where = body.where.filter() if body.where else own.where
        retriever = own.model_copy(update={"where": where, "mode": body.mode or own.mode})
        job = service.call(lambda: retriever.search(body.query, body.k))
        return JSONResponse({"hits": [h.to_dict() for h in await service.result(job)]})

    @app.get("/api/info", response_model=Info, responses=_READING)
    async def info() -> Response:
        """Say which model answers, and from what."""
        manifest = index.manifest
        return JSONResponse(
            {
                "model": model_name(service.assistant.llm),
                "documents": manifest.documents,
                "retracted": manifest.retracted,
                "encoder": manifest.encoder.name,
                "pmid_sha256": manifest.pmid_sha256,
                "publication_types": sorted(index.publication_types),
                "notice": DISCLAIMER,
            }
        )


def _add_openai(app: FastAPI, service: Service, *, log_questions: bool) -> None:
    card = completions.model_card(int(time.time()))

    @app.post(
        "/v1/chat/completions",
        response_model=ChatCompletion,
        responses={200: {"model": ChatCompletion, "content": _EVENTS}, **_ASKING, **_said(404)},
    )
    async def chat(body: ChatRequest) -> Response:
        """Answer the user's last message, as OpenAI's API does; the record is in the field `clinrag`."""
        completions.check_model(body.model)
        job = _ask(service, body, body.history, log_questions=log_questions)
        if body.stream:
            return stream(completions.chunks(service.steps(job)))
        return JSONResponse(completions.completion(await service.result(job)))

    @app.get("/v1/models", response_model=ModelList, responses=_READING)
    async def models() -> Response:
        """List the one model there is."""
        return JSONResponse({"object": "list", "data": [card]})

    @app.get("/v1/models/{model}", response_model=ModelCard, responses={**_READING, **_said(404)})
    async def model(model: str) -> Response:
        completions.check_model(model)
        return JSONResponse(card)


def _ask(service: Service, body: AskRequest | ChatRequest, history: list[Turn], *, log_questions: bool) -> Job[Answer]:
    if log_questions:
        log.info("question: %s", body.question)
    where = body.where.filter() if body.where else None
    return service.ask(body.question, where=where, history=history, allow_phi=body.allow_phi)


def _add_status(app: FastAPI, service: Service) -> None:
    index = service.assistant.retriever.index

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(STATIC / "index.html")

    @app.get("/healthz", response_model=Health, responses=_said(421))
    async def healthz() -> Response:
        """Say that the server is up."""
        return JSONResponse({"status": "ok", "documents": len(index)})

    @app.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **_READING},
    )
    async def metrics() -> Response:
        """Counts for Prometheus."""
        return Response(service.counters.text(), media_type=CONTENT_TYPE)


def _add_problems(app: FastAPI) -> None:
    @app.exception_handler(Problem)
    async def problem(_: Request, error: Problem) -> Response:
        return error.response()

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> Response:
        code = str(error.detail).lower().replace(" ", "_")
        headers = dict(error.headers) if error.headers else None
        return Problem(error.status_code, code, str(error.detail), headers=headers).response()

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        said = "; ".join(f"{'.'.join(map(str, e['loc'][1:])) or 'body'}: {e['msg']}" for e in error.errors())
        status = 400 if request.url.path.startswith("/v1/") else 422  # OpenAI's own answers 400
        return Problem(status, "invalid", said).response()

    @app.exception_handler(Exception)
    async def bug(_: Request, error: Exception) -> Response:
        return unexpected(error).response()  # Starlette raises it again, and the guard logs it


def _version() -> str:
    try:
        return version("clinrag")
    except PackageNotFoundError:  # run from a checkout
        return "0"
