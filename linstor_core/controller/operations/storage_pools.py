"""Registering, changing and removing storage pools. Data in a pool is never touched by any of it."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from linstor_core.controller import lookups, properties
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context, Outcome
from linstor_core.controller.route import NoBody, Route
from linstor_core.domain import names
from linstor_core.domain.cluster import Cluster, Document, Key, key_of
from linstor_core.domain.errors import AlreadyExists, Code, Conflict, InvalidInput, NotFound
from linstor_core.domain.observed import Failure, NodeSeen, PoolSeen
from linstor_core.domain.property_rules import ObjectKind
from linstor_core.domain.props import POOL_DIRECTORY
from linstor_core.domain.storage_pools import (
    DEFAULT_POOL,
    DISKLESS_POOL,
    ProviderKind,
    StoragePool,
    StoragePoolDefinition,
)
from linstor_core.wire.api_call_rc import CREATED, DELETED, MODIFIED, ApiCallRc, Operation, Severity, Subject
from linstor_core.wire.rest_bodies import PropsModify, StoragePoolCreate

WARN_NOT_FOUND = 3000
WARN_NOT_CONNECTED = 1002
WAIT_S = 60.0
"""How long a caller waits for a satellite to look at its pools."""

GRANULARITY = "StorDriver/internal/AllocationGranularity"
_GRANULARITY_KIB = {ProviderKind.FILE: "1", ProviderKind.FILE_THIN: "1", ProviderKind.LVM: "4096"}
_NAMED_BY = {
    ProviderKind.FILE: ("StorDriver/FileDir",), ProviderKind.FILE_THIN: ("StorDriver/FileDir",),
    ProviderKind.LVM: ("StorDriver/LvmVg",), ProviderKind.LVM_THIN: ("StorDriver/LvmVg", "StorDriver/ThinPool"),
    ProviderKind.ZFS: ("StorDriver/ZPool",), ProviderKind.ZFS_THIN: ("StorDriver/ZPoolThin",),
}
"""The older properties that say what a pool is on its node; kept under StorDriver/StorPoolName, joined by '/'."""


def create(cluster: Cluster, context: Context, call: Call[StoragePoolCreate]) -> Change:
    """The pool stays registered when its satellite finds it faulty: the answer says what is wrong."""
    body, node_name = call.body, call.path["node"]
    refs = {"Node": node_name, "StorPoolDfn": body.storage_pool_name}
    kind = checked_kind(body.provider_kind)
    with lookups.about(**refs):
        node = lookups.node(cluster, node_name)
        name = names.storage_pool_name(body.storage_pool_name)
        _check_free(cluster, node_name, name)
        _check_supported(cluster, node_name, kind)
        props, entries = properties.initial(ObjectKind.STORAGE_POOL, Subject.STOR_POOL, as_directory(kind, body.props),
                                            refs)
    shared = body.shared_space or ("" if ";" in body.free_space_mgr_name else body.free_space_mgr_name)
    pool = StoragePool(context.new_uuid(), name, node.name, kind, stored_props(kind, props), shared_space=shared,
                       external_locking=bool(body.external_locking))
    puts: list[Document] = [pool]
    if key_of(name) not in cluster.storage_pool_definitions:
        puts.append(StoragePoolDefinition(context.new_uuid(), name))
    entries.append(call.rc(Severity.SUCCESS, CREATED, f"Storage pool '{name}' on '{node.name}' is registered.",
                           details=f"UUID {pool.uuid}.", refs={**refs, "UUID": pool.uuid}))
    return _answered(cluster, call, Change(tuple(puts), answers=tuple(entries)), pool, refs)


def checked_kind(text: str) -> ProviderKind:
    """Raises InvalidInput (224), answered as a bad request."""
    try:
        return ProviderKind(text.upper())
    except ValueError:
        raise InvalidInput(f"'{text}' is no kind of storage.", Code.INVLD_LAYER_KIND, bare=True, status=400,
                           correction=f"One of {', '.join(ProviderKind)}.") from None


def _check_free(cluster: Cluster, node_name: str, name: str) -> None:
    if cluster.pool(node_name, name) is not None:
        raise AlreadyExists(f"There is a storage pool '{name}' on '{node_name}' already.", Code.EXISTS_STOR_POOL,
                            correction="Use another name, or the pool that is there.")


def _check_supported(cluster: Cluster, node_name: str, kind: ProviderKind) -> None:
    if kind is ProviderKind.DISKLESS:
        return
    seen = cluster.nodes_seen.get(key_of(node_name))
    if seen is None or kind not in seen.providers:
        raise Conflict(f"'{node_name}' can't serve pools of kind {kind}.", Code.PROVIDER_UNSUPPORTED,
                       cause=_why_unsupported(seen, kind),
                       correction="Install what is missing on the node and restart its satellite.")


def _why_unsupported(seen: NodeSeen | None, kind: ProviderKind) -> str:
    if seen is None or not seen.providers:
        return "Its satellite has never been connected."
    return " ".join(seen.unsupported_providers.get(kind, ())) or "Its satellite does not list that kind."


def as_directory(kind: ProviderKind, props: dict[str, str]) -> dict[str, str]:
    """A directory may have any path, also where it is given by the newer name, which LINSTOR allows no dots in."""
    if kind not in (ProviderKind.FILE, ProviderKind.FILE_THIN) or POOL_DIRECTORY not in props:
        return props
    return {_NAMED_BY[kind][0] if key == POOL_DIRECTORY else key: value for key, value in props.items()}


def stored_props(kind: ProviderKind, props: dict[str, str]) -> dict[str, str]:
    """Properties as they are kept: one property names the pool, whichever the caller used."""
    stored = dict(props)
    parts = [stored.pop(key) for key in _NAMED_BY.get(kind, ()) if key in stored]
    if parts:
        stored[POOL_DIRECTORY] = "/".join(parts)
    if kind in _GRANULARITY_KIB:
        stored[GRANULARITY] = _GRANULARITY_KIB[kind]
    return stored


def modify(cluster: Cluster, _: Context, call: Call[PropsModify]) -> Change:
    node_name, name = call.path["node"], call.path["pool"]
    refs = {"Node": node_name, "StorPoolDfn": name}
    with lookups.about(**refs):
        lookups.node(cluster, node_name)
        if not any(key[1] == key_of(name) for key in cluster.storage_pools):
            raise NotFound(f"There is no storage pool '{name}' on any node.", Code.NOT_FOUND_STOR_POOL_DFN,
                           cause="No pool of that name is registered.",
                           correction="Compare the name with 'linstor storage-pool list'.")
        pool = lookups.storage_pool(cluster, node_name, name)
        given = structs.replace(call.body, override_props=as_directory(pool.provider_kind, call.body.override_props))
        props, entries = properties.changed(ObjectKind.STORAGE_POOL, Subject.STOR_POOL, pool.props, given, refs)
        changed = structs.replace(pool, props=stored_props(pool.provider_kind, props))
        _check_stays(cluster, pool, changed)
    entries.append(call.rc(Severity.SUCCESS, MODIFIED, f"Storage pool '{pool.name}' on '{pool.node_name}' is changed.",
                           details=f"UUID {pool.uuid}.", refs={**refs, "UUID": pool.uuid}))
    return _answered(cluster, call, Change((changed,), answers=tuple(entries)), changed, refs)


def _check_stays(cluster: Cluster, before: StoragePool, after: StoragePool) -> None:
    """A pool that moved would show its volumes as missing: their data would be elsewhere."""
    used = users_of(cluster, before)
    if used and before.props.get(POOL_DIRECTORY) != after.props.get(POOL_DIRECTORY):
        raise Conflict(f"The storage pool '{before.name}' on '{before.node_name}' can't be moved.", Code.IN_USE,
                       cause="Volumes or snapshots lie in it.", details=", ".join(used),
                       correction="Register another storage pool for the other place.")


def _answered(cluster: Cluster, call: Call[Any], change: Change, pool: StoragePool, refs: dict[str, str]) -> Change:
    """Wait for the satellite's word where it has one to say."""
    if pool.provider_kind is ProviderKind.DISKLESS:
        return change
    if not cluster.is_online(pool.node_name):
        away = call.rc(Severity.WARN, WARN_NOT_CONNECTED, f"There is no connection to '{pool.node_name}'.",
                       details="The satellite is told when it connects.", refs=refs)
        return structs.replace(change, answers=(*change.answers, away))
    return structs.replace(change, outcome=_looked_at(call, pool, refs), watch=(key_of(pool.node_name),),
                           wait_s=WAIT_S)


