"""The REST API over HTTPS: for our client, our command line and python-linstor; with client certificates; renewed."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import linstor
import pytest
from cryptography.hazmat.primitives import serialization
from msgspec import Struct

from linstor_core.client.client import LinstorClient
from linstor_core.client.errors import ConnectionFailed
from linstor_core.client.transport import Credentials
from linstor_core.controller.https import CertificateFiles, Certificates
from linstor_core.domain.errors import InvalidInput
from linstor_core.wire.rest_bodies import ResourceDefinitionCreate, ResourceDefinitionFields
from tests.daemons.certificates import Authority
from tests.daemons.running import Running, running
from tests.daemons.test_lifetime import wait_until
from tools import processes, services


def _definition(name: str) -> ResourceDefinitionCreate:
    return ResourceDefinitionCreate(ResourceDefinitionFields(name=name))


PYTHON_LINSTOR = pytest.mark.filterwarnings("ignore:ssl.PROTOCOL_TLS is deprecated:DeprecationWarning")


class Served(Struct, frozen=True):
    """A controller over HTTPS at `https`, which redirects from `http`; both are host:port."""

    http: str
    https: str
    daemon: Running
    authority: Authority
    file: Path


def _settings(served_http: str, served_https: str, certificate: tuple[Path, Path], trusted: Path | None = None,
              *, plain: bool = True) -> str:
    host, _, port = served_http.rpartition(":")
    _, _, secure_port = served_https.rpartition(":")
    more = f"trusted_certificates = {trusted}\n" if trusted is not None else ""
    return (f"[http]\nenabled = {plain}\nlisten_addr = {host}\nport = {port}\n"
            f"[https]\nlisten_addr = 127.0.0.1\nport = {secure_port}\ncertificate = {certificate[0]}\n"
            f"key = {certificate[1]}\n{more}")


def _answers(https: str, authority: Authority, client: tuple[Path, Path] | None = None) -> bool:
    context = ssl.create_default_context(cafile=str(authority.file))
    if client is not None:
        context.load_cert_chain(*client)
    connection = http.client.HTTPSConnection(https, timeout=5, context=context)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@contextlib.contextmanager
def _served(folder: Path) -> Iterator[Served]:
    authority = Authority(folder, "authority")
    plain, secure = services.free_address(), services.free_address()
    file = folder / "linstor.conf"
    file.write_text(_settings(plain, secure, authority.issue("controller")))
    with running("linstor_core.controller", ["--config-file", str(file), "--state", str(folder / "state")],
                 folder / "log") as daemon:
        wait_until(lambda: _answers(secure, authority), "HTTPS is never served")
        yield Served(plain, secure, daemon, authority, file)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """For tests that leave its certificate alone."""
    with _served(tmp_path_factory.mktemp("https")) as found:
        yield found


@pytest.fixture
def renewable(tmp_path: Path) -> Iterator[Served]:
    with _served(tmp_path) as found:
        yield found


@pytest.fixture
def served_to_known_clients(authority: Authority, tmp_path: Path) -> Iterator[Served]:
    plain, secure = services.free_address(), services.free_address()
    file = tmp_path / "linstor.conf"
    clients = Authority(tmp_path, "clients")
    clients.issue("client")
    file.write_text(_settings(plain, secure, authority.issue("controller"), clients.file, plain=False))
    with running("linstor_core.controller", ["--config-file", str(file), "--state", str(tmp_path / "state")],
                 tmp_path / "log") as daemon:
        wait_until(lambda: _answers(secure, authority, (tmp_path / "client.pem", tmp_path / "client.key")),
                   "HTTPS is never served")
        yield Served(plain, secure, daemon, authority, file)


def _linstor(*arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LS_")}
    return processes.run([sys.executable, "-P", "-m", "linstor_core.cli", "--disable-config", *arguments],
                         cwd=services.CHECKOUT, environment={**environment, "PYTHONPATH": str(services.CHECKOUT)})


@pytest.mark.parametrize(("scheme", "name"), [("https", "byhttps"), ("linstor+ssl", "byssl")])
def test_client_and_command_line(served: Served, scheme: str, name: str) -> None:
    url = f"{scheme}://{served.https}"
    client = LinstorClient(url, credentials=Credentials(ca_file=str(served.authority.file)))
    client.create_resource_definition(_definition(name))
    shown = _linstor("--controllers", url, "--cafile", str(served.authority.file), "-m", "resource-definition", "list")
    assert name in [found["name"] for found in json.loads(shown)[0]]
    with pytest.raises(ConnectionFailed, match="certificate"):
        LinstorClient(url).resource_definitions()


def test_plain_callers_are_sent_on_whatever_they_ask(served: Served) -> None:
    client = LinstorClient(f"http://{served.http}", credentials=Credentials(ca_file=str(served.authority.file)))
    client.create_resource_definition(_definition("moved"))
    assert "moved" in [found.name for found in client.resource_definitions()]
    connection = http.client.HTTPConnection(served.http, timeout=5)
    port = served.https.rpartition(":")[2]
    for method, status in (("GET", 302), ("POST", 307)):
        connection.request(method, "/v1/view/resources?limit=5&x=%2F", "{}" if method == "POST" else None)
        answer = connection.getresponse()
        answer.read()
        assert (answer.status, answer.headers["Location"]) == (
            status, f"https://127.0.0.1:{port}/v1/view/resources?limit=5&x=%2F")
        connection.close()


@PYTHON_LINSTOR
def test_python_linstor_by_either_address(served: Served) -> None:
    for name, url in (("secure", f"linstor+ssl://{served.https}"), ("plain", f"linstor://{served.http}")):
        api = linstor.Linstor(url)
        api.cafile = str(served.authority.file)
        api.connect()
        try:
            assert api.controller_version().rest_api_version
            assert linstor.Linstor.all_api_responses_no_error(api.resource_dfn_create(name))
        finally:
            api.disconnect()


def test_configuration_shows_where_it_is_served(served: Served) -> None:
    client = LinstorClient(f"https://{served.https}", credentials=Credentials(ca_file=str(served.authority.file)))
    found = client.controller_config()
    assert found.https.enabled and found.https.port == int(served.https.rpartition(":")[2])


@PYTHON_LINSTOR
def test_only_known_clients_are_served(served_to_known_clients: Served, tmp_path: Path) -> None:
    served, ca_file = served_to_known_clients, str(served_to_known_clients.authority.file)
    url = f"https://{served.https}"
    certificate, key = str(tmp_path / "client.pem"), str(tmp_path / "client.key")
    known = LinstorClient(url, credentials=Credentials(ca_file=ca_file, certificate_file=certificate, key_file=key))
    known.create_resource_definition(_definition("r1"))
    _linstor("--controllers", url, "--cafile", ca_file, "--certfile", certificate, "--keyfile", key, "node", "list")
    api = linstor.Linstor(f"linstor+ssl://{served.https}")
    api.cafile, api.certfile, api.keyfile = ca_file, certificate, key
    api.connect()
    assert [found.name for found in api.resource_dfn_list()[0].resource_definitions] == ["r1"]
    api.disconnect()

    strange = served.authority.issue("stranger")
    for files in ({}, {"certificate_file": str(strange[0]), "key_file": str(strange[1])}):
        with pytest.raises(ConnectionFailed):
            LinstorClient(url, credentials=Credentials(ca_file=ca_file, **files)).resource_definitions()
    # Plain HTTP was switched off.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(served.http.rpartition(":")[2])), timeout=5)


def _serial(https: str, authority: Authority) -> str:
    context = ssl.create_default_context(cafile=str(authority.file))
    host, _, port = https.rpartition(":")
    with (socket.create_connection((host, int(port)), timeout=5) as plain,
          context.wrap_socket(plain, server_hostname=host) as secured):
        certificate = secured.getpeercert()
        assert certificate is not None
        return str(certificate["serialNumber"])


def test_a_renewed_certificate_is_taken_over_by_sighup(renewable: Served) -> None:
    before = _serial(renewable.https, renewable.authority)
    held = http.client.HTTPSConnection(renewable.https, timeout=5,
                                       context=ssl.create_default_context(cafile=str(renewable.authority.file)))
    held.request("GET", "/health")
    assert held.getresponse().read() is not None
    renewable.authority.issue("controller")
    renewable.daemon.signal(signal.SIGHUP)
    wait_until(lambda: _serial(renewable.https, renewable.authority) != before, "the new certificate is never shown")
    held.request("GET", "/health")
    assert held.getresponse().status == 200
    held.close()

    # One that can't be used changes nothing, and is told.
    renewed = _serial(renewable.https, renewable.authority)
    certificate = next(line.partition(" = ")[2] for line in renewable.file.read_text().splitlines()
                       if line.startswith("certificate"))
    Path(certificate).write_text("torn")
    renewable.daemon.signal(signal.SIGHUP)
    wait_until(lambda: f"The file {certificate} can't be used for HTTPS" in renewable.daemon.text(), "it is never told")
    assert _serial(renewable.https, renewable.authority) == renewed


def test_other_authorities_are_taken_over_by_sighup(served_to_known_clients: Served, tmp_path: Path) -> None:
    served = served_to_known_clients
    old = (tmp_path / "client.pem", tmp_path / "client.key")
    others = Authority(tmp_path, "others")
    new = others.issue("newcomer")
    assert not _answers(served.https, served.authority, new)
    (tmp_path / "clients.pem").write_bytes(others.file.read_bytes())
    served.daemon.signal(signal.SIGHUP)
    wait_until(lambda: _answers(served.https, served.authority, new), "the new authority is never trusted")
    assert not _answers(served.https, served.authority, old)


@pytest.mark.parametrize("torn", ["certificate", "key", "trusted", "missing"])
def test_files_that_can_not_be_used_are_named(authority: Authority, tmp_path: Path, torn: str) -> None:
    certificate, key = authority.issue("controller")
    bad = {"certificate": certificate, "key": key, "trusted": authority.file, "missing": key}[torn]
    bad.unlink() if torn == "missing" else bad.write_text("torn")
    with pytest.raises(InvalidInput) as refused:
        Certificates(CertificateFiles(certificate, key, authority.file))
    assert str(certificate if torn == "key" else bad) in refused.value.message
    assert refused.value.cause and refused.value.correction


def test_a_key_with_a_passphrase_is_refused_and_asks_nobody(authority: Authority) -> None:
    certificate, key = authority.issue("controller")
    secret = serialization.load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(secret.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                         serialization.BestAvailableEncryption(b"hunter2")))
    with pytest.raises(InvalidInput, match=r"controller\.pem"):
        Certificates(CertificateFiles(certificate, key))


@pytest.mark.parametrize(("text", "said"), [
    ("[https]\ncertificate = /nowhere/controller.pem\n", "/nowhere/controller.pem can't be used for HTTPS"),
    ("[http]\nenabled = false\n", "Neither HTTP nor HTTPS is served")])
def test_nothing_starts_that_could_not_be_served(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "linstor.conf"
    file.write_text(text)
    with running("linstor_core.controller", ["--config-file", str(file), "--state", str(tmp_path / "state")],
                 tmp_path / "log") as daemon:
        assert daemon.ended() == 78
    (line,) = daemon.text().splitlines()
    assert said in line
