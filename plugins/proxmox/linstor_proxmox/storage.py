"""One storage, on this node, for the time of one call: what the calls of `platform_calls` have in common."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from linstor_core.client.errors import InUse
from linstor_core.client.volumes import VolumeService
from linstor_proxmox.catalogue import Catalogue
from linstor_proxmox.migrations import Migrations
from linstor_proxmox.node_links import NodeLinks
from linstor_proxmox.refusals import Refused
from linstor_proxmox.storage_config import StorageConfig

T = TypeVar("T")
CLOSING_S = 10.0
"""QEMU has closed a device a moment after Proxmox VE says that a guest is down."""
_POLL_S = 0.2


@dataclass(frozen=True)
class Node:
    """What all calls on a node share. `naming` is held while a free name is sought."""

    name: str
    links: NodeLinks
    migrations: Migrations
    naming: threading.Lock = field(default_factory=threading.Lock)
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    closing_s: float = CLOSING_S


class Storage:
    def __init__(self, config: StorageConfig, service: VolumeService, node: Node) -> None:
        self.config = config
        self.service = service
        self.node = node
        self.catalogue = Catalogue(service, config)

    @property
    def name(self) -> str:
        return self.config.storage

    def once_closed(self, volume: str, call: Callable[[], T]) -> T:
        """Make a call that is refused while the volume is open, for a while. Raises Refused."""
        deadline = self.node.clock() + self.node.closing_s
        while True:
            try:
                return call()
            except InUse as error:
                if self.node.clock() > deadline:
                    raise Refused(f"volume '{self.name}:{volume}' is in use: {error}") from error
            self.node.sleep(_POLL_S)

    def await_closed(self, volume: str, resource: str) -> None:
        """Before anything is taken away that a refusal would not bring back. Raises Refused."""
        deadline = self.node.clock() + self.node.closing_s
        while (found := self.service.find(resource)) is not None and found.in_use_on:
            if self.node.clock() > deadline:
                raise Refused(f"volume '{self.name}:{volume}' is in use on {', '.join(found.in_use_on)}")
            self.node.sleep(_POLL_S)
