"""The satellite as a whole: the channel, the reconciler and the store put together."""

from __future__ import annotations

import asyncio
import logging
import platform
import random
from collections.abc import Callable
from concurrent.futures import Executor as Threads
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec import Struct, structs

from linstor_core import __version__
from linstor_core.domain.nodes import ConnectionStatus
from linstor_core.domain.observed import OrphanSeen, PoolSeen, ResourceSeen
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.satellite import log_levels
from linstor_core.satellite.attached_files import AttachedFiles
from linstor_core.satellite.channel import Channel, Link
from linstor_core.satellite.clock import Clock, SystemClock
from linstor_core.satellite.content_fetches import Dial
from linstor_core.satellite.content_offers import Offered
from linstor_core.satellite.credentials import (
    Credentials,
    TlsFiles,
    has_lost_its_certificate,
    joined_as,
    joined_files,
)
from linstor_core.satellite.device_answers import DeviceAnswers
from linstor_core.satellite.device_links import NO_NAMES, DeviceLinks
from linstor_core.satellite.device_pools import DevicePools, device_pools
from linstor_core.satellite.executor import Executor
from linstor_core.satellite.file_contents import FileContents
from linstor_core.satellite.layers.registry import LAYERS
from linstor_core.satellite.listener import Listener, WebsocketListener, dialing
from linstor_core.satellite.loop_devices import LoopDevices
from linstor_core.satellite.observer import Observer
from linstor_core.satellite.reconciler import Reconciler, World
from linstor_core.satellite.settings import DEFAULT_PORT, DEFAULT_TLS_PORT
from linstor_core.satellite.spec_store import Identity, SpecStore, StoredPools, StoredResource
from linstor_core.satellite.storage.registry import DRIVERS
from linstor_core.satellite.transfer_limits import TransferLimits
from linstor_core.satellite.transfers import Transfers
from linstor_core.wire.connection import Connection
from linstor_core.wire.content_transfer import ContentRequest
from linstor_core.wire.devices import ListDevices, PrepareDevices
from linstor_core.wire.external_files import ApplyFiles, CheckedFile, CheckFile, FilesSeen
from linstor_core.wire.node_report import (
    OLDEST_PROTOCOL_VERSION,
    PROTOCOL_VERSION,
    ApplyPools,
    ApplyResource,
    CertificateInstalled,
    ForgetResource,
    FullSync,
    Hello,
    HelloAnswer,
    InstallCertificate,
    LogLevels,
    PlannedSteps,
    PlanResource,
    SetLogLevels,
    ToSatellite,
)
from linstor_core.wire.resource_spec import ResourceSpec

_log = logging.getLogger(__name__)
_THREADS = 8


class SatelliteSettings(Struct, frozen=True):
    """`state_directory` is made when it is missing. Port 0 takes a free one."""

    name: str
    state_directory: Path
    address: str = "0.0.0.0"
    port: int = DEFAULT_PORT
    file_folders: tuple[str, ...] = ()
    """Where external files may be written: absolute paths without `.` and `..`."""
    device_links: str = ""
    """The folder of stable names of devices: an absolute path, or empty for none."""
    allow_loop_devices: bool = False
    """Whether loop devices count as disks when unused devices are looked for."""
    tls: TlsFiles | None = None
    """None: what joining a cluster has left in the state folder, if it has."""
    tls_port: int | None = None
    """None: the one that was told when joining, else LINSTOR's."""
    encryption: str = "auto"
    """plain, ssl, both, or auto: by TLS where there is a certificate, else without."""
    transfers: TransferLimits = TransferLimits()
    """Of content to and from other satellites."""


def real_world(clock: Clock, names: DeviceLinks = NO_NAMES, devices: DevicePools | None = None) -> World:
    """This machine. Lists its loop devices once."""
    loops = LoopDevices(clock.monotonic, clock.pause)
    loops.list_all()
    return World(Observer(loops, names), Executor(loops, names), clock, random.Random().random,
                 contents=FileContents(loops), devices=devices)


def _as_joined(settings: SatelliteSettings) -> SatelliteSettings:
    """Whoever has joined is who the cluster takes it for, whatever the machine is called now."""
    joined = joined_as(settings.state_directory) if settings.tls is None else None
    if joined is None:
        return settings
    port = settings.tls_port if settings.tls_port is not None else joined.port
    return structs.replace(settings, name=joined.node_name, tls_port=port,
                           tls=joined_files(settings.state_directory))


