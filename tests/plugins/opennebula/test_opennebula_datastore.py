"""The datastore driver's actions, called as OpenNebula calls them, on real loop volumes."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from linstor_core.client.client import LinstorClient
from linstor_core.client.volumes import VolumeService
from tests.plugins.opennebula.conftest import NODE, Platform, content_of, image_xml, mark_incomplete, write

MIB = 1024 * 1024


@pytest.fixture(params=["arguments", "standard input"])
def each_version(request: pytest.FixtureRequest, platform: Platform) -> Platform:
    platform.legacy = request.param == "arguments"
    return platform


def source_file(platform: Platform, name: str = "image.raw", mib: int = 3) -> tuple[Path, bytes]:
    content = os.urandom(mib * MIB)
    path = platform.folder / "images" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path, content


def allow(platform: Platform) -> None:
    """The folder of the test lies below OpenNebula's own, which is closed to users."""
    text = platform.datastore_xml
    folder = platform.folder

    def opened(kind: int = 0) -> str:
        return text(kind).replace("</TEMPLATE>", f"<SAFE_DIRS>{folder}/images</SAFE_DIRS></TEMPLATE>")

    platform.datastore_xml = opened  # type: ignore[method-assign]


def take_in(platform: Platform, image_id: int = 3) -> tuple[str, bytes]:
    allow(platform)
    path, content = source_file(platform)
    answer = platform.datastore("cp", image_id, image_xml(image_id, path=str(path)))
    assert answer.status == 0, answer.messages
    return answer.output.split()[0], content


def test_cp(each_version: Platform, volumes: VolumeService) -> None:
    name, content = take_in(each_version)
    volume = volumes.get(name)
    assert (name, volume.size_kib) == ("OpenNebula-Image-3", 8 * 1024)
    assert "Aux/opennebula/incomplete" not in volume.props
    assert content_of(volume.devices[NODE], len(content)) == content
    assert content_of(volume.devices[NODE], 5 * MIB, 3 * MIB) == bytes(5 * MIB)


@pytest.mark.skipif(shutil.which("qemu-img") is None, reason="needs qemu-img (Debian: qemu-utils)")
def test_cp_of_a_qcow2_image_unpacks_it(platform: Platform, volumes: VolumeService) -> None:
    allow(platform)
    raw, content = source_file(platform)
    packed = raw.with_suffix(".qcow2")
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", raw, packed], check=True)
    assert packed.read_bytes()[:4] == b"QFI\xfb"
    answer = platform.datastore("cp", 3, image_xml(3, path=str(packed), more="<FORMAT>qcow2</FORMAT>"))
    assert answer.status == 0, answer.messages
    assert answer.output == "OpenNebula-Image-3 raw"
    device = volumes.device("OpenNebula-Image-3", NODE)
    assert content_of(device, len(content)) == content
    assert content_of(device, 5 * MIB, 3 * MIB) == bytes(5 * MIB)
    assert not list(platform.folder.glob("linstor-*")), "nothing stays in the staging folder"

    torn = raw.with_name("torn.qcow2")
    for length in (4096, len(packed.read_bytes()) // 2):
        torn.write_bytes(packed.read_bytes()[:length])
        assert platform.datastore("cp", 4, image_xml(4, path=str(torn))).status != 0
    assert [volume.name for volume in volumes.list()] == ["OpenNebula-Image-3"]


@pytest.mark.skipif(shutil.which("qemu-img") is None, reason="needs qemu-img (Debian: qemu-utils)")
@pytest.mark.parametrize("options", [("-F", "raw", "-b", "secret"), ("-o", "data_file=secret,data_file_raw=on")])
def test_cp_reads_no_file_that_an_image_refers_to(platform: Platform, volumes: VolumeService, options: tuple[str, ...]
                                                  ) -> None:
    allow(platform)
    secret, _ = source_file(platform, "secret")
    image = secret.with_name("image.qcow2")
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *options, image, "3M"], check=True, cwd=secret.parent)
    answer = platform.datastore("cp", 3, image_xml(3, path=str(image)))
    assert answer.status == 1
    assert "refers to another file" in answer.messages
    assert volumes.list() == ()


