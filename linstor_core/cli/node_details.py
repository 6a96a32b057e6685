"""What a node can do, and what is on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from linstor_core.cli.call import Call
from linstor_core.cli.screen import GREEN, RED, Cell, Column
from linstor_core.domain.sizes import format_kib
from linstor_core.wire.rest_resources import Resource
from linstor_core.wire.rest_v1 import Node, StoragePool

_PROVIDERS = (("Diskless", ("DISKLESS",)), ("LVM", ("LVM",)), ("LVMThin", ("LVM_THIN",)),
              ("ZFS/Thin", ("ZFS", "ZFS_THIN")), ("File/Thin", ("FILE", "FILE_THIN")), ("SPDK", ("SPDK",)),
              ("Remote_SPDK", ("REMOTE_SPDK",)), ("Storage_Spaces", ("STORAGE_SPACES",)),
              ("Storage_Spaces/Thin", ("STORAGE_SPACES_THIN",)))
_LAYERS = (("DRBD", ("DRBD",)), ("LUKS", ("LUKS",)), ("NVMe", ("NVME",)), ("Cache", ("CACHE",)),
           ("BCache", ("BCACHE",)), ("WriteCache", ("WRITECACHE",)), ("Storage", ("STORAGE",)))

Abilities = Sequence[tuple[str, Sequence[str]]]


def info(call: Call) -> None:
    """Two tables: storage drivers, then layers."""
    nodes = call.client.nodes(call.args.nodes or ())
    if call.shown_as_json():
        return
    _ability_table(call, _PROVIDERS, [(node, node.storage_providers) for node in nodes])
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
        call.screen.line(node.name)
        for line in _tree(node, pools, resources):
            call.screen.line(line)


def _tree(node: Node, pools: Sequence[StoragePool], resources: Sequence[Resource]) -> Iterator[str]:
    for pool in pools:
        if pool.node_name != node.name:
            continue
        yield f"  storage pool {pool.storage_pool_name} ({pool.provider_kind})"
        for resource in resources:
            for volume in resource.volumes:
                if resource.node_name == node.name and volume.storage_pool_name == pool.storage_pool_name:
                    allocated_kib = volume.allocated_size_kib or 0
                    size = f" {format_kib(allocated_kib)}" if allocated_kib > 0 else ""
                    yield f"    {resource.name}/{volume.volume_number}{size} {volume.device_path}".rstrip()
