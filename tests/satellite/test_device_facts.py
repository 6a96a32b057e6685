"""What is made of the tools' outputs, captured from the real ones, and what stands against using a device."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from linstor_core.satellite.device_facts import DeviceFacts, could_be_used, listed, obstacle, recognized
from linstor_core.satellite.facts import Absent, Unobserved

FACTS = Path(__file__).parents[1] / "facts"
NOTHING = '{"signatures": []}'
BLANK = DeviceFacts("/dev/sdb", "disk", 1024**3 + 512, signatures=())


def test_lsblk_as_it_answers() -> None:
    devices = {device.path: device for device in listed((FACTS / "lsblk_loop_devices.json").read_text())}
    assert devices["/dev/loop1"] == DeviceFacts("/dev/loop1", "loop", 2 << 30, rotational=True)
    assert devices["/dev/vda"].mounted_on == ("/run/netns", "/")
    assert [path for path, device in devices.items() if could_be_used(device, loop_devices=False)] == ["/dev/vda"]
    mounted, table = listed((FACTS / "lsblk_mounted_and_partitioned.json").read_text())
    assert mounted.mounted_on and not table.mounted_on
    # Where no udev runs, lsblk knows of no content at all: that it tells none means nothing.
    assert mounted.signatures is None and table.signatures is None


def test_what_is_no_listing_is_an_error() -> None:
    for text in ("", "{}", '{"blockdevices": [{"path": "/dev/sda"}]}'):
        with pytest.raises(msgspec.DecodeError):
            listed(text)


@pytest.mark.parametrize(("wipefs", "blkid", "kinds", "uuid"), [
    (NOTHING, "", (), ""),
    ('{"signatures": [{"device": "loop5", "offset": "0x0", "type": "xfs", "uuid": "f8-1", "label": null}]}',
     "DEVNAME=/dev/loop5\nUUID=f8-1\nTYPE=xfs\nUSAGE=filesystem\n", ("xfs",), "f8-1"),
    ('{"signatures": [{"device": "l", "offset": "0x200", "type": "gpt", "uuid": null, "label": null}, {"device": "l", '
     '"offset": "0x1fe", "type": "PMBR", "uuid": null, "label": null}]}', "DEVNAME=/dev/l\nPTUUID=4\nPTTYPE=gpt\n",
     ("gpt", "PMBR"), ""),
    (NOTHING, "DEVNAME=/dev/l\nTYPE=ext4\n", ("ext4",), ""),
    (NOTHING, "DEVNAME=/dev/l\nAMBIVALENT=yes\n", ("something unknown",), ""),
])
def test_either_tool_is_believed_that_there_is_something(wipefs: str, blkid: str, kinds: tuple[str, ...],
                                                         uuid: str) -> None:
    assert recognized(wipefs, blkid) == (kinds, uuid)


def test_an_empty_disk_may_be_used() -> None:
    assert obstacle(BLANK, loop_devices=False) == ""
    assert obstacle(structs.replace(BLANK, kind="loop"), loop_devices=True) == ""


@pytest.mark.parametrize(("device", "reason"), [
    (Absent(), "no such"), (Unobserved("it does not answer"), "does not answer"),
    (structs.replace(BLANK, kind="loop"), "no disk"), (structs.replace(BLANK, kind="part"), "no disk"),
    (structs.replace(BLANK, kind="rom"), "no disk"), (structs.replace(BLANK, path="/dev/zd16"), "no disk"),
    (structs.replace(BLANK, path="/dev/drbd1000"), "no disk"), (structs.replace(BLANK, path="/dev/zram0"), "no disk"),
    (structs.replace(BLANK, size_bytes=1024**3), "1 GiB"), (structs.replace(BLANK, read_only=True), "read-only"),
    (structs.replace(BLANK, removable=True), "removable"), (structs.replace(BLANK, mounted_on=("/",)), "mounted"),
    (structs.replace(BLANK, parts=1), "partitions"), (structs.replace(BLANK, signatures=None), "Nobody"),
    (structs.replace(BLANK, signatures=("zfs_member",)), "zfs_member"),
    (structs.replace(BLANK, is_held=True), "in use"), (structs.replace(BLANK, is_volume=True), "volume"),
])
def test_anything_else_may_not(device: DeviceFacts | Absent | Unobserved, reason: str) -> None:
    assert reason in obstacle(device, loop_devices=False)
