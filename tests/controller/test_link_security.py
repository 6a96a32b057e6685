"""Who is let in by TLS, and how it shows when somebody is not: real certificates on real sockets."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from msgspec import structs

from linstor_core.controller import certificate_making as making
from linstor_core.controller.link_files import LinkFiles
from linstor_core.domain.errors import InvalidInput
from linstor_core.satellite import listener
from linstor_core.satellite.credentials import Credentials, TlsFiles
from linstor_core.satellite.listener import MAX_HANDSHAKES
from linstor_core.satellite.seldom_log import SeldomLog
from tests.controller.certificates_for_tests import TestAuthority
from tests.controller.tls_cluster import Cluster, controller_at, free_port, satellite_at, until


@pytest.fixture
def authority(tmp_path: Path) -> TestAuthority:
    return TestAuthority(tmp_path / "made")


def test_certificates_of_the_administrator(tmp_path: Path, authority: TestAuthority) -> None:
    async def scenario() -> None:
        async with controller_at(tmp_path / "c", files=authority.controller()) as cluster:
            port = free_port()
            await cluster.register("n1", port)
            files = authority.satellite(cluster.node("n1").uuid)
            async with satellite_at(tmp_path / "s", tls=files, tls_port=port):
                await cluster.is_in_state("n1", "ONLINE")
                await cluster.place("web", "n1")
            with pytest.raises(Exception, match="certificates of your own"):
                await cluster.invite()
            assert await cluster.call("certificates") == []
    asyncio.run(scenario())


def test_a_name_is_enough_where_there_is_no_uuid(tmp_path: Path, authority: TestAuthority) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    key = making.new_key()
    issuer = x509.load_pem_x509_certificate(authority.authority.certificate.encode())
    loaded = serialization.load_pem_private_key(key.encode(), None)
    draft = making._builder(making._name("x"), issuer.subject, making.public_key_of(key), 7, making.Period(
        authority.authority.not_before_ms, authority.authority.not_after_ms))
    named = draft.add_extension(x509.SubjectAlternativeName([x509.DNSName("N1"), x509.DNSName("other")]), False)
    signer = serialization.load_pem_private_key(authority._key.encode(), None)
    certificate = named.sign(signer, hashes.SHA256())  # type: ignore[arg-type]
    assert loaded
    file = authority.write("named", key + certificate.public_bytes(serialization.Encoding.PEM).decode())

    async def scenario() -> None:
        async with controller_at(tmp_path / "c", files=authority.controller()) as cluster:
            port = free_port()
            await cluster.register("n1", port)
            async with satellite_at(tmp_path / "s", tls=TlsFiles(file, authority.file), tls_port=port):
                await cluster.is_in_state("n1", "ONLINE")
            await cluster.register("n2", port)
            async with satellite_at(tmp_path / "t", name="n2", tls=TlsFiles(file, authority.file), tls_port=port):
                await cluster.is_in_state("n2", "AUTHENTICATION_ERROR")
    asyncio.run(scenario())


def _other(tmp_path: Path) -> TestAuthority:
    return TestAuthority(tmp_path / "other", "other")


Satellite = Callable[[TestAuthority, Path, str], TlsFiles]
WRONG_SATELLITES: dict[str, tuple[Satellite, str]] = {
    "another-authority": (lambda ours, path, uuid: structs.replace(
        _other(path).satellite(uuid), authorities=ours.file), "not accepted"),
    "expired": (lambda ours, _, uuid: ours.satellite(uuid, days=-1), "expired"),
    "another-node": (lambda ours, _, __: ours.satellite("another"), "not registered any more"),
    "controller": (lambda ours, _, __: TlsFiles(ours.controller().certificate, ours.file), "that of nobody"),
}


def test_satellites_that_are_not_believed(tmp_path: Path, authority: TestAuthority,
                                          caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with controller_at(tmp_path / "c", files=authority.controller()) as cluster, AsyncExitStack() as stack:
            for name, (make, _) in WRONG_SATELLITES.items():
                port = free_port()
                await cluster.register(name, port)
                files = make(authority, tmp_path / name, cluster.node(name).uuid)
                own = authority.write(name, files.certificate.read_text())  # each maker writes to the same file
                files = structs.replace(files, certificate=own)
                await stack.enter_async_context(satellite_at(tmp_path / f"s-{name}", name, tls=files, tls_port=port))
                await cluster.call("reconnect_node", name)
            for name in WRONG_SATELLITES:
                await cluster.is_in_state(name, "AUTHENTICATION_ERROR")
                await _attempts(cluster, 4, name)
    asyncio.run(scenario())
    for name, (_, words) in WRONG_SATELLITES.items():
        told = [record.getMessage() for record in caplog.records
                if f"{name.upper()}: AUTHENTICATION_ERROR" in record.getMessage()]
        assert len(told) == 1 and words in told[0]


Controller = Callable[[TestAuthority, Path], LinkFiles]
WRONG_CONTROLLERS: dict[str, tuple[Controller, str]] = {
    "another authority": (lambda ours, path: structs.replace(
        _other(path).controller(), authorities=ours.file), "at the sight of"),
    "expired": (lambda ours, _: ours.controller(days=-1), "at the sight of"),
    "a satellite": (lambda ours, _: ours.controller(uri="linstor:node:x"), "not that of a controller"),
}


@pytest.mark.parametrize("case", WRONG_CONTROLLERS)
def test_controllers_that_are_not_believed(tmp_path: Path, authority: TestAuthority, case: str,
                                           caplog: pytest.LogCaptureFixture) -> None:
    make, words = WRONG_CONTROLLERS[case]

    async def scenario() -> None:
        async with controller_at(tmp_path / "c", files=make(authority, tmp_path)) as cluster:
            port = free_port()
            await cluster.register("n1", port)
            files = authority.satellite(cluster.node("n1").uuid)
            async with satellite_at(tmp_path / "s", tls=files, tls_port=port) as refusing:
                answers = await cluster.call("reconnect_node", "n1")
                assert words in answers[-1].cause  # type: ignore[index]
                await cluster.is_in_state("n1", "AUTHENTICATION_ERROR")
                await _attempts(cluster, 4)
                assert refusing._link is None
    asyncio.run(scenario())
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    told = [record.getMessage() for record in warnings if "AUTHENTICATION_ERROR" in record.getMessage()]
    assert len(told) == 1 and words in told[0]
    # It stands in the satellite's log, too, and once.
    assert len([record for record in warnings if record.name.startswith("linstor_core.satellite.")]) == 1


async def _attempts(cluster: Cluster, count: int, name: str = "n1") -> None:
    await until(lambda: cluster.daemon.controller.cluster.nodes_seen[name.upper()].reconnect_attempts >= count)


@pytest.mark.parametrize(("registered", "words"), [("SSL", "without TLS"), ("PLAIN", "want TLS")])
def test_one_side_plain_and_the_other_not(tmp_path: Path, authority: TestAuthority, registered: str, words: str,
                                          caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with controller_at(tmp_path / "c", files=authority.controller()) as cluster:
            port = free_port()
            tls = {} if registered == "SSL" else {"tls": authority.satellite("x"), "tls_port": port}
            async with satellite_at(tmp_path / "s", port=port, **tls):
                await cluster.register("n1", port, registered)
                await _attempts(cluster, 2)
                assert cluster.status("n1") == "OFFLINE"
    asyncio.run(scenario())
    told = [record.getMessage() for record in caplog.records if "OFFLINE" in record.getMessage()]
    assert len(told) == 1 and words in told[0]


def test_thousands_that_begin_no_handshake_are_bounded(tmp_path: Path, authority: TestAuthority,
                                                      caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with controller_at(tmp_path / "c", files=authority.controller()) as cluster:
            port = free_port()
            await cluster.register("n1", port)
            async with satellite_at(tmp_path / "s", tls=authority.satellite(cluster.node("n1").uuid),
                                    tls_port=port) as satellite:
                await cluster.is_in_state("n1", "ONLINE")
                link, writers = satellite._link, []
                under_way = satellite._channel._secure_listener._handshakes.under_way  # type: ignore[union-attr]
                for _ in range(4 * MAX_HANDSHAKES):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writers.append(writer)
                    assert len(under_way) <= MAX_HANDSHAKES
                await until(lambda: "are about to open" in caplog.text)
                await cluster.place("meanwhile", "n1")
                assert satellite._link is link
                for writer in writers:
                    writer.close()
    asyncio.run(scenario())
    assert caplog.text.count("are about to open") == 1


def test_handshakes_that_nobody_goes_on_with_are_forgotten() -> None:
    async def scenario() -> None:
        handshakes = listener._Handshakes(SeldomLog(logging.getLogger("test")), within_s=0.05)
        some = [ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO()) for _ in range(4)]
        for number in range(MAX_HANDSHAKES):
            handshakes.under_way[number] = asyncio.get_running_loop().time()  # type: ignore[index]
        with pytest.raises(ssl.SSLError, match="too many"):
            handshakes.begin(some[0])
        handshakes.end(5)  # type: ignore[arg-type]
        handshakes.begin(some[0])
        handshakes.begin(some[0])
        with pytest.raises(ssl.SSLError, match="too many"):
            handshakes.begin(some[1])
        first = handshakes.under_way[some[0]]
        await until(lambda: asyncio.get_running_loop().time() > first + 0.05)
        handshakes.begin(some[2])
        assert list(handshakes.under_way) == [some[2]]
    asyncio.run(scenario())


def test_both_ways_at_once(tmp_path: Path, authority: TestAuthority) -> None:
    async def scenario() -> None:
        async with controller_at(tmp_path / "c", files=authority.controller()) as cluster:
            plain, secure = free_port(), free_port()
            await cluster.register("n1", secure)
            files = authority.satellite(cluster.node("n1").uuid)
            async with satellite_at(tmp_path / "s", port=plain, tls=files, tls_port=secure, encryption="both"):
                await cluster.is_in_state("n1", "ONLINE")
                await cluster.call("delete_node", "n1")
                await cluster.register("n1", plain, "PLAIN")
                await cluster.is_in_state("n1", "ONLINE")
    asyncio.run(scenario())


def test_replaced_files_are_taken_and_broken_ones_are_not(tmp_path: Path, authority: TestAuthority) -> None:
    files = authority.satellite("x")
    credentials = Credentials(files)
    files.certificate.write_text("nonsense")
    for use in (credentials.load, lambda: Credentials(files)):
        with pytest.raises(OSError, match=r"satellite\.pem"):
            use()
    authority.satellite("y")
    credentials.load()
    with pytest.raises(InvalidInput) as refusal:
        LinkFiles(tmp_path / "none.pem", authority.file).context()
    assert "none.pem" in refusal.value.details


def test_nobody_listens_by_tls_without_a_certificate(tmp_path: Path) -> None:
    async def scenario() -> None:
        with pytest.raises(OSError, match="join"):
            async with satellite_at(tmp_path / "s", encryption="ssl"):
                pass
    asyncio.run(scenario())


def test_without_any_certificate_the_link_says_what_to_do(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with controller_at(tmp_path / "c") as cluster:
            await cluster.register("n1", free_port())
            await cluster.is_in_state("n1", "AUTHENTICATION_ERROR")
    asyncio.run(scenario())
    assert "linstor node invite" in caplog.text
