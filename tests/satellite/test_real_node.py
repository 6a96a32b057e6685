"""What only real files, devices and file systems can show."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from linstor_core.domain.errors import Code
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.satellite.facts import PoolFacts, Unobserved
from linstor_core.testing.driver_contract import Node
from linstor_core.testing.satellite_specs import pool, resource, snapshot, source, volume
from linstor_core.wire.resource_spec import FileSystemSpec
from tests.satellite.conftest import RealRig
from tools import loop_mounts, processes

MIB = 1024 * 1024


@contextlib.contextmanager
def mounted(device: str, place: Path) -> Iterator[Path]:
    place.mkdir(exist_ok=True)
    processes.run(["mount", device, str(place)])
    try:
        yield place
    finally:
        processes.run(["umount", str(place)])


@pytest.fixture
def small_rig(root_required: None, tmp_path: Path) -> Iterator[RealRig]:
    """A pool of 512 MiB of its own."""
    place = tmp_path / "small"
    place.mkdir()
    loop_mounts.mount_image(place / "pool.xfs", place / "mnt", 512)
    try:
        yield RealRig(place / "mnt")
    finally:
        loop_mounts.release(place)


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
@pytest.mark.parametrize("pool_kind", [ProviderKind.FILE, ProviderKind.FILE_THIN])
def test_a_file_system_is_made_and_owned_as_wanted(real_rig: RealRig, tmp_path: Path, kind: str,
                                                   pool_kind: ProviderKind) -> None:
    real_rig.pool = pool(str(real_rig.directory), pool_kind)
    wanted = FileSystemSpec(kind, "-L label", "nobody", "nogroup")
    node = Node(real_rig)
    spec = resource(structs.replace(volume(size_kib=512 * 1024), file_system=wanted))
    seen = node.fine(spec).volumes[0]
    assert (seen.allocated_kib >= 512 * 1024) == (pool_kind is ProviderKind.FILE)
    with mounted(seen.device_path, tmp_path / "mnt") as place:
        assert (place.stat().st_uid, place.stat().st_gid) != (0, 0)
        (place / "file").write_text("kept")
        assert node.bring(resource(structs.replace(spec.volumes[0], delete=True))).failures[0].code == Code.IN_USE
    node.fine(structs.replace(spec, generation=2))
    with mounted(seen.device_path, tmp_path / "mnt") as place:
        assert (place / "file").read_text() == "kept"


def test_mkfs_that_fails_says_what_was_run_and_what_it_said(real_rig: RealRig) -> None:
    spec = resource(structs.replace(volume(), file_system=FileSystemSpec("ext4", "-O nonsense")))
    failure = Node(real_rig).refused(spec)
    assert "exit status" in failure.message and "nonsense" in failure.details and failure.cause
    Node(real_rig).fine(resource(volume(delete=True)))
    assert real_rig.paths() == []


def test_a_snapshot_holds_what_a_mounted_file_system_was_told(real_rig: RealRig, tmp_path: Path) -> None:
    node = Node(real_rig)
    spec = resource(volume(size_kib=512 * 1024, file_system="xfs"))
    with mounted(node.device(spec), tmp_path / "mnt") as place:
        (place / "file").write_text("not yet on disk")
        node.fine(resource(*spec.volumes, snapshots=(snapshot(),)))
    clone = resource(volume("c1", name="c", size_kib=512 * 1024, source=source("ds1", "s1")), name="c")
    with mounted(node.device(clone), tmp_path / "mnt") as place:
        assert (place / "file").read_text() == "not yet on disk"


@pytest.mark.parametrize("leftover", ["untagged", "formatted", "published"])
def test_whatever_a_crash_leaves_is_cleared(real_rig: RealRig, leftover: str) -> None:
    temporary, path = real_rig.directory / ".r_00000.d1.tmp", real_rig.directory / "r_00000.img"
    temporary.touch()
    if leftover != "untagged":
        temporary.write_bytes(b"half of a file system" * 1000)
        os.setxattr(temporary, "user.linstor.data_id", b"d1")
        os.setxattr(temporary, "user.linstor.state", b"blank")
    if leftover == "published":
        os.setxattr(temporary, "user.linstor.state", b"ready")
        os.link(temporary, path)
    Node(real_rig).fine(resource(volume(file_system="ext4")))
    assert real_rig.paths() == ["r_00000.img"]


def test_a_temporary_file_of_somebody_else_is_not_removed(real_rig: RealRig) -> None:
    temporary = real_rig.directory / ".r_00000.d1.tmp"
    temporary.write_bytes(b"somebody's")
    Node(real_rig).refused(resource(volume()))
    assert temporary.read_bytes() == b"somebody's"


def test_a_full_pool_says_so_keeps_what_is_there_and_recovers(small_rig: RealRig) -> None:
    node = Node(small_rig)
    device = node.device(resource(volume(name="a"), name="a"))
    free = os.statvfs(small_rig.directory).f_bavail * os.statvfs(small_rig.directory).f_frsize
    with (small_rig.directory / "ballast").open("wb") as ballast:
        os.posix_fallocate(ballast.fileno(), 0, free - 8 * MIB)
    small_rig.pool = pool(str(small_rig.directory), ProviderKind.FILE)
    failure = node.refused(resource(volume(size_kib=65536)))
    assert failure.code == Code.NOT_ENOUGH_FREE_SPACE and failure.correction
    assert small_rig.paths() == ["a_00000.img", "ballast"]
    assert node.refused(resource(volume(name="a", size_kib=1 << 20), name="a")).code == Code.NOT_ENOUGH_FREE_SPACE
    assert node.device(resource(volume(name="a"), name="a")) == device
    (small_rig.directory / "ballast").unlink()
    node.fine(resource(volume(size_kib=65536)))


def test_a_read_only_pool_blocks_and_says_why(small_rig: RealRig) -> None:
    node = Node(small_rig)
    node.fine(resource(volume()))
    loop_mounts.release(small_rig.directory)
    place = small_rig.directory.parent
    processes.run(["mount", "-o", "loop,ro", str(place / "pool.xfs"), str(place / "mnt")])
    facts = small_rig.observer.pool(small_rig.pool)
    assert isinstance(facts, Unobserved) and "read-only" in facts.cause
    assert "read-only" in node.refused(resource(volume(), volume("d2", number=1))).cause
    assert node.bring(resource(volume(delete=True))).failures
    processes.run(["umount", str(place / "mnt")])
    processes.run(["mount", "-o", "loop", str(place / "pool.xfs"), str(place / "mnt")])
    node.fine(resource(volume()))


def test_a_pool_that_is_not_mounted_loses_nothing(small_rig: RealRig) -> None:
    node = Node(small_rig)
    small_rig.write(node.device(resource(volume())), b"data")
    loop_mounts.release(small_rig.directory)
    assert "vanished" in node.refused(resource(volume())).message
    place = small_rig.directory.parent
    processes.run(["mount", "-o", "loop", str(place / "pool.xfs"), str(place / "mnt")])
    assert node.content(resource(volume())) == b"data"


def test_a_file_system_without_reflinks_has_no_snapshots(root_required: None, tmp_path: Path) -> None:
    with (tmp_path / "plain.ext4").open("wb") as image:
        image.truncate(64 * MIB)
    processes.run(["mkfs.ext4", "-q", "-F", str(tmp_path / "plain.ext4")])
    (tmp_path / "mnt").mkdir()
    processes.run(["mount", "-o", "loop", str(tmp_path / "plain.ext4"), str(tmp_path / "mnt")])
    try:
        rig = RealRig(tmp_path / "mnt")
        facts = rig.observer.pool(rig.pool)
        assert isinstance(facts, PoolFacts) and not facts.reflink
        node = Node(rig)
        node.fine(resource(volume(size_kib=4096)))
        spec = resource(volume(size_kib=4096), snapshots=(snapshot(),))
        assert node.refused(spec).code == Code.SNAPSHOTS_NOT_SUPPORTED
        node.fine(resource(volume(delete=True)))
    finally:
        loop_mounts.release(tmp_path)


def test_a_device_that_was_lost_or_moved_is_noticed(real_rig: RealRig) -> None:
    node = Node(real_rig)
    first = node.device(resource(volume()))
    processes.run(["losetup", "-d", first])
    assert node.device(resource(volume()))
    processes.run(["losetup", "-d", node.device(resource(volume()))])
    moved = processes.run(["losetup", "--show", "-f", str(real_rig.directory / "r_00000.img")]).strip()
    assert node.device(resource(volume())) == moved
    assert list(loop_mounts.loop_devices_below(real_rig.directory)) == [moved]


def test_a_file_that_somebody_attached_is_not_attached_twice(real_rig: RealRig) -> None:
    node = Node(real_rig)
    node.fine(resource(volume(), active=False))
    moved = processes.run(["losetup", "--show", "-f", str(real_rig.directory / "r_00000.img")]).strip()
    real_rig.later_s = 6  # a list of all devices is believed for 5 s
    assert node.device(resource(volume())) == moved


def test_a_removed_file_is_told_with_the_device_that_still_holds_it(real_rig: RealRig) -> None:
    node = Node(real_rig)
    device = node.device(resource(volume()))
    real_rig.remove("r_00000.img")
    assert device in node.refused(resource(volume())).cause
    node.fine(resource(volume(delete=True)))
    assert loop_mounts.loop_devices_below(real_rig.directory) == {}


def test_a_satellite_that_starts_finds_the_devices_that_are_there(real_rig: RealRig) -> None:
    node = Node(real_rig)
    device = node.device(resource(volume()))
    later = RealRig(real_rig.directory)
    later.loops.list_all()
    assert Node(later).device(resource(volume())) == device


def test_a_missing_node_in_dev_is_made(real_rig: RealRig) -> None:
    node = Node(real_rig)
    device = node.device(resource(volume()))
    node.fine(resource(volume(), active=False))
    os.unlink(device)
    assert node.device(resource(volume()))


def test_the_block_size_stays_when_blocks_are_shared(real_rig: RealRig) -> None:
    node = Node(real_rig)
    spec = resource(volume(), snapshots=(snapshot(),))
    sizes = [_block_size(node.device(resource(volume())))]
    real_rig.write(node.device(resource(volume())), b"data")
    node.fine(spec)
    node.fine(resource(volume(), snapshots=(snapshot(),), active=False))
    sizes.append(_block_size(node.device(spec)))
    assert sizes == [512, 512]


def _block_size(device: str) -> int:
    return int(Path(f"/sys/block/{os.path.basename(device)}/queue/logical_block_size").read_text())


def test_a_file_under_a_device_that_somebody_set_up_by_hand_is_not_removed(real_rig: RealRig, tmp_path: Path) -> None:
    """For instance to look what is in an orphan, before it is removed."""
    node = Node(real_rig)
    wanted = structs.replace(volume(size_kib=64 * 1024), file_system=FileSystemSpec("ext4"))
    node.fine(resource(wanted, active=False))
    by_hand = processes.run(["losetup", "--show", "-f", str(real_rig.directory / "r_00000.img")]).strip()
    try:
        with mounted(by_hand, tmp_path / "mnt"):
            real_rig.later_s = 6  # a list of all devices is believed for 5 s
            refusal = node.refused(resource(structs.replace(wanted, delete=True)))
        assert refusal.code == Code.IN_USE and by_hand in refusal.cause
        assert "r_00000.img" in real_rig.paths()
    finally:
        processes.run(["losetup", "-d", by_hand])
    node.fine(resource(structs.replace(wanted, delete=True)))
    assert real_rig.paths() == []
