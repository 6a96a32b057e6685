"""linstor volume …"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from linstor_core.cli.arguments import (
    NODE,
    NODES,
    PASTABLE,
    POOLS,
    RESOURCE,
    RESOURCES,
    SHOW_PROPS_LONG,
    VOLUME_NR,
    property_commands,
)
from linstor_core.cli.call import Call
from linstor_core.cli.grammar import Arg, Command, Noun
from linstor_core.cli.screen import GREEN, RED, YELLOW, Cell, Column
from linstor_core.domain.sizes import format_kib
from linstor_core.wire.rest_resources import Resource, ResourceLayer, Volume

_BAD_DISK_STATES = ("Inconsistent", "Failed")
_GOOD_DISK_STATES = ("UpToDate", "Created", "Attached")
_SYNCING = ("SyncTarget", "PausedSyncS", "PausedSyncT", "VerifyT")
VOLUME_LIST_ARGS = (PASTABLE, NODES, POOLS, RESOURCES, Arg("--all", "has no effect any more", "flag", ("-a",)),
                    SHOW_PROPS_LONG,
                    Arg("--hide-replication-states", "without the column Repl", "flag", ("--hrep",)))


def list_volumes(call: Call) -> None:
    args = call.args
    resources = call.client.resources(args.resources or (), args.nodes or (), args.storage_pools or ())
    columns = [Column("Resource"), Column("Node"), Column("StoragePool"), Column("VolNr", right=True),
               Column("MinorNr", right=True), Column("DeviceName"), Column("Allocated", right=True), Column("InUse"),
               Column("State", right=True), *([] if args.hide_replication_states else [Column("Repl")])]
    primaries = Counter(resource.name for resource in resources if resource.state and resource.state.in_use)
    call.table(columns, [_row(call, resource, volume, primaries) for resource in resources
                         if "INACTIVE" not in resource.flags for volume in resource.volumes])
    call.remark(report for resource in resources for volume in resource.volumes for report in volume.reports)


def _row(call: Call, resource: Resource, volume: Volume, primaries: Counter[str]) -> list[object]:
    minor = next((layer.data.drbd_volume_definition.minor_number for layer in volume.layer_data_list
                  if layer.data is not None and layer.data.drbd_volume_definition is not None), "")
    allocated_kib = volume.allocated_size_kib
    state = volume_state(volume, resource)
    if failed_connections(resource) or any(report.is_error for report in volume.reports):
        state = Cell("Error" if any(report.is_error for report in volume.reports) else state.text, RED)
    return [resource.name, resource.node_name, volume.storage_pool_name, volume.volume_number, minor,
            volume.device_path, format_kib(allocated_kib) if allocated_kib is not None and allocated_kib >= 0 else "",
            usage_cell(resource, primaries), state,
            *([] if call.args.hide_replication_states else [_replication(volume)]), *call.extra_cells(volume.props)]


def usage_cell(resource: Resource, primaries: Counter[str]) -> Cell:
    """Two nodes that use a resource are either a live migration or a mistake."""
    if resource.state is None or resource.state.in_use is None:
        return Cell("")
    if not resource.state.in_use:
        return Cell("Unused")
    return Cell("InUse", YELLOW if primaries[resource.name] > 1 else GREEN)


def volume_state(volume: Volume, resource: Resource) -> Cell:
    """Without DRBD a volume is just there; with it, DRBD's state of the disk counts."""
    prefix = "Resizing, " if "RESIZE" in volume.flags else ""
    if not any(layer.type == "DRBD" for layer in volume.layer_data_list):
        return Cell(prefix + "Created", GREEN)
    disk = volume.state.disk_state if volume.state is not None else ""
    if not disk or disk == "DUnknown":
        return Cell(prefix + "Unknown", YELLOW)
    if disk == "Diskless":
        if "TIE_BREAKER" in resource.flags:
            return Cell("TieBreaker", GREEN)
        return Cell(prefix + disk, GREEN if "DISKLESS" in resource.flags else RED)
    if disk in _BAD_DISK_STATES or disk.startswith("To:"):
        return Cell(prefix + disk, RED)
    return Cell(prefix + disk, GREEN if disk in _GOOD_DISK_STATES else YELLOW)


def failed_connections(resource: Resource) -> str:
    """`StandAlone(node2,node3)`; empty where all is well."""
    failed: dict[str, list[str]] = {}
    for layer in _all_layers(resource.layer_object):
        for peer, connection in (layer.drbd.connections if layer.drbd is not None else {}).items():
            if not connection.connected:
                failed.setdefault(connection.message, []).append(peer)
    return ",".join(f"{message}({','.join(sorted(peers))})" for message, peers in sorted(failed.items()))


def _all_layers(layer: ResourceLayer | None) -> Iterator[ResourceLayer]:
    if layer is not None:
        yield layer
        for child in layer.children:
            yield from _all_layers(child)


def _replication(volume: Volume) -> Cell:
    states = volume.state.replication_states if volume.state is not None else {}
    unsettled = [f"{peer}: {state.replication_state}" + (
                     f"({'?' if state.done_percentage is None else f'{state.done_percentage:.2f}%'})"
                     if state.replication_state in _SYNCING else "")
                 for peer, state in sorted(states.items()) if state.replication_state != "Established"]
    if unsettled:
        return Cell("\n".join(unsettled), YELLOW)
    return Cell(f"Established({len(states)})" if states else "", GREEN)


NOUN = Noun("volume", ("v",), "Volumes on nodes.", (
    Command("list", ("l",), "Show the volumes.", VOLUME_LIST_ARGS, list_volumes, reads=True),
    *property_commands(
        (NODE, RESOURCE, VOLUME_NR),
        lambda call: call.client.volume(call.args.resource_name, call.args.node_name, call.args.volume_nr).props,
        lambda call, change: call.client.modify_volume(call.args.resource_name, call.args.node_name,
                                                       call.args.volume_nr, change)),
))
