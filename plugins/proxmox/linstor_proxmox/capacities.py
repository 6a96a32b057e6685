"""How full storages are, from memory: pvestatd asks every ten seconds on every node, and has to wait for nobody."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from linstor_core.client.errors import ClientError
from linstor_core.client.volumes import Capacity, VolumeService
from linstor_proxmox.refusals import Refused
from linstor_proxmox.sessions import Sessions
from linstor_proxmox.storage_config import StorageConfig

REFRESH_S = 10.0
STALE_S = 60.0
"""A storage whose controllers did not answer for so long is shown as inactive."""
FORGOTTEN_S = 600.0
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Watched:
    asked: float
    capacity: Capacity | None = None
    fetched: float = 0.0
    problem: str = ""


class Capacities:
    """`refresh` is called by one thread every REFRESH_S, `status` by any."""

    def __init__(self, sessions: Sessions, clock: Callable[[], float] = time.monotonic) -> None:
        self._sessions = sessions
        self._clock = clock
        self._watched: dict[StorageConfig, _Watched] = {}
        self._lock = threading.Lock()

    def status(self, config: StorageConfig) -> tuple[int, int, int, int]:
        """(total, available, used, active) in bytes. Only the very first question about a storage asks a controller.
        """
        now = self._clock()
        with self._lock:
            watched = self._watched.get(config)
            is_new = watched is None
            watched = self._watched.setdefault(config, _Watched(now))
            watched.asked = now
        if is_new:
            self._fetch(config, watched)
        capacity = watched.capacity
        if capacity is None or self._clock() - watched.fetched > STALE_S:
            return 0, 0, 0, 0
        total, free = capacity.total_kib * 1024, capacity.free_kib * 1024
        return total, free, max(total - free, 0), 1

    def refresh(self) -> None:
        now = self._clock()
        with self._lock:
            self._watched = {config: watched for config, watched in self._watched.items()
                             if now - watched.asked < FORGOTTEN_S}
            due = list(self._watched.items())
        for config, watched in due:
            self._fetch(config, watched)

    def _fetch(self, config: StorageConfig, watched: _Watched) -> None:
        try:
            with self._sessions.service(config) as service:
                watched.capacity = _capacity(service, config.group)
            watched.fetched, watched.problem = self._clock(), ""
        except (ClientError, Refused) as error:
            if str(error) != watched.problem:
                _log.warning("storage '%s': %s", config.storage, error)
            watched.problem = str(error)


def _capacity(service: VolumeService, group: str) -> Capacity:
    return service.capacity(group)
