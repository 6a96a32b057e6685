"""Nodes and their network interfaces."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field


class NodeType(StrEnum):
    """What runs on a node; the names are LINSTOR's own."""

    CONTROLLER = "CONTROLLER"
    SATELLITE = "SATELLITE"
    COMBINED = "COMBINED"
    AUXILIARY = "AUXILIARY"
    REMOTE_SPDK = "REMOTE_SPDK"
    EBS_TARGET = "EBS_TARGET"

    @property
    def runs_satellite(self) -> bool:
        return self in (NodeType.SATELLITE, NodeType.COMBINED)


class ConnectionStatus(StrEnum):
    """How the controller sees its link to a satellite; REST sends the name."""

    OFFLINE = "OFFLINE"
    CONNECTED = "CONNECTED"
    ONLINE = "ONLINE"
    VERSION_MISMATCH = "VERSION_MISMATCH"
    FULL_SYNC_FAILED = "FULL_SYNC_FAILED"
    AUTHENTICATION_ERROR = "AUTHENTICATION_ERROR"
    UNKNOWN = "UNKNOWN"
    HOSTNAME_MISMATCH = "HOSTNAME_MISMATCH"
    OTHER_CONTROLLER = "OTHER_CONTROLLER"
    AUTHENTICATED = "AUTHENTICATED"
    NO_STLT_CONN = "NO_STLT_CONN"
    MISSING_EXT_TOOLS = "MISSING_EXT_TOOLS"
    DUPLICATE_UNAME = "DUPLICATE_UNAME"


class NetInterface(Struct, frozen=True, gc=False):
    """An address of a node; `satellite_port` is None where no satellite listens on it."""

    uuid: str
    name: str
    address: str
    satellite_port: int | None = None
    satellite_encryption_type: str | None = None


class Node(Struct, frozen=True, gc=False):
    """A machine of the cluster. `active_interface` names the interface the controller dials."""

    uuid: str
    name: str
    type: NodeType
    net_interfaces: tuple[NetInterface, ...] = ()
    active_interface: str = ""
    flags: tuple[str, ...] = ()
    props: dict[str, str] = field(default_factory=dict)
    eviction_timestamp_ms: int | None = None
