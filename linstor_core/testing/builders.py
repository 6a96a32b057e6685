"""Clusters for tests of operations, and a model without loop, database or network around them.

`Model` applies operations one after the other, as the controller does; `Model.answer` plays a satellite that does all
it is asked to at once, `Model.away` one that is gone.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

from msgspec import structs

from linstor_core.controller import resource_specs
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change
from linstor_core.controller.operations import reports, seed
from linstor_core.domain.cluster import Cluster, Document, key_of
from linstor_core.domain.nodes import ConnectionStatus, NetInterface, Node, NodeType
from linstor_core.domain.observed import Failure, NodeSeen, PoolSeen, ResourceSeen, SnapshotSeen, VolumeSeen
from linstor_core.domain.storage_pools import ProviderKind, StoragePool, StoragePoolDefinition
from linstor_core.wire.api_call_rc import ApiCallRc
from linstor_core.wire.node_report import Report
from linstor_core.wire.resource_spec import ResourceSpec

GIB_KIB = 1024 * 1024


class CountingContext:
    """Clock and randomness that repeat themselves from run to run."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def now_ms(self) -> int:
        return 1_700_000_000_000 + next(self._numbers)

    def new_uuid(self) -> str:
        number = next(self._numbers)
        return f"{number * 0x9E3779B1 % (1 << 32):08x}-0000-4000-8000-{number:012x}"

    def new_secret(self) -> str:
        return f"secret-{next(self._numbers)}"


def node(context: CountingContext, name: str, **props: str) -> Node:
    interface = NetInterface(context.new_uuid(), "default", "127.0.0.1", 3366, "PLAIN")
    return Node(context.new_uuid(), name, NodeType.SATELLITE, (interface,), "default", props=props)


def online(name: str, layers: tuple[str, ...] = ("STORAGE",)) -> NodeSeen:
    return NodeSeen(name, ConnectionStatus.ONLINE, ("DISKLESS", "FILE", "FILE_THIN"), layers, transfers_content=True)


def pool(context: CountingContext, node_name: str, name: str = "thin", kind: ProviderKind = ProviderKind.FILE_THIN,
         **props: str) -> StoragePool:
    return StoragePool(context.new_uuid(), name, node_name, kind, props)


def measured(of: StoragePool, free_kib: int = 100 * GIB_KIB, total_kib: int = 100 * GIB_KIB) -> PoolSeen:
    return PoolSeen(of.name, of.node_name, 1, free_kib, total_kib, supports_snapshots=of.provider_kind.is_thin)


class Model:
    """A cluster that changes by operations only. `Model.with_nodes(3)` has nodes n1 to n3, online, each with "thin"."""

    def __init__(self, context: CountingContext | None = None) -> None:
        self.context = context or CountingContext()
        self.cluster: Cluster = seed.fresh_cluster(self.context)

    @classmethod
    def with_nodes(cls, count: int, kind: ProviderKind = ProviderKind.FILE_THIN,
                   free_kib: int = 100 * GIB_KIB) -> Model:
        model = cls()
        for number in range(1, count + 1):
            model.add_node(f"n{number}", kind=kind, free_kib=free_kib)
        return model

    def add_node(self, name: str, pool_name: str = "thin", kind: ProviderKind = ProviderKind.FILE_THIN,
                 free_kib: int = 100 * GIB_KIB, **props: str) -> None:
        storage = pool(self.context, name, pool_name, kind)
        self.put(node(self.context, name, **props), storage, StoragePoolDefinition(self.context.new_uuid(), pool_name),
                 online(name), measured(storage, free_kib, max(free_kib, 100 * GIB_KIB)))

    def put(self, *documents: Document) -> None:
        self._take(Change(puts=documents))

    def _take(self, change: Change) -> None:
        after = self.cluster.with_documents(change.puts, change.deletes)
        self.cluster = resource_specs.with_generations(self.cluster, after, change)

    def run(self, write: Callable[..., Change], body: Any = None, *, mask: int = 0,
            query: dict[str, list[str]] | None = None, **path: str) -> Change:
        """One REST call; raises what the operation raises."""
        change = write(self.cluster, self.context, Call(body, path, query or {}, mask))
        self._take(change)
        return change

    def entries(self, change: Change) -> list[ApiCallRc] | None:
        """The whole answer to a call by now; None while its caller has to wait."""
        more = change.outcome(self.cluster) if change.outcome is not None else ()
        return None if more is None else [*change.answers, *more]

    def specs(self, node_name: str) -> list[ResourceSpec]:
        places = sorted(resource_specs.places_on(self.cluster, key_of(node_name)))
        return [spec for place in places if (spec := resource_specs.build(self.cluster, place)) is not None]

    def answer(self, *node_names: str, failures: tuple[Failure, ...] = ()) -> None:
        """These nodes (all where none is named) do what they are asked to, or fail at it, and report."""
        for name in node_names or tuple(each.name for each in self.cluster.nodes.values()):
            if self.cluster.is_online(name):
                self.report(name, [done(spec) if not failures else failed(spec, failures) for spec in self.specs(name)])

    def report(self, node_name: str, resources: Iterable[ResourceSeen]) -> Change:
        change = reports.reported(node_name, Report(resources=tuple(resources)))(self.cluster, self.context)
        self._take(change)
        return change

    def away(self, node_name: str) -> None:
        """The link to this node breaks."""
        self._take(reports.link_broken(key_of(node_name), ConnectionStatus.OFFLINE, 1)(self.cluster, self.context))

    def back(self, node_name: str) -> None:
        seen = self.cluster.nodes_seen[key_of(node_name)]
        self.put(structs.replace(seen, status=ConnectionStatus.ONLINE))

    def restarted(self) -> Model:
        """The same cluster in a controller that has just started: only what the database holds is left."""
        model = Model(self.context)
        kept = [document for kind in ("nodes", "storage_pool_definitions", "storage_pools", "resource_groups",
                                      "resource_definitions", "resources", "snapshots", "tombstones", "jobs")
                for document in getattr(self.cluster, kind).values()]
        model.put(self.cluster.controller, *kept)
        return model


def done(spec: ResourceSpec) -> ResourceSeen:
    """What a satellite reports that has brought about a spec."""
    volumes = tuple(VolumeSeen(volume.number, volume.data_id, not volume.delete, "/dev/loop1" if spec.active else "",
                               0, volume.size_kib, in_use=False) for volume in spec.volumes)
    snapshots = tuple(SnapshotSeen(snapshot.name, snapshot.uuid, not snapshot.delete, 1) for snapshot in spec.snapshots)
    return ResourceSeen(spec.resource_name, spec.node_name, spec.generation, volumes, snapshots)


def failed(spec: ResourceSpec, failures: tuple[Failure, ...]) -> ResourceSeen:
    """What a satellite reports that could do nothing of a spec."""
    return ResourceSeen(spec.resource_name, spec.node_name, spec.generation, failures=failures)
