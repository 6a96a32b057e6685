"""The links through which OpenNebula calls the plugin, and the lines that oned.conf needs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from linstor_opennebula.actions import ACTIONS
from linstor_opennebula.errors import Refused

ONED_CONF = """\
# In oned.conf: add {driver} to the -d lists of TM_MAD and DATASTORE_MAD, and to the -s list of DATASTORE_MAD. Then:
TM_MAD_CONF = [
    NAME = "{driver}", LN_TARGET = "NONE", CLONE_TARGET = "SELF", SHARED = "YES", ALLOW_ORPHANS = "YES",
    DS_MIGRATE = "NO", DS_LIVE_MIGRATE = "NO", DS_MIGRATE_SNAP = "NO", DRIVER = "raw", DISK_TYPE = "BLOCK",
    TM_MAD_SYSTEM = "ssh,shared", LN_TARGET_SSH = "NONE", CLONE_TARGET_SSH = "SELF", DISK_TYPE_SSH = "BLOCK",
    LN_TARGET_SHARED = "NONE", CLONE_TARGET_SHARED = "SELF", DISK_TYPE_SHARED = "BLOCK"
]
DS_MAD_CONF = [
    NAME = "{driver}", REQUIRED_ATTRS = "DISK_TYPE", PERSISTENT_ONLY = "NO", MARKETPLACE_ACTIONS = "export"
]
# In vmm_exec/vmm_execrc, for snapshots of disks of running machines: add kvm-{driver} to LIVE_DISK_SNAPSHOTS.
"""


def links(remotes: Path, driver: str) -> Iterator[Path]:
    for kind, actions in ACTIONS.items():
        yield from (remotes / kind / driver / action for action in actions)


def install(remotes: Path, driver: str, program: Path, *, replace: bool) -> int:
    """Make the links that are missing; the number of those made. Raises Refused before anything is changed.

    Files of another driver of that name are only replaced where that is said.
    """
    if not (remotes / "tm").is_dir() or not (remotes / "datastore").is_dir():
        raise Refused(f"{remotes} is not OpenNebula's folder of drivers: it has no tm/ and datastore/")
    wanted = list(links(remotes, driver))
    foreign = [path for path in wanted if os.path.lexists(path) and not path.is_symlink()]
    if foreign and not replace:
        raise Refused(f"{foreign[0]} and {len(foreign) - 1} others belong to another driver: name ours differently "
                      "by --driver, or take its place by --replace")
    made = 0
    for path in wanted:
        if path.is_symlink() and os.readlink(path) == str(program):
            continue
        path.parent.mkdir(mode=0o755, exist_ok=True)
        fresh = path.with_name(f".{path.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(program)
        fresh.replace(path)
        made += 1
    return made


def uninstall(remotes: Path, driver: str, program: Path) -> int:
    """Remove our links; whatever else is there stays."""
    removed = 0
    for path in links(remotes, driver):
        if path.is_symlink() and os.readlink(path) == str(program):
            path.unlink()
            removed += 1
    return removed
