"""A controller and two nodes, each a process of its own; the nodes' devices are simulated, so that they may be lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from linstor_core.client.client import LinstorClient
from linstor_core.client.volumes import VolumeService
from linstor_core.domain.resource_groups import AutoSelectFilter
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire.rest_v1 import NetInterface
from tools import processes, services
from tools.processes import ProcessIdentity
from tools.services import Service

ALPHA, BETA = "alpha", "beta"
GROUP = "grp"


def wait_until(condition: Callable[[], bool], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.02)


class TwoNodes:
    """`service` speaks to the controller, with the group GROUP: a replica on each node. Nothing of it is DRBD."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._nodes: dict[str, ProcessIdentity] = {}
        self.controller = Service(services.free_address(), ProcessIdentity(0, 0, ""), folder / "controller",
                                  folder / "controller.log")
        self.client = LinstorClient(self.controller.url)
        self.service = VolumeService(self.client)

    def start(self) -> None:
        self.start_controller()
        for name in (ALPHA, BETA):
            address = services.free_address()
            self._nodes[name] = services.start("linstor_core.testing.simulated_satellite", [
                "--name", name, "--listen", address, "--state", str(self._folder / name)], self._folder / f"{name}.log")
            host, _, port = address.rpartition(":")
            self.client.create_node(bodies.NodeCreate(name=name, type="SATELLITE", net_interfaces=(NetInterface(
                name="default", address=host, satellite_port=int(port), satellite_encryption_type="PLAIN"),)))
        for name in (ALPHA, BETA):
            self.wait_for(name, "ONLINE")
            self.client.create_storage_pool(name, bodies.StoragePoolCreate(
                storage_pool_name="thin", provider_kind="FILE_THIN", props={"StorDriver/StorPoolName": "/simulated"}))
        self.client.create_resource_group(bodies.ResourceGroupCreate(name=GROUP, select_filter=AutoSelectFilter(
            place_count=2, storage_pool="thin", layer_stack=("STORAGE",))))
        self.client.create_volume_group(GROUP)

    def start_controller(self) -> None:
        service = self.controller
        service.identity = services.start("linstor_core.controller", [
            "--listen", service.address, "--state", str(service.state)], service.log)
        services.wait_until_healthy(service.address, service.identity, service.log)

    def kill_controller(self) -> None:
        processes.kill(self.controller.identity)

    def lose(self, name: str) -> None:
        """For good: what it has is in its memory."""
        processes.kill(self._nodes.pop(name))
        self.wait_for(name, "OFFLINE")

    def wait_for(self, name: str, status: str) -> None:
        wait_until(lambda: self.client.node(name).connection_status == status)

    def set_replicas(self, count: int) -> None:
        self.client.modify_resource_group(GROUP, bodies.ResourceGroupModify(
            select_filter=AutoSelectFilter(place_count=count)))

    def stop(self) -> None:
        for identity in (*self._nodes.values(), self.controller.identity):
            processes.kill(identity)
