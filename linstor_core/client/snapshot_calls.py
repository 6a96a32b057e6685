"""Snapshots."""

from __future__ import annotations

from collections.abc import Sequence

from linstor_core.client.calls import Calls, Entries, filters
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire.rest_v1 import Snapshot


class SnapshotCalls(Calls):
    def snapshots(self, resources: Sequence[str] = (), nodes: Sequence[str] = ()) -> list[Snapshot]:
        return self._get(list[Snapshot], "view", "snapshots", query=filters(resources=resources, nodes=nodes))

    def snapshots_of(self, resource: str) -> list[Snapshot]:
        return self._get(list[Snapshot], "resource-definitions", resource, "snapshots")

    def snapshot(self, resource: str, name: str) -> Snapshot:
        return self._get(Snapshot, "resource-definitions", resource, "snapshots", name)

    def create_snapshot(self, resource: str, body: bodies.SnapshotCreate) -> Entries:
        return self._write("POST", "resource-definitions", resource, "snapshots", body=body)

    def create_snapshots(self, snapshots: Sequence[bodies.SnapshotCreate]) -> Entries:
        """Snapshots of several resources at one moment."""
        return self._write("POST", "actions", "snapshot", "multi",
                           body=bodies.MultiSnapshotCreate(snapshots=tuple(snapshots)))

    def modify_snapshot(self, resource: str, name: str, body: bodies.PropsModify) -> Entries:
        return self._write("PUT", "resource-definitions", resource, "snapshots", name, body=body)

    def delete_snapshot(self, resource: str, name: str, nodes: Sequence[str] = (), *, force: bool = False,
                        abandon: bool = False) -> Entries:
        """On these nodes only, or everywhere. Deleting what is not there is a warning, not an error.

        For `force` and `abandon` see `delete_resource`.
        """
        return self._write("DELETE", "resource-definitions", resource, "snapshots", name,
                           query=filters(nodes=nodes, force=force, abandon=abandon))

    def roll_back(self, resource: str, snapshot: str, body: bodies.SnapshotRollback | None = None) -> Entries:
        """Everything written since the snapshot is lost."""
        return self._write("POST", "resource-definitions", resource, "snapshot-rollback", snapshot,
                           body=body or bodies.SnapshotRollback())

    def restore_volume_definitions(self, resource: str, snapshot: str, to_resource: str) -> Entries:
        """The first half of a restore: give an empty definition the volumes of a snapshot."""
        return self._write("POST", "resource-definitions", resource, "snapshot-restore-volume-definition", snapshot,
                           body=bodies.SnapshotRestore(to_resource=to_resource))

    def restore_resource(self, resource: str, snapshot: str, body: bodies.SnapshotRestore) -> Entries:
        """The second half: place resources with the snapshot's content."""
        return self._write("POST", "resource-definitions", resource, "snapshot-restore-resource", snapshot, body=body)
