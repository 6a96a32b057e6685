"""Snapshots: all volumes of a definition, on some of its nodes, at one moment."""

from __future__ import annotations

from msgspec import Struct, field

from linstor_core.domain.resources import DataSource


class SnapshotVolume(Struct, frozen=True, gc=False):
    """One volume of a snapshot on one node; stored as `<identifier>_<snapshot>`. `data_id` identifies its content."""

    uuid: str
    number: int
    size_kib: int
    storage_pool: str
    identifier: str
    data_id: str
    source_data_id: str
    source: DataSource | None = None
    """Of a part that came from another node: what it is a copy of."""


class NodeSnapshot(Struct, frozen=True, gc=False):
    """The part of a snapshot that one node holds."""

    uuid: str
    node_name: str
    volumes: tuple[SnapshotVolume, ...]
    flags: tuple[str, ...] = ()
    create_timestamp_ms: int | None = None


class SnapshotVolumeDefinition(Struct, frozen=True, gc=False):
    """The size of a volume when the snapshot was taken."""

    uuid: str
    number: int
    size_kib: int
    props: dict[str, str] = field(default_factory=dict)


class Snapshot(Struct, frozen=True, gc=False):
    """Neither SUCCESSFUL nor FAILED_DEPLOYMENT in `flags` means that it is still being taken."""

    uuid: str
    name: str
    resource_name: str
    volume_definitions: tuple[SnapshotVolumeDefinition, ...]
    nodes: tuple[NodeSnapshot, ...]
    layer_stack: tuple[str, ...] = ("STORAGE",)
    flags: tuple[str, ...] = ()
    props: dict[str, str] = field(default_factory=dict)
    resource_definition_props: dict[str, str] = field(default_factory=dict)

    def on_node(self, node_name: str) -> NodeSnapshot | None:
        return next((part for part in self.nodes if part.node_name.upper() == node_name.upper()), None)
