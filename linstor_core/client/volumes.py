"""VolumeService: what every platform asks of storage, in its own words.

A volume is a resource definition with volume 0. Every verb may be repeated after any failure and ends in the same
state; so a caller that lost an answer just asks again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from msgspec import Struct, field

from linstor_core.client.client import LinstorClient
from linstor_core.client.errors import ApiCallError, ClientError, ObjectExists, ObjectNotFound
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire.rest_resources import Resource
from linstor_core.wire.rest_resources import Volume as RestVolume
from linstor_core.wire.rest_v1 import ResourceDefinition
from linstor_core.wire.rest_v1 import Snapshot as RestSnapshot

VOLUME_NUMBER = 0
CLONE_POLL_S = 0.5
_WITHOUT_DATA = frozenset({"DISKLESS", "DRBD_DISKLESS", "TIE_BREAKER", "NVME_INITIATOR"})
_SYMLINK = "Satellite/Device/Symlinks/"


class Volume(Struct, frozen=True):
    """`nodes` hold its data; `devices` has a path for every node on which it can be opened now."""

    name: str
    size_kib: int
    group: str
    external_name: str = ""
    props: dict[str, str] = field(default_factory=dict)
    nodes: tuple[str, ...] = ()
    devices: dict[str, str] = field(default_factory=dict)
    in_use_on: tuple[str, ...] = ()


class Snapshot(Struct, frozen=True):
    """`complete` when every one of its nodes took it. `size_kib` is that of the volume at that moment."""

    volume: str
    name: str
    size_kib: int
    complete: bool
    nodes: tuple[str, ...] = ()
    created_ms: int | None = None


class Capacity(Struct, frozen=True):
    """What a group can give, replicas counted: all, what is left, and the largest volume that fits (KiB)."""

    total_kib: int
    free_kib: int
    largest_volume_kib: int


class VolumeMismatch(ClientError):
    """A volume of that name exists and is not what was asked for."""


class HasSnapshots(ClientError):
    """The volume cannot go while these are there."""

    def __init__(self, volume: str, names: Iterable[str]) -> None:
        self.names = tuple(names)
        super().__init__(f"{volume} has snapshots: {', '.join(self.names)}")


class CloneFailed(ClientError):
    """The data could not be copied, or not in time."""


class VolumeService:
    """All methods raise ClientError, and ObjectNotFound where a volume, snapshot, group or node is not there."""

    def __init__(self, client: LinstorClient, sleep: Callable[[float], None] = time.sleep,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self.client = client
        self._sleep = sleep
        self._clock = clock

    # Volumes

    def find(self, name: str) -> Volume | None:
        """The volume, or None. A definition without volumes is no volume."""
        found = self._definition(name)
        if found is None or not found.volume_definitions:
            return None
        return _volume(found, self.client.resources([name]))

    def get(self, name: str) -> Volume:
        volume = self.find(name)
        return volume if volume is not None else self._missing(name)

    def list(self, prefix: str = "", props: dict[str, str] | None = None) -> tuple[Volume, ...]:
        """All volumes whose names start with `prefix` and that have these properties. Takes two calls."""
        wanted = [f"{key}={value}" for key, value in (props or {}).items()]
        definitions = self.client.resource_definitions(props=wanted, with_volume_definitions=True)
        by_name: dict[str, list[Resource]] = {}
        for resource in self.client.resources():
            by_name.setdefault(resource.name, []).append(resource)
        return tuple(_volume(definition, by_name.get(definition.name, [])) for definition in definitions
                     if definition.name.startswith(prefix) and definition.volume_definitions)

    def create(self, name: str, group: str, size_kib: int, props: dict[str, str] | None = None) -> Volume:
        """Create and place a volume as its group says; one that is there with this size and group is returned.

        Raises VolumeMismatch, NoSpace, NotEnoughNodes. A volume that could not be placed is removed again.
        """
        if self.find(name) is None:
            self._spawn(name, group, size_kib)
        volume = self.get(name)
        if volume.group.upper() != group.upper() or volume.size_kib != size_kib:
            raise VolumeMismatch(f"{name} exists with {volume.size_kib} KiB in the group {volume.group}")
        if not volume.nodes:
            self.client.auto_place(name)
        if props and any(volume.props.get(key) != value for key, value in props.items()):
            self.set_props(name, props)
        return self.get(name)

    def _spawn(self, name: str, group: str, size_kib: int) -> None:
        body = bodies.ResourceGroupSpawn(resource_definition_name=name, volume_sizes=(size_kib,))
        try:
            self.client.spawn(group, body)
        except ObjectExists:
            pass  # Somebody else was asked the same at the same time: what is there is looked at next.
        except ApiCallError:
            volume = self.find(name)
            if volume is not None and not volume.nodes:
                self.client.delete_resource_definition(name)
            raise

    def set_props(self, name: str, props: dict[str, str]) -> None:
        self.client.modify_resource_definition(name, bodies.ResourceDefinitionModify(override_props=props))

    def grow(self, name: str, size_kib: int) -> Volume:
        """Make it at least this large; a volume that is, is left alone."""
        volume = self.get(name)
        if volume.size_kib >= size_kib:
            return volume
        self.client.modify_volume_definition(name, VOLUME_NUMBER, bodies.VolumeDefinitionModify(size_kib=size_kib))
        return self.get(name)

    def delete(self, name: str) -> None:
        """Remove it everywhere; nothing to do where it is not. Raises InUse and HasSnapshots."""
        if self._definition(name) is None:
            return
        snapshots = self.snapshots(name)
        if snapshots:
            raise HasSnapshots(name, (snapshot.name for snapshot in snapshots))
        self.client.delete_resource_definition(name)

    # Use on a node

    def make_available(self, name: str, node: str) -> str:
        """Make the volume usable on a node, over the network where it has no data; gives the device's path."""
        self.client.make_available(name, node)
        return self.device(name, node)

    def device(self, name: str, node: str) -> str:
        """The path of the volume on a node. Raises ObjectNotFound where it is not available there."""
        return _device_path(self.client.volume(name, node, VOLUME_NUMBER))

    def release(self, name: str, node: str) -> None:
        """The opposite of `make_available`: a replica stays, what was only an access goes. Raises InUse."""
        for resource in self.client.resources([name], nodes=[node]):
            if _WITHOUT_DATA & set(resource.flags):
                self.client.delete_resource(name, resource.node_name, keep_tiebreaker=True)

    # Snapshots

    def snapshot(self, volume: str, name: str) -> Snapshot:
        """Take a snapshot; one that is there is returned."""
        found = self._snapshot(volume, name)
        if found is None:
            self.client.create_snapshot(volume, bodies.SnapshotCreate(name=name))
            found = self._snapshot(volume, name)
        return found or _snapshot(self.client.snapshot(volume, name))

    def snapshots(self, volume: str) -> tuple[Snapshot, ...]:
        """Those of a volume, oldest first."""
        found = map(_snapshot, self.client.snapshots([volume]))
        return tuple(sorted(found, key=lambda snapshot: (snapshot.created_ms or 0, snapshot.name)))

    def delete_snapshot(self, volume: str, name: str) -> None:
        """Nothing to do where it, or the volume, is not there."""
        if self._snapshot(volume, name) is not None:
            self.client.delete_snapshot(volume, name)

    def roll_back(self, volume: str, snapshot: str) -> None:
        """Take the volume back to a snapshot: what was written since is lost. Raises InUse."""
        self.client.roll_back(volume, snapshot)

    def restore_snapshot(self, volume: str, snapshot: str, new_name: str, group: str | None = None) -> Volume:
        """A new volume with the content of a snapshot, in the volume's group or another one.

        A restore that stopped half way is completed.
        """
        source = self.client.snapshot(volume, snapshot)
        target = self._definition(new_name)
        if target is None:
            group = group or self.client.resource_definition(volume).resource_group_name
            fields = bodies.ResourceDefinitionFields(name=new_name, resource_group_name=group)
            self.client.create_resource_definition(bodies.ResourceDefinitionCreate(resource_definition=fields))
        if target is None or not target.volume_definitions:
            self.client.restore_volume_definitions(source.resource_name, source.name, new_name)
        if not self.client.resources([new_name]):
            self.client.restore_resource(source.resource_name, source.name,
                                         bodies.SnapshotRestore(to_resource=new_name))
        return self.get(new_name)

    # Copies and numbers

    def clone(self, source: str, new_name: str, timeout_s: float = 3600.0) -> Volume:
        """A full copy of a volume as it is now; waits till the data is there. Raises CloneFailed, VolumeMismatch."""
        if self._definition(new_name) is None:
            self.client.clone(source, bodies.CloneRequest(name=new_name))
        deadline = self._clock() + timeout_s
        while (status := self._clone_status(source, new_name)) == "CLONING":
            if self._clock() > deadline:
                raise CloneFailed(f"{new_name} was not copied within {timeout_s:g} s")
            self._sleep(CLONE_POLL_S)
        if status != "COMPLETE":
            raise CloneFailed(f"{new_name} could not be copied from {source}: {status}")
        return self.get(new_name)

    def _clone_status(self, source: str, clone: str) -> str:
        try:
            return self.client.clone_status(source, clone).status
        except ObjectNotFound:
            raise VolumeMismatch(f"{clone} exists and is no clone of {source}") from None

    def capacity(self, group: str) -> Capacity:
        info = self.client.size_info(group).space_info
        if info is None:
            return Capacity(0, 0, 0)
        return Capacity(info.capacity_in_kib or 0, info.available_size_in_kib or 0, info.max_vlm_size_in_kib)

    # Look-ups

    def _definition(self, name: str) -> ResourceDefinition | None:
        found = self.client.resource_definitions([name], with_volume_definitions=True)
        return next((definition for definition in found if definition.name.upper() == name.upper()), None)

    def _snapshot(self, volume: str, name: str) -> Snapshot | None:
        return next((item for item in self.snapshots(volume) if item.name.upper() == name.upper()), None)

    def _missing(self, name: str) -> Volume:
        """Lets the controller say in its own words what is missing."""
        definition = self.client.resource_definition(name)
        raise VolumeMismatch(f"{definition.name} has no volume")


