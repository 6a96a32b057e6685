"""Every call of LINSTOR's REST API has a row in the route table; `all_handlers.txt` lists them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from linstor_core.controller.events import NODES, PROMOTION
from linstor_core.controller.routes import ROUTES

_PARAMETER = re.compile(r"[<{][^>}]*[>}]")
_LINES = (Path(__file__).parent / "all_handlers.txt").read_text().splitlines()
HANDLERS = [(line.split()[1], line.split()[2]) for line in _LINES if not line.startswith("#")]


def shape(path: str) -> str:
    """The path whatever its parameters are called."""
    return _PARAMETER.sub("*", path).rstrip("/") or "/"


SERVED = {(route.method, shape(route.path)) for route in ROUTES} | {
    ("GET", f"/v1/events/{stream}") for stream in (NODES, PROMOTION)}


def test_all_of_them_are_listed() -> None:
    assert len(HANDLERS) == len(set(HANDLERS)) == 200


@pytest.mark.parametrize(("method", "path"), HANDLERS)
def test_every_call_is_served(method: str, path: str) -> None:
    assert (method, shape(path)) in SERVED


def test_no_call_has_two_rows() -> None:
    rows = [(route.method, shape(route.path)) for route in ROUTES]
    assert sorted({row for row in rows if rows.count(row) > 1}) == []
