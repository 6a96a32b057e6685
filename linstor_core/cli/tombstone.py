"""linstor tombstone … and linstor orphans …"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from linstor_core.cli import exit_codes
from linstor_core.cli.arguments import NODE, NODES, PASTABLE, RESOURCES
from linstor_core.cli.call import Call, CallFailed
from linstor_core.cli.grammar import Arg, Command, Noun
from linstor_core.cli.screen import GREEN, YELLOW, Cell, Column
from linstor_core.domain.sizes import format_kib
from linstor_core.wire.rest_tombstones import Orphan, OrphanAdopt, OrphanRemove, Tombstone
from linstor_core.wire.rest_v1 import BlockedBy


def reasons(found: Iterable[BlockedBy]) -> str:
    """What hinders something, in one cell."""
    return "; ".join(dict.fromkeys(f"{each.node_name}: {each.reason}" if each.node_name else each.reason
                                   for each in found))


def list_tombstones(call: Call) -> None:
    args = call.args
    stones = call.client.tombstones(args.nodes or (), args.resources or ())
    call.table([Column("Node"), Column("Name"), Column("What"), Column("Size", right=True), Column("DeletedOn"),
                Column("UUID"), Column("BlockedBy")], map(_tombstone_row, stones))


def _name(stone: Tombstone) -> str:
    return f"{stone.resource_name}/{stone.snapshot_name}" if stone.snapshot_name else stone.resource_name


def _tombstone_row(stone: Tombstone) -> list[Cell | str]:
    size_kib = sum(volume.size_kib or 0 for volume in stone.volumes)
    return [stone.node_name, _name(stone), stone.kind.lower(), format_kib(size_kib) if size_kib else "",
            _moment(stone.create_timestamp), stone.uuid, Cell(reasons(stone.blocked_by), YELLOW)]


def _moment(timestamp_ms: int | None) -> str:
    return str(datetime.fromtimestamp(timestamp_ms // 1000)) if timestamp_ms else ""


def delete(call: Call) -> None:
    """By uuid, or by a name that only one tombstone of the node has."""
    args = call.args
    stones = call.client.tombstones([args.node_name])
    wanted = args.what.upper()
    meant = [stone for stone in stones if wanted in (stone.uuid.upper(), _name(stone).upper())]
    if len(meant) != 1:
        problem = f"'{args.node_name}' has {len(meant) or 'no'} tombstone{'s' if len(meant) > 1 else ''} '{args.what}'"
        raise CallFailed(f"{problem}: name the UUID that 'linstor tombstone list' shows", exit_codes.USAGE_ERROR)
    call.show(call.client.delete_tombstone(meant[0].uuid))


def list_orphans(call: Call) -> None:
    call.table([Column("Node"), Column("Path"), Column("Pool"), Column("Size", right=True), Column("Modified"),
                Column("LooksLike"), Column("State"), Column("DataId")],
               map(_orphan_row, call.client.orphans(call.args.nodes or ())))


def _orphan_row(orphan: Orphan) -> Sequence[Cell | str]:
    state = Cell("complete", GREEN) if orphan.state == "ready" else Cell(
        "unfinished" if orphan.data_id else "unknown", YELLOW)
    return [orphan.node_name, orphan.path, orphan.storage_pool_name,
            format_kib(orphan.size_kib) if orphan.size_kib is not None else "", _moment(orphan.modify_timestamp),
            _looks(orphan), state, orphan.data_id]


def _looks(orphan: Orphan) -> str:
    if not orphan.resource_name:
        return ""
    what = f"volume {orphan.volume_number} of {orphan.resource_name}"
    if orphan.snapshot_name:
        what = f"{what} in snapshot {orphan.snapshot_name}"
    return what if orphan.defined else f"{what} (not defined)"


def adopt(call: Call) -> None:
    args = call.args
    call.show(call.client.adopt_orphan(OrphanAdopt(
        node_name=args.node_name, path=args.path, resource_name=args.resource_name, volume_number=args.volume,
        resource_group=args.resource_group or "")))


def remove(call: Call) -> None:
    args = call.args
    call.show(call.client.remove_orphan(OrphanRemove(node_name=args.node_name, path=args.path, data_id=args.data_id)))


_PATH = Arg("path", "the file on the node")

NOUN = Noun("tombstone", ("tomb",), "What nodes have still to remove of things that were deleted.", (
    Command("list", ("l",), "Show what is still to be removed, and what hinders it.", (PASTABLE, NODES, RESOURCES),
            list_tombstones, reads=True),
    Command("delete", ("d",), "Forget it: the data stays on the node and turns up as an orphan.",
            (NODE, Arg("what", "name of what was deleted (of a snapshot RESOURCE/SNAPSHOT), or UUID")), delete),
))

ORPHANS = Noun("orphans", ("orph",), "Files on nodes that no resource, snapshot or tombstone names.", (
    Command("list", ("l",), "Show the files.", (PASTABLE, NODES), list_orphans, reads=True),
    Command("adopt", ("a",), "Make a volume out of a file; its content stays as it is.",
            (Arg("--volume", "number of the volume", kind=int, default=0),
             Arg("--resource-group", "for a definition that has to be made", completes="groups"), NODE, _PATH,
             Arg("resource_name", "the definition, made where there is none", completes="resources")), adopt),
    Command("remove", ("r",), "Remove a file for good.",
            (Arg("--data-id", "identity of its content, as the list shows it", required=True), NODE, _PATH), remove),
))
