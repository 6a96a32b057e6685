"""What the controller wants a satellite to have: the unit is one resource on one node."""

from __future__ import annotations

from msgspec import Struct, field

from linstor_core.domain.resources import DataSource
from linstor_core.domain.storage_pools import ProviderKind


class PoolSpec(Struct, frozen=True):
    """A storage pool as the satellite has to find it. FILE: props["StorDriver/StorPoolName"] is a directory."""

    name: str
    kind: ProviderKind
    props: dict[str, str] = field(default_factory=dict)


class FileSystemSpec(Struct, frozen=True):
    """A file system to make once on a volume that these very steps created blank (ext4 or xfs)."""

    type: str
    mkfs_params: str = ""
    user: str = ""
    group: str = ""


class Address(Struct, frozen=True):
    """Where a satellite listens. `encrypted`: by TLS with client certificates."""

    host: str
    port: int
    encrypted: bool = False


class Origin(Struct, frozen=True):
    """The content of a volume's `source` lies on another node; its satellite gives it to whoever knows the token."""

    node_name: str
    addresses: tuple[Address, ...]
    token: str
    node_uuid: str = ""
    """Stands in the certificate of its satellite, unless that is the administrator's own."""

    def __repr__(self) -> str:
        return f"Origin({self.node_name!r}, {self.addresses!r})"  # the token is a secret


class VolumeSpec(Struct, frozen=True):
    """One volume. See `linstor_core.domain.resources.Volume` for identifier, data_id, source and replaces.

    `delete` names it for deletion: nothing is ever removed for any other reason. With `origin` the first content is
    fetched from another node. `offer` is the token that lets another node fetch this volume's content: it is given
    away only while the resource is inactive, so that nobody writes to it meanwhile.
    """

    number: int
    size_kib: int
    pool: str
    identifier: str
    data_id: str
    source: DataSource | None = None
    replaces: str = ""
    file_system: FileSystemSpec | None = None
    delete: bool = False
    origin: Origin | None = None
    offer: str = ""
    must_exist: bool = False
    """The content is there already (it was confirmed once, adopted, or is given away): where it is missing, nothing is
    made in its place, blank or as a copy."""

    def __repr__(self) -> str:
        return _without_offer(self)


class SnapshotVolumeSpec(Struct, frozen=True):
    """One volume of a snapshot: taken of the volume whose content is `source_data_id`, kept under `data_id`.

    With `origin` it is a copy of the snapshot that `source` names on another node. `offer` lets another node fetch it,
    whether the resource is active or not: nobody writes to a snapshot.
    """

    number: int
    pool: str
    identifier: str
    data_id: str
    source_data_id: str
    source: DataSource | None = None
    origin: Origin | None = None
    offer: str = ""

    def __repr__(self) -> str:
        return _without_offer(self)


def _without_offer(spec: VolumeSpec | SnapshotVolumeSpec) -> str:
    """For a log: the offer is a secret."""
    fields = (f"{name}={getattr(spec, name)!r}" for name in spec.__struct_fields__ if name != "offer")
    return f"{type(spec).__name__}({', '.join(fields)})"


class SnapshotSpec(Struct, frozen=True):
    """A snapshot that has to exist here, or (`delete`) to go."""

    name: str
    uuid: str
    volumes: tuple[SnapshotVolumeSpec, ...]
    delete: bool = False


class ResourceSpec(Struct, frozen=True):
    """All that one node has to hold of one definition.

    `generation` grows with every change; a satellite refuses a lower one. A volume or snapshot that an earlier spec
    named and this one does not is left alone and reported as an orphan.
    """

    resource_name: str
    node_name: str
    uuid: str
    generation: int
    layer_stack: tuple[str, ...] = ("STORAGE",)
    volumes: tuple[VolumeSpec, ...] = ()
    snapshots: tuple[SnapshotSpec, ...] = ()
    active: bool = True
    """False (INACTIVE in LINSTOR): data stays, no device is set up."""

    @property
    def is_removal(self) -> bool:
        """Whether all that it names is to go."""
        return all([volume.delete for volume in self.volumes] + [snapshot.delete for snapshot in self.snapshots])

    @property
    def data_ids(self) -> frozenset[str]:
        """Of all content that it names."""
        named = {data_id for volume in self.volumes for data_id in (volume.data_id, volume.replaces) if data_id}
        return frozenset(named | {part.data_id for snapshot in self.snapshots for part in snapshot.volumes})

    @property
    def pool_keys(self) -> frozenset[str]:
        """The upper-case names of the pools in which it names content."""
        return frozenset({volume.pool.upper() for volume in self.volumes} | {
            part.pool.upper() for snapshot in self.snapshots for part in snapshot.volumes})

    @property
    def identities(self) -> frozenset[str]:
        """What stays when the definition is renamed: two specs of one thing have some of these in common."""
        return frozenset(uuid for uuid in (self.uuid, *(snapshot.uuid for snapshot in self.snapshots)) if uuid)
