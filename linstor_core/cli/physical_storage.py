"""linstor physical-storage …"""

from __future__ import annotations

from linstor_core.cli.arguments import NODE, PASTABLE, SIZE_HELP, provider_list, size_kib
from linstor_core.cli.call import Call
from linstor_core.cli.grammar import Arg, Command, Noun
from linstor_core.cli.screen import Column
from linstor_core.domain.sizes import format_kib
from linstor_core.wire.rest_on_nodes import NewStoragePool, PhysicalStorageCreate
from linstor_core.wire.rest_v1 import PhysicalDevice


def list_devices(call: Call) -> None:
    rows = ([format_kib((group.size or 0) // 1024), str(bool(group.rotational)),
             "\n".join(f"{node}[{_named(device)}]" for node, devices in sorted(group.nodes.items())
                       for device in devices)]
            for group in call.client.physical_storage())
    call.table([Column("Size"), Column("Rotational"), Column("Nodes")], rows)


def _named(device: PhysicalDevice) -> str:
    return ", ".join(part for part in (device.device, device.model, device.serial, device.wwn) if part)


def create_pool(call: Call) -> None:
    args = call.args
    pool = NewStoragePool(name=args.storage_pool) if args.storage_pool else None
    call.show(call.client.create_device_pool(args.node_name, PhysicalStorageCreate(
        provider_kind=provider_list(args.provider_kind)[0], device_paths=tuple(args.device_paths),
        pool_name=args.pool_name, with_storage_pool=pool, vdo_enable=args.vdo_enable or None,
        vdo_logical_size_kib=args.vdo_logical_size, vdo_slab_size_kib=args.vdo_slab_size, sed=args.sed or None,
        pv_create_arguments=_passed(args.pv_create_arguments), vg_create_arguments=_passed(args.vg_create_arguments),
        lv_create_arguments=_passed(args.lv_create_arguments),
        zpool_create_arguments=_passed(args.zpool_create_arguments))))


def _passed(arguments: list[str] | None) -> tuple[str, ...] | None:
    return tuple(arguments) if arguments else None


_COMMANDS = ("pv", "vg", "lv", "zpool")
_KINDS = ("lvm", "lvmthin", "zfs", "zfsthin", "file", "filethin", "spdk")
NOUN = Noun("physical-storage", ("ps",), "Devices that nothing uses yet.", (
    Command("list", ("l",), "Show the devices.", (PASTABLE,), list_devices, reads=True),
    Command("create-device-pool", ("cdp",), "Make a pool of devices, and register it if it is to be.",
            (Arg("--pool-name", "name of the volume group or pool"),
             Arg("--storage-pool", "register it under this name"),
             Arg("--vdo-enable", "put VDO below it", "flag"),
             Arg("--vdo-logical-size", SIZE_HELP, kind=size_kib), Arg("--vdo-slab-size", SIZE_HELP, kind=size_kib),
             Arg("--sed", "use what encrypts itself", "flag"),
             *(Arg(f"--{command}-create-arguments", f"passed to {command}'s creation", "*") for command in _COMMANDS),
             Arg("provider_kind", kind=str.lower, choices=_KINDS), NODE,
             Arg("device_paths", "whole paths of the devices", "+")), create_pool),
))
