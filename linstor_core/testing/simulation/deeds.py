"""What callers ask of the controller in a history, each noted in the ledger with what came of it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from linstor_core.domain.cluster import Cluster
from linstor_core.testing.simulation.callers import Answer
from linstor_core.testing.simulation.hosts import POOL_DIRECTORIES, PORT
from linstor_core.testing.simulation.world import World

Names = dict[str, Any]
DEFINITION = "/v1/resource-definitions/<resource>"
_KINDS = {"thin": "FILE_THIN", "thick": "FILE"}


async def do(world: World, row: str, body: Any = None, **names: str) -> tuple[Answer, float]:
    """The answer, and when it was asked for."""
    begin_s = world.loop.time()
    answer = await world.callers.call(row, body, **names)
    world.count(f"{row}: {_told(answer)}")
    return answer, begin_s


def _told(answer: Answer) -> str:
    if not answer.reached:
        return "not reached"
    if answer.cut_off:
        return "cut off"
    return "refused" if answer.refusal else "failed" if answer.is_error else "done" if answer.is_clean else "warned"


def learn(world: World, cluster: Cluster | None, name: str, begin_s: float) -> None:
    """Everything of this definition that is published now was told to somebody."""
    definition = cluster.definition(name) if cluster is not None else None
    if cluster is None or definition is None or "DELETE" in definition.flags:
        return
    world.ledger.named(definition.uuid, definition.name)
    claim, uuid = world.ledger.claim, definition.uuid
    claim("definition", uuid, begin_s)
    for volume in definition.volume_definitions:
        if not volume.flags:
            claim("volume", volume.uuid, begin_s, definition=uuid, part=str(volume.number))
    coming = {job.target_uuid for job in cluster.jobs.values()}
    for resource in cluster.resources_of(name):
        if not resource.is_deleting and resource.uuid not in coming:
            claim("resource", resource.uuid, begin_s, definition=uuid, node=resource.node_name)
    for snapshot in cluster.snapshots_of_definition(name):
        if "SUCCESSFUL" in snapshot.flags and "DELETE" not in snapshot.flags:
            claim("snapshot", snapshot.uuid, begin_s, definition=uuid, part=snapshot.name)


async def _make(world: World, made: str, row: str, body: Any = None, **names: str) -> Answer:
    """A call after which something of the definition `made` is there."""
    answer, begin_s = await do(world, row, body, **names)
    if not answer.is_error and answer.entries:
        learn(world, answer.cluster, made, begin_s)
    return answer


async def _take_away(world: World, kind: str, row: str, find: Callable[[Cluster], str | None],
                     **names: str) -> None:
    """A call after which what `find` gives the UUID of is gone; `find` is asked before."""
    engine = world.controller.engine
    before = find(engine.controller.cluster) if engine is not None else None
    definition, node = names.get("resource", ""), names.get("node", "")
    part = names.get("number") or names.get("snapshot") or names.get("pool") or ""
    if node and world.is_cut_off(node):
        world.count("a deletion while its node was cut off")
    answer, begin_s = await do(world, row, **names)
    if answer.reached and not answer.refusal:
        world.ledger.doom(kind, begin_s, world.loop.time(), definition=definition, node=node, part=part)
    if before is not None and answer.is_clean and answer.cluster is not None and find(answer.cluster) is None:
        world.ledger.gone[kind, before] = row


def _uuid(found: Any) -> str | None:
    return found.uuid if found is not None else None


# Nodes and pools

async def add_node(world: World, names: Names) -> None:
    host = world.host(names["host"])
    interface = {"name": "default", "address": host.address, "satellite_port": PORT,
                 "satellite_encryption_type": "PLAIN"}
    answer, begin_s = await do(world, "POST /v1/nodes", {"name": host.name, "type": "SATELLITE",
                                                          "net_interfaces": [interface]})
    found = answer.cluster.node(host.name) if answer.cluster is not None else None
    if found is not None and not answer.is_error:
        world.ledger.claim("node", found.uuid, begin_s, node=host.name)
    for pool in _KINDS:
        await add_pool(world, {**names, "pool": pool})


async def add_pool(world: World, names: Names) -> None:
    host, name = world.host(names["host"]), names["pool"]
    directory = next(path for path in POOL_DIRECTORIES if path.endswith(name))
    body = {"storage_pool_name": name, "provider_kind": _KINDS[name],
            "props": {"StorDriver/StorPoolName": directory}}
    answer, begin_s = await do(world, "POST /v1/nodes/<node>/storage-pools", body, node=host.name)
    found = answer.cluster.pool(host.name, name) if answer.cluster is not None else None
    if found is not None and not answer.is_error:
        world.ledger.claim("pool", found.uuid, begin_s, node=host.name, part=name)


async def delete_pool(world: World, names: Names) -> None:
    node, pool = world.host(names["host"]).name, names["pool"]
    await _take_away(world, "pool", "DELETE /v1/nodes/<node>/storage-pools/<pool>",
                     lambda cluster: _uuid(cluster.pool(node, pool)), node=node, pool=pool)


async def _without_node(world: World, names: Names, row: str) -> None:
    node = world.host(names["host"]).name
    begin_s = world.loop.time()
    answer, _ = await do(world, row, node=node)
    if answer.reached and not answer.refusal:
        world.ledger.doom("node", begin_s, world.loop.time(), node=node)
        world.forced.add(node)


async def lose_node(world: World, names: Names) -> None:
    await _without_node(world, names, "DELETE /v1/nodes/<node>/lost")


async def delete_node(world: World, names: Names) -> None:
    await _without_node(world, names, "DELETE /v1/nodes/<node>")


async def reconnect(world: World, names: Names) -> None:
    await do(world, "PUT /v1/nodes/<node>/reconnect", node=world.host(names["host"]).name)


# Definitions and resources

async def deploy(world: World, names: Names) -> None:
    """A definition with a volume, and a replica of it."""
    resource = names["resource"]
    props = {"FileSystem/Type": names["file_system"]} if names["file_system"] else {}
    await _make(world, resource, "POST /v1/resource-definitions", {"resource_definition": {
        "name": resource, "props": props, "layer_data": [{"type": "STORAGE"}]}})
    await _make(world, resource, f"POST {DEFINITION}/volume-definitions",
                {"volume_definition": {"volume_number": 0, "size_kib": names["size_kib"]}}, resource=resource)
    await add_replica(world, names)


async def add_replica(world: World, names: Names) -> None:
    resource, node = names["resource"], world.host(names["host"]).name
    await _make(world, resource, f"POST {DEFINITION}/resources/<node>",
                {"resource": {"props": {"StorPoolName": names["pool"]}}}, resource=resource, node=node)


async def autoplace(world: World, names: Names) -> None:
    resource = names["resource"]
    await _make(world, resource, f"POST {DEFINITION}/autoplace", {"select_filter": {
        "place_count": names["count"], "storage_pool_list": ["thin"]}}, resource=resource)


async def delete_resource(world: World, names: Names) -> None:
    resource, node = names["resource"], world.host(names["host"]).name
    await _take_away(world, "resource", f"DELETE {DEFINITION}/resources/<node>",
                     lambda cluster: _uuid(cluster.resource(resource, node)), resource=resource, node=node)


async def delete_definition(world: World, names: Names) -> None:
    resource = names["resource"]
    await _take_away(world, "definition", f"DELETE {DEFINITION}",
                     lambda cluster: _uuid(cluster.definition(resource)), resource=resource)


async def add_volume(world: World, names: Names) -> None:
    await _make(world, names["resource"], f"POST {DEFINITION}/volume-definitions", {"volume_definition": {
        "volume_number": 1, "size_kib": names["size_kib"]}}, resource=names["resource"])


async def delete_volume(world: World, names: Names) -> None:
    resource, number = names["resource"], names["number"]

    def find(cluster: Cluster) -> str | None:
        definition = cluster.definition(resource)
        return _uuid(definition.volume_definition(number)) if definition is not None else None

    await _take_away(world, "volume", f"DELETE {DEFINITION}/volume-definitions/<number>", find, resource=resource,
                     number=str(number))


async def resize(world: World, names: Names) -> None:
    await do(world, f"PUT {DEFINITION}/volume-definitions/<number>", {"size_kib": names["size_kib"]},
              resource=names["resource"], number=str(names["number"]))


async def rename(world: World, names: Names) -> None:
    resource, new = names["resource"], names["other"]
    world.ledger.renamed(resource, new)
    await do(world, f"POST {DEFINITION}/rename", {"new_name": new}, resource=resource)


async def activate(world: World, names: Names) -> None:
    await do(world, f"POST {DEFINITION}/resources/<node>/activate", resource=names["resource"],
              node=world.host(names["host"]).name)


async def deactivate(world: World, names: Names) -> None:
    await do(world, f"POST {DEFINITION}/resources/<node>/deactivate", resource=names["resource"],
              node=world.host(names["host"]).name)


async def set_property(world: World, names: Names) -> None:
    await do(world, f"PUT {DEFINITION}", {"override_props": {"Aux/content": names["content"]}},
              resource=names["resource"])


# Snapshots and copies

async def take_snapshot(world: World, names: Names) -> None:
    resource, name = names["resource"], names["snapshot"]
    begin_s = world.loop.time()
    answer = await _make(world, resource, f"POST {DEFINITION}/snapshots", {"name": name}, resource=resource)
    taken = answer.cluster.snapshot(resource, name) if answer.cluster is not None else None
    if answer.is_clean and taken is not None and "SUCCESSFUL" in taken.flags:
        world.contents.windows[taken.uuid] = (begin_s, world.loop.time())


async def delete_snapshot(world: World, names: Names) -> None:
    resource, name = names["resource"], names["snapshot"]
    await _take_away(world, "snapshot", f"DELETE {DEFINITION}/snapshots/<snapshot>",
                     lambda cluster: _uuid(cluster.snapshot(resource, name)), resource=resource, snapshot=name)


async def restore(world: World, names: Names) -> None:
    """Into a definition with the same volumes, which is made first."""
    resource, other, snapshot = names["resource"], names["other"], names["snapshot"]
    await _make(world, other, "POST /v1/resource-definitions", {"resource_definition": {
        "name": other, "layer_data": [{"type": "STORAGE"}]}})
    await _make(world, other, f"POST {DEFINITION}/snapshot-restore-volume-definition/<snapshot>",
                {"to_resource": other}, resource=resource, snapshot=snapshot)
    await _make(world, other, f"POST {DEFINITION}/snapshot-restore-resource/<snapshot>", {"to_resource": other},
                resource=resource, snapshot=snapshot)


async def roll_back(world: World, names: Names) -> None:
    resource, snapshot = names["resource"], names["snapshot"]
    await do(world, f"POST {DEFINITION}/snapshot-rollback/<snapshot>", {}, resource=resource, snapshot=snapshot)


async def clone(world: World, names: Names) -> None:
    await _make(world, names["other"], f"POST {DEFINITION}/clone", {"name": names["other"]},
                resource=names["resource"])


Deed = Callable[[World, Names], Coroutine[Any, Any, None]]
DEEDS: dict[str, Deed] = {deed.__name__: deed for deed in (
    deploy, add_replica, autoplace, delete_resource, delete_definition, add_volume, delete_volume, resize,
    take_snapshot, delete_snapshot, restore, roll_back, clone, activate, deactivate, rename, lose_node, add_node,
    delete_node, add_pool, delete_pool, set_property, reconnect)}
