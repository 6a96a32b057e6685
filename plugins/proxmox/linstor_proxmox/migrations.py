"""Live migrations to this node: two nodes may have a volume open while the lease of the core lasts."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from linstor_core.client.errors import ClientError
from linstor_core.client.volumes import VolumeService
from linstor_proxmox.refusals import Refused
from linstor_proxmox.sessions import Sessions
from linstor_proxmox.storage_config import StorageConfig

LEASE_S = 120.0
RENEWAL_S = 40.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Window:
    config: StorageConfig
    resource: str
    source: str
    target: str


class Migrations:
    """Renews windows as long as both nodes have the volume open; whatever ends otherwise, the core's lease ends."""

    def __init__(self) -> None:
        self._windows: dict[Window, int] = {}
        self._lock = threading.Lock()

    def begin(self, service: VolumeService, window: Window) -> None:
        service.open_migration_window(window.resource, window.source, window.target, LEASE_S)
        with self._lock:
            self._windows[window] = 0

    def end(self, service: VolumeService, resource: str) -> None:
        """Close what this node opened for a resource."""
        for window in self._of(resource):
            self._close(service, window)

    def renew(self, sessions: Sessions) -> None:
        """To be called every RENEWAL_S."""
        for window in self._of(None):
            try:
                with sessions.service(window.config) as service:
                    self._renew(service, window)
            except (ClientError, Refused) as error:
                _log.warning("the migration window of %s could not be renewed: %s", window.resource, error)

    def _renew(self, service: VolumeService, window: Window) -> None:
        volume = service.find(window.resource)
        open_on = {name.lower() for name in volume.in_use_on} if volume is not None else set()
        with self._lock:
            rounds = self._windows.get(window)
            if rounds is None:
                return
            self._windows[window] = rounds + 1
        is_starting = rounds * RENEWAL_S < LEASE_S and window.source.lower() in open_on
        if is_starting or {window.source.lower(), window.target.lower()} <= open_on:
            service.open_migration_window(window.resource, window.source, window.target, LEASE_S)
        else:
            self._close(service, window)

    def _close(self, service: VolumeService, window: Window) -> None:
        with self._lock:
            self._windows.pop(window, None)
        service.close_migration_window(window.resource, window.source, window.target)

    def _of(self, resource: str | None) -> list[Window]:
        with self._lock:
            return [window for window in self._windows if resource in (None, window.resource)]
