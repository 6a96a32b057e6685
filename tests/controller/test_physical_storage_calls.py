"""What the controller makes of satellites' answers about devices, and what it refuses before it asks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec import Struct, field, structs

from linstor_core.controller import physical_storage
from linstor_core.controller.call import Call
from linstor_core.controller.change import Operation
from linstor_core.domain.cluster import Cluster
from linstor_core.domain.errors import AlreadyExists, Code, LinstorError
from linstor_core.domain.observed import Failure
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.testing.builders import Model
from linstor_core.wire.api_call_rc import ApiCallRc
from linstor_core.wire.devices import ListedDevices, PreparedDevices, PrepareDevices, UnusedDevice
from linstor_core.wire.rest_on_nodes import NewStoragePool, PhysicalStorageCreate
from linstor_core.wire.rest_v1 import PhysicalDevice, PhysicalStorage

SDB = UnusedDevice("/dev/sdb", 4 << 30, True, "Model", "S1", "0x5")
LVM = PhysicalStorageCreate(provider_kind="LVM", device_paths=("/dev/sdb",))


class Satellites(Struct):
    """Answers by the node's key, and what was asked."""

    listed: dict[str, ListedDevices] = field(default_factory=dict)
    prepared: PreparedDevices | None = None
    asked: list[PrepareDevices] = field(default_factory=list)

    async def list_devices(self, node_key: str) -> ListedDevices | None:
        return self.listed.get(node_key)

    async def prepare_devices(self, _: str, wanted: PrepareDevices) -> PreparedDevices | None:
        self.asked.append(wanted)
        return self.prepared


class Door(Struct):
    model: Model

    @property
    def cluster(self) -> Cluster:
        return self.model.cluster

    async def apply(self, operation: Operation) -> list[ApiCallRc]:
        change = operation(self.model.cluster, self.model.context)
        self.model.put(*change.puts)
        return list(change.answers)


class Services(Struct):
    controller: Door
    devices: Satellites


def services(satellites: Satellites) -> Services:
    return Services(Door(Model.with_nodes(3)), satellites)


def prepared(satellites: Satellites, body: PhysicalStorageCreate, node: str = "n1") -> list[ApiCallRc]:
    answer = physical_storage.prepare(services(satellites), Call(body, {"node": node}, {}, 0))
    return list(asyncio.run(answer))  # type: ignore[call-overload, no-any-return]


def listed(satellites: Satellites, node: str = "") -> Any:
    call = Call(None, {"node": node})
    return asyncio.run((physical_storage.list_of_node if node else physical_storage.list_all)(
        services(satellites), call))


def test_devices_are_grouped_by_size_and_kind() -> None:
    fast = UnusedDevice("/dev/nvme0n1", 8 << 30)
    found = listed(Satellites({"N1": ListedDevices(1, (SDB, fast)), "N3": ListedDevices(
        1, (structs.replace(SDB, path="/dev/sdc"), structs.replace(SDB, path="/dev/sdd")))}))
    assert found == [
        PhysicalStorage(size=8 << 30, rotational=False, nodes={"n1": (PhysicalDevice(device="/dev/nvme0n1"),)}),
        PhysicalStorage(size=4 << 30, rotational=True, nodes={
            "n1": (PhysicalDevice(device="/dev/sdb", model="Model", serial="S1", wwn="0x5"),),
            "n3": tuple(PhysicalDevice(device=path, model="Model", serial="S1", wwn="0x5")
                        for path in ("/dev/sdc", "/dev/sdd"))})]


def test_devices_of_a_node() -> None:
    assert listed(Satellites({"N1": ListedDevices(1, (SDB,))}), "n1") == [PhysicalDevice(
        device="/dev/sdb", size=4 << 30, rotational=True, model="Model", serial="S1", wwn="0x5")]
    with pytest.raises(LinstorError) as away:
        listed(Satellites(), "n1")
    assert away.value.code == Code.NOT_CONNECTED
    with pytest.raises(LinstorError) as failed:
        listed(Satellites({"N1": ListedDevices(1, failure=Failure("'lsblk' is not installed"))}), "n1")
    assert "lsblk" in failed.value.message


