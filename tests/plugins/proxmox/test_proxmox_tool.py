"""The tool against a recorded API of Proxmox VE, served over HTTPS, and a real cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from linstor_proxmox import __main__ as tool
from linstor_proxmox import disk_moves, platform_api, registration
from linstor_proxmox.platform_api import PlatformApi
from linstor_proxmox.refusals import Refused

from tests.plugins.proxmox.perl_module import GROUP, STORE, EndpointProcess, PerlModule
from tests.plugins.proxmox.recorded_platform import TASK, RecordedPlatform, credentials, recorded_platform
from tools.rest import RestConnection

Run = Callable[..., int]
LINBIT = {"storage": "old", "type": "drbd", "resourcegroup": GROUP, "controller": "10.0.0.1,10.0.0.2",
          "content": "images,rootdir", "digest": "x", "shared": 1}


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[RecordedPlatform]:
    with recorded_platform(tmp_path) as recorded:
        yield recorded


@pytest.fixture
def run(platform: RecordedPlatform, tmp_path: Path) -> Run:
    file = credentials(platform, tmp_path)
    return lambda *argv: tool.main(["--credentials", str(file), *argv])


@pytest.fixture
def api(platform: RecordedPlatform, tmp_path: Path) -> Iterator[PlatformApi]:
    with closing(platform_api.connect(credentials(platform, tmp_path))) as connected:
        yield connected


def test_a_storage_is_registered_once(platform: RecordedPlatform, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["register", STORE, "--group", GROUP, "--controllers", "a,b", "--content", "images"]
    assert [run(*argv), run(*argv)] == [0, 0]
    assert [write[:2] for write in platform.writes] == [("POST", "storage")]
    assert platform.storages[STORE]["type"] == "linstorcore"
    assert run(*argv[:-1], "images,rootdir") == 0
    assert platform.writes[-1] == ("PUT", f"storage/{STORE}", {"content": "images,rootdir"})
    assert run("register", STORE, "--group", "other") == 1
    assert capsys.readouterr().out.split() == [word for done in ("created", "unchanged", "changed")
                                               for word in ("storage", f"'{STORE}':", done)]


def test_a_storage_of_linbit_is_taken_over(platform: RecordedPlatform, run: Run,
                                           capsys: pytest.CaptureFixture[str]) -> None:
    platform.storages["old"] = dict(LINBIT)
    assert run("register", "old", "--group", GROUP) == 1
    assert "take-over" in capsys.readouterr().err
    assert run("take-over", "old") == 0
    assert platform.storages["old"] == LINBIT
    for _ in range(2):
        assert run("take-over", "old", "--yes") == 0
    found = platform.storages["old"]
    assert (found["type"], found["linstorcore-takeover"], found["linstorcore-group"]) == ("linstorcore", "1", GROUP)
    assert found["linstorcore-controllers"] == "10.0.0.1,10.0.0.2"


def test_a_refused_take_over_leaves_the_old_storage(platform: RecordedPlatform, api: PlatformApi) -> None:
    platform.storages["old"] = dict(LINBIT)
    platform.refused["POST", "storage:linstorcore"] = "value 'linstorcore' does not have a value in the enumeration"
    with pytest.raises(Refused, match="enumeration"):
        registration.take_over(api, "old")
    assert platform.storages["old"]["type"] == "drbd"
    assert platform.storages["old"]["resourcegroup"] == GROUP


def test_disks_are_moved_with_progress(platform: RecordedPlatform, api: PlatformApi, run: Run,
                                       capsys: pytest.CaptureFixture[str]) -> None:
    platform.answers["cluster/resources"] = [{"type": "qemu", "vmid": 100, "node": "pve1"},
                                             {"type": "lxc", "vmid": 101, "node": "pve1"}]
    platform.answers["nodes/pve1/qemu/100/config"] = {
        "scsi0": "local-lvm:vm-100-disk-0,size=4G", "scsi1": f"{STORE}:vm-100-disk-0",
        "efidisk0": "local-lvm:vm-100-disk-1", "ide2": "local:iso/debian.iso,media=cdrom", "net0": "virtio=AA",
        "unused0": "local-lvm:vm-100-disk-2"}
    platform.answers["nodes/pve1/lxc/101/config"] = {"rootfs": "local-lvm:vm-101-disk-0,size=2G", "mp0": "/srv,mp=/srv"}
    log = [{"n": 1, "t": "transferred 1.0 GiB of 4.0 GiB (25.00%)"}, {"n": 2, "t": "TASK OK"}]
    platform.answers[f"nodes/pve1/tasks/{TASK}/log"] = log
    platform.answers[f"nodes/pve1/tasks/{TASK}/status"] = [
        {"status": "running"}, {"status": "stopped", "exitstatus": "OK"}]
    assert run("move", "100", "--to", STORE, "--delete") == 0
    assert [write[1:] for write in platform.writes] == [
        ("nodes/pve1/qemu/100/move_disk", {"disk": disk, "storage": STORE, "delete": "1"})
        for disk in ("efidisk0", "scsi0")]
    assert "100 scsi0: transferred 1.0 GiB of 4.0 GiB (25.00%)" in capsys.readouterr().out
    assert run("move", "101", "--to", STORE) == 0
    assert platform.writes[-1][1:] == ("nodes/pve1/lxc/101/move_volume",
                                       {"volume": "rootfs", "storage": STORE, "delete": "0"})
    platform.answers[f"nodes/pve1/tasks/{TASK}/status"] = [{"status": "stopped", "exitstatus": "no space"}]
    with pytest.raises(Refused, match="no space"):
        disk_moves.move(api, 100, STORE, ["scsi0"], delete=False, show=lambda _: None)
    with pytest.raises(Refused, match="no disk scsi7"):
        disk_moves.move(api, 100, STORE, ["scsi7"], delete=False, show=lambda _: None)
    assert run("move", "999", "--to", STORE) == 1


def test_who_signs_in_comes_from_a_guarded_file(platform: RecordedPlatform, tmp_path: Path) -> None:
    file = credentials(platform, tmp_path)
    file.chmod(0o640)
    with pytest.raises(Refused, match="chmod 600"):
        platform_api.connect(file)
    with pytest.raises(Refused, match="can't be read"):
        platform_api.connect(tmp_path / "none")
    with pytest.raises(Refused, match="unknown colour"):
        platform_api.connect(credentials(platform, tmp_path, colour="blue"))
    wrong = credentials(platform, tmp_path, token_value="wrong")
    with closing(platform_api.connect(wrong)) as stranger, pytest.raises(Refused, match="refused storage: 401"):
        stranger.storage("x")


def test_every_node_is_checked_and_orphans_are_found(
        platform: RecordedPlatform, run: Run, endpoint: EndpointProcess, module: PerlModule,
        capsys: pytest.CaptureFixture[str]) -> None:
    platform.storages[STORE] = {"storage": STORE, **endpoint.section}
    platform.answers["nodes"] = [{"node": "node1", "status": "online"}, {"node": "pve2", "status": "offline"}]
    platform.answers[f"nodes/node1/storage/{STORE}/status"] = {"active": 1, "total": 1}
    assert run("check", STORE) == 1
    assert capsys.readouterr().out.splitlines()[1:] == [
        "ok    node1: LINSTOR satellite: ONLINE", "ok    node1: storage active",
        "FAIL  pve2: the node is not online"]

    for vmid in (100, 100, 101):
        module.allocate(vmid, 4096)
    module.of("volume_snapshot", "vm-100-disk-0", "s1")
    module.on("activate_volume", "vm-100-disk-0", "s1", {})
    with RestConnection(endpoint.cluster.address) as rest:
        rest.post(f"/v1/resource-groups/{GROUP}/spawn",
                  {"resource_definition_name": "pve-0123456789abcdef", "volume_sizes": [4096]})
    guest = {"type": "qemu", "vmid": 100, "node": "node1"}
    platform.answers["cluster/resources"] = [guest]
    place = "nodes/node1/qemu/100"
    platform.answers[f"{place}/config"] = {"scsi0": f"{STORE}:vm-100-disk-0,size=4M"}
    platform.answers[f"{place}/snapshot"] = [{"name": "s1"}, {"name": "current"}]
    platform.answers[f"{place}/snapshot/s1/config"] = {
        "scsi1": f"{STORE}:vm-100-disk-1", "scsi2": f"{STORE}:vm-100-disk-9"}
    assert run("orphans", STORE) == 1
    told = [line.split(" (")[0].split(":", 1)[0] for line in capsys.readouterr().out.splitlines()]
    assert [line.split()[0] for line in told] == ["unused", "missing", "unfinished", "copy"]
    module.on("deactivate_volume", "vm-100-disk-0", "s1", {})
    module.on("free_image", "vm-101-disk-0", 0, "raw")
    with RestConnection(endpoint.cluster.address) as rest:
        rest.call("DELETE", "/v1/resource-definitions/pve-0123456789abcdef")
    platform.answers[f"{place}/snapshot/s1/config"] = {"scsi1": f"{STORE}:vm-100-disk-1"}
    assert run("orphans", STORE) == 0
