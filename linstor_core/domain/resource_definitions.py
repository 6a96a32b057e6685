"""Resource definitions and their volume definitions: what exists cluster-wide, wherever it is placed."""

from __future__ import annotations

from msgspec import Struct, field


class VolumeDefinition(Struct, frozen=True, gc=False):
    """One volume of a definition; `size_kib` is the usable size unless the flag GROSS_SIZE is set."""

    uuid: str
    number: int
    size_kib: int
    props: dict[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    minor_number: int | None = None


class DrbdDefinition(Struct, frozen=True, gc=False):
    """What every DRBD replica of a definition shares. `port` is None while ports are per node."""

    secret: str
    peer_slots: int = 7
    al_stripes: int = 1
    al_stripe_size_kib: int = 32
    port: int | None = None
    transport_type: str = "IP"


class ResourceDefinition(Struct, frozen=True, gc=False):
    """A named set of volumes. An empty `layer_stack` lets the first placement choose."""

    uuid: str
    name: str
    resource_group_name: str
    external_name: str = ""
    layer_stack: tuple[str, ...] = ()
    volume_definitions: tuple[VolumeDefinition, ...] = ()
    props: dict[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    drbd: DrbdDefinition | None = None

    def volume_definition(self, number: int) -> VolumeDefinition | None:
        return next((volume for volume in self.volume_definitions if volume.number == number), None)
