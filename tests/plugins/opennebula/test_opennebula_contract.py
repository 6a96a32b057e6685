"""The plugin contract: OpenNebula's images, attached to a machine each, through the drivers' own entry points."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from linstor_opennebula import calls, naming
from linstor_opennebula.actions import ACTIONS
from linstor_opennebula.driver_data import datastore, decoded
from linstor_opennebula.errors import PluginError
from linstor_opennebula.hosts import Hosts
from linstor_opennebula.settings import Settings
from linstor_opennebula.world import World

from linstor_core.client.client import LinstorClient
from linstor_core.client.errors import ClientError
from linstor_core.testing.plugin_contract import PluginContract, PluginOn
from tests.plugins.opennebula.conftest import (
    NODE,
    PERSISTENT,
    Platform,
    disk_xml,
    image_xml,
    make_platform,
    register,
)
from tools.rest import RestConnection
from tools.services import Service

DATASTORE_ID = 100


class Images:
    """A volume is an image; its name in OpenNebula is its number, and so is that of the machine that uses it."""

    refusals = (PluginError, ClientError)
    missing = frozenset({"rename"})
    strange_names = ("0", "2147483647")

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        settings = Settings(ssh=(f"{platform.folder}/bin/to-host",), one_commands=f"{platform.folder}/bin")
        self.world = World(settings, Hosts(settings.ssh), platform.remotes)

    def _call(self, kind: str, action: str, *arguments: object, document: str = "") -> str:
        link = str(self.platform.remotes / kind / "linstor" / action)
        call = calls.parse(link, [str(each) for each in arguments], document)
        return ACTIONS[kind][call.action](call, self.world)

    def _datastore(self, action: str, volume: str, image: str) -> str:
        document = base64.b64encode(self.platform.document(image).encode()).decode()
        return self._call("datastore", action, volume, document=document)

    def _machine(self, volume: str) -> tuple[str, int]:
        """The disk of the machine that uses the image, and its number."""
        self.platform.know_machine(int(volume), disk_xml(0, source=naming.image(volume), more=PERSISTENT))
        self.platform.know_datastore()
        return self.platform.disk(int(volume), 0), int(volume)

    def new_name(self, number: int) -> str:
        return str(1000 + number)

    def create(self, volume: str, size_kib: int) -> None:
        self._datastore("mkfs", volume, image_xml(int(volume), size=size_kib // 1024, more="<FORMAT>raw</FORMAT>"))

    def volumes(self) -> dict[str, int]:
        self.platform.know_datastore()
        root = decoded(self.platform.datastore_xml())
        assert root is not None
        found = self.world.storage(datastore(root)).volumes.list("OpenNebula-Image-")
        return {str(naming.image_of(volume.name)): volume.size_kib for volume in found}

    def grow(self, volume: str, size_kib: int) -> None:
        disk, vm_id = self._machine(volume)
        self._call("tm", "resize", disk, size_kib // 1024, vm_id, DATASTORE_ID)

    def attach(self, volume: str) -> str:
        disk, vm_id = self._machine(volume)
        self._call("tm", "ln", f"front:{naming.image(volume)}", disk, vm_id, DATASTORE_ID)
        return os.readlink(disk.partition(":")[2])

    def detach(self, volume: str) -> None:
        disk, vm_id = self._machine(volume)
        self._call("tm", "mvds", disk, naming.image(volume), vm_id, DATASTORE_ID)

    def _snapshot(self, action: str, volume: str, snapshot: str) -> None:
        disk, vm_id = self._machine(volume)
        self._call("tm", action, disk, snapshot[1:], vm_id, DATASTORE_ID)

    def snapshot(self, volume: str, snapshot: str) -> None:
        self._snapshot("snap_create", volume, snapshot)

    def snapshots(self, volume: str) -> set[str]:
        root = decoded(self.platform.datastore_xml())
        assert root is not None
        found = self.world.storage(datastore(root)).volumes.snapshots(naming.image(volume))
        return {f"s{each.name.removeprefix(naming.SNAPSHOT_PREFIX)}" for each in found}

    def delete_snapshot(self, volume: str, snapshot: str) -> None:
        self._snapshot("snap_delete", volume, snapshot)

    def roll_back(self, volume: str, snapshot: str) -> None:
        self._snapshot("snap_revert", volume, snapshot)

    def restore(self, volume: str, snapshot: str, new_volume: str) -> None:
        disk, vm_id = self._machine(volume)
        self._call("tm", "cpds", disk, naming.image(new_volume), snapshot[1:], vm_id, DATASTORE_ID)

    def clone(self, volume: str, new_volume: str) -> None:
        copied = image_xml(int(new_volume), more=f"<CLONING_ID>{volume}</CLONING_ID>", path=naming.image(volume))
        self._datastore("clone", new_volume, copied)

    def rename(self, volume: str, new_volume: str) -> None:
        raise AssertionError("OpenNebula renames nothing that a driver would notice")

    def delete(self, volume: str) -> None:
        self._datastore("rm", volume, image_xml(int(volume), source=naming.image(volume)))

    def free_kib(self) -> int:
        lines = self._datastore("monitor", "100", "").splitlines()
        return int(dict(line.split("=") for line in lines)["FREE_MB"]) * 1024


@pytest.fixture
def controller(cluster: Service) -> Iterator[str]:
    with RestConnection(cluster.address) as rest:
        register(rest, cluster)
    client = LinstorClient(cluster.url)
    assert client.node(NODE).name == NODE
    yield cluster.address


@pytest.fixture
def plugin_on(tmp_path: Path) -> PluginOn:
    made = []

    def make(controllers: Sequence[str]) -> Images:
        folder = tmp_path / f"one{len(made)}"
        folder.mkdir()
        made.append(folder)
        return Images(make_platform(folder, ",".join(f"http://{each}" for each in controllers)))

    return make


class TestOpenNebula(PluginContract):
    pass
