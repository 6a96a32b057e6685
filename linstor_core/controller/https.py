"""The certificates of the REST API over HTTPS, which may be replaced while it is served."""

from __future__ import annotations

import ssl
from pathlib import Path

from msgspec import Struct

from linstor_core.domain.errors import Code, InvalidInput


class CertificateFiles(Struct, frozen=True):
    """PEM files. Without `key` it stands in the certificate's file; with `trusted`, every client has to show a
    certificate that one of these authorities has signed.
    """

    certificate: Path
    key: Path | None = None
    trusted: Path | None = None


class Https(Struct, frozen=True):
    """Where HTTPS is served, and with which certificate."""

    host: str
    port: int
    files: CertificateFiles


class Certificates:
    """`context` is the one to listen with. Connections that stand keep what they were made with."""

    def __init__(self, files: CertificateFiles) -> None:
        """Raises InvalidInput (230) that names the file that can't be used."""
        self._current = _context(files)
        self.context = _context(files)
        self.context.sni_callback = self._choose

    def load(self, files: CertificateFiles) -> None:
        """Take new files for connections from now on. Raises InvalidInput, and then goes on with those from before."""
        fresh = _context(files)
        if fresh.verify_mode != self.context.verify_mode:
            raise _refused(files.trusted or files.certificate, "Whether clients need a certificate is settled when the "
                           "controller starts.", "Restart the controller.")
        self._current = fresh

    def _choose(self, connection: ssl.SSLObject, _: str | None, __: ssl.SSLContext) -> None:
        # OpenSSL asks at every greeting, for clients that name no server, too.
        connection.context = self._current


def _context(files: CertificateFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for file in filter(None, (files.certificate, files.key, files.trusted)):
        try:
            file.read_bytes()
        except OSError as fault:
            raise _refused(file, fault.strerror or str(fault), "Name a file that the controller may read.") from None
    try:
        # A key that asks for a passphrase would ask on the terminal.
        context.load_cert_chain(files.certificate, files.key, password="")
    except (ssl.SSLError, OSError, ValueError) as fault:
        raise _refused(files.certificate, f"{fault}", "Give the certificate with its chain, and its key without a "
                       "passphrase, as PEM.") from None
    if files.trusted is not None:
        try:
            context.load_verify_locations(files.trusted)
        except (ssl.SSLError, OSError) as fault:
            raise _refused(files.trusted, f"{fault}", "Give the certificates of the authorities as PEM.") from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _refused(file: Path, cause: str, correction: str) -> InvalidInput:
    return InvalidInput(f"The file {file} can't be used for HTTPS.", Code.INVLD_CONF, cause=cause,
                        correction=correction)
