"""linstor storage-pool …"""

from __future__ import annotations

from collections.abc import Callable

from linstor_core.cli.arguments import (
    NODE,
    NODES,
    PASTABLE,
    POOLS,
    PROPS,
    SHOW_PROPS_LONG,
    group_by,
    property_commands,
)
from linstor_core.cli.call import Call
from linstor_core.cli.grammar import Arg, Command, Noun
from linstor_core.cli.screen import GREEN, RED, YELLOW, Cell, Column
from linstor_core.domain.sizes import format_kib
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire.rest_v1 import StoragePool

POOL_PROPERTY = "StorDriver/StorPoolName"
_DIRECTORY_PROPERTY = "StorDriver/FileDir"
_POOL = Arg("name", "name of the storage pool", completes="pools")
_DRIVERS = (
    ("lvm", "LVM", "an LVM volume group"), ("lvmthin", "LVM_THIN", "VG/POOL of an LVM thin pool"),
    ("zfs", "ZFS", "a ZFS pool or dataset"), ("zfsthin", "ZFS_THIN", "a ZFS pool or dataset"),
    ("file", "FILE", "a directory"), ("filethin", "FILE_THIN", "a directory, best on a file system with reflinks"),
)


def _create(kind: str) -> Callable[[Call], None]:
    def run(call: Call) -> None:
        args = call.args
        props = {POOL_PROPERTY: args.driver_pool_name} if kind != "DISKLESS" else {}
        body = bodies.StoragePoolCreate(
            storage_pool_name=args.name, provider_kind=kind, props=props,
            free_space_mgr_name=getattr(args, "shared_space", None) or "",
            external_locking=getattr(args, "external_locking", False) or None)
        call.show(call.client.create_storage_pool(args.node_name, body))

    return run


def delete(call: Call) -> None:
    call.show(entry for node in call.args.node_name for entry in call.client.delete_storage_pool(node, call.args.name))


def list_pools(call: Call) -> None:
    args = call.args
    pools = call.client.storage_pools(args.nodes or (), args.storage_pools or (), args.props or ())
    columns = [Column("StoragePool"), Column("Node"), Column("Driver"), Column("PoolName"),
               Column("FreeCapacity", right=True), Column("TotalCapacity", right=True), Column("CanSnapshots"),
               Column("State"), Column("SharedName")]
    call.table(columns, (_row(call, pool) for pool in pools))
    call.remark(report for pool in pools for report in pool.reports)


def _row(call: Call, pool: StoragePool) -> list[object]:
    sizes = ["" if pool.provider_kind == "DISKLESS" or size is None or size < 0 else format_kib(size)
             for size in (pool.free_capacity, pool.total_capacity)]
    backing = pool.props.get(POOL_PROPERTY) or pool.props.get(_DIRECTORY_PROPERTY, "")
    return [pool.storage_pool_name, pool.node_name, pool.provider_kind, backing, *sizes,
            pool.supports_snapshots, _state(pool), pool.free_space_mgr_name, *call.extra_cells(pool.props)]


def _state(pool: StoragePool) -> Cell:
    if any(report.is_error for report in pool.reports):
        return Cell("Error", RED)
    return Cell("Warning", YELLOW) if any(report.ret_code < 0 for report in pool.reports) else Cell("Ok", GREEN)


_SHARED = (Arg("--shared-space", "name of a space that several nodes share"),
           Arg("--external-locking", "something else keeps nodes from writing at once", "flag"))
_CREATE = Noun("create", ("c",), "Register storage of a node.", (
    *(Command(name, (), f"On {backing}.",
              (NODE, _POOL, *_SHARED, Arg("driver_pool_name", backing)), _create(kind))
      for name, kind, backing in _DRIVERS),
    Command("diskless", (), "For resources without storage of their own.", (NODE, _POOL), _create("DISKLESS")),
))

NOUN = Noun("storage-pool", ("sp",), "Where volumes live on a node.", (
    _CREATE,
    Command("delete", ("d",), "Unregister a pool that holds nothing.",
            (Arg("--quiet", "has no effect", "flag", ("-q",)), NODE._replace(nargs="+"), _POOL), delete),
    Command("list", ("l",), "Show the storage pools.",
            (PASTABLE, group_by("storagepool", "node", "driver", "poolname", "freecapacity", "totalcapacity",
                                "cansnapshots", "state", "sharedname"), POOLS, NODES, PROPS, SHOW_PROPS_LONG),
            list_pools, reads=True),
    *property_commands(
        (NODE, _POOL), lambda call: call.client.storage_pool(call.args.node_name, call.args.name).props,
        lambda call, change: call.client.modify_storage_pool(call.args.node_name, call.args.name, change)),
))
