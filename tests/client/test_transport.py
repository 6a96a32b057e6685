"""Which controller is asked, when a call is repeated, and what failures are called."""

from __future__ import annotations

import socket

import pytest

from linstor_core.client.client import LinstorClient, local_token
from linstor_core.client.errors import (
    AccessRefused,
    AnswerTimeout,
    ApiCallError,
    ConnectionFailed,
    InUse,
    InvalidRequest,
    NoSpace,
    NotEnoughNodes,
    ObjectExists,
    ObjectNotFound,
    StateConflict,
    UnexpectedReply,
)
from linstor_core.client.transport import Credentials, HttpTransport, path_of
from linstor_core.client.uris import controller_urls
from linstor_core.wire.rest_bodies import PropsModify
from tests.client.scripted_controller import CREATED, MASK_ERROR, refusal, scripted_controller

VERSION = {"version": "1.34.0", "rest_api_version": "1.28.0"}


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(("text", "urls"), [
    ("", ("http://localhost:3370",)),
    ("node1", ("http://node1:3370",)),
    ("node1:4000,linstor+ssl://node2", ("http://node1:4000", "https://node2:3371")),
    ("linstor://[fd00::1]  http://c/ https://d:1", ("http://[fd00::1]:3370", "http://c:3370", "https://d:1")),
])
def test_uris(text, urls):
    assert controller_urls(text) == urls


@pytest.mark.parametrize("text", ["ftp://a", "http://", "a/b", "http://a?x=1", "a:port"])
def test_what_is_no_uri(text):
    with pytest.raises(ValueError, match=r".+"):
        controller_urls(text)


def test_paths_are_quoted():
    assert path_of("key-value-store", "a b/ü") == "/v1/key-value-store/a%20b%2F%C3%BC"
    assert path_of("nodes", query={"nodes": ["a", "b"], "none": None, "x": "y z"}) == "/v1/nodes?nodes=a&nodes=b&x=y+z"


def test_the_next_controller_is_tried_and_kept(controller):
    controller.answer("GET /v1/controller/version", VERSION)
    client = LinstorClient([f"http://127.0.0.1:{closed_port()}", controller.url])
    assert client.controller_version().version == "1.34.0"
    assert client.transport.url == controller.url
    client.controller_version()
    assert len(controller.requests) == 2


def test_no_controller_at_all():
    with pytest.raises(ConnectionFailed) as failure:
        LinstorClient(f"http://127.0.0.1:{closed_port()}").controller_version()
    assert "refused" in str(failure.value)
    assert len(failure.value.attempts) == 1


def test_a_write_that_may_have_been_taken_is_not_repeated(controller):
    with scripted_controller() as second:
        controller.hang_up = second.hang_up = 1
        client = LinstorClient([controller.url, second.url])
        with pytest.raises(AnswerTimeout):
            client.modify_controller(PropsModify(override_props={"Aux/a": "1"}))
        assert len(controller.requests) == 1
        assert second.requests == []


def test_a_read_is_repeated_elsewhere(controller):
    with scripted_controller() as second:
        controller.hang_up = 2
        second.answer("GET /v1/controller/version", VERSION)
        assert LinstorClient([controller.url, second.url]).controller_version().version == "1.34.0"


def test_a_read_survives_a_connection_that_breaks(controller, client):
    controller.hang_up = 1
    controller.answer("GET /v1/controller/version", VERSION)
    assert client.controller_version().version == "1.34.0"


def test_an_answer_may_take_too_long(controller):
    controller.delay_s = 0.5
    with pytest.raises(AnswerTimeout):
        LinstorClient(controller.url, timeout_s=0.1).controller_version()


def test_a_controller_that_moved_is_followed_with_the_whole_call(controller):
    with scripted_controller() as moved:
        path = "POST /v1/controller/properties"
        controller.answer(path, {"location": moved.url + "/v1/controller/properties"}, status=302)
        moved.answer(path, [CREATED], status=201)
        client = LinstorClient(controller.url)
        client.modify_controller(PropsModify(override_props={"Aux/a": "1"}))
        assert moved.body_of(path) == {"override_props": {"Aux/a": "1"}}
        assert client.transport.url == moved.url


def test_a_connection_that_rested_is_not_trusted(controller):
    controller.answer("GET /v1/controller/version", VERSION)
    now = [0.0]
    client = LinstorClient(transport=HttpTransport([controller.url], clock=lambda: now[0]))
    client.controller_version()
    now[0] += 60
    client.controller_version()
    assert len(controller.requests) == 2


@pytest.mark.parametrize(("code", "cls"), [
    (300, ObjectNotFound), (323, ObjectNotFound), (501, ObjectExists), (202, InvalidRequest), (606, InvalidRequest),
    (0x7FFD, InvalidRequest), (403, AccessRefused), (997, InUse), (980, NoSpace), (996, NotEnoughNodes),
    (995, StateConflict), (801, StateConflict), (100, ApiCallError),
])
def test_every_refusal_has_its_class(controller, client, code, cls):
    warning = {"ret_code": -(1 << 63) | 1002, "message": "a satellite is away"}
    answer = [warning, *refusal(code, "no", cause="because", obj_refs={"Node": None})]
    controller.answer("POST /v1/nodes", answer, status=500)
    with pytest.raises(ApiCallError) as failure:
        client._write("POST", "nodes", body={})
    assert type(failure.value) is cls
    assert failure.value.code == code
    assert len(failure.value.entries) == 2
    assert str(failure.value) == "no because"


def test_an_error_entry_is_an_error_whatever_the_status(controller, client):
    controller.answer("POST /v1/nodes", refusal(997))
    with pytest.raises(InUse):
        client._write("POST", "nodes", body={})


def test_missing_credentials(controller, client):
    controller.answer("GET /v1/nodes", [{"ret_code": MASK_ERROR | 10001, "message": "who are you"}], status=401)
    with pytest.raises(AccessRefused):
        client.nodes()


@pytest.mark.parametrize("body", [b"<html>", b"", b"{}", b"[1]"])
def test_what_is_no_answer(controller, client, body):
    controller.answer("GET /v1/nodes", body)
    with pytest.raises(UnexpectedReply):
        client.nodes()


def test_a_list_that_the_controller_ends_with_an_empty_body_is_no_write_failure(controller, client):
    controller.answer("POST /v1/resource-groups/adjustall", b"")
    assert client.adjust_all() == []


def test_credentials_are_sent_and_never_shown(controller, tmp_path):
    controller.answer("GET /v1/controller/version", VERSION)
    credentials = Credentials(token="s3cr3t")
    LinstorClient(controller.url, credentials=credentials).controller_version()
    LinstorClient(controller.url, credentials=Credentials(user="me", password="pw")).controller_version()
    assert controller.headers[0]["Authorization"] == "Bearer s3cr3t"
    assert controller.headers[1]["Authorization"].startswith("Basic ")
    assert "s3cr3t" not in repr(credentials)
    file = tmp_path / "auth.json"
    assert local_token(file) == ""
    for text, token in (('{"token": "t"}', "t"), ("[]", ""), ("{", ""), ('{"token": 5}', "")):
        file.write_text(text)
        assert local_token(file) == token


def test_controllers_come_from_the_environment(controller):
    controller.answer("GET /v1/controller/version", VERSION)
    assert LinstorClient.from_environment({"LS_CONTROLLERS": controller.url}).controller_version().version
