"""Bearer tokens: what is stored, when they are demanded, and whom they let in."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import structs

from linstor_core.controller.call import Call
from linstor_core.controller.operations import auth_tokens
from linstor_core.controller.token_gate import TokenGate
from linstor_core.domain.auth_tokens import AuthToken, admits, digest_of, networks
from linstor_core.domain.cluster import Cluster
from linstor_core.domain.errors import Code, LinstorError
from linstor_core.testing.builders import CountingContext, Model
from linstor_core.wire import rest_diagnostics as rest

NOW_MS = 1_800_000_000_000


def initialized() -> tuple[Model, str]:
    model = Model()
    change = model.run(auth_tokens.initialize, rest.AuthTokenInitialize(no_https=True))
    return model, str(change.answers[0].obj_refs["token"])


def gate(cluster: Cluster, now_ms: int = NOW_MS) -> TokenGate:
    return TokenGate(cluster, lambda: now_ms)


def bearer(token: str) -> list[tuple[bytes, bytes]]:
    return [(b"accept", b"*/*"), (b"authorization", b"Bearer " + token.encode())]


def listed(model: Model) -> Any:
    return auth_tokens.list_tokens(model.cluster, Call(None))


def test_the_token_is_told_once_and_only_its_digest_is_kept() -> None:
    model, token = initialized()
    (stored,) = model.cluster.auth_tokens.values()
    assert stored.digest == digest_of(token)
    assert token.encode() not in msgspec.json.encode(stored)
    assert token.encode() not in msgspec.json.encode(listed(model))
    assert digest_of(token).encode() not in msgspec.json.encode(listed(model))


def test_tokens_are_demanded_once_they_are_switched_on() -> None:
    model = Model()
    model.run(auth_tokens.create, rest.AuthTokenCreate(description="early"))
    assert gate(model.cluster).admits("/v1/nodes", [], "127.0.0.1")
    model, token = initialized()
    watch = gate(model.cluster)
    assert not watch.admits("/v1/nodes", [], "127.0.0.1")
    assert not watch.admits("/v1/nodes", bearer("wrong"), "127.0.0.1")
    assert not watch.admits("/v1/nodes", [(b"authorization", b"Basic " + token.encode())], "127.0.0.1")
    assert watch.admits("/v1/nodes", bearer(token), "127.0.0.1")


@pytest.mark.parametrize("path", ["/", "/health", "/ui", "/ui/index.html"])
def test_some_paths_stay_open(path: str) -> None:
    assert gate(initialized()[0].cluster).admits(path, [], "192.0.2.1")


@pytest.mark.parametrize("path", ["/v1/controller/version", "/metrics", "/docs", "/uix", "//health", "/health/", ""])
def test_other_paths_do_not(path: str) -> None:
    assert not gate(initialized()[0].cluster).admits(path, [], "192.0.2.1")


def test_the_gate_follows_what_is_published() -> None:
    model, token = initialized()
    watch = gate(model.cluster)
    before = model.cluster
    change = model.run(auth_tokens.modify, rest.AuthTokenModify(is_active=False), number="1")
    model.run(auth_tokens.create, rest.AuthTokenCreate())
    watch.published(before, model.cluster, change)
    assert not watch.admits("/v1/nodes", bearer(token), "127.0.0.1")


def test_an_expired_token_lets_nobody_in_and_the_last_one_opens_the_door_for_a_new_one() -> None:
    model, first = initialized()
    model.run(auth_tokens.create, rest.AuthTokenCreate(expires_at="2027-01-01T00:00:00Z"))
    model.put(structs.replace(model.cluster.auth_tokens["2"], digest=digest_of("short")))
    assert not gate(model.cluster).admits("/v1/nodes", bearer("short"), "127.0.0.1")
    assert gate(model.cluster, NOW_MS - 10**11).admits("/v1/nodes", bearer("short"), "127.0.0.1")
    model.run(auth_tokens.revoke, None, number="1")
    assert gate(model.cluster).admits("/v1/nodes", bearer(first), "127.0.0.1")


def test_a_token_is_good_from_its_addresses_only() -> None:
    model, token = initialized()
    model.run(auth_tokens.modify, rest.AuthTokenModify(ip_filter="192.0.2.0/24, 2001:db8::1"), number="1")
    watch = gate(model.cluster)
    for client, let_in in (("192.0.2.9", True), ("192.0.3.9", False), ("::ffff:192.0.2.9", True),
                           ("2001:db8::1", True), ("2001:db8::2", False), ("", False)):
        assert watch.admits("/v1/nodes", bearer(token), client) is let_in, client


def test_an_empty_filter_admits_everybody() -> None:
    assert admits(networks(" "), "anything")


@pytest.mark.parametrize("body", [
    rest.AuthTokenCreate(expires_at="tomorrow"), rest.AuthTokenCreate(expires_at="1999-01-01T00:00:00+02:00"),
    rest.AuthTokenCreate(ip_filter="192.0.2.0/99"), rest.AuthTokenCreate(ip_filter="example.com")])
def test_what_no_token_can_have_is_refused(body: rest.AuthTokenCreate) -> None:
    with pytest.raises(LinstorError) as caught:
        Model().run(auth_tokens.create, body)
    assert caught.value.code == Code.INVLD_REQUEST


def test_a_token_that_is_not_there_is_not_found() -> None:
    for write, body in ((auth_tokens.modify, rest.AuthTokenModify()), (auth_tokens.revoke, None)):
        with pytest.raises(LinstorError) as caught:
            Model().run(write, body, number="7")
        assert caught.value.code == Code.NOT_FOUND_AUTH_TOKEN


def test_switching_on_twice_gives_no_second_token() -> None:
    model, _ = initialized()
    change = model.run(auth_tokens.initialize, rest.AuthTokenInitialize())
    assert change.puts == () and "token" not in change.answers[0].obj_refs


def test_tokens_for_satellites_alone_are_refused() -> None:
    with pytest.raises(LinstorError):
        Model().run(auth_tokens.initialize, rest.AuthTokenInitialize(only_satellites=True))


def test_a_modified_token_keeps_what_was_not_named() -> None:
    model = Model(CountingContext())
    model.put(AuthToken(1, digest_of("t"), "old", 5, None, "192.0.2.1"))
    model.run(auth_tokens.modify, rest.AuthTokenModify(description="new"), number="1")
    assert model.cluster.auth_tokens["1"] == AuthToken(1, digest_of("t"), "new", 5, None, "192.0.2.1")
