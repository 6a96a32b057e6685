"""What REST v1 answers about resources and their volumes. The conventions are those of `rest_v1`."""

from __future__ import annotations

from msgspec import field

from linstor_core.wire.api_call_rc import ApiCallRc
from linstor_core.wire.rest_v1 import BlockedBy, Document, DrbdResourceDefinition, DrbdVolumeDefinition, Props


class LayerVolume(Document, frozen=True):
    """A volume as one layer sees it; which fields are there depends on the layer."""

    drbd_volume_definition: DrbdVolumeDefinition | None = None
    volume_number: int | None = None
    device_path: str = ""
    backing_device: str = ""
    meta_disk: str = ""
    device_path_cache: str = ""
    device_path_metadata: str = ""
    allocated_size_kib: int | None = None
    usable_size_kib: int | None = None
    opened: bool | None = None
    disk_state: str = ""
    ext_meta_stor_pool: str = ""


class DrbdConnection(Document, frozen=True):
    connected: bool | None = None
    message: str = ""


class DrbdResource(Document, frozen=True):
    drbd_resource_definition: DrbdResourceDefinition | None = None
    node_id: int | None = None
    tcp_ports: tuple[int, ...] = ()
    peer_slots: int | None = None
    al_stripes: int | None = None
    al_size: int | None = None
    flags: tuple[str, ...] = ()
    drbd_volumes: tuple[LayerVolume, ...] = ()
    connections: dict[str, DrbdConnection] = field(default_factory=dict)
    promotion_score: int | None = None
    may_promote: bool | None = None


class StorageResource(Document, frozen=True):
    storage_volumes: tuple[LayerVolume, ...] = ()


class LuksResource(Document, frozen=True):
    luks_volumes: tuple[LayerVolume, ...] = ()


class NvmeResource(Document, frozen=True):
    nvme_volumes: tuple[LayerVolume, ...] = ()


class WritecacheResource(Document, frozen=True):
    writecache_volumes: tuple[LayerVolume, ...] = ()


class CacheResource(Document, frozen=True):
    cache_volumes: tuple[LayerVolume, ...] = ()


class BcacheResource(Document, frozen=True):
    bcache_volumes: tuple[LayerVolume, ...] = ()


class ResourceLayer(Document, frozen=True):
    """One layer of a resource and, in `children`, what it stands on; exactly the field named by `type` is set."""

    children: tuple[ResourceLayer, ...] = ()
    resource_name_suffix: str = ""
    type: str = ""
    drbd: DrbdResource | None = None
    luks: LuksResource | None = None
    storage: StorageResource | None = None
    nvme: NvmeResource | None = None
    writecache: WritecacheResource | None = None
    cache: CacheResource | None = None
    bcache: BcacheResource | None = None


class ResourceState(Document, frozen=True):
    """`in_use` is left out where nobody can know: an empty object is sent then."""

    in_use: bool | None = None


class EffectiveProperty(Document, frozen=True):
    """The value that counts, the kind of object it comes from, and in `other` the values it hides."""

    type: str = ""
    value: str = ""
    descr: str = ""
    other: tuple[EffectiveProperty, ...] = ()


class ReplicationState(Document, frozen=True):
    replication_state: str = ""
    done_percentage: float | None = None


class VolumeState(Document, frozen=True):
    disk_state: str = ""
    replication_states: dict[str, ReplicationState] = field(default_factory=dict)


class VolumeLayer(Document, frozen=True):
    type: str = ""
    data: LayerVolume | None = None


class Volume(Document, frozen=True):
    """`allocated_size_kib` is -1 while unknown."""

    volume_number: int | None = None
    storage_pool_name: str = ""
    provider_kind: str = ""
    device_path: str = ""
    allocated_size_kib: int | None = None
    usable_size_kib: int | None = None
    props: Props = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    state: VolumeState | None = None
    layer_data_list: tuple[VolumeLayer, ...] = ()
    uuid: str = ""
    reports: tuple[ApiCallRc, ...] = ()


class Resource(Document, frozen=True):
    """`volumes` and `shared_name` are filled in by /v1/view/resources only."""

    name: str = ""
    node_name: str = ""
    props: Props = field(default_factory=dict)
    effective_props: dict[str, EffectiveProperty] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    layer_object: ResourceLayer | None = None
    state: ResourceState | None = None
    uuid: str = ""
    create_timestamp: int | None = None
    volumes: tuple[Volume, ...] = ()
    shared_name: str = ""
    blocked_by: tuple[BlockedBy, ...] = ()


class MigrationWindow(Document, frozen=True):
    """Whether two nodes may have a resource open for writing. `expires_ms` (Unix time) is left out for a window that
    somebody opened by hand.
    """

    open: bool = False
    expires_ms: int | None = None


class ResourceConnection(Document, frozen=True):
    node_a: str = ""
    node_b: str = ""
    props: Props = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    port: int | None = None


class NodeConnection(Document, frozen=True):
    node_a: str = ""
    node_b: str = ""
    props: Props = field(default_factory=dict)


class SyncStatus(Document, frozen=True):
    synced_on_all: bool
