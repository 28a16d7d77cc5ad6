"""What the server counts, for Prometheus. No label ever holds a question."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE

from rag.answer import CHECKS, Answer

BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)

__all__ = ["CONTENT_TYPE", "Counters"]


class Counters:
    """The counts of one server, in a registry of its own: two servers in a process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "clinrag_requests", "Requests by route and status.", ["route", "method", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "clinrag_request_seconds",
            "Seconds from request to end of response.",
            ["route"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._answers = Counter("clinrag_answers", "Answers by outcome.", ["outcome"], registry=self.registry)
        self._answer_seconds = Histogram(
            "clinrag_answer_seconds", "Seconds the assistant took.", buckets=BUCKETS, registry=self.registry
        )
        self._sentences = Counter(
            "clinrag_sentences", "Sentences that passed the checks or were struck.", ["result"], registry=self.registry
        )
        self._failed = Counter(
            "clinrag_checks_failed", "Checks that struck a sentence.", ["check"], registry=self.registry
        )

    def gauge(self, name: str, about: str, value: Callable[[], float]) -> None:
        """Add a value that is read when asked for."""
        Gauge(f"clinrag_{name}", about, registry=self.registry).set_function(value)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def answer(self, answer: Answer) -> None:
        self._answers.labels(answer.outcome).inc()
        self._answer_seconds.observe(answer.seconds)
        self._sentences.labels("passed").inc(len(answer.sentences))
        self._sentences.labels("struck").inc(len(answer.struck))
        for sentence in answer.struck:
            for check in CHECKS:
                if not getattr(sentence.checks, check):
                    self._failed.labels(check).inc()

    def text(self) -> bytes:
        return generate_latest(self.registry)
