"""Connections to controllers: kept open, one caller at a time each."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from linstor_core.client.client import LinstorClient, local_token
from linstor_core.client.volumes import VolumeService
from linstor_proxmox import secret_files
from linstor_proxmox.refusals import Refused
from linstor_proxmox.storage_config import StorageConfig

CALL_TIMEOUT_S = 50.0
"""Below the 60 s after which Proxmox VE takes its cluster-wide lock away from a caller."""
_Key = tuple[str, Path, int]


class Sessions:
    """For any number of threads. A session whose storage or secrets changed is not used again."""

    def __init__(self, timeout_s: float = CALL_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._idle: dict[_Key, list[VolumeService]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def service(self, config: StorageConfig) -> Iterator[VolumeService]:
        """Raises Refused for unusable addresses or secrets."""
        key = (config.controllers, config.secrets, _changed_ns(config.secrets))
        with self._lock:
            idle = self._idle.setdefault(key, [])
            service = idle.pop() if idle else None
        if service is None:
            service = self._connected(config)
        try:
            yield service
        finally:
            with self._lock:
                idle.append(service)

    def _connected(self, config: StorageConfig) -> VolumeService:
        caller = secret_files.credentials(config.secrets, local_token())
        try:
            return VolumeService(LinstorClient(config.controllers, timeout_s=self._timeout_s, credentials=caller))
        except ValueError as error:
            raise Refused(f"storage '{config.storage}': {error}") from None


def _changed_ns(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
