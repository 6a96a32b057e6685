"""Filters, paging, encoding in pieces, ordered keys, and what bodies are taken."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from immutables import Map
from msgspec import Struct

from linstor_core.controller import request_body
from linstor_core.controller.call import Call
from linstor_core.controller.queries import lists, sorted_keys
from linstor_core.domain.cluster import Cluster, ControllerSettings
from linstor_core.domain.errors import InvalidInput


def call(**query: list[str]) -> Call[None]:
    return Call(None, query=query)


@given(st.lists(st.tuples(st.booleans(), st.text("ABC", max_size=3)), max_size=30))
def test_keys_stay_in_order_through_any_history(steps: list[tuple[bool, str]]) -> None:
    kept: Map[str, None] = Map()
    for add, key in steps:
        kept = kept.set(key, None) if add else kept.delete(key) if key in kept else kept
        cluster = Cluster(ControllerSettings("id"), nodes=kept)  # type: ignore[arg-type]
        keys = sorted_keys.sorted_keys(cluster, "nodes")
        assert keys == tuple(sorted(kept))
        assert sorted_keys.sorted_keys(cluster, "nodes") is keys


@given(st.integers(0, 1203))
def test_a_list_of_any_length_is_one_json_list(count: int) -> None:
    chunks = list(lists.encoded(b"%d" % number for number in range(count)).chunks)
    assert msgspec.json.decode(b"".join(chunks)) == list(range(count))
    assert len(chunks) <= count // lists.CHUNK + 2


def test_pages() -> None:
    assert list(lists.page(call(), range(5))) == [0, 1, 2, 3, 4]
    assert list(lists.page(call(limit=["2"], offset=["1"]), range(5))) == [1, 2]
    assert list(lists.page(call(limit=["0"]), range(3))) == list(lists.page(call(limit=["-1"]), range(3))) == [0, 1, 2]
    assert list(lists.page(call(offset=["9"], limit=["1"]), range(3))) == []
    assert list(lists.page(call(offset=["1"]), range(3))) == [0, 1, 2]
    with pytest.raises(InvalidInput) as refusal:
        lists.page(call(limit=["abc"]), range(3))
    assert refusal.value.bare


def test_filters_do_not_regard_case() -> None:
    assert lists.wanted(call(nodes=["n1", "N2"]), "nodes") == {"N1", "N2"}
    assert lists.wanted(call(), "nodes") is None
    matches = lists.props_filter(call(props=["aux/A=X", "Aux/b"]))
    assert matches is not None
    assert matches({"Aux/a": "x", "AUX/B": ""})
    assert not matches({"Aux/a": "y", "Aux/b": ""})
    assert not matches({"Aux/a": "x"})
    assert lists.props_filter(call()) is None


def test_an_object_is_encoded_again_only_when_it_is_another() -> None:
    built: list[object] = []

    def build(value: list[int], other: object) -> object:
        built.append(other)
        return value

    memo = lists.Memo(build, limit=2)
    first, equal = [1], [1]
    assert memo.get("a", first, None) == memo.get("a", first, None) == b"[1]"
    assert len(built) == 1
    memo.get("a", equal, None)
    assert len(built) == 2
    for key in "bcd":
        memo.get(key, first, None)
    assert len(memo._kept) <= 2


class Body(Struct, forbid_unknown_fields=True):
    name: str = ""


def test_bodies_are_taken_as_linstor_takes_them() -> None:
    decoder = msgspec.json.Decoder(Body)
    assert request_body.decode(decoder, b'{"name": "a"} trailing') == Body("a")
    assert request_body.decode(decoder, b'{"name": "a"}}') == Body("a")
    for refused in (b"", b"{", b'{"other": 1} x', b'{"name": 5}', b"[]"):
        with pytest.raises(msgspec.DecodeError):
            request_body.decode(decoder, refused)
    with pytest.raises(InvalidInput):
        request_body.decode(decoder, b" null ")
