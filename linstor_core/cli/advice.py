"""What could go wrong with resources as they are placed, found in what the lists show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from linstor_core.wire.rest_resources import Resource
from linstor_core.wire.rest_v1 import Node, ResourceDefinition, ResourceGroup, StoragePool

KINDS = ("single-replica", "pot-split-brain", "diskless-in-use", "too-few-replicas", "too-many-replicas",
         "no-tiebreaker", "in-use", "loses-redundancy")
"""The first six as LINSTOR has them."""
_WITHOUT_DATA = frozenset({"DISKLESS", "DRBD_DISKLESS", "TIE_BREAKER", "NVME_INITIATOR"})
_LEAVING = frozenset({"DELETE", "DRBD_DELETE", "EVICTED"})


class Issue(Struct, frozen=True):
    """`fix` is a command, or what to do before."""

    resource: str
    what: str
    fix: str
    kind: str


class Placed(Struct, frozen=True):
    """One definition with all that is known of where it is."""

    definition: ResourceDefinition
    group: ResourceGroup | None
    resources: tuple[Resource, ...]

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def replicas(self) -> list[Resource]:
        return [resource for resource in self.resources if not (_WITHOUT_DATA | _LEAVING) & set(resource.flags)]

    @property
    def is_replicated(self) -> bool:
        """By DRBD, which votes."""
        return any(layer.type == "DRBD" for layer in self.definition.layer_data)


def all_placed(definitions: Sequence[ResourceDefinition], groups: Sequence[ResourceGroup],
               resources: Sequence[Resource]) -> list[Placed]:
    by_group = {group.name: group for group in groups}
    by_name: dict[str, list[Resource]] = {}
    for resource in resources:
        by_name.setdefault(resource.name, []).append(resource)
    return [Placed(definition, by_group.get(definition.resource_group_name), tuple(by_name.get(definition.name, ())))
            for definition in definitions]


def about_placement(placed: Placed, pools: Sequence[StoragePool]) -> Iterator[Issue]:
    """How it differs from what its group says, and from what is safe."""
    yield from _diskless_in_use(placed, pools)
    rules = placed.group.select_filter if placed.group is not None else None
    wanted, there = rules.place_count if rules is not None else None, len(placed.replicas)
    if wanted is not None and 0 < there < wanted:
        yield Issue(placed.name, f"It has {there} of {wanted} replicas.",
                    f"linstor resource-definition auto-place --place-count {wanted} {placed.name}", "too-few-replicas")
    if wanted is not None and 0 < wanted < there:
        spare = [resource.node_name for resource in placed.replicas if not _in_use(resource)]
        nodes = " ".join(spare[:there - wanted])
        yield Issue(placed.name, f"It has {there} replicas where {wanted} are wanted.",
                    f"linstor resource delete {nodes} {placed.name}", "too-many-replicas")
    if placed.is_replicated and there == 2 and len(placed.resources) == 2:
        yield Issue(placed.name, "Two replicas without a third vote: they can part from each other.",
                    _third_vote(placed.name), "no-tiebreaker")


def _kept_available(placed: Placed, here: Resource) -> str:
    """Another replica of what replicates; of anything else it would be blank, so the data itself has to go."""
    if placed.is_replicated:
        return f"linstor resource-definition auto-place --place-count {len(placed.replicas) + 1} {placed.name}"
    return f"linstor resource move {here.node_name} {placed.name}"


def _third_vote(name: str) -> str:
    return f"linstor resource-definition auto-place --drbd-diskless --place-count 1 {name}"


def _in_use(resource: Resource) -> bool:
    return resource.state is not None and bool(resource.state.in_use)


def _diskless_in_use(placed: Placed, pools: Sequence[StoragePool]) -> Iterator[Issue]:
    rules = placed.group.select_filter if placed.group is not None else None
    allowed = {name.upper() for name in (rules.storage_pool_list if rules is not None else None) or ()}
    for resource in placed.resources:
        fitting = [pool for pool in pools if pool.node_name == resource.node_name and pool.provider_kind != "DISKLESS"
                   and (not allowed or pool.storage_pool_name.upper() in allowed)]
        if _WITHOUT_DATA & set(resource.flags) and _in_use(resource) and fitting:
            yield Issue(placed.name, f"It is used on {resource.node_name} over the network, though a pool is there.",
                        f"linstor resource toggle-disk {resource.node_name} {placed.name} "
                        f"--storage-pool {fitting[0].storage_pool_name}", "diskless-in-use")


def about_maintenance(placed: Placed, node: str, nodes: Sequence[Node]) -> Iterator[Issue]:
    """What becomes of it while a node is down."""
    here = next((resource for resource in placed.resources if resource.node_name.upper() == node.upper()), None)
    if here is None:
        return
    if _in_use(here):
        yield Issue(placed.name, "It is used on the node.", "Stop or move what uses it first.", "in-use")
    online = {found.name for found in nodes if found.connection_status == "ONLINE"}
    others = [resource.node_name for resource in placed.replicas if resource.node_name != here.node_name]
    left = [name for name in others if name in online]
    if here in placed.replicas and not left:
        what = "The node holds its only replica" if not others else "No other replica is on a connected node"
        yield Issue(placed.name, f"{what}: it would not be available.", _kept_available(placed, here),
                    "single-replica")
    elif here in placed.replicas and len(left) == 1:
        yield Issue(placed.name, f"Only the replica on {left[0]} would be left.", _kept_available(placed, here),
                    "loses-redundancy")
    voters = [resource for resource in placed.resources if not _LEAVING & set(resource.flags)]
    if placed.is_replicated and len(voters) == 2:
        yield Issue(placed.name, "Two nodes without a third vote: the one that stays can't know that it is alone.",
                    _third_vote(placed.name), "pot-split-brain")