def _looked_at(call: Call[Any], pool: StoragePool, refs: dict[str, str]) -> Outcome:
    def outcome(cluster: Cluster) -> tuple[ApiCallRc, ...] | None:
        if cluster.are_pools_settled(pool.node_name, pool.name):
            seen = cluster.pools_seen[key_of(pool.node_name), key_of(pool.name)]
            return tuple(_told(call, pool, seen, refs))
        if cluster.pool(pool.node_name, pool.name) is None or not cluster.is_online(pool.node_name):
            return (call.rc(Severity.WARN, WARN_NOT_CONNECTED, f"'{pool.node_name}' has not looked at the pool yet.",
                            cause="The connection broke.", refs=refs),)
        return None

    return outcome


def _told(call: Call[Any], pool: StoragePool, seen: PoolSeen, refs: dict[str, str]) -> list[ApiCallRc]:
    if not seen.failures:
        return [call.rc(Severity.SUCCESS, MODIFIED, f"'{pool.node_name}' serves the storage pool '{pool.name}'.",
                        refs=refs)]
    found = [_fault(call, failure, refs) for failure in seen.failures if POOL_DIRECTORY in pool.props]
    return [*found, call.rc(Severity.ERROR, Code.UNKNOWN_ERROR, f"The storage pool '{pool.name}' can't be used.",
                            cause="; ".join(failure.message for failure in seen.failures),
                            details="It stays registered. Nothing can be placed in it as it is.",
                            correction="Repair it on the node, or delete the storage pool.", refs=refs)]


