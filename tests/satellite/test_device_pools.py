"""Unused devices and pools on them: real loop devices, real tools."""

from __future__ import annotations

import os
import shutil
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec import structs

from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.satellite import device_pool_planner
from linstor_core.satellite.block_devices import BlockDevices
from linstor_core.satellite.device_facts import DeviceFacts, obstacle
from linstor_core.satellite.device_pool_planner import PoolWish
from linstor_core.satellite.device_pools import DevicePools
from linstor_core.satellite.device_steps import DeviceStep, RunTool
from linstor_core.satellite.facts import Absent
from linstor_core.satellite.failures import UnsafePlan
from linstor_core.wire.devices import ListDevices, PreparedDevices, PrepareDevices
from tools import loop_mounts, processes

MIB = 1024 * 1024
SIZE = 1025 * MIB
GROUP = f"linstor_test_{os.getpid()}"
LVM = shutil.which("pvcreate", path="/usr/sbin:/sbin") is not None
needs_lvm = pytest.mark.skipif(not LVM, reason="needs LVM: pvcreate is missing (Debian package lvm2)")


class Disks:
    """Files with loop devices over them, as if they were disks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, name: str) -> str:
        path = self.folder / f"{name}.img"
        if not path.exists():
            with path.open("wb") as image:
                image.truncate(SIZE)
        return processes.run(["losetup", "--show", "--find", str(path)]).strip()

    def remove_all(self) -> None:
        loop_mounts.release(self.folder)


@pytest.fixture
def disks(root_required: None, tmp_path: Path) -> Iterator[Disks]:
    (tmp_path / "disks").mkdir()
    disks = Disks(tmp_path / "disks")
    yield disks
    disks.remove_all()


def lvm_options(*devices: str) -> tuple[str, ...]:
    """LVM without a device mapper, without udev, on these devices only."""
    allowed = ", ".join(f'"a|^{device}$|"' for device in devices)
    return ("--driverloaded", "n", "--config", f"""devices {{
        obtain_device_list_from_udev=0 external_device_info_source="none" use_devicesfile=0
        filter=[{allowed}, "r|.*|"] }}
        activation {{ udev_sync=0 udev_rules=0 monitoring=0 }} backup {{ backup=0 archive=0 }}""")


def pools(state: Path, *lvm: str) -> DevicePools:
    state.mkdir(exist_ok=True)
    devices = BlockDevices(loop_devices=True, lvm_options=lvm_options(*lvm))
    return DevicePools(devices, state, str(state.parent / "pools"))


def wish(kind: ProviderKind, *devices: str, name: str = GROUP, owner: str = "cluster/node1") -> PrepareDevices:
    return PrepareDevices(1, kind, name, devices, owner)


def made(answer: PreparedDevices) -> PreparedDevices:
    assert answer.failure is None, answer
    return answer


def ends_of(device: str) -> tuple[bytes, bytes]:
    with open(device, "rb") as file:
        begin = file.read(4 * MIB)
        file.seek(SIZE - 4 * MIB)
        return begin, file.read()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def put_zfs_label(device: str) -> None:
    """What `zpool create` leaves, as far as it is looked at: a row of uberblocks in the first label."""
    with open(device, "r+b") as file:
        for number in range(8):
            file.seek(128 * 1024 + number * 1024)
            file.write(struct.pack("<5Q", 0x00BAB10C, 5000, 1, 1, 1))


SIGNED: dict[str, Callable[[str], object]] = {
    "ext4": lambda device: processes.run(["mkfs.ext4", "-q", device]),
    "xfs": lambda device: processes.run(["mkfs.xfs", "-q", device]),
    "swap": lambda device: processes.run(["mkswap", "-q", device]),
    "LVM2_member": lambda device: processes.run(["pvcreate", *lvm_options(device), device]),
    "gpt": lambda device: processes.run(["sgdisk", "--new=1:2048:+10M", device]),
    "drbd": lambda device: processes.run(["drbdmeta", "--force", "0", "v09", device, "internal", "create-md", "1"]),
    "crypto_LUKS": lambda device: processes.run(
        ["cryptsetup", "-q", "luksFormat", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--key-file",
         "/etc/hostname", device]),
    "zfs_member": put_zfs_label,
}
TOOLS = {"LVM2_member": "pvcreate", "gpt": "sgdisk", "drbd": "drbdmeta", "crypto_LUKS": "cryptsetup"}


@pytest.mark.parametrize("kind", SIGNED)
def test_what_carries_a_signature_is_neither_listed_nor_touched(disks: Disks, tmp_path: Path, kind: str) -> None:
    if kind in TOOLS and shutil.which(TOOLS[kind], path="/usr/sbin:/sbin:/usr/bin") is None:
        pytest.skip(f"needs {TOOLS[kind]}")
    blank, signed = disks.add("blank"), disks.add("signed")
    SIGNED[kind](signed)
    before = ends_of(signed)
    here = pools(tmp_path / "state", blank, signed)
    listed = [device.path for device in here.unused(ListDevices(1)).devices]
    assert blank in listed and signed not in listed
    for wanted in (ProviderKind.FILE_THIN, *((ProviderKind.LVM,) if LVM else ())):
        failure = here.make(wish(wanted, signed)).failure
        assert failure is not None and kind in failure.cause and failure.correction
    with pytest.raises(UnsafePlan):  # as if it had been written between plan and step
        here.run(RunTool(("mkfs.xfs", "-q", "-f", signed), (signed,)))
    assert ends_of(signed) == before


def test_only_whole_free_disks_are_listed(disks: Disks, tmp_path: Path, pool_dir: Path) -> None:
    blank, mounted, held = (disks.add(name) for name in ("blank", "mounted", "held"))
    processes.run(["mkfs.ext4", "-q", mounted])
    (disks.folder / "mnt").mkdir()
    processes.run(["mount", mounted, str(disks.folder / "mnt")])
    with (pool_dir / "r_00000.img").open("wb") as volume:
        volume.truncate(SIZE)
    os.setxattr(pool_dir / "r_00000.img", "user.linstor.data_id", b"d1")
    os.setxattr(pool_dir / "r_00000.img", "user.linstor.state", b"ready")
    ours = processes.run(["losetup", "--show", "--find", str(pool_dir / "r_00000.img")]).strip()
    small = disks.folder / "small.img"
    small.write_bytes(b"")
    os.truncate(small, 1 << 30)
    too_small = processes.run(["losetup", "--show", "--find", str(small)]).strip()
    locked = processes.run(["losetup", "--show", "--find", "--read-only", str(disks.folder / "blank.img")]).strip()
    file = os.open(held, os.O_RDWR | os.O_EXCL)
    try:
        found = {device.path: device for device in pools(tmp_path / "state").unused(ListDevices(1)).devices}
        assert found[blank].size_bytes == SIZE
        assert not {mounted, held, ours, too_small, locked} & found.keys()
        devices = BlockDevices(loop_devices=True)
        for path, reason in ((mounted, "mounted"), (held, "in use"), (ours, "volume"), (too_small, "1 GiB"),
                             (locked, "read-only")):
            assert reason in obstacle(devices.look(path), loop_devices=True)
    finally:
        os.close(file)
    assert blank not in {device.path for device in
                         DevicePools(BlockDevices(), tmp_path, "").unused(ListDevices(1)).devices}


def test_a_disk_that_a_program_has_open_is_left_alone(disks: Disks, tmp_path: Path) -> None:
    """A hypervisor does not take it for itself alone, and what it has written need not be recognized."""
    blank = disks.add("blank")
    here = pools(tmp_path / "state")
    reader = processes.start(["sh", "-c", f"exec sleep 60 <{blank}"], tmp_path / "log")
    try:
        wait_until(lambda: Path(f"/proc/{reader.pid}/fd/0").resolve() == Path(blank))
        assert blank not in {device.path for device in here.unused(ListDevices(1)).devices}
        failure = here.make(wish(ProviderKind.FILE_THIN, blank)).failure
        assert failure is not None and "in use" in failure.cause
    finally:
        processes.kill(reader)
    assert blank in {device.path for device in here.unused(ListDevices(1)).devices}


def test_a_device_is_known_by_any_of_its_names(disks: Disks, tmp_path: Path) -> None:
    blank = disks.add("blank")
    (tmp_path / "by-id").symlink_to(blank)
    devices = BlockDevices(loop_devices=True)
    found = devices.look(str(tmp_path / "by-id"))
    assert isinstance(found, DeviceFacts) and found.path == blank
    for path in ("/dev/none", "/dev/null", str(tmp_path)):
        assert isinstance(devices.look(path), Absent) or obstacle(devices.look(path), loop_devices=True)


def test_pools_of_files_come_back_after_a_reboot_on_other_devices(disks: Disks, tmp_path: Path) -> None:
    here = pools(tmp_path / "state")
    folders = {}
    for name in ("a", "b"):
        device = disks.add(name)
        answer = made(here.make(wish(ProviderKind.FILE_THIN, device, name=name)))
        folders[name] = Path(answer.location)
        assert answer.location == str(tmp_path / "pools" / name) and len(answer.done) == 3
        assert made(here.make(wish(ProviderKind.FILE_THIN, device, name=name))).done == ()
        (folders[name] / "file").write_text(name)
        assert loop_mounts.supports_reflink(folders[name])
    disks.remove_all()
    later = pools(tmp_path / "state")
    later.mount_all()
    assert not any(folder.is_mount() for folder in folders.values()), "their disks are not there yet"
    for name in ("decoy", "b", "a"):
        disks.add(name)
    later.mount_all()
    assert {name: (folder / "file").read_text() for name, folder in folders.items()} == {"a": "a", "b": "b"}


def test_of_two_devices_with_one_content_none_is_mounted(disks: Disks, tmp_path: Path) -> None:
    here = pools(tmp_path / "state")
    folder = Path(made(here.make(wish(ProviderKind.FILE_THIN, disks.add("a"), name="a"))).location)
    disks.remove_all()
    processes.run(["cp", "--sparse=always", str(disks.folder / "a.img"), str(disks.folder / "copy.img")])
    disks.add("a")
    copy = disks.add("copy")
    here.mount_all()
    assert not folder.is_mount()
    processes.run(["losetup", "--detach", copy])
    here.mount_all()
    assert folder.is_mount()


def test_a_mount_that_was_given_up_stays_away(disks: Disks, tmp_path: Path) -> None:
    here = pools(tmp_path / "state")
    folder = Path(made(here.make(wish(ProviderKind.FILE_THIN, disks.add("a"), name="a"))).location)
    (tmp_path / "state" / "mounts" / "a.json").unlink()
    processes.run(["umount", str(folder)])
    here.mount_all()
    assert not folder.is_mount()


def test_a_folder_that_holds_something_is_not_mounted_over(disks: Disks, tmp_path: Path) -> None:
    device = disks.add("a")
    (tmp_path / "pools" / "a").mkdir(parents=True)
    (tmp_path / "pools" / "a" / "file").write_text("somebody's")
    answer = pools(tmp_path / "state").make(wish(ProviderKind.FILE_THIN, device, name="a"))
    assert answer.failure is not None and "in the way" in answer.failure.message and answer.done == ()
    assert not any(map(any, ends_of(device))), "the device is as it was"


def _steps(here: BlockDevices, question: PrepareDevices, folder: str) -> tuple[DeviceStep, ...]:
    wanted = PoolWish(question.kind, question.pool_name, question.devices, question.owner, folder, {}, True,
                      here.lvm_options)
    facts = here.site(wanted.devices, folder, lvm=question.kind is ProviderKind.LVM)
    return device_pool_planner.plan(wanted, facts)


@pytest.mark.parametrize("kind", [ProviderKind.FILE_THIN, pytest.param(ProviderKind.LVM, marks=needs_lvm)])
def test_interrupted_anywhere_a_second_call_ends_the_same(disks: Disks, tmp_path: Path, kind: ProviderKind) -> None:
    for done in range(4):
        devices = [disks.add(f"{done}-{number}") for number in range(1 if kind is ProviderKind.FILE_THIN else 2)]
        question = wish(kind, *devices, name=f"{GROUP}_{done}")
        folder = str(tmp_path / "pools" / question.pool_name) if kind is ProviderKind.FILE_THIN else ""
        look = BlockDevices(loop_devices=True, lvm_options=lvm_options(*devices))
        steps = _steps(look, question, folder)
        assert len(steps) == 3
        left = (steps, steps[1:], steps[2:] if kind is ProviderKind.LVM else steps[1:], ())
        for step in steps[:done]:
            pools(tmp_path / "state", *devices).run(step)
        for stranger in (structs.replace(question, owner="other/node1"), structs.replace(question, pool_name="other")):
            if done > 0:
                assert pools(tmp_path / "state", *devices).make(stranger).failure is not None
        answer = made(pools(tmp_path / "state", *devices).make(question))
        assert answer.done == tuple(step.description for step in left[done])
        assert made(pools(tmp_path / "state", *devices).make(question)).done == ()
        if kind is ProviderKind.LVM:
            report = processes.run(["vgs", *lvm_options(*devices), "--noheadings", "-o", "vg_name,pv_count"]).split()
            assert report[-2:] == [answer.location, "2"]
        disks.remove_all()


@needs_lvm
def test_a_volume_group_of_somebody_else_is_left_alone(disks: Disks, tmp_path: Path) -> None:
    theirs, blank = disks.add("theirs"), disks.add("blank")
    processes.run(["vgcreate", *lvm_options(theirs, blank), GROUP, theirs])
    here = pools(tmp_path / "state", theirs, blank)
    failure = here.make(wish(ProviderKind.LVM, blank)).failure
    assert failure is not None and "already" in failure.message
    assert blank in {device.path for device in here.unused(ListDevices(1)).devices}


@needs_lvm
def test_thin_pools_need_a_device_mapper(disks: Disks, tmp_path: Path) -> None:
    if "device-mapper" in Path("/proc/misc").read_text():
        pytest.skip("this machine has a device mapper")
    blank = disks.add("blank")
    failure = pools(tmp_path / "state", blank).make(wish(ProviderKind.LVM_THIN, blank)).failure
    assert failure is not None and "device mapper" in failure.message
    assert not any(map(any, ends_of(blank)))


def test_a_name_that_leads_elsewhere_is_refused(disks: Disks, tmp_path: Path) -> None:
    blank = disks.add("blank")
    for name in ("../x", "", "a/b", ".x", "-x"):
        assert pools(tmp_path / "state").make(wish(ProviderKind.FILE_THIN, blank, name=name)).failure is not None
