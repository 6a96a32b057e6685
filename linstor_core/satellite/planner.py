"""Spec and facts in, steps or refusals out: pure, so every decision can be tested with data."""

from __future__ import annotations

from collections.abc import Iterable

from linstor_core.domain.errors import Code
from linstor_core.domain.observed import Failure, PoolSeen, ResourceSeen, VolumeSeen
from linstor_core.satellite import link_planner
from linstor_core.satellite.facts import PoolFacts, ResourceFacts, Unobserved
from linstor_core.satellite.failures import NotObserved, Unsupported
from linstor_core.satellite.layers.layer import Layer, Plan
from linstor_core.satellite.layers.registry import LAYERS
from linstor_core.satellite.storage.driver import Pools
from linstor_core.satellite.storage.registry import DRIVERS
from linstor_core.wire.resource_spec import PoolSpec, ResourceSpec


def _layers(spec: ResourceSpec) -> tuple[Layer, ...]:
    """From the lowest to the highest. Raises Unsupported."""
    missing = [name for name in spec.layer_stack if name not in LAYERS]
    if missing:
        raise Unsupported(f"This satellite has no layer {', '.join(missing)}", Code.LAYER_UNSUPPORTED,
                          correction=f"Use a layer stack made of: {', '.join(LAYERS)}.")
    return tuple(LAYERS[name] for name in reversed(spec.layer_stack))


def interests(spec: ResourceSpec, pools: Pools) -> tuple[str, ...]:
    """The files that have to be looked at before `plan`."""
    try:
        return tuple(dict.fromkeys(path for layer in _layers(spec) for path in layer.paths(spec, pools)))
    except Unsupported:
        return ()


def pools_of(spec: ResourceSpec, pools: Pools) -> tuple[PoolSpec, ...]:
    """The pools that the spec touches, as far as this node knows them."""
    names = {volume.pool.upper() for volume in spec.volumes}
    names.update(part.pool.upper() for snapshot in spec.snapshots for part in snapshot.volumes)
    names.update(volume.source.storage_pool.upper() for volume in spec.volumes
                 if volume.source and volume.origin is None)
    return tuple(pools[name] for name in sorted(names) if name in pools)


def plan(spec: ResourceSpec, pools: Pools, facts: ResourceFacts) -> Plan:
    """What is left to do; an empty plan without failures means that the node is as the spec wants it."""
    try:
        plans = [layer.plan(spec, pools, facts) for layer in _layers(spec)]
    except Unsupported as error:
        return Plan((), (error.failure(),))
    names = plan_names(spec, pools, facts)
    steps = tuple(step for part in plans for step in part.steps)
    return Plan(link_planner.before(steps, facts.links) if steps else names.steps,
                tuple(dict.fromkeys(failure for part in (*plans, names) for failure in part.failures)))


def plan_names(spec: ResourceSpec, pools: Pools, facts: ResourceFacts) -> Plan:
    """What is left to do about the stable names of the devices that are there now."""
    return link_planner.plan(spec, _volumes_seen(spec, pools, facts), facts.links)


def _volumes_seen(spec: ResourceSpec, pools: Pools, facts: ResourceFacts) -> tuple[VolumeSeen, ...]:
    try:
        top = _layers(spec)[-1:]
    except Unsupported:
        return ()
    return tuple(seen for layer in top for seen in layer.volumes_seen(spec, pools, facts))


def resource_seen(spec: ResourceSpec, pools: Pools, facts: ResourceFacts,
                  failures: Iterable[Failure]) -> ResourceSeen:
    """The answer to the spec."""
    try:
        top = _layers(spec)[-1:]
    except Unsupported:
        top = ()
    volumes = tuple(link_planner.named(seen, facts.links) for seen in _volumes_seen(spec, pools, facts))
    snapshots = tuple(seen for layer in top for seen in layer.snapshots_seen(spec, pools, facts))
    return ResourceSeen(spec.resource_name, spec.node_name, spec.generation, volumes, snapshots, tuple(failures))


def complete_data_ids(spec: ResourceSpec, pools: Pools, facts: ResourceFacts) -> frozenset[str]:
    """The contents that exist from now on: none of them is ever made again from nothing.

    What was known and is named by the spec stays known when it is not there any more, until it is deleted.
    """
    try:
        seen = frozenset(data_id for layer in _layers(spec) for data_id in layer.data_ids_seen(spec, pools, facts))
    except Unsupported:
        return facts.known_data_ids
    named = {volume.data_id for volume in spec.volumes} | {volume.replaces for volume in spec.volumes}
    named.update(part.data_id for snapshot in spec.snapshots for part in snapshot.volumes)
    return seen | facts.known_data_ids & named


def pool_seen(pool: PoolSpec, facts: PoolFacts | Unobserved, node_name: str, generation: int) -> PoolSeen:
    driver = DRIVERS.get(pool.kind)
    if driver is None:
        error = Unsupported(f"This satellite has no driver for {pool.kind}", Code.PROVIDER_UNSUPPORTED,
                            correction="Use a storage pool of another kind.")
        return PoolSeen(pool.name, node_name, generation, failures=(error.failure(),))
    if isinstance(facts, Unobserved):
        return PoolSeen(pool.name, node_name, generation, failures=(NotObserved(facts).failure(),))
    return PoolSeen(pool.name, node_name, generation, facts.free_kib, facts.total_kib,
                    driver.supports_snapshots(facts))
