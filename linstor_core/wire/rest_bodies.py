"""What callers of REST v1 send. A field that LINSTOR does not know is refused, as LINSTOR refuses it.

What an object's own schema has, a creating call may send, whether it means anything there or not; such bodies extend
the Structs of the answers.
"""

from __future__ import annotations

from msgspec import field

from linstor_core.domain.resource_groups import AutoSelectFilter
from linstor_core.wire import rest_resources, rest_v1
from linstor_core.wire.rest_v1 import Document, Props


class Body(Document, frozen=True, forbid_unknown_fields=True):
    """A JSON object with no other fields than these."""


class PropsModify(Body, frozen=True):
    """Merge `override_props`; then drop the keys in `delete_props` and all keys below each of `delete_namespaces`."""

    override_props: Props = field(default_factory=dict)
    delete_props: tuple[str, ...] = ()
    delete_namespaces: tuple[str, ...] = ()


# Nodes


class NodeCreate(rest_v1.Node, frozen=True, forbid_unknown_fields=True):
    """POST /v1/nodes"""


class NodeModify(PropsModify, frozen=True):
    node_type: str | None = None


class NodeRestore(Body, frozen=True):
    delete_resources: bool | None = None
    delete_snapshots: bool | None = None


class NodeEvacuate(Body, frozen=True):
    target: tuple[str, ...] | None = None
    do_not_target: tuple[str, ...] | None = None


class NetInterfaceBody(rest_v1.NetInterface, frozen=True, forbid_unknown_fields=True):
    """Both the creating POST and the modifying PUT, where only what is given changes."""


class StoragePoolCreate(rest_v1.StoragePool, frozen=True, forbid_unknown_fields=True):
    """`free_space_mgr_name` asks for a shared space."""


class StoragePoolDefinitionCreate(rest_v1.StoragePoolDefinition, frozen=True, forbid_unknown_fields=True):
    """POST /v1/storage-pool-definitions"""


# Groups


class ResourceGroupCreate(rest_v1.ResourceGroup, frozen=True, forbid_unknown_fields=True):
    """POST /v1/resource-groups"""


class ResourceGroupModify(PropsModify, frozen=True):
    """An empty list in `select_filter` takes a rule away, an absent one leaves it."""

    description: str | None = None
    select_filter: AutoSelectFilter | None = None
    peer_slots: int | None = None


class ResourceGroupSpawn(Body, frozen=True):
    """One entry of `volume_sizes` (KiB) a volume group; `partial` allows another number of them."""

    resource_definition_name: str | None = None
    resource_definition_external_name: str | None = None
    volume_sizes: tuple[int, ...] | None = None
    volume_passphrases: tuple[str, ...] | None = None
    select_filter: AutoSelectFilter | None = None
    partial: bool | None = None
    definitions_only: bool | None = None
    peer_slots: int | None = None
    resource_definition_props: dict[str, str] | None = None


class SelectFilterBody(Body, frozen=True):
    """Adjusting groups and the size queries: what is given here wins over the group's own filter."""

    select_filter: AutoSelectFilter | None = None


class SizeQuery(SelectFilterBody, frozen=True):
    """The age is accepted and of no effect: what satellites report arrives by itself, nothing is asked for."""

    ignore_cache_older_than_sec: int | None = None


class MaxVolumeSizeQuery(AutoSelectFilter, frozen=True, forbid_unknown_fields=True):
    """OPTIONS /v1/query-max-volume-size: a filter that belongs to no group."""


class VolumeGroupCreate(rest_v1.VolumeGroup, frozen=True, forbid_unknown_fields=True):
    """Without a number the lowest free one is taken."""


class FlagsModify(PropsModify, frozen=True):
    """A flag with a leading '-' is taken off. For volume groups."""

    flags: tuple[str, ...] | None = None


# Definitions


class ResourceDefinitionFields(rest_v1.ResourceDefinition, frozen=True, forbid_unknown_fields=True):
    """The inner object of ResourceDefinitionCreate."""


class ResourceDefinitionCreate(Body, frozen=True):
    """Without a name, `external_name` has to be there: a name is made from it."""

    resource_definition: ResourceDefinitionFields = field(default_factory=ResourceDefinitionFields)
    drbd_port: int | None = None
    drbd_secret: str | None = None
    drbd_transport_type: str | None = None
    drbd_peer_slots: int | None = None


class ResourceDefinitionModify(PropsModify, frozen=True):
    drbd_port: int | None = None
    drbd_peer_slots: int | None = None
    layer_stack: tuple[str, ...] | None = None
    resource_group: str | None = None


