"""Connections to controllers: kept open, one caller at a time each."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from linstor_core.client.client import LinstorClient, local_token
from linstor_core.client.transport import HttpTransport
from linstor_core.client.uris import controller_urls
from linstor_core.client.volumes import VolumeService
from linstor_proxmox import secret_files
from linstor_proxmox.refusals import Refused
from linstor_proxmox.storage_config import StorageConfig

CALL_TIMEOUT_S = 50.0
"""Below the 60 s after which Proxmox VE takes its cluster-wide lock away from a caller."""
_Key = tuple[str, Path, int]


@dataclass(frozen=True, slots=True)
class _Session:
    service: VolumeService
    transport: HttpTransport


class Sessions:
    """For any number of threads. A session whose secrets changed is not used again."""

    def __init__(self, timeout_s: float = CALL_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._idle: dict[_Key, list[_Session]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Sessions:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what nobody uses now."""
        with self._lock:
            idle = [session for sessions in self._idle.values() for session in sessions]
            self._idle.clear()
        for session in idle:
            session.transport.close()

    @contextmanager
    def service(self, config: StorageConfig) -> Iterator[VolumeService]:
        """Raises Refused for unusable addresses or secrets."""
        key = (config.controllers, config.secrets, _changed_ns(config.secrets))
        with self._lock:
            sessions = self._idle.get(key)
            session = sessions.pop() if sessions else None
        if session is None:
            session = self._connected(config)
        try:
            yield session.service
        finally:
            self._take_back(key, session)

    def _take_back(self, key: _Key, session: _Session) -> None:
        with self._lock:
            outdated = [other for other in self._idle if other[:2] == key[:2] and other[2] != key[2]]
            gone = [old for other in outdated for old in self._idle.pop(other)]
            self._idle.setdefault(key, []).append(session)
        for old in gone:
            old.transport.close()

    def _connected(self, config: StorageConfig) -> _Session:
        caller = secret_files.credentials(config.secrets, local_token())
        try:
            transport = HttpTransport(controller_urls(config.controllers), self._timeout_s, caller)
        except ValueError as error:
            raise Refused(f"storage '{config.storage}': {error}") from None
        return _Session(VolumeService(LinstorClient(transport=transport)), transport)


def _changed_ns(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
