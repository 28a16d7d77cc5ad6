"""Every route of the server, and that all roads lead to the same answer."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from typing import Annotated, Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import StringConstraints, TypeAdapter, ValidationError
from rag_servers import (
    MIXED,
    PMID,
    QUESTION,
    TRUE_QUOTE,
    Broken,
    Gated,
    Streaming,
    read_events,
    running,
    sample_index,
    scripted,
)
from starlette.testclient import TestClient

from indexes import Filter, Index
from rag import Assistant, PubMedRetriever
from rag.answer import Answer
from rag.events import Checked, Event, StoppedError, Withdrawn, answer
from rag.server import create_app


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with running() as address, httpx.Client(base_url=address, timeout=20) as client:
        yield client


@pytest.fixture(scope="module")
def mixed() -> Iterator[httpx.Client]:
    """A server whose model writes one sound sentence and four that each fail a check."""
    with running(scripted(MIXED)) as address, httpx.Client(base_url=address, timeout=20) as client:
        yield client


def timeless(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "seconds": 0, "trace": {**record["trace"], "seconds": {}}}


def expected(question: str = QUESTION, where: Filter | None = None) -> dict[str, Any]:
    """What the assistant itself says, asked without a server."""
    with Index(sample_index()) as index:
        record = Assistant(index).ask(question, where=where).to_dict()
    return timeless(json.loads(json.dumps(record)))


def chat(client: httpx.Client, **more: Any) -> httpx.Response:
    body = {"model": "clinrag", "messages": [{"role": "user", "content": QUESTION}], **more}
    return client.post("/v1/chat/completions", json=body)


def test_every_route_gives_the_record_that_the_assistant_gives(client: httpx.Client) -> None:
    record = expected()
    assert record["outcome"] == "answered"
    asked = client.post("/api/ask", json={"question": QUESTION})
    assert timeless(asked.json()) == record
    streamed = read_events(client.post("/api/ask", json={"question": QUESTION, "stream": True}))
    assert timeless(streamed[-1][1]["answer"]) == record
    completed = chat(client).json()
    assert timeless(completed["clinrag"]) == record
    chunks = read_events(chat(client, stream=True))
    assert timeless(chunks[-2][1]["clinrag"]) == record
    said = "".join(c["choices"][0]["delta"].get("content", "") for _, c in chunks[:-1])
    assert said == completed["choices"][0]["message"]["content"]
    assert said.startswith(record["sentences"][0]["text"] + f" [{record['sentences'][0]['citations'][0]}]")


def test_stream_tells_evidence_then_sentences_then_answer(mixed: httpx.Client) -> None:
    events = read_events(mixed.post("/api/ask", json={"question": QUESTION, "stream": True}))
    assert [name for name, _ in events] == ["found", *["sentence"] * 5, "answer"]
    answer = events[-1][1]["answer"]
    assert events[0][1]["evidence"] == answer["evidence"]
    assert [data for _, data in events[1:-1]] == answer["sentences"] + answer["struck"]
    assert [data["checks"]["passed"] for _, data in events[1:-1]] == [True] + [False] * 4
    source = next(e for e in answer["evidence"] if e["pmid"] == PMID)
    quote = answer["sentences"][0]["quotes"][0]
    assert source["text"][quote["start"] : quote["end"]] == quote["text"]


def test_unverified_sentences_never_reach_an_openai_client_as_text(mixed: httpx.Client) -> None:
    content = chat(mixed).json()["choices"][0]["message"]["content"]
    assert content == f"Block was commoner with cardrenidine, 14% against 6%. [{PMID}]"


def test_filters_are_obeyed(client: httpx.Client) -> None:
    where = {"since": 2014, "publication_types": ["randomized controlled trial"], "exclude": [PMID]}
    asked = client.post("/api/ask", json={"question": QUESTION, "where": where}).json()
    assert timeless(asked) == expected(
        where=Filter(since=2014, publication_types=("randomized controlled trial",), exclude=frozenset({PMID}))
    )
    assert all(e["year"] >= 2014 and e["pmid"] != PMID for e in asked["evidence"])
    assert timeless(chat(client, where=where).json()["clinrag"]) == timeless(asked)


def test_search_gives_what_the_index_gives(client: httpx.Client) -> None:
    with Index(sample_index()) as index:
        for mode in ("hybrid", "lexical", "dense", "rrf"):
            hits = client.post("/api/search", json={"query": "cardrenidine", "k": 7, "mode": mode}).json()["hits"]
            wanted = index.search("cardrenidine", 7, mode=mode)
            assert [(h["pmid"], h["rank"]) for h in hits] == [(h.pmid, h.rank) for h in wanted]
    shown = client.post("/api/search", json={"query": "cardrenidine", "where": {"statuses": ["retracted"]}}).json()
    assert {h["status"] for h in shown["hits"]} == {"retracted"}


def test_search_reads_what_the_server_was_told_to_answer_from() -> None:
    with Index(sample_index()) as index:
        lexical = index.search("cardrenidine", 7, mode="lexical")
        assert any(h.document.date > "2015" for h in lexical)
        client = TestClient(create_app(Assistant(index, mode="lexical", as_of="2015")), base_url="http://127.0.0.1")
        hits = client.post("/api/search", json={"query": "cardrenidine", "k": 7}).json()["hits"]
        wanted = PubMedRetriever(index=index, mode="lexical", as_of="2015").search("cardrenidine", 7)
        assert [h["pmid"] for h in hits] == [h.pmid for h in wanted]
        assert hits
        assert all(h["year"] <= 2015 for h in hits)


def test_filters_that_nobody_can_mean_are_named(client: httpx.Client) -> None:
    turned = {"since": 2018, "until": 2010}
    for route, body, status in (
        ("/api/ask", {"question": QUESTION}, 422),
        ("/api/search", {"query": QUESTION}, 422),
        ("/v1/chat/completions", {"model": "clinrag", "messages": [{"role": "user", "content": QUESTION}]}, 400),
    ):
        said = client.post(route, json={**body, "where": turned})
        assert said.status_code == status
        assert "since 2018 is later than until 2010" in said.text
    unknown = {"publication_types": ["Randomised Controlled Trial"]}
    answer = client.post("/api/ask", json={"question": QUESTION, "where": unknown}).json()
    (warning,) = answer["warnings"]
    assert warning.startswith("No paper in this index has the publication type 'Randomised Controlled Trial'; did you")
    assert "'randomized controlled trial'" in warning


def test_info_health_models(client: httpx.Client) -> None:
    with Index(sample_index()) as index:
        info = client.get("/api/info").json()
        assert info["documents"] == client.get("/healthz").json()["documents"] == len(index)
        assert info["pmid_sha256"] == index.manifest.pmid_sha256
        assert info["publication_types"] == sorted(index.publication_types)
    (model,) = client.get("/v1/models").json()["data"]
    assert client.get(f"/v1/models/{model['id']}").json() == model
    missing = client.get("/v1/models/gpt-4o")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


def test_exports_hold_the_papers_of_the_answer(client: httpx.Client) -> None:
    for question, where in ((QUESTION, "sentences"), ("Is the moon made of cheese?", "evidence")):
        done = read_events(client.post("/api/ask", json={"question": question, "stream": True}))[-1][1]
        exports, answer = done["exports"], done["answer"]
        pmids = {e["pmid"] for e in answer["evidence"]}
        if where == "sentences":
            pmids = {p for s in answer["sentences"] for p in s["citations"]}
        assert set(re.findall(r"^@article\{pmid(\d+),$", exports["bibtex"], re.MULTILINE)) == pmids
        assert set(re.findall(r"^AN  - (\d+)\r$", exports["ris"], re.MULTILINE)) == pmids
        assert exports["ris"].count("\nER  - ") == len(pmids)
        for pmid in sorted(pmids)[:3] if where == "sentences" else []:
            number = [e["pmid"] for e in answer["evidence"]].index(pmid) + 1
            assert f"[[{number}]](https://pubmed.ncbi.nlm.nih.gov/{pmid}/)" in exports["markdown"]


def test_metrics_count_answers_sentences_and_failed_checks(mixed: httpx.Client) -> None:
    def values() -> dict[tuple[str, ...], float]:
        families = text_string_to_metric_families(mixed.get("/metrics").text)
        return {(s.name, *map(str, s.labels.values())): s.value for f in families for s in f.samples}

    before = values()
    mixed.post("/api/ask", json={"question": QUESTION})
    after = values()
    change = {key: after[key] - before.get(key, 0) for key in after}
    assert change["clinrag_answers_total", "answered"] == 1
    assert change["clinrag_sentences_total", "passed"] == 1
    assert change["clinrag_sentences_total", "struck"] == 4
    assert change["clinrag_checks_failed_total", "numbers"] == 1
    assert change["clinrag_checks_failed_total", "citations_in_context"] == 1
    assert change["clinrag_checks_failed_total", "cited"] == 1
    assert change["clinrag_requests_total", "POST", "/api/ask", "200"] == 1
    assert after["clinrag_inside",] == 0


@pytest.mark.parametrize(
    ("path", "body", "status", "word"),
    [
        ("/api/ask", {}, 422, "question"),
        ("/api/ask", {"question": " \n\t "}, 422, "question"),
        ("/api/ask", {"question": "x" * 4001}, 422, "4000"),
        ("/api/ask", {"question": "x", "where": {"since": 0}}, 422, "where.since"),
        ("/api/ask", {"question": "x", "where": {"exclude": ["a"]}}, 422, "where.exclude"),
        ("/api/ask", {"question": "x", "wher": {}}, 422, "wher"),
        ("/api/ask", {"question": "\ud800"}, 422, "question"),
        ("/api/search", {"query": "x", "k": 0}, 422, "k"),
        ("/api/search", {"query": "x", "mode": "best"}, 422, "mode"),
        ("/v1/chat/completions", {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]}, 404, "gpt-4o"),
        ("/v1/chat/completions", {"model": "clinrag", "messages": []}, 400, "messages"),
        ("/v1/chat/completions", {"model": "clinrag", "messages": [{"role": "system", "content": "x"}]}, 400, "user"),
        (
            "/v1/chat/completions",
            {"model": "clinrag", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            400,
            "text",
        ),
        (
            "/v1/chat/completions",
            {"model": "clinrag", "messages": [{"role": "user", "content": "x"}], "n": 2},
            400,
            "n",
        ),
        ("/nowhere", {}, 404, "Not Found"),
        ("/healthz", {}, 405, "Method"),
    ],
)
def test_wrong_requests_are_told_what_is_wrong(
    client: httpx.Client, path: str, body: dict[str, Any], status: int, word: str
) -> None:
    response = client.post(path, content=json.dumps(body), headers={"content-type": "application/json"})
    assert response.status_code == status
    error = response.json()["error"]
    assert word in error["message"]
    assert set(error) == {"message", "type", "code", "param"}


def test_last_message_of_the_user_is_answered(client: httpx.Client) -> None:
    messages = [
        {"role": "system", "content": "Speak like a pirate."},
        {"role": "user", "content": "Something else?"},
        {"role": "assistant", "content": "Nothing."},
        {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
    ]
    assert timeless(chat(client, messages=messages).json()["clinrag"]) == expected()


def test_follow_up_is_the_same_question_on_every_road(client: httpx.Client) -> None:
    before, follow = QUESTION, "What about its dose?"
    with Index(sample_index()) as index:
        record = Assistant(index).ask(follow, history=[(before, "It does not.")]).to_dict()
    record = timeless(json.loads(json.dumps(record)))
    assert record["query"] == f"{before} {follow}"
    history = [{"question": before, "answer": "It does not."}]
    assert timeless(client.post("/api/ask", json={"question": follow, "history": history}).json()) == record
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": before},
        {"role": "assistant", "content": "It does not."},
        {"role": "user", "content": follow},
    ]
    assert timeless(chat(client, messages=messages).json()["clinrag"]) == record


def test_question_that_may_identify_a_patient_goes_nowhere_unless_told() -> None:
    gate = threading.Event()
    gate.set()
    model = Gated(gate=gate)  # not one of ours, so it may be anywhere
    question = "Patient John Miller, born 03.04.1956: is cardrenidine safe?"
    messages = [{"role": "user", "content": question}]
    with running(model) as address, httpx.Client(base_url=address) as client:
        refused = client.post("/api/ask", json={"question": question})
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "private_question")
        assert chat(client, messages=messages).status_code == 422
        streamed = read_events(client.post("/api/ask", json={"question": question, "stream": True}))
        assert [name for name, _ in streamed] == ["error"]
        assert model.calls == []
        told = client.post("/api/ask", json={"question": question, "allow_phi": True})
        assert told.json()["reason"] == "gated"
        assert client.post("/api/ask", json={"question": question}).status_code == 422  # it was for once


def test_sentence_is_told_of_while_the_model_writes_the_next() -> None:
    gate = threading.Event()
    first, rest = MIXED.splitlines()[:2], MIXED.splitlines()[2:]
    model = Streaming(lines=[{"output": "\n".join([*first, *rest]), "match": ""}], gate=gate, hold=3)
    events: list[Event] = []

    def emit(event: Event) -> None:
        events.append(event)
        if isinstance(event, Checked):
            gate.set()  # had it not come yet, the model would wait in vain

    with Index(sample_index()) as index:
        result = answer(Assistant(index, model, regenerate=False), QUESTION, emit=emit)
    told = [e.sentence for e in events if isinstance(e, Checked)]
    assert told == [*result.sentences, *result.struck]
    assert not any(isinstance(e, Withdrawn) for e in events)


def test_openai_client_reads_answers_streams_and_errors(client: httpx.Client) -> None:
    openai = pytest.importorskip("openai", reason="the openai package is not installed: pip install -e '.[dev]'")
    record = expected()
    with openai.OpenAI(base_url=f"{str(client.base_url).rstrip('/')}/v1", api_key="any", max_retries=0) as ask:
        assert [m.id for m in ask.models.list()] == ["clinrag"]
        messages = [{"role": "user", "content": QUESTION}]
        whole = ask.chat.completions.create(model="clinrag", messages=messages, temperature=0)
        assert timeless(whole.clinrag) == record
        with ask.chat.completions.create(model="clinrag", messages=messages, stream=True) as stream:
            parts = [c.choices[0].delta.content or "" for c in stream]
        assert "".join(parts) == whole.choices[0].message.content
        assert len([p for p in parts if p]) == len(record["sentences"])
        with pytest.raises(openai.NotFoundError, match="no model"):
            ask.chat.completions.create(model="other", messages=messages)
    with running(Broken()) as address, openai.OpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0) as ask:
        with pytest.raises(openai.InternalServerError, match="KeyError"):
            ask.chat.completions.create(model="clinrag", messages=messages)
        with (
            ask.chat.completions.create(model="clinrag", messages=messages, stream=True) as stream,
            pytest.raises(openai.APIError, match="KeyError"),
        ):
            list(stream)


def test_withdrawn_sentence_is_said_to_be() -> None:
    """The model cites a paper that was found but did not fit into what it was shown."""
    quote = {e.pmid: e.text for e in ask_assistant().evidence}
    pmid = list(quote)[-1]
    title = quote[pmid].splitlines()[0]
    model = scripted(f'{title} [{pmid}]\n> {pmid}: "{title}"\n{title} [{PMID}]\n> {PMID}: "{TRUE_QUOTE}"')
    events: list[Event] = []
    with Index(sample_index()) as index:
        result = answer(Assistant(index, model, context_tokens=2500), QUESTION, emit=events.append)
    assert pmid in {c.pmid for c in result.trace.cut}
    (gone,) = [e.sentence for e in events if isinstance(e, Withdrawn)]
    assert gone.citations == (pmid,)
    assert gone not in result.sentences


def ask_assistant() -> Answer:
    with Index(sample_index()) as index:
        return Assistant(index).ask(QUESTION)


@pytest.mark.parametrize("when", ["before the model", "while it streams"])
def test_answer_that_nobody_waits_for_is_not_written_on(when: str) -> None:
    gate, stop = threading.Event(), threading.Event()
    gate.set()
    model = Streaming(lines=[{"output": MIXED, "match": ""}], gate=gate, hold=0)

    def emit(event: Event) -> None:
        if isinstance(event, Checked) or when == "before the model":
            stop.set()

    with Index(sample_index()) as index, pytest.raises(StoppedError):
        answer(Assistant(index, model), QUESTION, emit=emit, stop=stop)
    assert model.written == (0 if when == "before the model" else 3)  # a sentence is whole when the next has begun


def test_api_describes_itself(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert set(paths) == {
        "/api/ask",
        "/api/search",
        "/api/info",
        "/v1/chat/completions",
        "/v1/models",
        "/v1/models/{model}",
        "/healthz",
        "/metrics",
    }


def test_schema_and_check_agree_on_what_is_text(client: httpx.Client) -> None:
    """Pydantic's engine for patterns counts as space what JSON Schema's does, and differs from `str.strip`."""
    schema = client.get("/openapi.json").json()["components"]["schemas"]["ChatRequest"]
    pattern = schema["properties"]["messages"]["contains"]["properties"]["content"]["anyOf"][0]["pattern"]
    found = TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)])
    for number in (*range(0xD800), *range(0xE000, 0x10000)):
        try:
            found.validate_python(chr(number))
        except ValidationError:
            assert not chr(number).strip()
        else:
            assert chr(number).strip()
    refused = client.post(
        "/v1/chat/completions", json={"model": "x", "messages": [{"role": "user", "content": "\x1c"}]}
    )
    assert refused.status_code == 400
