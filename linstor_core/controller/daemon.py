"""Puts the parts of a controller together and runs them in the loop of the caller."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import secrets
import time
import uuid
from pathlib import Path

from linstor_core.controller import auto_unlock
from linstor_core.controller.access_log import AccessLog, AccessLogChoice
from linstor_core.controller.app import Services, create_app
from linstor_core.controller.auto_unlock import Passphrase
from linstor_core.controller.certificate_office import CertificateOffice, OfficeChoices
from linstor_core.controller.collector import Collector
from linstor_core.controller.diagnostics.error_reports import ErrorReports
from linstor_core.controller.diagnostics.instruments import Instruments
from linstor_core.controller.diagnostics.log_ring import LogRing
from linstor_core.controller.diagnostics.resource_metrics import ResourceMetrics
from linstor_core.controller.diagnostics.traffic import Traffic
from linstor_core.controller.dialing import dialing
from linstor_core.controller.engine import Engine
from linstor_core.controller.events import EventHub
from linstor_core.controller.https import CertificateFiles, Certificates, Https
from linstor_core.controller.keyring import Keyring
from linstor_core.controller.link_files import LinkFiles
from linstor_core.controller.listeners import Listen, Listeners, Redirect
from linstor_core.controller.repository import Repository
from linstor_core.controller.routes import ROUTES
from linstor_core.controller.server import Bridge
from linstor_core.controller.token_gate import TokenGate
from linstor_core.domain.errors import Code, InvalidInput


class SystemContext:
    """The real clock and real randomness.

    Random bytes for UUIDs are fetched many at a time: each call to the kernel gives up the interpreter to the thread
    that writes the database, and waits to get it back.
    """

    _UUIDS_AT_ONCE = 256

    def __init__(self) -> None:
        self._uuids: list[str] = []

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def new_uuid(self) -> str:
        if not self._uuids:
            drawn = os.urandom(16 * self._UUIDS_AT_ONCE)
            self._uuids = [str(uuid.UUID(bytes=drawn[start:start + 16], version=4))
                           for start in range(0, len(drawn), 16)]
        return self._uuids.pop()

    def new_secret(self) -> str:
        return secrets.token_urlsafe(15)


class ControllerDaemon:
    """A controller on a state folder and a listen address; `repository` replaces the database in that folder.

    With a `passphrase` it opens its master key by itself, and sets one where there is none. With `https` callers of the
    plain address are redirected there; `serves_http` off leaves the plain address out.
    """

    def __init__(self, state: Path, host: str, port: int, repository: Repository | None = None,
                 passphrase: Passphrase | None = None, *, https: Https | None = None, serves_http: bool = True,
                 access_log: AccessLogChoice | None = None, links: OfficeChoices = OfficeChoices()) -> None:
        """Raises InvalidInput for a certificate that can't be used."""
        self._state = state
        self._https = https
        self._certificates = Certificates(https.files) if https is not None else None
        self._serves_http = serves_http
        self._access_log_choice = access_log
        self._passphrase = passphrase
        self._repository = repository or Repository.in_folder(state)
        self._address = (host, port)
        self._context = SystemContext()
        self._collector = Collector()
        self._keyring = Keyring()
        self._office = CertificateOffice(self._context, self._keyring, state, links)

    async def start(self) -> None:
        """Load, listen, dial. Raises LinstorError when the database refuses, OSError when the address is taken."""
        self._repository.open()
        with self._collector.loading():
            self._engine = Engine(self._repository, self._context, jitter=random.random,
                                  dial=dialing(self._office.dialling_context), renew=self._office.renew)
        self.controller, links = self._engine.controller, self._engine.links
        self._office.serve(self.controller)
        self._events = EventHub()
        self.controller.on_publish(self._events.published)
        gate = TokenGate(self.controller.cluster, self._context.now_ms)
        self.controller.on_publish(gate.published)
        self._instruments = self._make_instruments()
        if self._passphrase is not None:
            await auto_unlock.unlock(self.controller, self._keyring, self._passphrase)
        services = Services(self.controller, self._events, self._keyring, self._context.now_ms, links.reconnect,
                            links.ask, self._instruments, links.set_log_levels, links.check_file, self._office,
                            links)
        self._access_log = self._open_access_log()
        self._listeners = self._make_listeners(Bridge(create_app(services, ROUTES), services, gate, self._access_log))
        await self._listeners.start()
        self._engine.start(self._collector.settle)

    def _open_access_log(self) -> AccessLog | None:
        choice = self._access_log_choice
        return AccessLog(choice.path, choice.mode) if choice is not None and choice.mode != "no_log" else None

    def _make_listeners(self, bridge: Bridge) -> Listeners:
        plain = [Listen(*self._address, bridge)] if self._serves_http else []
        if self._https is None or self._certificates is None:
            return Listeners(plain)
        redirect = [Listen(*self._address, Redirect(self._https.port))] if self._serves_http else []
        return Listeners([*redirect, Listen(self._https.host, self._https.port, bridge, self._certificates.context)])

    def load_link_certificates(self, files: LinkFiles | None) -> None:
        """The same for links to satellites that are dialled from now on."""
        self._office.reload(files)

    def load_certificates(self, files: CertificateFiles | None) -> None:
        """Take new certificates for connections from now on. Raises InvalidInput; then nothing changes."""
        if (self._certificates is None) != (files is None):
            raise InvalidInput("Whether HTTPS is served changes with the next start only.", Code.INVLD_CONF,
                               correction="Restart the controller.")
        if self._certificates is not None and files is not None:
            self._certificates.load(files)

    def status(self) -> str:
        cluster = self.controller.cluster
        places = ", ".join(f"{host} port {port}" for host, port in self._listeners.addresses)
        return (f"serves {len(cluster.nodes)} nodes and {len(cluster.resource_definitions)} resource definitions on "
                f"{places}")

    def _make_instruments(self) -> Instruments:
        ring = LogRing()
        logging.getLogger().addHandler(ring)
        return Instruments(self._state, self._address, self._repository.location, self._repository.copy_to,
                           ErrorReports(self._state / "error-reports", self._context.now_ms), Traffic(), ring,
                           ResourceMetrics(), self._context.now_ms,
                           (self._https.host, self._https.port) if self._https is not None else None,
                           self._serves_http,
                           self._access_log_choice.mode if self._access_log_choice is not None else "no_log")

    async def stop(self) -> None:
        """Within two seconds, whoever listens or waits: what has been accepted is stored, the rest is refused."""
        self._engine.quiet()
        self._listeners.close()
        self._events.close()
        self.controller.let_go()
        await self._listeners.drain()
        await self._engine.stop()
        self._repository.close()
        if self._access_log is not None:
            self._access_log.close()
        logging.getLogger().removeHandler(self._instruments.log_ring)
        await asyncio.to_thread(self._instruments.error_reports.close)
