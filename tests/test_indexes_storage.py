"""Checksums inside JSON: no byte of a sealed object can change unseen."""

from __future__ import annotations

import json
import zlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes.storage import seal, unseal

RECORD = {"pmid": "1", "text": 'a "sum": \n of {braces}', "list": [1, 2.5, None, {"sum": "x"}], "ü": "Ω"}


@pytest.mark.parametrize("option", [0, orjson.OPT_INDENT_2])
def test_a_sealed_object_is_json_and_comes_back(option: int) -> None:
    sealed = seal(orjson.dumps(RECORD, option=option))
    body, found = sealed.rsplit(b',"sum":"', 1)
    assert int(found[:8], 16) == zlib.crc32(body)
    assert {k: v for k, v in json.loads(sealed).items() if k != "sum"} == RECORD
    assert unseal(sealed) == unseal(sealed + b"\n") == RECORD


@pytest.mark.parametrize("option", [0, orjson.OPT_INDENT_2])
def test_no_bit_can_change_unseen(option: int) -> None:
    """Every bit of every byte is turned: refused, or (white space at the end) the same record."""
    sealed = seal(orjson.dumps(RECORD, option=option)) + b"\n"
    for place in range(len(sealed)):
        for bit in range(8):
            other = bytearray(sealed)
            other[place] ^= 1 << bit
            try:
                found = unseal(bytes(other))
            except ValueError:
                continue
            assert {k: v for k, v in found.items() if k in RECORD} == RECORD, (place, bit)


@given(st.dictionaries(st.text().filter(lambda k: k != "sum"), st.none() | st.integers(0, 99) | st.text(), min_size=1))
def test_any_object_comes_back(record: dict[str, object]) -> None:
    try:
        content = orjson.dumps(record)
    except orjson.JSONEncodeError:  # a lone surrogate
        return
    assert unseal(seal(content)) == unseal(content) == record


def test_what_is_no_object_or_was_changed_by_hand_is_refused() -> None:
    with pytest.raises(ValueError, match="no JSON object"):
        unseal(b"[1]")
    with pytest.raises(ValueError, match="take out its last member, sum"):
        unseal(json.dumps({"a": 1, "sum": "00000000"}).encode())
