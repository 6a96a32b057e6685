"""linstor physical-storage …"""

from __future__ import annotations

from linstor_core.cli.arguments import PASTABLE
from linstor_core.cli.call import Call
from linstor_core.cli.grammar import Command, Noun
from linstor_core.cli.screen import Column
from linstor_core.domain.sizes import format_kib
from linstor_core.wire.rest_v1 import PhysicalDevice


def list_devices(call: Call) -> None:
    rows = ([format_kib((group.size or 0) // 1024), str(bool(group.rotational)),
             "\n".join(f"{node}[{_named(device)}]" for node, devices in sorted(group.nodes.items())
                       for device in devices)]
            for group in call.client.physical_storage())
    call.table([Column("Size"), Column("Rotational"), Column("Nodes")], rows)


def _named(device: PhysicalDevice) -> str:
    return ", ".join(part for part in (device.device, device.model, device.serial, device.wwn) if part)


NOUN = Noun("physical-storage", ("ps",), "Devices that nothing uses yet.", (
    Command("list", ("l",), "Show the devices.", (PASTABLE,), list_devices, reads=True),
))
