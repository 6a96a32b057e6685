"""The whole model as one immutable value: operations read a Cluster and give a Change, never touching it.

Every object is filed under the upper-case form of its name, since names are case-insensitive. Persistent
objects and what satellites see stand side by side; only the former reach the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from immutables import Map
from msgspec import Struct, structs

from linstor_core.domain.auth_tokens import AuthToken
from linstor_core.domain.certificates import Authority, Invitation, NodeCertificate
from linstor_core.domain.encryption import MasterKey
from linstor_core.domain.jobs import Job
from linstor_core.domain.kinds import KINDS, ControllerSettings, Document, Key, Kind, key_of
from linstor_core.domain.nodes import ConnectionStatus, Node
from linstor_core.domain.observed import NodeSeen, PoolSeen, ResourceSeen
from linstor_core.domain.registers import (
    EbsRemote,
    ExternalFile,
    KeyValueStore,
    LinstorRemote,
    NodeConnection,
    Remote,
    ResourceConnection,
    S3Remote,
)
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.domain.resource_groups import ResourceGroup
from linstor_core.domain.resources import Resource
from linstor_core.domain.schedules import Schedule, ScheduleUse
from linstor_core.domain.snapshots import NodeSnapshot, Snapshot
from linstor_core.domain.storage_pools import StoragePool, StoragePoolDefinition
from linstor_core.domain.tombstones import Tombstone

__all__ = ["KINDS", "Cluster", "ControllerSettings", "Document", "Key", "Kind", "PoolUsage", "files_place", "key_of",
           "pools_place"]


class PoolUsage(Struct, frozen=True):
    """What the volumes placed in a pool were promised, in KiB, and how many there are.

    `pending_kib` is the part that no satellite has confirmed yet: the pool's reported free space still holds it.
    """

    reserved_kib: int = 0
    volumes: int = 0
    pending_kib: int = 0


def pools_place(node_key: str) -> tuple[str, str]:
    """Where `Cluster.generations` keeps the generation of a node's list of pools: no definition has an empty name."""
    return "", node_key


def files_place(node_key: str) -> tuple[str, str]:
    """Where `Cluster.generations` keeps the generation of a node's external files: no definition has such a name."""
    return "/files", node_key


_EMPTY: Map[Any, Any] = Map()