class Satellite:
    """Start it in a running loop; `stop` leaves every device in place, so volumes go on working.

    With `threads` it works and stores in those, which the caller ends; else in its own.
    """

    def __init__(self, settings: SatelliteSettings, world: World | None = None,
                 open_store: Callable[[Path, Threads], SpecStore] = SpecStore,
                 listener: Listener | None = None, threads: Threads | None = None, *,
                 dial: Dial | None = None) -> None:
        self._settings = _as_joined(settings)
        self._world = world
        self._open_store = open_store
        self._given_threads = threads
        self._dial = dial or dialing(
            lambda: self._credentials.dialling() if self._credentials is not None else None)
        self._link: Link | None = None
        self._synced = False
        self._syncing: asyncio.Task[None] | None = None
        self._credentials: Credentials | None = None
        self._channel = Channel(self, listener or WebsocketListener())

    @property
    def port(self) -> int:
        """Where it listens, once started; 0 where it does not."""
        return self._channel.port

    @property
    def tls_port(self) -> int:
        """The same by TLS."""
        return self._channel.secure_port

    async def start(self) -> None:
        """Raises OSError when the state directory or the port cannot be used."""
        self._threads = self._given_threads or ThreadPoolExecutor(_THREADS, "satellite")
        self._writer = self._given_threads or ThreadPoolExecutor(1, "satellite-store")
        run = asyncio.get_running_loop().run_in_executor
        self._store = await run(self._writer, self._open_store, self._settings.state_directory, self._writer)
        world = self._world
        if world is None:
            names = DeviceLinks(self._settings.device_links, self._settings.state_directory)
            pools = device_pools(self._settings.state_directory, self._settings.allow_loop_devices)
            world = await run(self._threads, real_world, SystemClock(), names, pools)
        self._devices = DeviceAnswers(world.devices, world.clock, self._threads)
        await self._devices.start()
        self._transfers = Transfers(world.contents, self._dial, self._offered, self._settings.transfers, world.clock,
                                    threads=self._given_threads)
        self._reconciler = Reconciler(world, self._store, self._threads, self._on_resource, self._on_pool,
                                      on_orphans=self._on_orphans, transfers=self._transfers)
        self._reconciler.start(self._settings.name)
        self._files = AttachedFiles(world, self._store, self._threads, self._settings.file_folders, self._on_files)
        self._files.start()
        try:
            await self._listen()
        except OSError:
            await self.stop()
            raise
        _log.info("satellite %s listens on %s port %d (PLAIN), port %d (SSL)", self._settings.name,
                  self._settings.address, self.port, self.tls_port)

    async def _listen(self) -> None:
        settings = self._settings
        if settings.encryption in ("ssl", "both") and settings.tls is None:
            raise OSError("there is no certificate to listen with by TLS: 'linstor-satellite join' brings one")
        if settings.encryption == "auto" and settings.tls is None and has_lost_its_certificate(
                settings.state_directory):
            raise OSError("this host has joined a cluster, and its certificate is gone: join again, or set the "
                          "encryption to 'plain' if everybody on the network may be its controller")
        if settings.tls is not None and settings.encryption != "plain":
            self._credentials = Credentials(settings.tls)
            await self._channel.start_secure(
                WebsocketListener(self._credentials.context), settings.address,
                DEFAULT_TLS_PORT if settings.tls_port is None else settings.tls_port)
        if self._credentials is None or settings.encryption == "both":
            await self._channel.start(settings.address, settings.port)

    def load_certificates(self) -> None:
        """Take certificates that have been replaced on the disk into use. Raises OSError; then nothing changes."""
        if self._credentials is not None:
            self._credentials.load()

    async def _install(self, message: InstallCertificate) -> str:
        """Why it could not be done; "" when it is in use."""
        if self._credentials is None:
            return "this satellite has no certificate"
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._credentials.write,
                                                              message.certificate, message.authorities)
            self._credentials.load()
        except OSError as error:
            return str(error)
        _log.info("satellite %s has a new certificate", self._settings.name)
        return ""

    async def stop(self) -> None:
        await self._transfers.offers.stop()
        await self._channel.stop()
        if self._syncing is not None:
            self._syncing.cancel()
        await self._devices.stop()
        await self._files.stop()
        await self._reconciler.stop()
        self._transfers.stop()
        await self._store.close()
        if self._given_threads is None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._writer.shutdown()

    def status(self) -> str:
        ports = [f"port {self.port}"] if self.port else []
        if self.tls_port:
            ports.append(f"port {self.tls_port} by TLS")
        return f"serves the node {self._settings.name} on {self._settings.address} {' and '.join(ports)}"

    def allow_files(self, folders: tuple[str, ...]) -> None:
        """Where external files may be written from now on."""
        self._files.allow(folders)

    # What the reconciler tells

    def _on_resource(self, seen: ResourceSeen) -> None:
        if self._link is not None and self._synced:
            self._link.tell_resource(seen)

    def _on_pool(self, seen: PoolSeen) -> None:
        if self._link is not None and self._synced:
            self._link.tell_pool(seen)

    def _on_orphans(self, seen: tuple[OrphanSeen, ...]) -> None:
        if self._link is not None and self._synced:
            self._link.tell_orphans(seen)

    def _on_files(self, seen: FilesSeen) -> None:
        if self._link is not None:
            self._link.tell_files(seen)

    # What the channel asks

    async def hello(self, hello: Hello) -> HelloAnswer:
        refusal, message = self._refusal(hello)
        if not refusal:
            known = self._store.identity
            wanted = Identity(hello.cluster_id, hello.epoch, hello.controller_id)
            if wanted != known:
                try:
                    await self._store.put(wanted)
                except OSError as error:
                    refusal, message = ConnectionStatus.FULL_SYNC_FAILED.value, f"The state cannot be stored: {error}"
        return HelloAnswer(
            min(hello.newest_protocol, PROTOCOL_VERSION), self._settings.name, __version__,
            tuple(DRIVERS), tuple(LAYERS),
            {kind.value: ["This satellite has no driver for it"] for kind in ProviderKind if kind not in DRIVERS},
            {}, platform.system(), platform.release(), log_levels.in_force(), refusal, message,
            self._transfers.is_possible)

    def _refusal(self, hello: Hello) -> tuple[str, str]:
        """(name of a ConnectionStatus, message); empty when the controller is served."""
        known = self._store.identity
        if hello.newest_protocol < OLDEST_PROTOCOL_VERSION or hello.oldest_protocol > PROTOCOL_VERSION:
            return ConnectionStatus.VERSION_MISMATCH.value, (
                f"This satellite speaks the protocols {OLDEST_PROTOCOL_VERSION} to {PROTOCOL_VERSION}, the controller "
                f"{hello.oldest_protocol} to {hello.newest_protocol}.")
        if hello.node_name.upper() != self._settings.name.upper():
            return ConnectionStatus.HOSTNAME_MISMATCH.value, (
                f"This satellite is '{self._settings.name}', the controller takes it for '{hello.node_name}'.")
        if known.cluster_id not in ("", hello.cluster_id):
            return ConnectionStatus.OTHER_CONTROLLER.value, (
                f"This satellite belongs to the cluster {known.cluster_id}. To give it to another cluster, stop it and "
                f"remove {self._settings.state_directory}.")
        if hello.epoch < known.epoch:
            return ConnectionStatus.OTHER_CONTROLLER.value, (
                f"A newer controller of this cluster was here: epoch {known.epoch}, yours is {hello.epoch}.")
        if hello.epoch == known.epoch and known.controller_id not in ("", hello.controller_id):
            # Two databases have counted to the same number: one of them is a copy.
            return ConnectionStatus.OTHER_CONTROLLER.value, (
                f"Another controller of this cluster serves in the same epoch, {known.epoch}. If that one is gone for "
                "good, restart yours.")
        return "", ""

    def _offered(self, request: ContentRequest) -> Offered:
        return self._reconciler.offered(request)

    async def give(self, request: ContentRequest, connection: Connection) -> None:
        await self._transfers.offers.give(request, connection)

    def connected(self, link: Link) -> None:
        self._link = link
        self._synced = False
        if self._syncing is not None:
            self._syncing.cancel()

    async def receive(self, message: ToSatellite, link: Link) -> None:
        match message:
            case FullSync():
                await self._full_sync(message, link)
            case ApplyPools():
                await self._reconciler.apply_pools(StoredPools(message.generation, message.pools))
                self._reconciler.look_for_orphans()
            case ApplyResource():
                self._apply(message.spec, link.epoch)
            case ForgetResource():
                if not self._reconciler.is_older(message.resource_name, (link.epoch, message.generation)):
                    await self._reconciler.forget(message.resource_name)
            case PlanResource():
                steps, obstacles = await self._reconciler.plan(message.spec)
                link.tell_answer(PlannedSteps(message.number, steps, obstacles))
            case SetLogLevels():
                link.tell_answer(LogLevels(message.number, log_levels.set_levels(message.levels)))
            case ApplyFiles():
                self._files.apply(message)
            case CheckFile():
                number = message.number
                self._files.answer(message.path, lambda seen: link.tell_answer(CheckedFile(number, seen)))
            case ListDevices() | PrepareDevices():
                self._devices.answer(message, link.tell_answer)
            case InstallCertificate():
                link.tell_answer(CertificateInstalled(message.number, await self._install(message)))
            case Hello():
                _log.warning("a second greeting was ignored")

    def _apply(self, spec: ResourceSpec, epoch: int) -> asyncio.Future[None] | None:
        stored = StoredResource(spec, epoch)
        if self._reconciler.is_older(spec.resource_name, stored.order):
            _log.warning("%s: the spec of generation %d is older than what is here", spec.resource_name,
                         spec.generation)
            return None
        return self._reconciler.apply(stored)

    async def _full_sync(self, message: FullSync, link: Link) -> None:
        """All specs are taken over before the next message is read; only the work goes on by itself."""
        self._synced = True
        if self._syncing is not None:
            self._syncing.cancel()
        self._reconciler.follow(message.resources)
        await self._reconciler.forget_others(spec.resource_name for spec in message.resources)
        await self._reconciler.apply_pools(StoredPools(message.generation, message.pools))
        attempts = [self._apply(spec, link.epoch) for spec in message.resources]
        self._syncing = asyncio.ensure_future(
            self._finish_sync(message.generation, link, [attempt for attempt in attempts if attempt is not None]))

    async def _finish_sync(self, generation: int, link: Link, attempts: list[asyncio.Future[None]]) -> None:
        await asyncio.gather(*attempts, return_exceptions=True)
        link.tell_synced(generation, await self._reconciler.orphans())