def _volume(definition: ResourceDefinition, resources: list[Resource]) -> Volume:
    devices = {resource.node_name: _device_path(volume) for resource in resources for volume in resource.volumes
               if volume.volume_number == VOLUME_NUMBER and "INACTIVE" not in resource.flags and _device_path(volume)}
    first = min(definition.volume_definitions, key=lambda volume: volume.volume_number or 0)
    return Volume(
        definition.name, first.size_kib or 0, definition.resource_group_name, definition.external_name,
        definition.props,
        nodes=tuple(resource.node_name for resource in resources if not _WITHOUT_DATA & set(resource.flags)),
        devices=devices,
        in_use_on=tuple(resource.node_name for resource in resources
                        if resource.state is not None and resource.state.in_use),
    )


def _device_path(volume: RestVolume) -> str:
    """The link that is named after the resource stays the same on every node and over every restart."""
    links = [value for key, value in sorted(volume.props.items()) if key.startswith(_SYMLINK)]
    return next((link for link in links if "/by-res/" in link), volume.device_path)


def _snapshot(snapshot: RestSnapshot) -> Snapshot:
    sizes = {volume.volume_number: volume.size_kib or 0 for volume in snapshot.volume_definitions}
    times = [part.create_timestamp for part in snapshot.snapshots if part.create_timestamp is not None]
    return Snapshot(snapshot.resource_name, snapshot.name, sizes.get(VOLUME_NUMBER, 0),
                    "SUCCESSFUL" in snapshot.flags, snapshot.nodes, min(times, default=None))
