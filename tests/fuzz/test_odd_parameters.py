"""Every call with strange values in its path and in every query parameter: answered, and never by a fault."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from linstor_core.controller import query_parameters
from linstor_core.controller.route import NoBody, Route
from linstor_core.controller.routes import ROUTES
from tests.fuzz.in_process import InProcessController, Reply

STRANGE = ("99999999999999999999999999", "-1", "%C2%B2", "", "1e5", "%00", "%FF", "a" * 3000, "1" * 5000, "..%2F..",
           "%20", "%F0%9F%92%BE")
"""Beyond 64 bits, digits that int() refuses, too many digits, no UTF-8 …"""

THERE = {"node": "alpha", "group": "gold", "resource": "db"}
BINARY = "/v1/sos-report/download"


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcessController]:
    it = InProcessController(tmp_path_factory.mktemp("odd"))
    part = {"name": "default", "address": "127.0.0.1", "satellite_port": 3366, "satellite_encryption_type": "PLAIN"}
    for path, body in (("/v1/nodes", {"name": "alpha", "net_interfaces": [part]}),
                       ("/v1/resource-groups", {"name": "gold"}),
                       ("/v1/resource-definitions", {"resource_definition": {
                           "name": "db", "resource_group_name": "gold", "layer_data": [{"type": "STORAGE"}]}})):
        assert it.request("POST", path, body).status == 201
    yield it
    it.close()


def _with(path: str, names: dict[str, str], otherwise: str) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: names.get(found[1], otherwise), path)


def _is_answered(reply: Reply, asked: str) -> None:
    entries = reply.body if isinstance(reply.body, list) else []
    codes = [entry["ret_code"] & 0x7FFF for entry in entries if isinstance(entry, dict) and "ret_code" in entry]
    assert 999 not in codes, (asked, entries)


def test_every_parameter_that_is_described_belongs_to_a_call() -> None:
    assert {f"{route.method} {route.path}" for route in ROUTES} >= query_parameters.DESCRIBED


def test_strange_parameters_are_answered(controller: InProcessController) -> None:
    for call, parameters in query_parameters.by_call(ROUTES).items():
        method, path = call.split(" ")
        if method != "GET" or path == BINARY:
            continue
        for query in (f"{parameter.name}={value}" for parameter in parameters for value in STRANGE):
            for more in ("", "&limit=1", "&limit=99999999999999999999999999"):
                _is_answered(controller.request(method, _with(path, THERE, "0"), query=query + more),
                             f"{call} {query[:80]}{more}")


@pytest.mark.parametrize("value", STRANGE)
def test_strange_names_are_answered(controller: InProcessController, value: str) -> None:
    for route in ROUTES:
        path = _with(route.path, {}, value)
        if path != route.path:
            _is_answered(controller.request(route.method, path, _body(route)), f"{route.method} {path[:80]}")


def _body(route: Route) -> bytes:
    if route.body is NoBody:
        return b""
    return b'""' if route.body is str else b"{}"
