"""The controller's end of the channel: it dials every satellite, and keeps dialling."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable

import msgspec

from linstor_core.controller import dispatcher as messages
from linstor_core.controller import node_files
from linstor_core.controller.admission import Admission, Turn
from linstor_core.controller.change import Change
from linstor_core.controller.controller import Controller
from linstor_core.controller.dialing import Dial
from linstor_core.controller.dispatcher import Dispatcher, Mailbox
from linstor_core.controller.operations import reports
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import LinstorError
from linstor_core.domain.nodes import ConnectionStatus, NetInterface, Node, NodeType
from linstor_core.domain.observed import ExternalFileSeen
from linstor_core.wire import node_report
from linstor_core.wire.connection import Connection, ConnectionLost
from linstor_core.wire.external_files import CheckedFile, CheckFile, FilesSeen
from linstor_core.wire.node_report import (
    Answer,
    Hello,
    HelloAnswer,
    LogLevels,
    PlannedSteps,
    PlanResource,
    Report,
    SetLogLevels,
)
from linstor_core.wire.resource_spec import ResourceSpec

log = logging.getLogger(__name__)

DEFAULT_PORT = 3366


def address_of(node: Node) -> NetInterface | None:
    """The interface to dial: the active one, else the first that has a satellite port."""
    reachable = [interface for interface in node.net_interfaces if interface.satellite_port is not None]
    active = [interface for interface in reachable if key_of(interface.name) == key_of(node.active_interface)]
    return next(iter(active + reachable), None)


class SatelliteLink:
    """One node's link: connect, introduce, full sync, then news both ways, until it breaks."""

    ANSWER_S = 10.0
    RETRY_S = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)

    def __init__(self, node_key: str, controller: Controller, dispatcher: Dispatcher, controller_id: str,
                 jitter: Callable[[], float], *, dial: Dial, admission: Admission) -> None:
        self._key = node_key
        self._controller = controller
        self._dispatcher = dispatcher
        self._controller_id = controller_id
        self._jitter = jitter
        self._dial = dial
        self._admission = admission
        self._failures = 0
        self._socket: Connection | None = None
        self._numbers = itertools.count(1)
        self._questions: dict[int, asyncio.Future[Answer]] = {}
        self._protocol = 0

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

    async def _answer_to(self, question: PlanResource | SetLogLevels | CheckFile) -> Answer | None:
        if self._socket is None:
            return None
        number = question.number
        answer = self._questions[number] = asyncio.get_running_loop().create_future()
        try:
            await self._socket.send(node_report.encode(question))
            return await asyncio.wait_for(answer, self.ANSWER_S)
        except (TimeoutError, ConnectionLost):
            return None
        finally:
            del self._questions[number]

    async def run(self) -> None:
        while True:
            status, reason = await self._attempt()
            self._failures += 1
            if self._failures == 1 and reason:
                log.warning("Satellite %s: %s (%s)", self._key, status, reason)
            self._fold_status(status)
            pause = self.RETRY_S[min(self._failures, len(self.RETRY_S)) - 1] * (0.75 + self._jitter() / 2)
            await asyncio.sleep(pause)

    async def _attempt(self) -> tuple[ConnectionStatus, str]:
        node = self._controller.cluster.nodes.get(self._key)
        interface = address_of(node) if node is not None else None
        if node is None or interface is None:
            return ConnectionStatus.OFFLINE, "no network interface with a satellite port"
        try:
            async with self._dial(interface) as socket:
                return await self._serve(node, socket)
        except LinstorError as fault:
            return ConnectionStatus.FULL_SYNC_FAILED, f"{fault.message} {fault.cause}"
        except (OSError, msgspec.DecodeError) as fault:
            return ConnectionStatus.OFFLINE, str(fault) or type(fault).__name__

    async def _serve(self, node: Node, socket: Connection) -> tuple[ConnectionStatus, str]:
        settings = self._controller.cluster.controller
        await socket.send(node_report.encode(Hello(settings.cluster_id, self._controller_id, settings.epoch, node.name,
                                                   node.uuid)))
        async with asyncio.timeout(self.ANSWER_S):
            answer = await self._receive(socket)
        if not isinstance(answer, HelloAnswer):
            return ConnectionStatus.AUTHENTICATION_ERROR, "the satellite did not introduce itself"
        if answer.refusal:
            return ConnectionStatus(answer.refusal), answer.message
        self._protocol = answer.protocol
        self._controller.fold(reports.introduced(node.name, answer))
        async with self._admission.turn() as turn:
            mailbox = self._dispatcher.open(self._key)
            try:
                if self._protocol >= node_report.FILES_SINCE:
                    await socket.send(node_report.encode(node_files.message(self._controller.cluster, self._key)))
                await socket.send(node_report.encode(messages.full_sync(self._controller.cluster, self._key)))
                return await self._exchange(node.name, socket, mailbox, turn)
            finally:
                self._dispatcher.close(self._key, mailbox)

    async def _exchange(self, name: str, socket: Connection, mailbox: Mailbox,
                        turn: Turn) -> tuple[ConnectionStatus, str]:
        sender = asyncio.create_task(self._send_news(socket, mailbox))
        self._socket = socket
        try:
            while True:
                message = await self._receive(socket)
                if isinstance(message, Report):
                    self._failures = 0
                    # A report that can't be stored ends the link: the next full sync tells all of it again.
                    await self._controller.fold(reports.reported(name, message))
                    if message.synced:
                        turn.end()
                elif isinstance(message, FilesSeen):
                    self._controller.fold(reports.files_of(self._key, message))
                elif not isinstance(message, HelloAnswer) and message.number in self._questions:
                    self._questions[message.number].set_result(message)
        finally:
            self._socket = None
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionLost):
                await sender

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

    @staticmethod
    async def _receive(socket: Connection) -> node_report.ToController:
        return node_report.decode_for_controller(await socket.receive())

    def _fold_status(self, status: ConnectionStatus) -> None:
        if self._key in self._controller.cluster.nodes:
            self._controller.fold(reports.link_broken(self._key, status, self._failures))


