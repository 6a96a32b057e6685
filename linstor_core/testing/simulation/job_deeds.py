"""What callers ask for that goes on after the answer: moves, evacuations, and the forced ends of what hangs."""

from __future__ import annotations

import math

from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.testing.simulation.deeds import DEFINITION, Deed, Names, do, learn
from linstor_core.testing.simulation.world import World


def _cluster(world: World) -> Cluster | None:
    return world.controller.engine.controller.cluster if world.controller.engine is not None else None


async def move(world: World, names: Names) -> None:
    resource, node = names["resource"], world.host(names["host"]).name
    target = world.host(names["peer"]).name
    # The source goes whenever the move is complete.
    world.ledger.doom("resource", world.loop.time(), math.inf, definition=resource, node=node)
    await do(world, f"POST {DEFINITION}/resources/<node>/move", {"target_node": target}, resource=resource, node=node)


async def migrate_disk(world: World, names: Names) -> None:
    resource, source = names["resource"], world.host(names["host"]).name
    target = world.host(names["peer"]).name
    world.ledger.doom("resource", world.loop.time(), math.inf, definition=resource, node=source)
    await do(world, f"PUT {DEFINITION}/resources/<node>/migrate-disk/<source>", resource=resource, node=target,
             source=source)


async def evacuate(world: World, names: Names) -> None:
    node = world.host(names["host"]).name
    world.ledger.doom("evacuation", world.loop.time(), math.inf, node=node)
    await do(world, "PUT /v1/nodes/<node>/evacuate", {}, node=node)


async def evict(world: World, names: Names) -> None:
    await do(world, "PUT /v1/nodes/<node>/evict", node=world.host(names["host"]).name)


async def restore_node(world: World, names: Names) -> None:
    await do(world, "PUT /v1/nodes/<node>/restore", {}, node=world.host(names["host"]).name)


async def cancel_job(world: World, names: Names) -> None:
    cluster = _cluster(world)
    jobs = sorted(cluster.live_jobs) if cluster is not None else []
    if jobs:
        await do(world, "POST /v1/jobs/<job>/cancel", job=jobs[names["number"] % len(jobs)].lower())


async def forget_job(world: World, names: Names) -> None:
    cluster = _cluster(world)
    jobs = sorted(cluster.jobs) if cluster is not None else []
    if jobs:
        await do(world, "DELETE /v1/jobs/<job>", job=jobs[names["number"] % len(jobs)].lower())


async def abandon_tombstone(world: World, names: Names) -> None:
    """What it would have removed may be left behind from now on."""
    cluster = _cluster(world)
    stones = sorted(cluster.tombstones) if cluster is not None else []
    if cluster is not None and stones:
        stone = cluster.tombstones[stones[names["number"] % len(stones)]]
        world.forced.add(stone.node_name)
        await do(world, "DELETE /v1/tombstones/<uuid>", uuid=stone.uuid)


async def _orphan(world: World, names: Names) -> tuple[str, str, str] | None:
    """(node, path, data_id) of one that the controller knows of."""
    cluster = _cluster(world)
    host = world.host(names["host"])
    seen = cluster.nodes_seen.get(key_of(host.name)) if cluster is not None else None
    if seen is None or not seen.orphans:
        return None
    orphan = seen.orphans[names["number"] % len(seen.orphans)]
    return host.name, orphan.path, orphan.data_id


async def adopt_orphan(world: World, names: Names) -> None:
    found = await _orphan(world, names)
    if found is not None:
        begin_s = world.loop.time()
        world.contents.adopted.add(found[2])
        answer, _ = await do(world, "POST /v1/orphans/adopt", {
            "node_name": found[0], "path": found[1], "resource_name": names["resource"]})
        if not answer.is_error and answer.entries:
            learn(world, answer.cluster, names["resource"], begin_s)


async def remove_orphan(world: World, names: Names) -> None:
    found = await _orphan(world, names)
    if found is not None:
        await do(world, "POST /v1/orphans/remove", {"node_name": found[0], "path": found[1], "data_id": found[2]})


DEEDS: dict[str, Deed] = {deed.__name__: deed for deed in (
    move, migrate_disk, evacuate, evict, restore_node, cancel_job, forget_job, abandon_tombstone, adopt_orphan,
    remove_orphan)}
