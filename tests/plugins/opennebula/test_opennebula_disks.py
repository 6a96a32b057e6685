"""The transfer manager's actions for disks, snapshots and backups, on real loop volumes."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from linstor_core.client.client import LinstorClient
from linstor_core.client.volumes import VolumeService
from tests.plugins.opennebula.conftest import (
    NODE,
    PERSISTENT,
    Answer,
    Platform,
    content_of,
    disk_xml,
    mark_incomplete,
    write,
)
from tools import loop_mounts, processes, services
from tools.services import Service

MIB = 1024 * 1024
VM = 7
IMAGE = "OpenNebula-Image-3"
CLONE = f"{IMAGE}-vm{VM}-disk0"
VOLATILE = f"OpenNebula-Volatile-vm{VM}-disk1"


def done(answer: Answer) -> Answer:
    assert answer.status == 0, answer.messages
    return answer


def names(volumes: VolumeService) -> list[str]:
    return [volume.name for volume in volumes.list()]


def make_image(volumes: VolumeService, name: str = IMAGE, content: bytes = b"image") -> str:
    device = volumes.create(name, "grp", 4 * 1024).devices[NODE]
    write(device, content)
    return device


@pytest.fixture
def cloned(platform: Platform, volumes: VolumeService) -> Path:
    """A machine with a copy of an image, larger than that; the path where its hypervisor looks."""
    make_image(volumes)
    platform.know_machine(VM, disk_xml(0, source=IMAGE), context=2)
    done(platform.tm("clone", f"front:{IMAGE}", platform.disk(VM, 0), VM, 100))
    return platform.system_dir(VM) / "disk.0"


def test_clone(cloned: Path, volumes: VolumeService, platform: Platform) -> None:
    assert os.readlink(cloned) == volumes.device(CLONE, NODE)
    assert volumes.get(CLONE).size_kib == 8 * 1024
    assert content_of(cloned, 5) == b"image"
    write(cloned, b"other")
    assert content_of(volumes.device(IMAGE, NODE), 5) == b"image"


def test_clone_for_a_host_that_is_no_node_leaves_nothing(platform: Platform, volumes: VolumeService) -> None:
    make_image(volumes)
    platform.know_machine(VM, disk_xml(0, source=IMAGE))
    answer = platform.tm("clone", f"front:{IMAGE}", platform.disk(VM, 0, "elsewhere"), VM, 100)
    assert answer.status == 1
    assert "elsewhere is no node" in answer.messages
    assert names(volumes) == [IMAGE]


def test_clone_that_cannot_be_linked_leaves_nothing(platform: Platform, volumes: VolumeService) -> None:
    make_image(volumes)
    platform.know_machine(VM, disk_xml(0, source=IMAGE))
    platform.system_dir(VM).write_text("in the way")
    assert platform.tm("clone", f"front:{IMAGE}", platform.disk(VM, 0), VM, 100).status != 0
    assert names(volumes) == [IMAGE]


def test_delete_of_a_clone_takes_its_snapshots_along(cloned: Path, platform: Platform,
                                                     volumes: VolumeService) -> None:
    done(platform.tm("snap_create", platform.disk(VM, 0), 0, VM, 100))
    for _ in range(2):
        done(platform.tm("delete", platform.disk(VM, 0), VM, 100))
    assert names(volumes) == [IMAGE]
    assert not cloned.is_symlink()


def test_delete_finds_what_older_addons_made(platform: Platform, volumes: VolumeService) -> None:
    for name in ("one-3-7-0", "one-sys-7-1", "OpenNebula-vm-context-vm7-disk2-1", "OpenNebula-vm-context-vm77-disk2"):
        volumes.create(name, "grp", 4 * 1024)
    platform.know_machine(VM, disk_xml(0, source="one-3"), disk_xml(1), context=2)
    for number in (0, 1, 2):
        done(platform.tm("delete", platform.disk(VM, number), VM, 100))
    assert names(volumes) == ["OpenNebula-vm-context-vm77-disk2"]


def test_persistent_disks(platform: Platform, volumes: VolumeService) -> None:
    make_image(volumes)
    platform.know_machine(VM, disk_xml(0, source=IMAGE, more=PERSISTENT))
    path = platform.system_dir(VM) / "disk.0"
    for action in ("mvds", "delete"):
        done(platform.tm("ln", f"front:{IMAGE}", platform.disk(VM, 0), VM, 100))
        assert content_of(path, 5) == b"image"
        arguments = (IMAGE,) if action == "mvds" else ()
        done(platform.tm(action, platform.disk(VM, 0), *arguments, VM, 100))
        assert not path.is_symlink()
        assert names(volumes) == [IMAGE]


def test_a_disk_is_saved_as_an_image(cloned: Path, platform: Platform, volumes: VolumeService) -> None:
    write(cloned, b"first")
    done(platform.tm("snap_create", platform.disk(VM, 0), 0, VM, 100))
    write(cloned, b"later")
    done(platform.tm("cpds", platform.disk(VM, 0), "OpenNebula-Image-8", -1, VM, 100))
    done(platform.tm("cpds", platform.disk(VM, 0), "OpenNebula-Image-9", 0, VM, 100))
    assert content_of(volumes.device("OpenNebula-Image-8", NODE), 5) == b"later"
    assert content_of(volumes.device("OpenNebula-Image-9", NODE), 5) == b"first"
    assert platform.tm("cpds", platform.disk(VM, 0), "OpenNebula-Image-10", 5, VM, 100).status == 1
    done(platform.tm("mvds", platform.disk(VM, 0), "OpenNebula-Image-11", VM, 100))
    assert names(volumes) == ["OpenNebula-Image-11", IMAGE, "OpenNebula-Image-8", "OpenNebula-Image-9"]


def test_volatile_disks(platform: Platform, volumes: VolumeService, client: LinstorClient) -> None:
    platform.know_machine(VM, disk_xml(1))
    path = platform.system_dir(VM) / "disk.1"
    for kind, offset, mark in (("raw", 0, b"\0\0"), ("ext4", 1080, b"\x53\xef"), ("swap", 4086, b"SWAPSPACE2")):
        if kind == "swap":
            done(platform.tm("mkswap", 16, platform.disk(VM, 1), VM, 100))
        else:
            done(platform.tm("mkimage", 16, kind, platform.disk(VM, 1), VM, 100))
        assert content_of(path, len(mark), offset) == mark
        assert platform.tm("mkimage", 16, "raw", platform.disk(VM, 1), VM, 100).status == 1
        mark_incomplete(client, VOLATILE)
        done(platform.tm("mkimage", 16, "raw", platform.disk(VM, 1), VM, 100))
        assert content_of(path, len(mark), offset) == bytes(len(mark))
        done(platform.tm("delete", platform.disk(VM, 1), VM, 100))
        assert names(volumes) == []


def test_a_volatile_disk_that_cannot_be_formatted_leaves_nothing(platform: Platform, volumes: VolumeService) -> None:
    answer = platform.tm("mkimage", 16, "nofs", platform.disk(VM, 1), VM, 100)
    assert answer.status != 0
    assert names(volumes) == []
    assert not (platform.system_dir(VM) / "disk.1").is_symlink()


def test_resize(cloned: Path, platform: Platform, volumes: VolumeService) -> None:
    for size in (24, 24, 16):
        done(platform.tm("resize", platform.disk(VM, 0), size, VM, 100))
    assert volumes.get(CLONE).size_kib == 24 * 1024
    done(platform.tm("resize", platform.disk(VM, 0), 32, VM))
    assert volumes.get(CLONE).size_kib == 32 * 1024


def test_snapshots_and_their_tree(cloned: Path, platform: Platform, volumes: VolumeService) -> None:
    for number, action in enumerate(("snap_create", "snap_create_live", "snap_create")):
        write(cloned, b"%d" % number)
        for _ in range(2):
            done(platform.tm(action, platform.disk(VM, 0), number, VM, 100))
    for number in (0, 2, 1):
        done(platform.tm("snap_revert", platform.disk(VM, 0), number, VM, 100))
        assert content_of(cloned, 1) == b"%d" % number
        assert len(volumes.snapshots(CLONE)) == 3
    for _ in range(2):
        done(platform.tm("snap_delete", platform.disk(VM, 0), 1, VM, 100))
    assert [snapshot.name for snapshot in volumes.snapshots(CLONE)] == ["OpenNebula-Snap-0", "OpenNebula-Snap-2"]
    answer = platform.tm("snap_revert", platform.disk(VM, 0), 1, VM, 100)
    assert answer.status == 1
    assert content_of(cloned, 1) == b"1"


def test_a_disk_moves_to_where_no_node_is_and_back(cloned: Path, platform: Platform, volumes: VolumeService) -> None:
    """As undeploy and resume: nothing is copied, nothing is lost."""
    done(platform.tm("mv", platform.disk(VM, 0), platform.disk(VM, 0, "front"), VM, 100))
    assert not cloned.is_symlink()
    assert names(volumes) == [IMAGE, CLONE]
    done(platform.tm("mv", platform.disk(VM, 0, "front"), platform.disk(VM, 0), VM, 100))
    assert content_of(cloned, 5) == b"image"


def test_a_disk_that_is_a_plain_file_moves(platform: Platform, volumes: VolumeService) -> None:
    platform.know_machine(VM, context=2)
    here, other = platform.system_dir(VM) / "disk.2", platform.folder / f"datastores/1/{VM}/disk.2"
    here.parent.mkdir(parents=True)
    here.write_bytes(b"context" + bytes(5_000_000))
    for _ in range(2):
        done(platform.tm("mv", f"{NODE}:{here}", f"front:{other}", VM, 100))
    assert other.read_bytes() == b"context" + bytes(5_000_000)
    assert [path.name for path in other.parent.iterdir()] == ["disk.2"]
    assert not here.exists()
    done(platform.tm("mv", f"front:{other}", f"front:{here}", VM, 100))
    assert here.read_bytes()[:7] == b"context"
    done(platform.tm("mv", f"front:{here}", f"{NODE}:{here}", VM, 100))
    assert here.exists(), "the hosts share the folder"
    assert volumes.list() == ()


VIRSH = """#!/bin/sh
echo "$*" >>{folder}/asked-virsh
case "$*" in *domfsfreeze*) test ! -e {folder}/no-agent || {{ echo "agent is not connected" >&2; exit 1; }};; esac
"""


def test_a_live_snapshot_freezes_the_guest_if_it_can(cloned: Path, platform: Platform, volumes: VolumeService) -> None:
    virsh, asked, no_agent = (platform.folder / name for name in ("bin/virsh", "asked-virsh", "no-agent"))
    virsh.write_text(VIRSH.format(folder=platform.folder))
    virsh.chmod(0o755)
    done(platform.tm("snap_create_live", platform.disk(VM, 0), 0, VM, 100))
    assert asked.read_text().splitlines() == [
        f"-c qemu:///system {verb} one-{VM}" for verb in ("domfsfreeze", "domfsthaw")]

    asked.unlink()
    no_agent.touch()
    answer = done(platform.tm("snap_create_live", platform.disk(VM, 0), 1, VM, 100))
    assert "is not frozen" in answer.messages and "agent is not connected" in answer.messages
    assert asked.read_text().splitlines() == [f"-c qemu:///system domfsfreeze one-{VM}"]
    assert [snapshot.name for snapshot in volumes.snapshots(CLONE)] == ["OpenNebula-Snap-0", "OpenNebula-Snap-1"]

    no_agent.unlink()
    asked.unlink()
    assert platform.tm("snap_create_live", platform.disk(VM, 0), "no name", VM, 100).status == 1
    verbs = [line.split()[2] for line in asked.read_text().splitlines()] if asked.exists() else []
    assert verbs in ([], ["domfsfreeze", "domfsthaw"]), "a guest is never left frozen"


def test_folders(cloned: Path, platform: Platform) -> None:
    folder = platform.system_dir(VM)
    (folder / "vm.xml").write_text("described")
    place = f"{NODE}:{folder}"
    done(platform.tm("mv", place, f"front:{folder}", VM, 100))
    assert (folder / "vm.xml").read_text() == "described"
    other = platform.folder / f"datastores/1/{VM}"
    done(platform.tm("mv", place, f"{NODE}:{other}", VM, 100))
    assert (other / "vm.xml").read_text() == "described"
    assert not folder.exists()
    assert platform.tm("delete", f"{NODE}:{other.parent}", VM, 100).status == 1
    assert (other / "vm.xml").exists()
    done(platform.tm("delete", f"{NODE}:{other}", VM, 100))
    assert not other.exists()


def test_context_is_left_to_opennebula(platform: Platform, volumes: VolumeService) -> None:
    volumes.create("OpenNebula-vm-context-vm7-disk2", "grp", 4 * 1024)
    platform.know_machine(VM, context=2)
    done(platform.tm("context", "/a/context.sh", "/b/file", platform.disk(VM, 2), VM, 100))
    asked = (platform.folder / "asked-context").read_text()
    assert asked == f"/a/context.sh /b/file {platform.disk(VM, 2)} {VM} 100\n"
    assert names(volumes) == []


def test_monitor_of_a_system_datastore(platform: Platform) -> None:
    document = base64.b64encode(platform.document(kind=1).encode()).decode()
    newer = done(platform.tm("monitor", 100, document=document)).output
    older = done(platform.tm("monitor", document, 100)).output
    assert newer == older
    assert newer.startswith("USED_MB=")


def test_backup_and_restore(cloned: Path, platform: Platform, volumes: VolumeService) -> None:
    document = (platform.folder / f"known/vm-{VM}.xml").read_text()
    arguments = (f"{NODE}:{platform.system_dir(VM)}", "0", f"one-{VM}", 1, VM, 101)
    folder = platform.system_dir(VM) / "backup"
    for before, after in (("prebackup", "postbackup"), ("prebackup_live", "postbackup_live")):
        done(platform.tm(before, *arguments, document=document))
        assert base64.b64decode((folder / "vm.xml").read_text()).decode() == document
        saved = (folder / "disk.0.0").read_bytes()
        assert saved[:4] in (b"QFI\xfb", b"imag")
        assert names(volumes) == [IMAGE, CLONE]
        assert volumes.snapshots(CLONE) == ()
        done(platform.tm(after, *arguments, document=document))
        assert not folder.exists()

    saved_file = platform.folder / "saved.raw"
    saved_file.write_bytes(b"saved")
    platform.folder.joinpath("known/image-44.xml").write_text(
        "<IMAGE><ID>44</ID><DATASTORE_ID>101</DATASTORE_ID></IMAGE>")
    platform.folder.joinpath("known/datastore-101.xml").write_text(
        "<DATASTORE><ID>101</ID><DS_MAD>rsync</DS_MAD><TM_MAD>-</TM_MAD></DATASTORE>")
    listing = platform.folder / "known/ls.json"
    listing.write_text(json.dumps({"0": str(saved_file), "tpm": "nowhere"}))
    place = f"{NODE}:{platform.system_dir(VM)}"
    done(platform.tm("restore", place, VM, 44, 0, -1))
    assert content_of(cloned, 5) == b"saved"
    cut = platform.folder / "cut.raw"
    cut.write_bytes(b"torn!" * 100)
    listing.write_text(json.dumps({"0": str(cut)}))
    assert platform.tm("restore", place, VM, 44, 0, 0).status != 0
    assert content_of(cloned, 5) == b"saved"
    assert volumes.snapshots(CLONE) == ()


def test_a_backup_that_fails_leaves_nothing(cloned: Path, platform: Platform, volumes: VolumeService) -> None:
    document = (platform.folder / f"known/vm-{VM}.xml").read_text()
    answer = platform.tm("prebackup", f"elsewhere:{platform.system_dir(VM)}", "0", "-", 1, VM, 101, document=document)
    assert "elsewhere is no node" in answer.messages
    assert names(volumes) == [IMAGE, CLONE]
    assert volumes.snapshots(CLONE) == ()
    assert not (platform.system_dir(VM) / "backup").exists()


def test_nonsense_is_refused(platform: Platform) -> None:
    for arguments in (("clone", "x"), ("resize", "a:b/disk.0", "many", 1, 1), ("premigrate", "a", "b", "c", 1, 1)):
        answer = platform.tm(*map(str, arguments))
        assert answer.status == 1
        assert "ERROR" in answer.messages


def test_links_stay_right_when_a_host_boots_and_devices_get_other_numbers(
        cloned: Path, cluster: Service, volumes: VolumeService) -> None:
    write(cloned, b"clone")
    led, before = os.readlink(cloned), os.path.realpath(cloned)
    processes.stop(cluster.identity)
    loop_mounts.release(cluster.pool_dir)
    decoy = cluster.pool_dir / "decoy"
    decoy.write_bytes(bytes(MIB))
    processes.run(["losetup", before, str(decoy)])  # so the clone's device is another one
    cluster.identity = services.start("linstor_core.single", [
        "--listen", cluster.address, "--satellite-listen", cluster.satellite, "--name", NODE, "--state",
        str(cluster.state)], cluster.log)
    services.wait_until_healthy(cluster.address, cluster.identity, cluster.log)
    volumes.make_available(CLONE, NODE)
    assert os.readlink(cloned) == led and os.path.realpath(cloned) != before
    assert content_of(cloned, 5) == b"clone"
