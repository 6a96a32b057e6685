"""Bodies with wrong types, unknown fields or broken JSON, for every call that takes one: 400, and nothing changes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from linstor_core.controller.app import BAD_JSON
from linstor_core.controller.route import NoBody, Route
from linstor_core.controller.routes import ROUTES
from tests.fuzz.in_process import InProcessController

VALUES: tuple[Any, ...] = (None, True, 7, 1.5, "text", [], {}, [7], ["text"], {"a": 7}, {"a": "text"}, [[]], [{}])
DEEP = b'{"config": {"a": ' + b"[" * 5000 + b"]" * 5000 + b"}}"
BROKEN = (b"{", b"[", b'{"name": }', b'{"name" "x"}', b"\xff", b'{"name": "\xff"}', b'{"name": "\\ud800"}', b"nul",
          b'"text', b"{'a': 1}", b"\x00", b"1e", b"[" * 3000, DEEP)
FIXED = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))

WITH_BODY = [route for route in ROUTES if route.body not in (NoBody, msgspec.Raw)]
STRUCTS = [route for route in WITH_BODY if isinstance(inspect.type_info(route.body), inspect.StructType)]
STRICT = [route for route in STRUCTS if route.body.__struct_config__.forbid_unknown_fields]
READ_WHOLE = [route for route in WITH_BODY if route in STRICT or route not in STRUCTS]
"""Elsewhere fields that are not known are skipped, whatever they hold."""


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcessController]:
    it = InProcessController(tmp_path_factory.mktemp("bodies"))
    yield it
    it.close()


def _takes(kind: inspect.Type, value: object) -> bool:
    """Whether a value of this sort may be what the type stands for; no look at ranges."""
    match kind:
        case inspect.AnyType():
            return True
        case inspect.UnionType():
            return any(_takes(part, value) for part in kind.types)
        case inspect.NoneType():
            return value is None
        case inspect.BoolType():
            return isinstance(value, bool)
        case inspect.IntType():
            return isinstance(value, int) and not isinstance(value, bool)
        case inspect.FloatType():
            return isinstance(value, int | float) and not isinstance(value, bool)
        case inspect.StrType() | inspect.EnumType() | inspect.LiteralType():
            return isinstance(value, str)
        case inspect.CollectionType() | inspect.VarTupleType():
            return isinstance(value, list) and all(_takes(kind.item_type, part) for part in value)
        case inspect.DictType():
            return isinstance(value, dict) and all(_takes(kind.value_type, part) for part in value.values())
        case inspect.StructType():
            return isinstance(value, dict) and _struct_takes(kind, value)
        case _:
            raise AssertionError(f"{kind} is new here")


def _struct_takes(kind: inspect.StructType, value: dict[str, Any]) -> bool:
    fields = {field.encode_name: field.type for field in kind.fields}
    missing = [field.encode_name for field in kind.fields if field.required and field.encode_name not in value]
    unknown = kind.forbid_unknown_fields and value.keys() - fields.keys()
    return not missing and not unknown and all(_takes(fields[key], part) for key, part in value.items()
                                               if key in fields)


def _is_refused(controller: InProcessController, route: Route, data: bytes) -> None:
    before = controller.cluster
    path = re.sub(r"<(?:\w+:)?\w+>", "some-name", route.path)
    reply = controller.request(route.method, path, data)
    assert reply.status == 400, (route.method, path, data, reply)
    assert [entry["ret_code"] for entry in reply.body] == [BAD_JSON], reply
    assert controller.cluster is before


@FIXED
@given(data=st.data())
def test_wrong_types_are_refused(controller: InProcessController, data: st.DataObject) -> None:
    route = data.draw(st.sampled_from(STRUCTS))
    info = inspect.type_info(route.body)
    assert isinstance(info, inspect.StructType)
    wrong = [(field.encode_name, value) for field in info.fields for value in VALUES if not _takes(field.type, value)]
    if not wrong:
        return
    name, value = data.draw(st.sampled_from(wrong))
    _is_refused(controller, route, json.dumps({name: value}).encode())


@FIXED
@given(route=st.sampled_from(STRICT), name=st.text(min_size=1, max_size=12), value=st.sampled_from(VALUES))
def test_unknown_fields_are_refused(controller: InProcessController, route: Route, name: str, value: object) -> None:
    info = inspect.type_info(route.body)
    assert isinstance(info, inspect.StructType)
    if name not in {field.encode_name for field in info.fields}:
        _is_refused(controller, route, json.dumps({name: value}).encode())


@FIXED
@given(route=st.sampled_from(WITH_BODY), value=st.sampled_from(VALUES[1:]))
def test_other_things_than_the_body_are_refused(controller: InProcessController, route: Route, value: object) -> None:
    if not _takes(inspect.type_info(route.body), value):
        _is_refused(controller, route, json.dumps(value).encode())


@FIXED
@given(route=st.sampled_from(READ_WHOLE), data=st.sampled_from(BROKEN))
def test_broken_json_is_refused(controller: InProcessController, route: Route, data: bytes) -> None:
    _is_refused(controller, route, data)