class SatelliteLinks:
    """One link for every node that runs a satellite; follows the model."""

    def __init__(self, controller: Controller, dispatcher: Dispatcher, controller_id: str,
                 jitter: Callable[[], float], *, dial: Dial, admission: Admission | None = None) -> None:
        self._controller = controller
        self._dispatcher = dispatcher
        self._controller_id = controller_id
        self._jitter = jitter
        self._dial = dial
        self._admission = admission or Admission()
        self._running: dict[str, tuple[SatelliteLink, asyncio.Task[None]]] = {}

    def start(self) -> None:
        for key, node in self._controller.cluster.nodes.items():
            self._follow(key, node)
        self._controller.on_publish(self.published)

    def published(self, before: Cluster, after: Cluster, change: Change) -> None:
        if before.nodes is after.nodes:
            return
        for key in {key_of(document.name) for document in change.puts if isinstance(document, Node)}:
            old, new = before.nodes.get(key), after.nodes[key]
            if old is None or address_of(old) != address_of(new) or old.uuid != new.uuid:
                self._drop(key)
            self._follow(key, new)
        for cls, gone in change.deletes:
            if cls is Node and isinstance(gone, str):
                self._drop(gone)

    async def ask(self, node_key: str, spec: ResourceSpec) -> PlannedSteps | None:
        """What the satellite of a node would do for a spec; None when nobody can tell."""
        found = self._running.get(node_key)
        return await found[0].ask(spec) if found is not None else None

    async def set_log_levels(self, node_key: str, levels: dict[str, str]) -> dict[str, str] | None:
        """The levels in force on a node after these were set; None where they could not be."""
        found = self._running.get(node_key)
        return await found[0].set_log_levels(levels) if found is not None else None

    async def check_file(self, node_key: str, path: str) -> ExternalFileSeen | None:
        """How an external file is on a node; None when nobody can tell."""
        found = self._running.get(node_key)
        return await found[0].check_file(path) if found is not None else None

    def reconnect(self, node_key: str) -> None:
        """Break the link, if there is one, and dial at once."""
        self._drop(node_key)
        node = self._controller.cluster.nodes.get(node_key)
        if node is not None:
            self._follow(node_key, node)

    def _follow(self, key: str, node: Node) -> None:
        if key in self._running or node.type not in (NodeType.SATELLITE, NodeType.COMBINED):
            return
        link = SatelliteLink(key, self._controller, self._dispatcher, self._controller_id, self._jitter,
                             dial=self._dial, admission=self._admission)
        self._running[key] = (link, asyncio.create_task(link.run(), name=f"link-{key}"))

    def _drop(self, key: str) -> None:
        found = self._running.pop(key, None)
        if found is not None:
            found[1].cancel()

    async def stop(self) -> None:
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._running.clear()
