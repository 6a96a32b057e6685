"""One satellite's link, seen from the controller: dial, introduce, full sync, then news both ways, until it breaks."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import msgspec
from msgspec import Struct, structs

from linstor_core.controller import dispatcher as messages
from linstor_core.controller import node_files, peers
from linstor_core.controller.admission import Admission, Turn
from linstor_core.controller.controller import Controller
from linstor_core.controller.dialing import Dial
from linstor_core.controller.dispatcher import Dispatcher, Mailbox
from linstor_core.controller.operations import reports
from linstor_core.controller.redialling import pause_s
from linstor_core.domain.certificates import NodeCertificate, bundle_of
from linstor_core.domain.cluster import key_of
from linstor_core.domain.errors import LinstorError
from linstor_core.domain.nodes import ConnectionStatus, NetInterface, Node
from linstor_core.domain.observed import ExternalFileSeen
from linstor_core.wire import node_report
from linstor_core.wire.connection import Connection, ConnectionLost, PeerRefused
from linstor_core.wire.devices import ListDevices, ListedDevices, PreparedDevices, PrepareDevices
from linstor_core.wire.external_files import CheckedFile, CheckFile, FilesSeen
from linstor_core.wire.node_report import (
    Answer,
    CertificateInstalled,
    Hello,
    HelloAnswer,
    InstallCertificate,
    LogLevels,
    PlannedSteps,
    PlanResource,
    Report,
    SetLogLevels,
)
from linstor_core.wire.peer_certificate import SecureConnection
from linstor_core.wire.resource_spec import ResourceSpec

log = logging.getLogger(__name__)

Question = PlanResource | SetLogLevels | CheckFile | InstallCertificate | ListDevices | PrepareDevices

REPLACED = 4000
"""How a satellite ends a connection in whose place another one has been accepted."""

Renew = Callable[[Node, str], Awaitable[NodeCertificate | None]]
"""(node, serial of the certificate that it shows) -> the certificate that it should take instead, if there is one."""


async def _never(_: Node, __: str) -> None:
    """Certificates are somebody else's business."""


