"""JSON that our decoders refuse, divided and named all the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.contracts.arrays import split_array
from clarion.contracts.unreadable import half_pair_paths, readable_copy
from clarion.contracts.validation import decode_event, decode_json
from clarion.errors import Refused

texts = st.text(st.characters() | st.characters(categories=["Cs"]), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts | st.sampled_from(["\\ud800", '"]', "\\"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(values, min_size=1, max_size=8), st.sampled_from([None, 1]))
def test_an_array_is_divided_whatever_its_texts_hold(items: list[Any], indent: int | None) -> None:
    raw = json.dumps(items, indent=indent).encode()
    assert [json.loads(one) for one in split_array(raw)] == items


@given(values)
def test_a_copy_is_as_long_and_is_read(value: Any) -> None:
    raw = json.dumps(value).encode()
    copy = readable_copy(raw)
    assert len(copy) == len(raw)
    copy.decode()
    assert half_pair_paths(copy) == []
    read = json.dumps(json.loads(raw), ensure_ascii=False)  # pairs are one character by now
    assert bool(half_pair_paths(raw)) == any("\ud800" <= one <= "\udfff" for one in read)


def nested(levels: int) -> bytes:
    return b'{"type":"t","data":' + b'{"a":[' * levels + b"]}" * levels + b"}"


def below(frames: int, act: Callable[[], object]) -> None:
    if frames:
        below(frames - 1, act)
    else:
        act()


@pytest.mark.parametrize("frames", [0, 100, 300])
@pytest.mark.parametrize("decode", [decode_event, decode_json, split_array])
def test_no_depth_is_a_fault_of_ours_whatever_the_stack_leaves(
    frames: int, decode: Callable[[bytes], object]
) -> None:
    """A decoder, an encoder and a decoder of one level less end at different depths."""
    for levels in range(250, 520):
        raw = nested(levels)
        if decode is split_array:
            below(frames, lambda body=b"[1," + raw + b"]": split_array(body))
            continue
        with pytest.raises(Refused):
            below(frames, lambda body=raw: decode(body))
