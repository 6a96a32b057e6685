"""Storage pools: where volumes live on a node."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field

DISKLESS_POOL = "DfltDisklessStorPool"
DEFAULT_POOL = "DfltStorPool"
UNLIMITED_KIB = 9223372036854775807
"""What LINSTOR reports as the capacity of a diskless pool (int64 max)."""


class ProviderKind(StrEnum):
    """Kinds of storage, spelled as in REST."""

    DISKLESS = "DISKLESS"
    LVM = "LVM"
    LVM_THIN = "LVM_THIN"
    ZFS = "ZFS"
    ZFS_THIN = "ZFS_THIN"
    FILE = "FILE"
    FILE_THIN = "FILE_THIN"
    SPDK = "SPDK"
    REMOTE_SPDK = "REMOTE_SPDK"
    EBS_INIT = "EBS_INIT"
    EBS_TARGET = "EBS_TARGET"
    STORAGE_SPACES = "STORAGE_SPACES"
    STORAGE_SPACES_THIN = "STORAGE_SPACES_THIN"

    @property
    def is_thin(self) -> bool:
        return self in _THIN

    @property
    def family(self) -> str:
        """Pools of one family may serve the replicas of one resource without mixing."""
        return self.value.removesuffix("_THIN")


_THIN = frozenset({ProviderKind.LVM_THIN, ProviderKind.ZFS_THIN, ProviderKind.FILE_THIN,
                   ProviderKind.STORAGE_SPACES_THIN, ProviderKind.DISKLESS})


class StoragePoolDefinition(Struct, frozen=True, gc=False):
    """The cluster-wide name of pools that belong together."""

    uuid: str
    name: str
    props: dict[str, str] = field(default_factory=dict)


class StoragePool(Struct, frozen=True, gc=False):
    """A pool on one node. FILE pools keep their directory in the property StorDriver/StorPoolName."""

    uuid: str
    name: str
    node_name: str
    provider_kind: ProviderKind
    props: dict[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    shared_space: str = ""
    external_locking: bool = False
