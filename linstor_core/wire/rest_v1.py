"""What REST v1 answers, under LINSTOR's field names; resources in `rest_resources`, what callers send in `rest_bodies`.

A field that is empty or unknown is left out of the JSON, as LINSTOR does: None, "", () and {} are defaults and never
sent; a zero or a false that means something is sent, so such fields start as None. Sizes are KiB, times milliseconds.
"""

from __future__ import annotations

from msgspec import Struct, field

from linstor_core.domain.resource_groups import AutoSelectFilter
from linstor_core.wire.api_call_rc import ApiCallRc

Props = dict[str, str]


class Document(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A JSON object of which only the fields that say something are sent."""


class BlockedBy(Document, frozen=True):
    """Why something is not done: what it waits for, or why it failed. `since` is when the node was last there."""

    node_name: str = ""
    object: str = ""
    reason: str = ""
    since: int | None = None


# Nodes


class NetInterface(Document, frozen=True):
    name: str = ""
    address: str = ""
    satellite_port: int | None = None
    satellite_encryption_type: str | None = None
    is_active: bool | None = None
    uuid: str = ""


class Node(Document, frozen=True):
    """`eviction_timestamp` is when an offline node will be, or was, evicted."""

    name: str = ""
    type: str = ""
    flags: tuple[str, ...] = ()
    props: Props = field(default_factory=dict)
    net_interfaces: tuple[NetInterface, ...] = ()
    connection_status: str = ""
    uuid: str = ""
    storage_providers: tuple[str, ...] = ()
    resource_layers: tuple[str, ...] = ()
    unsupported_providers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unsupported_layers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    eviction_timestamp: int | None = None
    platform: str = ""
    os_variant: str = ""


class StoragePoolDefinition(Document, frozen=True):
    storage_pool_name: str = ""
    props: Props = field(default_factory=dict)


class StoragePool(Document, frozen=True):
    """`free_space_mgr_name` is `node;pool`, or the name of a space that several nodes share."""

    storage_pool_name: str = ""
    node_name: str = ""
    provider_kind: str = ""
    props: Props = field(default_factory=dict)
    static_traits: dict[str, str] = field(default_factory=dict)
    free_capacity: int | None = None
    total_capacity: int | None = None
    free_space_mgr_name: str = ""
    uuid: str = ""
    reports: tuple[ApiCallRc, ...] = ()
    supports_snapshots: bool | None = None
    shared_space: str = ""
    external_locking: bool | None = None


class PhysicalDevice(Document, frozen=True):
    """An unused device of one node."""

    device: str = ""
    size: int | None = None
    rotational: bool | None = None
    model: str = ""
    serial: str = ""
    wwn: str = ""


class PhysicalStorage(Document, frozen=True):
    """Unused devices of one size (bytes) and kind, by node."""

    size: int | None = None
    rotational: bool | None = None
    nodes: dict[str, tuple[PhysicalDevice, ...]] = field(default_factory=dict)


# Definitions and groups


class DrbdResourceDefinition(Document, frozen=True):
    """`port` is -1 while every node has its own."""

    resource_name_suffix: str = ""
    peer_slots: int | None = None
    al_stripes: int | None = None
    al_stripe_size_kib: int | None = None
    port: int | None = None
    transport_type: str = ""
    secret: str = ""
    down: bool | None = None


class ResourceDefinitionLayer(Document, frozen=True):
    type: str = ""
    data: DrbdResourceDefinition | None = None


class DrbdVolumeDefinition(Document, frozen=True):
    resource_name_suffix: str = ""
    volume_number: int | None = None
    minor_number: int | None = None


class VolumeDefinitionLayer(Document, frozen=True):
    type: str = ""
    data: DrbdVolumeDefinition | None = None


class VolumeDefinition(Document, frozen=True):
    volume_number: int | None = None
    size_kib: int | None = None
    props: Props = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    layer_data: tuple[VolumeDefinitionLayer, ...] = ()
    uuid: str = ""


class ResourceDefinition(Document, frozen=True):
    name: str = ""
    external_name: str = ""
    props: Props = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    layer_data: tuple[ResourceDefinitionLayer, ...] = ()
    uuid: str = ""
    resource_group_name: str = ""
    volume_definitions: tuple[VolumeDefinition, ...] = ()
    blocked_by: tuple[BlockedBy, ...] = ()


class VolumeGroup(Document, frozen=True):
    volume_number: int | None = None
    props: Props = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    uuid: str = ""


class ResourceGroup(Document, frozen=True):
    name: str = ""
    description: str = ""
    props: Props = field(default_factory=dict)
    select_filter: AutoSelectFilter | None = None
    uuid: str = ""
    peer_slots: int | None = None


# Snapshots and clones


class SnapshotVolumeDefinition(Document, frozen=True):
    volume_number: int | None = None
    size_kib: int | None = None
    snapshot_volume_definition_props: Props = field(default_factory=dict)
    volume_definition_props: Props = field(default_factory=dict)


class SnapshotVolume(Document, frozen=True):
    uuid: str = ""
    snapshot_volume_props: Props = field(default_factory=dict)
    volume_props: Props = field(default_factory=dict)
    vlm_nr: int | None = None
    state: str = ""


class NodeSnapshot(Document, frozen=True):
    """The part of a snapshot that one node holds."""

    snapshot_name: str = ""
    node_name: str = ""
    create_timestamp: int | None = None
    flags: tuple[str, ...] = ()
    uuid: str = ""
    snapshot_props: Props = field(default_factory=dict)
    resource_props: Props = field(default_factory=dict)
    snapshot_volumes: tuple[SnapshotVolume, ...] = ()


class Snapshot(Document, frozen=True):
    """`props` are the two kinds of properties after it together."""

    name: str = ""
    resource_name: str = ""
    nodes: tuple[str, ...] = ()
    props: Props = field(default_factory=dict)
    snapshot_definition_props: Props = field(default_factory=dict)
    resource_definition_props: Props = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    volume_definitions: tuple[SnapshotVolumeDefinition, ...] = ()
    uuid: str = ""
    snapshots: tuple[NodeSnapshot, ...] = ()
    blocked_by: tuple[BlockedBy, ...] = ()


class CloneStarted(Document, frozen=True):
    """`location` is the path to ask for the CloneStatus."""

    location: str = ""
    source_name: str = ""
    clone_name: str = ""
    messages: tuple[ApiCallRc, ...] = ()


class CloneStatus(Document, frozen=True):
    """CLONING, COMPLETE or FAILED."""

    status: str


# Cluster-wide


class ControllerVersion(Document, frozen=True):
    version: str = ""
    git_hash: str = ""
    build_time: str = ""
    rest_api_version: str = ""


class PropertyInfo(Document, frozen=True):
    """What a property may be; `prop_type` is regex, range, symbol, boolean, boolean_true_false, long or string."""

    info: str = ""
    prop_type: str = ""
    value: str = ""
    dflt: str = ""
    unit: str = ""


class SpawnPlace(Document, frozen=True):
    """A pool that the next spawn would take."""

    node_name: str = ""
    stor_pool_name: str = ""
    stor_pool_oversubscription_ratio: float | None = None
    stor_pool_free_capacity_oversubscription_ratio: float | None = None
    stor_pool_total_capacity_oversubscription_ratio: float | None = None


class SpaceInfo(Document, frozen=True):
    max_vlm_size_in_kib: int
    available_size_in_kib: int | None = None
    capacity_in_kib: int | None = None
    default_max_oversubscription_ratio: float | None = None
    max_oversubscription_ratio: float | None = None
    max_free_capacity_oversubscription_ratio: float | None = None
    max_total_capacity_oversubscription_ratio: float | None = None
    next_spawn_result: tuple[SpawnPlace, ...] = ()


class SizeInfo(Document, frozen=True):
    """The answer of query-size-info; `reports` say why `space_info` is missing or small."""

    space_info: SpaceInfo | None = None
    reports: tuple[ApiCallRc, ...] = ()


class AllSizeInfo(Document, frozen=True):
    """The answer of query-all-size-info, by group."""

    result: dict[str, SizeInfo] = field(default_factory=dict)
    reports: tuple[ApiCallRc, ...] = ()


class Candidate(Document, frozen=True):
    """How large a volume could be in a pool, and on which nodes."""

    storage_pool: str = ""
    max_volume_size_kib: int | None = None
    node_names: tuple[str, ...] = ()
    all_thin: bool | None = None


class MaxVolumeSizes(Document, frozen=True):
    candidates: tuple[Candidate, ...] = ()
    default_max_oversubscription_ratio: float | None = None


class KeyValueStore(Document, frozen=True):
    name: str = ""
    props: Props = field(default_factory=dict)


class ErrorReport(Document, frozen=True):
    """`filename` is `ErrorReport-<id>.log`; `text` is filled in on request."""

    node_name: str = ""
    error_time: int | None = None
    filename: str = ""
    text: str = ""
    module: str = ""
    version: str = ""
    peer: str = ""
    exception: str = ""
    exception_message: str = ""
    origin_file: str = ""
    origin_method: str = ""
    origin_line: int | None = None


class PassphraseStatus(Document, frozen=True):
    """unset, locked or unlocked."""

    status: str


class Count(Document, frozen=True):
    count: int