def test_cp_that_is_cut_leaves_nothing(platform: Platform, volumes: VolumeService) -> None:
    allow(platform)
    path, _ = source_file(platform, "cut.raw")
    answer = platform.datastore("cp", 3, image_xml(3, path=str(path)))
    assert answer.status != 0
    assert "Error copying" in answer.messages
    assert volumes.list() == ()


def test_cp_that_was_killed_is_done_anew(platform: Platform, volumes: VolumeService, client: LinstorClient) -> None:
    volumes.create("OpenNebula-Image-3", "grp", 4 * 1024)
    mark_incomplete(client, "OpenNebula-Image-3")
    write(volumes.device("OpenNebula-Image-3", NODE), b"old content that must not shine through")
    name, content = take_in(platform)
    assert content_of(volumes.device(name, NODE), len(content)) == content


def test_cp_overwrites_no_image(platform: Platform, volumes: VolumeService) -> None:
    name, content = take_in(platform)
    path, _ = source_file(platform, "other.raw")
    answer = platform.datastore("cp", 3, image_xml(3, path=str(path)))
    assert answer.status == 1
    assert "not overwritten" in answer.messages
    assert content_of(volumes.device(name, NODE), len(content)) == content


def test_cp_refuses_restricted_folders(platform: Platform, volumes: VolumeService) -> None:
    path, _ = source_file(platform)
    answer = platform.datastore("cp", 3, image_xml(3, path=str(path)))
    assert answer.status == 1
    assert "restricted" in answer.messages
    assert volumes.list() == ()


def test_cp_larger_than_the_image_leaves_nothing(platform: Platform, volumes: VolumeService) -> None:
    allow(platform)
    path, _ = source_file(platform, mib=9)
    assert platform.datastore("cp", 3, image_xml(3, path=str(path))).status != 0
    assert volumes.list() == ()


def test_mkfs(each_version: Platform, volumes: VolumeService) -> None:
    answer = each_version.datastore("mkfs", 4, image_xml(4, size=32, more="<FORMAT>raw</FORMAT><FS>ext4</FS>"))
    assert (answer.status, answer.output) == (0, "OpenNebula-Image-4"), answer.messages
    assert content_of(volumes.device("OpenNebula-Image-4", NODE), 2, 1080) == b"\x53\xef"


def test_mkfs_for_a_disk_to_be_saved_makes_nothing(platform: Platform, volumes: VolumeService) -> None:
    answer = platform.datastore("mkfs", 4, image_xml(4, more="<FORMAT>save_as</FORMAT>"))
    assert answer.output == "OpenNebula-Image-4"
    assert volumes.list() == ()


def test_mkfs_that_fails_leaves_nothing(platform: Platform, volumes: VolumeService) -> None:
    answer = platform.datastore("mkfs", 4, image_xml(4, more="<FORMAT>raw</FORMAT><FS>nofs</FS>"))
    assert answer.status != 0
    assert "ERROR MESSAGE --8<------" in answer.messages
    assert volumes.list() == ()


def test_clone_and_rm(each_version: Platform, volumes: VolumeService) -> None:
    name, content = take_in(each_version)
    copied = image_xml(5, path=name, more="<CLONING_ID>3</CLONING_ID>")
    answer = each_version.datastore("clone", 5, copied)
    assert (answer.status, answer.output) == (0, "OpenNebula-Image-5"), answer.messages
    assert content_of(volumes.device("OpenNebula-Image-5", NODE), len(content)) == content
    for _ in range(2):
        assert each_version.datastore("rm", 3, image_xml(3, source=name)).status == 0
    assert [volume.name for volume in volumes.list()] == ["OpenNebula-Image-5"]


def test_clone_and_rm_find_what_older_addons_made(platform: Platform, volumes: VolumeService) -> None:
    volumes.create("one-17", "grp", 4 * 1024)
    answer = platform.datastore("clone", 18, image_xml(18, more="<CLONING_ID>17</CLONING_ID>"))
    assert answer.output == "OpenNebula-Image-18", answer.messages
    assert platform.datastore("rm", 17, image_xml(17, source="one-17")).status == 0
    assert [volume.name for volume in volumes.list()] == ["OpenNebula-Image-18"]


