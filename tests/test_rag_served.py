"""Remote models against a server on this machine that misbehaves in every way listed, and counts what it is asked."""

from __future__ import annotations

import json
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rag.destination import destination
from rag.errors import ModelError
from rag.llm import load_llm, model_name
from rag.scripted import Scripted
from rag.served import LONGEST_WAIT, Served, _asked_wait, is_transient, status_of

pytest.importorskip("langchain_openai", reason="needs clinrag[openai]")

REPLY = {
    "id": "r", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "It helps."}}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8},
}  # fmt: skip


def piece(text, finish=None):
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    chunk = {**REPLY, "object": "chat.completion.chunk", "usage": None, "choices": [choice]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


class Server(ThreadingHTTPServer):
    """Answers each request with the next of `plan`, the last one for ever; keeps what it was sent."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.plan, self.asked, self.keys = [], [], []
        self.url = f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request, client_address):
        """Say nothing where a client has gone."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send(200, json.dumps({"object": "list", "data": [{"id": "small"}, {"id": "large"}]}).encode())

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        server.asked.append(body)
        server.keys.append(self.headers.get("authorization"))
        step = server.plan.pop(0) if len(server.plan) > 1 else server.plan[0]
        step(self, body)

    def send(self, status, content, kind="application/json", **headers):
        self.send_response(status)
        for name, value in {"content-type": kind, "content-length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        """Keep the test's output clean."""


def good(handler, body):
    if body.get("stream"):
        content = piece("It ") + piece("helps.") + piece("", "stop") + b"data: [DONE]\n\n"
        handler.send(200, content, "text/event-stream")
    else:
        handler.send(200, json.dumps(REPLY).encode())


def status(code, message="no", **headers):
    content = json.dumps({"error": {"message": message, "type": "x", "code": None}}).encode()
    return lambda handler, body: handler.send(code, content, **headers)


def garbage(content, kind="application/json"):
    return lambda handler, body: handler.send(200, content, kind)


def hang_up(handler, body):
    handler.close_connection = True
    handler.connection.close()


def sleep(handler, body):
    time.sleep(1.5)


def break_off(handler, body):
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    handler.send_header("content-length", "100000")
    handler.end_headers()
    handler.wfile.write(piece("It "))
    handler.wfile.flush()
    handler.close_connection = True
    handler.connection.close()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def connect(server, options=""):
    chat = load_llm(f"openai:small@{server.url}{options}")
    return chat.model_copy(update={"wait": 0.0})


def test_answer_key_and_settings(server, monkeypatch):
    server.plan = [good]
    chat = connect(server)
    reply = chat.invoke("Does it help?", stop=["X"])
    assert reply.text == "It helps."
    assert reply.usage_metadata["total_tokens"] == 8
    assert reply.response_metadata["retries"] == 0
    assert server.asked[0]["messages"] == [{"role": "user", "content": "Does it help?"}]
    assert (server.asked[0]["model"], server.asked[0]["temperature"], server.asked[0]["stop"]) == ("small", 0, ["X"])
    assert server.keys == ["Bearer none"]
    monkeypatch.setenv("OPENAI_API_KEY", "sesame")
    connect(server).invoke("Hm?")
    assert server.keys[-1] == "Bearer sesame"
    assert model_name(chat) == f"openai:small@{server.url}"


def test_stream(server):
    server.plan = [good]
    assert [c.text for c in connect(server).stream("Hm?") if c.text] == ["It ", "helps."]


@pytest.mark.parametrize("failure", [status(429), status(503), status(500), hang_up, sleep], ids=str)
def test_passing_failures_are_tried_again_and_counted(server, failure):
    server.plan = [failure, failure, good]
    chat = connect(server, "?timeout=0.4")
    reply = chat.invoke("Hm?")
    assert (reply.text, reply.response_metadata["retries"], chat.retries_made) == ("It helps.", 2, 2)
    assert len(server.asked) == 3


def test_streams_are_tried_again_before_the_first_piece(server):
    server.plan = [status(503), good]
    chat = connect(server)
    assert "".join(c.text for c in chat.stream("Hm?")) == "It helps."
    assert chat.retries_made == 1


@pytest.mark.parametrize(
    ("failure", "tries", "says"),
    [
        (status(429, "slow down"), 3, r"over its limit \(429: .*slow down.*\) after 3 tries: wait"),
        (status(500, "oops"), 3, r"failed \(500: oops\) after 3 tries: see its own log"),
        (hang_up, 3, r"cannot be reached after 3 tries .*curl http://127.0.0.1:\d+/v1/models"),
        (sleep, 3, r"no answer in time after 3 tries .*\?timeout=SECONDS"),
        (status(401, "bad key"), 1, r"refuses the key \(401: bad key\): set OPENAI_API_KEY in the environment"),
        (status(404, "no such model"), 1, r"does not know the model.*\(404: no such model\); it offers small, large"),
        (status(400, "bad request"), 1, r"refuses the request \(400: bad request\): .*give fewer"),
        (garbage(b"<html>Welcome to nginx</html>", "text/html"), 1, "no chat completion .*usually ends in /v1"),
        (garbage(b"{"), 1, "no chat completion"),
        (garbage(b"{}"), 1, "no chat completion"),
        (garbage(b"[]"), 1, "no chat completion"),
        (garbage(json.dumps({**REPLY, "choices": []}).encode()), 1, "no chat completion|without a completion"),
        (garbage(json.dumps({**REPLY, "choices": [{}]}).encode()), 1, "no chat completion"),
        (garbage(json.dumps({"error": {"message": "model crashed"}}).encode()), 1, "model crashed"),
    ],
    ids=str,
)
def test_lasting_failures_say_what_to_do(server, failure, tries, says):
    server.plan = [failure]
    chat = connect(server, "?retries=2&timeout=0.3")
    with pytest.raises(ModelError, match=says):
        chat.invoke("Hm?")
    assert len(server.asked) == tries
    assert chat.retries_made == tries - 1


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        (break_off, "broke off while answering"),
        (garbage(b"<html>", "text/html"), "before it began|no chat completion"),
        (garbage(b"data: {\n\n", "text/event-stream"), "no chat completion"),
        (garbage(b"data: [DONE]\n\n", "text/event-stream"), "before it began"),
    ],
    ids=str,
)
def test_streams_that_fail(server, failure, says):
    server.plan = [failure]
    with pytest.raises(ModelError, match=says):
        list(connect(server, "?retries=0").stream("Hm?"))


