"""What callers ask a node's machine to do."""

from __future__ import annotations

from msgspec import field

from linstor_core.wire.rest_bodies import Body
from linstor_core.wire.rest_v1 import Document


class NewStoragePool(Body, frozen=True):
    """The pool that is to be registered on devices once they are prepared."""

    name: str = ""
    props: dict[str, str] = field(default_factory=dict)
    shared_space: str | None = None
    external_locking: bool | None = None


class PhysicalStorageCreate(Body, frozen=True):
    """Prepare unused devices of a node for a provider."""

    provider_kind: str = ""
    device_paths: tuple[str, ...] = ()
    raid_level: str | None = None
    pool_name: str | None = None
    vdo_enable: bool | None = None
    vdo_slab_size_kib: int | None = None
    vdo_logical_size_kib: int | None = None
    sed: bool | None = None
    with_storage_pool: NewStoragePool | None = None
    pv_create_arguments: tuple[str, ...] | None = None
    vg_create_arguments: tuple[str, ...] | None = None
    lv_create_arguments: tuple[str, ...] | None = None
    zpool_create_arguments: tuple[str, ...] | None = None


class ReactorCommand(Document, frozen=True):
    """Where drbd-reactorctl is to run; the controller takes other arguments, too."""

    nodes: tuple[str, ...] = ()
