"""Hosts join by a one-time token: who gets a certificate, who does not, and what a crash in between leaves."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from pathlib import Path

import pytest

from linstor_core.client.errors import ApiCallError
from linstor_core.controller.call import Call
from linstor_core.controller.https import CertificateFiles, Https
from linstor_core.controller.operations import invitations
from linstor_core.domain.cluster import Cluster as Model
from linstor_core.domain.nodes import NodeType
from linstor_core.satellite.joining import Joined, JoinFailed
from linstor_core.satellite.joining import main as join_command
from linstor_core.wire.joining import parse_token
from linstor_core.wire.rest_certificates import InvitationCreate
from linstor_core.wire.rest_diagnostics import AuthTokenInitialize
from tests.controller.certificates_for_tests import TestAuthority
from tests.controller.tls_cluster import Cluster, controller_at, free_port, satellite_at


def secret_of(token: str) -> str:
    return parse_token(token).key.hex()


def test_a_host_joins_and_volumes_are_made_there_by_tls(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with controller_at(tmp_path / "c") as cluster:
            joined = await cluster.join(await cluster.invite(), "Alpha", tmp_path / "s")
            node = cluster.node("alpha")
            assert (joined.node_name, joined.node_uuid, node.type) == ("Alpha", node.uuid, NodeType.SATELLITE)
            interface = node.net_interfaces[0]
            assert (interface.address, interface.satellite_port, interface.satellite_encryption_type) == (
                "127.0.0.1", joined.port, "SSL")
            async with satellite_at(tmp_path / "s", name="whatever") as satellite:
                assert (satellite.port, satellite.tls_port) == (0, joined.port)
                await cluster.is_in_state("alpha", "ONLINE")
                await cluster.place("web", "alpha")
                roles = [(each.role, each.state, each.node_name)
                         for each in await cluster.call("certificates")]  # type: ignore[attr-defined]
                assert roles == [("AUTHORITY", "VALID", ""), ("CONTROLLER", "VALID", ""),
                                 ("SATELLITE", "VALID", "Alpha")]
    asyncio.run(scenario())


def test_the_token_works_once_but_again_for_the_host_that_used_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with controller_at(tmp_path / "c") as cluster:
            token = await cluster.invite()
            port = free_port()
            await cluster.join(token, "alpha", tmp_path / "s", port=port)
            first = (tmp_path / "s/tls/satellite.pem").read_text()
            key, _, certificate = first.partition("-----BEGIN CERT")
            # The answer got lost: what the host has is its key.
            (tmp_path / "s/tls/satellite.pem").unlink()
            (tmp_path / "s/tls/joining.key").write_text(key)
            await cluster.join(token, "alpha", tmp_path / "s", port=port)
            assert (tmp_path / "s/tls/satellite.pem").read_text() == first and certificate
            await cluster.join(token, "alpha", tmp_path / "s", port=port)  # nor does it harm where nothing got lost
            assert (tmp_path / "s/tls/satellite.pem").read_text() == first
            for name in ("alpha", "beta"):
                with pytest.raises(JoinFailed, match="used already"):
                    await cluster.join(token, name, tmp_path / "other")
            assert list(cluster.daemon.controller.cluster.nodes) == ["ALPHA"]
            assert [each.state for each in await cluster.call("invitations")] == ["USED"]  # type: ignore[attr-defined]
    asyncio.run(scenario())


def test_what_was_given_survives_the_controller(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with controller_at(tmp_path / "c") as cluster:
            used, unused = await cluster.invite(), await cluster.invite()
            await cluster.join(used, "alpha", tmp_path / "s")
        async with controller_at(tmp_path / "c") as cluster:
            with pytest.raises(JoinFailed, match="used already"):
                await cluster.join(used, "beta", tmp_path / "t")
            await cluster.join(unused, "beta", tmp_path / "t")
            async with satellite_at(tmp_path / "s"):
                await cluster.is_in_state("alpha", "ONLINE")
    asyncio.run(scenario())


def test_who_may_not_join_changes_nothing(tmp_path: Path) -> None:
    async def refused(cluster: Cluster, token: str, name: str, words: str, **more: str) -> None:
        before = cluster.daemon.controller.cluster
        with pytest.raises(JoinFailed, match=words):
            await cluster.join(token, name, tmp_path / "s", **more)  # type: ignore[arg-type]
        assert not (tmp_path / "s/tls/satellite.pem").exists()
        after: Model = cluster.daemon.controller.cluster
        assert (after.nodes, after.node_certificates) == (before.nodes, before.node_certificates)

    async def scenario() -> None:
        async with controller_at(tmp_path / "c") as cluster:
            await cluster.register("taken", 1, "PLAIN")
            named, anybody = await cluster.invite(node_name="alpha"), await cluster.invite()
            await refused(cluster, named, "beta", "for 'alpha'")
            await refused(cluster, anybody, "taken", "registered already")
            await refused(cluster, anybody, "not a name", "not a name")
            await refused(cluster, anybody, "beta", "no IP address", address="here")
            expired = await cluster.invite(expires_in_s=1)
            await cluster.expire(expired)
            await refused(cluster, expired, "beta", "expired")
            await cluster.call("revoke_invitation", parse_token(anybody).identity)
            await refused(cluster, anybody, "beta", "no valid invitation")
            with pytest.raises(ApiCallError):
                await cluster.call("revoke_invitation", parse_token(anybody).identity)
        async with controller_at(tmp_path / "other") as other:
            await other.invite()
            await refused(other, named, "alpha", "no valid invitation")
    asyncio.run(scenario())


def test_who_guesses_is_slowed_down_and_who_knows_is_not(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with controller_at(tmp_path / "c") as cluster:
            token = await cluster.invite()
            wrong = str(type(parse_token(token))(parse_token(token).identity, bytes(24), "00" * 32))
            answers = []
            for _ in range(25):
                with pytest.raises(JoinFailed) as refusal:
                    await cluster.join(wrong, "alpha", tmp_path / "t")
                answers.append("Too many" in str(refusal.value))
            assert answers == [False] * 20 + [True] * 5
            await cluster.join(token, "alpha", tmp_path / "s")
    asyncio.run(scenario())


class Meddler:
    """Stands between a host and the controller, and replaces one text by another in what passes."""

    def __init__(self, upstream: str, before: bytes, after: bytes) -> None:
        self._upstream, self._before, self._after = upstream, before, after
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self.seen = b""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        host, _, port = self._upstream.rpartition(":")
        near, _ = self._listening.accept()
        with near, self._listening, socket.create_connection((host, int(port))) as far:
            for one, other in ((near, far), (far, near)):
                data = b""
                while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < _length(data):
                    data += one.recv(65536)
                self.seen += data
                other.sendall(data.replace(self._before, self._after))


def _length(data: bytes) -> int:
    return int(data.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])


@pytest.mark.parametrize(("before", "after", "words"), [
    (b"alpha", b"alphb", "no valid invitation"),
    (b"127.0.0.1\",\"port", b"127.0.0.9\",\"port", "no valid invitation"),
    (b"BEGIN CERTIFICATE-----\\nMI", b"BEGIN CERTIFICATE-----\\nMJ", "does not know the token"),
    (b"\"cluster_id\":\"", b"\"cluster_iD\":\"", "no controller"),
])
def test_nobody_in_between_changes_anything(tmp_path: Path, before: bytes, after: bytes, words: str) -> None:
    async def scenario() -> None:
        async with controller_at(tmp_path / "c") as cluster:
            token = await cluster.invite()
            meddler = Meddler(cluster.address, before, after)
            with pytest.raises(JoinFailed, match=words):
                await cluster.join(token, "alpha", tmp_path / "s", by=meddler.address)
            assert not (tmp_path / "s/tls/satellite.pem").exists()
            assert parse_token(token).secret.hex().encode() not in meddler.seen
            assert token.encode() not in meddler.seen
            # The host itself can still join: nothing that the meddler saw or did is in its way.
            await cluster.join(token, "alpha", tmp_path / "s")
    asyncio.run(scenario())


def test_secrets_are_neither_stored_nor_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def scenario() -> tuple[str, Joined]:
        async with controller_at(tmp_path / "c") as cluster:
            token = await cluster.invite()
            return token, await cluster.join(token, "alpha", tmp_path / "s")
    token, _ = asyncio.run(scenario())
    secret = parse_token(token).secret
    key = (tmp_path / "s/tls/satellite.pem").read_text().splitlines()[1]
    stored = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file() and "s/tls" not in str(file))
    assert token not in caplog.text and key not in caplog.text and "hunter2" not in caplog.text
    assert token.encode() not in stored and secret not in stored and secret.hex().encode() not in stored
    assert key.encode() not in stored
    for file in (*(tmp_path / "s/tls").iterdir(), *(tmp_path / "c/tls").iterdir(), tmp_path / "c/linstor.db"):
        assert file.stat().st_mode & 0o077 == 0, file
    assert token not in repr(parse_token(token)) and secret_of(token) not in repr(parse_token(token))


def test_a_node_that_is_there_gets_a_certificate_and_then_another(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with controller_at(tmp_path / "c") as cluster:
            async with satellite_at(tmp_path / "s", name="alpha") as satellite:
                await cluster.register("alpha", satellite.port, "PLAIN")
                await cluster.is_in_state("alpha", "ONLINE")
                before = cluster.node("alpha")
                await cluster.join(await cluster.invite(node_name="alpha"), "alpha", tmp_path / "s")
            assert cluster.node("alpha").uuid == before.uuid
            assert [part.satellite_encryption_type for part in cluster.node("alpha").net_interfaces] == ["SSL"]
            async with satellite_at(tmp_path / "s"):
                await cluster.is_in_state("alpha", "ONLINE")
            stolen = (tmp_path / "s/tls/satellite.pem").read_text()
            await cluster.join(await cluster.invite(node_name="ALPHA"), "alpha", tmp_path / "s")
            fresh = (tmp_path / "s/tls/satellite.pem").read_text()
            assert stolen.partition("BEGIN CERT")[0] != fresh.partition("BEGIN CERT")[0]
            (tmp_path / "s/tls/satellite.pem").write_text(stolen)
            async with satellite_at(tmp_path / "s"):
                await cluster.is_in_state("alpha", "AUTHENTICATION_ERROR")
            (tmp_path / "s/tls/satellite.pem").write_text(fresh)
            async with satellite_at(tmp_path / "s"):
                await cluster.is_in_state("alpha", "ONLINE")
    asyncio.run(scenario())


@pytest.mark.parametrize("way", ["delete_node", "lose_node"])
def test_the_certificate_of_a_node_that_is_gone_is_worthless(tmp_path: Path, way: str) -> None:
    async def scenario() -> None:
        async with controller_at(tmp_path / "c") as cluster:
            joined = await cluster.join(await cluster.invite(), "alpha", tmp_path / "s")
            await cluster.call(way, "alpha")
            assert not cluster.daemon.controller.cluster.node_certificates
            await cluster.register("alpha", joined.port)
            async with satellite_at(tmp_path / "s"):
                await cluster.is_in_state("alpha", "AUTHENTICATION_ERROR")
    asyncio.run(scenario())


def test_a_sealed_authority_signs_while_the_master_key_is_open(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with controller_at(tmp_path / "c", seals_authority=True) as cluster:
            with pytest.raises(ApiCallError, match="locked"):
                await cluster.invite()
            await cluster.call("create_passphrase", "hunter2")
            token, later = await cluster.invite(), await cluster.invite()
            (authority,) = cluster.daemon.controller.cluster.authorities.values()
            assert authority.private_key == "" and authority.sealed_private_key is not None
            await cluster.join(token, "alpha", tmp_path / "s")
            async with satellite_at(tmp_path / "s"):
                await cluster.is_in_state("alpha", "ONLINE")
        async with controller_at(tmp_path / "c", seals_authority=True) as cluster, satellite_at(tmp_path / "s"):
            # Locked after the restart: volumes go on, and only what has to be signed waits.
            await cluster.is_in_state("alpha", "ONLINE")
            with pytest.raises(JoinFailed, match="locked"):
                await cluster.join(later, "beta", tmp_path / "t")
            await cluster.call("enter_passphrase", "hunter2")
            await cluster.join(later, "beta", tmp_path / "t")
    asyncio.run(scenario())


def test_a_host_of_another_cluster_keeps_what_it_has(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with controller_at(tmp_path / "c") as one, controller_at(tmp_path / "d") as other:
            await one.join(await one.invite(), "alpha", tmp_path / "s")
            held = (tmp_path / "s/tls/satellite.pem").read_bytes()
            with pytest.raises(JoinFailed, match="another cluster"):
                await other.join(await other.invite(), "alpha", tmp_path / "s")
            assert (tmp_path / "s/tls/satellite.pem").read_bytes() == held
            assert not other.daemon.controller.cluster.nodes
    asyncio.run(scenario())


def test_the_command_takes_the_token_from_where_nobody_looks(tmp_path: Path,
                                                             capsys: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> None:
        async with controller_at(tmp_path / "c") as cluster:
            async def run(text: str, *arguments: str, **environment: str) -> int:
                more = ["--state", str(tmp_path / text), "--name", text, *arguments]
                return await asyncio.to_thread(join_command, more, environment)

            assert await run("alpha", LINSTOR_JOIN=f"{await cluster.invite()}@{cluster.address}") == 0
            (tmp_path / "token").write_text(f"{await cluster.invite()}@http://{cluster.address}\n")
            assert await run("beta", "--token-file", str(tmp_path / "token")) == 0
            assert await run("gamma", f"{await cluster.invite()}@{cluster.address}", "--address", "192.0.2.9") == 0
            assert cluster.node("gamma").net_interfaces[0].address == "192.0.2.9"
            for wrong in ("", "nonsense", f"nonsense@{cluster.address}", f"{(await cluster.invite())[:-3]}@x",
                          f"{await cluster.invite()}@127.0.0.1:1", f"{await cluster.invite()}@ftp://x"):
                assert await run("delta", *([wrong] if wrong else [])) == 1
    asyncio.run(scenario())
    shown = capsys.readouterr()
    assert shown.out.count("Start the satellite") == 3 and shown.err.count("linstor-satellite join:") == 6


def test_joining_by_https_believes_the_token_not_the_certificate(tmp_path: Path) -> None:
    made = TestAuthority(tmp_path / "made")
    files = CertificateFiles(made.pair("https", "https://nobody"))

    async def scenario() -> None:
        port = free_port()
        async with controller_at(tmp_path / "c", https=Https("127.0.0.1", port, files)) as cluster:
            token, other = await _invitations(cluster)
            # Plain HTTP sends its callers to HTTPS.
            await cluster.join(token, "alpha", tmp_path / "s")
            await cluster.join(other, "beta", tmp_path / "t", by=f"https://127.0.0.1:{port}")
            assert sorted(cluster.daemon.controller.cluster.nodes) == ["ALPHA", "BETA"]
    asyncio.run(scenario())


async def _invitations(cluster: Cluster) -> list[str]:
    """Two, without the client, which would want to know the certificate."""
    office, door = cluster.daemon._office, cluster.daemon.controller
    fingerprint = (await office.authority()).fingerprint
    calls = [Call(InvitationCreate()), Call(InvitationCreate())]
    made = [await door.apply(lambda model, context, call=call: invitations.create(  # type: ignore[misc]
        model, context, call, fingerprint)) for call in calls]
    return [str(entries[0].obj_refs["token"]) for entries in made]


def test_joining_works_without_a_bearer_token_where_others_need_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with controller_at(tmp_path / "c") as cluster:
            token = await cluster.invite()
            await cluster.call("initialize_auth", AuthTokenInitialize(description="all", no_https=True))
            with pytest.raises(ApiCallError):
                await cluster.invite()
            await cluster.join(token, "alpha", tmp_path / "s")
            assert cluster.node("alpha")
    asyncio.run(scenario())
