"""What OpenNebula's calls cost: with real volumes, and the monitor beside 1,000 of them. `-s` shows the figures."""

from __future__ import annotations

import statistics
from pathlib import Path

from linstor_core.client.client import LinstorClient
from linstor_core.client.volumes import VolumeService
from linstor_core.wire import rest_bodies as bodies
from tests.plugins.opennebula.conftest import NODE, Platform, disk_xml, image_xml, make_platform
from tools.bench import simulation

VM = 7
ROUNDS = 3
VOLUMES = 1000
LONGEST_S = 20.0
"""Far more than any call needs, so that a busy machine makes no failure."""


def _round(platform: Platform, vm_id: int) -> None:
    disk, image = platform.disk(vm_id, 0), f"OpenNebula-Image-{vm_id}"
    platform.know_machine(vm_id, disk_xml(0, source=image), disk_xml(1))
    copied = image_xml(vm_id + 50, path=image, more=f"<CLONING_ID>{vm_id}</CLONING_ID>")
    answers = [
        platform.datastore("mkfs", vm_id, image_xml(vm_id, more="<FORMAT>raw</FORMAT>")),
        platform.datastore("clone", vm_id + 50, copied),
        platform.tm("clone", f"front:{image}", disk, vm_id, 100),
        platform.tm("mkimage", 8, "raw", platform.disk(vm_id, 1), vm_id, 100),
        platform.tm("resize", disk, 16, vm_id, 100),
        platform.tm("snap_create", disk, 0, vm_id, 100),
        platform.tm("snap_revert", disk, 0, vm_id, 100),
        platform.tm("snap_delete", disk, 0, vm_id, 100),
        platform.tm("mv", disk, platform.disk(vm_id, 0, "front"), vm_id, 100),
        platform.tm("delete", disk, vm_id, 100),
        platform.datastore("rm", vm_id, image_xml(vm_id, source=image)),
        platform.datastore("monitor", 100),
    ]
    assert [answer.messages for answer in answers if answer.status] == []


def test_times_of_calls(platform: Platform) -> None:
    for number in range(ROUNDS):
        _round(platform, VM + number)
    _show(platform)


def test_monitor_beside_a_thousand_volumes(tmp_path: Path) -> None:
    with simulation.running(tmp_path, "simulated") as (_, server):
        client = LinstorClient(f"http://{server.address}")
        group = next(each.name for each in client.resource_groups() if each.name != "DfltRscGrp")
        for number in range(VOLUMES):
            client.spawn(group, bodies.ResourceGroupSpawn(resource_definition_name=f"OpenNebula-Image-{number}",
                                                          volume_sizes=(1024,)))
        assert len(VolumeService(client).list()) == VOLUMES
        folder = tmp_path / "one"
        folder.mkdir()
        platform = make_platform(folder, f"http://{server.address}")
        platform.group = group
        for _ in range(ROUNDS):
            assert platform.datastore("monitor", 100).status == 0
        _show(platform)


def _show(platform: Platform) -> None:
    for call, times in sorted(platform.times.items()):
        print(f"{call:24} {statistics.median(times) * 1000:6.0f} ms  on {NODE}")
        assert max(times) < LONGEST_S
