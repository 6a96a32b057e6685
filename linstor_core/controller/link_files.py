"""The files by which a controller is known to satellites: its own, or those that its administrator gives."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from msgspec import Struct

from linstor_core.domain.errors import Code, InvalidInput
from linstor_core.wire.peer_certificate import dialling_context


class LinkFiles(Struct, frozen=True):
    """PEM files. Without `key` it stands in the certificate's file; `authorities` have signed the satellites'."""

    certificate: Path
    authorities: Path
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Raises InvalidInput (230) that names the files."""
        try:
            return dialling_context(str(self.certificate), str(self.key) if self.key else None, str(self.authorities))
        except (OSError, ValueError) as fault:
            named = ", ".join(str(file) for file in (self.certificate, self.key, self.authorities) if file)
            raise InvalidInput("The certificate for links to satellites can't be used.", Code.INVLD_CONF,
                               cause=str(fault), details=named, bare=True,
                               correction="Give certificate, key without a passphrase and authorities as "
                                          "PEM.") from None


def own_files(state: Path) -> LinkFiles:
    """Where a controller keeps what its cluster's authority has signed for it: key and certificate in one file."""
    return LinkFiles(state / "tls" / "controller.pem", state / "tls" / "authorities.pem")


def write(files: LinkFiles, key_and_certificate: str, authorities: str) -> None:
    """Each whole or not at all, readable by the owner only. Raises OSError."""
    files.certificate.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _replace(files.authorities, authorities)
    _replace(files.certificate, key_and_certificate)


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
