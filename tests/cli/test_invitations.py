"""`node invite`, `node invitation` and `node certificate`: what they send and show."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError

import pytest

from linstor_core.cli.invitations import duration_s
from tests.client.scripted_controller import CREATED

MADE = [{"ret_code": 20709377, "message": "One host may join.", "obj_refs": {"invitation": "i", "token": "TOKEN"}}]
INVITATIONS = "/v1/nodes/invitations"


@pytest.mark.parametrize(("line", "body", "shown"), [
    ("node invite", {"expires_in_s": 3600}, "linstor-satellite join TOKEN@"),
    ("n inv alpha --ip 192.0.2.7 --expires 2d --controller c1:3370",
     {"node_name": "alpha", "address": "192.0.2.7", "expires_in_s": 172800},
     "linstor-satellite join TOKEN@c1:3370 --name alpha"),
    ("n invite --expires 30m --controller https://c1", {"expires_in_s": 1800},
     "linstor-satellite join TOKEN@https://c1\n"),
])
def test_the_line_for_the_new_host(controller, linstor, line: str, body: dict[str, object], shown: str) -> None:
    controller.answer(f"POST {INVITATIONS}", MADE, 201)
    status, out = linstor(line)
    assert status == 0 and shown in out
    assert ("that the host can reach" in out) == ("c1" not in line)
    assert {"expires_in_s": 3600, **controller.body_of(f"POST {INVITATIONS}")} == body


def test_scripts_get_the_answer_as_it_is(controller, linstor) -> None:
    controller.answer(f"POST {INVITATIONS}", MADE, 201)
    status, out = linstor("-m node invite")
    assert status == 0 and json.loads(out)[0]["obj_refs"]["token"] == "TOKEN"


def test_lists(controller, linstor) -> None:
    controller.answer(f"GET {INVITATIONS}", [{
        "id": "i-1", "created_timestamp": 0, "expires_timestamp": 1_790_000_000_000, "state": "OPEN",
        "node_name": "alpha"}])
    controller.answer("GET /v1/certificates", [{
        "role": "SATELLITE", "serial": "7b", "node_name": "alpha", "valid_from_timestamp": 0,
        "valid_until_timestamp": 1_790_000_000_000, "state": "DUE"}])
    for line, words in (("node invitation list", ("i-1", "alpha", "2026-09-21", "OPEN")),
                        ("n cert l", ("SATELLITE", "7b", "alpha", "2026-09-21", "DUE"))):
        status, out = linstor(line)
        assert status == 0 and all(word in out for word in words)


def test_revoke(controller, linstor) -> None:
    controller.answer(f"DELETE {INVITATIONS}/i-1", [CREATED])
    assert linstor("node invitation revoke i-1")[0] == 0
    assert controller.asked == [f"DELETE {INVITATIONS}/i-1"]


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("30m", 1800), ("1h", 3600), ("2D", 172800)])
def test_durations(text: str, seconds: int) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "h", "1.5h", "-1h", "1w", "²h"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        duration_s(text)
