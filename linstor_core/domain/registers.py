"""What the controller keeps for callers and never acts upon by itself."""

from __future__ import annotations

from msgspec import Struct, field

from linstor_core.domain.encryption import SealedSecret


class KeyValueStore(Struct, frozen=True, gc=False):
    """A named store of an integrator. One without keys is not kept."""

    name: str
    props: dict[str, str] = field(default_factory=dict)


class LinstorRemote(Struct, frozen=True, gc=False):
    """Another cluster of the same kind, reached by the URL of its controller."""

    uuid: str
    name: str
    url: str
    cluster_id: str = ""
    passphrase: SealedSecret | None = None


class S3Remote(Struct, frozen=True, gc=False):
    """A bucket of an object store."""

    uuid: str
    name: str
    endpoint: str
    bucket: str
    region: str
    access_key: SealedSecret
    secret_key: SealedSecret
    use_path_style: bool = False


class EbsRemote(Struct, frozen=True, gc=False):
    """Amazon's Elastic Block Store in one availability zone."""

    uuid: str
    name: str
    endpoint: str
    region: str
    availability_zone: str
    access_key: SealedSecret
    secret_key: SealedSecret


Remote = LinstorRemote | S3Remote | EbsRemote


class ExternalFile(Struct, frozen=True, gc=False):
    """A file of another program that belongs to resources. `path` is absolute; cases of letters differ in it."""

    uuid: str
    path: str
    content: bytes


class NodeConnection(Struct, frozen=True, gc=False):
    """What holds between two nodes. `node_a` sorts before `node_b`."""

    node_a: str
    node_b: str
    props: dict[str, str] = field(default_factory=dict)


TWO_PRIMARIES = "DrbdOptions/Net/allow-two-primaries"


class ResourceConnection(Struct, frozen=True, gc=False):
    """What holds between two replicas of one definition: of that very one, not of a later one of the same name.

    `window_expires_ms` (Unix time) is set while TWO_PRIMARIES among the properties is a lease and no choice of an
    administrator.
    """

    resource_name: str
    definition_uuid: str
    node_a: str
    node_b: str
    props: dict[str, str] = field(default_factory=dict)
    window_expires_ms: int | None = None
