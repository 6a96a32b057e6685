"""What CloudStack and LINSTOR each say is there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from msgspec import Struct, field

from linstor_cloudstack.cloudstack_api import CloudStackApi, only
from linstor_cloudstack.errors import Refused
from linstor_cloudstack.records import CloudSnapshot, CloudVolume, Storage, Template, VmSnapshot
from linstor_core.client.client import LinstorClient
from linstor_core.client.uris import controller_urls
from linstor_core.client.volume_values import VOLUME_NUMBER, WITHOUT_DATA, device_path, volume_of

T = TypeVar("T", CloudVolume, CloudSnapshot, Template, VmSnapshot)

ONLINE = "ONLINE"
ROOT_ADMINISTRATOR = 1
_BAD_STATES = frozenset({"Inconsistent", "Outdated", "Failed", "Diskless", "DUnknown", "Attaching", "Detaching",
                         "Negotiating", "Error"})
_EVERYBODYS: tuple[dict[str, Any], ...] = ({"listall": True}, {"listall": True, "projectid": "-1"})
"""What belongs to projects is left out of a list that does not ask for it."""


class Replica(Struct, frozen=True):
    """`fault` says why it does not count as a copy of the data now; empty where it does."""

    node: str
    fault: str = ""
    created_ms: int = 0


class Stored(Struct, frozen=True):
    """A definition in LINSTOR. `being_deleted` and one without a volume (size 0) are here, too."""

    name: str
    group: str
    size_kib: int
    props: dict[str, str]
    replicas: tuple[Replica, ...] = ()
    in_use_on: tuple[str, ...] = ()
    being_deleted: bool = False

    @property
    def good_nodes(self) -> tuple[str, ...]:
        return tuple(replica.node for replica in self.replicas if not replica.fault)

    @property
    def youngest_ms(self) -> int:
        return max((replica.created_ms for replica in self.replicas), default=0)


class StoredSnapshot(Struct, frozen=True):
    resource: str
    name: str
    created_ms: int = 0


class LinstorSide(Struct, frozen=True):
    """`definitions` by upper-cased name. `place_counts` of groups that say one, by upper-cased name."""

    definitions: dict[str, Stored]
    snapshots: dict[tuple[str, str], StoredSnapshot] = field(default_factory=dict)
    place_counts: dict[str, int] = field(default_factory=dict)
    offline: frozenset[str] = frozenset()
    nodes: frozenset[str] = frozenset()


class CloudSide(Struct, frozen=True):
    """`storages` are those looked at; volumes, snapshots and templates are all that CloudStack has."""

    storages: tuple[Storage, ...]
    volumes: tuple[CloudVolume, ...] = ()
    snapshots: tuple[CloudSnapshot, ...] = ()
    vm_snapshots: frozenset[str] = frozenset()
    templates: frozenset[str] = frozenset()
    other_groups: frozenset[str] = frozenset()
    """Upper-cased groups of CloudStack's other storages: a template may be theirs, too."""
    elsewhere: tuple[str, ...] = ()
    """Storages that other controllers have."""


def storages(api: CloudStackApi) -> list[Storage]:
    """Those of provider Linstor."""
    return [found for found in api.listed("listStoragePools", Storage) if found.is_linstor]


def storage_named(api: CloudStackApi, name: str) -> Storage:
    """Raises Refused."""
    return only([found for found in storages(api) if name in (found.name, found.id)], "Linstor storage", name)


def is_at(storage: Storage, controllers: frozenset[str]) -> bool:
    """Whether one of these controllers (base URLs) has it."""
    try:
        return bool(controllers & set(controller_urls(storage.ipaddress)))
    except ValueError:
        return False


