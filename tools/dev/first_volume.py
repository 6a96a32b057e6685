"""From a running process to a volume, by REST: node, storage pool, resource group, volume, each only where missing."""

from __future__ import annotations

import time
from pathlib import Path

from linstor_core.client.client import LinstorClient
from linstor_core.client.errors import ClientError
from linstor_core.domain.resource_groups import AutoSelectFilter
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire.rest_resources import Volume
from linstor_core.wire.rest_v1 import NetInterface
from tools.dev.state_folder import Setup

POOL = "thinpool"
GROUP = "basic"
VOLUME = "first"
SIZE_KIB = 1024 * 1024
KIB_PER_GIB = 1024 * 1024
ONLINE_WITHIN_S = 30
DEPLOYED_WITHIN_S = 10


class NotOnline(ClientError):
    """The controller does not reach its satellite."""


class FirstVolume:
    """`device_path` and `name` are those of the volume that `volume()` found or made; empty where there is none."""

    def __init__(self, setup: Setup, pool_directory: Path) -> None:
        self._setup = setup
        self._pool_directory = pool_directory
        self._client = LinstorClient(f"http://{setup.listen}")
        self.group = GROUP
        self.name = VOLUME
        self.device_path = ""

    def node(self) -> str:
        name = self._setup.node_name
        host, _, port = self._setup.satellite_listen.rpartition(":")
        if not self._client.nodes([name]):
            self._client.create_node(bodies.NodeCreate(name=name, type="COMBINED", net_interfaces=(NetInterface(
                name="default", address=host, satellite_port=int(port), satellite_encryption_type="PLAIN"),)))
        deadline = time.monotonic() + ONLINE_WITHIN_S
        while (status := self._client.node(name).connection_status) != "ONLINE":
            if time.monotonic() > deadline:
                raise NotOnline(f"node {name} is {status} after {ONLINE_WITHIN_S} s; see the log")
            time.sleep(0.02)
        return f"{name}, online"

    def storage_pool(self) -> str:
        name = self._setup.node_name
        if not self._client.storage_pools([name], [POOL]):
            self._client.create_storage_pool(name, bodies.StoragePoolCreate(
                storage_pool_name=POOL, provider_kind="FILE_THIN",
                props={"StorDriver/StorPoolName": str(self._pool_directory)}))
        found = self._client.storage_pool(name, POOL)
        return f"{POOL}, {found.provider_kind}, {(found.free_capacity or 0) / KIB_PER_GIB:.1f} GiB free"

    def resource_group(self) -> str:
        if not self._client.resource_groups([GROUP]):
            self._client.create_resource_group(bodies.ResourceGroupCreate(
                name=GROUP, description=f"One copy in {POOL}",
                select_filter=AutoSelectFilter(place_count=1, storage_pool_list=(POOL,), layer_stack=("STORAGE",))))
        if not self._client.volume_groups(GROUP):
            self._client.create_volume_group(GROUP)
        return f"{GROUP}, one copy in {POOL}"

    def volume(self) -> str:
        """Spawn one where the cluster has none at all; somebody who deleted the first does not get it back."""
        if not self._client.resource_definitions():
            self._client.spawn(GROUP, bodies.ResourceGroupSpawn(resource_definition_name=VOLUME,
                                                                volume_sizes=(SIZE_KIB,)))
        found = self._deployed()
        if found is None:
            return "none has a device on this node; `./dev linstor volume list` says more"
        self.name, volume = found
        self.device_path = volume.device_path or ""
        size_kib = self._client.volume_definition(self.name, volume.volume_number or 0).size_kib
        return f"{self.name}, {(size_kib or 0) / KIB_PER_GIB:.1f} GiB: {self.device_path}"

    def definition_names(self) -> set[str]:
        return {definition.name for definition in self._client.resource_definitions()}

    def snapshot_names(self) -> set[str]:
        """Those of the first volume."""
        return {snapshot.name for snapshot in self._client.snapshots([self.name])}

    def _deployed(self) -> tuple[str, Volume] | None:
        """(name, volume) of the first volume, else of any that has a device here; None where none gets one in time."""
        deadline = time.monotonic() + DEPLOYED_WITHIN_S
        while True:
            usable = [(resource.name, resource.volumes[0])
                      for resource in self._client.resources(nodes=[self._setup.node_name])
                      if resource.volumes and resource.volumes[0].device_path]
            if usable or time.monotonic() > deadline:
                return min(usable, key=lambda found: found[0] != VOLUME, default=None)
            time.sleep(0.05)
