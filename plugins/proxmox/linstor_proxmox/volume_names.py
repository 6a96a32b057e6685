"""Names: what Proxmox VE calls volumes and snapshots, and what LINSTOR calls them.

A resource of ours has a name without meaning, `pve-` and a digest. What Proxmox VE calls the volume is kept in the
properties of its definition, so a rename, a new owner or a template is one write and moves no data.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from linstor_proxmox.refusals import Refused

STORAGE, NAME, VMID, TEMPLATE, SNAPSHOT_OF, FORMER_NAME, NOTES, PROTECTED = (f"Aux/pve/{key}" for key in (
    "storage", "name", "vmid", "template", "snapshot", "former-name", "notes", "protected"))
LINBIT_VMID = "Aux/pm/vmid"
TEMPLATE_SNAPSHOT = "__base__"
"""The snapshot that linked clones of a template start from; no user can give one this name."""

_TAIL = r"[A-Za-z0-9][A-Za-z0-9_.+-]*"
_LEAF = re.compile(rf"(?:vm|base)-([1-9][0-9]{{0,8}})-{_TAIL}")
_TEMPLATE = re.compile(rf"base-[1-9][0-9]{{0,8}}-{_TAIL}")
_LINBIT_LEAF = re.compile(r"(pm-[0-9a-f]{8})_([1-9][0-9]{0,8})")
_SNAPSHOT_PREFIX = "pve_"


@dataclass(frozen=True, slots=True)
class VolumeName:
    """`vm-100-disk-0`, `base-100-disk-0`, the clone `base-100-disk-0/vm-101-disk-0`, or LINBIT's `pm-1234abcd_100`.

    `template` is what a linked clone was made from, empty for everything else.
    """

    leaf: str
    vmid: int
    template: str = ""

    @property
    def is_template(self) -> bool:
        return self.leaf.startswith("base-")

    @property
    def is_cloud_init(self) -> bool:
        return self.leaf == f"vm-{self.vmid}-cloudinit"

    @property
    def template_vmid(self) -> int | None:
        return int(self.template.split("-")[1]) if self.template else None

    def __str__(self) -> str:
        return f"{self.template}/{self.leaf}" if self.template else self.leaf


def parse(text: str) -> VolumeName:
    """Raises Refused for what is no name of a volume here."""
    template, _, leaf = text.rpartition("/")
    found = _LEAF.fullmatch(leaf)
    if found and (not template or _TEMPLATE.fullmatch(template)):
        return VolumeName(leaf, int(found[1]), template)
    linbit = _LINBIT_LEAF.fullmatch(text)
    if linbit:
        return VolumeName(text, int(linbit[2]))
    raise Refused(f"unable to parse volume name '{text}': it is none of this storage")


def disk_leaf(vmid: int, number: int) -> str:
    return f"vm-{vmid}-disk-{number}"


def template_leaf(leaf: str, number: int) -> str:
    """What a volume is called as a template; `number` counts where the name itself says nothing."""
    return f"base-{leaf.removeprefix('vm-')}" if leaf.startswith("vm-") else f"base-{parse(leaf).vmid}-disk-{number}"


def resource_name(*parts: object) -> str:
    """The same for the same parts, so that a call that stopped half way finds what it made."""
    return f"pve-{hashlib.sha256('/'.join(map(str, parts)).encode()).hexdigest()[:16]}"


def linbit_resource(leaf: str) -> str:
    """The resource in which LINBIT's plugin keeps a volume of this name."""
    found = _LINBIT_LEAF.fullmatch(leaf)
    return found[1] if found else leaf


def linbit_leaf(resource: str, vmid: str) -> str:
    """What LINBIT's plugin calls the volume in a resource; empty for a resource that is none of it."""
    leaf = f"{resource}_{vmid}" if resource.startswith("pm-") else resource
    return leaf if _LINBIT_LEAF.fullmatch(leaf) or (leaf.startswith("vm-") and _LEAF.fullmatch(leaf)) else ""


def snapshot_name(name: str) -> str:
    """The LINSTOR snapshot for one of Proxmox VE. LINSTOR does not tell cases apart: a digest does it there."""
    return f"{_SNAPSHOT_PREFIX}{name}" + ("" if name == name.lower() else f"-{_case_digest(name)}")


def linbit_snapshot_name(resource: str, name: str) -> str:
    return f"snap_{resource}_{name}"


def platform_snapshot(resource: str, snapshot: str) -> str:
    """The name in Proxmox VE of a LINSTOR snapshot; empty for one that Proxmox VE did not take."""
    linbit = linbit_snapshot_name(resource, "")
    if snapshot.startswith(linbit):
        return snapshot.removeprefix(linbit)
    if not snapshot.startswith(_SNAPSHOT_PREFIX):
        return ""
    name = snapshot.removeprefix(_SNAPSHOT_PREFIX)
    original, _, digest = name.rpartition("-")
    return original if original != original.lower() and digest == _case_digest(original) else name


def _case_digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:3]
