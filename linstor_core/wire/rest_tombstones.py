"""What REST v1 says of deletions that nodes have still to carry out, and of files on nodes that nobody names."""

from __future__ import annotations

from linstor_core.wire.rest_bodies import Body
from linstor_core.wire.rest_v1 import BlockedBy, Document


class TombstoneVolume(Document, frozen=True):
    """Content that is still to be removed; `path` is where it lies, as far as the pool tells."""

    volume_number: int | None = None
    storage_pool_name: str = ""
    identifier: str = ""
    data_id: str = ""
    size_kib: int | None = None
    path: str = ""


class Tombstone(Document, frozen=True):
    """`kind`: RESOURCE, VOLUME, SNAPSHOT or ORPHAN."""

    uuid: str = ""
    kind: str = ""
    node_name: str = ""
    resource_name: str = ""
    snapshot_name: str = ""
    volumes: tuple[TombstoneVolume, ...] = ()
    create_timestamp: int | None = None
    blocked_by: tuple[BlockedBy, ...] = ()


class Orphan(Document, frozen=True):
    """A file of ours on a node that no resource, snapshot or tombstone names.

    What its name says: `resource_name`, `volume_number` and `snapshot_name`, where it says anything; `defined` tells
    whether there is a definition of that name now. `state` is `ready` once its content is complete. Without `data_id`
    the satellite is too old to tell, or could not read the file.
    """

    node_name: str = ""
    path: str = ""
    storage_pool_name: str = ""
    data_id: str = ""
    state: str = ""
    size_kib: int | None = None
    allocated_size_kib: int | None = None
    modify_timestamp: int | None = None
    device_path: str = ""
    resource_name: str = ""
    volume_number: int | None = None
    snapshot_name: str = ""
    defined: bool | None = None


class OrphanAdopt(Body, frozen=True):
    """Make a volume of a resource out of the file, whose content stays as it is."""

    node_name: str = ""
    path: str = ""
    resource_name: str = ""
    volume_number: int = 0
    resource_group: str = ""
    """For a definition that has to be made; empty for the default group."""


class OrphanRemove(Body, frozen=True):
    """Remove the file for good, if it carries this identity."""

    node_name: str = ""
    path: str = ""
    data_id: str = ""
