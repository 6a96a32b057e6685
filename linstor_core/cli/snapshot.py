"""linstor snapshot …"""

from __future__ import annotations

from datetime import datetime

from linstor_core.cli.arguments import (
    ASYNC,
    FORCED,
    NODE,
    NODES,
    PASTABLE,
    RESOURCE,
    RESOURCES,
    pairs,
    property_commands,
)
from linstor_core.cli.call import Call
from linstor_core.cli.grammar import Arg, Command, Noun
from linstor_core.cli.screen import BLUE, GREEN, RED, YELLOW, Cell, Column
from linstor_core.cli.tombstone import reasons
from linstor_core.domain.sizes import format_kib
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire.rest_v1 import Snapshot

_SNAPSHOT = Arg("snapshot_name", "name of the snapshot")
_OF = Arg("resource_definition_name", "name of the resource", completes="resources")
_FLAG_STATES = (("DELETE", Cell("DELETING", RED)), ("FAILED_DEPLOYMENT", Cell("Failed", RED)),
                ("FAILED_DISCONNECT", Cell("Satellite disconnected", RED)), ("SUCCESSFUL", Cell("Successful", GREEN)))


def create(call: Call) -> None:
    args = call.args
    call.show(call.client.create_snapshot(args.resource_definition_name, bodies.SnapshotCreate(
        name=args.snapshot_name, nodes=tuple(args.node_name))))


def create_multiple(call: Call) -> None:
    args = call.args
    call.show(call.client.create_snapshots([
        bodies.SnapshotCreate(name=args.snapshot_name, resource_name=resource, nodes=tuple(args.node_names or ()))
        for resource in args.resource_names]))


def delete(call: Call) -> None:
    args = call.args
    call.show(call.client.delete_snapshot(args.resource_definition_name, args.snapshot_name, args.nodes or (),
                                          force=args.force, abandon=args.abandon))


def roll_back(call: Call) -> None:
    strategy = call.args.zfs_rollback_strategy
    call.show(call.client.roll_back(call.args.resource_definition_name, call.args.snapshot_name,
                                    bodies.SnapshotRollback(
                                        zfs_rollback_strategy=strategy.capitalize() if strategy else None)))


def restore_definitions(call: Call) -> None:
    args = call.args
    call.show(call.client.restore_volume_definitions(args.from_resource, args.from_snapshot, args.to_resource))


def restore_resource(call: Call) -> None:
    args = call.args
    call.show(call.client.restore_resource(args.from_resource, args.from_snapshot, bodies.SnapshotRestore(
        to_resource=args.to_resource, nodes=tuple(args.node_name) or None,
        stor_pool_rename=pairs(args.storpool_rename) or None)))


def list_snapshots(call: Call) -> None:
    snapshots = call.client.snapshots(call.args.resources or (), call.args.nodes or ())
    waits = any(snapshot.blocked_by for snapshot in snapshots)
    call.table([Column("ResourceName"), Column("SnapshotName"), Column("NodeNames"), Column("Volumes"),
                Column("CreatedOn"), Column("State"), *([Column("BlockedBy")] if waits else [])],
               (_row(snapshot, waits) for snapshot in snapshots))


def _row(snapshot: Snapshot, waits: bool) -> list[Cell | str]:
    times = [part.create_timestamp for part in snapshot.snapshots if part.create_timestamp is not None]
    volumes = (f"{volume.volume_number}: {format_kib(volume.size_kib or 0)}" for volume in snapshot.volume_definitions)
    state = next((cell for flag, cell in _FLAG_STATES if flag in snapshot.flags), Cell("Incomplete", BLUE))
    return [snapshot.resource_name, snapshot.name, ", ".join(snapshot.nodes), ", ".join(volumes),
            str(datetime.fromtimestamp(min(times) // 1000)) if times else "", state,
            *([Cell(reasons(snapshot.blocked_by), YELLOW)] if waits else [])]


_RESTORE = (
    Arg("--from-resource", "the resource that the snapshot is of", aliases=("--fr",), required=True,
        completes="resources"),
    Arg("--from-snapshot", "the snapshot", aliases=("--fs",), required=True),
    Arg("--to-resource", "the definition to fill", aliases=("--tr",), required=True, completes="resources"),
)

NOUN = Noun("snapshot", ("s",), "Resources as they were at a moment.", (
    Command("create", ("c",), "Take a snapshot of a resource.", (ASYNC, NODE._replace(nargs="*"), _OF, _SNAPSHOT),
            create),
    Command("create-multiple", ("cm",), "Take snapshots of several resources at one moment.",
            (Arg("--node_names", "only on these nodes", "*", ("-n",), completes="nodes"),
             Arg("--resource_names", "the resources", "+", ("-r",), required=True, completes="resources"), _SNAPSHOT),
            create_multiple),
    Command("delete", ("d",), "Remove a snapshot.", (NODES, *FORCED, _OF, _SNAPSHOT), delete),
    Command("rollback", ("rb",), "Take a resource back to a snapshot: what was written since is lost.",
            (Arg("--zfs-rollback-strategy", "how ZFS does it", choices=("rollback", "clone", "dynamic")), _OF,
             _SNAPSHOT), roll_back),
    Command("list", ("l",), "Show the snapshots.", (PASTABLE, RESOURCES, NODES), list_snapshots, reads=True),
    Noun("volume-definition", ("vd",), "The first half of a restore.", (
        Command("restore", ("rst",), "Give an empty definition the volumes of a snapshot.", _RESTORE,
                restore_definitions),)),
    Noun("resource", ("r",), "The second half of a restore.", (
        Command("restore", ("rst",), "Place a definition with the content of a snapshot.",
                (*_RESTORE, Arg("--storpool-rename", "OLD=NEW: take another pool", "*"), NODE._replace(nargs="*")),
                restore_resource),)),
    *property_commands((RESOURCE, _SNAPSHOT),
                       lambda call: call.client.snapshot(call.args.resource_name, call.args.snapshot_name).props,
                       lambda call, change: call.client.modify_snapshot(call.args.resource_name,
                                                                        call.args.snapshot_name, change)),
))
