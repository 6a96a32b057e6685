"""Which documents there are, and how each class of them is filed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct, field

from linstor_core.domain.auth_tokens import AuthToken
from linstor_core.domain.certificates import Authority, Invitation, NodeCertificate
from linstor_core.domain.encryption import MasterKey
from linstor_core.domain.jobs import Job
from linstor_core.domain.nodes import Node
from linstor_core.domain.observed import NodeSeen, PoolSeen, ResourceSeen
from linstor_core.domain.registers import (
    EbsRemote,
    ExternalFile,
    KeyValueStore,
    LinstorRemote,
    NodeConnection,
    ResourceConnection,
    S3Remote,
)
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.domain.resource_groups import ResourceGroup
from linstor_core.domain.resources import Resource
from linstor_core.domain.schedules import Schedule, ScheduleUse
from linstor_core.domain.snapshots import Snapshot
from linstor_core.domain.storage_pools import StoragePool, StoragePoolDefinition
from linstor_core.domain.tombstones import Tombstone

Key = str | tuple[str, str]
Document = Struct


def key_of(name: str) -> str:
    """The identity behind a displayed name."""
    return name.upper()


class ControllerSettings(Struct, frozen=True):
    """Cluster-wide properties and identity; there is exactly one, under the key "".

    `epoch` grows by one at every start of a controller: satellites refuse specs of a lower one.
    """

    cluster_id: str
    epoch: int = 0
    props: dict[str, str] = field(default_factory=dict)


class Kind(Struct, frozen=True):
    """How one class of document is filed."""

    name: str
    attribute: str
    key: Callable[[Any], Key]
    persistent: bool = True


def _named(document: Any) -> str:
    return key_of(document.name)


def _on_node(document: Any) -> tuple[str, str]:
    return key_of(document.node_name), key_of(document.name)


KINDS: dict[type, Kind] = {
    ControllerSettings: Kind("controller", "controller", lambda _: ""),
    MasterKey: Kind("master_key", "master_key", lambda _: ""),
    AuthToken: Kind("auth_token", "auth_tokens", lambda token: str(token.number)),
    Authority: Kind("authority", "authorities", lambda authority: str(authority.serial)),
    NodeCertificate: Kind("node_certificate", "node_certificates", lambda held: key_of(held.node_name)),
    Invitation: Kind("invitation", "invitations", lambda invitation: str(invitation.identity)),
    Node: Kind("node", "nodes", _named),
    StoragePoolDefinition: Kind("storage_pool_definition", "storage_pool_definitions", _named),
    StoragePool: Kind("storage_pool", "storage_pools", _on_node),
    ResourceGroup: Kind("resource_group", "resource_groups", _named),
    ResourceDefinition: Kind("resource_definition", "resource_definitions", _named),
    Resource: Kind("resource", "resources", lambda r: (key_of(r.name), key_of(r.node_name))),
    Snapshot: Kind("snapshot", "snapshots", lambda s: (key_of(s.resource_name), key_of(s.name))),
    Tombstone: Kind("tombstone", "tombstones", lambda tombstone: key_of(tombstone.uuid)),
    KeyValueStore: Kind("key_value_store", "key_value_stores", _named),
    LinstorRemote: Kind("linstor_remote", "linstor_remotes", _named),
    S3Remote: Kind("s3_remote", "s3_remotes", _named),
    EbsRemote: Kind("ebs_remote", "ebs_remotes", _named),
    Schedule: Kind("schedule", "schedules", _named),
    ScheduleUse: Kind("schedule_use", "schedule_uses", lambda use: key_of(use.identity)),
    ExternalFile: Kind("external_file", "external_files", lambda file: file.path),
    NodeConnection: Kind("node_connection", "node_connections", lambda c: (key_of(c.node_a), key_of(c.node_b))),
    ResourceConnection: Kind("resource_connection", "resource_connections",
                             lambda c: (key_of(c.resource_name), key_of(f"{c.node_a};{c.node_b}"))),
    Job: Kind("job", "jobs", lambda job: str(job.uuid)),
    NodeSeen: Kind("node_seen", "nodes_seen", lambda n: key_of(n.node_name), persistent=False),
    PoolSeen: Kind("pool_seen", "pools_seen", _on_node, persistent=False),
    ResourceSeen: Kind("resource_seen", "resources_seen",
                       lambda r: (key_of(r.resource_name), key_of(r.node_name)), persistent=False),
}
"""Every class that a Change may carry; the first two-part keys are (definition, node) or (node, pool)."""
