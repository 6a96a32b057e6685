"""Works out what a call would do without doing it. It rests on the same pure operation as the call itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from linstor_core.controller import resource_specs
from linstor_core.controller.change import Change
from linstor_core.controller.resource_specs import Place
from linstor_core.domain.cluster import KINDS, Cluster, Document, Key
from linstor_core.domain.resources import Resource
from linstor_core.wire.node_report import PlannedSteps
from linstor_core.wire.plan import Plan, PlannedObject, PlannedWork, Redundancy
from linstor_core.wire.resource_spec import ResourceSpec

Ask = Callable[[str, ResourceSpec], Awaitable[PlannedSteps | None]]
"""Asks the satellite of a node (by key) what it would do for a spec; None when it can't be asked."""

_SECRETS = frozenset({"secret", "wrapped", "digest", "content"})


async def plan(before: Cluster, change: Change, ask: Ask) -> Plan:
    """The plan of a change that `before` would get."""
    after = resource_specs.with_generations(before, before.with_documents(change.puts, change.deletes), change)
    places = sorted(resource_specs.affected(before, change) | resource_specs.affected(after, change))
    changed = [place for place in places if before.generations.get(place) != after.generations.get(place)]
    work = await asyncio.gather(*(_work(after, place, ask) for place in changed))
    return Plan(change.answers, tuple(_objects(before, change)), tuple(work), tuple(_redundancy(before, after, places)))


def _objects(before: Cluster, change: Change) -> list[PlannedObject]:
    found = [_put(before, document) for document in change.puts if KINDS[type(document)].persistent]
    found += [_deleted(before, cls, key) for cls, key in change.deletes if KINDS[cls].persistent]
    return [item for item in found if item.action != "modify" or item.before or item.after]


def _put(before: Cluster, document: Document) -> PlannedObject:
    kind = KINDS[type(document)]
    key = kind.key(document)
    new, old = _shown(document), _found(before, type(document), key)
    if old is None:
        return PlannedObject(kind.name, _text(key), "create", after=new)
    keys = [name for name in new if old.get(name) != new[name]]
    return PlannedObject(kind.name, _text(key), "modify", {name: old.get(name) for name in keys},
                         {name: new[name] for name in keys})


def _deleted(before: Cluster, cls: type, key: Key) -> PlannedObject:
    return PlannedObject(KINDS[cls].name, _text(key), "delete", before=_found(before, cls, key) or {})


def _found(cluster: Cluster, cls: type, key: Key) -> dict[str, Any] | None:
    held = getattr(cluster, KINDS[cls].attribute)
    found = held.get(key) if key else held
    return _shown(found) if found is not None else None


def _shown(document: Document) -> dict[str, Any]:
    return {name: value for name, value in msgspec.to_builtins(document, enc_hook=str).items()
            if name not in _SECRETS and not _has_secret(value)}


def _has_secret(value: object) -> bool:
    return isinstance(value, dict) and bool(_SECRETS & value.keys())


def _text(key: Key) -> str:
    return key if isinstance(key, str) else "/".join(key)


async def _work(after: Cluster, place: Place, ask: Ask) -> PlannedWork:
    definition_key, node_key = place
    spec = resource_specs.build(after, place)
    node = after.nodes.get(node_key)
    node_name = node.name if node is not None else node_key
    if spec is None:
        return PlannedWork(node_name, definition_key, unknown="nothing of it is wanted there any more")
    answer = await ask(node_key, spec)
    if answer is None:
        return PlannedWork(node_name, spec.resource_name, unknown="the node is not connected")
    return PlannedWork(node_name, spec.resource_name, answer.steps, answer.obstacles)


def _redundancy(before: Cluster, after: Cluster, places: list[Place]) -> list[Redundancy]:
    keys = sorted({definition for definition, _ in places})
    found = []
    for key in keys:
        definition = after.resource_definitions.get(key) or before.resource_definitions.get(key)
        old, new = _replicas(before, key), _replicas(after, key)
        found.append(Redundancy(definition.name if definition is not None else key, len(old), len(new),
                                sum(before.is_online(replica.node_name) for replica in old),
                                sum(after.is_online(replica.node_name) for replica in new)))
    return found


def _replicas(cluster: Cluster, key: str) -> list[Resource]:
    return [resource for resource in cluster.resources_of(key) if not resource.is_diskless and not resource.is_deleting]