def read_cloudstack(api: CloudStackApi, controllers: frozenset[str], name: str | None = None) -> CloudSide:
    """Everything, that of projects and of CloudStack's own machines included: an orphan is what nobody knows.

    Raises Refused where the storage of this name is not at these controllers, and for a user who is not shown
    everything.
    """
    if api.account_type() != ROOT_ADMINISTRATOR:
        raise Refused("The API key is not of a root administrator: CloudStack would not list everybody's volumes, and "
                      "what it leaves out would look like orphans")
    listed = storages(api)
    every = [storage for storage in listed if is_at(storage, controllers)]
    chosen = [storage_named(api, name)] if name else every
    if not all(is_at(storage, controllers) for storage in chosen):
        raise Refused(f"CloudStack reaches {name} at {chosen[0].ipaddress}, which is not among the controllers of "
                      "[linstor] in the configuration")
    volumes = _united(api.listed("listVolumes", CloudVolume, **query) for query in (
        *_EVERYBODYS, {"listall": True, "listsystemvms": True}))
    snapshots = _united(_snapshots(api, query) for query in _EVERYBODYS)
    machine_snapshots = _united(api.listed("listVMSnapshot", VmSnapshot, **query) for query in _EVERYBODYS)
    templates = _united(_templates(api, query) for query in _EVERYBODYS)
    ids = {storage.id for storage in chosen}
    return CloudSide(tuple(chosen), volumes, snapshots,
                     frozenset(snapshot.name.upper() for snapshot in machine_snapshots),
                     frozenset(template.id.lower() for template in templates),
                     frozenset(storage.group.upper() for storage in every if storage.id not in ids),
                     tuple(storage.name for storage in listed if not is_at(storage, controllers)))


def _snapshots(api: CloudStackApi, query: dict[str, Any]) -> list[CloudSnapshot]:
    """One that is on primary and on secondary storage is listed for each: primary counts, so it comes last."""
    return sorted(api.listed("listSnapshots", CloudSnapshot, **query),
                  key=lambda snapshot: snapshot.locationtype == "PRIMARY")


def _templates(api: CloudStackApi, query: dict[str, Any]) -> list[Template]:
    """One entry a template, though CloudStack lists it once a zone."""
    listed = api.listed("listTemplates", Template, templatefilter="all", showunique=True, **query)
    return list({template.id: template for template in listed}.values())


def _united(lists: Iterable[list[T]]) -> tuple[T, ...]:
    return tuple({item.id: item for found in lists for item in found}.values())


def read_linstor(client: LinstorClient) -> LinstorSide:
    """Five calls, whatever the number of volumes."""
    nodes = client.nodes()
    offline = frozenset(node.name for node in nodes if node.connection_status != ONLINE)
    by_name: dict[str, list[Any]] = {}
    for resource in client.resources():
        by_name.setdefault(resource.name, []).append(resource)
    definitions = {}
    for definition in client.resource_definitions(with_volume_definitions=True):
        here = by_name.get(definition.name, [])
        volume = volume_of(definition, here) if definition.volume_definitions else None
        definitions[definition.name.upper()] = Stored(
            definition.name, definition.resource_group_name, volume.size_kib if volume else 0, definition.props,
            tuple(_replica(resource, offline) for resource in here if not WITHOUT_DATA & set(resource.flags)),
            volume.in_use_on if volume else (), "DELETE" in definition.flags)
    snapshots = {}
    for snapshot in client.snapshots():
        times = [part.create_timestamp for part in snapshot.snapshots if part.create_timestamp is not None]
        snapshots[snapshot.resource_name.upper(), snapshot.name.upper()] = StoredSnapshot(
            snapshot.resource_name, snapshot.name, max(times, default=0))
    counts = {group.name.upper(): group.select_filter.place_count for group in client.resource_groups()
              if group.select_filter is not None and group.select_filter.place_count is not None}
    return LinstorSide(definitions, snapshots, counts, offline, frozenset(node.name for node in nodes))


def _replica(resource: Any, offline: frozenset[str]) -> Replica:
    return Replica(resource.node_name, _fault(resource, offline), resource.create_timestamp or 0)


def _fault(resource: Any, offline: frozenset[str]) -> str:
    if resource.node_name in offline:
        return "its node is not connected"
    for flag, words in (("DELETE", "it is being deleted"), ("INACTIVE", "it is deactivated")):
        if flag in resource.flags:
            return words
    volume = next((found for found in resource.volumes if found.volume_number == VOLUME_NUMBER), None)
    if volume is None or not device_path(volume):
        return "it has no device"
    state = volume.state.disk_state if volume.state is not None else ""
    return f"its data is {state}" if state in _BAD_STATES else ""