class Cluster(Struct, frozen=True):
    """A consistent picture. `revision` counts the changes that led here."""

    controller: ControllerSettings
    revision: int = 0
    master_key: MasterKey | None = None
    auth_tokens: Map[str, AuthToken] = _EMPTY
    authorities: Map[str, Authority] = _EMPTY
    node_certificates: Map[str, NodeCertificate] = _EMPTY
    """By the node's key."""
    invitations: Map[str, Invitation] = _EMPTY
    nodes: Map[str, Node] = _EMPTY
    storage_pool_definitions: Map[str, StoragePoolDefinition] = _EMPTY
    storage_pools: Map[tuple[str, str], StoragePool] = _EMPTY
    resource_groups: Map[str, ResourceGroup] = _EMPTY
    resource_definitions: Map[str, ResourceDefinition] = _EMPTY
    resources: Map[tuple[str, str], Resource] = _EMPTY
    snapshots: Map[tuple[str, str], Snapshot] = _EMPTY
    tombstones: Map[str, Tombstone] = _EMPTY
    key_value_stores: Map[str, KeyValueStore] = _EMPTY
    linstor_remotes: Map[str, LinstorRemote] = _EMPTY
    s3_remotes: Map[str, S3Remote] = _EMPTY
    ebs_remotes: Map[str, EbsRemote] = _EMPTY
    schedules: Map[str, Schedule] = _EMPTY
    schedule_uses: Map[str, ScheduleUse] = _EMPTY
    external_files: Map[str, ExternalFile] = _EMPTY
    """By path, as it is."""
    node_connections: Map[tuple[str, str], NodeConnection] = _EMPTY
    resource_connections: Map[tuple[str, str], ResourceConnection] = _EMPTY
    jobs: Map[str, Job] = _EMPTY
    nodes_seen: Map[str, NodeSeen] = _EMPTY
    pools_seen: Map[tuple[str, str], PoolSeen] = _EMPTY
    resources_seen: Map[tuple[str, str], ResourceSeen] = _EMPTY
    generations: Map[tuple[str, str], int] = _EMPTY
    """The generation of the newest spec of (definition, node): what a satellite's answer has to reach."""
    # Derived: kept by `with_documents` so that no operation has to walk all resources.
    nodes_of: Map[str, tuple[str, ...]] = _EMPTY
    """Definition key -> keys of the nodes that hold a resource of it."""
    snapshots_of: Map[str, tuple[str, ...]] = _EMPTY
    """Definition key -> keys of its snapshots."""
    snapshots_on: Map[str, Map[tuple[str, str], None]] = _EMPTY
    """Node key -> keys of the snapshots that have a part there."""
    definitions_on: Map[str, Map[str, None]] = _EMPTY
    """Node key -> keys of the definitions that have a resource there."""
    usage: Map[tuple[str, str], PoolUsage] = _EMPTY
    """(node key, pool key) -> what its volumes were promised."""
    external_names: Map[str, str] = _EMPTY
    """External name -> definition key."""
    strange_identifiers: Map[tuple[str, str], int] = _EMPTY
    """(node key, upper-case identifier) -> how often it is borne there by what is not called so, or gone."""
    tombstones_on: Map[str, tuple[str, ...]] = _EMPTY
    """Node key -> keys of what is still to be removed there."""
    copying: Map[tuple[str, str], None] = _EMPTY
    """(definition, node) of resources with a volume whose content is still to be copied from its source."""
    live_jobs: Map[str, None] = _EMPTY
    """The keys of the jobs that are not finished."""
    moving: Map[tuple[str, str], str] = _EMPTY
    """(definition, node) of both ends of every move that is not finished -> key of its job."""

    def node(self, name: str) -> Node | None:
        return self.nodes.get(key_of(name))

    def pool(self, node: str, pool: str) -> StoragePool | None:
        return self.storage_pools.get((key_of(node), key_of(pool)))

    def group(self, name: str) -> ResourceGroup | None:
        return self.resource_groups.get(key_of(name))

    def definition(self, name: str) -> ResourceDefinition | None:
        return self.resource_definitions.get(key_of(name))

    def resource(self, name: str, node: str) -> Resource | None:
        return self.resources.get((key_of(name), key_of(node)))

    def remote(self, name: str) -> Remote | None:
        """Of whatever kind: no two remotes have one name."""
        key = key_of(name)
        return self.linstor_remotes.get(key) or self.s3_remotes.get(key) or self.ebs_remotes.get(key)

    def snapshot(self, resource: str, name: str) -> Snapshot | None:
        return self.snapshots.get((key_of(resource), key_of(name)))

    def resources_of(self, name: str) -> tuple[Resource, ...]:
        """The resources of one definition, in the order of their nodes' names."""
        key = key_of(name)
        return tuple(self.resources[key, node] for node in self.nodes_of.get(key, ()))

    def snapshots_of_definition(self, name: str) -> tuple[Snapshot, ...]:
        key = key_of(name)
        return tuple(self.snapshots[key, snapshot] for snapshot in self.snapshots_of.get(key, ()))

    def resources_on(self, node: str) -> Iterator[Resource]:
        node_key = key_of(node)
        for definition in self.definitions_on.get(node_key, ()):
            yield self.resources[definition, node_key]

    def pools_on(self, node: str) -> tuple[StoragePool, ...]:
        node_key = key_of(node)
        found = (item for item in self.storage_pools.items() if item[0][0] == node_key)
        return tuple(pool for _, pool in sorted(found, key=lambda item: item[0]))

    def move_at(self, place: tuple[str, str]) -> Job | None:
        """The move that is not finished and works on the resource at (definition key, node key)."""
        key = self.moving.get(place)
        return self.jobs.get(key) if key is not None else None

    def seen(self, name: str, node: str) -> ResourceSeen | None:
        return self.resources_seen.get((key_of(name), key_of(node)))

    def is_online(self, node: str) -> bool:
        seen = self.nodes_seen.get(key_of(node))
        return seen is not None and seen.status is ConnectionStatus.ONLINE

    def is_settled(self, name: str, node: str) -> bool:
        """Whether the satellite has answered to the newest spec of this resource."""
        key = (key_of(name), key_of(node))
        seen = self.resources_seen.get(key)
        return seen is not None and seen.generation >= self.generations.get(key, 0)

    def are_pools_settled(self, node: str, pool: str) -> bool:
        """Whether the satellite has answered to the newest list of its node's pools, as far as this pool goes."""
        node_key = key_of(node)
        seen = self.pools_seen.get((node_key, key_of(pool)))
        return seen is not None and seen.generation >= self.generations.get(pools_place(node_key), 0)

    def with_documents(self, puts: Iterable[Document], deletes: Iterable[tuple[type, Key]]) -> Cluster:
        """The next cluster; derived indexes follow by themselves."""
        return _Editor(self).apply(puts, deletes)


