"""What satellites see. Kept in memory only: a satellite tells all of it again when it connects."""

from __future__ import annotations

from msgspec import Struct, field

from linstor_core.domain.nodes import ConnectionStatus


class Failure(Struct, frozen=True, gc=False):
    """Why a satellite could not bring something about; the texts are written for an administrator."""

    message: str
    cause: str = ""
    correction: str = ""
    details: str = ""
    code: int = 0
    """The low 15 bits of LINSTOR's return code (for instance 980, no space); 0 where none fits."""


class VolumeSeen(Struct, frozen=True, gc=False):
    """One volume as found on its node. A `present` of False means: looked for, and not there."""

    number: int
    data_id: str
    present: bool
    device_path: str = ""
    allocated_kib: int = -1
    usable_kib: int = -1
    in_use: bool | None = None
    symlinks: tuple[str, ...] = ()
    """Names that lead to the device and stay when it changes."""
    fetched_kib: int = -1
    """While its content comes from another node: what is there already, of `to_fetch_kib`; else -1."""
    to_fetch_kib: int = -1


class SnapshotSeen(Struct, frozen=True, gc=False):
    """A snapshot as found on its node; `present` only when all of its volumes are there."""

    name: str
    uuid: str
    present: bool
    create_timestamp_ms: int | None = None


class ResourceSeen(Struct, frozen=True, gc=False):
    """The answer to the spec of `generation`: what is there after the satellite did what it could.

    While content is fetched from another node, the last answer is repeated with the progress in it; before the first
    answer it has the generation 0.

    `failures` empty and `generation` current means that the node is as the spec wants it.
    """

    resource_name: str
    node_name: str
    generation: int
    volumes: tuple[VolumeSeen, ...] = ()
    snapshots: tuple[SnapshotSeen, ...] = ()
    failures: tuple[Failure, ...] = ()

    def volume(self, number: int) -> VolumeSeen | None:
        return next((volume for volume in self.volumes if volume.number == number), None)


class PoolSeen(Struct, frozen=True, gc=False):
    """A pool as found on its node. Capacities in KiB, -1 while unknown."""

    name: str
    node_name: str
    generation: int
    free_kib: int = -1
    total_kib: int = -1
    supports_snapshots: bool = False
    failures: tuple[Failure, ...] = ()
    reported_ms: int = 0
    """When it came in, by the controller's clock."""


class ExternalFileSeen(Struct, frozen=True, gc=False):
    """An external file as found on its node. `wanted`: a resource there has it; `deployed`: it is there as written."""

    path: str
    allowed: bool
    wanted: bool
    deployed: bool
    failure: Failure | None = None


class OrphanSeen(Struct, frozen=True, gc=False):
    """A file of ours on a node that no spec names. Without `data_id` little is known of it: an older satellite tells
    only paths, and a file may be unreadable.
    """

    path: str
    pool: str = ""
    data_id: str = ""
    state: str = ""
    """`ready` once its content is complete."""
    size_bytes: int = -1
    allocated_kib: int = -1
    modified_ms: int = 0
    device: str = ""
    """What is still set up over it."""


class NodeSeen(Struct, frozen=True, gc=False):
    """The link to a satellite and what that satellite can do."""

    node_name: str
    status: ConnectionStatus
    providers: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    unsupported_providers: dict[str, list[str]] = field(default_factory=dict)
    unsupported_layers: dict[str, list[str]] = field(default_factory=dict)
    orphans: tuple[OrphanSeen, ...] = ()
    platform: str = ""
    os_variant: str = ""
    reconnect_attempts: int = 0
    host_name: str = ""
    offline_since_ms: int | None = None
    log_levels: dict[str, str] = field(default_factory=dict)
    """LINSTOR's names of levels by the logger's name; empty where the satellite does not tell."""
    files: tuple[ExternalFileSeen, ...] = ()
    files_generation: int | None = None
    """Of the newest list of external files that it answered, 0 before the first; None where it can't write any."""
    transfers_content: bool = False
    """Whether volumes can be moved to and from this node."""
    trouble: str = ""
    """Why the link is not up, in words; empty while it is, and before the first attempt."""
