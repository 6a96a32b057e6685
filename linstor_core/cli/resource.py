"""linstor resource …"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from linstor_core.cli.arguments import (
    ASYNC,
    FORCED,
    LAYER_LIST,
    NODE,
    NODES,
    PASTABLE,
    PROPS,
    RESOURCE,
    RESOURCES,
    SHOW_PROPS,
    group_by,
    placement,
    port,
    property_commands,
    select_filter,
)
from linstor_core.cli.call import Call
from linstor_core.cli.connections import peer_options
from linstor_core.cli.grammar import Arg, Command, Noun, UsageError
from linstor_core.cli.job import follow
from linstor_core.cli.screen import RED, YELLOW, Cell, Column
from linstor_core.cli.tombstone import reasons
from linstor_core.cli.volume import VOLUME_LIST_ARGS, failed_connections, list_volumes, usage_cell, volume_state
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire.rest_resources import Resource, ResourceLayer

_NAME = Arg("name", "name of the resource", completes="resources")
_DRBD_PORT = Arg("--drbd-tcp-port", "TCP port for DRBD", kind=port)
_DISKLESS_FLAGS = (("diskless", "DISKLESS"), ("drbd_diskless", "DRBD_DISKLESS"), ("nvme_initiator", "NVME_INITIATOR"),
                   ("inactive", "INACTIVE"))


def create(call: Call) -> None:
    """On the named nodes, or with --auto-place on as many as are wanted."""
    args = call.args
    if args.auto_place:
        if args.node_name:
            raise UsageError("--auto-place chooses the nodes: name none")
        kind = next((flag for name, flag in _DISKLESS_FLAGS[:3] if getattr(args, name)), None)
        rules = select_filter(args, "auto_place")
        call.show(call.client.auto_place(args.resource_definition_name, bodies.AutoPlace(
            select_filter=rules, layer_list=args.layer_list, diskless_on_remaining=None if kind is None else True)))
        return
    if not args.node_name:
        raise UsageError("name the nodes, or give --auto-place COUNT")
    call.show(call.client.create_resources(args.resource_definition_name,
                                           [_resource(call, node) for node in args.node_name]))


def _resource(call: Call, node: str) -> bodies.ResourceCreate:
    args = call.args
    pool = next(iter(args.storage_pool or ()), "")
    fields = bodies.ResourceFields(
        node_name=node, props={"StorPoolName": pool} if pool else {},
        flags=tuple(flag for name, flag in _DISKLESS_FLAGS if getattr(args, name)))
    return bodies.ResourceCreate(
        resource=fields, layer_list=args.layer_list, drbd_node_id=args.node_id,
        drbd_tcp_ports=(args.drbd_tcp_port,) if args.drbd_tcp_port else None)


def make_available(call: Call) -> None:
    args = call.args
    call.show(call.client.make_available(args.resource_name, args.node_name, bodies.MakeAvailable(
        diskful=args.diskful, layer_list=args.layer_list,
        drbd_tcp_ports=(args.drbd_tcp_port,) if args.drbd_tcp_port else None)))


def delete(call: Call) -> None:
    args = call.args
    call.show(entry for node in args.node_name
              for entry in call.client.delete_resource(args.name, node, args.keep_tiebreaker, force=args.force,
                                                       abandon=args.abandon))


def move(call: Call) -> None:
    """Waits for it, unless it is to be left alone."""
    args = call.args
    entries = call.client.move_resource(args.resource_name, args.node_name, args.target or "", args.storage_pool or "")
    call.show(entries)
    uuid = next((job for entry in entries if (job := entry.obj_refs.get("Job"))), None)
    if uuid and not args.no_wait and not call.is_planning:
        follow(call, uuid)


def toggle_disk(call: Call) -> None:
    args = call.args
    if args.diskless:
        call.show(call.client.make_diskless(args.name, args.node_name))
    elif args.migrate_from:
        call.show(call.client.migrate_disk(args.name, args.node_name, args.migrate_from, args.storage_pool))
    else:
        call.show(call.client.make_diskful(args.name, args.node_name, args.storage_pool))


def list_resources(call: Call) -> None:
    args = call.args
    resources = call.client.resources(args.resources or (), args.nodes or (), props=args.props or ())
    columns = [Column("ResourceName"), Column("Node"), *([Column("DRBD Ports")] if args.show_drbd_ports else []),
               Column("Layers"), Column("Usage"), Column("Conns"), Column("State", right=True), Column("CreatedOn")]
    primaries = Counter(resource.name for resource in resources if _is_used(resource))
    wanted = [resource for resource in resources if not args.faulty or _is_faulty(resource)]
    waits = any(resource.blocked_by for resource in wanted)
    call.table([*columns, *([Column("BlockedBy")] if waits else [])],
               (_row(call, resource, primaries, waits) for resource in wanted))


def involved(call: Call) -> None:
    """All resources of every definition that is on the node, as the options say."""
    args = call.args
    bundles: dict[str, list[Resource]] = {}
    for resource in call.client.resources():
        bundles.setdefault(resource.name, []).append(resource)
    found = [resource for bundle in bundles.values() if _is_meant(call, bundle) for resource in bundle]
    if call.as_json:
        call.screen.json(msgspec.json.encode([found]))
        return
    columns = [Column("ResourceName"), Column("Node"), Column("Usage"), Column("State", right=True)]
    primaries = Counter(resource.name for resource in found if _is_used(resource))
    call.screen.table(columns, ([resource.name, resource.node_name, usage_cell(resource, primaries), _state(resource)]
                                for resource in found), group_by=["resourcename"], pastable=args.pastable)


def _is_used(resource: Resource) -> bool:
    return resource.state is not None and bool(resource.state.in_use)


def _is_meant(call: Call, bundle: Sequence[Resource]) -> bool:
    args = call.args
    diskless = [resource for resource in bundle if "DISKLESS" in resource.flags]
    return (any(resource.node_name.upper() == args.node_name.upper() for resource in bundle)
            and (not args.inuse or any(map(_is_used, bundle)))
            and (not args.diskless_inuse or any(map(_is_used, diskless)))
            and (args.min_diskful is None or len(bundle) - len(diskless) < args.min_diskful))


def _row(call: Call, resource: Resource, primaries: Counter[str], waits: bool) -> list[Cell | str]:
    drbd = resource.layer_object.drbd if resource.layer_object is not None else None
    ports = ", ".join(map(str, drbd.tcp_ports)) if drbd is not None else ""
    state, failed = _state(resource), failed_connections(resource)
    created = resource.create_timestamp
    return [resource.name, resource.node_name, *([ports] if call.args.show_drbd_ports else []),
            ",".join(dict.fromkeys(_layers(resource.layer_object))), usage_cell(resource, primaries),
            Cell(failed, RED) if failed else "" if state.text == "Unknown" else "Ok",
            Cell(state.text, RED) if failed else state,
            str(datetime.fromtimestamp(created // 1000)) if created is not None else "",
            *([Cell(reasons(resource.blocked_by), YELLOW)] if waits else []), *call.extra_cells(resource.props)]


def _layers(layer: ResourceLayer | None) -> Iterator[str]:
    if layer is not None:
        yield layer.type
        for child in layer.children:
            yield from _layers(child)


def _state(resource: Resource) -> Cell:
    """That of the first volume that is not as it should be."""
    if {"DELETE", "DRBD_DELETE"} & set(resource.flags):
        return Cell("DELETING", RED)
    if "INACTIVE" in resource.flags:
        return Cell("INACTIVE", YELLOW)
    if resource.state is None or not resource.volumes:
        return Cell("Unknown", YELLOW)
    states = [volume_state(volume, resource) for volume in resource.volumes]
    worst = next((state for state in states if state.color in (RED, YELLOW)), states[-1])
    return worst._replace(text=worst.text + ", Evacuating") if "EVACUATE" in resource.flags else worst


def _is_faulty(resource: Resource) -> bool:
    return _state(resource).color in (RED, YELLOW) or bool(failed_connections(resource))


_CREATE = (
    Arg("--diskless", "without storage of its own", "flag", ("-d",)),
    Arg("--node-id", "DRBD's number of the node", kind=int), ASYNC,
    Arg("--nvme-initiator", "an NVMe initiator", "flag"), Arg("--drbd-diskless", "a DRBD client", "flag"),
    Arg("--inactive", "set no device up", "flag"), _DRBD_PORT, *placement("--auto-place"),
    NODE._replace(nargs="*"), Arg("resource_definition_name", completes="resources"),
)

NOUN = Noun("resource", ("r",), "Definitions placed on nodes.", (
    Command("create", ("c",), "Place a definition on nodes.", _CREATE, create),
    Command("make-available", ("mkavail",), "Make a resource usable on a node, however that is best done.",
            (Arg("--diskful", "with storage of its own", "flag"), LAYER_LIST, _DRBD_PORT, NODE, RESOURCE),
            make_available),
    Command("unmake-available", ("unmkavail",), "Take back what make-available gave; a replica stays.",
            (NODE, RESOURCE),
            lambda call: call.show(call.client.unmake_available(call.args.resource_name, call.args.node_name))),
    Command("delete", ("d",), "Remove a resource from nodes, with its data there.",
            (ASYNC, Arg("--keep-tiebreaker", "let it stay as a tie-breaker", "flag"), *FORCED,
             NODE._replace(nargs="+"), _NAME), delete),
    Command("list", ("l",), "Show the resources.",
            (PASTABLE, group_by("resourcename", "node", "layers", "usage", "conns", "state", "createdon"), RESOURCES,
             NODES, Arg("--all", "has no effect any more", "flag", ("-a",)),
             Arg("--faulty", "only those that are not as they should be", "flag"), PROPS, SHOW_PROPS,
             Arg("--show-drbd-ports", "a column for DRBD's ports", "flag")), list_resources, reads=True),
    Command("involved", ("inv",), "Show all resources of what is on a node.",
            (PASTABLE, Arg("--inuse", "only what is used somewhere", "flag", ("-i",)),
             Arg("--diskless-inuse", "only what is used where it has no storage", "flag", ("-d",)),
             Arg("--min-diskful", "only what has fewer replicas", aliases=("-m",), kind=int), NODE), involved,
            reads=True),
    Command("list-volumes", ("lv",), "Show the volumes of resources.", VOLUME_LIST_ARGS, list_volumes, reads=True),
    Command("toggle-disk", ("td",), "Give a resource storage on a node, or take it away.",
            (Arg("--storage-pool", "the pool to take", aliases=("-s",), completes="pools"),
             Arg("--default-storage-pool", "the pool that properties say", "flag", ("--dflt",)),
             Arg("--diskless", "take the storage away", "flag", ("-d",)), ASYNC,
             Arg("--migrate-from", "remove the resource there once the data is here", completes="nodes"), NODE, _NAME),
            toggle_disk),
    Command("move", ("mv",), "Move a resource with its data to another node.",
            (Arg("--target", "the node to take; placement rules choose one where it is left out", aliases=("-t",),
                 completes="nodes"),
             Arg("--storage-pool", "the pool to take there", aliases=("-s",), completes="pools"),
             Arg("--async", "do not wait until it is there", "flag", dest="no_wait"), NODE, RESOURCE), move),
    Command("activate", ("act",), "Set the devices up again.", (NODE, RESOURCE),
            lambda call: call.show(call.client.activate(call.args.resource_name, call.args.node_name))),
    Command("deactivate", ("deact",), "Take the devices down, keep the data.", (NODE, RESOURCE),
            lambda call: call.show(call.client.deactivate(call.args.resource_name, call.args.node_name))),
    peer_options(),
    *property_commands(
        (NODE, RESOURCE), lambda call: call.client.resource(call.args.resource_name, call.args.node_name).props,
        lambda call, change: call.client.modify_resource(call.args.resource_name, call.args.node_name, change)),
))
