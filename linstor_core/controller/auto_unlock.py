"""The master passphrase from where a service finds it at its start, so that nobody has to enter it."""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from collections.abc import MutableMapping
from pathlib import Path

from msgspec import Struct

from linstor_core.controller.change import Change, Context
from linstor_core.controller.controller import Controller
from linstor_core.controller.keyring import Keyring
from linstor_core.domain.cluster import Cluster
from linstor_core.domain.errors import Code, InvalidInput

log = logging.getLogger(__name__)

ENVIRONMENT = "MASTER_PASSPHRASE"
CREDENTIALS = "CREDENTIALS_DIRECTORY"
CREDENTIAL = "linstor_master_passphrase"
MAX_BYTES = 4096


class Passphrase(Struct, frozen=True):
    """`source` says where it was found; the text stays out of `repr`."""

    text: str
    source: str

    def __repr__(self) -> str:
        return f"Passphrase(source={self.source!r})"


def find(environment: MutableMapping[str, str], file: Path | None = None) -> Passphrase | None:
    """What the file, systemd's credential or the environment has, in this order; None where none of them is there.

    The variable is taken out of the environment, so that no process which is started later inherits it. Raises
    InvalidInput (216) for a file that can't be read, that others may read, or that has nothing in it.
    """
    from_environment = environment.pop(ENVIRONMENT, "")
    if file is not None:
        return Passphrase(_content(file, private=True), str(file))
    folder = environment.get(CREDENTIALS)
    if folder and (credential := Path(folder) / CREDENTIAL).exists():
        return Passphrase(_content(credential, private=False), f"systemd credential {CREDENTIAL}")
    return Passphrase(from_environment, f"environment variable {ENVIRONMENT}") if from_environment else None


def _content(path: Path, *, private: bool) -> str:
    """systemd guards its credentials itself; every other file has to be readable by its owner alone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as fault:
        raise _refused(path, fault.strerror or str(fault), "Make it, or leave the option out.") from fault
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise _refused(path, "It is no regular file.", "Put the passphrase into a file.")
        if private and found.st_mode & 0o077:
            raise _refused(path, f"Its permissions are {stat.S_IMODE(found.st_mode):04o}: others may read it.",
                           f"chmod 0600 {path}")
        data = os.read(descriptor, MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    try:
        text = data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise _refused(path, "It is no text.", "Write the passphrase into it as UTF-8.") from None
    if not text or len(data) > MAX_BYTES:
        raise _refused(path, f"It has {len(data)} bytes.", f"A passphrase has 1 to {MAX_BYTES} bytes.")
    return text


def _refused(path: Path, cause: str, correction: str) -> InvalidInput:
    return InvalidInput(f"The master passphrase can't be taken from {path}.", Code.INVLD_CRYPT_PASSPHRASE, cause=cause,
                        correction=correction)


async def unlock(controller: Controller, keyring: Keyring, passphrase: Passphrase) -> None:
    """Open the master key; where there is none yet, set one, as LINSTOR does. A wrong passphrase leaves it locked."""
    stored = controller.cluster.master_key
    if stored is None:
        await _create(controller, keyring, passphrase)
        return
    try:
        await asyncio.to_thread(keyring.unlock, stored, passphrase.text)
    except InvalidInput as fault:
        log.error("The master key stays locked: %s (%s)", fault.message, passphrase.source)
        return
    log.info("The master key is open (%s)", passphrase.source)


async def _create(controller: Controller, keyring: Keyring, passphrase: Passphrase) -> None:
    fresh = Keyring()
    master_key = await asyncio.to_thread(fresh.create, passphrase.text)

    def store(_: Cluster, __: Context) -> Change:
        return Change(puts=(master_key,))

    await controller.apply(store)
    await asyncio.to_thread(keyring.unlock, master_key, passphrase.text)
    log.info("The master passphrase is set (%s)", passphrase.source)
