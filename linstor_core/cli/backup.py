"""linstor backup …"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from linstor_core.cli.arguments import NODES, PASTABLE, pairs
from linstor_core.cli.call import Call
from linstor_core.cli.grammar import Arg, Command, Noun, UsageError
from linstor_core.cli.schedule import SCHEDULE
from linstor_core.cli.screen import GREEN, RED, YELLOW, Cell, Column
from linstor_core.domain.sizes import format_kib
from linstor_core.wire.rest_backups import Backup, QueuedSnapshot
from linstor_core.wire.rest_remotes import BackupRequest
from linstor_core.wire.rest_schedules import ScheduleEnable, ScheduleScope

_REMOTE = Arg("remote", "name of the remote", completes="remotes")
_RESOURCE = Arg("resource", "name of the resource", completes="resources")
_OF_RESOURCE = Arg("--resource", "of this resource", aliases=("-r",), completes="resources")
_SNAPSHOT = Arg("--snapshot", "of this snapshot", aliases=("-s",))
_ID = Arg("--id", "this backup")
_RENAME = Arg("--storpool-rename", "OLD=NEW: take another pool", "*")
_TARGET = (Arg("--target-resource-group", "the group for what is restored", completes="groups"),
           Arg("--force-move-resource-group", "even if the definition has one", "flag", ("--force-mv-rg",)))
_AFTERWARDS = (Arg("--download-only", "restore nothing yet", "flag"),
               Arg("--force-restore", "even over resources that are there", "flag"))


def list_backups(call: Call) -> None:
    args = call.args
    found = call.client.backups(args.remote, args.resource, args.snapshot)
    if args.others:
        keys = found.other.files if found.other is not None else ()
        call.table([Column("S3 Key")], ([key] for key in keys), bare_json=True)
        return
    columns = [Column("Resource"), Column("Snapshot"), Column("Finished at"), Column("Based On"), Column("Status")]
    call.table([*columns, *([Column("Backup ID")] if args.show_id else [])],
               ([*_row(backup), *([backup.id] if args.show_id else [])] for backup in found.linstor.values()),
               bare_json=True)


def _row(backup: Backup) -> list[object]:
    finished = backup.finished_timestamp
    state = (Cell("Shipping", YELLOW) if backup.shipping else Cell("Success", GREEN) if backup.success
             else Cell("Failed", RED))
    return [backup.origin_rsc, backup.origin_snap, str(datetime.fromtimestamp(finished // 1000)) if finished else "",
            backup.based_on_id, state]


def create(call: Call) -> None:
    args = call.args
    call.show(call.client.create_backup(args.remote, BackupRequest(
        rsc_name=args.resource, incremental=not args.full, node_name=args.node, snap_name=args.snapshot)))


def ship(call: Call) -> None:
    args = call.args
    call.show(call.client.ship_backup(args.remote, BackupRequest(
        src_rsc_name=args.source_resource, dst_rsc_name=args.target_resource, src_node_name=args.source_node,
        dst_node_name=args.target_node, dst_net_if_name=args.target_net_if, dst_stor_pool=args.target_storage_pool,
        src_snap_name=args.source_snapshot, allow_incremental=False if args.force_full else None,
        **_restoring(call, "stor_pool_rename"))))


def restore(call: Call) -> None:
    args = call.args
    call.show(call.client.restore_backup(args.remote, BackupRequest(
        node_name=args.target_node, target_rsc_name=args.target_resource, src_rsc_name=args.resource,
        src_snap_name=args.snapshot, last_backup=args.id, passphrase=args.passphrase,
        **_restoring(call, "stor_pool_map"))))


def _restoring(call: Call, pools: str) -> dict[str, Any]:
    """What is said in the same way of all that arrives somewhere."""
    args = call.args
    return {pools: pairs(args.storpool_rename), "download_only": args.download_only or None,
            "force_restore": args.force_restore or None, "dst_rsc_grp": args.target_resource_group,
            "force_mv_rsc_grp": args.force_move_resource_group or None}


def abort(call: Call) -> None:
    args = call.args
    call.show(call.client.abort_backup(args.remote, BackupRequest(
        rsc_name=args.resource, restore=args.restore or None, create=args.create or None, snapshot=args.snapshot)))


def info(call: Call) -> None:
    args = call.args
    found = call.client.backup_info(args.remote, BackupRequest(
        src_rsc_name=args.resource, src_snap_name=args.snapshot, last_backup=args.id, node_name=args.target_node,
        stor_pool_map=pairs(args.storpool_rename)))
    call.table([Column("Resource"), Column("Snapshot"), Column("Full Backup"), Column("Latest Backup"),
                Column("Backup Count", right=True), Column("Download Size", right=True),
                Column("Allocated Size", right=True)],
               [[found.rsc, found.snap, found.full, found.latest, found.count, format_kib(found.dl_size_kib or 0),
                 format_kib(found.alloc_size_kib or 0)]], bare_json=True)


def queue(call: Call) -> None:
    args = call.args
    found = call.client.backup_queue(args.nodes or (), args.snapshots or (), args.resources or (), args.remotes or (),
                                     args.snap_to_node)
    waiting = [("", snapshot) for snapshot in found.snap_queues]
    waiting += [(node.node_name, snapshot) for node in found.node_queues for snapshot in node.queue]
    call.table([Column("Node"), Column("Resource"), Column("Snapshot"), Column("Remote"), Column("Based On"),
                Column("Created at"), Column("Preferred Node")],
               ([node, *_queued(snapshot)] for node, snapshot in waiting), bare_json=True)


def _queued(snapshot: QueuedSnapshot) -> list[str]:
    start = snapshot.start_timestamp
    return [snapshot.resource_name, snapshot.snapshot_name, snapshot.remote_name,
            snapshot.based_on if snapshot.incremental else "",
            str(datetime.fromtimestamp(start // 1000)) if start else "", snapshot.pref_node]


# Deleting: the query says what


def _delete(call: Call, **which: str | bool | None) -> None:
    args = call.args
    query = {**which, "cascading": getattr(args, "cascade", False), "dryrun": args.dry_run,
             "keep_snaps": getattr(args, "keep_snaps", False)}
    call.show(call.client.delete_backups(args.remote, query))


def delete_id(call: Call) -> None:
    _delete(call, **({"id_prefix": call.args.id} if call.args.prefix else {"id": call.args.id}))


def delete_filter(call: Call) -> None:
    args = call.args
    if not (args.time or args.resource or args.node):
        raise UsageError("give --time, --resource or --node")
    _delete(call, timestamp=args.time, resource_name=args.resource, node_name=args.node)


def delete_all(call: Call) -> None:
    _delete(call, **({"all_local_cluster": True} if call.args.cluster else {"all": True}))


def delete_key(call: Call) -> None:
    _delete(call, s3key=call.args.s3key)


# Schedules


def enable(call: Call) -> None:
    args = call.args
    if args.target_resource_name and not args.rd:
        raise UsageError("--target-resource-name goes with --rd")
    call.show(call.client.enable_schedule(args.remote, args.schedule_name, ScheduleEnable(
        rsc_name=args.rd, grp_name=args.rg, node_name=args.node, dst_stor_pool=args.target_storage_pool,
        dst_rsc_name=args.target_resource_name, stor_pool_rename=pairs(args.storpool_rename),
        force_restore=args.force_restore or None, dst_rsc_grp=args.target_resource_group,
        force_mv_rsc_grp=args.force_move_resource_group or None)))


def disable(call: Call) -> None:
    args = call.args
    call.show(call.client.disable_schedule(args.remote, args.schedule_name, ScheduleScope(
        rsc_name=args.rd, grp_name=args.rg)))


def remove(call: Call) -> None:
    args = call.args
    call.show(call.client.remove_schedule(args.remote, args.schedule_name, args.rd, args.rg))


_LEVEL = (Arg("--rd", "for this definition; without it and --rg for all", aliases=("--resource-definition",),
              completes="resources"),
          Arg("--rg", "for this group", aliases=("--resource-group",), completes="groups"))
_DRY = Arg("--dry-run", "only say what would go", "flag", ("--dryrun",))
_CASCADE = Arg("--cascade", "also what is based on it", "flag", ("--cascading",))
_KEEP = Arg("--keep-snaps", "leave the snapshots here", "flag", ("--keep-snapshots",))

_DELETE = Noun("delete", ("d",), "Remove backups.", (
    Command("id", (), "One, or those whose ids begin alike.",
            (_CASCADE, _DRY, _KEEP, Arg("--prefix", "the id is a beginning", "flag"), _REMOTE, Arg("id")), delete_id),
    Command("filter", ("f",), "Those that match all that is given.",
            (_CASCADE, _DRY, _KEEP, Arg("--time", "older than this: yyyyMMdd_HHmmss", aliases=("-t",)), _OF_RESOURCE,
             Arg("--node", "made on this node", aliases=("-n",), completes="nodes"), _REMOTE), delete_filter),
    Command("all", ("a",), "All.",
            (_DRY, _KEEP, Arg("--cluster", "only this cluster's", "flag", ("-c",)), _REMOTE), delete_all),
    Command("s3key", ("s3",), "One key in an object store, whatever it is.", (_DRY, _REMOTE, Arg("s3key")),
            delete_key),
))
_SCHEDULE = Noun("schedule", ("sched",), "Make backups by a schedule.", (
    Command("enable", ("en",), "Begin to.",
            (Arg("--node", "where to make them, if possible", aliases=("--preferred-node",), completes="nodes"),
             Arg("--target-storage-pool", "pool on the other side"),
             Arg("--target-resource-name", "name on the other side"), _RENAME, *_LEVEL, _AFTERWARDS[1], *_TARGET,
             _REMOTE, SCHEDULE), enable),
    Command("disable", ("dis",), "No longer, even if a level above says so.", (*_LEVEL, _REMOTE, SCHEDULE), disable),
    Command("delete", ("d",), "Leave it to the level above.", (*_LEVEL, _REMOTE, SCHEDULE), remove),
))

NOUN = Noun("backup", ("b",), "Copies of resources in other places.", (
    Command("list", ("l",), "Show the backups of a remote.",
            (PASTABLE, _OF_RESOURCE, _SNAPSHOT, Arg("--others", "what is no backup", "flag", ("-o",)),
             Arg("--show-id", "with ids", "flag", ("-i",)), _REMOTE), list_backups, reads=True),
    Command("create", ("c",), "Make a backup.",
            (Arg("--full", "not based on the one before", "flag", ("-f",)),
             Arg("--node", "on this node, if possible", aliases=("-n",), completes="nodes"),
             Arg("--snapshot", "a name for the snapshot, or one that is there",
                 aliases=("-s", "--source-snapshot")), _REMOTE, _RESOURCE), create),
    _DELETE,
    Command("restore", ("rst",), "Bring a backup back.",
            (_OF_RESOURCE, _SNAPSHOT, _ID, Arg("--passphrase", "that of the cluster where it was made"), _RENAME,
             *_AFTERWARDS, *_TARGET, _REMOTE, Arg("target_node", completes="nodes"), Arg("target_resource")), restore),
    Command("abort", ("a",), "Stop what is being shipped.",
            (Arg("--restore", "only restores", "flag"), Arg("--create", "only backups", "flag", ("-c",)), _SNAPSHOT,
             _REMOTE, _RESOURCE), abort),
    Noun("queue", ("q",), "What waits to be shipped.", (
        Command("list", ("l",), "Show it.",
                (PASTABLE, NODES, Arg("--snapshots", "only these", "+", ("-s", "--snaps")),
                 Arg("--resources", "only these", "+", ("--rscs",), completes="resources"),
                 Arg("--remotes", "only to these", "+", completes="remotes"),
                 Arg("--snap-to-node", "by snapshot", "flag", ("--stn", "--s2n"))), queue, reads=True),)),
    Command("ship", ("s",), "Send a resource to another cluster.",
            (Arg("--source-node", "from this node, if possible", completes="nodes"),
             Arg("--target-node", "to this node of the other cluster"),
             Arg("--target-net-if", "by this interface of it"), Arg("--target-storage-pool", "into this pool"),
             Arg("--force-full", "not based on the one before", "flag", ("--full",)),
             Arg("--source-snapshot", "this snapshot"), _RENAME, *_AFTERWARDS, *_TARGET, _REMOTE,
             Arg("source_resource", completes="resources"), Arg("target_resource")), ship),
    Command("info", ("i",), "Show what a restore would take.",
            (_OF_RESOURCE, _SNAPSHOT, _ID,
             Arg("--target-node", "and whether it would fit there", aliases=("-n", "--target_node")), _RENAME,
             PASTABLE, _REMOTE), info, reads=True),
    _SCHEDULE,
))
