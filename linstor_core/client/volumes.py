"""VolumeService: what every platform asks of storage, in its own words.

A volume is a resource definition with volume 0. Every verb may be repeated after any failure and ends in the same
state, and several callers may ask for the same at once. A verb whose answer got lost because a controller went away is
repeated here, with the next controller of the client; only what then still fails is raised.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from linstor_core.client.client import LinstorClient
from linstor_core.client.errors import ApiCallError, ObjectExists, ObjectNotFound
from linstor_core.client.patience import Patience, repeatable
from linstor_core.client.volume_placing import PLACING, placed
from linstor_core.client.volume_values import (
    ORIGIN,
    VOLUME_NUMBER,
    WITHOUT_DATA,
    BeingDeleted,
    Capacity,
    CloneFailed,
    HasSnapshots,
    MigrationWindow,
    NotReady,
    RollbackBlocked,
    RollbackBlockers,
    Snapshot,
    SnapshotFailed,
    Volume,
    VolumeMismatch,
    capacity_of,
    device_path,
    is_volume,
    snapshot_of,
    volume_of,
)
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire.rest_resources import Resource
from linstor_core.wire.rest_v1 import ResourceDefinition

__all__ = ["BeingDeleted", "Capacity", "CloneFailed", "HasSnapshots", "MigrationWindow", "NotReady",
           "RollbackBlocked", "RollbackBlockers", "Snapshot", "SnapshotFailed", "Volume", "VolumeMismatch",
           "VolumeService"]

POLL_S = 0.5
SETTLE_S = 30.0
"""How long a verb waits for other work on the volume before it gives up."""
LEASE_S = 120.0
_REMOVED_FIRST = frozenset({"ZFS", "ZFS_THIN"})
"""Providers that can only go back to their newest snapshot."""


class VolumeService:
    """All methods raise ClientError; ObjectNotFound where a volume, snapshot, group or node is not there (unless said
    otherwise), InvalidRequest where a name or size is none, ConnectionFailed where no controller can be reached.
    """

    def __init__(self, client: LinstorClient, sleep: Callable[[float], None] = time.sleep,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self.client = client
        self.patience = Patience(sleep, clock, POLL_S)

    # Volumes

    def find(self, name: str) -> Volume | None:
        """The volume, or None. Neither a definition without volumes nor one that is being deleted is a volume."""
        found = self._definition(name)
        if found is None or not is_volume(found):
            return None
        return volume_of(found, self.client.resources([found.name]))

    def get(self, name: str) -> Volume:
        """Raises VolumeMismatch for a definition without volumes, BeingDeleted."""
        volume = self.find(name)
        return volume if volume is not None else self._missing(name)

    def list(self, prefix: str = "", props: dict[str, str] | None = None) -> tuple[Volume, ...]:
        """All volumes whose names start with `prefix` and that have these properties. Takes two calls."""
        wanted = [f"{key}={value}" for key, value in (props or {}).items()]
        definitions = self.client.resource_definitions(props=wanted, with_volume_definitions=True)
        by_name: dict[str, list[Resource]] = {}
        for resource in self.client.resources():
            by_name.setdefault(resource.name, []).append(resource)
        return tuple(volume_of(definition, by_name.get(definition.name, [])) for definition in definitions
                     if definition.name.upper().startswith(prefix.upper()) and is_volume(definition))

    @repeatable
    def create(self, name: str, group: str, size_kib: int, props: dict[str, str] | None = None, *,
               preferred_node: str = "") -> Volume:
        """Create and place a volume as its group says; one that is there with this size and group is returned.

        A new one has a replica on `preferred_node` if that node can take it and the group allows it; else it is placed
        without it. Raises VolumeMismatch, BeingDeleted, NoSpace, NotEnoughNodes. A volume that could not be placed is
        removed again.
        """
        if self._existing(name) is None:
            self._spawn(name, group, size_kib, near=preferred_node)
        volume = self.get(name)
        if volume.group.upper() != group.upper() or volume.size_kib != size_kib or ORIGIN in volume.props:
            raise VolumeMismatch(f"{name} exists with {volume.size_kib} KiB in the group {volume.group}"
                                 + (", made from another one" if ORIGIN in volume.props else ""))
        if (PLACING in volume.props or not volume.nodes) and not placed(self.client, volume, preferred_node):
            self._existing(name)
            self._spawn(name, group, size_kib)
        return self._with_props(self._usable(name), props)

    def _usable(self, name: str) -> Volume:
        """Wait for nodes that are at work; another caller, or one whose answer got lost, may have begun it."""
        waiting = self.patience.waiting(SETTLE_S)
        while (volume := self.get(name)).nodes and not volume.devices and waiting.more():
            pass
        return volume

    def _spawn(self, name: str, group: str, size_kib: int, near: str = "") -> None:
        body = bodies.ResourceGroupSpawn(
            resource_definition_name=name, volume_sizes=(size_kib,), definitions_only=True if near else None,
            resource_definition_props={PLACING: near} if near else None)
        try:
            self.client.spawn(group, body)
        except ObjectExists:
            pass  # Somebody else was asked the same at the same time: what is there is looked at next.
        except ApiCallError:
            volume = self.find(name)
            if volume is not None and not volume.nodes:
                self.client.delete_resource_definition(name)
            raise

    def _with_props(self, volume: Volume, props: dict[str, str] | None) -> Volume:
        done = tuple(key for key in (PLACING,) if key in volume.props)
        if done or any(volume.props.get(key) != value for key, value in (props or {}).items()):
            self.set_props(volume.name, props or {}, done)
        return self.get(volume.name)

    @repeatable
    def set_props(self, name: str, props: dict[str, str], delete: Sequence[str] = ()) -> None:
        """Set some properties and remove others; the rest stays."""
        self.client.modify_resource_definition(
            name, bodies.ResourceDefinitionModify(override_props=props, delete_props=tuple(delete)))

    @repeatable
    def grow(self, name: str, size_kib: int) -> Volume:
        """Make it at least this large; a volume that is, is left alone. Raises NoSpace."""
        if self.get(name).size_kib < size_kib:
            self.client.modify_volume_definition(name, VOLUME_NUMBER, bodies.VolumeDefinitionModify(size_kib=size_kib))
        waiting = self.patience.waiting(SETTLE_S)
        while "RESIZE" in self.client.volume_definition(name, VOLUME_NUMBER).flags and waiting.more():
            pass
        return self.get(name)

    @repeatable
    def rename(self, name: str, new_name: str) -> Volume:
        """Its data, snapshots and uuid stay, even while it is in use. Where only `new_name` is there, it was done.

        Raises VolumeMismatch where both are there, StateConflict while it is being copied from.
        """
        if name == new_name:
            return self.get(name)
        found, other = self._definition(name), self._definition(new_name)
        if found is None and other is not None:
            return self.get(new_name)
        if found is not None and other is not None and found.uuid != other.uuid:
            raise VolumeMismatch(f"{name} can't be renamed: {new_name} exists, too")
        try:
            self.patience.while_busy(lambda: self.client.rename_resource_definition(name, new_name), SETTLE_S)
        except ObjectNotFound:
            if self.find(new_name) is None:
                raise
        return self.get(new_name)

    @repeatable
    def delete(self, name: str, with_snapshots: bool = False) -> None:
        """Remove it everywhere; nothing to do where it is not. A node that is away removes its part when it returns.

        Raises InUse, HasSnapshots (unless they go with it), StateConflict while it is being copied from.
        """
        if self._definition(name) is None:
            return
        snapshots = self.snapshots(name)
        if snapshots and not with_snapshots:
            raise HasSnapshots(name, (snapshot.name for snapshot in snapshots))
        for snapshot in snapshots:
            self.delete_snapshot(name, snapshot.name)
        self.patience.while_busy(lambda: self.client.delete_resource_definition(name), SETTLE_S)

    # Use on a node

    @repeatable
    def make_available(self, name: str, node: str) -> str:
        """Make the volume usable on a node, over the network where it has no data; gives the device's path.

        Raises StateConflict where the volume's layers offer no way to reach it from that node, NotReady.
        """
        self.client.make_available(name, node)
        waiting = self.patience.waiting(SETTLE_S)
        while not (path := self.device(name, node)):
            if not waiting.more():
                raise NotReady(f"{node} has not set up a device for {name} in time")
        return path

    def device(self, name: str, node: str) -> str:
        """The path of the volume on a node. Raises ObjectNotFound where it is not available there."""
        return device_path(self.client.volume(name, node, VOLUME_NUMBER))

    @repeatable
    def release(self, name: str, node: str) -> None:
        """The opposite of `make_available`: a replica stays, what was only an access goes. Raises InUse."""
        for resource in self.client.resources([name], nodes=[node]):
            if WITHOUT_DATA & set(resource.flags):
                self.client.delete_resource(name, resource.node_name, keep_tiebreaker=True)

    @repeatable
    def open_migration_window(self, name: str, node_a: str, node_b: str, lease_s: float = LEASE_S) -> MigrationWindow:
        """Let two nodes have the volume open for writing for this long; once more, to make it last longer.

        The controller closes it by itself. Raises ObjectNotFound where the volume is not available on both nodes.
        """
        self.client.open_migration_window(name, node_a, node_b, lease_s)
        window = self.client.migration_window(name, node_a, node_b)
        return MigrationWindow(name, (node_a, node_b), window.expires_ms)

    @repeatable
    def close_migration_window(self, name: str, node_a: str, node_b: str) -> None:
        """Nothing to do where it is closed, or the volume is no longer on both nodes."""
        try:
            self.client.close_migration_window(name, node_a, node_b)
        except ObjectNotFound:
            return

    # Snapshots

    @repeatable
    def snapshot(self, volume: str, name: str) -> Snapshot:
        """Take a snapshot; one that is there and complete is returned, one that failed is taken anew.

        Raises SnapshotFailed, StateConflict where the pool takes none.
        """
        found = self._snapshot(volume, name)
        if found is not None and found.failed:
            self.delete_snapshot(volume, found.name)
            found = None
        if found is None:
            # Where another caller was faster, its snapshot is waited for.
            _unless_there(lambda: self.patience.while_busy(
                lambda: self.client.create_snapshot(volume, bodies.SnapshotCreate(name=name)), SETTLE_S))
        return self._complete_snapshot(volume, name)

    def _complete_snapshot(self, volume: str, name: str) -> Snapshot:
        waiting = self.patience.waiting(SETTLE_S)
        while True:
            found = self._snapshot(volume, name) or snapshot_of(self.client.snapshot(volume, name))
            if found.complete:
                return found
            if found.failed or not waiting.more():
                raise SnapshotFailed(f"The snapshot {name} of {volume} is not complete")

    def snapshots(self, volume: str) -> tuple[Snapshot, ...]:
        """Those of a volume, oldest first."""
        found = map(snapshot_of, self.client.snapshots([volume]))
        return tuple(sorted(found, key=lambda snapshot: (snapshot.created_ms or 0, snapshot.name)))

    @repeatable
    def delete_snapshot(self, volume: str, name: str) -> None:
        """Nothing to do where it, or the volume, is not there. Raises StateConflict while it is being copied from."""
        if self._snapshot(volume, name) is not None:
            self.patience.while_busy(lambda: self.client.delete_snapshot(volume, name), SETTLE_S)

    def rollback_blockers(self, volume: str, snapshot: str) -> RollbackBlockers:
        """What stands against `roll_back` as things are now; nothing is false."""
        found = snapshot_of(self.client.snapshot(volume, snapshot))
        newer: tuple[str, ...] = ()
        resources = self.client.resources([volume])
        if any(each.provider_kind in _REMOVED_FIRST for resource in resources for each in resource.volumes):
            names = [each.name for each in self.snapshots(volume)]
            newer = tuple(names[names.index(found.name) + 1:])
        open_on = tuple(resource.node_name for resource in resources
                        if resource.state is not None and resource.state.in_use)
        reasons = [f"It is in use on {node}." for node in open_on]
        reasons += [f"The snapshot {name} is newer and has to be deleted first." for name in newer]
        if not found.complete:
            reasons.append(f"The snapshot {found.name} is not complete.")
        return RollbackBlockers(open_on, newer, tuple(reasons))

    @repeatable
    def roll_back(self, volume: str, snapshot: str) -> None:
        """Take the volume back to a snapshot: what was written since is lost. Raises RollbackBlocked, InUse."""
        blockers = self.rollback_blockers(volume, snapshot)
        if blockers:
            raise RollbackBlocked(volume, blockers)
        self.patience.while_busy(lambda: self.client.roll_back(volume, snapshot), SETTLE_S)

    # Copies

    @repeatable
    def restore_snapshot(self, volume: str, snapshot: str, new_name: str, group: str | None = None,
                         *, size_kib: int = 0, props: dict[str, str] | None = None) -> Volume:
        """A new volume with the content of a snapshot, in the volume's group or another one, grown to `size_kib`.

        A restore that stopped half way is completed. Raises VolumeMismatch where `new_name` is anything else.
        """
        source = self.client.snapshot(volume, snapshot)
        origin = f"{new_name.upper()} from snapshot {source.uuid}"
        target = self._existing(new_name)
        if target is None:
            group = group or self.client.resource_definition(volume).resource_group_name
            fields = bodies.ResourceDefinitionFields(name=new_name, resource_group_name=group, props={ORIGIN: origin})
            _unless_there(lambda: self.client.create_resource_definition(
                bodies.ResourceDefinitionCreate(resource_definition=fields)))
            target = self.client.resource_definition(new_name)
        _check_origin(target, origin)
        if not self.client.volume_definitions(new_name):
            _unless_there(lambda: self.client.restore_volume_definitions(
                source.resource_name, source.name, new_name))
        if not self.client.resources_of(new_name):
            _unless_there(lambda: self.client.restore_resource(
                source.resource_name, source.name, bodies.SnapshotRestore(to_resource=new_name)))
        self._usable(new_name)
        return self._with_props(self.grow(new_name, size_kib), props)

    @repeatable
    def clone(self, source: str, new_name: str, timeout_s: float = 3600.0, *, group: str | None = None,
              size_kib: int = 0, props: dict[str, str] | None = None) -> Volume:
        """A full copy of a volume as it is now, grown to `size_kib`; waits till the data is there.

        Raises CloneFailed, VolumeMismatch where `new_name` is anything else.
        """
        origin = f"{new_name.upper()} from volume {self.client.resource_definition(source).uuid}"
        if self._existing(new_name) is None:
            body = bodies.CloneRequest(name=new_name, resource_group=group, override_props={ORIGIN: origin})
            _unless_there(lambda: self.patience.while_busy(lambda: self.client.clone(source, body), SETTLE_S))
        _check_origin(self.client.resource_definition(new_name), origin)
        waiting = self.patience.waiting(timeout_s)
        while (status := self.client.clone_status(source, new_name).status) == "CLONING":
            if not waiting.more():
                raise CloneFailed(f"{new_name} was not copied within {timeout_s:g} s")
        if status != "COMPLETE":
            raise CloneFailed(f"{new_name} could not be copied from {source}: {status}")
        return self._with_props(self.grow(new_name, size_kib), props)

    # Numbers

    def capacity(self, group: str) -> Capacity:
        return capacity_of(self.client.size_info(group))

    def capacities(self) -> dict[str, Capacity]:
        """Of every group, in one call."""
        return {name: capacity_of(info) for name, info in self.client.all_size_info().result.items()}

    # Look-ups

    def _definition(self, name: str) -> ResourceDefinition | None:
        found = self.client.resource_definitions([name], with_volume_definitions=True)
        return next((definition for definition in found if definition.name.upper() == name.upper()), None)

    def _existing(self, name: str) -> ResourceDefinition | None:
        """Raises BeingDeleted for one that does not go in time."""
        waiting = self.patience.waiting(SETTLE_S)
        while (found := self._definition(name)) is not None and "DELETE" in found.flags:
            if not waiting.more():
                raise BeingDeleted(f"{name} is still being deleted")
        return found

    def _snapshot(self, volume: str, name: str) -> Snapshot | None:
        return next((item for item in self.snapshots(volume) if item.name.upper() == name.upper()), None)

    def _missing(self, name: str) -> Volume:
        """Lets the controller say in its own words what is missing."""
        definition = self.client.resource_definition(name)
        if "DELETE" in definition.flags:
            raise BeingDeleted(f"{definition.name} is being deleted")
        raise VolumeMismatch(f"{definition.name} has no volume")


def _unless_there(step: Callable[[], object]) -> None:
    """A step that makes something; another caller may be ahead."""
    with suppress(ObjectExists):
        step()


def _check_origin(definition: ResourceDefinition, origin: str) -> None:
    if definition.props.get(ORIGIN) != origin:
        raise VolumeMismatch(f"{definition.name} exists and was not made from this source: {origin}")
