"""By what a satellite is known: its key and certificate, and the authorities whose controllers it serves."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from linstor_core.wire.peer_certificate import dialling_context, listening_context

FOLDER = "tls"
"""Below the state folder: what joining a cluster has left."""
_OWN = "satellite.pem"
AUTHORITIES = "authorities.pem"
_JOINED = "joined.json"
_KEY_END = "-----END PRIVATE KEY-----\n"


class TlsFiles(Struct, frozen=True):
    """PEM files. Without `key` it stands in the certificate's file, before the certificate."""

    certificate: Path
    authorities: Path
    key: Path | None = None


class Joined(Struct, frozen=True):
    """Which node of which cluster this is."""

    node_name: str
    node_uuid: str
    cluster_id: str
    port: int
    """Where the cluster expects it by TLS."""
    invitation: str = ""
    """The one that was used."""


def joined_files(state: Path) -> TlsFiles | None:
    """Where joining a cluster has left its certificate; None on a host that never joined."""
    files = TlsFiles(state / FOLDER / _OWN, state / FOLDER / AUTHORITIES)
    return files if files.certificate.exists() else None


def has_lost_its_certificate(state: Path) -> bool:
    """Whether this host has joined, and the file with its key is gone: it must not go back to speaking plain."""
    return (state / FOLDER / AUTHORITIES).exists() and joined_files(state) is None


def joined_as(state: Path) -> Joined | None:
    try:
        return msgspec.json.decode((state / FOLDER / _JOINED).read_bytes(), type=Joined)
    except (OSError, msgspec.DecodeError):
        return None


def own_key(state: Path) -> str:
    """The private key (PEM) of a host that has joined; empty on others."""
    files = joined_files(state)
    key, end, _ = files.certificate.read_text().partition(_KEY_END) if files is not None else ("", "", "")
    return key + end


def store(state: Path, joined: Joined, key: str, certificate: str, authorities: str) -> TlsFiles:
    """Make this host a node. Its own file comes last and has key and certificate in one: after a crash the host has
    joined or has not. Raises OSError.
    """
    folder = state / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = TlsFiles(folder / _OWN, folder / AUTHORITIES)
    write_private(folder / _JOINED, msgspec.json.encode(joined).decode())
    _put(files, key + certificate, authorities)
    return files


def write_private(path: Path, text: str) -> None:
    """Whole or not at all, readable by the owner only. Raises OSError."""
    draft = _drafted(path, text)
    os.replace(draft, path)
    _sync_folder(path.parent)


def _drafted(path: Path, text: str) -> Path:
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put(files: TlsFiles, text: str, authorities: str) -> None:
    """Only what fits together gets the real names. Raises OSError."""
    drafts = (_drafted(files.authorities, authorities), _drafted(files.certificate, text))
    try:
        listening_context(str(drafts[1]), None, str(drafts[0]))
    except (OSError, ValueError) as error:
        for draft in drafts:
            draft.unlink()
        raise OSError(f"the certificate does not fit: {error}") from None
    # Authorities are only ever added: what is here of the old pair and the new authorities still works.
    os.replace(drafts[0], files.authorities)
    os.replace(drafts[1], files.certificate)
    _sync_folder(files.certificate.parent)


class Credentials:
    """`context` is the one to listen with; a new certificate holds for connections that come from then on."""

    def __init__(self, files: TlsFiles) -> None:
        """Raises OSError that says which files can't be used."""
        self._files = files
        self.context = self._made(listening_context)

    def dialling(self) -> ssl.SSLContext:
        """For connections to other satellites. Whoever dials has to look at the certificate that is shown."""
        return self._made(dialling_context)

    def _made(self, make: Callable[[str, str | None, str], ssl.SSLContext]) -> ssl.SSLContext:
        files = self._files
        try:
            return make(str(files.certificate), str(files.key) if files.key else None, str(files.authorities))
        except (OSError, ValueError) as error:
            named = ", ".join(str(file) for file in (files.certificate, files.key, files.authorities) if file)
            raise OSError(f"the certificate can't be used ({error}): look at {named}") from None

    def write(self, certificate: str, authorities: str) -> None:
        """Store another certificate for the same key, and who is believed; `load` takes it into use. Raises OSError.

        A certificate that this host did not get by joining is its administrator's business.
        """
        if self._files.key is not None:
            raise OSError("this satellite's certificate is not the cluster's")
        key, end, _ = self._files.certificate.read_text().partition(_KEY_END)
        if not end:
            raise OSError(f"{self._files.certificate} does not begin with a key")
        _put(self._files, key + end + certificate, authorities)

    def load(self) -> None:
        """Take what the files hold for connections from now on. Call it in the loop that listens. Raises OSError."""
        self._made(listening_context)  # a pair that does not fit leaves the context as it was
        files = self._files
        self.context.load_cert_chain(files.certificate, files.key, password="")
        self.context.load_verify_locations(files.authorities)
