"""Resource groups: templates from which resources are spawned."""

from __future__ import annotations

from msgspec import Struct, field

DEFAULT_GROUP = "DfltRscGrp"
DEFAULT_PLACE_COUNT = 2


class AutoSelectFilter(Struct, frozen=True, omit_defaults=True):
    """What the autoplacer may choose; None means that the caller said nothing, so an outer filter decides.

    Field names are REST's. Property keys are full keys (`Aux/zone`).
    """

    place_count: int | None = None
    additional_place_count: int | None = None
    node_name_list: tuple[str, ...] | None = None
    storage_pool: str | None = None
    storage_pool_list: tuple[str, ...] | None = None
    storage_pool_diskless_list: tuple[str, ...] | None = None
    not_place_with_rsc: tuple[str, ...] | None = None
    not_place_with_rsc_regex: str | None = None
    replicas_on_same: tuple[str, ...] | None = None
    replicas_on_different: tuple[str, ...] | None = None
    x_replicas_on_different_map: dict[str, int] | None = None
    layer_stack: tuple[str, ...] | None = None
    provider_list: tuple[str, ...] | None = None
    diskless_on_remaining: bool | None = None
    diskless_type: str | None = None
    overprovision: float | None = None
    port_count: int | None = None


class VolumeGroup(Struct, frozen=True):
    """The template of one volume."""

    uuid: str
    number: int
    props: dict[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()


class ResourceGroup(Struct, frozen=True):
    """A template with placement rules and properties; spawned definitions stay linked to it."""

    uuid: str
    name: str
    description: str = ""
    select_filter: AutoSelectFilter = AutoSelectFilter()
    volume_groups: tuple[VolumeGroup, ...] = ()
    props: dict[str, str] = field(default_factory=dict)
    peer_slots: int | None = None
