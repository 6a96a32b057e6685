"""`linstor-satellite join`: this host becomes a node by the token of an invitation.

Trust comes from the token alone, so it does not matter whether anybody listens on the way to the controller.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import re
import socket
import ssl
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct, structs

from linstor_core.daemons import exit_statuses
from linstor_core.domain.certificates import fingerprint_of
from linstor_core.satellite import credentials
from linstor_core.satellite.credentials import FOLDER, Joined
from linstor_core.satellite.settings import DEFAULT_STATE, DEFAULT_TLS_PORT
from linstor_core.wire import joining
from linstor_core.wire.api_call_rc import ApiCallRc
from linstor_core.wire.joining import JoinAnswer, JoinRequest, JoinToken

ENVIRONMENT = "LINSTOR_JOIN"
PATH = "/v1/nodes/join"
_PORTS = {"http": 3370, "https": 3371}
_ANSWER_S = 60.0
_MAX_ANSWER_BYTES = 1024 * 1024
_KEY = "joining.key"
_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----\n.*?-----END CERTIFICATE-----\n", re.DOTALL)


class JoinFailed(Exception):
    """Nothing was changed, or nothing that the next attempt does not take up. The text is for the administrator."""


class Host(Struct, frozen=True):
    """Who wants to join. Without `address` it is the one by which the controller is reached."""

    node_name: str
    port: int
    state: Path
    address: str = ""


def join(host: Host, token: JoinToken, controller: str) -> Joined:
    """Raises JoinFailed, OSError."""
    _check_same_cluster(host.state, token)
    key = _kept_key(host.state, token)
    with contextlib.closing(_connected(controller)) as connection:
        connection.connect()
        address = host.address or str(connection.sock.getsockname()[0])
        draft = JoinRequest(invitation=token.identity, node_name=host.node_name, address=address, port=host.port,
                            request=_certificate_request(key, host.node_name))
        request = structs.replace(draft, proof=joining.request_proof(token.key, draft))
        answer = _asked(connection, request)
    _check(token, request, answer)
    joined = Joined(answer.node_name, answer.node_uuid, answer.cluster_id, host.port, token.identity)
    credentials.store(host.state, joined, key, answer.certificate, answer.authorities)
    (host.state / FOLDER / _KEY).unlink(missing_ok=True)
    return joined


def _check_same_cluster(state: Path, token: JoinToken) -> None:
    try:
        held = (state / FOLDER / credentials.AUTHORITIES).read_text()
    except FileNotFoundError:
        return
    if credentials.joined_files(state) and token.fingerprint not in map(fingerprint_of, _CERTIFICATE.findall(held)):
        raise JoinFailed(f"This host belongs to another cluster. To give it to this one, remove {state}: the volumes "
                         "that it holds are then unknown to both.")


def _kept_key(state: Path, token: JoinToken) -> str:
    """The same at every attempt with one invitation, so that a host that did not get the answer gets it the next time.

    Another invitation means another key: the one before may be known to somebody.
    """
    held, joined = credentials.own_key(state), credentials.joined_as(state)
    if held and joined is not None and joined.invitation == token.identity:
        return held
    path = state / FOLDER / _KEY
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists() or path.read_text() == held:
        credentials.write_private(path, _new_key())
    return path.read_text()


def _new_key() -> str:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError:
        raise JoinFailed("Joining needs the Python library 'cryptography', which is not installed here. Install it, "
                         "for instance with: pip install 'linstor-core[satellite]'.") from None
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def _certificate_request(key: str, node_name: str) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, node_name[:64])])
    private_key = serialization.load_pem_private_key(key.encode(), None)
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(
        private_key, hashes.SHA256())  # type: ignore[arg-type]
    return request.public_bytes(serialization.Encoding.PEM).decode()


def _connected(controller: str) -> http.client.HTTPConnection:
    """`controller` is HOST, HOST:PORT or a URL."""
    url = urlsplit(controller if "://" in controller else f"http://{controller}")
    if url.scheme not in _PORTS or not url.hostname:
        raise JoinFailed(f"'{controller}' is no address of a controller: give HOST:PORT or https://HOST:PORT.")
    port = url.port or _PORTS[url.scheme]
    if url.scheme == "http":
        return http.client.HTTPConnection(url.hostname, port, timeout=_ANSWER_S)
    # The controller proves by the token who it is: its certificate for HTTPS may be anybody's.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(url.hostname, port, timeout=_ANSWER_S, context=context)


def _asked(connection: http.client.HTTPConnection, request: JoinRequest, is_redirected: bool = False) -> JoinAnswer:
    try:
        connection.request("POST", PATH, msgspec.json.encode(request), {"Content-Type": "application/json"})
        response = connection.getresponse()
        body = response.read(_MAX_ANSWER_BYTES)
    except http.client.HTTPException as fault:
        raise JoinFailed(f"What answers there is no controller: {type(fault).__name__}.") from None
    location = response.headers.get("Location", "")
    if 300 <= response.status < 400 and location and not is_redirected:
        with contextlib.closing(_connected(location)) as other:
            return _asked(other, request, is_redirected=True)
    try:
        if response.status == 200:
            return msgspec.json.decode(body, type=JoinAnswer)
        refusals = msgspec.json.decode(body, type=list[ApiCallRc])
    except msgspec.DecodeError:
        raise JoinFailed(f"What answers there (HTTP status {response.status}) is no controller of this "
                         "release.") from None
    raise JoinFailed("\n".join(" ".join(filter(None, (each.message, each.cause, each.correction)))
                               for each in refusals))


def _check(token: JoinToken, request: JoinRequest, answer: JoinAnswer) -> None:
    expected = joining.answer_proof(token.key, request, answer)
    found = _CERTIFICATE.findall(answer.authorities)
    if not joining.is_same_proof(expected, answer.proof) or token.fingerprint not in map(fingerprint_of, found):
        raise JoinFailed("Whoever answers there does not know the token: somebody stands between this host and the "
                         "controller, or this is another cluster's controller. Nothing was taken over.")


# The command line


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="linstor-satellite join", description="Makes this host a node of a cluster: 'linstor node invite' prints "
        "what to give here.")
    parser.add_argument("invitation", nargs="?", metavar="TOKEN@CONTROLLER",
                        help="as it was printed; '-' reads it from the standard input. Everybody on this host may see "
                             f"what stands on a command line: --token-file or ${ENVIRONMENT} keep it private")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="a file with TOKEN@CONTROLLER in it")
    parser.add_argument("--name", default=socket.gethostname(), help="the node's name (default: %(default)s)")
    parser.add_argument("--address", default="", help="where the controller reaches this host (default: the address "
                                                      "by which this host reaches the controller)")
    parser.add_argument("--port", type=int, default=DEFAULT_TLS_PORT, help="the port there (default: %(default)s)")
    parser.add_argument("--state", type=Path, default=DEFAULT_STATE, metavar="DIR",
                        help="where the satellite keeps what it knows (default: %(default)s)")
    return parser


def _invitation(parsed: argparse.Namespace, environment: Mapping[str, str]) -> tuple[JoinToken, str]:
    """Raises JoinFailed, OSError."""
    if parsed.token_file is not None:
        text = parsed.token_file.read_text()
    elif parsed.invitation == "-":
        text = sys.stdin.readline()
    else:
        text = parsed.invitation or environment.get(ENVIRONMENT, "")
    token, at, controller = text.strip().partition("@")
    if not at or not controller:
        raise JoinFailed("TOKEN@CONTROLLER is needed, as 'linstor node invite' prints it.")
    try:
        return joining.parse_token(token), controller
    except ValueError as fault:
        raise JoinFailed(f"The token can't be used: {fault}.") from None


def main(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> int:
    parsed = _parser().parse_args(arguments)
    try:
        token, controller = _invitation(parsed, environment)
        joined = join(Host(parsed.name, parsed.port, parsed.state, parsed.address), token, controller)
    except (JoinFailed, OSError) as fault:
        print(f"linstor-satellite join: {fault}", file=sys.stderr)
        return exit_statuses.FAILED
    state = "" if parsed.state == DEFAULT_STATE else f" --state {parsed.state}"
    print(f"This host is the node '{joined.node_name}' of the cluster {joined.cluster_id} now.\n"
          f"Start the satellite: systemctl enable --now linstor-satellite (or, by hand: linstor-satellite{state})")
    return exit_statuses.OK
