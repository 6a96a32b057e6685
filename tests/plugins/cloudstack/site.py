"""A CloudStack whose storage is a real cluster: the test plays the part of CloudStack's own plugin for LINSTOR."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from linstor_cloudstack.__main__ import main

from linstor_core.client.client import LinstorClient
from linstor_core.client.volumes import VolumeService
from linstor_core.domain.resource_groups import AutoSelectFilter
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire.rest_v1 import NetInterface
from tests.plugins.cloudstack.cloudstack_server import KEY, SECRET, CloudStackModel, CloudStackServer
from tools.services import Service

SIZE_KIB = 8 * 1024
GROUPS = ("grp", "second")


class Site:
    """`linstor_cloudstack` is called the way its console script does; `output` and `errors` are what it wrote last."""

    def __init__(self, cluster: Service, server: CloudStackServer, folder: Path,
                 captured: Callable[[], tuple[str, str]]) -> None:
        self.cluster = cluster
        self.cloud: CloudStackModel = server.model
        self.client = LinstorClient(cluster.url)
        self.service = VolumeService(self.client)
        self.config = folder / "linstor-cloudstack.conf"
        self.config.touch(mode=0o600)
        self.config.write_text(f"[cloudstack]\nendpoint = {server.endpoint}\nkey = {KEY}\nsecret = {SECRET}\n"
                               f"poll_s = 0.01\n[linstor]\ncontrollers = {cluster.url}\n")
        self._captured = captured
        self.output = self.errors = ""

    def prepare(self) -> None:
        """The node with a pool and two groups; in CloudStack a host of the node's name."""
        host, _, port = self.cluster.satellite.rpartition(":")
        self.client.create_node(bodies.NodeCreate(name=self.cluster.node_name, type="SATELLITE", net_interfaces=(
            NetInterface(name="default", address=host, satellite_port=int(port), satellite_encryption_type="PLAIN"),)))
        deadline = time.monotonic() + 20
        while self.client.node(self.cluster.node_name).connection_status != "ONLINE":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        self.client.create_storage_pool(self.cluster.node_name, bodies.StoragePoolCreate(
            storage_pool_name="thin", provider_kind="FILE_THIN",
            props={"StorDriver/StorPoolName": str(self.cluster.pool_dir)}))
        for group in GROUPS:
            self.client.create_resource_group(bodies.ResourceGroupCreate(name=group, select_filter=AutoSelectFilter(
                place_count=1, storage_pool="thin", layer_stack=("STORAGE",))))
            self.client.create_volume_group(group)
        self.cloud.hosts.append({"id": "host-1", "name": self.cluster.node_name, "state": "Up", "hypervisor": "KVM",
                                 "resourcestate": "Enabled", "zoneid": "zone-1", "clusterid": "cluster-1"})

    def run(self, *arguments: str) -> int:
        status = main(["--config", str(self.config), *arguments])
        self.output, self.errors = self._captured()
        return status

    def json(self, *arguments: str) -> Any:
        self.run("--json", *arguments)
        return json.loads(self.output)

    def register(self, name: str = "fast", group: str = "grp", *more: str) -> dict[str, Any]:
        assert self.run("storage", "register", name, "--zone", "Zürich & Süd", "--url", self.cluster.url,
                        "--group", group, "--tag", name, *more) == 0, self.errors
        return next(pool for pool in self.cloud.storages if pool["name"] == name)

    def new_volume(self, storage: dict[str, Any], size_kib: int = SIZE_KIB, **fields: Any) -> dict[str, Any]:
        """In CloudStack and in LINSTOR."""
        volume_id = str(uuid.uuid4())
        volume = {"id": volume_id, "name": f"ROOT-{len(self.cloud.volumes)}", "state": "Ready", "path": volume_id,
                  "size": size_kib * 1024, "storageid": storage["id"], **fields}
        self.service.create("cs-" + volume_id, storage["path"], size_kib)
        self.cloud.volumes.append(volume)
        return volume

    def kinds(self) -> list[tuple[str, str]]:
        return [(finding["kind"], finding["subject"]) for finding in self.json("report")["found"]]

    def write(self, name: str, content: bytes) -> None:
        with open(self.service.make_available(name, self.cluster.node_name), "r+b", buffering=0) as device:
            device.write(content.ljust(4096, b"\0"))

    def read(self, name: str) -> bytes:
        with open(self.service.make_available(name, self.cluster.node_name), "rb", buffering=0) as device:
            return device.read(4096).rstrip(b"\0")
