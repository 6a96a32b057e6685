"""Thin pools of LVM need a device mapper: in a guest (user-mode Linux) whose root is this machine's own."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tools import processes

ROOT = Path(__file__).resolve().parents[2]
MODULES = Path("/usr/lib/uml/modules")
MARK = "ANSWERS "

INIT = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mount -t tmpfs tmp /run; mount -t tmpfs tmp /mnt
modprobe -d {folder}/root dm-thin-pool
{python} -B {folder}/guest.py {checkout}
halt -f -p
"""

GUEST = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import msgspec
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.satellite import processes
from linstor_core.satellite.block_devices import BlockDevices
from linstor_core.satellite.device_pools import DevicePools
from linstor_core.wire.devices import ListDevices, PrepareDevices

lvm = ("--config", 'devices {{ obtain_device_list_from_udev=0 external_device_info_source="none" use_devicesfile=0 '
       'types=["ubd", 16] }} activation {{ udev_sync=0 udev_rules=0 monitoring=0 }} backup {{ backup=0 archive=0 }} '
       'global {{ locking_dir="/run/lvm" }}')
pools = DevicePools(BlockDevices(lvm_options=lvm), Path("/mnt"), "/mnt/pools")
question = PrepareDevices(1, ProviderKind.LVM_THIN, "thin", ("/dev/ubdb", "/dev/ubdc"), "cluster/node1",
                          {{"lvcreate": ("--chunksize", "128k")}})
answers = {{"before": pools.unused(ListDevices(1)), "first": pools.make(question), "again": pools.make(question),
           "after": pools.unused(ListDevices(1)),
           "volumes": processes.run(("lvs", *lvm, "--noheadings", "-o", "lv_name,segtype,chunk_size")).split(),
           "stranger": pools.make(msgspec.structs.replace(question, owner="another/node1"))}}
print({mark!r} + msgspec.json.encode(answers).decode())
"""


@pytest.fixture(scope="module")
def answers(root_required: None, tmp_path_factory: pytest.TempPathFactory) -> Any:
    missing = [name for name in ("linux.uml", "modprobe", "pvcreate", "thin_check")
               if shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") is None]
    if missing:
        pytest.skip(f"needs a guest with LVM: {', '.join(missing)} is missing")
    folder = tmp_path_factory.mktemp("guest")
    (folder / "init.sh").write_text(INIT.format(folder=folder, python=sys.executable, checkout=ROOT))
    (folder / "init.sh").chmod(0o755)
    (folder / "guest.py").write_text(GUEST.format(mark=MARK))
    (folder / "root" / "lib").mkdir(parents=True)
    (folder / "root" / "lib" / "modules").symlink_to(MODULES)
    disks = []
    for name in ("ubdb", "ubdc"):
        with (folder / name).open("wb") as disk:
            disk.truncate(2 << 30)
        disks.append(f"{name}={folder / name}")
    output = processes.run(["linux.uml", "mem=512M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro",
                            f"init={folder / 'init.sh'}", *disks, "con=null", "con0=null,fd:1", "ssl=null", "quiet"])
    told = [line for line in output.splitlines() if line.startswith(MARK)]
    assert told, output[-4000:]
    return json.loads(told[0].removeprefix(MARK))


def test_disks_of_a_machine_are_listed_until_they_are_used(answers: Any) -> None:
    assert [device["path"] for device in answers["before"]["devices"]] == ["/dev/ubdb", "/dev/ubdc"]
    assert answers["after"]["devices"] == [] and answers["after"]["failure"] is None


def test_a_thin_pool_is_made_once(answers: Any) -> None:
    assert answers["first"]["failure"] is None, answers["first"]
    assert answers["first"]["location"] == "linstor_thin/thin" and len(answers["first"]["done"]) == 4
    assert answers["again"] == {**answers["first"], "done": []}
    assert answers["volumes"] == ["thin", "thin-pool", "128.00k"]


def test_a_thin_pool_of_somebody_else_is_left_alone(answers: Any) -> None:
    assert "already" in answers["stranger"]["failure"]["message"] and answers["stranger"]["done"] == []