def test_server_that_is_down(server):
    server.server_close()
    with pytest.raises(ModelError, match="cannot be reached after 2 tries"):
        connect(server, "?retries=1").invoke("Hm?")


def test_a_failure_in_a_batch_stays_its_own(server):
    server.plan = [good]
    chat = connect(server, "?retries=0")
    assert [r.text for r in chat.batch(["a", "b", "c"])] == ["It helps."] * 3
    server.plan = [status(400)]
    assert all(isinstance(r, ModelError) for r in chat.batch(["a", "b"], return_exceptions=True))


def test_password_in_the_address_stays_out_of_names():
    chat = load_llm("openai:m@http://me:secret@localhost:8000/v1/")
    assert model_name(chat) == "openai:m@http://localhost:8000/v1"
    assert "secret" not in chat.where + chat.advice


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("openai:@http://localhost/v1", "is not openai:MODEL@URL"),
        ("openai:m@http:///v1", "is not openai:MODEL@URL"),
        ("openai:m@http://localhost/v1?retry=3", "'retry' in .*one of: timeout, retries"),
        ("openai:m@http://localhost/v1?timeout=soon", "a number from 0"),
    ],
)
def test_names_that_are_wrong(spec, says):
    with pytest.raises(ModelError, match=says):
        load_llm(spec)


def test_missing_packages(monkeypatch):
    monkeypatch.setitem(sys.modules, "langchain_openai", None)
    with pytest.raises(ModelError, match=r"pip install 'clinrag\[openai\]'"):
        load_llm("openai:m@http://localhost:8000/v1")
    with pytest.raises(ModelError, match=r"needs a package that is not installed: .*langchain-mistralai"):
        load_llm("mistralai:small")
    with pytest.raises(ModelError, match=r"cannot load the model 'nobody:x'.*Use extractive, reader, hf:"):
        load_llm("nobody:x")


def test_providers_are_guarded_too(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    server.plan = [status(429), good]
    chat = load_llm("openai:gpt-4o-mini").model_copy(update={"wait": 0.0})
    assert chat.invoke("Hm?").response_metadata["retries"] == 1
    server.plan = [status(401)]
    with pytest.raises(ModelError, match="the provider openai refuses the key"):
        chat.invoke("Hm?")
    assert model_name(chat) == "openai:gpt-4o-mini"


def test_a_client_that_cannot_stream_answers_in_one_piece():
    whole = Scripted(lines=[{"output": "All at once.", "match": ""}])
    chat = Served(inner=whole, name_of_model="x", where="the provider x", advice="see", retries=0)
    assert [piece.text for piece in chat.stream("Hm?") if piece.text] == ["All at once."]


def test_structured_output_is_guarded(server):
    structured = {
        **REPLY,
        "choices": [{**REPLY["choices"][0], "message": {"role": "assistant", "content": '{"a": 3}'}}],
    }
    server.plan = [status(503), garbage(json.dumps(structured).encode())]
    chat = connect(server)
    schema = {"title": "a", "description": "a", "type": "object", "properties": {"a": {"type": "integer"}}}
    assert chat.with_structured_output(schema, method="json_schema").invoke("Hm?") == {"a": 3}
    assert chat.retries_made == 1
    server.plan = [status(401, "bad key")]
    with pytest.raises(ModelError, match="refuses the key"):
        chat.with_structured_output(schema, method="json_schema").invoke("Hm?")


@pytest.mark.parametrize(
    ("spec", "where"),
    [
        ("openai:m@http://localhost:8000/v1", ""),
        ("openai:m@https://models.example.org/v1", "models.example.org"),
        ("openai:gpt-4o-mini", "the provider of ChatOpenAI"),
    ],
)
def test_where_a_question_goes_is_seen_through_the_guard(spec, where, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert destination(load_llm(spec)) == where


def test_waits_as_long_as_the_server_asks():
    class RefusalError(Exception):
        def __init__(self, code, **headers):
            self.status_code = code
            self.response = type("Response", (), {"headers": headers})()

    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=20))
    assert _asked_wait(RefusalError(429, **{"retry-after": "2.5"})) == 2.5
    assert _asked_wait(RefusalError(429, **{"retry-after": soon})) == pytest.approx(20, abs=2)
    assert _asked_wait(RefusalError(429)) is None
    assert _asked_wait(RefusalError(429, **{"retry-after": "tomorrow"})) is None
    assert LONGEST_WAIT == 30
    assert is_transient(RefusalError(429))
    assert not is_transient(RefusalError(400))
    assert status_of(ValueError("x")) is None
