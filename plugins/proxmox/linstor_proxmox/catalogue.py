"""Which volumes a storage has. Asked of the controller every time: another node may have renamed one just now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from linstor_core.client.volumes import VolumeService
from linstor_proxmox import volume_names
from linstor_proxmox.refusals import Refused, VolumeMissing
from linstor_proxmox.storage_config import StorageConfig
from linstor_proxmox.volume_names import FORMER_NAME, NAME, NOTES, PROTECTED, STORAGE, TEMPLATE, VMID, VolumeName


@dataclass(frozen=True, slots=True)
class StoredVolume:
    """`is_adopted` for a volume that LINBIT's plugin made and that has not been renamed since."""

    name: VolumeName
    resource: str
    size_kib: int
    is_adopted: bool = False
    former_leaf: str = ""
    notes: str = ""
    is_protected: bool = False


class _VolumeDefinition(Protocol):
    @property
    def size_kib(self) -> int | None: ...


class _Definition(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def props(self) -> Mapping[str, str]: ...
    @property
    def flags(self) -> tuple[str, ...]: ...
    @property
    def resource_group_name(self) -> str: ...
    @property
    def volume_definitions(self) -> tuple[_VolumeDefinition, ...]: ...


class Catalogue:
    """A volume is a storage's own by its properties and its resource group: groups tell two Proxmox VE clusters apart
    that gave their storages the same name.
    """

    def __init__(self, service: VolumeService, config: StorageConfig) -> None:
        self._service = service
        self._config = config

    def find(self, name: VolumeName) -> StoredVolume | None:
        wanted = [f"{STORAGE}={self._config.storage}", f"{NAME}={name.leaf}"]
        found = self._read(self._service.client.resource_definitions(props=wanted, with_volume_definitions=True))
        if not found and self._config.takeover:
            resource = volume_names.linbit_resource(name.leaf)
            found = self._read(self._service.client.resource_definitions([resource], with_volume_definitions=True))
        matching = [volume for volume in found if volume.name.leaf == name.leaf]
        if len(matching) > 1:
            raise Refused(f"'{name.leaf}' is the name of several resources: "
                          f"{', '.join(sorted(volume.resource for volume in matching))}; give all but one another "
                          f"{NAME} with `linstor resource-definition set-property`")
        return matching[0] if matching else None

    def get(self, text: str) -> StoredVolume:
        """Raises VolumeMissing, and Refused for what is no name or the clone of another template."""
        name = volume_names.parse(text)
        found = self.find(name)
        if found is None or found.name.template != name.template:
            raise VolumeMissing(self._config.storage, text)
        return found

    def all(self) -> list[StoredVolume]:
        """By name. Copies of snapshots that are only open for a while are no volumes."""
        wanted = [] if self._config.takeover else [f"{STORAGE}={self._config.storage}"]
        definitions = self._service.client.resource_definitions(props=wanted, with_volume_definitions=True)
        return sorted(self._read(definitions), key=lambda volume: volume.name.leaf)

    def _read(self, definitions: Iterable[_Definition]) -> list[StoredVolume]:
        return [volume for definition in definitions if (volume := self._volume(definition)) is not None]

    def _volume(self, definition: _Definition) -> StoredVolume | None:
        if (definition.resource_group_name.upper() != self._config.group.upper() or not definition.volume_definitions
                or "DELETE" in definition.flags):
            return None
        size_kib = definition.volume_definitions[0].size_kib or 0
        props = definition.props
        if props.get(STORAGE) == self._config.storage and NAME in props:
            name = VolumeName(props[NAME], int(props.get(VMID, "0")), props.get(TEMPLATE, ""))
            return StoredVolume(name, definition.name, size_kib, former_leaf=props.get(FORMER_NAME, ""),
                                notes=props.get(NOTES, ""), is_protected=PROTECTED in props)
        if self._config.takeover and STORAGE not in props:
            leaf = volume_names.linbit_leaf(definition.name, props.get(volume_names.LINBIT_VMID, ""))
            if leaf:
                return StoredVolume(volume_names.parse(leaf), definition.name, size_kib, is_adopted=True,
                                    notes=props.get(NOTES, ""), is_protected=PROTECTED in props)
        return None
