"""From a running process to a volume, by REST: node, storage pool, resource group, volume, each only where missing."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tools.dev.state_folder import Setup
from tools.rest import RestConnection

POOL = "thinpool"
GROUP = "basic"
VOLUME = "first"
SIZE_KIB = 1024 * 1024
ONLINE_WITHIN_S = 30
DEPLOYED_WITHIN_S = 10


class NotOnline(OSError):
    """The controller does not reach its satellite."""


class FirstVolume:
    """`device_path` and `name` are those of the volume that `volume()` found or made; empty where there is none."""

    def __init__(self, setup: Setup, pool_directory: Path) -> None:
        self._setup = setup
        self._pool_directory = pool_directory
        self._rest = RestConnection(setup.listen)
        self.group = GROUP
        self.name = VOLUME
        self.device_path = ""

    def node(self) -> str:
        name = self._setup.node_name
        host, _, port = self._setup.satellite_listen.rpartition(":")
        if not self._exists("/v1/nodes", "name", name):
            self._rest.post("/v1/nodes", {"name": name, "type": "COMBINED", "net_interfaces": [
                {"name": "default", "address": host, "satellite_port": int(port),
                 "satellite_encryption_type": "PLAIN"}]})
        deadline = time.monotonic() + ONLINE_WITHIN_S
        while (status := self._rest.get(f"/v1/nodes/{name}")["connection_status"]) != "ONLINE":
            if time.monotonic() > deadline:
                raise NotOnline(f"node {name} is {status} after {ONLINE_WITHIN_S} s; see the log")
            time.sleep(0.02)
        return f"{name}, online"

    def storage_pool(self) -> str:
        path = f"/v1/nodes/{self._setup.node_name}/storage-pools"
        if not self._exists(path, "storage_pool_name", POOL):
            self._rest.post(path, {"storage_pool_name": POOL, "provider_kind": "FILE_THIN",
                                   "props": {"StorDriver/StorPoolName": str(self._pool_directory)}})
        found = self._rest.get(f"{path}/{POOL}")
        return f"{POOL}, FILE_THIN, {found['free_capacity'] / 1024 / 1024:.1f} GiB free"

    def resource_group(self) -> str:
        if not self._exists("/v1/resource-groups", "name", GROUP):
            self._rest.post("/v1/resource-groups", {"name": GROUP, "description": "One copy in the thin pool",
                                                    "select_filter": {"place_count": 1, "storage_pool_list": [POOL],
                                                                      "layer_stack": ["STORAGE"]}})
        if not self._rest.get(f"/v1/resource-groups/{GROUP}/volume-groups"):
            self._rest.post(f"/v1/resource-groups/{GROUP}/volume-groups", {"volume_number": 0})
        return f"{GROUP}, one copy in {POOL}"

    def volume(self) -> str:
        """Spawn one where the cluster has none at all; somebody who deleted the first does not get it back."""
        if not self._rest.get("/v1/resource-definitions"):
            self._rest.post(f"/v1/resource-groups/{GROUP}/spawn",
                            {"resource_definition_name": VOLUME, "volume_sizes": [SIZE_KIB]})
        resource = self._deployed()
        if resource is None:
            return "none has a device on this node; `./dev linstor volume list` says more"
        volume = resource["volumes"][0]
        self.name, self.device_path = resource["name"], volume["device_path"]
        return f"{self.name}, {volume['usable_size_kib'] / 1024 / 1024:.1f} GiB: {self.device_path}"

    def _deployed(self) -> Any:
        """The first volume, else any that has a device here; None where none gets one in time."""
        deadline = time.monotonic() + DEPLOYED_WITHIN_S
        while True:
            resources = self._rest.get(f"/v1/view/resources?nodes={self._setup.node_name}")
            usable = [resource for resource in resources
                      if resource.get("volumes") and resource["volumes"][0].get("device_path")]
            if usable or time.monotonic() > deadline:
                return min(usable, key=lambda resource: resource["name"] != VOLUME, default=None)
            time.sleep(0.05)

    def _exists(self, path: str, field: str, name: str) -> bool:
        return any(found[field].upper() == name.upper() for found in self._rest.get(path))
