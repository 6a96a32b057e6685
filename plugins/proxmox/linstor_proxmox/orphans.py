"""What one side knows and the other does not. Only told: which of them is wrong, nobody but the administrator knows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from linstor_core.client.volumes import VolumeService
from linstor_proxmox.catalogue import Catalogue
from linstor_proxmox.platform_api import PlatformApi
from linstor_proxmox.storage_config import StorageConfig
from linstor_proxmox.volume_names import NAME, SNAPSHOT_OF, STORAGE


@dataclass(frozen=True, slots=True)
class Orphans:
    """`unused`: volume -> resource that no guest refers to. `missing`: volume that a guest refers to -> its guests.

    `unfinished`: resources that a call left behind half-made. `copies`: opened snapshots that nobody closed.
    """

    unused: dict[str, str] = field(default_factory=dict)
    missing: dict[str, list[int]] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.unused or self.missing or self.unfinished or self.copies)


def find(api: PlatformApi, service: VolumeService, config: StorageConfig) -> Orphans:
    """Volumes are read first: what a guest got meanwhile is no orphan, and neither is what it gave up."""
    before = {str(volume.name): volume.resource for volume in Catalogue(service, config).all()}
    referred = references(api, config.storage)
    after = {str(volume.name) for volume in Catalogue(service, config).all()}
    templates = {name.partition("/")[0] for name in before if "/" in name}
    unfinished, copies = [], []
    for definition in service.client.resource_definitions():
        props = definition.props
        if re.fullmatch(r"pve-[0-9a-f]{16}", definition.name) and STORAGE not in props:
            unfinished.append(definition.name)
        if props.get(STORAGE) == config.storage and SNAPSHOT_OF in props and NAME not in props:
            copies.append(definition.name)
    return Orphans(
        {name: resource for name, resource in sorted(before.items())
         if name in after and name not in referred and name not in templates},
        {name: guests for name, guests in sorted(referred.items()) if name not in before and name not in after},
        sorted(unfinished), sorted(copies))


def references(api: PlatformApi, storage: str) -> dict[str, list[int]]:
    """Volume -> guests, from the configurations of all guests and of their snapshots."""
    found: dict[str, set[int]] = {}
    for guest in api.guests():
        for config in api.configs(guest):
            for value in config.values():
                volume = str(value).partition(",")[0]
                if volume.startswith(f"{storage}:"):
                    found.setdefault(volume.partition(":")[2], set()).add(int(guest["vmid"]))
    return {name: sorted(guests) for name, guests in found.items()}