class Refused(Exception):
    """The satellite answers, and will not serve."""

    def __init__(self, status: ConnectionStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Accepted(Struct):
    """A connection whose greeting was answered well. Close `resources` when it is not needed any more."""

    resources: AsyncExitStack
    socket: Connection
    interface: NetInterface
    answer: HelloAnswer


def ways_to(node: Node) -> list[NetInterface]:
    """The interfaces to dial: the active one first, then others with a satellite port that are encrypted the same way.
    """
    reachable = [part for part in node.net_interfaces if part.satellite_port is not None]
    first = next((part for part in reachable if key_of(part.name) == key_of(node.active_interface)),
                 reachable[0] if reachable else None)
    if first is None:
        return []
    return [first, *(part for part in reachable if part is not first
                     and part.satellite_encryption_type == first.satellite_encryption_type)]


class SatelliteLink:
    """Dials again and again; the cluster's node says where."""

    ANSWER_S = 10.0
    DEVICES_S = 60.0
    """Old disks are slow to answer, and each of them is asked."""
    PREPARATION_S = 240.0
    BETTER_WAY_S = 10.0
    """How often is tried to get from another interface back to the one that the node should be reached at."""
    OTHER_WAYS_AFTER_S = 4.0
    """After so long every second attempt goes to another interface of the node, if there is one."""
    REASONS = 16
    """So many different ones are logged while a satellite does not report."""
    RENEWAL_S = 3600.0
    """How often is looked whether the satellite's certificate has to be renewed."""

    def __init__(self, node_key: str, controller: Controller, dispatcher: Dispatcher, controller_id: str,
                 jitter: Callable[[], float], *, dial: Dial, admission: Admission, links_down: Callable[[], int],
                 renew: Renew = _never) -> None:
        self._key = node_key
        self._controller = controller
        self._dispatcher = dispatcher
        self._controller_id = controller_id
        self._jitter = jitter
        self._dial = dial
        self._admission = admission
        self._links_down = links_down
        self._renew = renew
        self._failures = 0
        self._broken_at = 0.0
        self._logged: set[str] = set()
        self._socket: Connection | None = None
        self._successor: Accepted | None = None
        self._moved = asyncio.Event()
        self._is_moving = False
        self._numbers = itertools.count(1)
        self._questions: dict[int, asyncio.Future[Answer]] = {}
        self._protocol = 0

    @property
    def is_up(self) -> bool:
        """Whether the satellite is being served."""
        return self._socket is not None

    def move(self) -> None:
        """The node is to be reached elsewhere: what stands goes on until that works."""
        self._moved.set()

    async def ask(self, spec: ResourceSpec) -> PlannedSteps | None:
        """What the satellite would do for a spec; None when it is not there or does not answer in time."""
        answer = await self._answer_to(PlanResource(next(self._numbers), spec))
        return answer if isinstance(answer, PlannedSteps) else None

    async def set_log_levels(self, levels: dict[str, str]) -> dict[str, str] | None:
        """The levels in force after these were set; None when it is not there, too old, or does not answer in time."""
        if self._protocol < node_report.LOG_LEVELS_SINCE:
            return None
        answer = await self._answer_to(SetLogLevels(next(self._numbers), levels))
        if not isinstance(answer, LogLevels):
            return None
        self._controller.fold(reports.logging_from(self._key, answer.levels))
        return answer.levels

    async def check_file(self, path: str) -> ExternalFileSeen | None:
        """How an external file is on the node; None when it is not there, too old, or does not answer in time."""
        if self._protocol < node_report.FILES_SINCE:
            return None
        answer = await self._answer_to(CheckFile(next(self._numbers), path))
        return answer.file if isinstance(answer, CheckedFile) else None

    async def list_devices(self) -> ListedDevices | None:
        """What nothing uses there; None when it is not there, too old, or does not answer in time."""
        if self._protocol < node_report.DEVICES_SINCE:
            return None
        answer = await self._answer_to(ListDevices(next(self._numbers)), self.DEVICES_S)
        return answer if isinstance(answer, ListedDevices) else None

    async def prepare_devices(self, wanted: PrepareDevices) -> PreparedDevices | None:
        """What came of making a pool; None as for `list_devices`, and then it may be that the satellite goes on."""
        if self._protocol < node_report.DEVICES_SINCE:
            return None
        answer = await self._answer_to(structs.replace(wanted, number=next(self._numbers)), self.PREPARATION_S)
        return answer if isinstance(answer, PreparedDevices) else None

    async def _answer_to(self, question: Question, within_s: float = ANSWER_S) -> Answer | None:
        if self._socket is None:
            return None
        number = question.number
        answer = self._questions[number] = asyncio.get_running_loop().create_future()
        try:
            await self._socket.send(node_report.encode(question))
            return await asyncio.wait_for(answer, within_s)
        except (TimeoutError, ConnectionLost):
            return None
        finally:
            del self._questions[number]

    async def run(self) -> None:
        try:
            while True:
                status, reason = await self._attempt()
                if self._successor is not None:
                    continue
                if not self._failures:
                    self._broken_at = asyncio.get_running_loop().time()
                self._failures += 1
                self._tell(status, reason)
                await asyncio.sleep(pause_s(self._down_for_s(), self._links_down()) * (0.75 + self._jitter() / 2))
        finally:
            if self._successor is not None:
                await self._successor.resources.aclose()

    def _down_for_s(self) -> float:
        return asyncio.get_running_loop().time() - self._broken_at if self._failures else 0.0

    def _tell(self, status: ConnectionStatus, reason: str) -> None:
        """Each reason is logged once until the satellite has reported again."""
        if reason and reason not in self._logged and len(self._logged) < self.REASONS:
            log.warning("Satellite %s: %s (%s)", self._key, status, reason)
            self._logged.add(reason)
        if self._key in self._controller.cluster.nodes:
            self._controller.fold(reports.link_broken(self._key, status, self._failures, reason))

    async def _attempt(self) -> tuple[ConnectionStatus, str]:
        node = self._controller.cluster.nodes.get(self._key)
        ways = ways_to(node) if node is not None else []
        if node is None or not ways:
            return ConnectionStatus.OFFLINE, "no network interface with a satellite port"
        accepted, self._successor = self._successor, None
        try:
            if accepted is None:
                accepted = await self._greeted(node, self._way(ways))
            async with accepted.resources:
                return await self._serve(node, accepted)
        except Refused as refusal:
            return refusal.status, str(refusal)
        except PeerRefused as refusal:
            return ConnectionStatus.AUTHENTICATION_ERROR, str(refusal)
        except LinstorError as fault:
            return ConnectionStatus.FULL_SYNC_FAILED, f"{fault.message} {fault.cause}"
        except (OSError, msgspec.DecodeError) as fault:
            return ConnectionStatus.OFFLINE, str(fault) or type(fault).__name__
        except Exception as fault:
            # Whatever a satellite may have brought about: this link goes on dialling.
            log.exception("Satellite %s: a fault of the controller", self._key)
            return ConnectionStatus.OFFLINE, f"{type(fault).__name__}: {fault}"

    def _way(self, ways: list[NetInterface]) -> NetInterface:
        if self._down_for_s() < self.OTHER_WAYS_AFTER_S or self._failures % 2 or len(ways) == 1:
            return ways[0]
        return ways[1 + self._failures // 2 % (len(ways) - 1)]

    async def _greeted(self, node: Node, interface: NetInterface) -> Accepted:
        """Raises Refused, OSError and msgspec.DecodeError."""
        cluster = self._controller.cluster
        async with AsyncExitStack() as stack:
            socket = await stack.enter_async_context(self._dial(interface))
            peers.check(cluster, node, interface, socket)
            await socket.send(node_report.encode(Hello(cluster.controller.cluster_id, self._controller_id,
                                                       cluster.controller.epoch, node.name, node.uuid)))
            async with asyncio.timeout(self.ANSWER_S):
                answer = node_report.decode_for_controller(await socket.receive())
            if not isinstance(answer, HelloAnswer):
                raise Refused(ConnectionStatus.AUTHENTICATION_ERROR, "the satellite did not introduce itself")
            if answer.refusal:
                known = answer.refusal in ConnectionStatus.__members__
                raise Refused(ConnectionStatus(answer.refusal) if known else ConnectionStatus.OFFLINE, answer.message)
            return Accepted(stack.pop_all(), socket, interface, answer)
        raise AssertionError("the stack swallows nothing")

    async def _serve(self, node: Node, accepted: Accepted) -> tuple[ConnectionStatus, str]:
        socket, self._protocol = accepted.socket, accepted.answer.protocol
        self._controller.fold(reports.introduced(node.name, accepted.answer))
        async with self._admission.turn() as turn:
            mailbox = self._dispatcher.open(self._key)
            try:
                if self._protocol >= node_report.FILES_SINCE:
                    await socket.send(node_report.encode(node_files.message(self._controller.cluster, self._key)))
                await socket.send(node_report.encode(messages.full_sync(self._controller.cluster, self._key)))
                return await self._exchange(node, accepted, mailbox, turn)
            finally:
                self._dispatcher.close(self._key, mailbox)

    async def _exchange(self, node: Node, accepted: Accepted, mailbox: Mailbox,
                        turn: Turn) -> tuple[ConnectionStatus, str]:
        """Until the connection breaks, or another one has been accepted in its place."""
        socket = accepted.socket
        moving = asyncio.create_task(self._find_better_way(accepted.interface))
        parts: list[Coroutine[Any, Any, None]] = [self._take_news(node.name, socket, turn),
                                                  self._send_news(socket, mailbox)]
        if isinstance(socket, SecureConnection):
            parts.append(self._keep_certificate(node, socket))
        tasks = [moving, *(asyncio.create_task(part) for part in parts)]
        self._socket = socket
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if self._is_moving and _was_replaced(done):
                # The satellite has accepted another connection: the one that is being made just now.
                await asyncio.wait((moving,), timeout=self.ANSWER_S)
        finally:
            self._socket = None
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        if self._successor is None:
            for end in ends:
                if isinstance(end, Exception):
                    raise end
        return ConnectionStatus.CONNECTED, ""

    async def _take_news(self, name: str, socket: Connection, turn: Turn) -> None:
        while True:
            message = node_report.decode_for_controller(await socket.receive())
            if isinstance(message, Report):
                self._failures = 0
                self._logged.clear()
                # A report that can't be stored ends the link: the next full sync tells all of it again.
                await self._controller.fold(reports.reported(name, message))
                if message.synced:
                    turn.end()
            elif isinstance(message, FilesSeen):
                self._controller.fold(reports.files_of(self._key, message))
            elif not isinstance(message, HelloAnswer):
                question = self._questions.get(message.number)
                if question is not None and not question.done():
                    question.set_result(message)

    async def _find_better_way(self, current: NetInterface) -> None:
        """Ends when the satellite has been greeted where it should be reached, if that is not where it is."""
        while True:
            self._moved.clear()
            node = self._controller.cluster.nodes.get(self._key)
            ways = ways_to(node) if node is not None else []
            if node is None or not ways or _same_way(ways[0], current):
                await self._moved.wait()
                continue
            self._is_moving = True
            try:
                self._successor = await self._greeted(node, ways[0])
                return
            except (OSError, msgspec.DecodeError, Refused) as fault:
                log.info("Satellite %s can't be reached at %s yet: %s", self._key, ways[0].address, fault)
            finally:
                self._is_moving = False
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), self.BETTER_WAY_S * (0.75 + self._jitter() / 2))

    async def _keep_certificate(self, node: Node, socket: SecureConnection) -> None:
        """Renews the satellite's certificate long before it ends. A failure is no reason to end the link."""
        shown = socket.certificate.serial
        while True:
            try:
                fresh = await self._renew(node, shown)
            except LinstorError as fault:
                log.warning("Satellite %s: its certificate can't be renewed: %s %s", self._key, fault.message,
                            fault.cause)
                fresh = None
            if fresh is not None and self._protocol >= node_report.CERTIFICATES_SINCE:
                bundle = bundle_of(self._controller.cluster.authorities.values())
                answer = await self._answer_to(InstallCertificate(next(self._numbers), fresh.certificate, bundle))
                if isinstance(answer, CertificateInstalled) and not answer.failure:
                    shown = fresh.serial
                else:
                    why = answer.failure if isinstance(answer, CertificateInstalled) else "no answer"
                    log.warning("Satellite %s: it does not take its new certificate: %s", self._key, why)
            await asyncio.sleep(self.RENEWAL_S)

    async def _send_news(self, socket: Connection, mailbox: Mailbox) -> None:
        while True:
            pools, files, places = await mailbox.take()
            cluster = self._controller.cluster
            if pools:
                await socket.send(node_report.encode(messages.pools_message(cluster, self._key)))
            if files and self._protocol >= node_report.FILES_SINCE:
                await socket.send(node_report.encode(node_files.message(cluster, self._key)))
            news = [messages.resource_message(cluster, place) for place in places]
            # A renamed resource is known by its new name before its old one is forgotten.
            for message in sorted(news, key=lambda message: isinstance(message, node_report.ForgetResource)):
                await socket.send(node_report.encode(message))


def _was_replaced(done: set[asyncio.Task[None]]) -> bool:
    faults = [task.exception() for task in done]
    return any(isinstance(fault, ConnectionLost) and fault.code == REPLACED for fault in faults)


def _same_way(one: NetInterface, other: NetInterface) -> bool:
    return ((one.address, one.satellite_port, one.satellite_encryption_type)
            == (other.address, other.satellite_port, other.satellite_encryption_type))
