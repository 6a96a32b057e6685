"""Gives certificates: makes the cluster's authority, the controller's own certificate, and those of satellites."""

from __future__ import annotations

import asyncio
import ssl
import uuid
from pathlib import Path

from msgspec import Struct, structs

from linstor_core.controller import certificate_making as making
from linstor_core.controller import link_files
from linstor_core.controller.certificate_making import Owner, Period
from linstor_core.controller.change import Change, Context, Door
from linstor_core.controller.keyring import Keyring
from linstor_core.controller.link_files import LinkFiles
from linstor_core.domain.certificates import Authority, NodeCertificate, bundle_of, by_age
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import Code, Conflict, InvalidInput, LinstorError
from linstor_core.domain.nodes import Node
from linstor_core.wire.connection import PeerRefused
from linstor_core.wire.peer_certificate import serial_text

_DAY_MS = 86_400_000


class OfficeChoices(Struct, frozen=True):
    """What an administrator may decide. With `files` all certificates are his own business."""

    files: LinkFiles | None = None
    seals_authority: bool = False
    """Whether the authority's key is stored under the master passphrase; then it signs only while that is open."""
    authority_days: int = 3650
    certificate_days: int = 90


class OwnCertificate(Struct, frozen=True):
    """The controller's own, signed by the cluster's authority."""

    serial: str
    not_before_ms: int
    not_after_ms: int


WRONG_AT_ONCE = 20
"""So many wrong proofs are answered in a window; more are told to come later. A right one always gets through."""
WINDOW_MS = 10_000


class WrongProofs:
    """Counts them, so that whoever guesses is slowed down and seen."""

    def __init__(self) -> None:
        self._since_ms = 0
        self._count = 0

    def is_too_many(self, now_ms: int) -> bool:
        if now_ms - self._since_ms > WINDOW_MS:
            self._since_ms, self._count = now_ms, 0
        self._count += 1
        return self._count > WRONG_AT_ONCE


