"""What `VolumeService` gives and raises, and how it reads REST's answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct, field

from linstor_core.client.errors import ClientError
from linstor_core.wire.rest_resources import Resource
from linstor_core.wire.rest_resources import Volume as RestVolume
from linstor_core.wire.rest_v1 import ResourceDefinition, SizeInfo
from linstor_core.wire.rest_v1 import Snapshot as RestSnapshot

VOLUME_NUMBER = 0
ORIGIN = "Aux/volume-service/origin"
"""The property of a copy that says what it was made from, under which name: a copy of a copy inherits it."""
WITHOUT_DATA = frozenset({"DISKLESS", "DRBD_DISKLESS", "TIE_BREAKER", "NVME_INITIATOR"})
FAILED = frozenset({"FAILED_DEPLOYMENT", "FAILED_DISCONNECT"})
_SYMLINK = "Satellite/Device/Symlinks/"


class Volume(Struct, frozen=True):
    """`nodes` hold its data; `devices` has a path for every node on which it can be opened now.

    `uuid` stays the same when the volume is renamed.
    """

    name: str
    size_kib: int
    group: str
    external_name: str = ""
    props: dict[str, str] = field(default_factory=dict)
    nodes: tuple[str, ...] = ()
    devices: dict[str, str] = field(default_factory=dict)
    in_use_on: tuple[str, ...] = ()
    uuid: str = ""


class Snapshot(Struct, frozen=True):
    """`complete` when every one of its nodes took it. `size_kib` is that of the volume at that moment."""

    volume: str
    name: str
    size_kib: int
    complete: bool
    nodes: tuple[str, ...] = ()
    created_ms: int | None = None
    failed: bool = False
    """It will never be complete: taking it again replaces it."""


class Capacity(Struct, frozen=True):
    """What a group can give, replicas counted: all, what is left, and the largest volume that fits (KiB)."""

    total_kib: int
    free_kib: int
    largest_volume_kib: int


class RollbackBlockers(Struct, frozen=True):
    """What stands against a rollback now: nodes that have the volume open, snapshots that would have to go first, and
    in `reasons` a sentence for everything.
    """

    in_use_on: tuple[str, ...] = ()
    snapshots: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.reasons)


class MigrationWindow(Struct, frozen=True):
    """While it is open, a volume may be open for writing on both nodes.

    `expires_ms` is Unix time by the controller's clock; None for one that an administrator opened by hand, which
    neither expires nor is closed by `close_migration_window`.
    """

    volume: str
    nodes: tuple[str, str]
    expires_ms: int | None = None


class VolumeMismatch(ClientError):
    """A volume of that name exists and is not what was asked for."""


class BeingDeleted(ClientError):
    """The old volume of that name is still on its way out: a node that holds a part of it is away, or it is busy."""


class HasSnapshots(ClientError):
    """The volume cannot go while these are there."""

    def __init__(self, volume: str, names: Iterable[str]) -> None:
        self.names = tuple(names)
        super().__init__(f"{volume} has snapshots: {', '.join(self.names)}")


class RollbackBlocked(ClientError):
    """`blockers` has the nodes and snapshots that are in the way."""

    def __init__(self, volume: str, blockers: RollbackBlockers) -> None:
        self.blockers = blockers
        super().__init__(f"{volume} can't be rolled back: {' '.join(blockers.reasons)}")


class SnapshotFailed(ClientError):
    """A node could not take its part of it, or not in time."""


class NotReady(ClientError):
    """A node has not made the volume usable in time; it goes on trying."""


class CloneFailed(ClientError):
    """The data could not be copied, or not in time."""


def volume_of(definition: ResourceDefinition, resources: Sequence[Resource]) -> Volume:
    here = [resource for resource in resources if "DELETE" not in resource.flags]
    devices = {resource.node_name: device_path(volume) for resource in here for volume in resource.volumes
               if volume.volume_number == VOLUME_NUMBER and "INACTIVE" not in resource.flags and device_path(volume)}
    first = min(definition.volume_definitions, key=lambda volume: volume.volume_number or 0)
    return Volume(
        definition.name, first.size_kib or 0, definition.resource_group_name, definition.external_name,
        definition.props,
        nodes=tuple(resource.node_name for resource in here if not WITHOUT_DATA & set(resource.flags)),
        devices=devices,
        in_use_on=tuple(resource.node_name for resource in here
                        if resource.state is not None and resource.state.in_use),
        uuid=definition.uuid,
    )


def is_volume(definition: ResourceDefinition) -> bool:
    """Not for a definition without volumes, nor for one that is being deleted."""
    return bool(definition.volume_definitions) and "DELETE" not in definition.flags


def device_path(volume: RestVolume) -> str:
    """The link that is named after the resource stays the same on every node and over every restart."""
    links = [value for key, value in sorted(volume.props.items()) if key.startswith(_SYMLINK)]
    return next((link for link in links if "/by-res/" in link), volume.device_path)


def snapshot_of(snapshot: RestSnapshot) -> Snapshot:
    sizes = {volume.volume_number: volume.size_kib or 0 for volume in snapshot.volume_definitions}
    times = [part.create_timestamp for part in snapshot.snapshots if part.create_timestamp is not None]
    return Snapshot(snapshot.resource_name, snapshot.name, sizes.get(VOLUME_NUMBER, 0),
                    "SUCCESSFUL" in snapshot.flags, snapshot.nodes, min(times, default=None),
                    bool(FAILED & set(snapshot.flags)))


def capacity_of(info: SizeInfo) -> Capacity:
    space = info.space_info
    if space is None:
        return Capacity(0, 0, 0)
    return Capacity(space.capacity_in_kib or 0, space.available_size_in_kib or 0, space.max_vlm_size_in_kib)
