"""Disks that nothing uses, from the list to a volume on them that outlives a reboot: loop devices stand for disks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from linstor_core.client.client import LinstorClient
from linstor_core.client.errors import ApiCallError
from linstor_core.client.volumes import VolumeService
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire import rest_v1
from linstor_core.wire.rest_on_nodes import NewStoragePool, PhysicalStorageCreate
from tools import loop_mounts, processes, services
from tools.processes import ProcessIdentity
from tools.services import Service

SIZE = 1536 * 1024 * 1024


def disk(folder: Path, name: str) -> str:
    path = folder / f"{name}.img"
    if not path.exists():
        path.touch()
        os.truncate(path, SIZE)
    return processes.run(["losetup", "--show", "--find", str(path)]).strip()


def start(service: Service) -> None:
    service.identity = services.start("linstor_core.single", [
        "--listen", service.address, "--satellite-listen", service.satellite, "--name", "node1", "--state",
        str(service.state), "--allow-loop-devices"], service.log)
    services.wait_until_healthy(service.address, service.identity, service.log)


@pytest.fixture
def machine(root_required: None, tmp_path: Path) -> Iterator[Service]:
    service = Service(services.free_address(), ProcessIdentity(0, 0, ""), tmp_path / "state", tmp_path / "log",
                      services.free_address(), "node1", tmp_path)
    try:
        start(service)
        yield service
    finally:
        processes.stop(service.identity, timeout_s=5)
        loop_mounts.release(tmp_path)


@pytest.fixture
def client(machine: Service) -> LinstorClient:
    client = LinstorClient(machine.url)
    host, _, port = machine.satellite.rpartition(":")
    client.create_node(bodies.NodeCreate(name="node1", type="SATELLITE", net_interfaces=(rest_v1.NetInterface(
        name="default", address=host, satellite_port=int(port), satellite_encryption_type="PLAIN"),)))
    return client


def test_from_a_disk_to_a_volume_that_outlives_a_reboot(machine: Service, client: LinstorClient,
                                                        tmp_path: Path) -> None:
    device, other = disk(tmp_path, "disk"), disk(tmp_path, "other")
    processes.run(["mkfs.ext4", "-q", other])
    found = {entry.device: entry for entry in client.physical_devices("node1")}
    assert found[device].size == SIZE and other not in found
    group = next(group for group in client.physical_storage() if group.size == SIZE)
    assert device in {entry.device for entry in group.nodes["node1"]}
    body = PhysicalStorageCreate(provider_kind="FILE_THIN", device_paths=(device,), pool_name="disk0",
                                 with_storage_pool=NewStoragePool(name="thin"))
    answers = client.create_device_pool("node1", body)
    assert not any(entry.is_error for entry in answers), answers
    again = client.create_device_pool("node1", body)
    assert not any(entry.is_error for entry in again) and "already" in again[-1].message
    assert device not in {entry.device for entry in client.physical_devices("node1")}
    pool = client.storage_pool("node1", "thin")
    assert pool.provider_kind == "FILE_THIN" and pool.supports_snapshots
    client.create_resource_group(bodies.ResourceGroupCreate(name="grp", select_filter=rest_v1.AutoSelectFilter(
        place_count=1, storage_pool_list=("thin",), layer_stack=("STORAGE",))))
    client.create_volume_group("grp", bodies.VolumeGroupCreate())
    volumes = VolumeService(client)
    name = volumes.create("data", "grp", 64 * 1024).devices["node1"]
    Path(name).write_bytes(b"kept")
    processes.stop(machine.identity, timeout_s=5)
    loop_mounts.release(tmp_path)
    for image in ("other", "disk"):
        disk(tmp_path, image)
    start(machine)
    assert volumes.make_available("data", "node1") == name
    with open(name, "rb") as volume:
        assert volume.read(4) == b"kept"


def test_what_is_on_a_disk_stays(client: LinstorClient, tmp_path: Path) -> None:
    device = disk(tmp_path, "disk")
    processes.run(["mkfs.ext4", "-q", device])
    for kind in ("FILE_THIN", "LVM"):
        body = PhysicalStorageCreate(provider_kind=kind, device_paths=(device,),
                                     with_storage_pool=NewStoragePool(name="thin"))
        with pytest.raises(ApiCallError, match="carries ext4" if kind == "FILE_THIN" else "No pool was made"):
            client.create_device_pool("node1", body)
    processes.run(["fsck.ext4", "-n", "-f", device])
    assert [pool.storage_pool_name for pool in client.storage_pools()] == ["DfltDisklessStorPool"]