class _Editor:
    """Collects the maps that change; everything else is shared with the cluster before."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._changed: dict[str, Any] = {"revision": cluster.revision + 1}

    def _get(self, attribute: str) -> Any:
        found = self._changed.get(attribute)
        return getattr(self._cluster, attribute) if found is None else found

    def _set(self, attribute: str, key: Key, value: Any) -> None:
        self._changed[attribute] = self._get(attribute).set(key, value)

    def _drop(self, attribute: str, key: Key) -> None:
        current = self._get(attribute)
        if key in current:
            self._changed[attribute] = current.delete(key)

    def apply(self, puts: Iterable[Document], deletes: Iterable[tuple[type, Key]]) -> Cluster:
        # A definition knows the sizes that its resources book on pools: it goes last and comes first.
        for cls, key in sorted(deletes, key=lambda pair: pair[0] is ResourceDefinition):
            self._delete(cls, key)
        for document in sorted(puts, key=lambda document: not isinstance(document, ResourceDefinition)):
            self._put(document)
        return structs.replace(self._cluster, **self._changed)

    def _put(self, document: Document) -> None:
        kind = KINDS[type(document)]
        if isinstance(document, ControllerSettings | MasterKey):
            self._changed[kind.attribute] = document
            return
        key = kind.key(document)
        before = self._get(kind.attribute).get(key)
        self._set(kind.attribute, key, document)
        self._index(kind, key, before, document)

    def _delete(self, cls: type, key: Key) -> None:
        kind = KINDS[cls]
        before = self._get(kind.attribute).get(key)
        if before is not None:
            self._drop(kind.attribute, key)
            self._index(kind, key, before, None)

    def _index(self, kind: Kind, key: Key, before: Any, after: Any) -> None:
        if kind.attribute == "resources":
            self._index_resource(key, before, after)
        elif kind.attribute == "resources_seen":
            self._index_seen(key, before, after)
        elif kind.attribute == "tombstones":
            self._index_tombstone(key, before, after)
        elif kind.attribute == "snapshots":
            self._index_member("snapshots_of", key[0], key[1], after is not None)
            for snapshot, sign in ((before, -1), (after, 1)):
                for part in snapshot.nodes if snapshot is not None else ():
                    self._index_identifiers(snapshot.resource_name, part, sign)
                    self._index_presence("snapshots_on", key_of(part.node_name), key, sign > 0)
        elif kind.attribute == "resource_definitions":
            self._index_external_name(str(key), before, after)
            if before is not None and after is not None:
                self._reprice(str(key), before, after)
        elif kind.attribute == "jobs":
            self._index_job(str(key), before, after)

    def _index_job(self, key: str, before: Job | None, after: Job | None) -> None:
        for place in before.places if before is not None else ():
            self._drop("moving", place)
        for place in after.places if after is not None else ():
            self._set("moving", place, key)
        if after is not None and not after.is_finished:
            self._set("live_jobs", key, None)
        else:
            self._drop("live_jobs", key)

    def _index_external_name(self, key: str, before: ResourceDefinition | None,
                             after: ResourceDefinition | None) -> None:
        old, new = before.external_name if before else "", after.external_name if after else ""
        if old and old != new:
            self._drop("external_names", old)
        if new and old != new:
            self._set("external_names", new, key)

    def _index_member(self, attribute: str, owner: str, member: str, present: bool) -> None:
        members = set(self._get(attribute).get(owner, ()))
        (members.add if present else members.discard)(member)
        if members:
            self._set(attribute, owner, tuple(sorted(members)))
        else:
            self._drop(attribute, owner)

    def _index_presence(self, attribute: str, node: str, key: Key, present: bool) -> None:
        here = self._get(attribute).get(node, _EMPTY)
        self._set(attribute, node, here.set(key, None) if present else here.delete(key))

    def _index_identifiers(self, name: str, holder: Resource | NodeSnapshot, sign: int) -> None:
        """Keeps count of what is stored on a node under another name than that of its definition."""
        for volume in holder.volumes:
            if key_of(volume.identifier.rpartition("_")[0]) == key_of(name):
                continue
            self._count_identifier((key_of(holder.node_name), key_of(volume.identifier)), sign)

    def _count_identifier(self, place: tuple[str, str], sign: int) -> None:
        left = self._get("strange_identifiers").get(place, 0) + sign
        if left:
            self._set("strange_identifiers", place, left)
        else:
            self._drop("strange_identifiers", place)

    def _index_tombstone(self, key: Any, before: Tombstone | None, after: Tombstone | None) -> None:
        """It takes up names and room in its pools as what it was did; a snapshot takes up no room."""
        for tombstone, sign in ((before, -1), (after, 1)):
            if tombstone is None:
                continue
            node = key_of(tombstone.node_name)
            self._index_member("tombstones_on", node, key, sign > 0)
            for name in tombstone.names:
                self._count_identifier((node, name), sign)
            for volume in tombstone.volumes if not tombstone.snapshot_name else ():
                self._book((node, key_of(volume.storage_pool)), sign, sign * volume.size_kib, 0)

    def _book(self, pool: tuple[str, str], volumes: int, reserved_kib: int, pending_kib: int) -> None:
        usage = self._get("usage").get(pool, PoolUsage())
        self._set("usage", pool, PoolUsage(usage.reserved_kib + reserved_kib, usage.volumes + volumes,
                                           usage.pending_kib + pending_kib))

    def _index_resource(self, key: Any, before: Resource | None, after: Resource | None) -> None:
        definition, node = key
        if (before is None) != (after is None):
            self._index_member("nodes_of", definition, node, after is not None)
            self._index_presence("definitions_on", node, definition, after is not None)
        if after is not None and any(volume.is_copying for volume in after.volumes):
            self._set("copying", key, None)
        else:
            self._drop("copying", key)
        seen = self._get("resources_seen").get(key)
        for resource, sign in ((before, -1), (after, 1)):
            if resource is not None:
                self._charge(resource, sign, self._get("resource_definitions").get(definition), seen)
                self._index_identifiers(resource.name, resource, sign)

    def _index_seen(self, key: Any, before: ResourceSeen | None, after: ResourceSeen | None) -> None:
        resource = self._get("resources").get(key)
        if resource is not None:
            definition = self._get("resource_definitions").get(key[0])
            self._charge(resource, -1, definition, before)
            self._charge(resource, 1, definition, after)

    def _charge(self, resource: Resource, sign: int, definition: ResourceDefinition | None,
                seen: ResourceSeen | None) -> None:
        """Book a resource's volumes on their pools (sign 1) or take them off (sign -1)."""
        for volume in resource.volumes:
            found = definition.volume_definition(volume.number) if definition is not None else None
            key = (key_of(resource.node_name), key_of(volume.storage_pool))
            size_kib = found.size_kib if found is not None else 0
            there = seen.volume(volume.number) if seen is not None else None
            pending_kib = 0 if there is not None and there.present else size_kib
            self._book(key, sign, sign * size_kib, sign * pending_kib)

    def _reprice(self, key: str, before: ResourceDefinition, after: ResourceDefinition) -> None:
        """A resize changes what every placed volume of the definition was promised."""
        if before.volume_definitions == after.volume_definitions:
            return
        for node in self._get("nodes_of").get(key, ()):
            resource, seen = self._get("resources")[key, node], self._get("resources_seen").get((key, node))
            self._charge(resource, -1, before, seen)
            self._charge(resource, 1, after, seen)
