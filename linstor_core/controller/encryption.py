"""The master passphrase: create, enter, change, and the state it is in."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context, Door
from linstor_core.controller.keyring import Keyring, unwrap, wrap
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster
from linstor_core.domain.encryption import MasterKey
from linstor_core.domain.errors import AlreadyExists, Code, NotFound
from linstor_core.wire import api_call_rc as rc
from linstor_core.wire.rest_bodies import PassphraseCreate, PassphraseModify
from linstor_core.wire.rest_v1 import PassphraseStatus

PASSPHRASE_ACCEPTED = 4


class Services(Protocol):
    """What these calls need beyond the model."""

    @property
    def controller(self) -> Door: ...

    @property
    def keyring(self) -> Keyring: ...


async def status(services: Services, _: Call[Any]) -> object:
    if services.controller.cluster.master_key is None:
        return PassphraseStatus(status="unset")
    return PassphraseStatus(status="unlocked" if services.keyring.is_unlocked else "locked")


async def create(services: Services, call: Call[PassphraseCreate]) -> object:
    if services.controller.cluster.master_key is not None:
        raise _already_set()
    fresh = Keyring()
    master_key = await asyncio.to_thread(fresh.create, call.body.new_passphrase)

    def store(cluster: Cluster, _: Context) -> Change:
        if cluster.master_key is not None:
            raise _already_set()
        return Change(puts=(master_key,),
                      answers=(call.rc(rc.Severity.SUCCESS, rc.CREATED, "The master passphrase is set."),))

    answers = await services.controller.apply(store)
    await asyncio.to_thread(services.keyring.unlock, master_key, call.body.new_passphrase)
    return answers


async def enter(services: Services, call: Call[str]) -> object:
    await asyncio.to_thread(services.keyring.unlock, _stored(services), call.body)
    return [call.rc(rc.Severity.SUCCESS, PASSPHRASE_ACCEPTED, "The passphrase is accepted: the master key is open.")]


async def change(services: Services, call: Call[PassphraseModify]) -> object:
    stored = _stored(services)
    key = await asyncio.to_thread(unwrap, stored, call.body.old_passphrase)
    master_key = await asyncio.to_thread(wrap, key, call.body.new_passphrase)

    def store(cluster: Cluster, _: Context) -> Change:
        if cluster.master_key != stored:
            raise AlreadyExists("The passphrase was changed by somebody else meanwhile.", Code.EXISTS_CRYPT_PASSPHRASE,
                                correction="Repeat the change with the passphrase that is valid now.")
        return Change(puts=(master_key,),
                      answers=(call.rc(rc.Severity.SUCCESS, rc.MODIFIED, "The master passphrase is changed."),))

    return await services.controller.apply(store)


def _stored(services: Services) -> MasterKey:
    stored = services.controller.cluster.master_key
    if stored is None:
        raise NotFound("No master passphrase is set.", Code.NOT_FOUND_CRYPT_KEY,
                       correction="Create one first: linstor encryption create-passphrase.")
    return stored


def _already_set() -> AlreadyExists:
    return AlreadyExists("A master passphrase is set already.", Code.EXISTS_CRYPT_PASSPHRASE,
                         correction="Change it with the old one: linstor encryption modify-passphrase.")


_PATH = "/v1/encryption/passphrase"
ROUTES = (
    Route("GET", _PATH, "Whether the master passphrase is unset, locked or unlocked", service=status,
          answer=PassphraseStatus),
    Route("POST", _PATH, "Set the master passphrase", service=create, body=PassphraseCreate,
          mask=rc.Operation.CREATE | rc.Subject.CTRL_CONF),
    Route("PATCH", _PATH, "Enter the master passphrase (a bare JSON string)", service=enter, body=str,
          mask=rc.Operation.MODIFY | rc.Subject.CTRL_CONF),
    Route("PUT", _PATH, "Change the master passphrase", service=change, body=PassphraseModify,
          mask=rc.Operation.MODIFY | rc.Subject.CTRL_CONF),
)
