"""VolumeService keeps the contract of plugins, as the plainest of them: it calls a volume by its own name."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from linstor_core.client import legal_names
from linstor_core.client.client import LinstorClient
from linstor_core.client.errors import ClientError
from linstor_core.client.volumes import VolumeService
from linstor_core.domain.resource_groups import AutoSelectFilter
from linstor_core.testing.plugin_contract import PluginContract, PluginOn
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire.rest_v1 import NetInterface
from tools.services import Service

GROUP = "grp"
ALIAS = "Aux/plain/name"


class PlainPlugin:
    refusals = (ClientError,)
    missing = frozenset[str]()
    strange_names = ("with blank", "x", "a/b", "9lives", "ümläut", "日本", "n" * 200, "all", "two.words")

    def __init__(self, service: VolumeService, node: str) -> None:
        self.service = service
        self.node = node

    def new_name(self, number: int) -> str:
        return f"vol.{number}"

    def create(self, volume: str, size_kib: int) -> None:
        self.service.create(self._legal(volume), GROUP, size_kib, {ALIAS: volume})

    def _legal(self, volume: str) -> str:
        return legal_names.volume_name(volume)

    def volumes(self) -> dict[str, int]:
        return {volume.props[ALIAS]: volume.size_kib for volume in self.service.list() if ALIAS in volume.props}

    def grow(self, volume: str, size_kib: int) -> None:
        self.service.grow(self._legal(volume), size_kib)

    def attach(self, volume: str) -> str:
        return self.service.make_available(self._legal(volume), self.node)

    def detach(self, volume: str) -> None:
        self.service.release(self._legal(volume), self.node)

    def snapshot(self, volume: str, snapshot: str) -> None:
        self.service.snapshot(self._legal(volume), snapshot)

    def snapshots(self, volume: str) -> set[str]:
        return {snapshot.name for snapshot in self.service.snapshots(self._legal(volume))}

    def delete_snapshot(self, volume: str, snapshot: str) -> None:
        self.service.delete_snapshot(self._legal(volume), snapshot)

    def roll_back(self, volume: str, snapshot: str) -> None:
        self.service.roll_back(self._legal(volume), snapshot)

    def restore(self, volume: str, snapshot: str, new_volume: str) -> None:
        self.service.restore_snapshot(self._legal(volume), snapshot, self._legal(new_volume),
                                      props={ALIAS: new_volume})

    def clone(self, volume: str, new_volume: str) -> None:
        self.service.clone(self._legal(volume), self._legal(new_volume), 60, props={ALIAS: new_volume})

    def rename(self, volume: str, new_volume: str) -> None:
        renamed = self.service.rename(self._legal(volume), self._legal(new_volume))
        self.service.set_props(renamed.name, {ALIAS: new_volume})

    def delete(self, volume: str) -> None:
        self.service.delete(self._legal(volume))

    def free_kib(self) -> int:
        return self.service.capacity(GROUP).free_kib


def prepare(client: LinstorClient, cluster: Service) -> None:
    """One node with a pool `thin` and the group `grp` on it."""
    host, _, port = cluster.satellite.rpartition(":")
    client.create_node(bodies.NodeCreate(name=cluster.node_name, type="SATELLITE", net_interfaces=(
        NetInterface(name="default", address=host, satellite_port=int(port), satellite_encryption_type="PLAIN"),)))
    deadline = time.monotonic() + 20
    while client.node(cluster.node_name).connection_status != "ONLINE":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    client.create_storage_pool(cluster.node_name, bodies.StoragePoolCreate(
        storage_pool_name="thin", provider_kind="FILE_THIN",
        props={"StorDriver/StorPoolName": str(cluster.pool_dir)}))
    client.create_resource_group(bodies.ResourceGroupCreate(name=GROUP, select_filter=AutoSelectFilter(
        place_count=1, storage_pool="thin", layer_stack=("STORAGE",))))
    client.create_volume_group(GROUP)


class TestVolumeService(PluginContract):
    @pytest.fixture
    def controller(self, cluster: Service) -> str:
        prepare(LinstorClient(cluster.url), cluster)
        return cluster.address

    @pytest.fixture
    def plugin_on(self, cluster: Service) -> PluginOn:
        def make(controllers: Sequence[str]) -> PlainPlugin:
            client = LinstorClient([f"http://{address}" for address in controllers], timeout_s=60)
            return PlainPlugin(VolumeService(client, lambda seconds: time.sleep(seconds / 20)), cluster.node_name)

        return make