def test_rm_removes_no_other_image(platform: Platform, volumes: VolumeService) -> None:
    volumes.create("OpenNebula-Image-6", "grp", 4 * 1024)
    answer = platform.datastore("rm", 7, image_xml(7, source="OpenNebula-Image-6"))
    assert answer.status == 1
    assert volumes.find("OpenNebula-Image-6") is not None


def test_rm_leaves_snapshots_of_others(platform: Platform, volumes: VolumeService) -> None:
    volumes.create("OpenNebula-Image-6", "grp", 4 * 1024)
    volumes.snapshot("OpenNebula-Image-6", "mine")
    answer = platform.datastore("rm", 6, image_xml(6, source="OpenNebula-Image-6"))
    assert answer.status == 1
    assert "mine" in answer.messages


def test_stat(each_version: Platform) -> None:
    allow(each_version)
    path, _ = source_file(each_version, mib=3)
    assert each_version.datastore("stat", -1, image_xml(-1, path=str(path))).output == "3"
    assert each_version.datastore("stat", -1, image_xml(-1, path="http://elsewhere/image")).output == "4711"
    packed = b"QFI\xfb" + bytes(20) + (7 * MIB).to_bytes(8, "big") + bytes(100)
    path.write_bytes(packed)
    assert each_version.datastore("stat", -1, image_xml(-1, path=str(path))).output == "7"


def test_monitor_counts_replicas(each_version: Platform, volumes: VolumeService) -> None:
    answer = each_version.datastore("monitor", 100)
    figures = dict(line.split("=") for line in answer.output.splitlines())
    capacity = volumes.capacity("grp")
    assert int(figures["TOTAL_MB"]) == capacity.total_kib // 1024 > 0
    assert int(figures["USED_MB"]) + int(figures["FREE_MB"]) == int(figures["TOTAL_MB"])


def test_export(platform: Platform, volumes: VolumeService) -> None:
    name, _ = take_in(platform)
    answer = platform.datastore("export", 1, image_xml(3, source=name))
    device = volumes.device(name, NODE)
    checksum = hashlib.md5(content_of(device, 8 * MIB), usedforsecurity=False).hexdigest()
    assert f"<IMPORT_SOURCE><![CDATA[ssh://{NODE}:{device}]]>" in answer.output, answer.messages
    assert f"<MD5><![CDATA[{checksum}]]></MD5>" in answer.output


def test_snapshots(each_version: Platform, volumes: VolumeService) -> None:
    name = "OpenNebula-Image-6"
    device = volumes.create(name, "grp", 4 * 1024).devices[NODE]
    for number in range(3):
        write(device, b"%d" % number)
        volumes.snapshot(name, f"OpenNebula-Snap-{number}")

    def target(number: int) -> str:
        return image_xml(6, source=name, more=f"<TARGET_SNAPSHOT>{number}</TARGET_SNAPSHOT>")

    answer = each_version.datastore("snap_revert", 6, target(1))
    assert (answer.status, answer.output) == (0, name), answer.messages
    assert content_of(volumes.device(name, NODE), 1) == b"1"
    assert len(volumes.snapshots(name)) == 3
    for _ in range(2):
        assert each_version.datastore("snap_delete", 6, target(2)).status == 0
    assert each_version.datastore("snap_revert", 6, target(2)).status == 1
    for _ in range(2):
        assert each_version.datastore("snap_flatten", 6, target(0)).status == 0
    assert content_of(volumes.device(name, NODE), 1) == b"0"
    assert volumes.snapshots(name) == ()


def test_a_controller_that_is_away_is_named(platform: Platform) -> None:
    platform.controller = "http://127.0.0.1:9"
    answer = platform.datastore("monitor", 100)
    assert answer.status == 1
    assert "No controller can be reached" in answer.messages
