"""What a node can do, and what is on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from linstor_core.cli.call import Call
from linstor_core.cli.screen import GREEN, RED, Cell, Column
from linstor_core.domain.sizes import format_kib
from linstor_core.wire.rest_resources import Resource, Volume
from linstor_core.wire.rest_v1 import Node, StoragePool

_PROVIDERS = (("Diskless", ("DISKLESS",)), ("LVM", ("LVM",)), ("LVMThin", ("LVM_THIN",)),
              ("ZFS/Thin", ("ZFS", "ZFS_THIN")), ("File/Thin", ("FILE", "FILE_THIN")), ("SPDK", ("SPDK",)),
              ("Remote SPDK", ("REMOTE_SPDK",)), ("Storage Spaces", ("STORAGE_SPACES",)),
              ("Storage Spaces/Thin", ("STORAGE_SPACES_THIN",)))
_LAYERS = (("DRBD", ("DRBD",)), ("LUKS", ("LUKS",)), ("NVMe", ("NVME",)), ("Cache", ("CACHE",)),
           ("BCache", ("BCACHE",)), ("WriteCache", ("WRITECACHE",)), ("Storage", ("STORAGE",)))

Abilities = Sequence[tuple[str, Sequence[str]]]
Branch = tuple[str, Sequence["Branch"]]


def info(call: Call) -> None:
    """Two tables: storage drivers, then layers."""
    nodes = call.client.nodes(call.args.nodes or ())
    if call.shown_as_json():
        return
    _ability_table(call, _PROVIDERS, [(node, node.storage_providers) for node in nodes])
    call.screen.line("")
    _ability_table(call, _LAYERS, [(node, node.resource_layers) for node in nodes])
    if call.args.full:
        for node in nodes:
            for line in _reasons(node):
                call.screen.line(line)


def _ability_table(call: Call, abilities: Abilities, able: Sequence[tuple[Node, Sequence[str]]]) -> None:
    rows = [[node.name, *(_ability(names, found) for _, names in abilities)] for node, found in able]
    call.screen.table([Column("Node"), *(Column(title) for title, _ in abilities)], rows, group_by=["node"],
                      pastable=call.args.pastable)


def _ability(names: Sequence[str], found: Sequence[str]) -> Cell:
    """Two kinds in one column: a sign for each of them where only one works."""
    signs = ["+" if name in found else "-" for name in names]
    text = signs[0] if len(set(signs)) == 1 else "/".join(signs)
    return Cell(text, GREEN if "+" in text else RED)


def _reasons(node: Node) -> Iterator[str]:
    for title, unsupported in (("storage providers", node.unsupported_providers),
                               ("resource layers", node.unsupported_layers)):
        if unsupported:
            yield f"Unsupported {title} of {node.name}:"
            for kind, reasons in sorted(unsupported.items()):
                yield f"  {kind}: {' '.join(reasons)}"


def describe(call: Call) -> None:
    nodes = call.client.nodes([call.args.node_name] if call.args.node_name else ())
    if call.shown_as_json():
        return
    pools, resources = call.client.storage_pools(), call.client.resources()
    for node in nodes:
        own = [pool for pool in pools if pool.node_name == node.name]
        call.screen.line(f"{node.name} (node)")
        for line in branches([(f"{pool.storage_pool_name} (storage pool)", _held(pool, resources)) for pool in own]):
            call.screen.line(f"   {line}")


def _held(pool: StoragePool, resources: Sequence[Resource]) -> list[Branch]:
    """The resources with volumes in a pool."""
    return [(f"{resource.name} (resource)", [(_volume(volume), []) for volume in volumes])
            for resource in resources if resource.node_name == pool.node_name
            if (volumes := [volume for volume in resource.volumes
                            if volume.storage_pool_name == pool.storage_pool_name])]


def _volume(volume: Volume) -> str:
    size_kib = volume.allocated_size_kib
    size = format_kib(size_kib) if size_kib is not None and size_kib >= 0 else "unknown"
    return f"volume{volume.volume_number} ({volume.device_path}, size: {size})"


def branches(members: Sequence[Branch]) -> Iterator[str]:
    """A tree, line by line, drawn with plain characters."""
    for number, (text, below) in enumerate(members):
        last = number == len(members) - 1
        yield "|"
        yield f"{'+' if last else '|'}---{text}"
        for line in branches(below):
            yield f"{' ' if last else '|'}   {line}"
