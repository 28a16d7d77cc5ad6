"""Property tests: whatever bytes come, no exception but our own, no wrong count, no hang (rules: `fuzz_targets`)."""

from __future__ import annotations

import random
import time

import fuzz_targets
import pytest
from fuzz_targets import HOSTILE, SEEDS, TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experiments.answers import Parsed

SECONDS = 5.0  # of processor time, for inputs of a few kilobytes that take milliseconds: a hang, not a slow machine


def spoil(seed: bytes, edits: list[tuple[str, int, int, bytes]]) -> bytes:
    data = seed
    for what, at, length, piece in edits:
        at %= len(data) + 1
        end = at + length % 200
        if what == "insert":
            data = data[:at] + piece + data[at:]
        elif what == "delete":
            data = data[:at] + data[end:]
        elif what == "replace":
            data = data[:at] + piece + data[end:]
        else:
            data = data[:end] + data[at:]  # twice
    return data


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["insert", "delete", "replace", "twice"]),
        st.integers(0, 10**6),
        st.integers(0, 10**6),
        st.one_of(st.sampled_from(HOSTILE), st.binary(max_size=8)),
    ),
    max_size=6,
)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
@given(data=st.data())
def test_any_bytes_are_read_or_refused(name: str, data: st.DataObject) -> None:
    spoilt = st.builds(spoil, st.sampled_from(SEEDS[name]), EDITS)
    content = data.draw(st.one_of(spoilt, spoilt, spoilt, st.binary(max_size=200), st.text(max_size=200).map(_utf8)))
    started = time.process_time()
    TARGETS[name](content)
    assert time.process_time() - started < SECONDS


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", errors="surrogatepass")


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_each_hostile_piece(name: str) -> None:
    places = random.Random(0)
    for seed in SEEDS[name]:
        TARGETS[name](seed)
        for piece in HOSTILE:
            at = places.randrange(len(seed) + 1)
            TARGETS[name](seed[:at] + piece + seed[at:])
            TARGETS[name](piece)


def test_the_targets_can_fail() -> None:
    """A reader with a wrong count, an exception of its own or a hang would be seen: the rules are asserted."""

    def wrong(text: str, options: dict[str, str]) -> Parsed:
        return Parsed("Z")

    kept = fuzz_targets.parse_choice
    fuzz_targets.parse_choice = wrong
    try:
        with pytest.raises(AssertionError):
            TARGETS["outputs"](b"B")
    finally:
        fuzz_targets.parse_choice = kept