@pytest.mark.parametrize(("node", "body", "code"), [
    ("none", LVM, Code.NOT_FOUND_NODE),
    ("n1", PhysicalStorageCreate(provider_kind="TAPE"), Code.INVLD_PROVIDER),
    ("n1", PhysicalStorageCreate(provider_kind="LVM"), Code.INVLD_REQUEST),
    ("n1", structs.replace(LVM, device_paths=("sdb",)), Code.INVLD_REQUEST),
    ("n1", structs.replace(LVM, device_paths=("/dev/../etc/x",)), Code.INVLD_REQUEST),
    ("n1", structs.replace(LVM, raid_level="RAID5"), Code.INVLD_REQUEST),
    ("n1", structs.replace(LVM, vdo_enable=True), Code.PROVIDER_UNSUPPORTED),
    ("n1", structs.replace(LVM, sed=True), Code.PROVIDER_UNSUPPORTED),
    ("n1", structs.replace(LVM, with_storage_pool=NewStoragePool(name="-")), Code.INVLD_STOR_POOL_NAME),
])
def test_what_is_wrong_is_told_before_anybody_is_asked(node: str, body: PhysicalStorageCreate, code: Code) -> None:
    satellites = Satellites()
    with pytest.raises(LinstorError) as refusal:
        prepared(satellites, body, node)
    assert refusal.value.code == code and (refusal.value.correction or refusal.value.cause) and not satellites.asked


def test_a_name_that_is_taken_is_refused_before_anybody_is_asked() -> None:
    satellites = Satellites()
    with pytest.raises(AlreadyExists):
        prepared(satellites, structs.replace(LVM, with_storage_pool=NewStoragePool(name="thin")))
    assert not satellites.asked


@pytest.mark.parametrize(("body", "name"), [
    (LVM, "linstor_sdb"), (structs.replace(LVM, provider_kind="lvm_thin"), "sdb"),
    (structs.replace(LVM, pool_name="vg"), "vg"),
])
def test_the_pool_has_a_name(body: PhysicalStorageCreate, name: str) -> None:
    satellites = Satellites(prepared=PreparedDevices(1, "somewhere"))
    prepared(satellites, body)
    assert satellites.asked[0].pool_name == name and satellites.asked[0].owner.endswith("/N1")


def test_arguments_go_along() -> None:
    satellites = Satellites(prepared=PreparedDevices(1, "vg"))
    prepared(satellites, structs.replace(LVM, pv_create_arguments=("--dataalignment", "1m"),
                                         vg_create_arguments=("-s", "8m")))
    assert satellites.asked[0].arguments == {"pvcreate": ("--dataalignment", "1m"), "vgcreate": ("-s", "8m")}


def test_what_was_done_and_what_failed_is_told() -> None:
    away = Satellites()
    with pytest.raises(LinstorError) as refusal:
        prepared(away, LVM)
    assert refusal.value.code == Code.NOT_CONNECTED
    failing = Satellites(prepared=PreparedDevices(1, done=("run pvcreate",), failure=Failure(
        "'/dev/sdb' is not empty", "It carries ext4.", "Choose another.", code=Code.IN_USE)))
    done, failed = prepared(failing, LVM)
    assert "pvcreate" in done.message and failed.is_error and failed.code == Code.IN_USE
    assert (failed.cause, failed.correction) == ("It carries ext4.", "Choose another.")


def test_a_group_without_a_driver_is_made_and_not_registered() -> None:
    satellites = Satellites(prepared=PreparedDevices(1, "linstor_sdb", ("run vgcreate",)))
    entries = prepared(satellites, structs.replace(LVM, with_storage_pool=NewStoragePool(name="fresh")))
    assert not any(entry.is_error for entry in entries)
    assert entries[-1].code == Code.PROVIDER_UNSUPPORTED and "linstor_sdb" in entries[-1].message


def test_a_pool_of_files_is_registered_once() -> None:
    satellites = Satellites(prepared=PreparedDevices(1, "/pools/files"))
    body = PhysicalStorageCreate(provider_kind="FILE_THIN", device_paths=("/dev/sdb",),
                                 with_storage_pool=NewStoragePool(name="fresh", props={"Aux/a": "b"}))
    there = services(satellites)
    call = Call(body, {"node": "n1"}, {}, 0)
    for words in ("registered.", "registered already"):
        entries: Any = asyncio.run(physical_storage.prepare(there, call))  # type: ignore[arg-type]
        assert words in entries[-1].message and not entries[-1].is_error
    pool = there.controller.cluster.pool("n1", "fresh")
    assert pool is not None and pool.provider_kind is ProviderKind.FILE_THIN
    assert pool.props["StorDriver/StorPoolName"] == "/pools/files" and pool.props["Aux/a"] == "b"