def _fault(call: Call[Any], failure: Failure, refs: dict[str, str]) -> ApiCallRc:
    code = failure.code if failure.code >= 900 else Code.STOR_POOL_CONFIGURATION
    return call.rc(Severity.ERROR, code, failure.message, cause=failure.cause, details=failure.details,
                   correction=failure.correction, refs=refs)


def delete(cluster: Cluster, _: Context, call: Call[NoBody]) -> Change:
    """Takes the pool off the register. Refused while a volume or snapshot lies in it."""
    node_name, name = call.path["node"], call.path["pool"]
    refs = {"Node": node_name, "StorPoolDfn": name}
    with lookups.about(**refs):
        names.storage_pool_name(name)
        if key_of(name) == key_of(DISKLESS_POOL):
            raise InvalidInput(f"'{DISKLESS_POOL}' belongs to every node.", Code.INVLD_STOR_POOL_NAME,
                               cause="Diskless resources are placed in it.", correction="Delete the node instead.")
        lookups.node(cluster, node_name)
    pool = cluster.pool(node_name, name)
    if pool is None:
        return Change(answers=(call.rc(Severity.WARN, WARN_NOT_FOUND, f"There is no storage pool '{name}' on "
                                       f"'{node_name}'.", cause="It is not registered, or deleted already.",
                                       details="Nothing was changed.", refs=refs),))
    used = users_of(cluster, pool)
    if used:
        raise Conflict(f"The storage pool '{pool.name}' on '{pool.node_name}' is in use.", Code.IN_USE, refs=refs,
                       cause="Volumes or snapshots lie in it.", details=", ".join(used),
                       correction="Delete them first; 'linstor tombstone list' shows what is still being removed.")
    key = (key_of(node_name), key_of(name))
    deletes: list[tuple[type, Key]] = [(StoragePool, key), (PoolSeen, key)]
    if _is_last(cluster, pool):
        deletes.append((StoragePoolDefinition, key_of(name)))
    return Change(deletes=tuple(deletes), answers=(
        call.rc(Severity.SUCCESS, DELETED, f"Storage pool '{pool.name}' on '{pool.node_name}' is deleted.",
                details=f"UUID {pool.uuid}. What is on the disks was left alone.", refs={**refs, "UUID": pool.uuid}),))


def users_of(cluster: Cluster, pool: StoragePool) -> list[str]:
    """The names of resources and snapshots that have a volume in the pool, and of tombstones of such."""
    key = key_of(pool.name)
    used = {resource.name for resource in cluster.resources_on(pool.node_name)
            if any(key_of(volume.storage_pool) == key for volume in resource.volumes)}
    for snapshot in cluster.snapshots.values():
        part = snapshot.on_node(pool.node_name)
        if part is not None and any(key_of(volume.storage_pool) == key for volume in part.volumes):
            used.add(f"{snapshot.resource_name}/{snapshot.name}")
    for stone in (cluster.tombstones[each] for each in cluster.tombstones_on.get(key_of(pool.node_name), ())):
        if any(key_of(volume.storage_pool) == key for volume in stone.volumes):
            used.add(f"tombstone {stone.uuid}")
    return sorted(used)


def _is_last(cluster: Cluster, pool: StoragePool) -> bool:
    """Whether the definition was only there for this pool."""
    key = key_of(pool.name)
    definition = cluster.storage_pool_definitions.get(key)
    return (definition is not None and not definition.props and key != key_of(DEFAULT_POOL)
            and sum(other[1] == key for other in cluster.storage_pools) == 1)


_CREATE, _MODIFY, _DELETE = (operation | Subject.STOR_POOL for operation in (Operation.CREATE, Operation.MODIFY,
                                                                             Operation.DELETE))

ROUTES = (
    Route("POST", "/v1/nodes/<node>/storage-pools", "Register a storage pool", write=create, body=StoragePoolCreate,
          mask=_CREATE, success=201),
    Route("PUT", "/v1/nodes/<node>/storage-pools/<pool>", "Change a storage pool's properties", write=modify,
          body=PropsModify, mask=_MODIFY),
    Route("DELETE", "/v1/nodes/<node>/storage-pools/<pool>", "Remove a storage pool from the register", write=delete,
          mask=_DELETE),
)