class ResourceDefinitionRename(Body, frozen=True):
    new_name: str = ""


class MigrationWindowOpen(Body, frozen=True):
    lease_s: float


class CloneRequest(PropsModify, frozen=True):
    """`volume_sizes` in KiB, 0 for the size of the source."""

    name: str | None = None
    external_name: str | None = None
    use_zfs_clone: bool | None = None
    volume_passphrases: tuple[str, ...] | None = None
    layer_list: tuple[str, ...] | None = None
    resource_group: str | None = None
    volume_sizes: tuple[int, ...] | None = None


class VolumeDefinitionFields(rest_v1.VolumeDefinition, frozen=True, forbid_unknown_fields=True):
    """The inner object of VolumeDefinitionCreate."""


class VolumeDefinitionCreate(Body, frozen=True):
    volume_definition: VolumeDefinitionFields = field(default_factory=VolumeDefinitionFields)
    drbd_minor_number: int | None = None
    passphrase: str | None = None


class VolumeDefinitionModify(FlagsModify, frozen=True):
    size_kib: int | None = None


# Resources


class ResourceFields(rest_resources.Resource, frozen=True, forbid_unknown_fields=True):
    """The inner object of ResourceCreate."""


class ResourceCreate(Body, frozen=True):
    """POST …/resources/{node}; POST …/resources takes a list of them."""

    resource: ResourceFields = field(default_factory=ResourceFields)
    layer_list: tuple[str, ...] | None = None
    drbd_node_id: int | None = None
    drbd_tcp_ports: tuple[int, ...] | None = None
    drbd_client: bool | None = None
    copy_all_snaps: bool | None = None
    snap_names: tuple[str, ...] | None = None


class MakeAvailable(Body, frozen=True):
    layer_list: tuple[str, ...] | None = None
    diskful: bool | None = None
    drbd_tcp_ports: tuple[int, ...] | None = None
    auto_manage_dual_primary: bool | None = None
    copy_all_snaps: bool | None = None
    snap_names: tuple[str, ...] | None = None


class AutoPlace(Body, frozen=True):
    diskless_on_remaining: bool | None = None
    select_filter: AutoSelectFilter | None = None
    layer_list: tuple[str, ...] | None = None
    drbd_tcp_ports: tuple[int, ...] | None = None
    copy_all_snaps: bool | None = None
    snap_names: tuple[str, ...] | None = None


class ToggleDisk(Body, frozen=True):
    """`operation` is INTO_DRBD_DISKFUL, INTO_DRBD_DISKLESS or INTO_DRBD_CLIENT."""

    operation: str
    storage_pool: str | None = None
    migrate_from: str | None = None
    layer_list: tuple[str, ...] | None = None


# Snapshots


class SnapshotCreate(rest_v1.Snapshot, frozen=True, forbid_unknown_fields=True):
    """Without `nodes`: on every node that holds data."""


class MultiSnapshotCreate(Body, frozen=True):
    """POST /v1/actions/snapshot/multi: all of them at one moment."""

    snapshots: tuple[SnapshotCreate, ...] = ()


class SnapshotRestore(Body, frozen=True):
    to_resource: str = ""
    nodes: tuple[str, ...] | None = None
    stor_pool_rename: dict[str, str] | None = None


class SnapshotRollback(Body, frozen=True):
    """`zfs_rollback_strategy` is Rollback, Clone or Dynamic."""

    zfs_rollback_strategy: str | None = None


# Cluster-wide


class KeyValueStoreModify(Body, frozen=True):
    """Values may be any scalar; a null is refused by the operation (213)."""

    override_props: dict[str, str | int | float | bool | None] = field(default_factory=dict)
    delete_props: tuple[str, ...] = ()
    delete_namespaces: tuple[str, ...] = ()


class ErrorReportDelete(Body, frozen=True):
    """What matches all given fields; `since` and `to` are times."""

    nodes: tuple[str, ...] | None = None
    since: int | None = None
    to: int | None = None
    exception: str | None = None
    version: str | None = None
    ids: tuple[str, ...] | None = None


class DrbdProxyModify(PropsModify, frozen=True):
    """`compression_type` is none, zlib, lzma, lz4 or zstd."""

    compression_type: str | None = None
    compression_props: Props = field(default_factory=dict)


class PassphraseCreate(Body, frozen=True):
    new_passphrase: str


class PassphraseModify(Body, frozen=True):
    old_passphrase: str
    new_passphrase: str