class CertificateOffice:
    """Signs in threads; everything that it gives out is in the model first."""

    def __init__(self, context: Context, keyring: Keyring, state: Path, choices: OfficeChoices) -> None:
        """Raises InvalidInput for files of the administrator that can't be used."""
        self._context = context
        self._keyring = keyring
        self._choices = choices
        self._own = link_files.own_files(state)
        self.wrong_proofs = WrongProofs()
        self._making = asyncio.Lock()
        self._dialling: ssl.SSLContext | None = None
        self._held: OwnCertificate | None = None
        self._authorities = ""
        if choices.files is not None:
            self._dialling = choices.files.context()

    def serve(self, door: Door) -> None:
        """Call it before anything else."""
        self._door = door

    @property
    def own_certificate(self) -> OwnCertificate | None:
        """The controller's; None before the first connection by TLS, and where it is the administrator's business."""
        return self._held

    @property
    def is_in_charge(self) -> bool:
        """Whether certificates are made here, and not by the administrator."""
        return self._choices.files is None

    def reload(self, files: LinkFiles | None) -> None:
        """Take replaced files of the administrator. Raises InvalidInput; then nothing changes."""
        if not self.is_in_charge and files is not None:
            self._dialling = files.context()

    def bundle(self) -> str:
        """The certificates of all authorities (PEM), the youngest first."""
        return bundle_of(self._door.cluster.authorities.values())

    async def dialling_context(self) -> ssl.SSLContext:
        """What the controller dials satellites with. Raises PeerRefused while there is none."""
        if not self.is_in_charge and self._dialling is not None:
            return self._dialling
        if not self._door.cluster.authorities:
            raise PeerRefused("this cluster has given no certificates yet: 'linstor node invite' does for a node")
        async with self._making:
            if self._dialling is None or self._held is None or self._is_outdated(self._held):
                try:
                    self._dialling = await self._renew_own()
                except (LinstorError, OSError) as fault:
                    # While the authority's key is sealed the certificate from before the restart does.
                    self._dialling = self._dialling or self._stored()
                    if self._dialling is None:
                        raise PeerRefused(f"the controller has no certificate of its own: {fault}") from None
        return self._dialling

    def _stored(self) -> ssl.SSLContext | None:
        try:
            return self._own.context()
        except InvalidInput:
            return None

    async def _renew_own(self) -> ssl.SSLContext:
        authority = await self.authority()
        key = await asyncio.to_thread(making.new_key)
        period = self._new_period(authority)
        serial = self._new_serial()
        certificate = await self._issue(authority, await asyncio.to_thread(making.public_key_of, key),
                                        making.CONTROLLER, serial, period)
        bundle = self.bundle()
        await asyncio.to_thread(link_files.write, self._own, key + certificate, bundle)
        context = self._own.context()
        self._held = OwnCertificate(serial_text(serial), period.not_before_ms, period.not_after_ms)
        self._authorities = bundle
        return context

    async def authority(self) -> Authority:
        """The one that signs; made at the first call. Raises Conflict where an administrator's own files are used."""
        if not self.is_in_charge:
            raise Conflict("This controller uses certificates of your own.", Code.IN_USE, bare=True,
                           cause="Its settings name the files: only whoever made them can make one for a node.",
                           correction="Make a certificate for the node, name it in the satellite's settings, and "
                                      "register the node with 'linstor node create --communication-type ssl'.")
        if not self._door.cluster.authorities:
            await self._make_authority()
        return by_age(self._door.cluster.authorities.values())[0]

    async def _make_authority(self) -> None:
        now_ms = self._context.now_ms()
        period = Period(now_ms - making.SKEW_MS, now_ms + self._choices.authority_days * _DAY_MS)
        authority, private_key = await asyncio.to_thread(
            making.new_authority, self._door.cluster.controller.cluster_id, self._new_serial(), period)
        if self._choices.seals_authority:
            authority = structs.replace(authority, sealed_private_key=self._keyring.seal(private_key))
        else:
            authority = structs.replace(authority, private_key=private_key)

        def store(cluster: Cluster, _: Context) -> Change:
            return Change() if cluster.authorities else Change(puts=(authority,))

        await self._door.apply(store)

    async def certify(self, node_name: str, node_uuid: str, public_key: bytes) -> NodeCertificate:
        """A certificate that is not in the model yet. Raises LinstorError."""
        authority = await self.authority()
        period, serial = self._new_period(authority), self._new_serial()
        text = await self._issue(authority, public_key, making.satellite(node_name, node_uuid), serial, period)
        return NodeCertificate(node_name, node_uuid, serial_text(serial), text, period.not_before_ms,
                               period.not_after_ms)

    async def renew(self, node: Node, shown: str) -> NodeCertificate | None:
        """What a satellite that shows the certificate of this serial should take instead, if there is something.

        Raises LinstorError.
        """
        given = self._door.cluster.node_certificates.get(key_of(node.name))
        if given is None or given.node_uuid != node.uuid or not self.is_in_charge:
            return None
        if not given.is_due(self._context.now_ms()):
            return given if shown == given.previous_serial else None
        public_key = await asyncio.to_thread(making.key_in, given.certificate)
        fresh = structs.replace(await self.certify(node.name, node.uuid, public_key), previous_serial=shown)

        def store(cluster: Cluster, _: Context) -> Change:
            unchanged = cluster.node_certificates.get(key_of(node.name)) == given
            return Change(puts=(fresh,)) if unchanged else Change()

        await self._door.apply(store)
        return fresh if self._door.cluster.node_certificates.get(key_of(node.name)) == fresh else None

    async def _issue(self, authority: Authority, public_key: bytes, owner: Owner, serial: int, period: Period) -> str:
        sealed = authority.sealed_private_key
        private_key = self._keyring.reveal(sealed) if sealed is not None else authority.private_key
        if not private_key:
            raise InvalidInput("The key of the cluster's authority is missing.", Code.INVLD_REQUEST, bare=True,
                               correction="Restore the database from a backup that has it.")
        return await asyncio.to_thread(making.issue, authority, private_key, public_key, owner,
                                       serial=serial, period=period)

    def _new_period(self, authority: Authority) -> Period:
        now_ms = self._context.now_ms()
        return Period(now_ms - making.SKEW_MS, min(now_ms + self._choices.certificate_days * _DAY_MS,
                                                   authority.not_after_ms))

    def new_uuid(self) -> str:
        """For a node that is about to be registered."""
        return self._context.new_uuid()

    def _new_serial(self) -> int:
        return uuid.UUID(self._context.new_uuid()).int

    def _is_outdated(self, held: OwnCertificate) -> bool:
        left_ms = held.not_after_ms - self._context.now_ms()
        return 3 * left_ms <= held.not_after_ms - held.not_before_ms or self._authorities != self.bundle()

