"""The storage in Proxmox VE's configuration: registered, taken over from LINBIT's plugin, checked on every node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from linstor_core.client.errors import ClientError, ObjectNotFound
from linstor_core.client.volumes import VolumeService
from linstor_proxmox.platform_api import PlatformApi
from linstor_proxmox.refusals import Refused
from linstor_proxmox.storage_config import TYPE

LINBIT_TYPE = "drbd"
_KEPT = ("content", "nodes", "disable", "bwlimit")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was looked at: `node` is empty for the cluster."""

    node: str
    is_good: bool
    text: str


def register(api: PlatformApi, storage: str, properties: Mapping[str, str]) -> str:
    """Create the storage, or change what differs; says which. Raises Refused for one of another type."""
    found = api.storage(storage)
    if found is None:
        api.post("storage", {"storage": storage, "type": TYPE, **properties})
        return "created"
    if found["type"] != TYPE:
        raise Refused(f"storage '{storage}' exists with type {found['type']}"
                      + (": see `linstor-proxmox take-over`" if found["type"] == LINBIT_TYPE else ""))
    group = f"{TYPE}-group"
    if properties.get(group, found.get(group)) != found.get(group):
        raise Refused(f"storage '{storage}' has the resource group {found.get(group)}, which can't be changed: its "
                      "volumes belong to it")
    changed = {key: value for key, value in properties.items() if str(found.get(key)) != value}
    if not changed:
        return "unchanged"
    api.put(f"storage/{storage}", changed)
    return "changed"


def taken_over(section: Mapping[str, Any]) -> dict[str, str]:
    """The section of our type that serves the volumes of LINBIT's: the same ID, so that guests keep their disks."""
    if section["type"] != LINBIT_TYPE:
        raise Refused(f"storage '{section['storage']}' has the type {section['type']}, not {LINBIT_TYPE}")
    kept = {key: str(section[key]) for key in _KEPT if section.get(key) not in (None, "")}
    controllers = str(section.get("controller") or "localhost")
    if section.get("apica") or section.get("apicrt"):
        controllers = ",".join(f"linstor+ssl://{host.strip()}" for host in controllers.split(","))
    return {**kept, f"{TYPE}-controllers": controllers, f"{TYPE}-group": str(section["resourcegroup"]),
            f"{TYPE}-takeover": "1"}


def take_over(api: PlatformApi, storage: str) -> dict[str, str]:
    """Replace the storage's section. No data are touched; should the new one be refused, the old one comes back."""
    section = api.storage(storage)
    if section is None:
        raise Refused(f"Proxmox VE has no storage '{storage}'")
    if section["type"] == TYPE:
        return {key: str(value) for key, value in section.items() if key.startswith(TYPE)}
    fresh = taken_over(section)
    api.delete(f"storage/{storage}")
    try:
        api.post("storage", {"storage": storage, "type": TYPE, **fresh})
    except Refused:
        api.post("storage", {key: value for key, value in section.items() if key not in ("digest", "shared")})
        raise
    return fresh


def check(api: PlatformApi, storage: str, service: VolumeService) -> list[Finding]:
    """The controllers, the resource group, and what every node of the cluster says of the storage."""
    section = api.storage(storage)
    if section is None or section["type"] != TYPE:
        raise Refused(f"Proxmox VE has no storage '{storage}' of type {TYPE}")
    findings = [_group(service, str(section[f"{TYPE}-group"]))]
    try:
        satellites = {node.name.lower(): node.connection_status for node in service.client.nodes()}
    except ClientError as error:
        return [Finding("", False, f"controllers: {error}")]
    only = [name for name in str(section.get("nodes") or "").split(",") if name]
    for node in api.nodes():
        name = str(node["node"])
        if not only or name in only:
            findings += _node(api, storage, node, satellites.get(name.lower()))
    return findings


def _group(service: VolumeService, group: str) -> Finding:
    try:
        capacity = service.capacity(group)
    except ObjectNotFound:
        return Finding("", False, f"LINSTOR has no resource group {group}")
    except ClientError as error:
        return Finding("", False, f"controllers: {error}")
    gib = capacity.largest_volume_kib / 1024 / 1024
    return Finding("", capacity.largest_volume_kib > 0, f"resource group {group}: the largest volume has {gib:.1f} GiB")


def _node(api: PlatformApi, storage: str, node: Mapping[str, Any], satellite: str | None) -> list[Finding]:
    name = str(node["node"])
    if node.get("status") != "online":
        return [Finding(name, False, "the node is not online")]
    findings = [Finding(name, satellite == "ONLINE",
                        f"LINSTOR satellite: {satellite or 'there is none of this name'}")]
    try:
        status = api.get(f"nodes/{name}/storage/{storage}/status")
    except Refused as error:
        return [*findings, Finding(name, False, f"{error}; are module and endpoint installed there?")]
    is_active = str(status.get("active")) == "1"
    text = "storage active" if is_active else "storage inactive: see `systemctl status linstor-proxmox` there"
    return [*findings, Finding(name, is_active, text)]
