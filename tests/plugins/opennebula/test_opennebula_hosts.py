"""Two hosts that share nothing but LINSTOR, reached by real ssh: links, folders, live and cold migration."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from linstor_core.client.client import LinstorClient
from linstor_core.client.volumes import VolumeService
from tests.plugins.opennebula import ssh_hosts
from tests.plugins.opennebula.conftest import (
    PERSISTENT,
    Answer,
    Platform,
    disk_xml,
    make_platform,
    register,
)
from tools import processes, services
from tools.rest import RestConnection
from tools.services import Service

VM = 7
IMAGE = "OpenNebula-Image-3"
HERE, THERE = "node1", "node2"


@dataclass
class Machine:
    """A machine on two hosts' LINSTOR: disk 0 is persistent, disk 1 volatile, disk 2 its context (a file)."""

    platform: Platform
    ssh: list[str]
    document: str
    volumes: VolumeService

    @property
    def folder(self) -> Path:
        return self.platform.system_dir(VM)

    def on(self, host: str, line: str) -> str:
        return processes.run([*self.ssh, host, line]).strip()

    def files(self, host: str) -> set[str]:
        return set(self.on(host, f"ls {self.folder} 2>/dev/null || true").split())

    def migrate(self, action: str, *more: str) -> Answer:
        return self.platform.tm(action, HERE, THERE, self.folder, VM, 100, *more, document=self.document)


@pytest.fixture
def second_node(cluster: Service, tmp_path: Path) -> Iterator[None]:
    address = services.free_address()
    pool = cluster.pool_dir / "second"
    pool.mkdir()
    identity = services.start("linstor_core.satellite", ["--name", THERE, "--listen", address, "--state",
                                                         str(tmp_path / "satellite2")], tmp_path / "satellite2.log")
    try:
        with RestConnection(cluster.address) as rest:
            register(rest, cluster)
            host, _, port = address.rpartition(":")
            rest.post("/v1/nodes", {"name": THERE, "type": "SATELLITE", "net_interfaces": [
                {"name": "default", "address": host, "satellite_port": int(port),
                 "satellite_encryption_type": "PLAIN"}]})
            deadline = time.monotonic() + 20
            while rest.get(f"/v1/nodes/{THERE}")["connection_status"] != "ONLINE":
                assert time.monotonic() < deadline
                time.sleep(0.05)
            rest.post(f"/v1/nodes/{THERE}/storage-pools", {
                "storage_pool_name": "thin", "provider_kind": "FILE_THIN",
                "props": {"StorDriver/FileDir": str(pool)}})
            rest.call("PUT", "/v1/resource-groups/grp", {"select_filter": {"place_count": 2}})
        yield
    finally:
        processes.stop(identity, timeout_s=5)


@pytest.fixture
def machine(cluster: Service, second_node: None, tmp_path: Path) -> Iterator[Machine]:
    place, folder = tmp_path / "ssh", tmp_path / "one"
    place.mkdir()
    (folder / "datastores").mkdir(parents=True)
    with ssh_hosts_or_skip(place, folder / "datastores") as ssh:
        platform = make_platform(folder, cluster.url, ssh)
        volumes = VolumeService(LinstorClient(cluster.url))
        volumes.create(IMAGE, "grp", 4 * 1024)
        document = platform.know_machine(VM, disk_xml(0, source=IMAGE, more=PERSISTENT), disk_xml(1), context=2)
        found = Machine(platform, ssh, document, volumes)
        answer = platform.tm("ln", f"front:{IMAGE}", platform.disk(VM, 0), VM, 100)
        assert answer.status == 0, answer.messages
        answer = platform.tm("mkimage", 8, "ext4", platform.disk(VM, 1), VM, 100)
        assert answer.status == 0, answer.messages
        found.on(HERE, f"echo context > {found.folder}/disk.2")
        yield found


def ssh_hosts_or_skip(place: Path, private: Path):  # type: ignore[no-untyped-def]
    try:
        ssh_hosts.unpacked_server(place / "probe")
    except ssh_hosts.NoServer as reason:
        pytest.skip(str(reason))
    return ssh_hosts.hosts(place, (HERE, THERE), private)


def test_live_migration(machine: Machine) -> None:
    assert machine.on(HERE, "readlink /proc/self/ns/net") != machine.on(THERE, "readlink /proc/self/ns/net")
    assert machine.files(HERE) == {"disk.0", "disk.1", "disk.2"}
    assert machine.files(THERE) == set()
    for _ in range(2):
        answer = machine.migrate("premigrate")
        assert answer.status == 0, answer.messages
    assert machine.files(THERE) == {"disk.0", "disk.1", "disk.2"}
    assert machine.on(THERE, f"readlink {machine.folder}/disk.0") == machine.volumes.device(IMAGE, THERE)
    assert machine.on(THERE, f"cat {machine.folder}/disk.2") == "context"
    window = machine.volumes.client.migration_window(IMAGE, HERE, THERE)
    assert window.expires_ms
    for _ in range(2):
        answer = machine.migrate("postmigrate")
        assert answer.status == 0, answer.messages
    assert machine.files(HERE) == set()
    assert machine.files(THERE) == {"disk.0", "disk.1", "disk.2"}


def test_a_migration_that_fails(machine: Machine) -> None:
    assert machine.migrate("premigrate").status == 0
    answer = machine.migrate("failmigrate")
    assert answer.status == 0, answer.messages
    assert machine.files(HERE) == {"disk.0", "disk.1", "disk.2"}
    assert machine.files(THERE) == set()


def test_another_drivers_disks_are_told(machine: Machine) -> None:
    more = disk_xml(3).replace("linstor", "ssh")
    machine.document = machine.platform.know_machine(VM, disk_xml(0, source=IMAGE, more=PERSISTENT), more, context=2)
    assert machine.migrate("premigrate").status == 0
    asked = (machine.platform.folder / "asked-ssh").read_text()
    assert asked == f"{HERE} {THERE} {machine.folder} {VM} 100 linstor\n"
    assert machine.migrate("postmigrate", "ssh").status == 0
    assert machine.files(HERE) >= {"disk.1", "disk.2"}


def test_cold_migration(machine: Machine) -> None:
    platform = machine.platform
    for number in (0, 1):
        answer = platform.tm("mv", platform.disk(VM, number), platform.disk(VM, number, THERE), VM, 100)
        assert answer.status == 0, answer.messages
    answer = platform.tm("mv", f"{HERE}:{machine.folder}", f"{THERE}:{machine.folder}", VM, 100)
    assert answer.status == 0, answer.messages
    assert machine.files(HERE) == set()
    assert machine.files(THERE) == {"disk.0", "disk.1", "disk.2"}
    assert machine.on(THERE, f"readlink {machine.folder}/disk.0") == machine.volumes.device(IMAGE, THERE)


def test_a_host_that_ssh_does_not_reach_is_named(machine: Machine) -> None:
    disk = f"nowhere:{machine.folder}/disk.0"
    answer = machine.platform.tm("delete", disk, VM, 100)
    assert answer.status != 0
    assert "nowhere" in answer.messages
    assert machine.volumes.find(IMAGE) is not None
